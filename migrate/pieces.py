"""Parses a text again after edits: only the statements of the module that edits touch.

To parse a file a second time costs as much as the first, and most of it has not changed. A text is
cut where a statement of the module begins a line of its own. There Python's tokenizer is in its
first state, whatever stands above: no bracket and no string is open, no line is continued, nothing
is indented. So a file parses as its pieces do, one after the other, if each that was edited parses
by itself and ends its last line; the others parse as they did.
"""

from __future__ import annotations

import ast
import copy
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from migrate.errors import SourceError
from migrate.model import Edit
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS
from migrate.source import LineIndex, parse

#: Where a piece begins and ends, and the statements in it.
_Piece: TypeAlias = tuple[int, int, list[ast.stmt]]

_Node = TypeVar("_Node", bound=ast.stmt | ast.expr)


def parsed_again(names: Names, edits: Sequence[Edit], text: str, path: str) -> Names:
    """Return the names of a text after edits.

    Positions are right in the statements that edits touch, and at the beginning of the others.

    Parameters
    ----------
    names : Names
        Of the text before.
    edits : sequence of Edit
        Sorted.
    text : str
        After `edits`.
    path : str
        For messages.

    Raises
    ------
    SourceError
        If the text does not parse.
    """
    lines = LineIndex(text)
    if names.module.stars or names.has_declarations:
        # What they bind depends on positions everywhere.
        tree = parse(text, path)
    else:
        body = list(_statements(names, edits, text, lines, path))
        tree = ast.Module(body=body, type_ignores=[])
    return Names(tree, text, lines, names.package, names.project, path)


def _statements(
    names: Names, edits: Sequence[Edit], text: str, lines: LineIndex, path: str
) -> Iterator[ast.stmt]:
    added = at = 0
    for start, end, statements in _joined(_pieces(names), edits):
        begun, first = start + added, at
        while at < len(edits) and _is_before(edits[at], end, len(names.text)):
            added += len(edits[at].replacement) - (edits[at].span.end - edits[at].span.start)
            at += 1
        line = lines.position(begun)[0]
        moved = line - names.lines.position(start)[0]
        if end + added == begun:
            continue
        if at > first or (moved and any(map(_holds_more, statements))):
            piece = text[begun : end + added]
            if end < len(names.text) and piece[-1] not in "\r\n":
                raise SourceError("an edit joins two lines", remedy="please report it")
            yield from parse("\n" * (line - 1) + piece, path).body
        else:
            yield from (_moved(each, moved) for each in statements) if moved else statements


def _pieces(names: Names) -> list[_Piece]:
    """Return the pieces into which a text can be cut."""
    cuts: list[int] = [0]
    statements: list[list[ast.stmt]] = [[]]
    last_line = 0
    for node in names.tree.body:
        decorators = getattr(node, "decorator_list", None)
        line = decorators[0].lineno if decorators else node.lineno
        at = names.lines.offset(line, 0)
        if (
            at > cuts[-1]
            and line > last_line  # not `a; b`
            and not names.text[max(at - 3, 0) : at].rstrip("\r\n").endswith("\\")
        ):
            cuts.append(at)
            statements.append([])
        statements[-1].append(node)
        last_line = node.end_lineno or 0
    return list(zip(cuts, [*cuts[1:], len(names.text)], statements, strict=True))


def _joined(pieces: Sequence[_Piece], edits: Sequence[Edit]) -> Iterator[_Piece]:
    """Yield the pieces, those that an edit reaches over as one."""
    starts = [start for start, _, _ in pieces]
    reached: dict[int, int] = {}
    for edit in edits:
        first = bisect_right(starts, edit.span.start) - 1
        last = bisect_right(starts, max(edit.span.start, edit.span.end - 1)) - 1
        reached[first] = max(last, reached.get(first, last))
    at = 0
    while at < len(pieces):
        start, _, statements = pieces[at]
        last = at
        reach = reached.get(at, at)
        statements = list(statements)
        while last < reach:
            last += 1
            statements += pieces[last][2]
            reach = max(reach, reached.get(last, last))
        yield start, pieces[last][1], statements
        at = last + 1


def _is_before(edit: Edit, end: int, length: int) -> bool:
    return edit.span.start < end or end == length


def _holds_more(node: ast.stmt) -> bool:
    """Tell whether a statement has others of the module's scope within it."""
    return hasattr(node, "body") and not isinstance(node, (*FUNCTIONS, ast.ClassDef))


def _moved(node: ast.stmt, lines: int) -> ast.stmt:
    """Return a statement as if it began some lines further down; what is within it does not."""
    moved = _further(node, lines)
    decorators = getattr(moved, "decorator_list", None)
    if decorators:
        moved.decorator_list = [_further(each, lines) for each in decorators]  # type: ignore[attr-defined]
    return moved


def _further(node: _Node, lines: int) -> _Node:
    moved = copy.copy(node)
    moved.lineno += lines
    moved.end_lineno = (moved.end_lineno or node.lineno) + lines
    return moved
