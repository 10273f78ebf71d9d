"""The tensors that are connected around losses, as data; and the calls that compute losses."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrate.match import Site
from migrate.places import Place

if TYPE_CHECKING:
    from migrate.tensor_rules import TensorRule
    from migrate.work import File


@dataclass(frozen=True, slots=True, eq=False)
class LossCall:
    """A call that computes a loss that is to be rewritten.

    Attributes
    ----------
    sites : tuple of Site
        Of the function, or of the constructors that the instance may come from.
    place : Place
        Of the call.
    operands : dict of str to Place
        By `logits`, `labels` and `weight`.
    """

    sites: tuple[Site, ...]
    place: Place
    operands: dict[str, Place]

    @property
    def needs_int32(self) -> bool:
        """Whether labels of int64 are refused, and logits of float64 too."""
        return any(s.rule.kind == "class" and s.rule.kernel == "cross_entropy" for s in self.sites)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A call that makes, changes or reads a tensor of a flow.

    Attributes
    ----------
    rule : TensorRule
    receiver : TensorRule or None
        Of a filling, the rule of what creates the tensor.
    place : Place
        Of the call.
    operands : tuple of Place
        The tensors of the flow that it takes.
    module : Place or None
        Of a call of a module, where that is made.
    """

    rule: TensorRule
    receiver: TensorRule | None
    place: Place
    operands: tuple[Place, ...]
    module: Place | None = None


@dataclass(slots=True, eq=False)
class Flow:
    """Tensors that are connected, with every use of them.

    Attributes
    ----------
    losses : dict of int to LossCall
    nodes : dict of int to Node
        By the `id` of the call.
    uses : dict of int to list of (str, ast.expr)
        By the `id` of an expression that gives a tensor, what is done with it: `labels`, `logits`
        or `weight` of a loss, `reads`, `shows`, or `goes` to another expression.
    sources : dict of int to list of ast.expr
        By the `id` of a name, the expressions that its value may come from; empty where unknown.
    reason : str
        Why it stays, with the line; empty where it may move.
    """

    losses: dict[int, LossCall] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)
    uses: dict[int, list[tuple[str, ast.expr]]] = field(default_factory=dict)
    sources: dict[int, list[ast.expr]] = field(default_factory=dict)
    reason: str = ""

    def ends(self, expression: ast.expr) -> frozenset[str]:
        """Return what becomes of a tensor in the end, through everything that hands it on."""
        found: set[str] = set()
        stack, seen = [expression], set()
        while stack:
            each = stack.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            for kind, other in self.uses.get(id(each), ()):
                if kind == "goes":
                    stack.append(other)
                else:
                    found.add(kind)
        return frozenset(found)


def loss_calls(file: File) -> list[LossCall]:
    """Return every call that computes a loss which is to be rewritten, in the order of the file."""
    found: list[LossCall] = []
    for work in file.works:
        site = work.site
        if work.refusal is not None or site.call is None:
            continue
        place = site.place.up()
        operands = {}
        for argument in site.arguments:
            domain = site.rule.travel[argument.parameter].domain
            if domain in ("logits", "labels", "weight"):
                way = (argument.keyword,) if argument.keyword is not None else ()
                operands[domain] = Place((*place.path, *way, argument.value))
        found.append(LossCall((site,), place, operands))
    for called in file.flow.calls:
        operands = {}
        call = called.call
        rule = called.sites[0].rule
        for name, value in zip(("logits", "labels"), call.args, strict=False):
            operands[name] = Place((*called.place.path, value))
        for keyword in call.keywords:
            if keyword.arg in rule.source_call:
                name = ("logits", "labels")[rule.source_call.index(keyword.arg)]
                operands[name] = Place((*called.place.path, keyword, keyword.value))
        found.append(LossCall(called.sites, called.place, operands))
    return sorted(found, key=lambda loss: file.names.start(loss.place.node))  # type: ignore[arg-type]
