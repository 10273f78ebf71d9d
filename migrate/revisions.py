"""The bytes of a file as it was before: in another folder, or at a revision of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from migrate.errors import UsageError
from migrate.source import read


def before_of(
    against: str, paths: Sequence[str], stack: ExitStack
) -> Callable[[str], bytes | None]:
    """Return what finds the bytes before of a file by its path.

    Parameters
    ----------
    against : str
        A folder, if there is one of that name, else a revision. The folder may hold what the
        current one holds, or what each of `paths` holds.
    paths : sequence of str
        The files and folders that are looked at.
    stack : ExitStack
        Ends the processes that are started.

    Returns
    -------
    callable
        Gives None for a file that was not there. The longest of `paths` that the file is in counts.

    Raises
    ------
    UsageError
        If `against` is neither.
    """
    roots = sorted((Path(path).as_posix() for path in paths), key=len, reverse=True)
    of = _in_folder if os.path.isdir(against) else _at_revision  # noqa: PTH112
    finders = {root: of(against, root, stack) for root in roots}

    def before(path: str) -> bytes | None:
        root = next(r for r in roots if r in (".", path) or path.startswith(f"{r.rstrip('/')}/"))
        return finders[root](path)

    return before


def _in_folder(folder: str, root: str, _: ExitStack) -> Callable[[str], bytes | None]:
    mirrored = not Path(root).is_absolute() and Path(folder, root).exists()
    start = "." if mirrored else root if Path(root).is_dir() else Path(root).parent

    def before(path: str) -> bytes | None:
        old = Path(folder, os.path.relpath(path, start))
        return read(old) if old.is_file() else None

    return before


def _at_revision(revision: str, root: str, stack: ExitStack) -> Callable[[str], bytes | None]:
    folder = root if Path(root).is_dir() else str(Path(root).parent)
    git = ["git", "-C", folder]
    asked = [*git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{tree}}"]
    try:
        known = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        known = False
    if not known:
        what = f"{revision} is neither a folder nor a revision that git knows at {folder}"
        raise UsageError(what, remedy="give --against one of them")
    process = stack.enter_context(
        subprocess.Popen(
            [*git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def before(path: str) -> bytes | None:
        name = os.path.relpath(path, folder)
        if "\n" in name:
            raise UsageError(f"{path!r} holds an end of line", remedy="compare it with a folder")
        stdin.write(os.fsencode(f"{revision}:./{name}\n"))
        stdin.flush()
        # `<object> blob <size>`, or the name and `missing`, which may hold spaces too.
        head = stdout.readline().split()
        if head[-2:-1] != [b"blob"] and head[1:2] != [b"blob"]:
            return None
        return stdout.read(int(head[2]) + 1)[:-1]

    return before
