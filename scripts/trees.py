"""Where `scripts/corpus` and `scripts/bench` get trees from, and where their tables go."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- table: written by scripts/{} -->", "<!-- end of table -->"


def python() -> str:
    """Return the project's own interpreter where there is one, else the running one."""
    own = ROOT / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name trees, and the one that names a document."""
    parser.add_argument("folders", metavar="FOLDER", nargs="*", type=Path)
    parser.add_argument("--download", metavar="PACKAGE[==VERSION]", nargs="+", default=[])
    parser.add_argument("--installed", metavar="MODULE", nargs="+", default=[])
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table into FILE")


@contextmanager
def trees(options: argparse.Namespace) -> Iterator[list[Path]]:
    """Yield the folders that are named, downloaded and installed, in the order of their labels.

    Raises
    ------
    SystemExit
        If none is named.
    """
    with TemporaryDirectory(prefix="torch2mindspore-trees-") as work:
        folders = [
            *(folder.resolve() for folder in options.folders),
            *_downloaded(options.download, Path(work)),
            *map(_installed, options.installed),
        ]
        if not folders:
            raise SystemExit("name a FOLDER, a package to --download or a module --installed")
        yield sorted(folders, key=lambda folder: (label(folder).lower(), str(folder)))


def label(folder: Path) -> str:
    """Return the name of a tree, with the version that its metadata in or beside it states."""
    for metadata in sorted([*folder.glob("*.dist-info"), *folder.parent.glob("*.dist-info")]):
        name, _, version = metadata.name.removesuffix(".dist-info").partition("-")
        if name.lower() == folder.name.lower():
            return f"{name} {version.partition('+')[0]}"
    return folder.name


def _downloaded(requirements: Sequence[str], to: Path) -> Iterator[Path]:
    """Download and unpack wheels, without what they depend on."""
    for number, requirement in enumerate(requirements):
        wheels = to / f"wheels-{number}"
        command = [python(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--only-binary=:all:", "--dest", str(wheels), requirement]
        subprocess.run([*command, *options], check=True)
        for wheel in sorted(wheels.glob("*.whl")):
            folder = to / re.split("-", wheel.name)[0]
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            yield folder


def _installed(module: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    program = f"import importlib.util as u; print(u.find_spec({module!r}).origin)"
    command = [python(), "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()).parent


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table: text in the first column, numbers in the others."""
    numbers = ["---"] + ["---:"] * (len(head) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, numbers, *rows])


def write_table(file: Path, script: str, text: str) -> None:
    """Replace what stands between the two marks of a document.

    Raises
    ------
    SystemExit
        If the document has not both marks.
    """
    mark = BEGIN.format(script)
    head, begin, rest = file.read_text(encoding="utf-8").partition(mark)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{file}: put the lines\n{mark}\n{END}\nwhere the table goes")
    file.write_text(f"{head}{begin}\n\n{text}\n{end}{tail}", encoding="utf-8")
