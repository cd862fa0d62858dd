"""Compares texts by their words, whatever their order: reading order is a matter of taste in columns and tables."""

import re
import unicodedata
from collections import Counter
from decimal import Decimal

# A word is a run of letters and digits; signs between them part words in both texts alike.
WORD = re.compile(r"[^\W_]+")


def words(text: str) -> Counter[str]:
    return Counter(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def cells(values: list[str]) -> Counter[str]:
    """The words of cells, with numbers as numbers: `$198.40` is 198.4."""
    counted: Counter[str] = Counter()
    for value in values:
        bare = value.strip().lstrip("-$€£¥").rstrip("%")
        if re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", bare, re.IGNORECASE):
            counted[str(Decimal(bare).normalize() + 0)] += 1
        else:
            counted += words(value)
    return counted


def shares(ours: Counter[str], theirs: Counter[str]) -> tuple[float, float]:
    """Recall and precision: how many of their words are among ours, and how many of ours among theirs."""
    both = (ours & theirs).total()
    recall = both / theirs.total() if theirs else 1.0
    precision = both / ours.total() if ours else 1.0
    return recall, precision
