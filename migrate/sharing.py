"""Whether an array that torch shares the memory of may change: by its names, and by its parts'.

MindSpore copies what is not contiguous, and what `torch.Tensor` and `torch.FloatTensor` share, so
that the tensor would not see the change. Read off the text, within one scope.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.holders import called_name, uses_of_name
from migrate.places import Place

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.resolve import Names

#: What gives an array that nothing else holds.
_FRESH = frozenset(
    """
    arange array concatenate empty eye full hstack identity linspace load loadtxt ones ones_like
    repeat stack tile vstack zeros zeros_like
    """.split()  # noqa: SIM905 (a list would take a line a name)
)
_FRESH_METHODS = frozenset({"astype", "copy", "tolist"})

#: Methods of arrays, and functions of NumPy's, that change one in place.
_CHANGES = frozenset(
    """
    byteswap copyto fill itemset partition place put put_along_axis putmask resize setfield shuffle
    sort
    """.split()  # noqa: SIM905 (a list would take a line a name)
)


def may_change(names: Names, origins: Origins, place: Place) -> str | None:
    """Return the name by which the array at a place may be changed in place, or None.

    Parameters
    ----------
    names : Names
    origins : Origins
    place : Place
        Of what a tensor is made of.
    """
    work, seen = list(_roots(names, place)), set[str]()
    while work:
        root = work.pop()
        assert isinstance(root.node, ast.Name)
        bound = names.bindings_of(root.node.id, names.scope_of(root))
        if root.node.id in seen or bound is None:
            continue
        seen.add(root.node.id)
        if origins.is_changed(root) and not _holds_lists(origins, root):
            return root.node.id
        for definition in origins.definitions(root):
            value = definition.value
            if value is not None:
                found = names.place_of(value)
                work += _roots(names, found) if found is not None else ()
        for use, _ in uses_of_name(names, bound[1], root.node.id):
            if isinstance(use.node, ast.Name):
                if _changes(names, use):
                    return root.node.id
                work += _bound_to(use)
    return None


def _roots(names: Names, place: Place) -> Iterator[Place]:
    """Yield the name of which an expression is a part or a view, if it is no array of its own."""
    node = place.node
    while not isinstance(node, ast.Name):
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            place = place.down(node.value)
        elif isinstance(node, ast.Call) and not _is_fresh(names, place):
            if isinstance(node.func, ast.Attribute) and not _is_numpys(names, place):
                place = place.down(node.func)
            elif node.args:
                place = place.down(node.args[0])
            else:
                return
        else:
            return
        node = place.node
    yield place


def _is_numpys(names: Names, place: Place) -> bool:
    assert isinstance(place.node, ast.Call)
    meanings = names.resolve(place.node.func, names.scope_of(place))
    return any(meaning.startswith("numpy.") for meaning in meanings)


def _is_fresh(names: Names, place: Place) -> bool:
    assert isinstance(place.node, ast.Call)
    meanings = names.resolve(place.node.func, names.scope_of(place))
    if any(keyword.arg == "copy" for keyword in place.node.keywords):
        return False
    if all(meaning.startswith("numpy.") for meaning in meanings):
        paths = {meaning.removeprefix("numpy.") for meaning in meanings}
        return all(path in _FRESH or path.startswith("random.") for path in paths)
    return called_name(place.node) in _FRESH_METHODS


def _holds_lists(origins: Origins, place: Place) -> bool:
    """Tell whether a name holds nothing but lists, which torch copies."""
    values = [definition.value for definition in origins.definitions(place)]
    return bool(values) and all(isinstance(v, (ast.List, ast.ListComp)) for v in values)


def _changes(names: Names, use: Place) -> bool:
    """Tell whether a name is changed in place where it is read, or a part of it."""
    place = use
    while True:
        parent = place.parent()
        if isinstance(parent, ast.keyword):
            return parent.arg == "out" or _is_own(names, place.up(2))
        if isinstance(parent, ast.Call) and parent.func is not place.node:
            return called_name(parent) in _CHANGES or _is_own(names, place.up())
        if isinstance(parent, ast.Attribute) and parent.attr in _CHANGES:
            return isinstance(place.parent(2), ast.Call)
        if isinstance(parent, ast.AugAssign):
            return parent.target is place.node
        if not isinstance(parent, (ast.Attribute, ast.Subscript)) or parent.value is not place.node:
            return False
        if not isinstance(parent.ctx, ast.Load):
            return isinstance(parent, ast.Subscript)
        place = place.up()


def _is_own(names: Names, call: Place) -> bool:
    """Tell whether a function of the file is called, which may change what it is given."""
    return isinstance(call.node, ast.Call) and bool(names.functions_named(called_name(call.node)))


def _bound_to(use: Place) -> Iterator[Place]:
    """Yield the names that a statement gives the array to, or a part of it."""
    place = use
    while isinstance(place.parent(), (ast.Attribute, ast.Subscript, ast.Call)):
        parent = place.parent()
        if isinstance(parent, ast.Call) and parent.func is not place.node:
            return
        if isinstance(parent, ast.Call) and called_name(parent) in _FRESH_METHODS:
            return
        place = place.up()
    statement = place.parent()
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield place.up().down(target)
