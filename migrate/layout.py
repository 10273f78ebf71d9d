"""Which file holds a dotted module, told by the folders on the disk; no file is opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from migrate.stars import is_other_framework

#: What lies in the folder that a project's own modules are imported from.
_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")

#: Never entered inside a walk, beside *.egg-info and environments. `build` and the like can be
#: had back with `--exclude '!build/'`, or by naming the folder.
USUAL_FOLDERS = frozenset((
    *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", "node_modules", "build", "dist"),
    *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
))  # fmt: skip


class Layout:
    """The modules around some files.

    An absolute import is looked up where Python is most likely started: in the folder that holds
    the importing file's outermost package (of a script, its own folder), then in the folders above
    it up to that of the project, and in their `src`. The project's folder is the nearest with a
    `.git`, a `pyproject.toml` or the like, else the one that all files of the run have in common.

    Parameters
    ----------
    files : iterable of str
        Those of the run.
    """

    def __init__(self, files: Iterable[str]) -> None:
        above = {os.path.dirname(file) for file in files}  # noqa: PTH120
        folders = sorted({os.path.abspath(folder) for folder in above})  # noqa: PTH100
        self._common = os.path.commonpath(folders) if folders else ""
        self._folders: dict[str, str] = {}
        self._packages: dict[str, tuple[str, str]] = {}
        self._projects: dict[str, str] = {}
        self._searched: dict[str, tuple[str, ...]] = {}
        self._found: dict[str, str | None] = {}
        self._tops: dict[tuple[str, str], str | None] = {}

    def package_of(self, path: str) -> str:
        """Return the dotted package that a file is in, empty where there is none."""
        return self._package(self._folder(path))[1]

    def root_of(self, path: str) -> str:
        """Return the folder that holds the outermost package of a file."""
        return self._package(self._folder(path))[0]

    def module_of(self, path: str) -> str:
        """Return the dotted name of a file, `a.b` for `a/b/__init__.py`."""
        package = self.package_of(path)
        stem = os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122
        return (
            package if stem == "__init__" and package else ".".join(filter(None, (package, stem)))
        )

    def project_of(self, path: str) -> str:
        """Return the folder of the project that a file is in, empty where no mark shows one."""
        return self._project(self.root_of(path))

    def _project(self, root: str) -> str:
        if root not in self._projects:
            above = (root, *map(str, Path(root).parents))
            found = (each for each in above if any(map(os.path.exists, _marks(each))))
            self._projects[root] = next(found, "")
        return self._projects[root]

    def locate(self, module: str, near: str) -> str | None:
        """Return the file of a module as the file `near` would import it.

        Parameters
        ----------
        module : str
            `a.b`, or with leading dots as in a relative import.
        near : str
            The importing file.

        Returns
        -------
        str or None
            An absolute path; of a package its `__init__.py`, of one without that file the folder
            with a slash behind it; None where the project has no such module.
        """
        if module.startswith("."):
            parts = module.lstrip(".")
            folder = self._folder(near)
            for _ in range(len(module) - len(parts) - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120
            return self._find("/".join([folder, *filter(None, parts.split("."))]))
        top = self.top_of(module, near)
        return (
            None if top is None else self._find("/".join([top, *filter(None, module.split("."))]))
        )

    def top_of(self, module: str, near: str) -> str | None:
        """Return the folder in which the first component of an absolute module is found."""
        first = module.partition(".")[0]
        if not is_own(first):
            return None
        root = self.root_of(near)
        if (root, first) not in self._tops:
            places = self._search(root)
            self._tops[root, first] = next(
                (place for place in places if self._find(f"{place}/{first}")), None
            )
        return self._tops[root, first]

    def roots(self, files: Iterable[str]) -> frozenset[bytes]:
        """Return the first components of the modules in `files`, and of the folders around."""
        folders: dict[str, list[str]] = {}
        for file in files:
            folders.setdefault(file.rpartition("/")[0], []).append(file)
        found: set[str] = set()
        for own in folders.values():
            root, package = self._package(self._folder(own[0]))
            found.update([package.partition(".")[0]] if package else map(self.module_of, own))
            # A folder without an `__init__.py` is a package too, from any folder above it.
            above = self._project(root) or self._common
            if above and root.startswith(above):
                found.update(root[len(above) :].split("/"))
        return frozenset(os.fsencode(root) for root in found if is_own(root))

    def _folder(self, path: str) -> str:
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder not in self._folders:
            # Of this project, and not of the process: the current folder may change.
            self._folders[folder] = os.path.abspath(folder)  # noqa: PTH100
        return self._folders[folder]

    def _package(self, folder: str) -> tuple[str, str]:
        if folder not in self._packages:
            found = (folder, "")
            name = os.path.basename(folder)  # noqa: PTH119
            if name and os.path.isfile(f"{folder}/__init__.py"):  # noqa: PTH113
                root, package = self._package(os.path.dirname(folder))  # noqa: PTH120
                found = (root, f"{package}.{name}" if package else name)
            self._packages[folder] = found
        return self._packages[folder]

    def _find(self, path: str) -> str | None:
        if path not in self._found:
            self._found[path] = next(_forms(path), None)
        return self._found[path]

    def _search(self, root: str) -> tuple[str, ...]:
        if root not in self._searched:
            folders = [root, *map(str, Path(root).parents)]
            end = self._project(root)
            if not end:
                end = self._common if self._common in folders else root
            above = folders[1 : folders.index(end) + 1]
            # What lies in a package is imported through it.
            every = [root, *(f for f in above if not os.path.isfile(f"{f}/__init__.py"))]  # noqa: PTH113
            self._searched[root] = tuple(
                place for each in every for place in (each, f"{each.rstrip('/')}/src")
            )
        return self._searched[root]


def is_own(root: str) -> bool:
    """Tell whether a module by that first component can be of the project at all.

    A folder `torch` beside a script is not taken for torch, nor `random.py` for Python's own.
    """
    return bool(root) and root != "torch" and root not in _TAKEN and not is_other_framework(root)


_TAKEN = sys.stdlib_module_names | {"numpy"}


def _marks(folder: str) -> Iterator[str]:
    return (f"{folder.rstrip('/')}/{mark}" for mark in _MARKS)


def _forms(path: str) -> Iterator[str]:
    """Yield what a dotted name can be on the disk, in the order in which Python looks."""
    for form in (f"{path}/__init__.py", f"{path}.py"):
        if os.path.isfile(form):  # noqa: PTH113
            yield form
    if os.path.isdir(path):  # noqa: PTH112
        yield f"{path}/"


def files_in(top: str) -> Iterator[str]:
    """Yield the files below a folder, but for what no run would look into."""
    for folder, folders, files in os.walk(top):
        if folder != top and ("pyvenv.cfg" in files or "conda-meta" in folders):
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in USUAL_FOLDERS]
        yield from (f"{folder.rstrip('/')}/{name}" for name in files)
