#!/usr/bin/env python3
"""Deploys template.yaml with the real binaries on ministack, then runs a command against it.

    deploy.py [--profile PROFILE] [--built] [--keep-logs FILE] [-- COMMAND…]

The command finds the deployment in its environment: SHEAF_URL, SHEAF_TOKEN (an admin of the workspace `e2e`), as JSON
SHEAF_DEPLOYED (see `Deployed`), and SHEAF_BINARIES, the folder of the functions' binaries. Without a command it prints
them and waits for Ctrl-C. Everything listens on loopback and is gone at the end.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

import sam
import source
from issuer import AUDIENCE, Issuer
from ministack import Ministack, client

STACK = "sheaf"
CODE_BUCKET = "code"

# How often the sweep runs here, so that tests need not wait five minutes for it.
SWEEP = "rate(1 minute)"


@dataclass(frozen=True)
class Deployed:
    """Where everything of a deployment is."""

    endpoint: str
    """ministack, for SDKs."""
    url: str
    """The API."""
    issuer: str
    """Makes tokens at `/token`; see issuer.py."""
    outputs: dict[str, str]
    """The outputs of the stack."""
    functions: dict[str, str]
    """The deployed names of the functions."""
    routes: list[str]
    """The routes that are there."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Deployed":
        return cls(**json.loads(text))


@contextmanager
def deployed(binaries: dict[str, Path], log_to: Path | None = None) -> Iterator[Deployed]:
    """Deploys the template with these binaries, by function, for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="sheaf-e2e-"))
    try:
        with Issuer() as issuer, Ministack(folder) as ministack:
            try:
                with timed("deploying the template"):
                    upload_code(ministack.endpoint, binaries, folder)
                    create_stack(ministack.endpoint, lowered(sam.transform(CODE_BUCKET)), issuer)
                    stack = describe(ministack.endpoint, issuer)
                    check_routes(stack)
                yield stack
            finally:
                if log_to:
                    shutil.copyfile(ministack.log, log_to)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{what} took {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)


def build(profile: str) -> None:
    """Builds the functions for this machine, on which ministack runs them."""
    if profile == "dev":
        # With the tests beside them they have the same features, so that what `cargo test` built is used.
        which = ["--workspace", "--bins", "--tests"]
    else:
        which = [*(argument for function in sorted(source.functions()) for argument in ("-p", function)), "--bins"]
    subprocess.run(["cargo", "build", "--locked", "--profile", profile, *which], cwd=sam.ROOT, check=True)


def built(profile: str) -> dict[str, Path]:
    """Returns where the functions' binaries are."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=sam.ROOT, check=True, capture_output=True
    )
    folder = Path(json.loads(metadata.stdout)["target_directory"], "debug" if profile == "dev" else profile)
    return {function: folder / function for function in sorted(source.functions())}


def lowered(template: dict[str, Any]) -> dict[str, Any]:
    """Leaves out what cannot be on loopback; test_template.py holds it."""
    resources = template["Resources"]
    # There is no TLS here, so the bucket would refuse everyone.
    del resources["BucketPolicy"]
    [rule] = sam.of_type(template, "AWS::Events::Rule").values()
    rule["ScheduleExpression"] = SWEEP
    # CloudFormation reads a parameter as the number it is to be; ministack leaves it text.
    concurrency = template["Parameters"]["WorkerConcurrency"]["Default"]
    for mapping in sam.of_type(template, "AWS::Lambda::EventSourceMapping").values():
        mapping["ScalingConfig"] = {"MaximumConcurrency": concurrency}
    return template


def upload_code(endpoint: str, binaries: dict[str, Path], folder: Path) -> None:
    """Puts each binary where the transformed template looks for it, as a zip with a `bootstrap`."""
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket=CODE_BUCKET)
    for function, binary in binaries.items():
        archive = folder / f"{function}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(entry, binary.read_bytes(), compresslevel=1)
        s3.upload_file(str(archive), CODE_BUCKET, f"{function.capitalize()}Function.zip")
        archive.unlink()


def create_stack(endpoint: str, template: dict[str, Any], issuer: Issuer) -> None:
    parameters = {
        "Stage": "e2e",
        "Architecture": "x86_64" if platform.machine() in ("x86_64", "AMD64") else "arm64",
        "AuthIssuer": issuer.url,
        "AuthAudience": AUDIENCE,
        "AuthJwksUrl": issuer.jwks_url,
        "AuthTrustRoles": "true",
        "FirstAdminSubject": "founder",
        "FirstAdminWorkspace": "founded",
        "AllowedOrigins": "https://app.example.com",
        "Model": "extractive",
    }
    cloudformation = client("cloudformation", endpoint)
    # By URL, because a body of more than 51,200 bytes is refused.
    client("s3", endpoint).put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(template).encode())
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{CODE_BUCKET}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
        OnFailure="DO_NOTHING",
    )
    until(lambda: settled(cloudformation), within_s=120, what="the stack is made")
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        raise RuntimeError(f"the stack is {stack['StackStatus']}:\n" + "\n".join(failed))


def settled(cloudformation: Any) -> bool:
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return not stack["StackStatus"].endswith("IN_PROGRESS")


def describe(endpoint: str, issuer: Issuer) -> Deployed:
    cloudformation = client("cloudformation", endpoint)
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    gateway = client("apigatewayv2", endpoint)
    pages = gateway.get_paginator("get_routes").paginate(ApiId=outputs["ApiId"])
    return Deployed(
        endpoint=endpoint,
        url=f"{endpoint}/_aws/execute-api/{outputs['ApiId']}/$default",
        issuer=issuer.url,
        outputs=outputs,
        functions={function: names[f"{function.capitalize()}Function"] for function in source.functions()},
        routes=sorted(route["RouteKey"] for page in pages for route in page["Items"]),
    )


def check_routes(stack: Deployed) -> None:
    """A route that is lost on the way is no error to ministack, so it is one here."""
    wanted = {route for function in source.functions() for route in source.routes(function)} | {"$default"}
    if wanted != set(stack.routes):
        raise RuntimeError(f"not deployed: {wanted - set(stack.routes)}; not in the code: {set(stack.routes) - wanted}")


def until(holds: Callable[[], Any], within_s: float, what: str) -> Any:
    """Asks again until the answer is yes, and returns it."""
    end = time.monotonic() + within_s
    while True:
        answer = holds()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"waited {within_s:.0f} s until {what}")
        time.sleep(0.1)


def environment(stack: Deployed) -> dict[str, str]:
    token = requests.get(
        f"{stack.issuer}/token", params={"workspace": "e2e", "role": "admin", "expires_in_s": "86400"}, timeout=10
    )
    return {"SHEAF_URL": stack.url, "SHEAF_TOKEN": token.text, "SHEAF_DEPLOYED": stack.to_json()}


def main() -> int:
    arguments = sys.argv[1:]
    command: list[str] = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--profile", default="dev", help="cargo profile of the functions")
    parser.add_argument("--built", action="store_true", help="deploy what is built already")
    parser.add_argument("--keep-logs", type=Path, help="where ministack's log, with the functions', is kept")
    options = parser.parse_args(arguments)
    # So that ministack goes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not options.built:
        with timed("building the functions"):
            build(options.profile)
    binaries = built(options.profile)
    with deployed(binaries, options.keep_logs) as stack:
        found = {**environment(stack), "SHEAF_BINARIES": str(binaries["upload"].parent)}
        if command:
            return subprocess.run(command, env={**os.environ, **found}, cwd=sam.ROOT, check=False).returncode
        for name, value in found.items():
            print(f"export {name}='{value}'", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
