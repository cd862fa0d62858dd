"""The peer of the comparison: `POST /v1/files` and `GET /v1/files/{id}` as a good Python engineer would write them,
with FastAPI and aioboto3, on the same table, bucket and queue, and with the same rows written in the same transactions.

Run by uvicorn with uvloop and httptools, one worker. Finds what it stands on in `EMULATORS`, as
`benches/src/emulators.rs` has it.
"""

import asyncio
import hashlib
import os
import re
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import aioboto3
import filetype
import jwt
import orjson
from botocore.config import Config
from botocore.exceptions import ClientError
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

EMULATORS = orjson.loads(os.environ["EMULATORS"])
TABLE = EMULATORS["table"]
BUCKET = EMULATORS["bucket"]
QUEUE = EMULATORS["queue"]

ROOT = "00000000-0000-0000-0000-000000000000"
LIST_SHARDS, DUE_SHARDS, TALLY_SHARDS, QUOTA_SHARDS = 16, 4, 8, 16
MOST_BYTES = 4 << 20
SESSION = timedelta(days=1)
REMEMBERED = timedelta(days=30)
WORK_IS_LOST_AFTER = timedelta(minutes=15)
PROGRAMS = {"application/x-msdownload", "application/x-executable"}
NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")
KEYS = {key["kid"]: jwt.PyJWK(key) for key in EMULATORS["keys"]["keys"]}

# Tokens that were checked before, with what they say: each is checked once, as on the other side.
checked: dict[str, dict[str, Any]] = {}
quota_shard = os.getpid() % QUOTA_SHARDS


class Clients:
    """One of each for the process, with connections for all requests."""

    dynamodb: Any
    s3: Any
    sqs: Any


clients = Clients()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    session = aioboto3.Session(EMULATORS["access_key"], EMULATORS["secret_key"], region_name="us-east-1")
    config = Config(
        max_pool_connections=64,
        retries={"mode": "standard"},
        # What is sent and received is checked by its own hash.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        parameter_validation=False,
        s3={"addressing_style": "path"},
    )
    async with AsyncExitStack() as stack:
        for service, endpoint in (("dynamodb", "rows"), ("s3", "objects"), ("sqs", "rows")):
            client = session.client(service, endpoint_url=EMULATORS[endpoint], config=config)
            setattr(clients, service, await stack.enter_async_context(client))
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


class Problem(HTTPException):
    """An error as RFC 9457 has it."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status)
        self.code, self.detail = code, detail


@app.exception_handler(Problem)
async def tell(request: Request, problem: Problem) -> Response:
    body = {"type": "about:blank", "title": problem.code, "status": problem.status_code, "detail": problem.detail}
    return Response(orjson.dumps(body), problem.status_code, media_type="application/problem+json")


class Principal:
    """Who calls, and where."""

    __slots__ = ("pseudonym", "role", "workspace")

    def __init__(self, claims: dict[str, Any]) -> None:
        self.workspace, self.role = claims["workspace"], claims["role"]
        self.pseudonym = hashlib.sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()[:32]


async def principal(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Principal:
    token = bearer.credentials
    claims = checked.get(token)
    if claims is None or claims["exp"] <= time.time():
        try:
            key = KEYS[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token, key, algorithms=["EdDSA"], audience=EMULATORS["audience"], issuer=EMULATORS["issuer"]
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Problem(401, "unauthenticated", "the token is not accepted here") from error
        if len(checked) >= 1000:
            checked.clear()
        checked[token] = claims
    return Principal(claims)


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def attribute(value: Any) -> dict[str, Any]:
    """Turns a value into an attribute of DynamoDB."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case dict():
            return {"M": {name: attribute(part) for name, part in value.items()}}
        case list():
            return {"L": [attribute(part) for part in value]}
    raise TypeError(value)


def value(attribute: dict[str, Any]) -> Any:
    """Turns an attribute of DynamoDB into a value."""
    [(kind, held)] = attribute.items()
    match kind:
        case "S" | "BOOL":
            return held
        case "N":
            return int(held)
        case "M":
            return {name: value(part) for name, part in held.items()}
        case "L":
            return [value(part) for part in held]
    return None


