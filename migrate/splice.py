"""Edits into text, and the check that nothing but the edits has changed."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from migrate.model import Edit, Span

if TYPE_CHECKING:
    from migrate.resolve import Names


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` with every edit made.

    Raises
    ------
    ValueError
        If two edits overlap: a defect of ours, never of the text.
    """
    parts: list[str] = []
    at = 0
    for edit in sorted(edits):
        if edit.span.start < at:
            raise ValueError(f"edits overlap at offset {edit.span.start}: {edit}")
        parts += [text[at : edit.span.start], edit.replacement]
        at = edit.span.end
    return "".join([*parts, text[at:]])


def differs_outside(before: Names, after: Names, edits: Sequence[Edit]) -> str:
    """Return what differs between two trees where no edit was made; empty if nothing does.

    The text outside the edits is the same by construction. What could still go wrong is that an
    edit changes how its surroundings parse; so the two trees are walked side by side along the
    ways that lead to an edit.
    """
    touched = _Lines(before, [edit.span for edit in edits])
    gone = [edit.span for edit in edits if _is_nothing(edit.replacement)]
    # A method or a parameter has no node for its name alone.
    renamed = {(before.text[e.span.start : e.span.end], e.replacement) for e in edits}
    stack: list[tuple[ast.AST, ast.AST]] = [(before.tree, after.tree)]
    while stack:
        old, new = stack.pop()
        if isinstance(old, ast.Call) or (isinstance(old, ast.expr) and touched.cover(old)):
            continue  # what is edited, or holds it; a call stays one whatever it holds
        if type(old) is not type(new):
            return f"line {getattr(old, 'lineno', 1)} would parse as something else"
        for name, value in ast.iter_fields(old):
            other = getattr(new, name)
            if isinstance(value, ast.AST):
                if touched.meet(value):
                    stack.append((value, other))
            elif isinstance(value, list) and value and isinstance(value[0], ast.AST):
                pairs = _paired(before, value, other, touched, gone)
                if pairs is None:
                    return f"line {getattr(old, 'lineno', 1)} would have other statements"
                stack += pairs
            elif isinstance(old, ast.Constant) and touched.is_within(old):
                continue  # an annotation that is a string
            elif value != other and (value, other) not in renamed:
                return f"line {getattr(old, 'lineno', 1)} would read {other!r} for {value!r}"
    return ""


def _is_nothing(replacement: str) -> bool:
    """Tell whether a replacement runs nothing: comments that a statement leaves, and `pass`."""
    lines = (line.strip() for line in replacement.splitlines())
    return all(line.startswith("#") or line in ("", "pass") for line in lines)


class _Lines:
    """The lines that edits touch, to be asked about every statement of a file."""

    def __init__(self, names: Names, spans: Sequence[Span]) -> None:
        position = names.lines.position
        lines = sorted((position(span.start)[0], position(span.end)[0]) for span in spans)
        self._names = names
        self._spans = {(span.start, span.end) for span in spans}
        self._first = [first for first, _ in lines]
        # Ends are made to rise, so that one look at the nearest start is enough.
        self._last = list(accumulate((last for _, last in lines), max))

    def meet(self, node: ast.AST) -> bool:
        """Tell whether the lines of `node` meet those of an edit."""
        if not isinstance(node, (ast.stmt, ast.expr, ast.keyword)):
            return True  # such as a with item, which has no position
        decorators = getattr(node, "decorator_list", None)
        first = decorators[0].lineno if decorators else node.lineno
        at = bisect_right(self._first, node.end_lineno or first) - 1
        return at >= 0 and self._last[at] >= first

    def is_within(self, node: ast.expr) -> bool:
        """Tell whether an edit stands within `node`."""
        start, end = self._names.start(node), self._names.end(node)
        return any(start < first and last < end for first, last in self._spans)

    def cover(self, node: ast.expr) -> bool:
        """Tell whether an edit replaces `node` as a whole."""
        return (self._names.start(node), self._names.end(node)) in self._spans


#: Statements that edits add and take away.
_IMPORTS = (ast.Import, ast.ImportFrom, ast.Pass)


def _paired(
    names: Names, old: list[ast.AST], new: list[ast.AST], touched: _Lines, gone: Sequence[Span]
) -> list[tuple[ast.AST, ast.AST]] | None:
    """Pair the members of two lists that edits touch; None where the lists do not match."""
    left = [
        node
        for node in old
        if not isinstance(node, _IMPORTS) and not _is_gone(names, node, touched, gone)
    ]
    right = [node for node in new if not isinstance(node, _IMPORTS)]
    if len(left) != len(right):
        return None
    return [(a, b) for a, b in zip(left, right, strict=True) if touched.meet(a)]


def _is_gone(names: Names, node: ast.AST, touched: _Lines, gone: Sequence[Span]) -> bool:
    if not isinstance(node, (ast.Expr, ast.Assign)) or not touched.meet(node):
        return False
    start, end = names.start(node), names.end(node)
    return any(span.start <= start and end <= span.end for span in gone)
