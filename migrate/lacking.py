"""What is asked of a migrated loss that MindSpore's tensors do not have: handed over.

`.detach()`, `.cpu()` and the like move where they can be edited (`migrate/moving.py`); within an
f-string, behind a walrus, or between comments they stay, and would fail when the program runs. So
would a format such as `f"{loss:.3f}"`, which torch has for a tensor of one number, and a function
of torch's that is given the loss.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from migrate.model import Span, Status
from migrate.places import Place
from migrate.resolve import UNBOUND, Names
from migrate.stars import is_torch
from migrate.work import File, Move

if TYPE_CHECKING:
    from migrate.connected import LossCall
    from migrate.results import Results

_DIFFERENTIATE = "differentiate a function with mindspore.value_and_grad"

#: By what torch's tensors have and MindSpore's do not, what to do (MindSpore 2.8 to 2.10; `size`
#: is a number there, and `clone` has no kernel on CPU).
_REMEDIES = MappingProxyType(
    {
        "clamp_max": "write .clamp(max=…)",
        "clamp_min": "write .clamp(min=…)",
        "clone": "write .copy()",
        "cpu": "leave it out",
        "cuda": "leave it out: the context chooses the device",
        "detach": "write mindspore.ops.stop_gradient(…) around it",
        "detach_": "write mindspore.ops.stop_gradient(…) around it",
        "equal": "write (… == …).all()",
        "get_device": "leave it out: the context chooses the device",
        "grad": _DIFFERENTIATE,
        "grad_fn": _DIFFERENTIATE,
        "indices": "write [1]",
        "is_cuda": "ask mindspore.get_context for the device",
        "is_leaf": _DIFFERENTIATE,
        "is_nonzero": "write bool(…)",
        "log_softmax": "write mindspore.ops.log_softmax(…) around it",
        "median": "write .flatten().median()[0]",
        "new_full": "write mindspore.ops.full(…)",
        "new_tensor": "write mindspore.tensor(…)",
        "relu": "write mindspore.ops.relu(…) around it",
        "repeat": "write .tile(…)",
        "requires_grad": _DIFFERENTIATE,
        "requires_grad_": _DIFFERENTIATE,
        "retain_grad": _DIFFERENTIATE,
        "size": "write .shape",
        "std": "write .std(ddof=1), and an axis for the dim: it divides by n",
        "values": "write [0]",
        "var": "write .var(ddof=1), and an axis for the dim: it divides by n",
    }
)
#: What both have, so that only a call tells.
_CALLED = frozenset({"clone", "equal", "median", "new_full", "repeat", "size", "std", "var"})

#: Of what `.max(dim=1)` gives: a tuple in MindSpore.
_PARTS = frozenset({"indices", "values"})


#: Of torch's, what looks at nothing of a tensor, or is told of elsewhere.
_TAKES_ANYTHING = frozenset({"torch.autograd.backward", "torch.autograd.grad", "torch.save"})


def hand_over_lacking(file: File, results: Results, status: Status) -> Iterator[Move]:
    """Yield a finding for every such use of a loss of MindSpore's that stays."""
    asked = _Asked(file, results, status)
    yield from asked.attributes()
    yield from asked.strings()
    yield from asked.formats()
    yield from asked.functions()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the text of a file asks of losses."""

    file: File
    results: Results
    status: Status

    def attributes(self) -> Iterator[Move]:
        """Yield `loss.detach()` and its kind."""
        names, edited = self.file.names, _edited(self.file)
        for place in self.results.around():
            node = place.node
            if isinstance(node, ast.Attribute) and _is_lacking(place, node.attr):
                offset = names.end(node) - len(node.attr)
                if not any(span.start <= offset < span.end for span in edited):
                    found = self.results.of(_receiver(place))
                    if found:
                        yield self._move(found, place, _said(place, node.attr))

    def strings(self) -> Iterator[Move]:
        """Yield what f-strings ask of a loss: no edit reaches into them."""
        for whole in self.results.strings():
            for place in _within(whole):
                node = place.node
                if isinstance(node, ast.FormattedValue):
                    if node.format_spec is not None and node.conversion == -1:
                        found = self.results.of(place.down(node.value))
                        if found:
                            yield self._move(found, whole, _formatted(node.value))
                elif isinstance(node, ast.Attribute) and _is_lacking(place, node.attr):
                    found = self.results.of(_receiver(place))
                    if found:
                        yield self._move(found, whole, _said(place, node.attr))

    def formats(self) -> Iterator[Move]:
        """Yield `format(loss, ".3f")` and `"{:.3f}".format(loss)`."""
        names = self.file.names
        for _, place in list(names.places_of("format")):
            call = place.parent()
            if not (isinstance(call, ast.Call) and call.func is place.node):
                continue
            shown: list[ast.expr] = []
            if isinstance(place.node, ast.Name):
                own = names.lookup("format", names.scope_of(place)) == {UNBOUND}
                shown = call.args[:1] if own and len(call.args) == 2 else []
            elif isinstance(place.node, ast.Attribute):
                shown = _with_a_format(place.node.value, call)
            for value in shown:
                found = self.results.of(place.up().down(value))
                if found:
                    yield self._move(found, place.up(), _formatted(value))

    def functions(self) -> Iterator[Move]:
        """Yield the functions of torch's that are given a loss, or several in a list."""
        names = self.file.names
        edited = _edited(self.file)
        seen = {id(work.site.call) for work in self.file.works}  # a loss of a loss
        calls: list[Place] = []
        for place in self.results.near():
            for call in _calls_around(place):
                if id(call.node) not in seen:
                    seen.add(id(call.node))
                    calls.append(call)
        for call in sorted(calls, key=lambda call: names.start(call.node)):  # type: ignore[arg-type]
            path = _path(names, call)
            start = names.start(call.node)  # type: ignore[arg-type]
            if path is None or path in _TAKES_ANYTHING:
                continue
            if any(s.start <= start < s.end for s in edited):
                continue
            for value in _values(call):
                found = self.results.of(value)
                held = [] if found else self.results.within(value)
                if found or held:
                    message = _foreign(path, value.node, "holds what is" if held else "is")
                    yield self._move(found or held, call, message)
                    break

    def _move(self, found: list[LossCall], place: Place, message: str) -> Move:
        return self.results.said_of(found, place, "tensor-lacks", message, self.status)


