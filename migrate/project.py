"""What names mean in the other files of a project: read on demand, never run."""

from __future__ import annotations

import ast
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from migrate.errors import MigrateError
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
from migrate.reach import Raw
from migrate.resolve import OWN, STAR, UNBOUND, UNKNOWN, Meanings, Names
from migrate.scopes import Binding
from migrate.source import LineIndex, bytes_of, decode, parse

#: How many characters of source the parsed modules of a process may come from: a tree of `ast`
#: takes some fifty times the memory of its text.
_KEPT = 5_000_000

#: How many bytes of files are held: those of a repository of some thousand.
_HELD = 1 << 26

#: In a run of more files, modules outside it are not searched for who imports what, and under which
#: other names: to look for each takes longer than the scan, and such a run is over a whole project.
FEW = 256

#: Over more modules than these a name is not followed, nor one of more parts.
_FAR, _LONG = 40, 100

#: What binds names that no statement of the module shows, or puts something in its place, by a word
#: of each. A literal stands first, for which `re` searches many times as fast.
_REBINDS = (
    ("modules", re.compile(r"sys\s*\.\s*modules\s*\[")),
    *(
        (
            word,
            re.compile(rf"{re.escape(word)}\s*(?:\.update|\.setdefault|\|=|\[[^\]\n]*\]\s*=[^=])"),
        )
        for word in ("globals()", "vars()", "locals()")
    ),
    ("__dict__", re.compile(r"__dict__\s*(?:\.update|\[)")),
)

_Where = tuple[str, str]  # a file and a name at its module's level


class _TooFarError(Exception):
    """A name comes over too many modules."""


