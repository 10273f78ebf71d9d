"""Calls of `.backward()` on what a migrated loss gives: handed over, with the line to write."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.instances import call_edits
from migrate.model import Edit, Span, Status
from migrate.places import Place
from migrate.splice import apply
from migrate.work import File, Move
from migrate.written import small_edits

if TYPE_CHECKING:
    from migrate.connected import LossCall
    from migrate.origins import Origins
    from migrate.results import Results
    from migrate.tensor_rules import TensorRules

#: What a differentiated function may be given: tensors that were created to be differentiated by.
_WANTED = "requires_grad"

#: Longer lines are not read in a report.
_LIMIT = 300


def hand_over_backward(
    file: File, origins: Origins, rules: TensorRules, results: Results, status: Status
) -> Iterator[Move]:
    """Yield a finding for everything that differentiates what a loss of MindSpore's gives."""
    text = file.names.text
    if "backward" not in text and ".grad" not in text:
        return
    writer = _Remedies(file, origins, rules, results)
    for word in ("backward", "manual_backward", "grad"):
        for _, place in list(file.names.places_of(word)):
            call = place.parent()
            if isinstance(call, ast.Call) and call.func is place.node:
                found, message = _told(file, results, writer, place, call)
                if found:
                    yield results.said_of(found, place.up(), "backward", message, status)


def _told(
    file: File, results: Results, writer: _Remedies, place: Place, call: ast.Call
) -> tuple[list[LossCall], str]:
    """Return the losses that a call differentiates, with what is said of it."""
    node = place.node
    assert isinstance(node, (ast.Name, ast.Attribute))
    name = node.attr if isinstance(node, ast.Attribute) else node.id
    meanings = file.names.resolve(node, file.names.scope_of(place))
    if name == "grad" and not meanings <= {"torch.autograd.grad", "torch.func.grad"}:
        return [], ""
    if isinstance(node, ast.Attribute) and name == "backward" and not call.args:
        receiver = place.down(node.value)
        found = results.of(receiver)
        if found:
            return found, writer.message(receiver)
        # `scaler.scale(loss).backward()`
        return results.computed_of(receiver), writer.message(
            receiver, made="is computed of what is MindSpore's"
        )
    if isinstance(node, ast.Attribute):
        receiver = place.down(node.value)
        found = results.of(receiver)  # `loss.backward(gradient)`
        if found:
            return found, writer.message(receiver)
    for given in (place.up().down(value) for value in call.args[:1]):
        # `accelerator.backward(loss)`, `torch.autograd.backward([loss])`
        found = results.of(given)
        if found:
            return found, writer.message(given, why="torch cannot differentiate it")
        found = results.within(given)
        if found:
            why = "torch cannot differentiate it"
            return found, writer.message(given, made="holds what is MindSpore's", why=why)
    return [], ""


