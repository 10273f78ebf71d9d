"""What names mean in the other files of a project: read on demand, never run."""

from __future__ import annotations

import ast
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from migrate.errors import MigrateError
from migrate.importers import Importers
from migrate.layout import Layout
from migrate.reach import Raw
from migrate.resolve import OWN, STAR, UNBOUND, UNKNOWN, Meanings, Names
from migrate.scopes import Binding
from migrate.source import LineIndex, decode, parse
from migrate.surroundings import Surroundings

#: How many characters of source the parsed modules of a process may come from: a tree of `ast`
#: takes some fifty times the memory of its text.
_KEPT = 5_000_000

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


class Project(Surroundings):
    """The modules around the files of a run; see `migrate.layout` for where they are found.

    It reads a module when a name is asked for that comes from there, and keeps what it has read
    for as long as memory allows. In another process it begins anew.
    """

    def __init__(
        self, files: Sequence[str], importers: Importers | None = None,
        words: Mapping[str, tuple[str, ...]] | None = None,
        statements: Mapping[str, tuple[Raw, ...]] | None = None, layout: Layout | None = None,
    ) -> None:  # fmt: skip
        super().__init__(files, importers, words, statements, layout)
        self.suspected: bool | None = None
        self._kept: OrderedDict[str, Names | None] = OrderedDict()
        self._held = 0
        self._adopted = ""
        self._opaque: set[str] = set()
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

    # -- modules ----------------------------------------------------------------------------

    def names(self, module: str, near: str = "") -> Names | None:
        """Return the names of a module, or None where there is none that can be parsed."""
        path = self.path_of(module, near)
        return None if path is None else self.names_in(path)

    def readers(
        self, path: str, *words: str, sets: str = "", attribute: str = "", wide: bool = True
    ) -> Iterator[Names]:
        """Yield the names of the files that `files_reading` gives, but of those without a tree."""
        files = self.files_reading(path, *words, sets=sets, attribute=attribute, wide=wide)
        for file in files:
            names = self.tree_in(file)
            if names is not None:
                yield names

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
            text = decode(self.data_of(where)).text
            tree = parse(text, where)
        except MigrateError:
            return None
        if any(word in text and pattern.search(text) for word, pattern in _REBINDS):
            self._opaque.add(where)
        return Names(tree, text, LineIndex(text), self.package_of(where), self, where)

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
        data = self.data_of(where)
        return name.encode() in data or b"*" in data


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
