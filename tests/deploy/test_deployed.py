"""What only a deployment can show: the gateway, the permissions, S3's events, the queues, the schedule.

What the functions do is tested by cargo; the suite in `tests/` runs against both.
"""

import json
import re
import uuid
from pathlib import Path

import pytest
import requests

import sam
import source
from conftest import Api, token
from deploy import Deployed, until
from ministack import client

BILL = b"Riverside Energy\nElectricity bill\n\nBill date: 2025-09-30\nConsumption: 612 kWh\nTotal due: $94.20\n"

EVENTS = sorted((sam.ROOT / "events").glob("*.json"))

# Open to everyone: they say nothing about anyone.
OPEN = {"GET /healthz", "GET /v1/openapi.json", "GET /v1/receipt-keys", "OPTIONS /v1/tus"}


def finished(api: Api, file_id: str) -> dict:
    """Waits until a file has gone through the pipeline."""
    done = {"completed", "failed", "quarantined"}
    return until(lambda: (file := api.file(file_id))["status"] in done and file, 60, "the file has been read")


# The gateway


def test_every_route_reaches_a_function_that_asks_who_calls(stack: Deployed):
    for route in set(stack.routes) - OPEN - {"$default"}:
        method, path = route.split(" ")
        url = stack.url + re.sub(r"\{[^}]+\}", str(uuid.uuid4()), path)
        # What speaks no tus is refused before it is asked who it is.
        response = requests.request(method, url, headers={"tus-resumable": "1.0.0"}, timeout=60)
        assert response.status_code == 401, f"{route}: {response.status_code} {response.text}"
        assert response.headers["content-type"] == "application/problem+json", route


def test_open_routes_need_no_token(stack: Deployed):
    # The emulator answers OPTIONS itself.
    for route in OPEN - {"OPTIONS /v1/tus"}:
        method, path = route.split(" ")
        response = requests.request(method, stack.url + path, timeout=60)
        assert response.ok, f"{route}: {response.status_code} {response.text}"


def test_unknown_path_is_a_problem(api: Api):
    response = api.call("GET", "/v1/nothing", 404)
    assert response.headers["content-type"] == "application/problem+json"


# Tokens


@pytest.mark.parametrize(
    "wrong",
    [{"aud": "another"}, {"expires_in_s": "-120"}, {"without": "exp"}, {"iss": "https://issuer.example.com"}],
    ids=["another audience", "expired", "without expiry", "another issuer"],
)
def test_wrong_token_is_refused(stack: Deployed, wrong: dict[str, str]):
    refused = token(stack, workspace="acme", role="admin", **wrong)
    response = requests.get(f"{stack.url}/v1/files", headers={"authorization": f"Bearer {refused}"}, timeout=60)
    assert response.status_code == 401, response.text


def test_tampered_token_is_refused(stack: Deployed):
    head, claims, signature = token(stack, workspace="acme", role="viewer").split(".")
    refused = ".".join([head, claims, signature[::-1]])
    response = requests.get(f"{stack.url}/v1/files", headers={"authorization": f"Bearer {refused}"}, timeout=60)
    assert response.status_code == 401, response.text


def test_viewer_may_not_write(api_of):
    viewer = api_of("viewers", "viewer")
    viewer.call("POST", "/v1/files", 403, params={"name": "a.txt"}, data=b"a")
    viewer.call("GET", "/v1/files", 200)


def test_first_admin_needs_no_claims(stack: Deployed):
    founder = token(stack, sub="founder")
    response = requests.get(f"{stack.url}/v1/files", headers={"authorization": f"Bearer {founder}"}, timeout=60)
    assert response.status_code == 200, response.text


# Bytes in and out


def test_direct_upload_is_read_summarized_and_given_back(api: Api):
    file = api.upload("bill.txt", BILL, folder="/bills", type="bill", tag=["bill", "electricity"])

    completed = finished(api, file["id"])

    assert completed["status"] == "completed", completed
    assert completed["summary"]["model"] == "extractive"
    assert api.content(file["id"]) == BILL


