"""Simple statements taken out of a file, with their lines where nothing else stands on them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from migrate.lines import is_beside, line_end, line_start, next_line
from migrate.model import Edit, Span
from migrate.resolve import Names

#: Comments that tell a tool about the statement before them, and go with it.
_DIRECTIVE = re.compile(r"#\s*(?:type:\s*ignore|(?:fmt|isort|mypy|pragma|pylint|pyright):)")

_BEHIND = re.compile(r"[ \t\f]*;[ \t\f]*")
_BLANK_LINES = re.compile(r"(?:[ \t\f]*(?:\r\n|\r|\n))*")


@dataclass(slots=True)
class _Run:
    """Neighbours on one line, all of which go.

    Attributes
    ----------
    block : list of ast.stmt
        That they are in.
    holder : ast.AST
        What holds the block.
    statements : list of ast.stmt
    first : int
        Where in the block the first of them is.
    is_all : bool
        Whether nothing of the block stays, and `pass` takes its place.
    is_head : bool
        Whether nothing stays of what stands before them in the block.
    """

    block: list[ast.stmt]
    holder: ast.AST
    first: int
    statements: list[ast.stmt] = field(default_factory=list)
    is_all: bool = False
    is_head: bool = False

    @property
    def last(self) -> int:
        return self.first + len(self.statements) - 1


def departures(names: Names, statements: Iterable[ast.stmt]) -> list[Edit]:
    """Return the edits that take simple statements out, each with its line where it stands alone.

    A block of which nothing is left becomes `pass`. A comment on the line, or within, stays. With
    an import go the blank lines that set it off at the top of a function.
    """
    return [_edit(names, run) for run in _runs(names, statements)]


def _runs(names: Names, statements: Iterable[ast.stmt]) -> list[_Run]:
    runs: list[_Run] = []
    every = {id(each): each for each in statements}
    for statement in sorted(every.values(), key=names.start):
        block, holder = _block_of(names, statement)
        index = block.index(statement)
        beside = runs and runs[-1].block is block and runs[-1].last == index - 1
        if not (beside and _is_beside(names, block, index)):
            runs.append(_Run(block, holder, index))
            runs[-1].is_head = all(id(other) in every for other in block[:index])
        runs[-1].statements.append(statement)
    for run in runs:
        emptied = not isinstance(run.holder, ast.Module) and run.first == 0
        run.is_all = emptied and all(id(other) in every for other in run.block)
    return runs


def _is_beside(names: Names, block: list[ast.stmt], index: int) -> bool:
    """Tell whether a statement stands on the line of the one before it in a block."""
    return 0 < index < len(block) and is_beside(
        names.text, names.end(block[index - 1]), names.start(block[index])
    )


def _edit(names: Names, run: _Run) -> Edit:
    text = names.text
    start, end = names.start(run.statements[0]), names.end(run.statements[-1])
    line, after = line_start(text, start), next_line(text, end)
    before = run.block[run.first - 1] if _is_beside(names, run.block, run.first) else None
    behind = run.block[run.last + 1] if _is_beside(names, run.block, run.last + 1) else None
    comments = list(_comments_in(text[start:end]))
    if comments:
        indent = re.match(r"[ \t\f]*", text[line:])
        fresh = line_end(text) + (indent.group() if indent else "")
        kept = fresh.join([*comments, *(["pass"] if run.is_all else [])])
        if behind is not None:
            return Edit(Span(start, names.start(behind)), kept + fresh)
        if not run.is_all and text[end:after].lstrip().startswith("#"):
            kept += fresh
        return Edit(Span(start, end), kept)
    if run.is_all:
        return Edit(Span(start, end), "pass")
    if behind is not None:
        return Edit(Span(start, names.start(behind)), "")
    following = _BEHIND.match(text, end)
    if before is not None:
        return Edit(Span(names.end(before), following.end() if following else end), "")
    rest = text[end:after].lstrip(" \t\f;")
    if text[line:start].strip(" \t\f\ufeff") or not (
        not rest.strip() or _DIRECTIVE.match(rest)  # a comment of another kind stays
    ):
        return Edit(Span(start, after - len(rest)), "")
    if run.is_head and isinstance(run.statements[0], (ast.Import, ast.ImportFrom)):
        blank = None if isinstance(run.holder, ast.Module) else _BLANK_LINES.match(text, after)
        after = blank.end() if blank else after
    return Edit(Span(line, after), "")


def _comments_in(statement: str) -> Iterator[str]:
    """Yield the comments within a statement that spans several lines."""
    if "#" in statement:
        lines = io.StringIO(statement, newline="")
        tokens = tokenize.generate_tokens(lines.readline)
        yield from (token.string for token in tokens if token.type == tokenize.COMMENT)


def _block_of(names: Names, statement: ast.stmt) -> tuple[list[ast.stmt], ast.AST]:
    """Return the list of statements that `statement` is in, and the node that holds it."""
    for node in reversed(names.place_at(names.start(statement)).path):
        for part in ("body", "orelse", "finalbody"):
            block = getattr(node, part, None)
            if isinstance(block, list) and statement in block:
                return block, node
    return [statement], names.tree
