r"""From the paths that a user names to the files of a run.

Taken inside a folder: `.py` and `.pyw`. Not `.pyi`: a stub holds signatures and no calls, so
there is no loss in it to rewrite or to prove; named outright it is taken like any other file.

Patterns are matched as git matches them: entry by entry on the way down, so that `!src` does not
bring back an ignored `src/generated`. Not honoured: `.git/info/exclude` and the user's own excludes
file, which would make the result depend on the machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from migrate.ignore import Patterns
from migrate.layout import USUAL_FOLDERS

SUFFIXES = (".py", ".pyw")


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A file to process.

    Attributes
    ----------
    display : str
        The path as the user would name it: relative where they were, without a leading `./`,
        with `/` between its parts.
    """

    display: str

    @property
    def path(self) -> Path:
        """The same as a path. Made on demand: most files are read once and never looked at."""
        return Path(self.display)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A folder or file that could not be looked at, and why; the rest of the run is unharmed."""

    display: str
    message: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a run will look at, and what it cannot: both sorted by `display`."""

    files: tuple[Found, ...]
    problems: tuple[Problem, ...]


def discover(
    paths: Sequence[str | Path],
    *,
    exclude: Sequence[str] = (),
    suffixes: tuple[str, ...] = SUFFIXES,
) -> Discovery:
    """Find the files that `paths` stand for, each once, in an order that depends on nothing else.

    A file that is named is always taken, whatever it is called, ignored or not, link or not. A
    folder is walked: ignored files are left out (`.gitignore` in it, below it, and above it up to
    the folder that holds `.git`), and so are `USUAL_FOLDERS`, virtual environments and every
    symbolic link: what it leads to is visited as itself or lies outside. A folder that is named
    is walked even if it is one of these itself; where a `.gitignore` above ignores it, that file
    has no say in what is below.

    Parameters
    ----------
    paths : sequence of str or Path
        Files and folders.
    exclude : sequence of str
        Lines as of a `.gitignore` in each named folder, which win over all others and over
        `USUAL_FOLDERS`.
    suffixes : tuple of str
        How the names of the files taken inside a folder end.

    Raises
    ------
    UsageError
        If a pattern cannot be understood.
    """
    excluded = Patterns.of_options(exclude) if exclude else None
    problems: list[Problem] = []
    chosen: dict[str, str] = {}
    folders: list[str] = []
    for display in dict.fromkeys(Path(path).as_posix() if str(path) else "" for path in paths):
        try:
            mode = os.stat(display).st_mode  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            remedy = "check the spelling and the current folder"
            problems.append(Problem(display or "''", f"does not exist: {remedy}"))
            continue
        except OSError as error:
            problems.append(Problem(display, _unreadable(error)))
            continue
        if stat.S_ISDIR(mode):
            folders.append(display)
        else:
            real = os.path.realpath(display)
            chosen[real] = min(display, chosen.get(real, display))
    for display in folders:
        for real, below in _walk(display, excluded, suffixes, problems):
            # The same file by another path: which name it goes by depends on no order.
            chosen[real] = min(below, chosen.get(real, below))
    return Discovery(
        tuple(map(Found, sorted(chosen.values()))), tuple(sorted(dict.fromkeys(problems)))
    )


def package_of(path: str) -> str:
    """Return the dotted package that a Python file is in, by the `__init__.py` around it.

    Empty where there is none, as for a script, and where the file does not exist.
    """
    names: list[str] = []
    folder = Path(path).absolute().parent
    while folder.name and (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list: its paths, ending in `/`, and what is ignored in it.

    `display` is empty for the current folder, `inside` (relative to the named folder) for the
    named one. Each of `ignores` goes with the length of the real path it is relative to. `wanted`
    folders are walked even if they are virtual environments.
    """

    display: str
    real: str
    inside: str
    ignores: _Ignores
    wanted: bool

    def below(self, name: str, ignores: _Ignores, wanted: bool) -> _Folder:
        return _Folder(self.display + name, self.real + name, self.inside + name, ignores, wanted)


def _walk(
    display: str, excluded: Patterns | None, suffixes: tuple[str, ...], problems: list[Problem]
) -> Iterable[tuple[str, str]]:
    """Yield the real path and the display path of each file to take in a named folder."""
    real = os.path.realpath(display)
    root = "" if display == "." else _with_slash(display)
    todo = [_Folder(root, _with_slash(real), "", _ignores_above(real, problems), True)]
    while todo:
        folder = todo.pop()
        folders, files, marks = [], [], set()
        try:
            with os.scandir(folder.display or ".") as entries:
                for entry in entries:
                    name = entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif name.endswith(suffixes):
                        if entry.is_file(follow_symlinks=False):
                            files.append(name)
                    elif name in (".gitignore", ".git", "pyvenv.cfg"):
                        marks.add(name)
        except OSError as error:
            problems.append(Problem(folder.display.rstrip("/") or display, _unreadable(error)))
            continue
        if not folder.wanted and ("pyvenv.cfg" in marks or "conda-meta" in folders):
            continue
        # A repository within: what holds it knows nothing of it.
        ignores = () if ".git" in marks or ".git" in folders else folder.ignores
        if ".gitignore" in marks:
            ignores += _ignore_of(folder.real, folder.display, problems)
        for name in files:
            verdict = excluded.verdict(folder.inside + name, False) if excluded else None
            if verdict is None and ignores:
                verdict = _verdict(ignores, folder.real + name, False)
            if not verdict:
                yield folder.real + name, folder.display + name
        for name in folders:
            verdict = excluded.verdict(folder.inside + name, True) if excluded else None
            wanted = verdict is False
            if verdict is None:
                verdict = name in USUAL_FOLDERS or name.endswith(".egg-info")
            if not wanted and not verdict and ignores:
                verdict = _verdict(ignores, folder.real + name, True)
            if not verdict:
                todo.append(folder.below(name + "/", ignores, wanted))


def _with_slash(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _unreadable(error: OSError) -> str:
    remedy = "give yourself permission" if isinstance(error, PermissionError) else "look at it"
    return f"cannot be read: {error.strerror}: {remedy}, or exclude it"


_Ignores = tuple[tuple[int, Patterns], ...]


def _verdict(ignores: _Ignores, real: str, is_folder: bool) -> bool:
    # The .gitignore nearest to the entry is the last to speak in git, so it is asked first.
    for start, ignore in reversed(ignores):
        verdict = ignore.verdict(real[start:], is_folder)
        if verdict is not None:
            return verdict
    return False


def _ignores_above(real: str, problems: list[Problem]) -> _Ignores:
    """Return the patterns that hold for a named folder from above it, up to its repository."""
    chain = [Path(real)]
    while not (chain[-1] / ".git").exists():
        if chain[-1].parent == chain[-1]:
            return ()
        chain.append(chain[-1].parent)
    ignores: _Ignores = ()
    for above, below in pairwise(reversed(chain)):
        prefix = _with_slash(str(above))
        ignores += _ignore_of(prefix, prefix, problems)
        if _verdict(ignores, str(below), True):
            ignores = ()
    return ignores


def _ignore_of(real: str, display: str, problems: list[Problem]) -> _Ignores:
    """Return the patterns of the `.gitignore` in a folder, which like git's is no link."""
    file = Path(real + ".gitignore")
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return ()
        # File names that are no text come from the system in the same disguise.
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    except FileNotFoundError:
        return ()
    except OSError as error:
        problems.append(Problem(display + ".gitignore", _unreadable(error)))
        return ()
    ignore = Patterns.of_gitignore(text)
    return ((len(real), ignore),) if ignore else ()
