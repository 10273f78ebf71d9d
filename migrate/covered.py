"""Which calls of tensors a rule covers, and where else torch takes part in an expression."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from migrate.attributes import DEVICE_METHODS, not_a_device
from migrate.connected import Node
from migrate.handed import handed_on
from migrate.places import Place
from migrate.resolve import Names
from migrate.stars import is_torch

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.tensor_rules import TensorRule, TensorRules

#: Readings that were measured to agree for what is not empty, so that the shapes have to be known;
#: and most stay as they are written, so that they say nothing of where their tensor is from.
OF_SHAPES = frozenset(
    {
        "argmax",
        "argmax_function",
        "flattened",
        "mean",
        "mean_function",
        "permuted",
        "reshaped",
        "size",
        "squeezed",
        "sum_function",
        "swapped",
        "turned",
        "unsqueezed",
    }
)

#: Readings of what gives another dtype than it is given.
CASTS = frozenset({"argmax", "argmax_function", "sum", "sum_function", "to_float", "to_int"})

#: What is made over more calls than these is not followed to where that began.
_DEEP = 40


class Covered:
    """The calls of a file that the rules of tensors cover.

    Parameters
    ----------
    names : Names
    origins : Origins
    rules : TensorRules
    results : container of int
        The `id` of every call that computes a loss.
    """

    def __init__(
        self, names: Names, origins: Origins, rules: TensorRules, results: Container[int]
    ) -> None:
        self.names = names
        self.origins = origins
        self.rules = rules
        self.results = results
        self.asked: set[int] = set()

    def node(self, place: Place) -> Node | None:
        """Return the call at a place as what a rule covers, or None."""
        call = place.node
        assert isinstance(call, ast.Call)
        rule = self._rule_of(call, place)
        if rule is not None and rule.kind == "module":
            return None  # no tensor, until it is called
        if rule is not None:
            operands = tuple(self._tensors(rule, place, call))
            if rule.reading in OF_SHAPES and not self._are_made_here(call, operands):
                return None
            return Node(rule, None, place, operands)
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
        bare = method.target is None or method.reading in OF_SHAPES
        if bare and not self._are_made_here(call, (inner,)):
            return None
        return Node(method, None, place, (inner,))

    def is_made_here(self, place: Place) -> bool:
        """Tell whether a tensor comes from a rule's call, or is a loss: not from a parameter."""
        work, seen = [place], set[int]()
        while work:
            each = work.pop()
            node = each.node
            if id(node) in seen or id(node) in self.results:
                continue
            seen.add(id(node))
            if isinstance(node, ast.Call):
                if self.node(each) is None:
                    return False
                continue
            if isinstance(node, ast.Name):
                values = [d.value for d in self.origins.definitions(each) if d.index is None]
                parts = [None if v is None else self.names.place_of(v) for v in values]
            else:
                parts = list(handed_on(each))
            if not parts or None in parts:
                return False
            work += [part for part in parts if part is not None]
        return True

    def _are_made_here(self, call: ast.Call, operands: tuple[Place, ...]) -> bool:
        if id(call) in self.asked or len(self.asked) > _DEEP:
            return False  # a loop comes back to it
        self.asked.add(id(call))
        try:
            return all(map(self.is_made_here, operands))
        finally:
            self.asked.discard(id(call))

    def is_handed_on(self, place: Place) -> bool:
        """Tell whether tensors that are made here are handed on as it is written."""
        parts = handed_on(place)
        return bool(parts) and all(map(self.is_made_here, parts))

    def _rule_of(self, call: ast.Call, place: Place) -> TensorRule | None:
        meanings = self.names.resolve(call.func, self.names.scope_of(place))
        found = {self.rules.by_path.get(meaning) for meaning in meanings}
        return found.pop() if len(found) == 1 else None

    def _module_of(self, place: Place) -> Place | None:
        """Return where the module that is called at `place` is made, if a rule covers it."""
        if isinstance(place.node, ast.Name):
            definitions = self.origins.definitions(place)
            if len(definitions) != 1 or definitions[0].value is None or definitions[0].index:
                return None
            made = self.names.place_of(definitions[0].value)
        else:
            made = place
        if made is None or not isinstance(made.node, ast.Call):
            return None
        rule = self._rule_of(made.node, made)
        return made if rule is not None and rule.kind == "module" else None

    def _tensors(self, rule: TensorRule, place: Place, call: ast.Call) -> Iterator[Place]:
        form = rule.source.form(len(call.args)) or ()
        for name, value in zip(form, call.args, strict=False):
            if rule.travel[name.lstrip("*")].role == "tensor":
                yield Place((*place.path, value))
        for keyword in call.keywords:
            travel = rule.travel.get(str(keyword.arg))
            if travel is not None and travel.role == "tensor":
                yield Place((*place.path, keyword, keyword.value))


def mentions_torch(names: Names, expression: ast.expr, place: Place) -> bool:
    """Tell whether torch takes part in an expression, by itself or by what a name holds."""
    scope = names.scope_of(place)
    for node in ast.walk(expression):
        if not isinstance(node, (ast.Name, ast.Attribute)):
            continue
        if any(is_torch(m) for m in names.resolve(node, scope)):
            return True
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            bound = names.bindings_of(node.id, scope)
            for binding in bound[0] if bound is not None else ():
                value = binding.value
                if isinstance(value, ast.Call) and any(
                    is_torch(m)
                    for m in names.resolve(value.func, bound[1])  # type: ignore[index]
                ):
                    return True
    return False
