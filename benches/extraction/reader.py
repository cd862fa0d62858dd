"""Drives the reader as its parent does: one process for each document, a line of JSON in, the last line out."""

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".docx": f"{OFFICE}.wordprocessingml.document",
    ".eml": "message/rfc822",
    ".html": "text/html",
    ".md": "text/markdown",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pdf": "application/pdf",
    ".pptx": f"{OFFICE}.presentationml.presentation",
    ".txt": "text/plain",
    ".xlsx": f"{OFFICE}.spreadsheetml.sheet",
}
WALL_SECONDS = 60


@dataclass
class Run:
    """What a process gave, and what it took."""

    output: bytes
    status: int
    cpu_seconds: float
    peak_bytes: int
    timed_out: bool = False


def run(command: list[str], given: bytes = b"") -> Run:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(WALL_SECONDS, end)
    timer.start()
    try:
        process.stdin.write(given)
        process.stdin.close()
    except BrokenPipeError:
        pass
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    timer.cancel()
    process.stdout.close()
    cpu = usage.ru_utime + usage.ru_stime
    return Run(output, process.returncode, cpu, usage.ru_maxrss * 1024, late.is_set())


@dataclass
class Reading:
    run: Run
    # The text, or none; then why.
    text: str | None
    outcome: str
    parts: int = 0


def read(binary: Path, document: Path, media_type: str | None = None) -> Reading:
    task = {"text": {"path": str(document), "media_type": media_type or MEDIA_TYPES[document.suffix.lower()]}}
    request = json.dumps({"task": task}).encode() + b"\n"
    ended = run([str(binary), "__extract-child"], request)
    return interpret(ended)


def interpret(ended: Run) -> Reading:
    """What the parent makes of it: see `diagnose` in shared/extract/src/extractor.rs."""
    if ended.timed_out:
        return Reading(ended, None, "hang")
    if ended.status != 0:
        causes = {-24: "limit_time", -9: "limit_memory", -6: "limit_memory or crashed"}
        return Reading(ended, None, causes.get(ended.status, f"crashed ({ended.status})"))
    try:
        answer = json.loads(ended.output.rstrip(b"\n").rsplit(b"\n", 1)[-1])
    except ValueError:
        return Reading(ended, None, "no answer")
    if "Err" in answer:
        return Reading(ended, None, answer["Err"]["code"])
    outcome = answer["Ok"]["outcome"]
    if isinstance(outcome, str):
        return Reading(ended, None, outcome)
    return Reading(ended, outcome["text"], "text", len(answer["Ok"]["parts"]))
