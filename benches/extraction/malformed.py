"""Reads documents that a seeded corrupter has broken: each must end in text or a clear reason."""

import random
import tempfile
from collections import Counter
from email import policy
from email.message import EmailMessage
from pathlib import Path

import corpus
import reader

SEED = 20241128
COUNT = 200

# What may be said of a broken document. Anything else is a crash, a hang or no answer.
CLEAR = {"text", "no_text", "unsupported", "corrupt", "encrypted", "too_large_inside", "limit_output"}
LIMITS = {"limit_time", "limit_memory", "limit_memory or crashed"}

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 64)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def swap_blocks(content: bytearray, chance: random.Random) -> None:
    size = max(1, min(4096, len(content) // 8))
    for _ in range(chance.randint(1, 8)):
        one, other = (chance.randrange(len(content) - size + 1) for _ in range(2))
        first, second = content[one : one + size], content[other : other + size]
        content[one : one + size], content[other : other + size] = second, first


def repeat_block(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    block = content[start : start + chance.randint(1, 512)]
    content[start:start] = block * chance.randint(2, 64)


def zero_block(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    end = min(len(content), start + chance.randint(1, 2048))
    content[start:end] = bytes(end - start)


CORRUPTIONS = [flip_bits, cut, swap_blocks, repeat_block, zero_block]


def originals() -> list[Path]:
    """Three of each format, the smallest that have something in them."""
    found: list[Path] = sorted(SAMPLES.glob("*.*")) + corpus.debian()
    for project in ("odfpy", "openpyxl", "python-docx", "python-pptx"):
        found += corpus.shipped(project, set(reader.MEDIA_TYPES))
    chosen = []
    for suffix in reader.MEDIA_TYPES:
        of_kind = [path for path in found if path.suffix == suffix and path.stat().st_size > 400]
        chosen += sorted(of_kind, key=lambda path: (path.stat().st_size, path.name))[len(of_kind) // 4 :][:3]
    return chosen


def message(folder: Path, attached: list[Path]) -> Path:
    """A message with documents attached."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "Bea Müller <b@example.org>", "Papers for März"
    mail.set_content("See what is attached, für morgen.")
    mail.add_alternative("<p>See what is <b>attached</b>.</p>", subtype="html")
    for path in attached:
        kind, subtype = reader.MEDIA_TYPES[path.suffix].split("/")
        mail.add_attachment(path.read_bytes(), maintype=kind, subtype=subtype, filename=path.name)
    made = folder / "message.eml"
    made.write_bytes(mail.as_bytes())
    return made


def bench(binary: Path) -> bool:
    chance = random.Random(SEED)
    outcomes: Counter[tuple[str, str]] = Counter()
    unclear = []
    most_cpu = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        sources = originals()
        # As many as of the other formats, so that each is broken often enough.
        sources += [message(Path(scratch), sources[::7])] * 3
        for number in range(COUNT):
            path = sources[number % len(sources)]
            content = bytearray(path.read_bytes())
            corruption = chance.choice(CORRUPTIONS)
            corruption(content, chance)
            broken = Path(scratch) / f"{number}{path.suffix}"
            broken.write_bytes(content)
            reading = reader.read(binary, broken)
            broken.unlink()
            outcomes[(path.suffix, reading.outcome)] += 1
            most_cpu = max(most_cpu, reading.run.cpu_seconds)
            if reading.outcome not in CLEAR:
                unclear.append((number, path.name, corruption.__name__, reading.outcome))
    suffixes = sorted({path.suffix for path in sources})
    print(f"{COUNT} broken files of {len(set(sources))} documents in {len(suffixes)} formats, seed {SEED}, at most {most_cpu:.2f} s")
    for suffix in suffixes:
        of_kind = {outcome: count for (kind, outcome), count in sorted(outcomes.items()) if kind == suffix}
        print(f"  {suffix}: " + ", ".join(f"{count} {outcome}" for outcome, count in of_kind.items()))
    for number, name, corruption, outcome in unclear:
        print(f"  file {number}, {name} after {corruption}: {outcome}")
    return all(outcome in LIMITS for *_, outcome in unclear)