def test_binary_body_passes_the_gateway_unchanged(api: Api):
    content = bytes(range(256)) * 64
    file = api.upload("noise.bin", content)
    assert api.content(file["id"]) == content


def test_presigned_upload_is_finished_by_its_event(api: Api, stack: Deployed):
    begun = api.call("POST", "/v1/uploads", 201, json=dict(name="vanished.txt", folder="/in", size_bytes=len(BILL))).json()
    [part] = begun["parts"]
    put = requests.put(part["url"], data=BILL, headers=part["headers"], timeout=60)
    assert put.status_code == 200, put.text

    # Nobody completes it.
    [file] = until(lambda: api.named("/in", "vanished.txt"), 60, "the event has finished the upload")

    assert finished(api, file["id"])["status"] == "completed"
    assert api.content(file["id"]) == BILL


def test_signed_url_takes_no_other_bytes(api: Api):
    begun = api.call("POST", "/v1/uploads", 201, json=dict(name="once.txt", size_bytes=len(BILL))).json()
    [part] = begun["parts"]
    changed = part["url"].replace("X-Amz-Signature=", "X-Amz-Signature=0")
    assert requests.put(changed, data=BILL, headers=part["headers"], timeout=60).status_code == 403
    assert requests.put(part["url"], data=BILL, headers=part["headers"], timeout=60).status_code == 200
    again = requests.put(part["url"], data=BILL[::-1], headers=part["headers"], timeout=60)
    assert again.status_code == 412, "what is there cannot be overwritten"


def test_parts_by_signed_urls_become_one_file(api: Api):
    content = bytes(range(256)) * (17 * 4096)
    begun = api.call("POST", "/v1/uploads", 201, json=dict(name="large.bin", size_bytes=len(content))).json()
    assert begun["method"] == "multipart"
    sent, rest = [], content
    for part in begun["parts"]:
        piece, rest = rest[: begun["part_size_bytes"]], rest[begun["part_size_bytes"] :]
        put = requests.put(part["url"], data=piece, headers=part["headers"], timeout=60)
        assert put.status_code == 200, put.text
        sent.append(dict(number=part["number"], etag=put.headers["etag"]))
    arrived = api.call("GET", f"/v1/uploads/{begun['upload_id']}", 200).json()
    assert len(arrived["arrived"]) == len(sent)

    file = api.call("POST", f"/v1/uploads/{begun['upload_id']}/complete", 201, json=dict(parts=sent)).json()

    assert finished(api, file["id"])["status"] == "completed"
    assert api.content(file["id"]) == content


def test_upload_whose_bytes_are_missing_is_not_completed(api: Api):
    begun = api.call("POST", "/v1/uploads", 201, json=dict(name="empty-handed.txt", size_bytes=5)).json()
    api.call("POST", f"/v1/uploads/{begun['upload_id']}/complete", 409, json=dict(parts=[]))


def test_aborted_upload_leaves_nothing(api: Api, stack: Deployed):
    s3 = client("s3", stack.endpoint)
    begun = api.call("POST", "/v1/uploads", 201, json=dict(name="dropped.bin", size_bytes=20 * 1024 * 1024)).json()
    part = begun["parts"][0]
    piece = bytes(begun["part_size_bytes"])
    assert requests.put(part["url"], data=piece, headers=part["headers"], timeout=60).status_code == 200

    api.call("DELETE", f"/v1/uploads/{begun['upload_id']}", 204)

    under = dict(Bucket=stack.outputs["BucketName"], Prefix=f"presigned/{api.workspace}/")
    assert s3.list_objects_v2(**under)["KeyCount"] == 0
    assert "Uploads" not in s3.list_multipart_uploads(**under)


