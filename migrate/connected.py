"""The tensors that are connected around losses, as data; and the calls that compute losses."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrate.match import Site
from migrate.places import Place
from migrate.symptoms import uses

if TYPE_CHECKING:
    from migrate.model import Rule
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
    already : Rule or None
        Of a call of MindSpore's own, which has no site, the rule that leads there.
    """

    sites: tuple[Site, ...]
    place: Place
    operands: dict[str, Place]
    already: Rule | None = None

    @property
    def rule(self) -> Rule:
        """The rule of the loss."""
        if self.already is not None:
            return self.already
        return self.sites[0].rule

    @property
    def needs_int32(self) -> bool:
        """Whether labels of int64 are refused, and logits of float64 too."""
        return any(s.rule.target == "mindspore.nn.CrossEntropyLoss" for s in self.sites)

    @property
    def takes_int32(self) -> bool:
        """Whether labels of int32 were measured to be taken: not of mindspore.mint."""
        return not any(s.rule.target.startswith("mindspore.mint.") for s in self.sites)


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
    handed : dict of int to ast.expr
        By `id`, each subscript and each operation that hands tensors on as it stands.
    reason : str
        Why it stays, with the line; empty where it may move.
    """

    losses: dict[int, LossCall] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)
    uses: dict[int, list[tuple[str, ast.expr]]] = field(default_factory=dict)
    sources: dict[int, list[ast.expr]] = field(default_factory=dict)
    handed: dict[int, ast.expr] = field(default_factory=dict)
    reason: str = ""

    def ends(
        self, expression: ast.expr, through: Callable[[ast.expr], bool] = lambda _: True
    ) -> frozenset[str]:
        """Return what becomes of a tensor in the end, through everything that hands it on.

        Where `through` is false of an expression that the tensor goes to, that is an end: `casts`.
        """
        found: set[str] = set()
        stack, seen = [expression], set()
        while stack:
            each = stack.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            for kind, other in self.uses.get(id(each), ()):
                if kind != "goes":
                    found.add(kind)
                elif through(other):
                    stack.append(other)
                else:
                    found.add("casts")
        return frozenset(found)


def loss_calls(file: File) -> list[LossCall]:
    """Return every call with an operand of a loss to be rewritten, in the order of the file."""
    around: dict[int, LossCall] = {}
    for use in uses(file):
        if use.role in ("logits", "labels", "weight"):
            place = use.place.up(2 if isinstance(use.place.parent(), ast.keyword) else 1)
            loss = around.setdefault(id(use.call), LossCall(use.sites, place, {}))
            loss.operands[use.role] = use.place
    return sorted(around.values(), key=lambda loss: file.names.start(loss.place.node))  # type: ignore[arg-type]


def shown_calls(file: File) -> list[LossCall]:
    """Return the calls of instances within f-strings, which no edit reaches."""
    refused = file.refused
    found: dict[int, LossCall] = {}
    for site, place in file.flow.shown:
        if id(site) not in refused:
            found.setdefault(id(place.node), LossCall((site,), place, {}))
    return list(found.values())


def class_calls(file: File) -> list[LossCall]:
    """Return what is MindSpore's where a class that inherits from a loss moves.

    The calls of its instances, what its base computes, and the parameters of its `forward`.
    """
    own = {id(work.site) for work in file.works if work.refusal is None and work.added}
    refused = file.refused
    called = [
        LossCall(call.sites, call.place, {})
        for call in file.flow.calls
        if call.sites and all(id(site) in own for site in call.sites)
    ]
    given = [
        LossCall(sites, place, {})
        for sites, place in file.given
        if refused.isdisjoint(map(id, sites))
    ]
    return [*called, *given]
