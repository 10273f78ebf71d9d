"""What an expression of a file may be: which loss, another loss of torch, or anything at all.

This looks backwards, from a call to whatever may have got there, and takes every way into account:
what is not understood is anything. Read-only.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Sequence
from enum import Enum
from itertools import islice
from typing import NamedTuple

from migrate.abroad import bases_abroad, defined, definitions, heirs_abroad, name_of, set_abroad
from migrate.attributes import DEVICE_METHODS, TORCH_CONTAINERS, is_torch_loss
from migrate.callers import Callers
from migrate.cells import (
    ADDS,
    ADDS_ALL,
    LONGEST,
    SAME_ELEMENTS,
    Key,
    Step,
    Way,
    before_builtin,
    before_reading,
    element,
    holders,
    is_at,
    is_shifted,
    key_of,
    meet,
    stored,
    way_in_target,
)
from migrate.functions import (
    field_default,
    fields,
)
from migrate.holders import (
    HAND_BACK,
    Holder,
    called_name,
    plain_uses,
    related_classes,
    scopes_seen,
    values_of_attribute,
)
from migrate.match import Site
from migrate.parameters import field_order
from migrate.places import Place
from migrate.possible import ANYTHING, NOTHING, OPEN, Part, Possible, settled
from migrate.resolve import UNBOUND, Names
from migrate.scopes import COMPREHENSIONS, FUNCTIONS, Binding, Scope


class _Look(Enum):
    """In which direction the classes of other files are looked at from a class."""

    BOTH = "both"
    UP = "bases"
    DOWN = "heirs"


class _Question(NamedTuple):
    """What an expression, or a name, may be on a way."""

    values: Values
    of: ast.expr | Holder
    way: Way
    look: _Look = _Look.BOTH


class Values:
    """Answers what the expressions of one file may be.

    Parameters
    ----------
    names : Names
    sites : sequence of Site
        The constructors that are to be rewritten.
    """

    def __init__(
        self, names: Names, sites: Sequence[Site], known: dict[int, Values] | None = None
    ) -> None:
        self.names = names
        # By the `id` of names, those of other files, where sites count as losses of torch's.
        self._known = {} if known is None else known
        home = next(iter(self._known.values()), None)
        self._answers: dict[Hashable, Possible] = {} if home is None else home._answers
        # What is too much to be answered may be any of the sites, beside all else.
        every = Possible(frozenset(map(id, sites)), other=True)
        self._lost: Possible = every if home is None else home._lost
        self._known[id(names)] = self
        self._shifted: dict[tuple[Holder, bool], bool] = {}
        self.by_call = {id(site.call): site for site in sites}
        self._callers = Callers(names, self._ask, lambda other: self.at(other)._ask)

    def at(self, names: Names) -> Values:
        """Return the values of another file of the project."""
        if id(names) not in self._known:
            Values(names, (), self._known)
        return self._known[id(names)]

    def possible(self, node: ast.expr, way: Way = ()) -> Possible:
        """Return what may be found on the way from the value of `node`."""
        return self._answer(_Question(self, node, way))

    def held(self, holder: Holder, way: Way) -> Possible:
        """Return what may be found on the way from what a name or attribute holds."""
        return self._answer(_Question(self, holder, way))

    def _ask(self, of: ast.expr | Holder, way: Way = (), look: _Look = _Look.BOTH) -> Part:
        return Part(asks=(_Question(self, of, way, look),))

    def _answer(self, root: _Question) -> Possible:
        return settled(root, _part, self._answers, self._lost)

    def look(self, of: ast.expr | Holder, way: Way, look: _Look) -> Part:
        """Return what one look tells, and what is to be asked next."""
        if len(way) > LONGEST:
            return ANYTHING
        return self._held(of, way, look) if isinstance(of, Holder) else self._possible(of, way)

    def _union(self, nodes: Sequence[tuple[ast.expr, Way]]) -> Part:
        return Part(asks=tuple(_Question(self, node, way) for node, way in nodes))

    def _possible(self, node: ast.expr, way: Way) -> Part:
        match node:
            case ast.Constant(value=None):
                return NOTHING
            case ast.IfExp():
                return self._union([(node.body, way), (node.orelse, way)])
            case ast.BoolOp():
                return self._union([(value, way) for value in node.values])
            case ast.NamedExpr():
                return self._ask(node.value, way)
            case ast.Call():
                return self._of_call(node, way)
            case ast.Name() | ast.Attribute():
                return self._of_reference(node, way)
            case ast.Subscript():
                return self._of_subscript(node, way)
            case ast.Lambda() if way and way[0] is Step.CALL:
                return self._ask(node.body, way[1:])
        if way and way[0] is not Step.CALL:
            return self._of_literal(node, way)
        return ANYTHING

    def _of_subscript(self, node: ast.Subscript, way: Way) -> Part:
        if not isinstance(node.slice, ast.Slice):
            return self._ask(node.value, (key_of(node.slice), *way))
        rest = element(way)
        return ANYTHING if rest is None else self._ask(node.value, (Step.ANY, *rest))

    # -- literals ------------------------------------------------------------------------------

    def _of_literal(self, node: ast.expr, way: Way) -> Part:
        first, rest = way[0], way[1:]
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            inside: list[tuple[ast.expr, Way]] = []
            starred = isinstance(node, ast.Set)
            for index, each in enumerate(node.elts):
                if isinstance(each, ast.Starred):
                    starred = True
                    inside.append((each.value, (Step.ANY, *rest)))
                elif starred or is_at(first, index, len(node.elts)):
                    inside.append((each, rest))
            return self._union(inside)
        if isinstance(node, ast.Dict):
            return self._union(
                [
                    (value, way) if key is None else (value, rest)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if key is None or meet(key_of(key), first)
                ]
            )
        if isinstance(node, ast.DictComp):
            return self._ask(node.value, rest)
        if isinstance(node, COMPREHENSIONS):
            assert not isinstance(node, ast.DictComp)
            return self._ask(node.elt, rest)
        return ANYTHING

    # -- calls ---------------------------------------------------------------------------------

    def _of_call(self, call: ast.Call, way: Way) -> Part:
        site = self.by_call.get(id(call))
        if site is not None:
            return ANYTHING if way else Part(Possible(frozenset({id(site)})))
        place = self.names.place_of(call)
        if place is None:
            return ANYTHING
        scope = self.names.scope_of(place)
        meanings = self.names.resolve(call.func, scope)
        if not way and any(map(is_torch_loss, meanings)):
            return Part(Possible(losses=True, other=not all(map(is_torch_loss, meanings))))
        if way and meanings <= TORCH_CONTAINERS and call.args:
            return self._ask(call.args[0], way)
        function, first = call.func, call.args[0] if call.args else None
        if isinstance(function, ast.Attribute):
            if function.attr in DEVICE_METHODS and not way:
                return self._ask(function.value)
            if function.attr == "get" and call.args:
                inside = (key_of(call.args[0]), *way)
                defaults = [(value, way) for value in call.args[1:]]
                return self._union([(function.value, inside), *defaults])
            inner = before_reading(function.attr, way) if way else None
            if inner is not None:
                return self._ask(function.value, inner)
        if first is not None and called_name(call) in HAND_BACK:
            found = self._ask(call.args[-1] if called_name(call) == "cast" else first, way)
            exactly = self.names.resolve(function, scope) <= _SAME
            return found if exactly else found | OPEN
        if isinstance(function, ast.Name) and self.names.lookup(function.id, scope) == {UNBOUND}:
            inner_way = before_builtin(function.id, call, way)
            if inner_way is not None:
                return self._union(inner_way)
        return self._ask(function, (Step.CALL, *way))

    # -- names and attributes --------------------------------------------------------------------

    def _of_reference(self, node: ast.Name | ast.Attribute, way: Way) -> Part:
        place = self.names.place_of(node)
        if place is None:
            return ANYTHING
        scope = self.names.scope_of(place)
        kept = list(holders(self.names, node, scope, place))
        if not kept:
            return self._elsewhere(defined(self.names, node, place), way)
        return self._ask(kept[0], way)

    def _held(self, holder: Holder, way: Way, look: _Look) -> Part:
        if element(way) is not None and self.is_shifted(holder, way[0]):
            way = (Step.ANY, *way[1:])
        if holder.scope is not None:
            found = self._of_name(holder, way)
        else:
            found = self._of_attribute(holder, way, look)
        for names, value in set_abroad(self.names, holder):
            found |= ANYTHING if value is None else self.at(names)._ask(value, way)
        return found | self._added(holder, way)

    def _of_name(self, holder: Holder, way: Way) -> Part:
        assert holder.scope is not None
        scope, found = holder.scope, NOTHING
        if self.names.is_rebound_from_within(holder.name):
            found = ANYTHING
        for binding in scope.bindings[holder.name]:
            found |= self._bound(binding, holder, scope, way)
        if scope.is_class:
            for outer in islice(scopes_seen(self.names, holder.name, scope.parent), 1):
                found |= self._ask(Holder(holder.name, scope=outer), way)
        return found

    def _bound(self, binding: Binding, holder: Holder, scope: Scope, way: Way) -> Part:
        statement = binding.statement
        if binding.value is not None:
            return self._ask(binding.value, way)
        if binding.imported_from is not None and binding.alias is not None:
            found = definitions(self.names, binding.imported_from, binding.alias.name)
            return self._elsewhere(found, way)
        if isinstance(statement, FUNCTIONS) and way and way[0] is Step.CALL:
            return self._callers.returned(statement, way[1:])
        if isinstance(statement, (ast.Assign, ast.For, ast.AsyncFor)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            value = statement.value if isinstance(statement, ast.Assign) else statement.iter
            looped = () if isinstance(statement, ast.Assign) else (Step.ANY,)
            for target in targets:
                inside = way_in_target(target, holder.name)
                if inside is not None:
                    return self._ask(value, (*looped, *inside, *way))
        if isinstance(scope.node, COMPREHENSIONS):
            for generator in scope.node.generators:
                inside = way_in_target(generator.target, holder.name)
                if inside is not None:
                    return self._ask(generator.iter, (Step.ANY, *inside, *way))
        if isinstance(scope.node, (*FUNCTIONS, ast.Lambda)) and statement is None:
            return self._callers.passed(scope.node, holder.name, way)
        return ANYTHING

    def _elsewhere(self, found: Iterable[tuple[Names, Binding]], way: Way) -> Part:
        """Return what names of other files may hold."""
        union, some = NOTHING, False
        for names, binding in found:
            some, name = True, name_of(names, binding)
            if name is None:
                return ANYTHING
            union |= self.at(names)._ask(Holder(name, scope=names.module), way)
        return union if some else ANYTHING

    def _of_attribute(self, holder: Holder, way: Way, look: _Look) -> Part:
        assert holder.owner is not None
        if way and way[0] is Step.CALL:
            found = self._of_method(holder.owner, holder.name, way[1:])
            if found is not None:
                return found
        prop = self._of_property(holder.owner, holder.name, way)
        if prop is not None:
            return prop
        related = related_classes(self.names, holder.owner)
        values, pure = values_of_attribute(self.names, holder.name, related, through_bases=True)
        found = self._union([(value, way) for value in map(field_default, values) if value])
        for owner in related:
            listed = field_order(self.names, owner)
            if holder.name in (fields(owner) if listed is None else listed):
                found |= self._callers.field(owner, holder.name, way)
        # What a base sets, and what an heir does, but never what another heir of the base does.
        for names, base in bases_abroad(self.names, related) if look is not _Look.DOWN else ():
            if base is None:
                return found | ANYTHING
            found |= self.at(names)._ask(Holder(holder.name, owner=base), way, _Look.UP)
        if look is not _Look.UP:
            for names, heir in heirs_abroad(self.names, holder.owner, holder.name):
                kept = Holder(holder.name, owner=heir)
                found |= self.at(names)._ask(kept, way, _Look.DOWN)
        return found if pure else found | ANYTHING

    def _of_method(self, owner: ast.ClassDef, name: str, way: Way) -> Part | None:
        found: Part | None = None
        for each in related_classes(self.names, owner):
            for node in each.body:
                if isinstance(node, FUNCTIONS) and node.name == name:
                    found = (found or NOTHING) | self._callers.returned(node, way)
        return found

    def _of_property(self, owner: ast.ClassDef, name: str, way: Way) -> Part | None:
        for node in owner.body:
            if isinstance(node, FUNCTIONS) and node.name == name and node.decorator_list:
                marks = {ast.unparse(mark) for mark in node.decorator_list}
                if marks <= {"property", "cached_property", "functools.cached_property"}:
                    return self._callers.returned(node, way, decorated=True)
                return ANYTHING
        return None

    # -- containers ------------------------------------------------------------------------------

    def is_shifted(self, holder: Holder, step: Key) -> bool:
        """Tell whether an index may lead elsewhere than into the value that was assigned."""
        if not isinstance(step, int):
            return False
        key = (holder, step < 0)
        if key not in self._shifted:
            self._shifted[key] = is_shifted(self.names, holder, step)
        return self._shifted[key]

    def _added(self, holder: Holder, way: Way) -> Part:
        """Return what is put into a container that a name or attribute holds, later on."""
        rest = element(way)
        if rest is None:
            return NOTHING
        found = NOTHING
        for use in plain_uses(self.names, holder):
            found |= self._put(use, way, rest)
        for value, key in stored(self.names, holder):
            if meet(key, way[0]):
                found |= self._ask(value, rest)
        return found

    def _put(self, use: Place, way: Way, rest: Way) -> Part:
        parent, call = use.parent(), use.parent(2)
        if isinstance(parent, ast.Attribute) and isinstance(call, ast.Call) and call.func is parent:
            if parent.attr in ADDS and call.args:
                return self._ask(call.args[-1], rest)
            if parent.attr in ADDS_ALL:
                # What extends a list stands behind what was in it.
                into = way if parent.attr == "update" else (Step.ANY, *rest)
                given = [(value, into) for value in call.args]
                named = [(k.value, way if k.arg is None else rest) for k in call.keywords]
                return self._union([*given, *named])
            return NOTHING
        # Another name for the container, or a function that is given it, may add to it.
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.keyword)):
            return OPEN
        passed = isinstance(parent, ast.Call) and parent.func is not use.node
        if passed and called_name(parent) not in SAME_ELEMENTS | _ONLY_READ:  # type: ignore[arg-type]
            return OPEN
        return NOTHING


def _part(question: Hashable) -> Part:
    assert isinstance(question, _Question)
    return question.values.look(*question[1:])


#: Functions that give back what they are given, or a copy of it.
_SAME = frozenset({"copy.copy", "copy.deepcopy", "typing.cast", "typing_extensions.cast"})

#: Builtins that are given a container and do not change it.
_ONLY_READ = frozenset({"len", "enumerate", "zip", "dict", "print", "any", "all", "isinstance"})