def test_file_deleted_for_good_leaves_a_receipt_and_no_bytes(api: Api, stack: Deployed):
    s3 = client("s3", stack.endpoint)
    file = api.upload("regretted.txt", BILL)
    finished(api, file["id"])

    receipt = api.call("DELETE", f"/v1/files/{file['id']}?permanent=true", 200).json()

    assert api.call("GET", f"/v1/receipts/{receipt['id']}", 200).json()["file_id"] == file["id"]
    for prefix in ("blobs", "text"):
        under = dict(Bucket=stack.outputs["BucketName"], Prefix=f"{prefix}/{api.workspace}/")
        assert s3.list_objects_v2(**under)["KeyCount"] == 0, prefix


def test_folder_deleted_for_good_takes_its_files_along_and_their_receipts_check(api: Api, stack: Deployed):
    s3 = client("s3", stack.endpoint)
    files = [api.upload(f"{n}.txt", BILL + bytes(n), folder="/old/below") for n in range(3)]
    for file in files:
        finished(api, file["id"])
    [folder] = api.call("GET", "/v1/folders", 200).json()["items"]

    job = api.call("DELETE", f"/v1/folders/{folder['id']}?permanent=true", 202).json()["job"]

    over = lambda: (shown := api.call("GET", f"/v1/jobs/{job['id']}", 200).json())["state"] != "running" and shown
    assert until(over, 90, "the folder is deleted")["state"] == "done"
    for file in files:
        api.call("GET", f"/v1/files/{file['id']}", 410)
    receipts = api.call("GET", "/v1/receipts", 200).json()["items"]
    assert {receipt["file_id"] for receipt in receipts} == {file["id"] for file in files}
    for receipt in receipts:
        assert api.call("POST", f"/v1/receipts/{receipt['id']}/verify", 200).json()["verified"]
    for prefix in ("blobs", "text"):
        under = dict(Bucket=stack.outputs["BucketName"], Prefix=f"{prefix}/{api.workspace}/")
        assert s3.list_objects_v2(**under)["KeyCount"] == 0, prefix


def test_old_version_that_is_removed_leaves_a_receipt(api: Api):
    first = api.upload("again.txt", BILL)
    api.upload("again.txt", BILL + b"more", on_conflict="version")

    receipt = api.call("DELETE", f"/v1/files/{first['id']}/versions/1", 200).json()

    assert api.call("POST", f"/v1/receipts/{receipt['id']}/verify", 200).json()["verified"]
    left = api.call("GET", f"/v1/files/{first['id']}/versions", 200).json()["items"]
    assert [version["version"] for version in left] == [2]


def test_text_and_lists_are_read_back(api: Api):
    file = api.upload("letter.txt", BILL, folder="/letters")
    finished(api, file["id"])
    assert "Riverside Energy" in api.call("GET", f"/v1/files/{file['id']}/text", 200).text
    listed = api.call("GET", "/v1/files", 200).json()["items"]
    assert [listed_file["id"] for listed_file in listed] == [file["id"]]


def test_dossier_is_summarized_with_computed_figures(api: Api):
    for month, amount in (("08", "80.00"), ("09", "94.20")):
        text = BILL.replace(b"2025-09", f"2025-{month}".encode()).replace(b"94.20", amount.encode())
        finished(api, api.upload(f"{month}.txt", text, type="bill", tag=["electricity"])["id"])
    dossier = api.call("POST", "/v1/dossiers", 202, json=dict(type="bill", tags=["electricity"])).json()

    generated = until(lambda: generated_dossier(api, dossier["id"]), 60, "the dossier is summarized")

    assert generated["document_count"] == 2
    assert generated["summary"]["figures"]["currencies"]["USD"]["total"] == "174.20"
    assert [listed["id"] for listed in api.call("GET", "/v1/dossiers", 200).json()["items"]] == [dossier["id"]]


def generated_dossier(api: Api, dossier_id: str) -> dict | None:
    dossier = api.call("GET", f"/v1/dossiers/{dossier_id}", 200).json()
    return dossier if dossier["status"] == "generated" and dossier["document_count"] == 2 else None


