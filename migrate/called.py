"""Which functions of a file a call may reach, and what their callers give them. Read-only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.functions import argument_of, default_of
from migrate.holders import Holder, owner_of, plain_uses, related_classes
from migrate.places import Place
from migrate.scopes import FUNCTIONS
from migrate.spread import CALLED

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.resolve import Names


def functions(
    names: Names, origins: Origins, called: Place
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of the file, and the methods of its classes, that are called.

    Parameters
    ----------
    names : Names
    origins : Origins
    called : Place
        Of what stands in front of the parentheses.
    """
    node = called.node
    if isinstance(node, ast.Name):
        bound = names.bindings_of(node.id, names.scope_of(called))
        for binding in bound[0] if bound is not None else ():
            if isinstance(binding.statement, FUNCTIONS):
                yield binding.statement
    if isinstance(node, ast.Attribute):
        owner = owner_of(node, called)
        if owner is not None:
            yield from _methods(names, owner, (node.attr,))
            return
        for made in _classes(names, origins, Place((*called.path, node.value))):
            yield from _methods(names, made, (node.attr,))
    for made in _classes(names, origins, called):
        yield from _methods(names, made, CALLED)


def _classes(names: Names, origins: Origins, place: Place) -> Iterator[ast.ClassDef]:
    """Yield the classes of the file of which the value at a place may be an instance."""
    for origin in origins.of(place, frozenset()):
        made = origin.expression
        if isinstance(made, ast.Call) and isinstance(made.func, ast.Name):
            bound = names.bindings_of(made.func.id, names.scope_of(origin.place))
            for binding in bound[0] if bound is not None else ():
                if isinstance(binding.statement, ast.ClassDef):
                    yield binding.statement


def _methods(
    names: Names, owner: ast.ClassDef, called: tuple[str, ...]
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for each in related_classes(names, owner):
        for node in each.body:
            if isinstance(node, FUNCTIONS) and node.name in called:
                yield node


def given_to(names: Names, parameter: ast.arg) -> Iterator[ast.expr]:
    """Yield what the calls of a function in the file give one of its parameters, and its default.

    A method is called here by `self` alone: another object may have one of that name too.
    """
    path = names.place_at(names.lines.offset(parameter.lineno, parameter.col_offset)).path
    at = next((i for i in range(len(path) - 1, 0, -1) if isinstance(path[i], FUNCTIONS)), None)
    function = None if at is None else path[at]
    if at is None or not isinstance(function, FUNCTIONS):
        return
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args]
    index = next((i for i, each in enumerate(listed) if each is parameter), None)
    if index is None and parameter not in arguments.kwonlyargs:
        return
    default = default_of(arguments, parameter.arg)
    if default is not None:
        yield default
    owner = path[at - 1]
    if isinstance(owner, ast.ClassDef):
        static = any(ast.unparse(mark) == "staticmethod" for mark in function.decorator_list)
        index = None if index is None else index - (not static)
        holder = Holder(function.name, owner=owner)
    else:
        bound = names.bindings_of(function.name, names.scope_of(Place(path[: at + 1])))
        if bound is None:
            return
        holder = Holder(function.name, scope=bound[1])
    for use in plain_uses(names, holder):
        call, node = use.parent(), use.node
        if not (isinstance(call, ast.Call) and call.func is node):
            continue
        if isinstance(node, ast.Attribute) and owner_of(node, use) is None:
            continue
        given = argument_of(call, parameter.arg, index)
        if isinstance(given, ast.expr):
            yield given
