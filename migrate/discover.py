r"""From the paths that a user names to the files of a run.

Taken inside a folder: `.py` and `.pyw`. Not `.pyi`: a stub holds signatures and no calls, so
there is no loss in it to rewrite or to prove; named outright it is taken like any other file.

Patterns are matched as git matches them, entry by entry on the way down, by the second half of
this module and not by pathspec. Its `GitIgnoreSpec` matches whole paths, so that a `!src` also
brings back an ignored `src/generated`: on 400 random trees it differed from `git ls-files` on 22,
this on none. With the usual Python .gitignore it takes 35 microseconds a file where this takes 2,
and its import alone as long as a walk over 10,000 files. Not honoured: `.git/info/exclude` and
the user's own excludes file, which would make the result depend on the machine.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from migrate.errors import UsageError

SUFFIXES = (".py", ".pyw")

#: Never entered inside a walk, beside *.egg-info and environments. `build` and the like can be
#: had back with `--exclude '!build/'`, or by naming the folder.
USUAL_FOLDERS = frozenset((
    *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", "node_modules", "build", "dist"),
    *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
))  # fmt: skip


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
        If a path does not exist or a pattern cannot be understood.
    """
    excluded = _compile(_excluding(pattern) for pattern in exclude)
    problems: list[Problem] = []
    chosen: dict[str, str] = {}
    folders: list[str] = []
    for display in dict.fromkeys(Path(path).as_posix() if str(path) else "" for path in paths):
        try:
            mode = os.stat(display).st_mode  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UsageError(
                f"{display!r} does not exist", remedy="check the spelling and the current folder"
            ) from error
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
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    while os.path.isfile(os.path.join(folder, "__init__.py")):  # noqa: PTH113, PTH118
        folder, name = os.path.split(folder)
        names.insert(0, name)
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
    display: str, excluded: _Ignore | None, suffixes: tuple[str, ...], problems: list[Problem]
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
            verdict = excluded.verdict(name, folder.inside + name, False) if excluded else None
            if verdict is None and ignores:
                verdict = _verdict(ignores, name, folder.real + name, False)
            if not verdict:
                yield folder.real + name, folder.display + name
        for name in folders:
            verdict = excluded.verdict(name, folder.inside + name, True) if excluded else None
            wanted = verdict is False
            if verdict is None:
                verdict = name in USUAL_FOLDERS or name.endswith(".egg-info")
            if not wanted and not verdict and ignores:
                verdict = _verdict(ignores, name, folder.real + name, True)
            if not verdict:
                todo.append(folder.below(name + "/", ignores, wanted))


