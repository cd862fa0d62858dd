#!/usr/bin/env python3
"""Measures how a function process starts, beside a Python function with the same three clients.

    just bench-start [FUNCTION…]

Each process is started anew under one Lambda Runtime API, in turns: the release binaries as `template.yaml` deploys
them, with the environment that the deployment gave them, and `peer.py` under AWS's runtime interface client. Taken are
the CPU time (user and system) from exec to the first answer, for which no service is called: to `/healthz`, or to an
empty batch of a queue; the resident memory then; and, of the functions of the API, the resident memory after a real
request: one with a token that reads or writes the table. An answer other than the one expected ends the run. `cleanup` is
left out: its first answer is a whole sweep. Runs inside `tests/deploy/deploy.py`, which deploys the template on ministack.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import boto3

ROUNDS = 9
ROOT = Path(__file__).resolve().parents[2]
HEALTH = {"method": "GET", "path": "/healthz"}

# A real request to each function of the API.
REQUESTS: dict[str, dict[str, Any]] = {
    "retrieval": {"method": "GET", "path": "/v1/files"},
    "upload": {"method": "POST", "path": "/v1/uploads", "body": {"name": "plan.pdf", "size_bytes": 20 << 20}},
    "organize": {"method": "POST", "path": "/v1/folders", "body": {"name": "plans"}},
    "generation": {
        "method": "POST",
        "path": "/v1/generations",
        "body": {
            "template": "configuration",
            "format": "yaml",
            "parameters": {"name": "bench", "environment": "staging", "settings": {"port": 8080}},
        },
    },
    "python": {"method": "GET", "path": "/v1/files"},
}

# The functions behind queues.
QUEUES = ("ingest", "jobs", "summarize")

# What a Sheaf function may take beside the Python one, and by itself. See README.md.
MOST_CPU = 1 / 40
MOST_MEMORY = 1 / 5
MOST_RESIDENT_BYTES = 20 << 20
MOST_BINARY_BYTES = 20 << 20


class RuntimeApi(ThreadingHTTPServer):
    """The Lambda Runtime API for one process at a time: hands out events and takes answers.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.events: Queue[dict[str, Any]] = Queue()
        self.answers: Queue[dict[str, Any]] = Queue()
        super().__init__(("127.0.0.1", 0), Invocations)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Processes are killed while they wait for their next event.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Invocations(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        event = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench"
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self.chunks()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path.endswith("/response"):
            self.server.answers.put(json.loads(body))
        else:
            self.server.answers.put({"statusCode": 0, "body": body.decode()})

    def chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@dataclass
class Measured:
    """What one process took."""

    cpu_ms: float
    resident_at_start: int
    resident_after_request: int | None


def event(request: dict[str, Any], token: str) -> dict[str, Any]:
    """Returns the event of API Gateway for a request."""
    body = json.dumps(request["body"]) if "body" in request else None
    route = f"{request['method']} {request['path']}"
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": request["path"],
        "rawQueryString": "",
        "headers": {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": request["method"],
                "path": request["path"],
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "bench",
            },
            "requestId": "R4kZ2hKqoAMEVxw=",
            "routeKey": route,
            "stage": "$default",
            "time": "04/Oct/2025:10:23:30 +0000",
            "timeEpoch": 1759573410123,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def cpu_ms(process: int) -> float:
    """Returns the CPU time of a process so far, from the scheduler's own account, over all threads."""
    nanoseconds = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e6


def resident(process: int) -> int:
    """Returns the resident memory of a process, in bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"process {process} is gone")


def measure(function: str, command: list[str], environment: dict[str, str], token: str) -> Measured:
    """Starts a process, asks it once or twice, and stops it."""
    api = RuntimeApi()
    kept = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": api.address}
    process = subprocess.Popen(command, env={**environment, **kept}, cwd=Path(__file__).parent, stderr=subprocess.PIPE)
    # Read away, so that a process that logs is not held up.
    logged: list[bytes] = []
    threading.Thread(target=lambda: logged.extend(process.stderr), daemon=True).start()
    try:
        if function in QUEUES:
            hand_empty_batch(api)
            return Measured(cpu_ms(process.pid), resident(process.pid), None)
        # Only retrieval has the route; the others answer that they do not.
        ask(api, HEALTH, token, 200, 404)
        cpu, at_start = cpu_ms(process.pid), resident(process.pid)
        ask(api, REQUESTS[function], token, 200, 201)
        return Measured(cpu, at_start, resident(process.pid))
    except BaseException:
        print(f"{function}: {b''.join(logged).decode()}", file=sys.stderr)
        raise
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()


def ask(api: RuntimeApi, request: dict[str, Any], token: str, *statuses: int) -> None:
    api.events.put(event(request, token))
    answer = api.answers.get(timeout=60)
    if answer["statusCode"] not in statuses:
        raise RuntimeError(f"{request['path']} answered {answer}")


def hand_empty_batch(api: RuntimeApi) -> None:
    api.events.put({"Records": []})
    answer = api.answers.get(timeout=60)
    if answer != {"batchItemFailures": []}:
        raise RuntimeError(f"an empty batch was answered by {answer}")


def main() -> int:
    stack = json.loads(os.environ["SHEAF_DEPLOYED"])
    token = os.environ["SHEAF_TOKEN"]
    binaries = Path(os.environ["SHEAF_BINARIES"])
    keys = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    deployed = boto3.client("lambda", endpoint_url=stack["endpoint"], **keys)
    common = {
        "AWS_ENDPOINT_URL": stack["endpoint"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    }
    runs: dict[str, tuple[list[str], dict[str, str]]] = {}
    environment: dict[str, str] = {}
    for function in sys.argv[1:] or [*(name for name in REQUESTS if name != "python"), *QUEUES]:
        described = deployed.get_function_configuration(FunctionName=stack["functions"][function])
        environment = {**common, **described["Environment"]["Variables"]}
        runs[function] = ([str(binaries / function)], environment)
    runs["python"] = ([sys.executable, "-m", "awslambdaric", "peer.handler"], environment)

    measured: dict[str, list[Measured]] = {function: [] for function in runs}
    for round_ in range(ROUNDS + 1):
        for function, (command, environment) in runs.items():
            taken = measure(function, command, environment, token)
            # The first round reads the programs from the disk.
            if round_:
                measured[function].append(taken)
    sizes = {function: (binaries / function).stat().st_size for function in runs if function != "python"}
    return tell(measured, sizes)


def tell(measured: dict[str, list[Measured]], sizes: dict[str, int]) -> int:
    """Prints the figures, and returns 1 when one is missed."""
    mebibyte = 1 << 20

    def median(function: str, what: str) -> float:
        return statistics.median(getattr(taken, what) for taken in measured[function])

    print(f"medians of {ROUNDS} starts in turns; spreads in parentheses")
    print(f"{'':12}{'CPU to the first answer':>32}{'resident then':>16}{'after a request':>17}")
    for function, taken in measured.items():
        cpus = [one.cpu_ms for one in taken]
        print(
            f"{function:12}{statistics.median(cpus):>13.1f} ms ({min(cpus):.1f} to {max(cpus):.1f})".ljust(44)
            + f"{median(function, 'resident_at_start') / mebibyte:>12.1f} MiB"
            + ("" if function in QUEUES else f"{median(function, 'resident_after_request') / mebibyte:>13.1f} MiB")
        )
    print("binaries: " + ", ".join(f"{name} {size / mebibyte:.1f} MiB" for name, size in sizes.items()))

    ours = [function for function in measured if function != "python"]
    api = [function for function in ours if function not in QUEUES]
    cpu = max(median(one, "cpu_ms") for one in ours) / median("python", "cpu_ms")
    memory = max(median(one, "resident_at_start") for one in ours) / median("python", "resident_at_start")
    results = [
        (f"CPU time is 1/{1 / cpu:.0f} of Python's at most", cpu <= MOST_CPU, "1/40"),
        (f"memory is 1/{1 / memory:.1f} of Python's at most", memory <= MOST_MEMORY, "1/5"),
    ]
    if api:
        held = max(median(one, "resident_after_request") for one in api)
        largest = max(sizes[one] for one in api)
        results += [
            (f"{held / mebibyte:.1f} MiB at most after a request", held <= MOST_RESIDENT_BYTES, "20 MiB"),
            (f"the largest binary of the API has {largest / mebibyte:.1f} MiB", largest <= MOST_BINARY_BYTES, "20 MiB"),
        ]
    for text, holds, wanted in results:
        print(f"{'reached' if holds else 'MISSED '}  {text} (wanted: {wanted})")
    return 0 if all(holds for _, holds, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
