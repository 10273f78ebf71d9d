"""Where a value is kept: a name or an attribute, and the way from there to the value within it.

`losses["ce"]` is the name `losses` and the way ("ce",); what `make()` gives is the name `make` and
the way (CALL,). Both directions of the flow, from a constructor on and back from a call, go along
such ways.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

from migrate.holders import Holder, called_name, owner_of, plain_uses
from migrate.places import Place
from migrate.resolve import Names
from migrate.scopes import COMPREHENSIONS, Scope


class Step(Enum):
    """One step into a value that is no constant key."""

    ANY = "some element"
    CALL = "what a call gives"


Key: TypeAlias = Step | str | int | bytes | float | bool | None
Way: TypeAlias = tuple[Key, ...]

#: A way longer than this is given up: no program keeps a loss so deep.
LONGEST = 4

#: Builtins whose result has the elements of their first argument.
SAME_ELEMENTS = frozenset({"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter"})

#: Methods of containers that add their last argument, or the elements of it.
ADDS = {"append": True, "appendleft": True, "add": True, "insert": True, "setdefault": True}
ADDS_ALL = frozenset({"extend", "update"})

#: Methods of containers after which an index leads elsewhere.
SHIFTS = frozenset(
    {"appendleft", "insert", "pop", "popleft", "remove", "reverse", "rotate", "sort"}
)


def meet(one: Key, other: Key) -> bool:
    """Tell whether two steps may lead to the same element."""
    if Step.CALL in (one, other):
        return one is other
    # Where an index from the end leads depends on the length.
    from_the_end = any(isinstance(step, int) and step < 0 for step in (one, other))
    return from_the_end or Step.ANY in (one, other) or one == other


def key_of(index: ast.expr) -> Key:
    """Return the step that a subscript takes; any element where it is not constant."""
    if isinstance(index, ast.Constant) and not isinstance(index.value, (complex, type(...))):
        return index.value
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
        value = getattr(index.operand, "value", None)
        return -value if isinstance(value, int) else Step.ANY
    return Step.ANY


def element(way: Way) -> Way | None:
    """Return the way on from any element of a value, or None if the way leads to no element."""
    return way[1:] if way and way[0] is not Step.CALL else None


def holders(names: Names, target: ast.expr, scope: Scope, place: Place) -> Iterator[Holder]:
    """Yield what an expression keeps a value in: a name, an attribute of `self`, or nothing."""
    if isinstance(target, ast.Name):
        bound = names.bindings_of(target.id, scope)
        if bound is None:
            return
        yield Holder(target.id, scope=bound[1])
        if isinstance(bound[1].node, ast.ClassDef):
            yield Holder(target.id, owner=bound[1].node)
    elif isinstance(target, ast.Attribute):
        owner = owner_of(target, place)
        if owner is not None:
            yield Holder(target.attr, owner=owner)


def is_fresh(value: ast.expr | None) -> bool:
    """Tell whether an expression makes a container that nothing else holds yet."""
    if isinstance(value, ast.Call):
        return called_name(value) in _MAKE_CONTAINERS
    displays = (ast.Dict, ast.List, ast.Set, ast.Tuple, *COMPREHENSIONS)
    return isinstance(value, displays)


#: What makes a new container.
_MAKE_CONTAINERS = frozenset(
    {"ModuleDict", "ModuleList", "OrderedDict", "defaultdict", "deque", "dict", "list", "set"}
)


def way_in_target(target: ast.expr, name: str) -> Way | None:
    """Return the way to what a target, perhaps a tuple of targets, binds `name` to."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    if isinstance(target, ast.Starred):
        inner = way_in_target(target.value, name)
        return None if inner is None else (Step.ANY, *inner)
    if isinstance(target, (ast.Tuple, ast.List)):
        for index, each in enumerate(target.elts):
            starred = any(isinstance(before, ast.Starred) for before in target.elts[:index])
            inner = way_in_target(each, name)
            if inner is not None and isinstance(each, ast.Starred):
                return inner
            if inner is not None:
                return (Step.ANY if starred else index, *inner)
    return None


def is_at(step: Key, index: int, length: int) -> bool:
    """Tell whether a step into a sequence may lead to its element at `index`."""
    if isinstance(step, int) and step < 0:
        return index == length + step
    return meet(step, index)


def before_reading(method: str, way: Way) -> Way | None:
    """Return the way within a container to what a reading method gives on `way`."""
    if method == "copy":
        return way
    if method == "values":
        return (Step.ANY, *way[1:])
    if method == "items":
        inside = way[1:]
        return (Step.ANY, *inside[1:]) if inside and inside[0] in (1, Step.ANY) else None
    return None


def _is_named(keyword: ast.keyword, step: Key) -> bool:
    return keyword.arg is None or meet(keyword.arg, step)


def before_builtin(name: str, call: ast.Call, way: Way) -> list[tuple[ast.expr, Way]] | None:
    """Return where what a builtin gives on `way` comes from; None where that is not known."""
    rest = element(way)
    named = [(k.value, way if k.arg is None else rest or ()) for k in call.keywords]
    if name == "dict" and not call.args and rest is not None:
        return [each for each, k in zip(named, call.keywords, strict=True) if _is_named(k, way[0])]
    if any(isinstance(value, ast.Starred) for value in call.args) or not call.args:
        return None
    if name == "next":
        return [(call.args[0], (Step.ANY, *way)), *((value, way) for value in call.args[1:])]
    if (name == "getattr" and len(call.args) > 1) or rest is None:
        return None
    if name in SAME_ELEMENTS:
        return [(call.args[0], (Step.ANY, *rest))]
    if name == "dict" and len(call.args) == 1:
        return [(call.args[0], way), *named]
    pair = element(rest)
    if pair is None:
        return None
    if name == "enumerate":
        return [(call.args[0], (Step.ANY, *pair))] if rest[0] in (1, Step.ANY) else []
    if name == "zip":
        return [
            (value, (Step.ANY, *pair))
            for index, value in enumerate(call.args)
            if meet(rest[0], index)
        ]
    return None


def is_shifted(names: Names, holder: Holder, step: int) -> bool:
    """Tell whether an index into a container may lead elsewhere than where it was put."""
    shifts = SHIFTS | ADDS.keys() | ADDS_ALL if step < 0 else SHIFTS
    for use in plain_uses(names, holder):
        parent = use.parent()
        if isinstance(parent, ast.Attribute) and parent.attr in shifts:
            return True
        if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Del):
            return True
        if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Slice):
            return not isinstance(parent.ctx, ast.Load)
    return False


def stored(names: Names, holder: Holder) -> Iterator[tuple[ast.expr, Key]]:
    """Yield what `holder[key] = value` puts into a container."""
    for use in plain_uses(names, holder):
        subscript, assign = use.parent(), use.parent(2)
        if not isinstance(subscript, ast.Subscript) or isinstance(subscript.ctx, ast.Load):
            continue
        if isinstance(assign, ast.Assign) and subscript in assign.targets:
            yield assign.value, key_of(subscript.slice)
