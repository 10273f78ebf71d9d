"""The nodes of a parsed file by where they stand in its text. Read-only, on `ast`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from unicodedata import normalize

from migrate.places import Place, Starts, covers, descend, occurrences
from migrate.scopes import FUNCTIONS, last_name
from migrate.source import LineIndex


class Located:
    """A tree and the text that it was parsed from.

    Parameters
    ----------
    tree : ast.Module
    text : str
    lines : LineIndex
    """

    def __init__(self, tree: ast.Module, text: str, lines: LineIndex) -> None:
        self.tree = tree
        self.text = text
        self.lines = lines
        self._last: list[ast.AST] = [tree]
        self._places: dict[tuple[str, int, int], list[tuple[int, Place]]] = {}
        self._at: dict[int, Place] = {}
        self._starts: Starts = {}
        self._functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}

    def place_at(self, offset: int) -> Place:
        """Return the innermost node whose text covers the character at `offset`."""
        known = self._at.get(offset)
        if known is None:
            line, column = self.lines.position(offset)
            start = offset - column
            prefix = self.text[start:offset]
            position = (line, column if prefix.isascii() else len(prefix.encode()))
            # Who asks for one name after the other asks for places near each other, deep down.
            path = self._last
            while len(path) > 1 and not covers(path[-1], position):
                path.pop()
            while descend(path, position, self._starts):
                pass
            known = self._at[offset] = Place(tuple(path))
        return known

    def place_of(self, node: ast.expr | ast.stmt) -> Place | None:
        """Return the place of a node of the file, or None within an f-string."""
        path = self.place_at(self.start(node)).path
        return Place(path[: path.index(node) + 1]) if node in path else None

    def places_of(
        self, word: str, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, Place]]:
        """Yield where `word` stands as a whole identifier, with the innermost node there.

        Comments and strings count too; the node tells.
        """
        # Who asks for a name asks again for each constructor that gets there.
        last = len(self.text) if end is None else end
        key = (word, start, last)
        if key not in self._places:
            self._places[key] = list(self._placed(occurrences(self.text, word, start, last)))
        yield from self._places[key]

    def _placed(self, offsets: Iterable[int]) -> Iterator[tuple[int, Place]]:
        within = -1
        for at in offsets:
            # A docstring may hold a word many times over.
            if at >= within:
                place = self.place_at(at)
                node = place.node
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    within = self.end(node)
            yield at, place

    def start(self, node: ast.expr | ast.stmt | ast.alias | ast.keyword) -> int:
        """Return the character offset at which `node` begins."""
        return self.lines.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.alias | ast.keyword) -> int:
        """Return the character offset just past `node`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines.offset(node.end_lineno, node.end_col_offset)

    def slice(self, node: ast.expr | ast.stmt | ast.alias) -> str:
        """Return the text of `node` as it stands in the file."""
        return self.text[self.start(node) : self.end(node)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """Every class of the file, wherever it stands: outer ones first."""
        # By the word: to walk the whole tree takes many times as long.
        found = {id(place.node): place for _, place in self.places_of("class")}
        classes = [p for p in found.values() if isinstance(p.node, ast.ClassDef)]
        return [p.node for p in sorted(classes, key=_depth) if isinstance(p.node, ast.ClassDef)]

    @cached_property
    def exported(self) -> frozenset[str]:
        """The names in the module's `__all__`."""
        found: set[str] = set()
        for _, place in self.places_of("__all__"):
            statement = next((n for n in reversed(place.path) if isinstance(n, ast.stmt)), None)
            for node in ast.walk(statement) if statement is not None else ():
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
        return frozenset(found)

    def functions_named(self, name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Return the functions and methods of that name, wherever they stand."""
        if name not in self._functions:
            places = map(self.place_at, self._defs.get(name, ()))
            found = {id(place.node): place.node for place in places}
            self._functions[name] = [
                # A comment in a function may hold the name of another.
                each
                for each in found.values()
                if isinstance(each, FUNCTIONS) and each.name == name
            ]
        return self._functions[name]

    @cached_property
    def _defs(self) -> dict[str, list[int]]:
        """Where the names stand of what may be functions, or said in a string."""
        found: dict[str, list[int]] = {}
        for match in _DEF.finditer(self.text):
            # As Python folds other spellings into one name.
            found.setdefault(normalize("NFKC", match.group(1)), []).append(match.start(1))
        return found

    @cached_property
    def classes_by_name(self) -> dict[str, list[ast.ClassDef]]:
        """The same by their names."""
        found: dict[str, list[ast.ClassDef]] = {}
        for each in self.classes:
            found.setdefault(each.name, []).append(each)
        return found

    @cached_property
    def heirs_by_name(self) -> dict[str, list[ast.ClassDef]]:
        """The same by the last name of each of their bases."""
        found: dict[str, list[ast.ClassDef]] = {}
        for each in self.classes:
            for base in each.bases:
                found.setdefault(last_name(base), []).append(each)
        return found


_DEF = re.compile(r"def[\s\\]+(\w+)")


def _depth(place: Place) -> int:
    return len(place.path)
