"""Starts ministack, which stands in for AWS, on loopback."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import requests
from botocore.config import Config

REGION = "us-east-1"

# What ministack takes for the root of the account; only its own loopback port knows them.
ROOT_KEY = "test"
ROOT_SECRET = "test"

STARTS_WITHIN_S = 30


class Ministack:
    """Runs until it is closed; a context manager. Its log is in `log`."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ministack.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Ministack":
        program = Path(sys.executable).with_name("ministack")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([program], env=self._environment(), stdout=log, stderr=log, cwd=self._folder)
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                if requests.get(f"{self.endpoint}/_ministack/health", timeout=1).ok:
                    return self
            except requests.ConnectionError:
                time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"ministack did not start:\n{self.log.read_text(errors='replace')[-4000:]}")

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _environment(self) -> dict[str, str]:
        """Made from nothing, because the functions inherit all of it."""
        home = self._folder / "home"
        home.mkdir()
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": tempfile.mkdtemp(dir=self._folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "localhost",
            "IOT_MTLS_ENABLED": "0",
            "AUTH": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
        }


def client(service: str, endpoint: str):
    """Makes a client of ministack with the rights of its root."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_SECRET,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=120),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
