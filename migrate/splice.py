"""Edits into text, and the check that nothing but the edits has changed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrate.model import Edit

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
    spans = sorted((edit.span.start, edit.span.end) for edit in edits)
    gone = [(e.span.start, e.span.end) for e in edits if e.replacement in ("", "pass")]
    stack: list[tuple[ast.AST, ast.AST]] = [(before.tree, after.tree)]
    while stack:
        old, new = stack.pop()
        if isinstance(old, ast.Call):
            continue  # what is edited, or holds it; a call stays one whatever it holds
        if type(old) is not type(new):
            return f"line {getattr(old, 'lineno', 1)} would parse as something else"
        for name, value in ast.iter_fields(old):
            other = getattr(new, name)
            if isinstance(value, ast.AST):
                if _touched(before, value, spans):
                    stack.append((value, other))
            elif isinstance(value, list) and value and isinstance(value[0], ast.AST):
                pairs = _paired(before, value, other, spans, gone)
                if pairs is None:
                    return f"line {getattr(old, 'lineno', 1)} would have other statements"
                stack += pairs
            elif value != other:
                return f"line {getattr(old, 'lineno', 1)} would read {other!r} for {value!r}"
    return ""


#: Statements that edits add and take away.
_IMPORTS = (ast.Import, ast.ImportFrom, ast.Pass)


def _paired(
    names: Names,
    old: list[ast.AST],
    new: list[ast.AST],
    spans: list[tuple[int, int]],
    gone: list[tuple[int, int]],
) -> list[tuple[ast.AST, ast.AST]] | None:
    """Pair the members of two lists that edits touch; None where the lists do not match."""
    left = [n for n in old if not isinstance(n, _IMPORTS) and not _gone(names, n, gone)]
    right = [n for n in new if not isinstance(n, _IMPORTS)]
    if len(left) != len(right):
        return None
    return [(a, b) for a, b in zip(left, right, strict=True) if _touched(names, a, spans)]


def _gone(names: Names, node: ast.AST, spans: list[tuple[int, int]]) -> bool:
    if not isinstance(node, (ast.Expr, ast.Assign)):
        return False
    start, end = names.start(node), names.end(node)
    return any(a <= start and end <= b for a, b in spans)


def _touched(names: Names, node: ast.AST, spans: list[tuple[int, int]]) -> bool:
    if not isinstance(node, (ast.stmt, ast.expr, ast.keyword)):
        return True  # such as a with item, which has no position
    starts = [node, *getattr(node, "decorator_list", ())]
    start, end = min(names.start(n) for n in starts), names.end(node)
    return any(start <= b and a <= end for a, b in spans)
