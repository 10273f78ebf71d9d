"""The tensors that flow into and out of migrated losses, in one scope: all of a flow or none.

From the operands of a loss back to what makes them, and from there to every use of every name on
the way. A flow moves if every torch expression in it has a rule, every use is understood, and
each call is proven by itself; what is not known, such as a parameter, is where it ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.attributes import DEVICE_METHODS, not_a_device
from migrate.connected import Flow, LossCall, Node
from migrate.handed import handed_on
from migrate.holders import uses_of_name
from migrate.places import Place
from migrate.removal import is_exported
from migrate.resolve import UNBOUND, Names

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.reaching import Definition
    from migrate.tensor_rules import TensorRule, TensorRules

#: Builtins that only read a tensor, and read the same of MindSpore's.
_READERS = frozenset({"bool", "float", "int", "len", "print", "repr", "str", "type"})

#: Attributes that both frameworks' tensors have.
_COMMON = frozenset({"ndim", "shape"})


def flows(
    names: Names, losses: list[LossCall], origins: Origins, rules: TensorRules
) -> Iterator[Flow]:
    """Yield the flows into the losses of a file, each once."""
    seen: set[int] = set()
    index = _Index.of(losses)
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
    index = _Index.of(losses)
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

    @classmethod
    def of(cls, losses: list[LossCall]) -> _Index:
        by_operand = {
            id(place.node): (role, loss) for loss in losses for role, place in loss.operands.items()
        }
        # A constructor's call computes nothing: its result is the instance.
        results = {
            id(loss.place.node): loss
            for loss in losses
            if not (loss.sites[0].call is loss.place.node and loss.sites[0].rule.kind == "class")
        }
        return cls(losses, by_operand, results)


class _Follower:
    def __init__(self, names: Names, index: _Index, origins: Origins, rules: TensorRules) -> None:
        self.names = names
        self.origins = origins
        self.rules = rules
        self.losses = index.losses
        self.by_operand, self.results = index.by_operand, index.results
        self.flow = Flow()
        self.work: list[tuple[str, Place]] = []
        self.seen: set[tuple[str, int]] = set()
        self.defined: set[int] = set()

    def run(self, loss: LossCall) -> Flow:
        """Follow the operands of a loss."""
        self._reach(loss)
        self._walk()
        return self.flow

    def run_from(self, loss: LossCall) -> Flow:
        """Follow the result of a loss."""
        self.flow.losses[id(loss)] = loss
        self.work.append(("use", loss.place))
        self._walk()
        self.flow.nodes = {
            key: node
            for key, node in self.flow.nodes.items()
            if node.operands and all(map(self._is_made_here, node.operands))
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
            and any(self._mentions_torch(o.expression, o.place) for o in self.origins.of(weight))
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
        if self._is_handed_on(place):
            self._handed_on(place)
            return
        if not isinstance(node, ast.Call) or id(node) in self.results:
            self._boundary(place)
            return
        made = self._node(place)
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

    def _is_handed_on(self, place: Place) -> bool:
        """Tell whether tensors that are made here are handed on as it is written."""
        parts = handed_on(place)
        return bool(parts) and all(map(self._is_made_here, parts))

    def _handed_on(self, place: Place) -> None:
        node = place.node
        assert isinstance(node, ast.expr)
        parts = handed_on(place)
        self.flow.handed[id(node)] = node
        self.flow.sources[id(node)] = [part.node for part in parts]  # type: ignore[misc]
        self.work.append(("use", place))
        for part in parts:
            self.flow.uses.setdefault(id(part.node), []).append(("goes", node))
            self.work.append(("value", part))

    def _name(self, place: Place, node: ast.Name) -> None:
        definitions = self.origins.definitions(place)
        values = [d.value for d in definitions if d.value is not None and d.index is None]
        self.flow.sources[id(node)] = values if len(values) == len(definitions) else []
        bound = self.names.bindings_of(node.id, self.names.scope_of(place))
        if len(values) < len(definitions):
            # `x += 1` and a loop tell nothing of what `x` was before.
            known = [b.value for b in bound[0] if b.value is not None] if bound is not None else []
            self._mixed(place, [*known, *self._looped_over(definitions)])
            return
        if values and bound is not None and bound[1] is not self.names.scope_of(place):
            self._stay(place, f"`{node.id}` is read from another scope")
        for definition in definitions:
            if definition.value is not None and definition.index is None:
                self._defined(definition, place)

    def _looped_over(self, definitions: tuple[Definition, ...]) -> Iterator[ast.expr]:
        """Yield what the loops go over that give a name its value."""
        from migrate.origins import place_of

        for definition in definitions:
            if definition.value is None and isinstance(definition.target, ast.expr):
                found = place_of(self.names, definition.target)
                for step in range(len(found.path) if found is not None else 0):
                    loop = found.up(step)  # type: ignore[union-attr]
                    if isinstance(loop.node, (ast.For, ast.AsyncFor)):
                        over = Place((*loop.path, loop.node.iter))
                        yield from (origin.expression for origin in self.origins.of(over))
                        break

    def _mixed(self, place: Place, values: list[ast.expr]) -> None:
        if any(self._mentions_torch(value, place) for value in values):
            self._stay(place, f"`{ast.unparse(place.node)}` may hold something else")

    def _defined(self, definition: Definition, place: Place) -> None:
        from migrate.origins import place_of

        if id(definition) in self.defined:
            return
        self.defined.add(id(definition))
        assert definition.value is not None
        value = place_of(self.names, definition.value)
        if value is None:
            self._stay(place, "its value stands in an f-string")
            return
        self.work.append(("value", value))
        self._readers(definition, place, definition.value)

    def _readers(self, definition: Definition, place: Place, value: ast.expr) -> None:
        name = definition.target.id if isinstance(definition.target, ast.Name) else ""
        if self.names.scope_of(place) is self.names.module and is_exported(self.names, name):
            self._stay(place, f"`{name}` is exported from this file")
        for read in self.origins.readers(definition, place):
            if isinstance(read.node, ast.Name):
                self.flow.uses.setdefault(id(value), []).append(("goes", read.node))
                self.work.append(("value", read))
            self.work.append(("use", read))
        bound = self.names.bindings_of(name, self.names.scope_of(place))
        for read, _ in uses_of_name(self.names, bound[1], name) if bound is not None else ():
            # In an f-string, which assignment a name sees is not told.
            if isinstance(read.node, ast.JoinedStr) and not _is_shown(read.node, name):
                self._stay(read, f"`{name}` is formatted in an f-string")

    def _boundary(self, place: Place) -> None:
        """End where nothing more is known, unless that is torch's for certain."""
        assert isinstance(place.node, ast.expr)
        if id(place.node) not in self.results and self._mentions_torch(place.node, place):
            self._stay(place, f"no rule for `{_short(place.node)}`")

    def _mentions_torch(self, expression: ast.expr, place: Place) -> bool:
        """Tell whether torch takes part in an expression, by itself or by what a name holds."""
        scope = self.names.scope_of(place)
        for node in ast.walk(expression):
            if not isinstance(node, (ast.Name, ast.Attribute)):
                continue
            if any(m.partition(".")[0] == "torch" for m in self.names.resolve(node, scope)):
                return True
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                bound = self.names.bindings_of(node.id, scope)
                for binding in bound[0] if bound is not None else ():
                    value = binding.value
                    if isinstance(value, ast.Call) and any(
                        m.partition(".")[0] == "torch"
                        for m in self.names.resolve(value.func, bound[1])  # type: ignore[index]
                    ):
                        return True
        return False

    # -- calls -----------------------------------------------------------------------------------

    def _node(self, place: Place) -> Node | None:
        """Return the call at a place as what a rule covers, or None."""
        call = place.node
        assert isinstance(call, ast.Call)
        rule = self._rule_of(call, place)
        if rule is not None and rule.kind == "module":
            return None  # no tensor, until it is called
        if rule is not None:
            return Node(rule, None, place, tuple(self._tensors(rule, place, call)))
        module = self._module_of(Place((*place.path, call.func)))
        if module is not None and len(call.args) == 1 and not call.keywords:
            rule = self._rule_of(module.node, module)  # type: ignore[arg-type]
            assert rule is not None
            return Node(rule, None, place, (Place((*place.path, call.args[0])),), module)
        if not isinstance(call.func, ast.Attribute):
            return None
        method = self.rules.methods.get(call.func.attr)
        scope = self.names.scope_of(place)
        if method is None or any("." in m for m in self.names.resolve(call.func, scope)):
            return None
        inner = Place((*place.path, call.func, call.func.value))
        if call.func.attr in DEVICE_METHODS and not_a_device(
            self.names, call.func.attr, call, scope
        ):
            return None  # `.to(x)` casts where x is a dtype
        if method.kind == "filling":
            made = call.func.value
            receiver = self._rule_of(made, inner) if isinstance(made, ast.Call) else None
            if receiver is None or receiver.id != method.receiver:
                return None
            return Node(method, receiver, place, ())
        bare = method.target is None or method.reading in _AS_WRITTEN
        if bare and not self._is_made_here(inner):
            return None
        return Node(method, None, place, (inner,))

    def _rule_of(self, call: ast.Call, place: Place) -> TensorRule | None:
        meanings = self.names.resolve(call.func, self.names.scope_of(place))
        found = {self.rules.by_path.get(meaning) for meaning in meanings}
        return found.pop() if len(found) == 1 else None

    def _module_of(self, place: Place) -> Place | None:
        """Return where the module that is called at `place` is made, if a rule covers it."""
        from migrate.origins import place_of

        if isinstance(place.node, ast.Name):
            definitions = self.origins.definitions(place)
            if len(definitions) != 1 or definitions[0].value is None or definitions[0].index:
                return None
            made = place_of(self.names, definitions[0].value)
        else:
            made = place
        if made is None or not isinstance(made.node, ast.Call):
            return None
        rule = self._rule_of(made.node, made)
        return made if rule is not None and rule.kind == "module" else None

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
                if not calls or self._node(up) is None:
                    self._stay(read, f"`{call.func.id}` is used for something else")
                else:
                    self.work.append(("value", up))
        parent = module.parent()
        if not isinstance(parent, ast.Assign) or parent.targets[1:]:
            self._stay(module, f"`{call.func.id}` is not assigned alone")

    def _is_made_here(self, place: Place) -> bool:
        """Tell whether a tensor comes from a rule's call, or is a loss: not from a parameter."""
        from migrate.origins import place_of

        work, seen = [place], set[int]()
        while work:
            each = work.pop()
            node = each.node
            if id(node) in seen or id(node) in self.results:
                continue
            seen.add(id(node))
            if isinstance(node, ast.Call):
                if self._node(each) is None:
                    return False
                continue
            if isinstance(node, ast.Name):
                values = [d.value for d in self.origins.definitions(each) if d.index is None]
                parts = [None if v is None else place_of(self.names, v) for v in values]
            else:
                parts = list(handed_on(each))
            if not parts or None in parts:
                return False
            work += [part for part in parts if part is not None]
        return True

    def _tensors(self, rule: TensorRule, place: Place, call: ast.Call) -> Iterator[Place]:
        form = rule.source.form(len(call.args)) or ()
        for name, value in zip(form, call.args, strict=False):
            if rule.travel[name.lstrip("*")].role == "tensor":
                yield Place((*place.path, value))
        for keyword in call.keywords:
            travel = rule.travel.get(str(keyword.arg))
            if travel is not None and travel.role == "tensor":
                yield Place((*place.path, keyword, keyword.value))

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
        elif self._is_handed_on(place.up()) and getattr(parent, "slice", None) is not node:
            uses.append(("goes", parent))  # type: ignore[arg-type]
            self.work.append(("value", place.up()))
        else:
            self._stay(place, f"what becomes of `{_short(node)}` is not followed")

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
            self._stay(place, f"`{_short(node)}` is kept elsewhere than in a name")
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
            made = self._node(place.up(2))
            if made is not None:
                uses.append(("reads" if made.rule.reading in _NUMBERS else "goes", call))
                self.work.append(("value", place.up(2)))
                return
        elif attribute.attr == "device" and self._is_device_of(place):
            uses.append(("shows", node))
            self.work.append(("value", place.up(3)))
            return
        elif attribute.attr in _COMMON and isinstance(attribute.ctx, ast.Load):
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
            and self._node(call) is not None
        )

    def _argument(self, place: Place) -> None:
        node, parent = place.node, place.parent()
        assert isinstance(node, ast.expr)
        up = place.up(2 if isinstance(parent, ast.keyword) else 1)
        call = up.node
        uses = self.flow.uses[id(node)]
        if isinstance(call, ast.Call) and call.func is not node:
            if self._is_reader(call, up):
                uses.append(("shows", node))
                return
            made = self._node(up)
            if made is not None and any(operand.node is node for operand in made.operands):
                self.work.append(("value", up))
                return
        self._stay(place, f"`{_short(node)}` is passed to something that is not followed")

    def _is_reader(self, call: ast.Call, place: Place) -> bool:
        """Tell whether a call is one of a builtin that only looks at its arguments."""
        name = call.func
        return (
            isinstance(name, ast.Name)
            and name.id in _READERS
            and self.names.lookup(name.id, self.names.scope_of(place)) == {UNBOUND}
        )


def _is_shown(string: ast.JoinedStr, name: str) -> bool:
    """Tell whether an f-string only prints a name, without a format: MindSpore's has none."""
    for part in ast.walk(string):
        if not isinstance(part, ast.FormattedValue):
            continue
        plain = isinstance(part.value, ast.Name) and part.format_spec is None
        if not plain and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(part)):
            return False
    return True


#: Methods that stay as they are written, so that they say nothing of where their tensor is from.
_AS_WRITTEN = frozenset({"reshaped"})

#: Methods that give numbers of Python's or an array: no tensor any more.
_NUMBERS = frozenset({"numpy", "item"})


def _short(node: ast.expr, limit: int = 40) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return f"an expression of {sum(1 for _ in ast.walk(node))} parts"
    return text if len(text) <= limit else text[: limit - 1] + "…"