def _edited(file: File) -> list[Span]:
    return [draft.span for move in file.moves for draft in move.drafts]


def _calls_around(place: Place) -> Iterator[Place]:
    """Yield the calls of which a place is within an argument, in its own statement."""
    for step in range(1, len(place.path)):
        up = place.up(step)
        if isinstance(up.node, ast.stmt):
            return
        if isinstance(up.node, ast.Call) and place.up(step - 1).node is not up.node.func:
            yield up


def _path(names: Names, call: Place) -> str | None:
    """Return what of torch's is called at a place for certain, but no rule's API."""
    assert isinstance(call.node, ast.Call)
    meanings = names.resolve(call.node.func, names.scope_of(call))
    path = min(meanings)
    return path if len(meanings) == 1 and is_torch(path) else None


def _values(call: Place) -> Iterator[Place]:
    assert isinstance(call.node, ast.Call)
    for value in call.node.args:
        yield call.down(value)
    for keyword in call.node.keywords:
        yield call.down(keyword, keyword.value)


def _foreign(path: str, value: ast.AST, holds: str) -> str:
    return (
        f"`{ast.unparse(value)}` {holds} MindSpore's, and {path} takes tensors of torch's alone; "
        "use what MindSpore has for it"
    )


def _with_a_format(text: ast.expr, call: ast.Call) -> list[ast.expr]:
    """Return the positional arguments that a literal string gives a format."""
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
        return []
    try:
        fields = [f for f in string.Formatter().parse(text.value) if f[1] is not None]
    except ValueError:  # not a format
        return []
    wanted = [
        int(name) if name else at
        for at, (_, name, spec, _) in enumerate(fields)
        if _plain(name, spec)
    ]
    return [call.args[at] for at in wanted if at < len(call.args)]


def _plain(name: str | None, spec: str | None) -> bool:
    return bool(spec) and (not name or name.isdecimal())


def _is_lacking(place: Place, word: str) -> bool:
    node, parent = place.node, place.parent()
    if not (isinstance(node, ast.Attribute) and node.attr == word):
        return False
    if not isinstance(parent, ast.Call) or parent.func is not node:
        return isinstance(node.ctx, ast.Load) and word in _REMEDIES.keys() - _CALLED
    if word in _PARTS or (word == "median" and (parent.args or parent.keywords)):
        return False
    if word in ("std", "var") and any(keyword.arg == "ddof" for keyword in parent.keywords):
        return False  # MindSpore's already
    return word in _REMEDIES or _is_in_place(word)


def _is_in_place(word: str) -> bool:
    """Tell the name of a method in place: MindSpore's leaves the tensor as it was on a CPU."""
    return word.endswith("_") and not word.endswith("__")


def _receiver(place: Place) -> Place:
    assert isinstance(place.node, ast.Attribute)
    return Place((*place.path, place.node.value))


def _within(place: Place) -> Iterator[Place]:
    yield place
    for inner in ast.iter_child_nodes(place.node):
        yield from _within(Place((*place.path, inner)))


def _said(place: Place, word: str) -> str:
    node = place.node
    assert isinstance(node, ast.Attribute)
    remedy = _REMEDIES.get(word, f"write `… = ….{word[:-1]}(…)`")
    return (
        f"`{ast.unparse(node.value)}` is MindSpore's, and its tensors have no `{word}` like "
        f"torch's; {remedy}"
    )


def _formatted(value: ast.expr) -> str:
    text = ast.unparse(value)
    own = text if isinstance(value, (ast.Name, ast.Attribute, ast.Call)) else f"({text})"
    return f"`{text}` is MindSpore's, and its tensors take no format; write `{own}.item()`"
