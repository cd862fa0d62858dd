"""Fetches the documents that are measured, once, into a cache outside the checkout."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sheaf-bench" / "extraction"


def names(file: str) -> list[str]:
    lines = (HERE / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def debian() -> list[Path]:
    """The PDFs of the pinned Debian packages."""
    found = []
    for package in names("packages.txt"):
        folder = CACHE / "debian" / package
        if not folder.exists():
            with tempfile.TemporaryDirectory() as scratch:
                fetched = subprocess.run(
                    ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package],
                    cwd=scratch, stderr=subprocess.PIPE, text=True,
                )
                if fetched.returncode != 0:
                    print(f"{package} is not in this Debian: {fetched.stderr.strip()}", file=sys.stderr)
                    continue
                [archive] = Path(scratch).glob("*.deb")
                whole = Path(scratch) / "whole"
                subprocess.run(["dpkg-deb", "-x", archive, whole], check=True)
                folder.mkdir(parents=True)
                for number, path in enumerate(sorted(whole.rglob("*.pdf*"))):
                    take_pdf(path, folder / f"{number:02}-{path.name.removesuffix('.gz')}")
        found += sorted(folder.glob("*.pdf"))
    return found


def take_pdf(path: Path, to: Path) -> None:
    if path.is_symlink() or not path.is_file():
        return
    if path.suffix == ".gz":
        with gzip.open(path) as packed, to.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    elif path.suffix == ".pdf":
        shutil.copyfile(path, to)


def shipped(project: str, suffixes: set[str]) -> list[Path]:
    """The documents in the source distribution of a project on PyPI."""
    [pin] = [pin for pin in names("sources.txt") if pin.split("==")[0] == project]
    folder = CACHE / "pypi" / pin
    if not folder.exists():
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(
                [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download",
                 "--no-deps", "--no-binary", ":all:", "-d", scratch, pin],
                check=True,
            )
            [archive] = Path(scratch).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(Path(scratch) / "whole", filter="data")
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(scratch) / "whole", folder)
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())
