"""The tensors that flow into and out of migrated losses, in one scope: all of a flow or none.

From the operands of a loss back to what makes them, and from there to every use of every name on
the way. A flow moves if every torch expression in it has a rule, every use is understood, and
each call is proven by itself; what is not known, such as a parameter, is where it ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from migrate.connected import Flow, LossCall, Node
from migrate.covered import Covered, mentions_torch
from migrate.handed import handed_on, handing
from migrate.holders import uses_of_name
from migrate.makers import Makers
from migrate.places import Place
from migrate.removal import is_exported
from migrate.resolve import Names
from migrate.shown import is_common, is_reader, is_shown, short

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.reaching import Definition
    from migrate.tensor_rules import TensorRules


def flows(
    names: Names, losses: list[LossCall], origins: Origins, rules: TensorRules
) -> Iterator[Flow]:
    """Yield the flows into the losses of a file, each once."""
    seen: set[int] = set()
    index = _Index.of(losses, Makers(names, origins, rules))
    for loss in losses:
        if id(loss) not in seen:
            flow = _Follower(names, index, origins, rules).run(loss)
            seen.update(flow.losses)
            yield flow


def results(
    names: Names, losses: list[LossCall], origins: Origins, rules: TensorRules
) -> Iterator[Flow]:
    """Yield what is read of each loss, in the order of the file; a reading of two losses once."""
    seen: set[int] = set()
    index = _Index.of(losses, Makers(names, origins, rules))
    for loss in losses:
        follower = _Follower(names, index, origins, rules)
        if id(loss.place.node) not in follower.results:
            continue
        flow = follower.run_from(loss)
        flow.nodes = {key: node for key, node in flow.nodes.items() if key not in seen}
        seen.update(flow.nodes)
        yield flow


@dataclass(frozen=True, slots=True)
class _Index:
    """The losses of a file, by what goes into them and by what computes."""

    losses: list[LossCall]
    by_operand: dict[int, tuple[str, LossCall]]
    results: dict[int, LossCall]
    makers: Makers

    @classmethod
    def of(cls, losses: list[LossCall], makers: Makers) -> _Index:
        by_operand = {
            id(place.node): (role, loss) for loss in losses for role, place in loss.operands.items()
        }
        # A constructor's call computes nothing: its result is the instance.
        results = {
            id(loss.place.node): loss
            for loss in losses
            if not (loss.sites[0].call is loss.place.node and loss.sites[0].rule.kind == "class")
        }
        return cls(losses, by_operand, results, makers)


class _Follower:
    def __init__(self, names: Names, index: _Index, origins: Origins, rules: TensorRules) -> None:
        self.names = names
        self.origins = origins
        self.losses, self.makers = index.losses, index.makers
        self.by_operand, self.results = index.by_operand, index.results
        self.covered = Covered(names, origins, rules, index.results)
        self.flow = Flow()
        self.work: list[tuple[str, Place]] = []
        self.seen: set[tuple[str, int]] = set()
        self.defined: set[int] = set()
        #: Where nothing more is known of a tensor.
        self.ends: list[Place] = []

    def run(self, loss: LossCall) -> Flow:
        """Follow the operands of a loss."""
        self._reach(loss)
        self._walk()
        if self.flow.nodes and not self.flow.reason:
            for place in self.ends:
                for made in self.makers.of(place):
                    self._stay(place, f"`{short(made)}` of line {made.lineno} has no way here")
        return self.flow

    def run_from(self, loss: LossCall) -> Flow:
        """Follow the result of a loss."""
        self.flow.losses[id(loss)] = loss
        self.work.append(("use", loss.place))
        self._walk()
        self.flow.nodes = {
            key: node
            for key, node in self.flow.nodes.items()
            if node.operands and all(map(self.covered.is_made_here, node.operands))
        }
        return self.flow

    def _walk(self) -> None:
        while self.work:
            what, place = self.work.pop()
            if (what, id(place.node)) not in self.seen:
                self.seen.add((what, id(place.node)))
                if what == "value":
                    self._value(place)
                else:
                    self._use(place)

    def _reach(self, loss: LossCall) -> None:
        todo = [loss]
        while todo:
            loss = todo.pop()
            if id(loss) in self.flow.losses:
                continue
            self.flow.losses[id(loss)] = loss
            for place in loss.operands.values():
                self.work.append(("value", place))
            # The weight of a constructor meets the operands of every call of its instance.
            has_weight, sites = self._has_weight(loss), set(map(id, loss.sites))
            todo += [
                other
                for other in reversed(self.losses)
                if (has_weight or self._has_weight(other))
                and not sites.isdisjoint(map(id, other.sites))
            ]

    def _has_weight(self, loss: LossCall) -> bool:
        """Tell whether torch makes the weight of a constructor."""
        weight = loss.operands.get("weight")
        return (
            weight is not None
            and loss.sites[0].rule.kind == "class"
            and any(
                mentions_torch(self.names, o.expression, o.place) for o in self.origins.of(weight)
            )
        )

    def _stay(self, place: Place, why: str) -> None:
        line = getattr(place.node, "lineno", 0)
        self.flow.reason = self.flow.reason or f"line {line}: {why}"

    # -- back ------------------------------------------------------------------------------------

    def _value(self, place: Place) -> None:
        """Look at an expression that gives a tensor of the flow."""
        node = place.node
        if isinstance(node, ast.Name):
            self._name(place, node)
            return
        if self.covered.is_handed_on(place):
            self._handed_on(place)
            return
        if not isinstance(node, ast.Call) or id(node) in self.results:
            self._boundary(place)
            return
        made = self.covered.node(place)
        if made is None:
            self._boundary(place)
            return
        self.flow.nodes[id(node)] = made
        if made.module is not None:
            self._made(made, made.module)
        if made.rule.reading not in _NUMBERS:
            self.work.append(("use", place))
        for operand in made.operands:
            self.flow.uses.setdefault(id(operand.node), []).append(("goes", node))
            self.work.append(("value", operand))

    def _handed_on(self, place: Place) -> None:
        node = place.node
        assert isinstance(node, ast.expr)
        parts = handed_on(place)
        self.flow.handed[id(node)] = node
        self.flow.sources[id(node)] = [part.node for part in parts]  # type: ignore[misc]
        self.work.append(("use", place))
        for part in parts:
            self.flow.uses.setdefault(id(part.node), []).append((handing(node), node))
            self.work.append(("value", part))

    def _name(self, place: Place, node: ast.Name) -> None:
        definitions = self.origins.definitions(place)
        values = [d.value for d in definitions if d.value is not None and d.index is None]
        self.flow.sources[id(node)] = values if len(values) == len(definitions) else []
        bound = self.names.bindings_of(node.id, self.names.scope_of(place))
        if len(values) < len(definitions):
            # `x += 1` and a loop tell nothing of what `x` was before.
            known = [b.value for b in bound[0] if b.value is not None] if bound is not None else []
            self.ends.append(place)
            self._mixed(place, [*known, *self._looped_over(definitions)])
            return
        if values and bound is not None and bound[1] is not self.names.scope_of(place):
            self._stay(place, f"`{node.id}` is read from another scope")
        for definition in definitions:
            if definition.value is not None and definition.index is None:
                self._defined(definition, place)

    def _looped_over(self, definitions: tuple[Definition, ...]) -> Iterator[ast.expr]:
        """Yield what the loops go over that give a name its value."""
        for definition in definitions:
            if definition.value is None and isinstance(definition.target, ast.expr):
                found = self.names.place_of(definition.target)
                for step in range(len(found.path) if found is not None else 0):
                    loop = found.up(step)  # type: ignore[union-attr]
                    if isinstance(loop.node, (ast.For, ast.AsyncFor)):
                        over = Place((*loop.path, loop.node.iter))
                        yield from (origin.expression for origin in self.origins.of(over))
                        break

    def _mixed(self, place: Place, values: list[ast.expr]) -> None:
        if any(mentions_torch(self.names, value, place) for value in values):
            self._stay(place, f"`{ast.unparse(place.node)}` may hold something else")

    def _defined(self, definition: Definition, place: Place) -> None:
        if id(definition) in self.defined:
            return
        self.defined.add(id(definition))
        assert definition.value is not None
        value = self.names.place_of(definition.value)
        if value is None:
            self._stay(place, "its value stands in an f-string")
            return
        self.work.append(("value", value))
        self._readers(definition, place, definition.value)

    def _readers(self, definition: Definition, place: Place, value: ast.expr) -> None:
        name = definition.target.id if isinstance(definition.target, ast.Name) else ""
        if self.names.scope_of(place) is self.names.module and is_exported(self.names, name):
            self._stay(place, f"`{name}` is exported from this file")
        if self.origins.is_added_to(definition, place):
            # torch changes the tensor for every name of it, MindSpore makes a new one.
            self._stay(place, f"`{name}` is changed in place")
        for read in self.origins.readers(definition, place):
            if isinstance(read.node, ast.Name):
                self.flow.uses.setdefault(id(value), []).append(("goes", read.node))
                self.work.append(("value", read))
            self.work.append(("use", read))
        bound = self.names.bindings_of(name, self.names.scope_of(place))
        for read, _ in uses_of_name(self.names, bound[1], name) if bound is not None else ():
            # In an f-string, which assignment a name sees is not told.
            if isinstance(read.node, ast.JoinedStr) and not is_shown(read.node, name):
                self._stay(read, f"`{name}` is formatted in an f-string")

    def _boundary(self, place: Place) -> None:
        """End where nothing more is known, unless that is torch's for certain."""
        assert isinstance(place.node, ast.expr)
        self.ends.append(place)
        if id(place.node) not in self.results and mentions_torch(self.names, place.node, place):
            self._stay(place, f"no rule for `{short(place.node)}`")

    # -- calls -----------------------------------------------------------------------------------

    def _made(self, node: Node, module: Place) -> None:
        """Take in the constructor of a module, with every use of its name."""
        self.flow.nodes[id(module.node)] = Node(node.rule, None, module, ())
        call = node.place.node
        assert isinstance(call, ast.Call)
        if not isinstance(call.func, ast.Name):
            return
        name = Place((*node.place.path, call.func))
        for definition in self.origins.definitions(name):
            for read in self.origins.readers(definition, name):
                up = read.up()
                calls = isinstance(up.node, ast.Call) and up.node.func is read.node
                if not calls or self.covered.node(up) is None:
                    self._stay(read, f"`{call.func.id}` is used for something else")
                else:
                    self.work.append(("value", up))
        parent = module.parent()
        if not isinstance(parent, ast.Assign) or parent.targets[1:]:
            self._stay(module, f"`{call.func.id}` is not assigned alone")

    # -- forward ---------------------------------------------------------------------------------

    def _use(self, place: Place) -> None:
        """Look at what is done with the tensor at a place."""
        node, parent = place.node, place.parent()
        assert isinstance(node, ast.expr)
        uses = self.flow.uses.setdefault(id(node), [])
        if id(node) in self.by_operand:
            role, loss = self.by_operand[id(node)]
            uses.append((role, node))
            self._reach(loss)
        elif isinstance(parent, ast.Expr):
            uses.append(("shows", node))
        elif isinstance(parent, (ast.Assign, ast.Tuple)):
            self._bound(place)
        elif isinstance(parent, ast.Attribute):
            self._attribute(place, parent)
        elif isinstance(parent, (ast.Call, ast.keyword)):
            self._argument(place)
        elif self.covered.is_handed_on(place.up()) and getattr(parent, "slice", None) is not node:
            uses.append((handing(parent), parent))  # type: ignore[arg-type]
            self.work.append(("value", place.up()))
        else:
            self._stay(place, f"what becomes of `{short(node)}` is not followed")

    def _bound(self, place: Place) -> None:
        node, parent = place.node, place.parent()
        assert isinstance(node, ast.expr)
        statement = parent if isinstance(parent, ast.Assign) else place.parent(2)
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = list(statement.targets)
        if isinstance(parent, ast.Tuple):
            index = parent.elts.index(node)
            targets = [
                target.elts[index]
                if isinstance(target, ast.Tuple) and len(target.elts) == len(parent.elts)
                else target
                for target in targets
            ]
        if not targets or not all(isinstance(target, ast.Name) for target in targets):
            self._stay(place, f"`{short(node)}` is kept elsewhere than in a name")
            return
        way = place.up(1 if statement is parent else 2)
        for target in targets:
            assert isinstance(target, ast.Name)
            self._assigned(Place((*way.path, target)), target, node)

    def _assigned(self, place: Place, target: ast.Name, value: ast.expr) -> None:
        if target.id in self.names.scope_of(place).declared_global:
            self._stay(place, f"`{target.id}` is a name of the module")
            return
        for definition in self.origins.definitions(place):
            if definition.target is target and id(definition) not in self.defined:
                self.defined.add(id(definition))
                self._readers(definition, place, value)

    def _attribute(self, place: Place, attribute: ast.Attribute) -> None:
        node, call = place.node, place.parent(2)
        assert isinstance(node, ast.expr)
        uses = self.flow.uses[id(node)]
        if isinstance(call, ast.Call) and call.func is attribute:
            made = self.covered.node(place.up(2))
            if made is not None:
                uses.append((_NUMBERS.get(made.rule.reading, "goes"), call))
                self.work.append(("value", place.up(2)))
                return
        elif attribute.attr == "device" and self._is_device_of(place):
            uses.append(("shows", node))
            self.work.append(("value", place.up(3)))
            return
        elif is_common(self.names, place.up()):
            uses.append(("shows", node))
            return
        self._stay(place, f"no rule for `.{attribute.attr}` of a tensor")

    def _is_device_of(self, place: Place) -> bool:
        """Tell whether `x.device` is where another tensor is made, which needs none any more."""
        keyword, call = place.parent(2), place.up(3)
        return (
            isinstance(keyword, ast.keyword)
            and keyword.arg == "device"
            and isinstance(call.node, ast.Call)
            and self.covered.node(call) is not None
        )

    def _argument(self, place: Place) -> None:
        node, parent = place.node, place.parent()
        assert isinstance(node, ast.expr)
        up = place.up(2 if isinstance(parent, ast.keyword) else 1)
        call = up.node
        uses = self.flow.uses[id(node)]
        if isinstance(call, ast.Call) and call.func is not node:
            if is_reader(self.names, call, up):
                uses.append(("shows", node))
                return
            made = self.covered.node(up)
            if made is not None and any(operand.node is node for operand in made.operands):
                self.work.append(("value", up))
                return
        self._stay(place, f"`{short(node)}` is passed to something that is not followed")


#: What methods do that give numbers of Python's or an array: no tensor any more.
_NUMBERS = MappingProxyType({"numpy": "reads", "item": "reads", "size": "shows"})
