"""The names and attributes that an instance is bound to: what they hold, who reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

from migrate.functions import fields
from migrate.places import Place, below
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS, Scope, last_name
from migrate.stars import is_other_framework


@dataclass(frozen=True, slots=True)
class Holder:
    """A name or an attribute that an instance is bound to."""

    name: str
    scope: Scope | None = None  # of a name
    owner: ast.ClassDef | None = None  # of `self.name`


#: Functions that give back what they are given, or something that behaves like it.
HAND_BACK = frozenset(
    {"DataParallel", "DistributedDataParallel", "cast", "compile", "copy", "deepcopy", "prepare"}
)


def values_of_name(names: Names, scope: Scope, name: str) -> tuple[list[ast.expr], bool]:
    """Return what `name` is assigned in `scope`, and whether that is all that binds it."""
    bindings = scope.bindings[name]
    values = [binding.value for binding in bindings if binding.value is not None]
    pure = len(values) == len(bindings) and not names.is_rebound_from_within(name)
    return values, pure


def uses_of_name(names: Names, scope: Scope, name: str) -> Iterator[tuple[Place, bool]]:
    """Yield where the name of `scope` is read, within it or in a function inside it."""
    key = (name, scope)
    if key not in names.reads:
        names.reads[key] = list(_reads_of_name(names, scope, name))
    yield from names.reads[key]


def _reads_of_name(names: Names, scope: Scope, name: str) -> Iterator[tuple[Place, bool]]:
    for _, place in _occurrences(names, scope, name):
        node = place.node
        if isinstance(node, ast.JoinedStr) and _holds(node, name):
            yield place, True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            seen = list(scopes_seen(names, name, names.scope_of(place)))
            if scope in seen:
                yield place, len(seen) == 1


def scopes_seen(names: Names, name: str, scope: Scope | None) -> Iterator[Scope]:
    """Yield the scopes of which a read of `name` in `scope` may see the name.

    In a class body it is the outer one until the class binds its own: `loss = loss`.
    """
    while scope is not None:
        bound = names.bindings_of(name, scope)
        if bound is None:
            return
        yield bound[1]
        scope = bound[1].parent if bound[1].is_class else None


def _occurrences(names: Names, scope: Scope, name: str) -> Iterator[tuple[int, Place]]:
    node = scope.node
    start, end = 0, len(names.text)
    if isinstance(node, (ast.expr, ast.stmt)):
        start, end = names.start(node), names.end(node)
    return names.places_of(name, start, end)


def values_of_attribute(
    names: Names, name: str, related: list[ast.ClassDef], *, through_bases: bool = False
) -> tuple[list[ast.expr], bool]:
    """Return what `self.name` is assigned in the classes, and whether that is all.

    With `through_bases`, classes of other files that they inherit from are left to the caller.
    """
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
            if isinstance(parent, ast.Call) and called_name(parent) in _SETTERS:
                pure = False
    if _writes_tables(names.text) or _sets_anything(names):
        pure = False
    for owner in related:
        scope = inner_scope_of(names, owner)
        for binding in scope.bindings.get(name, ()):
            # An annotated one may be a field that callers set.
            plain = isinstance(binding.statement, ast.Assign) or name in fields(owner)
            pure = pure and binding.value is not None and plain
            values += [binding.value] if binding.value is not None else []
    return values, pure and (through_bases or not has_foreign_base(names, related))


#: Writing to the table of an instance's attributes.
_WRITES_TABLES = re.compile(
    r"(?:\bvars\(\s*self\s*\)|__dict__)\s*(?:\.update|\.setdefault|\[|=[^=]|\|=)"
)


@lru_cache(4)
def _writes_tables(text: str) -> bool:
    may_write = "__dict__" in text or "vars(" in text
    return may_write and _WRITES_TABLES.search(text) is not None


#: What sets an attribute that it is given by its name.
_SETTERS = frozenset({"setattr", "__setattr__", "add_module", "register_module"})


def _sets_anything(names: Names) -> bool:
    """Tell whether the file sets attributes whose names only running it shows."""
    for word in sorted(_SETTERS):
        for _, place in names.places_of(word):
            call = place.parent()
            if isinstance(call, ast.Call) and call.func is place.node:
                literal = any(
                    isinstance(a, ast.Constant) and isinstance(a.value, str) for a in call.args[:2]
                )
                if not literal:
                    return True
    return False


def inner_scope_of(
    names: Names, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> Scope:
    """Return the scope that a class or function of the file opens."""
    known = names.opened(node)
    if known is not None:
        return known
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
            if owner in related or (owner is None and not _is_of_framework(names, place)):
                yield place, owner is not None
        elif isinstance(node, ast.Constant) and node.value == name:
            call = place.parent()
            if isinstance(call, ast.Call) and called_name(call) == "getattr":
                yield place.up(), False


def _is_of_framework(names: Names, place: Place) -> bool:
    """Tell whether an attribute is that of a module of torch or MindSpore, and of no object."""
    node = place.node
    assert isinstance(node, ast.Attribute)
    meanings = names.resolve(node, names.scope_of(place))
    return all(m.startswith("torch.") or is_other_framework(m) for m in meanings)


def uses_of(names: Names, holder: Holder) -> Iterator[tuple[Place, bool]]:
    """Yield where a name or an attribute is read, and whether it is surely that one."""
    if holder.scope is not None:
        return uses_of_name(names, holder.scope, holder.name)
    assert holder.owner is not None
    return uses_of_attribute(names, holder.name, related_classes(names, holder.owner))


def plain_uses(names: Names, holder: Holder) -> Iterator[Place]:
    """Yield where a name or an attribute is read, but for f-strings."""
    for place, _ in uses_of(names, holder):
        if not isinstance(place.node, ast.JoinedStr):
            yield place


def related_classes(names: Names, owner: ast.ClassDef) -> list[ast.ClassDef]:
    """Return `owner`, its bases and its subclasses, as far as this file has them.

    By their last names, wherever they stand: one class too many does no harm here.
    """
    if owner not in names.families:
        order = {each: at for at, each in enumerate(names.classes)}
        family = {owner: None}
        todo = [owner]
        for member in todo:
            near = set(names.heirs_by_name.get(member.name, ()))
            for base in member.bases:
                near.update(names.classes_by_name.get(last_name(base), ()))
            found = sorted(near - family.keys(), key=order.__getitem__)
            family |= dict.fromkeys(found)
            todo += found
        names.families[owner] = list(family)
    return names.families[owner]


def has_foreign_base(names: Names, classes: Sequence[ast.ClassDef]) -> bool:
    """Tell whether a class inherits from another file of the project."""
    return next(foreign_bases(names, classes), None) is not None


def foreign_bases(
    names: Names, classes: Sequence[ast.ClassDef]
) -> Iterator[tuple[ast.expr, Place]]:
    """Yield the bases that come from other files of the project, each with a place near it."""
    for each in classes:
        if each not in names.foreign:
            place = names.place_at(names.start(each))
            names.foreign[each] = [(b, place) for b in each.bases if _is_foreign(names, b, place)]
        yield from names.foreign[each]


def _is_foreign(names: Names, base: ast.expr, place: Place) -> bool:
    root = names.package.partition(".")[0]
    return any(
        meaning.startswith(".")
        or (root and meaning.partition(".")[0] == root)
        or _is_of_project(names, meaning)
        for meaning in names.resolve(base, names.scope_of(place))
    )


def _is_of_project(names: Names, meaning: str) -> bool:
    return names.project is not None and names.project.is_known(meaning, names.path)


def owner_of(attribute: ast.Attribute, place: Place) -> ast.ClassDef | None:
    """Return the class whose instance `self` is in `self.name`, or None for another receiver."""
    if not isinstance(attribute.value, ast.Name):
        return None
    name = attribute.value.id
    for outer, inner in zip(reversed(place.path[:-1]), reversed(place.path), strict=False):
        if not isinstance(inner, (*FUNCTIONS, ast.Lambda)):
            continue
        parameters = [*inner.args.posonlyargs, *inner.args.args]
        if name not in {parameter.arg for parameter in parameters}:
            continue
        if (
            not isinstance(outer, ast.ClassDef)
            or isinstance(inner, ast.Lambda)
            or parameters[0].arg != name
            or any(last_name(d) == "staticmethod" for d in inner.decorator_list)
            or name in _stored(inner)
        ):
            return None
        return outer
    return None


def _stored(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Return the names that are assigned anywhere in a function."""
    if function not in _STORED:
        found: set[str] = set()
        todo: list[ast.AST] = [function]
        while todo:
            node = todo.pop()
            if not isinstance(node, ast.Name):
                todo += below(node)
            elif not isinstance(node.ctx, ast.Load):
                found.add(node.id)
        _STORED[function] = frozenset(found)
    return _STORED[function]


#: Walked once: a class of many methods is asked about at each use of its attributes.
_STORED: WeakKeyDictionary[ast.AST, frozenset[str]] = WeakKeyDictionary()


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


def called_name(call: ast.Call) -> str:
    """Return the last name of what is called."""
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


def methods(
    classes: Sequence[ast.ClassDef], name: str
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the methods of that name."""
    for owner in classes:
        for node in owner.body:
            if isinstance(node, FUNCTIONS) and node.name == name:
                yield node
