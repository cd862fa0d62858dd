"""Fetches the documents that are measured, once, into a cache outside the checkout."""

import csv
import gzip
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import date, timedelta
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


def made_by_libreoffice() -> list[Path]:
    """Documents that LibreOffice makes of the shipped ones and of seeded tables, when it is installed."""
    folder = CACHE / "libreoffice"
    if not folder.exists():
        if shutil.which("soffice") is None:
            print("LibreOffice is not installed: apt-get install libreoffice-calc-nogui libreoffice-writer-nogui"
                  " libreoffice-impress-nogui", file=sys.stderr)
            return []
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / "made"
            tables = write_tables(Path(scratch) / "tables")
            texts = shipped("python-docx", {".docx"})
            slides = shipped("python-pptx", {".pptx"})
            for to, sources in {"odt": texts, "docx": texts, "odp": slides, "xlsx": tables, "ods": tables}.items():
                convert(sources, to, made, Path(scratch))
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def convert(sources: list[Path], to: str, made: Path, scratch: Path) -> None:
    """Converts all in one run. Files of one name get numbers, so that they do not take each other's place."""
    numbered = scratch / f"for-{to}"
    numbered.mkdir()
    for number, source in enumerate(sources):
        shutil.copyfile(source, numbered / f"{number:03}-{source.name}")
    command = ["soffice", f"-env:UserInstallation=file://{scratch}/profile", "--headless", "--convert-to", to,
               "--outdir", str(made), *map(str, sorted(numbered.iterdir()))]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600, check=True)


def write_tables(folder: Path) -> list[Path]:
    """Tables with names, dates, amounts, shares and truths, by a seeded generator."""
    folder.mkdir()
    chance = random.Random(20241128)
    words = "oil filter Reifen świeca brake Straße coffee энергия paper 電気 school ремонт".split()
    for number in range(12):
        rows = [["item", "date", "amount", "share", "paid", "count"]]
        for _ in range(chance.randint(5, 400)):
            day = date(2020, 1, 1) + timedelta(days=chance.randrange(2000))
            amount = f"{chance.randrange(-10**6, 10**7) / 100:.2f}"
            rows.append([" ".join(chance.sample(words, 2)), day.isoformat(), amount, str(chance.randrange(10**6) / 10**6),
                         chance.choice(["TRUE", "FALSE"]), str(chance.randrange(10**6))])
        with (folder / f"table{number:02}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return sorted(folder.glob("*.csv"))
