"""Where a tensor may come from: back over names, containers, attributes, parameters and returns.

`migrate/origins.py` asks what a value is made of for certain, within a scope. Here one way through
the file is enough: of a name, by the assignments that a read may see; of an attribute or a
container, by whatever the file ever puts there. Read-only.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from migrate.called import functions, given_to
from migrate.cells import (
    ADDS,
    ADDS_ALL,
    LONGEST,
    Key,
    Step,
    before_builtin,
    before_reading,
    is_at,
    key_of,
    meet,
    way_in_target,
)
from migrate.functions import own_nodes
from migrate.holders import Holder, plain_uses
from migrate.places import Place
from migrate.resolve import UNBOUND
from migrate.scopes import COMPREHENSIONS
from migrate.spread import NO_TENSOR, SAME

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.reaching import Definition
    from migrate.resolve import Names


@dataclass(frozen=True, slots=True)
class _Field:
    """A step to what an object has under a name: it leads into no container."""

    name: str


Way: TypeAlias = tuple[Key | _Field, ...]
Spot: TypeAlias = tuple[Place, Way]
_Leaf = TypeVar("_Leaf")

#: Builtins that give an element of what they are given, or a sum of elements.
_OF_ELEMENTS = frozenset({"max", "min", "sum"})


class Trace(Generic[_Leaf]):
    """Follows values of one file back to the expressions that are asked for.

    Parameters
    ----------
    names : Names
    origins : Origins
    leaf : callable
        What an expression is, at whose place the way ends; None where it goes on.
    words : frozenset of str
        The names that may hold what the leaves give, by `migrate.spread`: no other is followed.
    computed : bool
        Whether what an unknown function gives counts as made of its arguments.
    """

    def __init__(
        self,
        names: Names,
        origins: Origins,
        leaf: Callable[[Place], _Leaf | None],
        words: frozenset[str],
        *,
        computed: bool = False,
    ) -> None:
        self.words, self.computed = words, computed
        self.names, self.origins, self.leaf = names, origins, leaf
        self._back: dict[tuple[int, Way], list[Spot]] = {}
        # By name, scope and way, what is put there anywhere in the file.
        self._known: dict[tuple[str, int, Way], list[Spot]] = {}
        # From where no way leads to a leaf: most that is asked about is no loss.
        self._dead: set[tuple[int, Way]] = set()

    def of(self, place: Place, *, inside: bool = False) -> list[_Leaf]:
        """Return the leaves that the value at a place may come from, each once.

        With `inside`, those that an element of the value may come from.
        """
        found: dict[_Leaf, None] = {}
        seen: set[tuple[int, Way]] = set()
        work: list[Spot] = [(place, (Step.ANY,) if inside else ())]
        while work:
            at, way = work.pop()
            key = (id(at.node), way)
            if key in seen or key in self._dead or len(way) > LONGEST:
                continue
            seen.add(key)
            if isinstance(at.node, ast.Name) and at.node.id not in self.words:
                continue
            # An element of a tensor is a tensor.
            leaf = None if any(isinstance(step, _Field) for step in way) else self.leaf(at)
            if leaf is not None:
                found[leaf] = None
                continue
            if key not in self._back:
                self._back[key] = list(self._before(at, way))
            work += reversed(self._back[key])
        if not found:
            self._dead |= seen
        return list(found)

    # -- one step back ---------------------------------------------------------------------------

    def _before(self, place: Place, way: Way) -> Iterator[Spot]:
        node = place.node
        match node:
            case ast.NamedExpr() | ast.Await() | ast.Starred():
                yield place.down(node.value), way
            case ast.IfExp():
                yield place.down(node.body), way
                yield place.down(node.orelse), way
            case ast.BoolOp():
                for value in node.values:
                    yield place.down(value), way
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                yield place.down(node.operand), way
            case ast.BinOp() if not _is_text(node.left):
                yield place.down(node.left), way
                yield place.down(node.right), way
            case ast.Subscript():
                inside = way if isinstance(node.slice, ast.Slice) else (key_of(node.slice), *way)
                yield place.down(node.value), inside
            case ast.Attribute():
                yield from self._of_attribute(place, node, way)
            case ast.Name():
                yield from self._of_name(place, way)
            case ast.Call():
                yield from self._of_call(place, node, way)
            case _ if way and not isinstance(way[0], _Field):
                yield from _of_display(place, way[0], way[1:])

    def _of_attribute(self, place: Place, node: ast.Attribute, way: Way) -> Iterator[Spot]:
        if node.attr in SAME:
            yield place.down(node.value), way
        elif node.attr not in NO_TENSOR:
            yield place.down(node.value), (_Field(node.attr), *way)
            yield from self._kept_as(node.attr, way)

    def _kept_as(self, attribute: str, way: Way) -> list[Spot]:
        """Return what is assigned to attributes of that name, or put into what they hold."""
        key = (attribute, 0, way)
        if key not in self._known:
            self._known[key] = [
                spot
                for _, place in self.names.places_of(attribute)
                if isinstance(place.node, ast.Attribute) and place.node.attr == attribute
                for spot in (*self._stored(place, way), *self._put(place, way))
            ]
        return self._known[key]

    def _stored(self, target: Place, way: Way) -> Iterator[Spot]:
        """Yield what a statement gives to a name or an attribute that stands in it as a target."""
        for step in range(1, len(target.path)):
            statement = target.up(step)
            node = statement.node
            if isinstance(node, (ast.Tuple, ast.List, ast.Starred)):
                continue
            if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
                inside = _way_to(node.target, target.node)
                if inside is not None:
                    yield statement.down(node.iter), (Step.ANY, *inside, *way)
            elif isinstance(node, ast.Assign):
                for each in node.targets:
                    inside = _way_to(each, target.node)
                    if inside is not None:
                        yield statement.down(node.value), (*inside, *way)
            elif isinstance(node, ast.withitem) and node.optional_vars is target.node:
                yield statement.down(node.context_expr), way
            elif (
                isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
                and node.target is target.node
                and node.value is not None
            ):
                yield statement.down(node.value), way
            return

    def _of_name(self, place: Place, way: Way) -> Iterator[Spot]:
        node = place.node
        assert isinstance(node, ast.Name)
        bound = self.names.bindings_of(node.id, self.names.scope_of(place))
        if bound is None:
            return
        bindings, scope = bound
        if isinstance(scope.node, COMPREHENSIONS):
            for generator in scope.node.generators:
                inside = way_in_target(generator.target, node.id)
                if inside is not None:
                    yield from self._at(generator.iter, (Step.ANY, *inside, *way))
        for definition in self.origins.definitions(place):
            if definition.target is node:  # a function assigns it too, by `global`
                for binding in bindings:
                    yield from self._at(binding.value, way)
            yield from self._defined(definition, way)
        if way and not isinstance(way[0], _Field):
            for store in self.origins.stores(place):
                yield from self._stored_within(store, way)
            yield from self._put_into(Holder(node.id, scope=scope), way)

    def _stored_within(self, store: Definition, way: Way) -> Iterator[Spot]:
        """Yield what `losses["ce"] = value` puts where a way leads."""
        target = store.target
        if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)):
            return
        if _meets(key_of(target.slice), way[0]):
            found = self.names.place_of(target)
            if found is not None:
                yield from self._stored(found, way[1:])

    def _put_into(self, holder: Holder, way: Way) -> list[Spot]:
        key = (holder.name, id(holder.scope), way)
        if key not in self._known:
            self._known[key] = [
                spot for use in plain_uses(self.names, holder) for spot in self._put(use, way)
            ]
        return self._known[key]

    def _at(self, node: ast.expr | None, way: Way) -> Iterator[Spot]:
        found = None if node is None else self.names.place_of(node)
        if found is not None:
            yield found, way

    def _defined(self, definition: Definition, way: Way) -> Iterator[Spot]:
        target = definition.target
        if definition.value is not None:
            step = () if definition.index is None else (definition.index,)
            yield from self._at(definition.value, (*step, *way))
        elif isinstance(target, ast.arg):
            path = self.names.place_at(
                self.names.lines.offset(target.lineno, target.col_offset)
            ).path
            if target in path:
                yield Place(path[: path.index(target) + 1]), way
            for given in given_to(self.names, target):
                yield from self._at(given, way)
        elif isinstance(target, ast.Name):
            found = self.names.place_of(target)
            if found is not None:
                yield from self._stored(found, way)
                if isinstance(found.parent(), ast.AugAssign):
                    yield found, way  # what the name held before

    # -- containers ------------------------------------------------------------------------------

    def _put(self, use: Place, way: Way) -> Iterator[Spot]:
        """Yield what is put into a container where a name or an attribute for it is read."""
        if not way or isinstance(way[0], _Field):
            return
        parent, above = use.parent(), use.up(2) if len(use.path) > 2 else use
        call = above.node
        if isinstance(parent, ast.Subscript) and isinstance(use.node, ast.Attribute):
            if isinstance(call, (ast.Assign, ast.AugAssign)) and _meets(
                key_of(parent.slice), way[0]
            ):
                yield from self._stored(use.up(), way[1:])
        elif isinstance(parent, ast.Attribute) and isinstance(call, ast.Call):
            if call.func is not parent or not (call.args or call.keywords):
                return
            if parent.attr in ADDS and call.args:
                if parent.attr == "setdefault" and not _meets(key_of(call.args[0]), way[0]):
                    return
                yield above.down(call.args[-1]), way[1:]
            elif parent.attr in ADDS_ALL:
                into = way if parent.attr == "update" else (Step.ANY, *way[1:])
                for value in call.args:
                    yield above.down(value), into
                for keyword in call.keywords:
                    if keyword.arg is None or _meets(keyword.arg, way[0]):
                        rest = way if keyword.arg is None else way[1:]
                        yield above.down(keyword, keyword.value), rest

    # -- calls -----------------------------------------------------------------------------------

    def _of_call(self, place: Place, call: ast.Call, way: Way) -> Iterator[Spot]:
        function = place.down(call.func)
        scope = self.names.scope_of(place)
        meanings = self.names.resolve(call.func, scope)
        if way and isinstance(way[0], _Field):
            for keyword in call.keywords:
                if keyword.arg == way[0].name:
                    yield place.down(keyword, keyword.value), way[1:]
        elif any(m.partition(".")[0] in ("torch", "mindspore") for m in meanings):
            # What they compute of a tensor, or of several in a list.
            for value in call.args[:1]:
                yield place.down(value), way
                yield place.down(value), (Step.ANY, *way)
            return
        elif isinstance(call.func, ast.Name) and meanings == {UNBOUND}:
            yield from self._of_builtin(place, call, call.func.id, way)
            return
        elif isinstance(call.func, ast.Attribute) and not any("." in m for m in meanings):
            yield from self._of_method(place, call, call.func, way)
        yield from self._returned(function, way)
        if self.computed and not (way and isinstance(way[0], _Field)):
            for value in call.args:
                yield place.down(value), ()

    def _of_builtin(self, place: Place, call: ast.Call, name: str, way: Way) -> Iterator[Spot]:
        if name in _OF_ELEMENTS:
            for value in call.args:
                yield place.down(value), (Step.ANY, *way)
                yield place.down(value), way
        elif name == "abs" and call.args:
            yield place.down(call.args[0]), way
        elif not any(isinstance(step, _Field) for step in way):
            for value, inside in before_builtin(name, call, way) or ():  # type: ignore[arg-type]
                yield from self._at(value, inside)

    def _of_method(
        self, place: Place, call: ast.Call, function: ast.Attribute, way: Way
    ) -> Iterator[Spot]:
        receiver = place.down(function, function.value)
        first = call.args[0] if call.args else None
        if function.attr in ("get", "pop", "setdefault", "popleft"):
            yield receiver, (Step.ANY if first is None else key_of(first), *way)
            for value in call.args[1:]:
                yield place.down(value), way
            return
        if function.attr in ("values", "items", "copy") and way:
            inside = before_reading(function.attr, way)  # type: ignore[arg-type]
            if inside is not None:
                yield receiver, inside
        elif function.attr not in NO_TENSOR and not (way and isinstance(way[0], _Field)):
            yield receiver, ()  # whatever else a tensor computes is a tensor

    def _returned(self, function: Place, way: Way) -> Iterator[Spot]:
        """Yield what the functions of this file that a call may reach return, or yield."""
        for each in functions(self.names, self.origins, function):
            found = self.names.place_of(each)
            for node in own_nodes(each) if found is not None else ():
                if isinstance(node, ast.Return):
                    yield from self._at(node.value, way)
                elif isinstance(node, (ast.Yield, ast.YieldFrom)) and way:
                    rest = way[1:] if isinstance(node, ast.Yield) else way
                    yield from self._at(node.value, rest)


def _meets(key: Key, step: Key | _Field) -> bool:
    return not isinstance(step, _Field) and meet(key, step)


def _is_text(node: ast.expr) -> bool:
    """Tell whether `%` writes into a text here."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _way_to(target: ast.expr, wanted: ast.AST) -> Way | None:
    """Return the way from what is assigned to `target` to what a part of it is given."""
    if target is wanted:
        return ()
    if isinstance(target, (ast.Tuple, ast.List)):
        for index, each in enumerate(target.elts):
            inner = _way_to(each.value if isinstance(each, ast.Starred) else each, wanted)
            if inner is not None:
                starred = any(isinstance(e, ast.Starred) for e in target.elts[:index])
                if isinstance(each, ast.Starred):
                    return inner
                return (Step.ANY if starred else index, *inner)
    return None


def _of_display(place: Place, first: Key, rest: Way) -> Iterator[Spot]:
    """Yield what stands in a display or a comprehension, where a step leads."""
    node = place.node
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        starred = isinstance(node, ast.Set)
        for index, each in enumerate(node.elts):
            if isinstance(each, ast.Starred):
                starred = True
                yield place.down(each, each.value), (Step.ANY, *rest)
            elif starred or is_at(first, index, len(node.elts)):
                yield place.down(each), rest
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                yield place.down(value), (first, *rest)
            elif meet(key_of(key), first):
                yield place.down(value), rest
    elif isinstance(node, ast.DictComp):
        yield place.down(node.value), rest
    elif isinstance(node, COMPREHENSIONS):
        yield place.down(node.elt), rest  # type: ignore[union-attr]
