"""The names and attributes that an instance is bound to: what they hold, who reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.places import Place
from migrate.resolve import STAR, UNBOUND, UNKNOWN, Names
from migrate.scopes import FUNCTIONS, Scope


@dataclass(frozen=True, slots=True)
class Holder:
    """A name or an attribute that an instance is bound to."""

    name: str
    scope: Scope | None = None  # of a name
    owner: ast.ClassDef | None = None  # of `self.name`


def values_of_name(names: Names, scope: Scope, name: str) -> tuple[list[ast.expr], bool]:
    """Return what `name` is assigned in `scope`, and whether that is all that binds it."""
    bindings = scope.bindings[name]
    values = [binding.value for binding in bindings if binding.value is not None]
    return values, len(values) == len(bindings)


def uses_of_name(names: Names, scope: Scope, name: str) -> Iterator[tuple[Place, bool]]:
    """Yield where the name of `scope` is read, within it or in a function inside it."""
    for _, place in _occurrences(names, scope, name):
        node = place.node
        if isinstance(node, ast.JoinedStr) and _holds(node, name):
            yield place, True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            bound = names.bindings_of(name, names.scope_of(place))
            if bound is not None and bound[1] is scope:
                yield place, True


def _occurrences(names: Names, scope: Scope, name: str) -> Iterator[tuple[int, Place]]:
    node = scope.node
    start, end = 0, len(names.text)
    if isinstance(node, (ast.expr, ast.stmt)):
        start, end = names.start(node), names.end(node)
    return names.places_of(name, start, end)


def values_of_attribute(
    names: Names, name: str, related: list[ast.ClassDef]
) -> tuple[list[ast.expr], bool]:
    """Return what `self.name` is assigned in the classes, and whether that is all."""
    values: list[ast.expr] = []
    pure = True
    for _, place in names.places_of(name):
        node = place.node
        if isinstance(node, ast.Attribute) and node.attr == name:
            if isinstance(node.ctx, ast.Load):
                continue
            owner = owner_of(node, place)
            if owner is not None and owner not in related:
                continue
            value = _assigned(node, place)
            pure = pure and value is not None
            values += [value] if value is not None else []
        elif isinstance(node, ast.Constant) and node.value == name:
            # `setattr(model, "criterion", …)` may set it to anything.
            parent = place.parent()
            if isinstance(parent, ast.Call) and _called_name(parent) == "setattr":
                pure = False
    for owner in related:
        scope = inner_scope_of(names, owner)
        for binding in scope.bindings.get(name, ()):
            pure = pure and binding.value is not None
            values += [binding.value] if binding.value is not None else []
    return values, pure


def inner_scope_of(
    names: Names, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> Scope:
    """Return the scope that a class or function of the file opens."""
    path = names.place_at(names.start(node)).path
    return names.scope_of(Place((*path[: path.index(node) + 1], node.body[0])))


def _holds(string: ast.JoinedStr, name: str) -> bool:
    """Tell whether an f-string, in which positions cannot be trusted, reads a name."""
    return any(
        name in (getattr(node, "id", None), getattr(node, "attr", None))
        for node in ast.walk(string)
    )


def uses_of_attribute(
    names: Names, name: str, related: list[ast.ClassDef]
) -> Iterator[tuple[Place, bool]]:
    """Yield where an attribute of that name is read, and whether it is surely of these classes."""
    for _, place in names.places_of(name):
        node = place.node
        if isinstance(node, ast.JoinedStr) and _holds(node, name):
            yield place, True
        elif (
            isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
        ):
            owner = owner_of(node, place)
            if owner is None or owner in related:
                yield place, owner is not None


def related_classes(names: Names, owner: ast.ClassDef) -> list[ast.ClassDef]:
    """Return `owner`, its bases and its subclasses, as far as this file has them."""
    by_name = {
        binding.statement.name: binding.statement
        for bindings in names.module.bindings.values()
        for binding in bindings
        if isinstance(binding.statement, ast.ClassDef)
    }
    family = [owner]
    for member in family:
        relatives = [
            *(by_name.get(b.id) for b in member.bases if isinstance(b, ast.Name)),
            *(
                other
                for other in by_name.values()
                if any(isinstance(b, ast.Name) and b.id == member.name for b in other.bases)
            ),
        ]
        family += [r for r in relatives if r is not None and r not in family]
    return family


def owner_of(attribute: ast.Attribute, place: Place) -> ast.ClassDef | None:
    """Return the class whose instance `self` is in `self.name`, or None for another receiver."""
    if not isinstance(attribute.value, ast.Name):
        return None
    for outer, inner in zip(reversed(place.path[:-1]), reversed(place.path), strict=False):
        if isinstance(outer, ast.ClassDef) and isinstance(
            inner, (ast.FunctionDef, ast.AsyncFunctionDef)
        ):
            parameters = [*inner.args.posonlyargs, *inner.args.args]
            first = parameters[0].arg if parameters else None
            return outer if attribute.value.id == first else None
    return None


def _assigned(target: ast.Attribute, place: Place) -> ast.expr | None:
    """Return the expression that is assigned to an attribute, if it is that plain."""
    parent = place.parent()
    if isinstance(parent, ast.Assign) and target in parent.targets:
        return parent.value
    if isinstance(parent, ast.AnnAssign):
        return parent.value
    assign = place.parent(2)
    if (
        isinstance(parent, ast.Tuple)
        and isinstance(assign, ast.Assign)
        and parent in assign.targets
        and isinstance(assign.value, ast.Tuple)
        and len(assign.value.elts) == len(parent.elts)
    ):
        return assign.value.elts[parent.elts.index(target)]
    return None


def _called_name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def function_around(names: Names, place: Place) -> Holder | None:
    """Return the name under which the innermost function that `place` is in is called."""
    for index in range(len(place.path) - 1, 0, -1):
        function = place.path[index]
        if isinstance(function, FUNCTIONS):
            owner = place.path[index - 1]
            if isinstance(owner, ast.ClassDef):
                return Holder(function.name, owner=owner)
            around = Place(place.path[: index + 1])
            bound = names.bindings_of(function.name, names.scope_of(around))
            return None if bound is None else Holder(function.name, scope=bound[1])
    return None


def parameters_reached(names: Names, place: Place) -> Iterator[Holder]:
    """Yield the parameters, of functions and classes of the file, that an argument reaches."""
    keyword = place.parent()
    by_name = isinstance(keyword, ast.keyword)
    call = place.parent(2 if by_name else 1)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return
    bound = names.bindings_of(call.func.id, names.scope_of(place))
    for binding in bound[0] if bound is not None else ():
        function = _entered(binding.statement)
        if function is None:
            continue
        parameters = [*function.args.posonlyargs, *function.args.args]
        if isinstance(binding.statement, ast.ClassDef):
            parameters = parameters[1:]
        if isinstance(keyword, ast.keyword):
            name = keyword.arg
        else:
            index = call.args.index(place.node)  # type: ignore[arg-type]
            name = parameters[index].arg if index < len(parameters) else None
        scope = inner_scope_of(names, function)
        if name is not None and name in scope.bindings:
            yield Holder(name, scope=scope)


def _entered(statement: ast.stmt | None) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the function that a call of a function or class enters."""
    if isinstance(statement, FUNCTIONS):
        return statement
    if isinstance(statement, ast.ClassDef):
        for node in statement.body:
            if isinstance(node, FUNCTIONS) and node.name == "__init__":
                return node
    return None


