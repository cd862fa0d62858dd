#!/usr/bin/env python3
"""Measures what the reader gives of documents beside other programs, and how it takes broken ones.

    just bench-extraction [pdfs] [malformed] [office]

Documents come from Debian packages and source distributions on PyPI, whose names are pinned in `packages.txt` and
`sources.txt`, into a cache outside the checkout. The reader is the release build of `extract-child`, driven as its
parent drives it; processor time is user and system time of the process, from start to end. Needs apt-get, dpkg-deb and
pdftotext (poppler-utils).
"""

import sys
from pathlib import Path

import malformed
import office
import pdfs

BENCHES = {"pdfs": pdfs.bench, "malformed": malformed.bench, "office": office.bench}


def main() -> int:
    binary, *wanted = sys.argv[1:]
    missed = []
    for name in wanted or BENCHES:
        print(f"== {name}")
        if not BENCHES[name](Path(binary).resolve()):
            missed.append(name)
    print(f"MISSED: {', '.join(missed)}" if missed else "reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