def create(pk: str, sk: str, row: dict[str, Any]) -> dict[str, Any]:
    item = {name: attribute(part) for name, part in row.items() if part is not None}
    item["pk"], item["sk"] = text(pk), text(sk)
    return {"Put": {"TableName": TABLE, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def update(pk: str, sk: str, change: str, values: dict[str, Any], condition: str | None = None) -> dict[str, Any]:
    write = {
        "TableName": TABLE,
        "Key": {"pk": text(pk), "sk": text(sk)},
        "UpdateExpression": change,
        "ExpressionAttributeValues": values,
    }
    if condition:
        write["ConditionExpression"] = condition
    return {"Update": write}


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def sortable(at: datetime) -> str:
    return f"{int(at.timestamp() * 1_000_000):020}"


def uuid7(at: datetime) -> uuid.UUID:
    random = int.from_bytes(os.urandom(10))
    bits = int(at.timestamp() * 1000) << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
    return uuid.UUID(int=bits)


def shard(id: uuid.UUID, shards: int) -> int:
    return id.bytes[15] % shards


async def transact(*writes: dict[str, Any]) -> list[bool]:
    """Does all writes or none. Returns which conditions did not hold; none when it was done."""
    for attempt in range(8):
        try:
            await clients.dynamodb.transact_write_items(TransactItems=writes)
            return []
        except clients.dynamodb.exceptions.TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
            if "ConditionalCheckFailed" in codes:
                return [code == "ConditionalCheckFailed" for code in codes]
            if "TransactionConflict" not in codes:
                raise
            await asyncio.sleep(0.01 * 2**attempt)
    raise Problem(503, "busy", "try again")


async def get(pk: str, sk: str) -> dict[str, Any] | None:
    found = await clients.dynamodb.get_item(TableName=TABLE, Key={"pk": text(pk), "sk": text(sk)}, ConsistentRead=True)
    item = found.get("Item")
    return item and {name: value(part) for name, part in item.items()}


@app.post("/v1/files", status_code=201)
async def upload(request: Request, caller: Annotated[Principal, Depends(principal)], name: str) -> Response:
    """Stores the body as a new file in the root."""
    if caller.role not in ("admin", "editor"):
        raise Problem(403, "forbidden", "an editor may do this")
    name = unicodedata.normalize("NFC", name)
    if not NAME.fullmatch(name) or name in (".", "..") or len(name.encode()) > 255:
        raise Problem(422, "invalid", "this is no name for a file")
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise Problem(413, "too_large", "use POST /v1/uploads")
    media_type = sniff(body, request.headers.get("content-type"))
    if media_type in PROGRAMS:
        raise Problem(415, "refused_type", "programs are refused")
    sha256 = hashlib.sha256(body).hexdigest()

    partition = f"W#{caller.workspace}"
    now = datetime.now(UTC)
    upload_id, blob_id = uuid7(now), uuid.uuid4()
    blob = {"id": str(blob_id), "written_by": "function"}
    await begin(caller, name, blob, upload_id, len(body), media_type, sha256, now)
    shared = await get(f"{partition}#H#{sha256}", "B")
    if shared:
        raise Problem(409, "known", "the comparison stores other bytes each time")
    await clients.s3.put_object(
        Bucket=BUCKET,
        Key=f"blobs/{caller.workspace}/{blob_id}",
        Body=body,
        ContentType=media_type,
        IfNoneMatch="*",
    )
    if await get(f"{partition}#N#{ROOT}", name):
        raise Problem(409, "name_taken", f"{name} is taken")
    file = await commit(caller, name, blob, upload_id, len(body), media_type, sha256)
    return Response(orjson.dumps(view(file)), 201, {"etag": '"1"'}, "application/json")


def sniff(body: bytes, declared: str | None) -> str:
    """Says what bytes are, by their own look where they have one."""
    return filetype.guess_mime(body[:4096]) or declared or "application/octet-stream"


async def begin(
    caller: Principal,
    name: str,
    blob: dict[str, str],
    upload_id: uuid.UUID,
    size: int,
    media_type: str,
    sha256: str,
    now: datetime,
) -> None:
    """Reserves the quota and writes the rows of the session and its blob."""
    partition = f"W#{caller.workspace}"
    expires = now + SESSION
    intent = {
        "name": name,
        "folder": "/",
        "document_type": None,
        "tags": [],
        "expires_in": None,
        "on_conflict": "fail",
        "owner": caller.pseudonym,
        "expected": None,
    }
    session = {
        "id": str(upload_id),
        "blob": blob,
        "intent": intent,
        "size_bytes": size,
        "content_type": media_type,
        "sha256": sha256,
        "plan": "single",
        "phase": "open",
        "upload_state": {"state": "open"},
        "created_at": stamp(now),
        "expires_at": stamp(expires),
        "due_pk": f"upload#{shard(upload_id, DUE_SHARDS)}",
        "due_sk": f"{sortable(expires)}#{upload_id}",
    }
    for _ in range(4):
        broken = await transact(
            create(f"{partition}#U#{upload_id}", "A", session),
            create(f"{partition}#B#{blob['id']}", "A", {"upload": str(upload_id), "blob": blob, "refs": 1}),
            update(
                f"{partition}#Q#{quota_shard:02}",
                "A",
                "SET available_bytes = available_bytes - :bytes, available_files = available_files - :files"
                " ADD changes :one",
                {":bytes": number(size), ":files": number(1), ":one": number(1)},
                "available_bytes >= :bytes AND available_files >= :files",
            ),
        )
        if not broken:
            return
        await refill(caller)
    raise Problem(507, "quota_exceeded", "there is no room")


async def refill(caller: Principal) -> None:
    """Moves a block from what the workspace may store to what this process reserves from."""
    values = {":bytes": number(1 << 30), ":files": number(10_000), ":one": number(1)}
    less = {**values, ":less_bytes": number(-(1 << 30)), ":less_files": number(-10_000)}
    broken = await transact(
        update(
            f"W#{caller.workspace}#Q",
            "A",
            "ADD available_bytes :less_bytes, available_files :less_files, moves :one",
            less,
            "available_bytes >= :bytes AND available_files >= :files",
        ),
        update(
            f"W#{caller.workspace}#Q#{quota_shard:02}",
            "A",
            "ADD available_bytes :bytes, available_files :files, changes :one",
            values,
        ),
    )
    if broken:
        raise Problem(507, "quota_exceeded", "there is no room")


async def commit(
    caller: Principal, name: str, blob: dict[str, str], upload_id: uuid.UUID, size: int, media_type: str, sha256: str
) -> dict[str, Any]:
    """Closes the session and writes the file, and asks for it to be read."""
    partition = f"W#{caller.workspace}"
    now = datetime.now(UTC)
    file_id = uuid7(now)
    content = {"blob": blob, "size_bytes": size, "content_type": media_type, "sha256": sha256}
    listed = f"{partition}#F#{shard(file_id, LIST_SHARDS):02}"
    file = {
        "kind": "file",
        "id": str(file_id),
        "file_name": name,
        "folder": ROOT,
        "tags": [],
        "pipeline_status": "pending",
        "current_version": 1,
        "content": content,
        "origin": "uploaded",
        "file_owner": caller.pseudonym,
        "created_at": stamp(now),
        "updated_at": stamp(now),
        "file_state": "active",
        "facts": {"amounts": [], "quantities": []},
        "favorite": False,
        "archived": False,
        "revision": 1,
        "created_pk": listed,
        "created_sk": str(file_id),
        "list_pk": listed,
        "list_sk": f"{sortable(now)}#{file_id}",
        "folder_pk": f"W#{caller.workspace}#F#{ROOT}#active",
        "folder_sk": f"{sortable(now)}#{file_id}",
    }
    version = {
        "number": 1,
        "content": content,
        "version_owner": caller.pseudonym,
        "created_at": stamp(now),
        "counted": False,
        "blob_id": blob["id"],
    }
    work_id = uuid.uuid5(uuid.NAMESPACE_OID, f"read {file_id} 1")
    job = {"job": "read_version", "workspace": caller.workspace, "file": str(file_id), "version": 1}
    due = now + WORK_IS_LOST_AFTER
    broken = await transact(
        update(
            f"{partition}#U#{upload_id}",
            "A",
            "SET phase = :phase, upload_state = :upload_state, forget_at = :forget_at REMOVE due_pk, due_sk",
            {
                ":open": text("open"),
                ":reserved": number(size),
                ":phase": text("committed"),
                ":upload_state": attribute({"state": "committed", "file": str(file_id), "version": 1}),
                ":forget_at": number(int((now + REMEMBERED).timestamp())),
            },
            "phase = :open AND size_bytes = :reserved",
        ),
        claim(partition, name, file_id, now),
        create(f"{partition}#F#{file_id}", "A", file),
        create(f"{partition}#F#{file_id}", "V#0000000001", version),
        update(
            f"{partition}#D#{ROOT}",
            f"C#{shard(file_id, TALLY_SHARDS)}",
            "ADD file_count :files, folder_count :folders, size_bytes :bytes",
            {":files": number(1), ":folders": number(0), ":bytes": number(size)},
        ),
        update(
            f"{partition}#O#{work_id}",
            "A",
            "SET job = :job, asked = :asked, due_pk = :due_pk, due_sk = :due_sk REMOVE resends, last_try",
            {
                ":job": attribute(job),
                ":asked": text(stamp(now)),
                ":due_pk": text(f"work#{shard(work_id, DUE_SHARDS)}"),
                ":due_sk": text(f"{sortable(due)}#{work_id}"),
            },
        ),
        create(f"{partition}#H#{sha256}", "B", {"blob_id": blob["id"], "written_by": "function", "size_bytes": size}),
        update(
            f"{partition}#B#{blob['id']}",
            "A",
            "SET sha256 = :sha256, refs = if_not_exists(refs, :one)",
            {":sha256": text(sha256), ":one": number(1), ":zero": number(0)},
            "attribute_exists(pk) AND (attribute_not_exists(refs) OR refs > :zero)",
        ),
    )
    if broken:
        raise Problem(409, "conflict", "the name was taken meanwhile")
    await clients.sqs.send_message(QueueUrl=QUEUE, MessageBody=orjson.dumps({"work": job}).decode())
    return file


def claim(partition: str, name: str, file_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    item = {"pk": text(f"{partition}#N#{ROOT}"), "sk": text(name), "file_id": text(str(file_id))}
    return {
        "Put": {
            "TableName": TABLE,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk) OR free_at_us <= :now",
            "ExpressionAttributeValues": {":now": number(int(now.timestamp() * 1_000_000))},
        }
    }


@app.get("/v1/files/{id}")
async def show(request: Request, caller: Annotated[Principal, Depends(principal)], id: uuid.UUID) -> Response:
    """Shows a file with its counters."""
    try:
        found = await clients.dynamodb.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": text(f"W#{caller.workspace}#F#{id}"),
                ":first": text("A"),
                ":last": text("B"),
            },
            ConsistentRead=True,
            Limit=2,
        )
    except ClientError as error:
        raise Problem(503, "unavailable", "try again") from error
    rows = [{name: value(part) for name, part in item.items()} for item in found["Items"]]
    if not rows or rows[0].get("kind") != "file":
        raise Problem(404, "not_found", "there is no such file")
    file = rows[0]
    expires = file.get("expires_at")
    if expires and datetime.fromisoformat(expires) <= datetime.now(UTC):
        raise Problem(410, "gone", "its time was up")
    if len(rows) > 1:
        file["download_count"] = rows[1].get("download_count", 0)
        file["last_accessed_at"] = rows[1].get("last_accessed_at")
    tag = f'"{file["revision"]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(None, 304, {"etag": tag})
    return Response(orjson.dumps(view(file)), 200, {"etag": tag}, "application/json")


def view(file: dict[str, Any]) -> dict[str, Any]:
    """A file as the API shows it."""
    content = file["content"]
    return {
        "id": file["id"],
        "name": file["file_name"],
        "folder_id": file["folder"],
        "path": f"/{file['file_name']}",
        "type": file.get("document_type"),
        "tags": file["tags"],
        "status": file["pipeline_status"],
        "size_bytes": content["size_bytes"],
        "content_type": content["content_type"],
        "sha256": content.get("sha256"),
        "version": file["current_version"],
        "origin": file["origin"],
        "owner": file["file_owner"],
        "created_at": file["created_at"],
        "updated_at": file["updated_at"],
        "expires_at": file.get("expires_at"),
        "last_accessed_at": file.get("last_accessed_at"),
        "download_count": file.get("download_count", 0),
        "document_date": file.get("given_date"),
        "state": file["file_state"],
        "summary": file.get("summary"),
        "summary_reason": file.get("summary_reason"),
        "failure": file.get("failure"),
        "favorite": file["favorite"],
        "archived": file["archived"],
    }


if __name__ == "__main__":
    import socket

    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
            # Between two rounds connections are idle.
            timeout_keep_alive=600,
        )
        uvicorn.Server(config).run(sockets=[listening])