#: `input=` or `target=`, the names under which torch's losses take their operands.
_KEYWORD = re.compile(r"(?<!\w)(?:input|target)\s*=(?!=)")


def unknown_keyword_calls(names: Names, known: set[int]) -> Iterator[ast.Call]:
    """Yield the calls by `input=` and `target=` of things that may be a loss.

    Parameters
    ----------
    names : Names
    known : set of int
        The `id` of calls of which it is known what they call.
    """
    for match in _KEYWORD.finditer(names.text):
        place = names.place_at(match.start())
        call = place.parent()
        if not isinstance(place.node, ast.keyword) or not isinstance(call, ast.Call):
            continue
        given = {keyword.arg for keyword in call.keywords}
        two = len(call.args) + len(call.keywords) == 2
        if not two or not given <= {"input", "target"} or id(call) in known:
            continue
        if _is_unknown(names, call.func, place):
            yield call


def _is_unknown(names: Names, function: ast.expr, place: Place) -> bool:
    scope = names.scope_of(place)
    if isinstance(function, ast.Call):
        return bool(names.resolve(function.func, scope) & {UNKNOWN, STAR, UNBOUND})
    meanings = names.resolve(function, scope)
    if isinstance(function, ast.Name) and meanings == {UNKNOWN}:
        bound = names.bindings_of(function.id, scope)
        values = [b.value for b in bound[0]] if bound else [None]
        return any(not isinstance(v, ast.Call) or _is_unknown(names, v, place) for v in values)
    return bool(meanings & {UNKNOWN, STAR, UNBOUND})
