"""Containers of torch modules that hold nothing but migrated losses, and become MindSpore's."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.cells import Step, holders
from migrate.holders import Holder, plain_uses, related_classes, values_of_attribute
from migrate.match import Site
from migrate.places import Place
from migrate.resolve import Names
from migrate.values import Values

#: What takes the place of a container of torch's. A CellList takes a list and nothing else.
COUNTERPARTS = {
    "ModuleList": ("mindspore.nn.CellList", (ast.List, ast.ListComp)),
    "ModuleDict": ("mindspore.nn.CellDict", (ast.Dict, ast.DictComp)),
}

#: Methods that either has, and its counterpart has with the same meaning.
_COMMON = frozenset({"append", "extend", "items", "keys", "update", "values"})


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """A call of ModuleList or ModuleDict that sites are put into.

    Attributes
    ----------
    call : ast.Call
    place : Place
        Of the call.
    name : str
        `ModuleList` or `ModuleDict`.
    sites : list of Site
    """

    call: ast.Call
    place: Place
    name: str
    sites: list[Site] = field(default_factory=list)

    @property
    def target(self) -> str:
        """The dotted path of what it becomes."""
        return COUNTERPARTS[self.name][0]


def container_of(path: str, call: ast.Call, place: Place) -> Container | None:
    """Return the container that a call of `path` makes, if it has a counterpart for its argument.

    Parameters
    ----------
    path : str
        What is called: `torch.nn.ModuleList`.
    call : ast.Call
    place : Place
        Of the call.
    """
    name = path.rpartition(".")[2]
    _, literals = COUNTERPARTS.get(name, ("", ()))
    plain = len(call.args) == 1 and not call.keywords and isinstance(call.args[0], literals)
    return Container(call, place, name) if plain else None


def stays(container: Container, names: Names, values: Values) -> str:
    """Return why a container must stay torch's, or nothing.

    It is kept by one name or attribute, holds migrated losses alone, now and later, and is used
    in no way that its counterpart lacks.
    """
    if not values.possible(container.call.args[0], (Step.ANY,)).is_migrated:
        return "which also holds something else"
    parent = container.place.parent()
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return "which is not kept by a name"
    scope = names.scope_of(container.place)
    kept = list(holders(names, parent.targets[0], scope, container.place))
    if not kept or not all(_is_only(container, holder, names) for holder in kept):
        return "which shares its name with something else"
    for holder in kept:
        if not values.held(holder, (Step.ANY,)).is_migrated:
            return "which is given something else later"
        for use in plain_uses(names, holder):
            if not _is_common(use):
                return f"which line {getattr(use.node, 'lineno', 0)} uses as torch's"
    return ""


def _is_only(container: Container, holder: Holder, names: Names) -> bool:
    if holder.owner is None:
        assert holder.scope is not None
        bound = holder.scope.bindings[holder.name]
        return [binding.value for binding in bound] == [container.call]
    values, pure = values_of_attribute(names, holder.name, related_classes(names, holder.owner))
    return pure and values == [container.call]


def _is_common(use: Place) -> bool:
    parent, node = use.parent(), use.node
    if isinstance(parent, ast.Attribute):
        return parent.attr in _COMMON and isinstance(use.parent(2), ast.Call)
    if isinstance(parent, ast.Subscript):
        return parent.value is node and not isinstance(parent.slice, ast.Slice)
    if isinstance(parent, ast.Call):
        return getattr(parent.func, "id", "") in ("len", "enumerate", "zip", "iter", "list")
    looped = isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is node
    return looped or isinstance(parent, ast.Compare)
