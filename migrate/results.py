"""Which expressions hold what a migrated loss gives: a tensor of MindSpore's for certain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.places import Place
from migrate.scopes import FUNCTIONS

if TYPE_CHECKING:
    from migrate.connected import LossCall
    from migrate.origins import Origins
    from migrate.work import File

#: Methods that give a loss of the loss that they are called on.
_REDUCTIONS = frozenset({"mean", "sum"})


class Results:
    """What the losses of a file give, followed back from where it is used.

    Parameters
    ----------
    file : File
    origins : Origins
    losses : list of LossCall
    """

    def __init__(self, file: File, origins: Origins, losses: list[LossCall]) -> None:
        self.names = file.names
        self.origins = origins
        self.by_call = {
            id(loss.place.node): loss
            for loss in losses
            if loss.sites[0].rule.kind == "function" or loss.sites[0].call is not loss.place.node
        }

    def of(self, place: Place) -> list[LossCall]:
        """Return the losses that the value at a place may come from, each once."""
        found: dict[LossCall, None] = {}
        seen: set[int] = set()
        todo: list[Place | LossCall] = [place]
        while todo:
            each = todo.pop()
            if isinstance(each, Place) and id(each.node) not in seen:
                seen.add(id(each.node))
                todo += reversed(list(self._from(each)))
            elif not isinstance(each, Place):
                found[each] = None
        return list(found)

    def _from(self, place: Place) -> Iterator[Place | LossCall]:
        """Yield the losses that a value may be, and what it may come from: sums of them, names."""
        for origin in self.origins.of(place):
            node, at = origin.expression, origin.place
            if isinstance(node, ast.Name):
                yield from self._added(at)
            elif isinstance(node, ast.Attribute):
                yield from self._assigned(node.attr)
            elif id(node) in self.by_call:
                yield self.by_call[id(node)]
            elif isinstance(node, ast.BinOp):
                yield Place((*at.path, node.left))
                yield Place((*at.path, node.right))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _REDUCTIONS
            ):
                yield Place((*at.path, node.func, node.func.value))
            elif isinstance(node, ast.Call):
                yield from self._returned(node, at)

    def _added(self, place: Place) -> Iterator[Place]:
        """Yield what is added to a name: `total += criterion(x, y)`."""
        from migrate.origins import place_of

        for definition in self.origins.definitions(place):
            target = definition.target
            found = place_of(self.names, target) if isinstance(target, ast.expr) else None
            statement = None if found is None else found.parent()
            if found is not None and isinstance(statement, ast.AugAssign):
                yield Place((*found.path[:-1], statement.value))

    def _assigned(self, attribute: str) -> Iterator[Place]:
        """Yield what is assigned to an attribute of that name."""
        for _, place in self.names.places_of(attribute):
            node, statement = place.node, place.parent()
            stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if stored and isinstance(statement, (ast.Assign, ast.AugAssign)):
                yield Place((*place.path[:-1], statement.value))

    def _returned(self, call: ast.Call, place: Place) -> Iterator[Place]:
        """Yield what a function of this file, or a method of the class, returns."""
        functions: list[ast.AST] = []
        if isinstance(call.func, ast.Name):
            bound = self.names.bindings_of(call.func.id, self.names.scope_of(place))
            functions = [b.statement for b in bound[0] if b.statement is not None] if bound else []
        elif isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "self":
            around = [node for node in place.path if isinstance(node, ast.ClassDef)]
            functions = (
                [f for f in around[-1].body if _is_named(f, call.func.attr)] if around else []
            )
        for function in functions:
            if isinstance(function, FUNCTIONS):
                path = self.names.place_at(self.names.start(function)).path
                yield from _returns(Place(path[: path.index(function) + 1]))


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, FUNCTIONS) and node.name == name


def _returns(place: Place) -> Iterator[Place]:
    """Yield what a function returns, without those within it."""
    stack = [place]
    while stack:
        each = stack.pop()
        if isinstance(each.node, ast.Return) and each.node.value is not None:
            yield Place((*each.path, each.node.value))
        for inner in ast.iter_child_nodes(each.node):
            if not isinstance(inner, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                stack.append(Place((*each.path, inner)))
