"""Measures PDFs beside pdftotext: the words, and the bytes read in a second of processor time."""

from dataclasses import dataclass
from pathlib import Path

import corpus
import reader
import tokens

# What is aimed at: see docs/formats.md.
LEAST_RECALL = 0.98
LEAST_PRECISION = 0.97
LEAST_SPEED = 0.7
# Files below are listed one by one.
LISTED_BELOW = 0.90
# Each is timed so many times, of which the quickest counts: other programs only ever make it slower.
ROUNDS = 3

# Why files are below, as their pages show.
REASONS_FILE = "reasons.txt"


@dataclass
class Measured:
    name: str
    size: int
    recall: float
    precision: float
    cpu: float
    their_cpu: float
    outcome: str
    pages: int
    peak: int


def name_of(path: Path) -> str:
    return str(path.relative_to(corpus.CACHE))


def measure(binary: Path, path: Path) -> Measured | None:
    """None when pdftotext gives no words: then there is nothing to compare with."""
    ours = [reader.read(binary, path) for _ in range(ROUNDS)]
    theirs = [reader.run(["/usr/bin/pdftotext", str(path), "-"]) for _ in range(ROUNDS)]
    their_words = tokens.words(theirs[0].output.decode("utf-8", "replace"))
    if theirs[0].status != 0 or not their_words:
        return None
    recall, precision = tokens.shares(tokens.words(ours[0].text or ""), their_words)
    return Measured(
        name_of(path),
        path.stat().st_size,
        recall,
        precision,
        min(one.run.cpu_seconds for one in ours),
        min(one.cpu_seconds for one in theirs),
        ours[0].outcome,
        ours[0].parts,
        ours[0].run.peak_bytes,
    )


def reasons() -> dict[str, str]:
    lines = corpus.names(REASONS_FILE)
    return dict(line.split("\t", 1) for line in lines)


def bench(binary: Path) -> bool:
    known = reasons()
    sources = {"Debian packages": corpus.debian(), "pypdf": corpus.shipped("pypdf", {".pdf"})}
    measured: list[Measured] = []
    for source, paths in sources.items():
        found = [one for path in paths if (one := measure(binary, path))]
        print(f"{source}: {len(paths)} PDFs, {len(paths) - len(found)} without words by pdftotext")
        report(found)
        measured += found
    print(f"all {len(measured)}")
    recall, precision, speed = report(measured)
    print(f"\nbelow {LISTED_BELOW}:")
    for one in sorted(measured, key=lambda one: min(one.recall, one.precision)):
        if min(one.recall, one.precision) < LISTED_BELOW:
            reason = known.get(one.name, "no reason known")
            print(f"  {one.name}: recall {one.recall:.3f}, precision {one.precision:.3f}, {one.outcome}: {reason}")
    slowest = sorted(measured, key=lambda one: one.cpu - one.their_cpu)[-5:]
    print("most processor time beyond pdftotext's:")
    for one in reversed(slowest):
        print(f"  {one.name}: {one.cpu:.2f} s beside {one.their_cpu:.2f} s for {one.size / 1e6:.2f} MB, {one.pages} pages")
    return recall >= LEAST_RECALL and precision >= LEAST_PRECISION and speed >= LEAST_SPEED


def report(measured: list[Measured]) -> tuple[float, float, float]:
    count = len(measured)
    recall = sum(one.recall for one in measured) / count
    precision = sum(one.precision for one in measured) / count
    megabytes = sum(one.size for one in measured) / 1e6
    ours = megabytes / sum(one.cpu for one in measured)
    theirs = megabytes / sum(one.their_cpu for one in measured)
    peak = max(one.peak for one in measured) / 2**20
    print(f"  recall {recall:.4f} (wanted: {LEAST_RECALL}), precision {precision:.4f} (wanted: {LEAST_PRECISION})")
    print(
        f"  {ours:.2f} MB per CPU second, pdftotext {theirs:.2f}: {ours / theirs:.2f} of it (wanted: {LEAST_SPEED});"
        f" {sum(one.pages for one in measured)} pages, at most {peak:.0f} MiB"
    )
    return recall, precision, ours / theirs