def test_object_in_the_inbox_is_taken_in(api: Api, stack: Deployed):
    s3 = client("s3", stack.endpoint)
    key = f"inbox/{api.workspace}/post/Strom Mai (Kopie) €.txt"
    s3.put_object(Bucket=stack.outputs["BucketName"], Key=key, Body=BILL)

    [file] = until(lambda: api.named("/post", "Strom Mai (Kopie) €.txt"), 60, "the inbox has been taken in")

    assert file["origin"] == "imported"
    assert finished(api, file["id"])["status"] == "completed"
    assert api.content(file["id"]) == BILL
    left = s3.list_objects_v2(Bucket=stack.outputs["BucketName"], Prefix=f"inbox/{api.workspace}/")
    assert left["KeyCount"] == 0


def test_generated_file_is_given_by_its_signed_url(api: Api):
    template = api.call("GET", "/v1/templates/configuration", 200).json()
    asked = dict(template="configuration", parameters=template["example"], format="json")

    made = api.call("POST", "/v1/generations", 201, json=asked).json()

    assert requests.get(made["download_url"], timeout=60).content == api.content(made["file_id"])


def test_download_is_counted_through_its_queue(api: Api):
    file = api.upload("counted.txt", b"counted")
    api.content(file["id"])
    until(lambda: api.file(file["id"])["download_count"] == 1, 60, "the download is counted")


# Work


def test_unreadable_message_goes_to_the_dead_letters_and_holds_up_nobody(api: Api, stack: Deployed):
    sqs = client("sqs", stack.endpoint)
    queue, dead = stack.outputs["IngestQueueUrl"], stack.outputs["IngestDeadLettersUrl"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    # The waits between its tries grow: so that two take seconds and five not ten minutes.
    policy = {**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 2}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})
    poison = f"not work: {uuid.uuid4()}"
    try:
        sqs.send_message(QueueUrl=queue, MessageBody=poison)
        file = api.upload("beside.txt", BILL)
        assert finished(api, file["id"])["status"] == "completed"
        until(lambda: poison in bodies(sqs, dead), 60, "the message has been given up")
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


def bodies(sqs, queue: str) -> list[str]:
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in received.get("Messages", [])]


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_event_is_handled_by_the_function_it_is_for(stack: Deployed, event: Path):
    function = event.stem.split("-")[0]
    payload = json.loads(event.read_text())
    if "requestContext" in payload:
        payload["headers"]["authorization"] = f"Bearer {token(stack, workspace='acme', role='editor')}"

    result = client("lambda", stack.endpoint).invoke(
        FunctionName=stack.functions[function], Payload=json.dumps(payload).encode()
    )

    answer = json.loads(result["Payload"].read() or "null")
    assert "FunctionError" not in result, answer
    if "requestContext" in payload:
        # The file of organize's event is nobody's.
        assert answer["statusCode"] in (200, 201, 404), answer
    elif "Records" in payload:
        # It is about rows that are not there: such work is done already.
        assert not answer.get("batchItemFailures"), answer


def test_there_is_an_event_for_every_function():
    assert {event.stem.split("-")[0] for event in EVENTS} == source.functions()


# Time


def test_schedule_removes_what_has_expired(api: Api, stack: Deployed):
    s3 = client("s3", stack.endpoint)
    file = api.upload("brief.txt", b"brief", expires_in_s="2")
    blobs = dict(Bucket=stack.outputs["BucketName"], Prefix=f"blobs/{api.workspace}/")
    assert s3.list_objects_v2(**blobs)["KeyCount"] == 1

    until(lambda: gone(api, file["id"]), 10, "the file has expired for readers")

    until(lambda: s3.list_objects_v2(**blobs)["KeyCount"] == 0, 150, "the sweep has removed its bytes")
    assert gone(api, file["id"])


def gone(api: Api, file_id: str) -> bool:
    headers = {"authorization": f"Bearer {token(api.stack, workspace=api.workspace, role='viewer')}"}
    return requests.get(f"{api.stack.url}/v1/files/{file_id}", headers=headers, timeout=60).status_code == 410