class _Remedies:
    def __init__(self, file: File, origins: Origins, rules: TensorRules, results: Results) -> None:
        self.file = file
        self.names = file.names
        self.origins = origins
        self.rules = rules
        self.by_call = results.by_call

    def message(
        self,
        receiver: Place,
        *,
        made: str = "is MindSpore's",
        why: str = "its tensors have no backward()",
    ) -> str:
        """Return why the call stays, and the line to write in its place."""
        node = receiver.node
        assert isinstance(node, ast.expr)
        what = f"`{ast.unparse(node)}` {made}, and {why}"
        line = self._line(receiver) if made == "is MindSpore's" else None
        if line is None or len(line) > _LIMIT:
            return (
                f"{what}; compute it in a function, and differentiate that: `loss, grads = "
                "mindspore.value_and_grad(forward, None, model.trainable_params())(x, y)`"
            )
        where = "" if isinstance(node, ast.Call) else " in place of this line and that of the loss"
        return f"{what}; write `{line}`{where}"

    # -- the line --------------------------------------------------------------------------------

    def _line(self, receiver: Place) -> str | None:
        name = receiver.node.id if isinstance(receiver.node, ast.Name) else "loss"
        # The name itself stays in front of the line.
        value = self._value(receiver) if isinstance(receiver.node, ast.Name) else receiver
        whole = None if value is None else self._inlined(value, ())
        if whole is None:
            return None
        text, leaves, models = whole
        if leaves:
            given = ", ".join(leaves)
            places = "" if len(leaves) == 1 else f", {tuple(range(len(leaves)))}"
            return (
                f"{name}, grads = mindspore.value_and_grad(lambda {given}: {text}{places})({given})"
            )
        if models:
            weights = " + ".join(f"{model}.trainable_params()" for model in models)
            return f"{name}, grads = mindspore.value_and_grad(lambda: {text}, None, {weights})()"
        return None

    def _inlined(
        self, place: Place, seen: tuple[int, ...]
    ) -> tuple[str, dict[str, None], dict[str, None]] | None:
        """Return an expression with what its names hold in their place, after the rewrite.

        Returns
        -------
        (str, dict, dict) or None
            The text, the tensors to differentiate by, and the models that have parameters. None
            where a name may hold one thing or another.
        """
        node = place.node
        assert isinstance(node, ast.expr)
        if id(node) in seen or len(seen) > _LIMIT:
            return None  # each step is a letter at least
        leaves: dict[str, None] = {}
        models: dict[str, None] = {}
        edits = list(self._edits(node))
        start = self.names.start(node)
        for inner in self._names_in(place):
            read = inner.node
            assert isinstance(read, ast.Name)
            if isinstance(inner.parent(), ast.Call) and inner.parent().func is read:  # type: ignore[union-attr]
                if self._has_parameters(inner):
                    models[read.id] = None
                continue
            value = self._value(inner)
            if value is None:
                continue
            if self._is_leaf(value):
                leaves[read.id] = None
            elif self._is_computed(value):
                made = self._inlined(value, (*seen, id(node)))
                if made is None:
                    return None
                own = made[0] if isinstance(value.node, (ast.Call, ast.Name)) else f"({made[0]})"
                edits.append(Edit(Span(self.names.start(read), self.names.end(read)), own))
                leaves.update(made[1])
                models.update(made[2])
        for attribute in self._called_attributes(place):
            models[attribute] = None
        moved = [
            Edit(Span(e.span.start - start, e.span.end - start), e.replacement)
            for e in dict.fromkeys(edits)
        ]
        text = " ".join(apply(self.names.slice(node), moved).split())
        return text, leaves, models

    def _names_in(self, place: Place) -> Iterator[Place]:
        stack = [place]
        while stack:
            each = stack.pop()
            if isinstance(each.node, ast.Name) and isinstance(each.node.ctx, ast.Load):
                yield each
            for inner in reversed(list(ast.iter_child_nodes(each.node))):
                stack.append(Place((*each.path, inner)))

    def _value(self, place: Place) -> Place | None:
        """Return the one expression that a name holds here, or None."""
        definitions = self.origins.definitions(place)
        if len(definitions) != 1 or definitions[0].value is None:
            return None
        if definitions[0].index is not None:
            return None
        return self.names.place_of(definitions[0].value)

    def _is_leaf(self, place: Place) -> bool:
        """Tell whether a tensor was created to be differentiated by."""
        call = place.node
        return isinstance(call, ast.Call) and any(
            keyword.arg == _WANTED
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value is True
            for keyword in call.keywords
        )

    def _is_computed(self, place: Place) -> bool:
        """Tell whether a value depends on what a gradient may be taken by."""
        if id(place.node) in self.by_call or isinstance(place.node, ast.BinOp):
            return True
        if any(True for _ in self._called_attributes(place)):
            return True
        for inner in self._names_in(place):
            parent = inner.parent()
            called = isinstance(parent, ast.Call) and parent.func is inner.node
            value = self._value(inner)
            if called and self._has_parameters(inner):
                return True
            if (
                not called
                and value is not None
                and (
                    self._is_leaf(value)
                    or (value.node is not place.node and self._is_computed(value))
                )
            ):
                return True
        return False

    def _has_parameters(self, place: Place) -> bool:
        """Tell whether what is called here is a model: no function of a framework or of Python."""
        name = place.node
        assert isinstance(name, ast.Name)
        call = place.parent()
        if id(call) in self.by_call or _LOSS.search(name.id):
            return False
        scope = self.names.scope_of(place)
        value = self._value(place)
        if value is not None and isinstance(value.node, ast.Call):
            meanings = self.names.resolve(value.node.func, self.names.scope_of(value))
            rules = {self.rules.by_path.get(meaning) for meaning in meanings}
            return not any(rule is not None and rule.reading != "conv2d" for rule in rules)
        return name.id in _MODELS and not any("." in m for m in self.names.lookup(name.id, scope))

    def _called_attributes(self, place: Place) -> Iterator[str]:
        """Yield `self.model` of every `self.model(x)` within an expression."""
        for node in ast.walk(place.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                text = ast.unparse(node.func)
                if node.func.attr in _MODELS and id(node) not in self.by_call:
                    yield text

    def _edits(self, node: ast.expr) -> Iterator[Edit]:
        """Yield what is rewritten within an expression."""
        start, end = self.names.start(node), self.names.end(node)

        def inside(span: Span) -> bool:
            return start <= span.start and span.end <= end

        whole: list[Span] = []
        for work in self.file.works:
            if work.refusal is None and work.made is not None:
                span = Span(self.names.start(work.site.node), self.names.end(work.site.node))
                if inside(span) and work.made.is_structural:
                    whole.append(span)
                    yield Edit(span, work.after)
                elif inside(span):
                    yield from small_edits(work, self.names, str)
        for call in self.file.flow.edited_calls:
            yield from (e for e in call_edits(call, self.names) or () if inside(e.span))
        for draft in [draft for move in self.file.moves for draft in move.drafts]:
            if inside(draft.span) and not any(
                w.start <= draft.span.start and draft.span.end <= w.end for w in whole
            ):
                parts = [part if isinstance(part, str) else part.path for part in draft.parts]
                yield Edit(draft.span, "".join(parts))


#: What a loss is called, of which no parameters are trained.
_LOSS = re.compile(r"loss|criterion", re.IGNORECASE)

#: What a model is called, where nothing else tells.
_MODELS = frozenset({"backbone", "classifier", "model", "net", "network"})
