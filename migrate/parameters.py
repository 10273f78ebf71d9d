"""Which parameter of a function, or field of a class, an argument is given to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrate.functions import fields
from migrate.holders import Holder, inner_scope_of, methods, owner_of, related_classes
from migrate.places import Place
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS, last_name


def parameters_reached(names: Names, place: Place) -> Iterator[Holder]:
    """Yield the parameters, of functions and classes of the file, that an argument reaches."""
    keyword = place.parent()
    by_name = isinstance(keyword, ast.keyword)
    call = place.parent(2 if by_name else 1)
    if not isinstance(call, ast.Call):
        return
    for function, is_bound in _entered(names, call, place):
        yield from parameter(names, function, call, place, is_bound=is_bound)


def parameter(
    names: Names,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    call: ast.Call,
    place: Place,
    *,
    is_bound: bool,
) -> Iterator[Holder]:
    """Yield the parameter of a function, in the file of `names`, that an argument reaches."""
    keyword = place.parent()
    listed = [*function.args.posonlyargs, *function.args.args][is_bound:]
    if isinstance(keyword, ast.keyword):
        name = keyword.arg
    else:
        index = call.args.index(place.node)  # type: ignore[arg-type]
        name = listed[index].arg if index < len(listed) else None
    scope = inner_scope_of(names, function)
    if name is not None and name in scope.bindings:
        yield Holder(name, scope=scope)


def field_order(names: Names, owner: ast.ClassDef) -> list[str] | None:
    """Return the fields in the order in which a class takes them, those of its bases first.

    None where it cannot be told: of a base in another file, and where a field is not taken.
    """
    todo = [owner]
    while todo:
        bases = (_base_above(names, todo[-1], base) for base in todo[-1].bases)
        above = [base for base in bases if base is not None and base not in names.orders]
        if not above:
            each = todo.pop()
            names.orders[each] = _order_below(names, each)
        todo += above
    return names.orders[owner]


def _base_above(names: Names, owner: ast.ClassDef, base: ast.expr) -> ast.ClassDef | None:
    """Return the class of the file that a base of `owner` is, by its name."""
    found = [c for c in names.classes_by_name.get(last_name(base), ()) if c is not owner]
    return found[0] if len(found) == 1 and found[0].lineno <= owner.lineno else None


def _order_below(names: Names, owner: ast.ClassDef) -> list[str] | None:
    """Return the fields of a class, where those of its bases are known."""
    if any(isinstance(node, FUNCTIONS) and node.name == "__init__" for node in owner.body):
        return []
    own, listed = fields(owner), dict[str, None]()
    for base in reversed(owner.bases):
        above = _base_above(names, owner, base)
        if above is not None:
            inherited = names.orders[above]
            if inherited is None:
                return None
            listed |= dict.fromkeys(inherited)
        elif own and last_name(base) not in _WITHOUT_FIELDS:
            return None
    given = ast.unparse([*owner.decorator_list, *own.values()]) if own else ""  # type: ignore[arg-type]
    return None if _NOT_TAKEN.search(given) else [*(listed | dict.fromkeys(own))]


#: Bases of a dataclass that have no fields.
_WITHOUT_FIELDS = frozenset({"ABC", "Generic", "NamedTuple", "Protocol", "object"})

#: What keeps a field from being taken, or from being taken by position.
_NOT_TAKEN = re.compile(r"\b(?:init=|kw_only=|KW_ONLY\b)")


def field_reached(names: Names, owner: ast.ClassDef, call: ast.Call, place: Place) -> str | None:
    """Return the field of a dataclass that an argument of its constructor is."""
    listed, keyword = field_order(names, owner), place.parent()
    if listed is None:
        return None
    if isinstance(keyword, ast.keyword):
        return keyword.arg if keyword.arg in listed else None
    index = call.args.index(place.node)  # type: ignore[arg-type]
    return listed[index] if index < len(listed) else None


def _entered(
    names: Names, call: ast.Call, place: Place
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Yield the functions of the file that a call may enter, and whether `self` goes before."""
    if isinstance(call.func, ast.Name):
        bound = names.bindings_of(call.func.id, names.scope_of(place))
        for binding in bound[0] if bound is not None else ():
            statement = binding.statement
            if isinstance(statement, FUNCTIONS):
                yield statement, False
            elif isinstance(statement, ast.ClassDef):
                yield from ((f, True) for f in methods([statement], "__init__"))
    elif isinstance(call.func, ast.Attribute):
        owner = owner_of(call.func, place)
        classes = names.classes if owner is None else related_classes(names, owner)
        for function in methods(classes, call.func.attr):
            marks = {last_name(mark) for mark in function.decorator_list}
            yield function, "staticmethod" not in marks
