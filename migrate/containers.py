"""Containers of torch modules that hold nothing but migrated losses, and become MindSpore's."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.abroad import definitions, uses_abroad
from migrate.cell import is_taken
from migrate.cells import Step, holders
from migrate.holders import (
    Holder,
    called_name,
    plain_uses,
    related_classes,
    values_of_attribute,
    values_of_name,
)
from migrate.match import Refusal, Site
from migrate.places import Place
from migrate.resolve import Names
from migrate.routes import CONTAINER_NAMES, Routes
from migrate.values import Values

#: What takes the place of a container of torch's. A CellList takes a list and nothing else.
COUNTERPARTS = {
    "ModuleList": ("mindspore.nn.CellList", (ast.List, ast.ListComp)),
    "ModuleDict": ("mindspore.nn.CellDict", (ast.Dict, ast.DictComp)),
}

#: Methods that either has, and its counterpart has with the same meaning.
_COMMON = frozenset({"append", "extend", "items", "keys", "update", "values"})
_CHANGING = frozenset({"append", "extend", "update"})


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
    given = container.call.args[0]
    is_empty = not getattr(given, "elts", True) or not getattr(given, "keys", True)
    if not (is_empty or values.possible(given, (Step.ANY,)).is_migrated):
        return "which also holds something else"
    if isinstance(given, ast.Dict) and not all(map(_is_key, given.keys)):
        return "with a key that CellDict refuses"
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
        here = ((names, use) for use in plain_uses(names, holder))
        for where, use in itertools.chain(here, uses_abroad(names, holder)):
            if not _is_common(use, is_dict=isinstance(given, (ast.Dict, ast.DictComp))):
                line = f"line {getattr(use.node, 'lineno', 0)}"
                file = "" if where is names else f" of {where.shown}"
                return f"which {line}{file} uses as torch's"
    return ""


def torch_containers(names: Names, holder: Holder) -> Iterator[tuple[Names, ast.Call]]:
    """Yield the calls of torch's containers that a name or attribute may hold.

    Each with the names of its file.
    """
    if holder.scope is not None:
        given, _ = values_of_name(names, holder.scope, holder.name)
        every = [(names, value) for value in given]
        for binding in holder.scope.bindings[holder.name]:
            if binding.imported_from is not None and binding.alias is not None:
                found = definitions(names, binding.imported_from, binding.alias.name)
                every += [(other, each.value) for other, each in found if each.value is not None]
    else:
        assert holder.owner is not None
        related = related_classes(names, holder.owner)
        given, _ = values_of_attribute(names, holder.name, related)
        every = [(names, value) for value in given]
    for where, value in every:
        if isinstance(value, ast.Call) and called_name(value) in CONTAINER_NAMES:
            scope = where.scope_of(Place(where.place_at(where.start(value)).path))
            meanings = where.resolve(value.func, scope)
            if any(meaning.startswith("torch.nn.") for meaning in meanings):
                yield where, value


class Containers:
    """The containers that the sites of one file are put into, as far as they are known.

    Parameters
    ----------
    names : Names
        Of the file that is followed.
    home : Names
        Of the file of the constructors: only a container that is made there may change.
    """

    def __init__(self, names: Names, home: Names) -> None:
        self._names = names
        self._home = home
        self._routes = Routes(names)
        self._by_call: dict[int, Container] = {}

    def __iter__(self) -> Iterator[Container]:
        return iter(self._by_call.values())

    def put(self, site: Site, path: str, call: ast.Call, place: Place) -> Refusal | None:
        """Put a site into what a call of `path` at `place` makes, or return why it cannot be."""
        if self._names is not self._home:
            where = f"line {call.lineno} of {self._names.shown}"
            return Refusal("torch-container", f"{where} puts it into {path}")
        container = self._by_call.get(id(call)) or container_of(path, call, place)
        if container is None:
            return Refusal("torch-container", f"line {call.lineno} puts it into {path}")
        self._by_call[id(call)] = container
        container.sites.append(site)
        return None

    def add(self, site: Site, holder: Holder) -> list[Refusal]:
        """Put a site into all containers that `holder` holds; return why it cannot be."""
        refusals = []
        for names, call in torch_containers(self._names, holder):
            found = self._by_call.get(id(call))
            place = names.place_of(call)
            if found is None and names is self._home and place is not None:
                meaning = self._routes.torch_container(call, place)
                found = container_of(meaning, call, place)
            if found is None:
                where = "" if names is self._home else f" of {names.shown}"
                reason = f"it is put into what line {call.lineno}{where} makes"
                refusals.append(Refusal("torch-container", reason))
            elif site not in found.sites:
                self._by_call[id(call)] = found
                found.sites.append(site)
        return refusals


#: The keys that a CellDict takes, unless a Cell has an attribute of that name.
_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _is_key(key: ast.expr | None) -> bool:
    """Tell whether a CellDict takes a key, as far as it is written out."""
    if not isinstance(key, ast.Constant):
        return True
    name = key.value
    return isinstance(name, str) and _KEY.fullmatch(name) is not None and not is_taken(name)


def _is_only(container: Container, holder: Holder, names: Names) -> bool:
    if holder.owner is None:
        assert holder.scope is not None
        bound = holder.scope.bindings[holder.name]
        return [binding.value for binding in bound] == [container.call]
    values, pure = values_of_attribute(names, holder.name, related_classes(names, holder.owner))
    return pure and values == [container.call]


def _is_common(use: Place, *, is_dict: bool) -> bool:
    parent, node = use.parent(), use.node
    if isinstance(parent, ast.Attribute):
        call = use.parent(2)
        if parent.attr not in _COMMON or not isinstance(call, ast.Call):
            return False
        if parent.attr in _CHANGING:
            # torch's give the container back; MindSpore's take a list, and give nothing.
            taken = (ast.Dict, ast.DictComp) if is_dict else (ast.List, ast.ListComp)
            plain = parent.attr == "append" or (len(call.args) == 1 and not call.keywords)
            fits = parent.attr == "append" or isinstance(call.args[0], taken)
            keys = call.args[0].keys if fits and isinstance(call.args[0], ast.Dict) else []
            return (
                isinstance(use.parent(3), ast.Expr) and plain and fits and all(map(_is_key, keys))
            )
        return True
    if isinstance(parent, ast.Subscript):
        plain = parent.value is node and not isinstance(parent.slice, ast.Slice)
        return plain and (not is_dict or _is_key(parent.slice))
    if isinstance(parent, ast.Call):
        return getattr(parent.func, "id", "") in ("len", "enumerate", "zip", "iter", "list")
    looped = isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is node
    return looped or isinstance(parent, ast.Compare)