class Project:
    """The modules around the files of a run; see `migrate.layout` for where they are found.

    It reads a module when a name is asked for that comes from there, and keeps what it has read
    for as long as memory allows. In another process it begins anew.

    Attributes
    ----------
    files : tuple of str
        The files of the run, sorted.
    """

    def __init__(
        self, files: Sequence[str], importers: Importers | None = None,
        words: Mapping[str, tuple[str, ...]] | None = None,
        statements: Mapping[str, tuple[Raw, ...]] | None = None, layout: Layout | None = None,
    ) -> None:  # fmt: skip
        self.files = tuple(sorted(files))
        self._imported: dict[str, tuple[str, ...]] = {}
        self._readers: dict[tuple[object, ...], tuple[str, ...]] = {}
        self.suspected: bool | None = None
        self._told: dict[tuple[str, object], bool] = {}
        self._mentioning: dict[tuple[str, str], list[str]] = {}
        self._holding: dict[tuple[str, str, object], tuple[str, ...]] = {}
        self.layout = layout or Layout(self.files)
        self._importers = importers
        self._words = dict(words or {})
        self._statements = statements
        self._kept: OrderedDict[str, Names | None] = OrderedDict()
        self._held = 0
        self._adopted = ""
        self._opaque: set[str] = set()
        self._whole: dict[str, bool] = {}
        self._around: dict[str, Importers] = {}
        self._listed: dict[str, list[str]] = {}
        self._called: dict[str, frozenset[bytes]] = {}
        self._lacking: dict[bytes, set[str]] = {}
        self._bytes: dict[str, bytes] = {}
        self._held_bytes = 0
        self._answers: dict[_Where, Meanings] = {}
        self._guesses: dict[_Where, Meanings] = {}
        self._visited: dict[_Where, bool] = {}
        self._is_cut = False

    @classmethod
    def of(cls, files: Sequence[str]) -> Project:
        """Return the project of some files, of which none is read yet."""
        return cls(files)

    def __reduce__(self) -> tuple[Any, ...]:
        return Project, (self.files, self._importers, self._words)

    @cached_property
    def _given(self) -> dict[str, str]:
        """The files of the run, as they were given, by their absolute paths."""
        return {os.path.abspath(file): file for file in self.files}  # noqa: PTH100

    # -- modules ----------------------------------------------------------------------------

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

    def names(self, module: str, near: str = "") -> Names | None:
        """Return the names of a module, or None where there is none that can be parsed."""
        path = self.path_of(module, near)
        return None if path is None else self.names_in(path)

    def readers(
        self, path: str, *words: str, sets: str = "", attribute: str = "", wide: bool = True
    ) -> Iterator[Names]:
        """Yield the names of the files that import the module in `path` and hold `words`, sorted.

        In a run of few files, those around it that are not in the run are among them. With
        `sets`, only those that may set an attribute of that name. With `attribute`, those as well
        that may take, or set, an attribute of that name: an object gets to files that import
        nothing from where its class is. And not `wide`, of these only those that do with it at
        once what MindSpore's loss does not take.
        """
        may = may_set if sets else may_hand_on if wide else may_use
        key = (path, words, sets, attribute, may)
        if key not in self._readers:
            found = {
                reader
                for reader in self._importing(path)
                if all(word.encode() in self._data(reader) for word in words)
                and (not sets or may_set(self._data(reader), sets))
            }
            if attribute:
                found.update(self._anywhere(path, attribute, may))
            self._readers[key] = tuple(sorted(found))
        for reader in self._readers[key]:
            names = self.tree_in(reader)
            if names is not None:
                yield names

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
                    file for file in self._around_of(path) if word in self._data(file)
                ]
            self._holding[key] = tuple(
                file
                for file in self._mentioning[top, attribute]
                if may(self._data(file), attribute)
            )
        return self._holding[key]

    def lacks(self, file: str, attribute: str) -> None:
        """Take note that a file takes no such attribute from what is unknown, as its bytes may."""
        for key, found in self._holding.items():
            if key[1] == attribute and key[2] is not may_set:
                self._holding[key] = tuple(each for each in found if each != file)

    def _around_of(self, path: str) -> list[str]:
        """Return the files of the run, and of those around `path` where it is a run of few."""
        return sorted({*self._given, *(self._files_beside(path) if self._is_few else ())})

    @property
    def _is_few(self) -> bool:
        return len(self.files) <= FEW

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

    def _is_imported_by(self, path: str, does: Callable[[bytes], bool]) -> bool:
        key = (path, does)
        if key not in self._told:
            self._told[key] = any(does(self._data(file)) for file in self._importing(path))
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
        if self.index.reads(path, name, self.layout):
            return True
        return self._is_few and self._beside(path).reads(path, name, self.layout)

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
                data = self._data(file)
                if called and not any(name in data for name in fresh) and not reads_any(data):
                    for name in fresh:
                        self._lacking.setdefault(name, set()).add(file)
                    continue
                found = calls_of_a_loss(data)
                self._called[file] = found | {ANY} if found and reads_any(data) else found
            found = self._called[file]
            if found and (not called or ANY in found or not found.isdisjoint(called)):
                yield file

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
            name = re.escape(os.fsencode(top))
            imports = re.compile(rb"import\b[^\n]*\b%b\b|from\s+%b\b" % (name, name))
            whole = self.layout.project_of(path)
            for file in files_in(whole) if whole else ():
                if file not in found and file.endswith(".py") and imports.search(self._data(file)):
                    found.add(file)
            modules = {file for file in found if file.endswith(".py")}
            self._listed[key] = sorted(modules - self._given.keys())
        return self._listed[key]

    @property
    def index(self) -> Importers:
        """Who imports what; made by a scan of all files where nobody has made it before."""
        if self._importers is None:
            self._importers = Importers.of_files(self.files, self.layout)
        return self._importers

    def words_of(self, path: str) -> tuple[str, ...]:
        """Return the words under which modules that a file imports export a covered API."""
        return self._words.get(path, ())

    # -- names ------------------------------------------------------------------------------

    def member(self, module: str, name: str, near: str) -> Meanings:
        """Return everything that `name` of `module` can mean, as the file `near` sees it.

        Returns
        -------
        frozenset of str
            As of `Names.resolve`. A class or function of the project is its dotted path, and so
            is what cannot be followed.
        """
        plain = _joined(module, name)
        where = self.layout.locate(module, near)
        if where is None or where.endswith("/"):
            return frozenset({plain})
        meanings = self._meanings(where, name, plain, near)
        if where.endswith("/__init__.py") and self.layout.locate(plain, near) is not None:
            # `import a.b` anywhere binds b in the package a.
            return (meanings or frozenset()) | {plain}
        if meanings is None:
            return frozenset({plain})
        # Within a circle of imports nothing may be known of it yet; in the end something is.
        return meanings if meanings or self._visited else frozenset({UNKNOWN})

    def star(self, module: str, name: str, near: str) -> Meanings | None:
        """Return what `from module import *` binds `name` to; empty where it does not.

        None where the project has no such module, or its `__all__` cannot be read.
        """
        where = self.layout.locate(module, near)
        if where is None:
            return None
        if where.endswith("/"):
            return frozenset()
        names = self.names_in(where)
        exports = _exports(names) if names is not None else None
        if names is None or exports is None:
            return None
        if not exports(name):
            return frozenset()
        plain = _joined(module, name)
        meanings = self._meanings(where, name, plain, near) or frozenset()
        if where.endswith("/__init__.py") and self.layout.locate(plain, near) is not None:
            return meanings | {plain}
        return meanings

    def is_module(self, path: str, near: str) -> bool:
        """Tell whether a dotted path is a module or package of the project."""
        return self.layout.locate(path, near) is not None

    def is_known(self, path: str, near: str) -> bool:
        """Tell whether a dotted path is a module of the project, or bound in one."""
        module, _, name = path.rpartition(".")
        return self.is_module(path, near) or bool(
            module.strip(".") and next(self.definitions(module, name, near), None)
        )

    def definitions(self, module: str, name: str, near: str) -> Iterator[tuple[Names, Binding]]:
        """Yield what binds `name` of `module` in the end, with the names of the file it is in.

        Imports of the project's own modules are followed, star imports too; others are yielded.
        """
        todo, seen = [(module, name, near)], set()
        while todo:
            module, name, near = todo.pop()
            where = self.layout.locate(module, near)
            names = None if where is None or where.endswith("/") else self.names_in(where)
            if names is None or (names.path, name) in seen:
                continue
            seen.add((names.path, name))
            for binding in names.module.bindings.get(name, ()):
                base = binding.imported_from
                if base is not None and self.is_module(base, names.path):
                    assert binding.alias is not None
                    todo.append((base, binding.alias.name, names.path))
                else:
                    yield names, binding
            todo += [(base, name, names.path) for _, base in names.module.stars]

    @property
    def is_settled(self) -> bool:
        """Whether an answer is final, and no guess on the way to one."""
        return not self._visited

    # -- how --------------------------------------------------------------------------------

    def _meanings(self, where: str, name: str, plain: str, near: str) -> Meanings | None:
        """Return the meanings in the file `where` in terms of the file `near`.

        None where the module does not bind the name at all.
        """
        if not self._can_bind(where, name):
            return None
        names = self.names_in(where)
        if names is None or not (name in names.module.bindings or names.module.stars):
            return None
        own = self._settled((where, name), partial(names.lookup, name, names.module))
        return frozenset(self._seen(meaning, where, plain, near) for meaning in own - {UNBOUND})

    def _settled(self, key: _Where, look: Callable[[], Meanings]) -> Meanings:
        """Return the least answer that agrees with itself, where modules import each other."""
        if key in self._answers:
            return self._answers[key]
        if key in self._visited:
            self._is_cut = self._is_cut or not self._visited[key]
            return self._guesses.get(key, frozenset())
        if self._visited:
            return self._guessed(key, look)
        try:
            while True:
                before = dict(self._guesses)
                self._is_cut = False
                self._visited.clear()
                answer = self._guessed(key, look)
                if not self._is_cut or before == self._guesses:
                    # What was visited on the way agrees as well, now that nothing moves any more.
                    self._answers.update(self._guesses)
                    return answer
        except _TooFarError:
            return frozenset({UNKNOWN})
        finally:
            self._guesses.clear()
            self._visited.clear()

    def _guessed(self, key: _Where, look: Callable[[], Meanings]) -> Meanings:
        if sum(not done for done in self._visited.values()) > _FAR:
            raise _TooFarError
        self._visited[key] = False
        self._guesses[key] = look() | self._guesses.get(key, frozenset())
        self._visited[key] = True
        if any(meaning.count(".") > _LONG for meaning in self._guesses[key]):
            raise _TooFarError  # an attribute of itself, of itself, and so on
        return self._guesses[key]

    def _seen(self, meaning: str, where: str, plain: str, near: str) -> str:
        """Return a meaning of the file `where` as the file `near` would write it."""
        if meaning == OWN:
            return plain
        if meaning == STAR:
            return UNKNOWN
        if meaning.startswith("<"):
            return meaning
        if meaning.startswith(".") or (
            self.layout.top_of(meaning, where) != self.layout.top_of(meaning, near)
        ):
            return UNKNOWN  # by that name it is something else there, or nothing
        return meaning

    def _can_bind(self, where: str, name: str) -> bool:
        """Tell, by its bytes, whether a module can bind a name: parsing takes a hundred times."""
        if where in self._kept:
            return True
        data = self._data(where)
        return name.encode() in data or b"*" in data

    def _data(self, where: str) -> bytes:
        data = self._bytes.get(where)
        if data is None:
            data = bytes_of(where)
            # The same files are asked about many things.
            if self._held_bytes < _HELD:
                self._held_bytes += len(data)
                self._bytes[where] = data
        return data

    def names_in(self, where: str) -> Names | None:
        """Return the names of a file by its absolute path.

        None where it cannot be parsed, and where it binds names that no statement shows.
        """
        names = self.tree_in(where)
        return None if where in self._opaque else names

    def tree_in(self, where: str) -> Names | None:
        """Return the names of a file, whatever it may bind beside; None where it does not parse."""
        if where in self._kept:
            self._kept.move_to_end(where)
        else:
            self._keep(where, self._parsed(where))
        return self._kept[where]

    def tree_of(self, path: str, text: str) -> ast.Module | None:
        """Return the tree of a file, where it has been asked about and reads as `text`."""
        known = self._kept.get(os.path.abspath(path))  # noqa: PTH100
        return known.tree if known is not None and known.text == text else None

    def adopt(self, names: Names) -> None:
        """Take `names` for those of its file, from now until the next is adopted.

        What was read for the one before is forgotten here, where that is much, and not while
        nodes of its trees are compared.
        """
        where = os.path.abspath(names.path)  # noqa: PTH100
        if self._adopted in self._kept:
            # Nobody else has asked about it, and most likely nobody will.
            self._kept.move_to_end(self._adopted, last=False)
        self._adopted = "" if where in self._kept else where
        self._keep(where, names)
        self._opaque.discard(where)
        while len(self._kept) > 1 and self._held > _KEPT:
            self._held -= _size(self._kept.popitem(last=False)[1])

    def _keep(self, where: str, names: Names | None) -> None:
        self._held += _size(names) - _size(self._kept.get(where))
        self._kept[where] = names
        self._kept.move_to_end(where)

    def _parsed(self, where: str) -> Names | None:
        try:
            text = decode(self._data(where)).text
            tree = parse(text, where)
        except MigrateError:
            return None
        if any(word in text and pattern.search(text) for word, pattern in _REBINDS):
            self._opaque.add(where)
        return Names(tree, text, LineIndex(text), self.package_of(where), self, where)


def _size(names: Names | None) -> int:
    return 0 if names is None else len(names.text)


def _joined(module: str, name: str) -> str:
    return f"{module}{'' if module.endswith('.') else '.'}{name}"


def _exports(names: Names) -> Callable[[str], bool] | None:
    """Return what tells the names that a star import takes; None where `__all__` is not plain."""
    bindings = names.module.bindings.get("__all__")
    if bindings is None:
        if "__all__" in names.text:
            return None
        return lambda name: not name.startswith("_")
    listed: set[str] = set()
    for binding in bindings:
        value = binding.value
        if not isinstance(value, (ast.List, ast.Tuple)):
            return None
        for each in value.elts:
            if not isinstance(each, ast.Constant) or not isinstance(each.value, str):
                return None
            listed.add(each.value)
    # `__all__.append(…)` and the like stand elsewhere.
    if names.text.count("__all__") != len(bindings):
        return None
    return listed.__contains__