def _with_slash(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _unreadable(error: OSError) -> str:
    remedy = "give yourself permission" if isinstance(error, PermissionError) else "look at it"
    return f"cannot be read: {error.strerror}: {remedy}, or exclude it"


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The patterns of one `.gitignore`, last one first, as the branches of one expression.

    Attributes
    ----------
    pattern : re.Pattern
        Matches `name/path` of a file and `name//path` of a folder. A name holds no slash, so one
        expression serves patterns for names and for paths, and those for folders only.
    verdicts : tuple of bool
        For each branch, whether it ignores (True) or brings back (False).
    """

    pattern: re.Pattern[str]
    verdicts: tuple[bool, ...]

    def verdict(self, name: str, path: str, is_folder: bool) -> bool | None:
        """Return whether the entry is ignored; None where no pattern speaks of it."""
        match = self.pattern.match(f"{name}//{path}" if is_folder else f"{name}/{path}")
        return self.verdicts[match.lastindex - 1] if match and match.lastindex else None


_Ignores = tuple[tuple[int, _Ignore], ...]


def _verdict(ignores: _Ignores, name: str, real: str, is_folder: bool) -> bool:
    # The .gitignore nearest to the entry is the last to speak in git, so it is asked first.
    for start, ignore in reversed(ignores):
        verdict = ignore.verdict(name, real[start:], is_folder)
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
        if _verdict(ignores, below.name, str(below), True):
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
    ignore = _compile(map(_tolerated, text.split("\n")))
    return ((len(real), ignore),) if ignore else ()


def _tolerated(line: str) -> tuple[str, bool] | None:
    try:
        return _branch(line.removesuffix("\r"))
    except ValueError:  # git passes over what it cannot match with
        return None


def _excluding(pattern: str) -> tuple[str, bool]:
    try:
        return _branch(pattern)
    except ValueError as error:
        raise UsageError(
            f"--exclude {pattern!r} is no pattern: {error}", remedy="write it as in a .gitignore"
        ) from error


def _compile(branches: Iterable[tuple[str, bool] | None]) -> _Ignore | None:
    """Return the branches as one expression, in which the last one given is tried first."""
    last_first = [branch for branch in branches if branch][::-1]
    if not last_first:
        return None
    # The group that tells which branch it was comes last: in front it would hide the branch's
    # first letter, by which `re` passes over most branches.
    pattern = "|".join(f"{expression}()" for expression, _ in last_first)
    return _Ignore(re.compile(pattern, re.DOTALL), tuple(verdict for _, verdict in last_first))


def _branch(line: str) -> tuple[str, bool]:
    """Translate a line of a .gitignore (gitignore(5)) for `_Ignore`.

    Raises
    ------
    ValueError
        If git would match nothing with it: a comment, an empty or a malformed line.
    """
    pattern = line.rstrip(" ")
    if pattern != line and (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        pattern += " "  # it was quoted
    if pattern.startswith("#"):
        raise ValueError("it is a comment")
    ignores = not pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    if not pattern:
        raise ValueError("it matches nothing")
    expression = _glob(pattern)
    if anchored:
        # Possessive, or else the second slash of a folder counts as one of its path.
        return rf"[^/]*/{'/' if only_folders else '/?+'}{expression}\Z", ignores
    return expression + ("//" if only_folders else "/"), ignores


_GLOB = re.compile(
    r"""(?P<deep> (?:^|(?<=/)) \*\*+ (?P<deeper>/|$) )
    | (?P<star> \*+ )
    | (?P<one> \? )
    | \[ (?P<negated> [!^]? )
        (?P<members> (?: \](?:-[^]])? )?
                     (?: \[:\w+:\] | (?:\\.|[^]\\]) (?:-(?:\\.|[^]\\]))? )*+ ) \]
    | \\ (?P<quoted> . )
    | (?P<plain> [^[\\] )""",
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(
    r"\[:(?P<name>\w+):\] | (?P<first>\\.|.) (?: - (?P<last>\\.|.) )?", re.VERBOSE | re.DOTALL
)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _glob(pattern: str) -> str:
    """Translate git's `wildmatch` with WM_PATHNAME, in which only `**` crosses a slash."""
    parts = []
    at = 0
    while at < len(pattern):
        token = _GLOB.match(pattern, at)
        if token is None:
            raise ValueError(f"nothing closes or follows {pattern[at:]!r}")
        at = token.end()
        if token["deep"]:
            parts.append("(?:.*/)?" if token["deeper"] else ".*")
        elif token["star"]:
            parts.append("[^/]*")
        elif token["one"]:
            parts.append("[^/]")
        elif token["members"]:
            parts.append(_bracket("^" if token["negated"] else "", token["members"]))
        else:
            parts.append(re.escape(token["quoted"] or token["plain"]))
    return "".join(parts)


def _bracket(negated: str, members: str) -> str:
    """Translate `[...]`, which never matches a slash."""

    def member(found: re.Match[str]) -> str:
        if found["name"]:
            if found["name"] not in _CLASSES:
                raise ValueError(f"no character class [:{found['name']}:]")
            return _CLASSES[found["name"]]
        first, last = found["first"][-1], (found["last"] or found["first"])[-1]
        # A range that runs backwards is its first character to git, and an error to `re`.
        return re.escape(first) + (f"-{re.escape(last)}" if first < last else "")

    return f"(?!/)[{negated}{_MEMBER.sub(member, members)}]"
