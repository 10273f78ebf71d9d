"""Which files of a project may have to do with one of them, told by their bytes: none is parsed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

from migrate.glance import (
    ANY,
    calls_of_a_loss,
    imports_any,
    may_hand_on,
    may_set,
    may_set_by_name,
    may_use,
    reads_any,
    reads_any_of_others,
    sets_any,
)
from migrate.importers import Importers
from migrate.layout import Layout, files_in
from migrate.reach import Raw, importing
from migrate.source import bytes_of

#: How many bytes of files are held: those of a repository of some thousand.
_HELD = 1 << 26

#: In a run of more files, modules outside it are not searched for who imports what, and under which
#: other names: to look for each takes longer than the scan, and such a run is over a whole project.
FEW = 256


class Surroundings:
    """The files of a run, those around them, and what the bytes of each tell.

    Parameters
    ----------
    files : sequence of str
        Those of the run.
    importers : Importers, optional
        Who imports the modules that can hold a covered API; found out when it is asked for.
    words : mapping of str to tuple of str, optional
        By file, the words under which modules that it imports export a covered API.
    statements : mapping of str to tuple of Raw, optional
        By file, what it may import of the project.
    layout : Layout, optional

    Attributes
    ----------
    files : tuple of str
        The files of the run, sorted.
    layout : Layout
    """

    def __init__(
        self, files: Sequence[str], importers: Importers | None = None,
        words: Mapping[str, tuple[str, ...]] | None = None,
        statements: Mapping[str, tuple[Raw, ...]] | None = None, layout: Layout | None = None,
    ) -> None:  # fmt: skip
        self.files = tuple(sorted(files))
        self.layout = layout or Layout(self.files)
        self._importers = importers
        self._words = dict(words or {})
        self._statements = statements
        self._imported: dict[str, tuple[str, ...]] = {}
        self._reading: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._told: dict[tuple[str, object], bool] = {}
        self._mentioning: dict[tuple[str, str], list[str]] = {}
        self._holding: dict[tuple[str, str, object], tuple[str, ...]] = {}
        self._whole: dict[str, bool] = {}
        self._taken: dict[tuple[str, str], bool] = {}
        self._around: dict[str, Importers] = {}
        self._listed: dict[str, list[str]] = {}
        self._called: dict[str, frozenset[bytes]] = {}
        self._lacking: dict[bytes, set[str]] = {}
        self._bytes: dict[str, bytes] = {}
        self._held_bytes = 0

    def package_of(self, path: str) -> str:
        """Return the dotted package that a file is in, empty where there is none."""
        return self.layout.package_of(path)

    def module_of(self, path: str) -> str:
        """Return the dotted name of a file, by the packages around it."""
        return self.layout.module_of(path)

    def path_of(self, module: str, near: str = "") -> str | None:
        """Return the file of a module, or None where the project has none.

        Parameters
        ----------
        module : str
            `a.b`, or with leading dots as in a relative import.
        near : str
            The file that imports it. Without one the files of the run are asked, and None is
            the answer where they do not agree.
        """
        if near:
            found = self.layout.locate(module, near)
            return None if found is None or found.endswith("/") else found
        roots = {self.layout.root_of(file): file for file in reversed(self.files)}
        every = {self.path_of(module, file) for file in roots.values()} - {None}
        return every.pop() if len(every) == 1 else None

    def display(self, path: str) -> str:
        """Return a file as messages name it: as it was given, or from where the command runs."""
        whole = os.path.abspath(path)  # noqa: PTH100
        if whole in self._given:
            return self._given[whole]
        below = os.path.relpath(whole)
        return path if below.startswith("..") else below

    def is_of_run(self, path: str) -> bool:
        """Tell whether a file is one of those that the run is over."""
        return os.path.abspath(path) in self._given  # noqa: PTH100

    def words_of(self, path: str) -> tuple[str, ...]:
        """Return the words under which modules that a file imports export a covered API."""
        return self._words.get(path, ())

    def files_reading(
        self, path: str, *words: str, sets: str = "", attribute: str = "", wide: bool = True
    ) -> tuple[str, ...]:
        """Return the files that import the module in `path` and hold `words`, sorted.

        In a run of few files, those around it that are not in the run are among them. With
        `sets`, only those that may set an attribute of that name. With `attribute`, those as well
        that may take, or set, an attribute of that name: an object gets to files that import
        nothing from where its class is. And not `wide`, of these only those that do with it at
        once what MindSpore's loss does not take.
        """
        may = may_set if sets else may_hand_on if wide else may_use
        key = (path, words, sets, attribute, may)
        if key not in self._reading:
            found = {
                reader
                for reader in self._importing(path)
                if all(word.encode() in self.data_of(reader) for word in words)
                and (not sets or may_set(self.data_of(reader), sets))
            }
            if attribute:
                found.update(self._anywhere(path, attribute, may))
            self._reading[key] = tuple(sorted(found))
        return self._reading[key]

    def lacks(self, file: str, attribute: str) -> None:
        """Take note that a file takes no such attribute from what is unknown, as its bytes may."""
        for key, found in self._holding.items():
            if key[1] == attribute and key[2] is not may_set:
                self._holding[key] = tuple(each for each in found if each != file)

    def callers(self, path: str, called: Collection[bytes] = ()) -> Iterator[str]:
        """Yield the files that may call something as torch's losses alone are called, sorted.

        Of the run, and of those beside the file in `path`, where it is a run of few. With `called`,
        only those that may so call what has one of these last names, or any.
        """
        for file in self._around_of(path):
            if file not in self._called:
                # To look for a name is quick, but to read the file again for each is not.
                fresh = [name for name in called if file not in self._lacking.get(name, ())]
                if called and not fresh:
                    continue
                data = self.data_of(file)
                if called and not any(name in data for name in fresh) and not reads_any(data):
                    for name in fresh:
                        self._lacking.setdefault(name, set()).add(file)
                    continue
                found = calls_of_a_loss(data)
                self._called[file] = found | {ANY} if found and reads_any(data) else found
            found = self._called[file]
            if found and (not called or ANY in found or not found.isdisjoint(called)):
                yield file

    def is_imported_whole(self, path: str) -> bool:
        """Tell whether a file imports a module itself, and not only names from it."""
        if path not in self._whole:
            self._whole[path] = any(
                not is_from
                for each in self._indices(path)
                for _, _, is_from in each.statements(path, self.layout)
            )
        return self._whole[path]

    def is_read_by_any_name(self, path: str) -> bool:
        """Tell whether a file that imports the module in `path` reads attributes by any name.

        Or whether one, in its package or beside it, imports modules by any name.
        """
        root = self.layout.root_of(path)
        return self._is_imported_by(path, reads_any_of_others) or any(
            self.layout.root_of(file) == root for file in self._anywhere(path, "", imports_any)
        )

    def is_set_by_name(self, path: str, attribute: str) -> bool:
        """Tell whether another file may set an attribute, of a module or of what it has, by name.

        One that imports the module in `path` may do so by a name that only running it shows.
        """
        found = self._anywhere(path, attribute, may_set_by_name)
        own = os.path.abspath(path)  # noqa: PTH100
        return any(file != own for file in found) or self._is_imported_by(path, sets_any)

    def importers(self, module: str) -> tuple[str, ...]:
        """Return the files of the run that import a module, or a name from it, sorted.

        Those that import a name from a package whose `__init__.py` imports it from there count
        as well, over one such step.
        """
        path = self.path_of(module)
        return () if path is None else self.index.importers(path, self.layout)

    def is_imported(self, path: str, name: str) -> bool:
        """Tell whether another file reads `name` from the module in the file `path`.

        In a run of few files, those of its package that are not in the run are asked as well:
        whoever names one file, as pre-commit does, has not named those that import it.
        """
        if (path, name) not in self._taken:
            self._taken[path, name] = self.index.reads(path, name, self.layout) or (
                self._is_few and self._beside(path).reads(path, name, self.layout)
            )
        return self._taken[path, name]

    @property
    def index(self) -> Importers:
        """Who imports what; made by a scan of all files where nobody has made it before."""
        if self._importers is None:
            self._importers = Importers.of_files(self.files, self.layout)
        return self._importers

    def _anywhere(
        self, path: str, attribute: str, may: Callable[[bytes, str], bool]
    ) -> tuple[str, ...]:
        """Return the files of the run, and of those around it, of whose bytes `may` holds."""
        top = self._top(path) if self._is_few else ""
        key = (top, attribute, may)
        if key not in self._holding:
            word = attribute.encode()
            if (top, attribute) not in self._mentioning:
                self._mentioning[top, attribute] = [
                    file for file in self._around_of(path) if word in self.data_of(file)
                ]
            self._holding[key] = tuple(
                file
                for file in self._mentioning[top, attribute]
                if may(self.data_of(file), attribute)
            )
        return self._holding[key]

    def _around_of(self, path: str) -> list[str]:
        """Return the files of the run, and of those around `path` where it is a run of few."""
        return sorted({*self._given, *(self._files_beside(path) if self._is_few else ())})

    @property
    def _is_few(self) -> bool:
        return len(self.files) <= FEW

    def _is_imported_by(self, path: str, does: Callable[[bytes], bool]) -> bool:
        key = (path, does)
        if key not in self._told:
            self._told[key] = any(does(self.data_of(file)) for file in self._importing(path))
        return self._told[key]

    def _importing(self, path: str) -> tuple[str, ...]:
        if path not in self._imported:
            found = {
                os.path.abspath(importer)  # noqa: PTH100
                for each in self._indices(path)
                for importer in each.importers(path, self.layout)
            }
            self._imported[path] = tuple(sorted(found))
        return self._imported[path]

    def _indices(self, path: str) -> list[Importers]:
        """Return who imports what in the run, and around `path` where it is a run of few."""
        return [self._everyone, self._beside(path)] if self._is_few else [self._everyone]

    @cached_property
    def _everyone(self) -> Importers:
        # That of the survey knows those modules only that hold a covered API.
        if self._statements is not None:
            return Importers.of(self._statements)
        return Importers.of_files(self.files, self.layout)

    def _beside(self, path: str) -> Importers:
        """Return who imports what around a file: in its project, or package, or beside it."""
        top = self._top(path)
        if top not in self._around:
            others = self._files_beside(path)
            self._around[top] = Importers.of_files(others, self.layout, self.files)
        return self._around[top]

    def _top(self, path: str) -> str:
        """Return what the files around a file are the same for."""
        return f"{self.layout.root_of(path).rstrip('/')}/{self.module_of(path).partition('.')[0]}"

    def _files_beside(self, path: str) -> list[str]:
        """Return the other files of the outermost package, and of the folder that holds it.

        And those of the project's folder, where a mark of one shows it, that import from there.
        """
        key = self._top(path)
        root, _, top = key.rpartition("/")
        if key not in self._listed:
            found = {f"{root}/{name}" for name in os.listdir(root or "/")}  # noqa: PTH208
            if self.package_of(path):
                found.update(files_in(key))
            imports = importing(top)
            whole = self.layout.project_of(path)
            for file in files_in(whole) if whole else ():
                if (
                    file not in found
                    and file.endswith(".py")
                    and imports.search(self.data_of(file))
                ):
                    found.add(file)
            modules = {file for file in found if file.endswith(".py")}
            self._listed[key] = sorted(modules - self._given.keys())
        return self._listed[key]

    @cached_property
    def _given(self) -> dict[str, str]:
        """The files of the run, as they were given, by their absolute paths."""
        return {os.path.abspath(file): file for file in self.files}  # noqa: PTH100

    def data_of(self, where: str) -> bytes:
        """Return the bytes of a file, none where it cannot be read."""
        data = self._bytes.get(where)
        if data is None:
            data = bytes_of(where)
            # The same files are asked about many things.
            if self._held_bytes < _HELD:
                self._held_bytes += len(data)
                self._bytes[where] = data
        return data
