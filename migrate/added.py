"""`loss += more` where something else holds the same tensor: torch changes it there too.

MindSpore's tensors are not changed by `+=`, which makes a new one. Where nothing else holds the
loss, that is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.cells import ADDS
from migrate.model import Status
from migrate.places import Place
from migrate.work import File, Move

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.results import Results

#: What gives a tensor that shares the memory of another.
_VIEWS = frozenset({"cpu", "data", "detach", "flatten", "reshape", "squeeze", "view"})


def hand_over_added(
    file: File, origins: Origins, results: Results, status: Status
) -> Iterator[Move]:
    """Yield a finding for every such statement on a name, in the order of the text."""
    names = file.names
    targets = {
        names.start(place.node): place
        for place in results.near()
        if isinstance(place.node, ast.Name) and isinstance(place.parent(), ast.AugAssign)
    }
    for _, place in sorted(targets.items(), key=lambda pair: pair[0]):
        statement = place.parent()
        assert isinstance(statement, ast.AugAssign)
        other = _other(file, origins, place) if statement.target is place.node else None
        found = results.of(place) if other is not None else []
        if found and other is not None:
            message = _said(statement, other)
            yield results.said_of(found, place.up(), "tensor-lacks", message, status)


def _other(file: File, origins: Origins, place: Place) -> ast.expr | None:
    """Return the expression by which something else holds what a name is before it is added to."""
    assert isinstance(place.node, ast.Name)
    start = file.names.start(place.node)
    for definition in origins.definitions(place):
        own = definition.target is place.node  # it comes around in a loop
        value = None if definition.value is None else file.names.place_of(definition.value)
        if value is not None and isinstance(value.node, (ast.Attribute, ast.Subscript)):
            return value.node
        if value is not None and isinstance(value.node, ast.Name):
            for known in origins.definitions(value):
                for read in origins.readers(known, value):
                    if file.names.start(read.node) > start:  # type: ignore[arg-type]
                        return value.node
        for read in origins.readers(definition, place):
            before = own or file.names.start(read.node) < start  # type: ignore[arg-type]
            if before and _is_kept(read):
                assert isinstance(read.node, ast.expr)
                return read.node
    return None


def _is_kept(read: Place) -> bool:
    """Tell whether a statement puts a tensor, or a view of it, into something else."""
    place = read
    while True:
        parent = place.parent()
        if isinstance(parent, ast.Attribute) and parent.attr in _VIEWS:
            place = place.up()
        elif isinstance(parent, ast.Subscript) and parent.value is place.node:
            if not isinstance(parent.ctx, ast.Load):
                return False
            place = place.up()
        elif isinstance(parent, ast.Call) and parent.func is place.node:
            place = place.up()
        else:
            break
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Attribute) and parent.func.attr in ADDS
    return isinstance(parent, (ast.Assign, ast.Dict, ast.List, ast.Tuple))


def _said(statement: ast.AugAssign, other: ast.expr) -> str:
    text = ast.unparse(statement)
    return (
        f"`{text}` makes a new tensor in MindSpore, where torch changes the one that line "
        f"{other.lineno} hands on, `{ast.unparse(other)}`, as well; write what is meant there, and "
        f"`{ast.unparse(statement.target)} = {ast.unparse(statement.target)} …` here"
    )
