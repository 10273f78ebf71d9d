"""Where a node is: the way to it from the module, and the node at a character of the text."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

#: Where the statements of a block begin, by the `id` of the list that holds them.
Starts: TypeAlias = dict[int, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Place:
    """A node and the way to it from the module: `path[0]` is the module, `path[-1]` the node."""

    path: tuple[ast.AST, ...]

    @property
    def node(self) -> ast.AST:
        """The node itself."""
        return self.path[-1]

    def parent(self, steps: int = 1) -> ast.AST | None:
        """Return the node `steps` levels up, or None above the module."""
        return self.path[-1 - steps] if len(self.path) > steps else None

    def up(self, steps: int = 1) -> Place:
        """Return the place of the node `steps` levels up."""
        return Place(self.path[: len(self.path) - steps])

    def down(self, *nodes: ast.AST) -> Place:
        """Return the place of a node below, by the nodes on the way to it."""
        return Place((*self.path, *nodes))


def occurrences(text: str, word: str, start: int, end: int) -> Iterator[int]:
    """Yield the offsets at which `word` stands in `text` and is no part of a longer word.

    A search for a literal runs many times as fast as a regular expression with a look-behind.
    """
    at = text.find(word, start, end)
    while at >= 0:
        behind = at + len(word)
        if not (at and _continues(text[at - 1])) and not (
            behind < len(text) and _continues(text[behind])
        ):
            yield at
        at = text.find(word, behind, end)


def _continues(character: str) -> bool:
    return character == "_" or character.isalnum()


def below(node: ast.AST) -> list[ast.AST]:
    """Return the nodes below one, in the order of its fields, as `ast.iter_child_nodes` does.

    But for the names of imports, and for what holds nothing, such as `ast.Load`.
    """
    found = []
    for name in fields_of(node.__class__):
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [each for each in value if isinstance(each, ast.AST) and each._fields]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node in which other nodes may be."""
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _PLAIN)
    return names


_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: (), ast.MatchSingleton: ()}

#: The fields that hold no nodes, or only such as `ast.Load` and `ast.Add`.
_PLAIN = frozenset(
    (
        *("arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs"),
        *("level", "lineno", "module", "name", "names", "op", "ops", "rest", "simple", "tag"),
        *("type_comment", "type_ignores"),
    )
)


def descend(path: list[ast.AST], position: tuple[int, int], starts: Starts) -> bool:
    """Append to `path` the child of its last node that covers `position`, if there is one."""
    node = path[-1]
    names = _OPENED.get(node.__class__)
    for name in _opened(node.__class__) if names is None else names:
        value = getattr(node, name, None)
        if value.__class__ is not list:
            if value is not None and _leads(path, value, position, starts):
                return True
        elif value and isinstance(value[0], ast.stmt):
            # A module has hundreds of statements, in their order: look at one, not at all.
            known = starts.get(id(value))
            if known is None:
                known = starts[id(value)] = [
                    (s.lineno, s.col_offset) if s.__class__ not in _DECORATED else _start(s)
                    for s in value
                ]
            at = bisect_right(known, position)
            if at and covers(value[at - 1], position):
                path.append(value[at - 1])
                return True
        else:
            for child in value:
                # A dict has None among its keys.
                if child is not None and _leads(path, child, position, starts):
                    return True
    return False


def _opened(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node in which one may be that has a place."""
    # In these there are strings, mostly, so that `fields_of` leaves them out.
    own = {"Import": ("names",), "ImportFrom": ("names",), "TypeAlias": ("name",)}
    _OPENED[kind] = (*own.get(kind.__name__, ()), *fields_of(kind))
    return _OPENED[kind]


#: Positions inside an f-string are wrong before Python 3.12, so the way ends at the f-string.
_OPENED: dict[type[ast.AST], tuple[str, ...]] = {ast.JoinedStr: ()}


def _leads(path: list[ast.AST], child: Any, position: tuple[int, int], starts: Starts) -> bool:
    """Append an expression to `path`, or what is below it where it has no position of its own."""
    end = getattr(child, "end_lineno", None)
    if end is None:
        # Such as `arguments` and `comprehension`.
        path.append(child)
        if descend(path, position, starts):
            return True
        path.pop()
        return False
    # This is asked of so many that to build a tuple for each would show.
    line = position[0]
    if end < line or child.lineno > line:
        return False
    if not (child.lineno, child.col_offset) <= position < (end, child.end_col_offset):
        return False
    path.append(child)
    return True


_DECORATED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _start(node: ast.AST) -> tuple[int, int]:
    start = (node.lineno, node.col_offset)  # type: ignore[attr-defined]
    decorators = getattr(node, "decorator_list", ())
    return min(start, (decorators[0].lineno, decorators[0].col_offset)) if decorators else start


def covers(node: ast.AST, position: tuple[int, int]) -> bool:
    """Tell whether a node has a place of its own, as `arguments` has not, and `position` in it."""
    if not hasattr(node, "end_lineno"):
        return False
    end = (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
    return position < end and _start(node) <= position
