"""What every rule of a loss must say, so that its parameters mean to the proof what they are.

A proof reads both signatures as the rule gives them. What it would have to take on trust is checked
here: which loss both sides compute, which argument is the logits, and what each parameter holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.model import Rule
from migrate.tables import MalformedError

#: By kernel, the last names of the APIs that compute it, in torch and in MindSpore.
COMPUTES: Mapping[str, tuple[str, ...]] = {
    "cross_entropy": ("CrossEntropyLoss", "cross_entropy"),
    "nll_loss": ("NLLLoss", "NLLLoss2d", "nll_loss"),
}

#: By what they are, the names of the operands in both frameworks.
OPERANDS: Mapping[str, tuple[str, ...]] = {
    "logits": ("input", "inputs", "logits"),
    "labels": ("target", "labels"),
}

#: By name, the domain of every other parameter. One of another domain would be proven for values
#: that no program passes.
DOMAINS: Mapping[str, str] = {
    "weight": "weight",
    "size_average": "flag",
    "ignore_index": "integer",
    "reduce": "flag",
    "reduction": "reduction",
    "label_smoothing": "fraction",
}

_FOLDED = ("size_average", "reduce")
_KEPT = ("weight", "ignore_index", "reduction")


def check(rule: Rule) -> None:
    """See that a rule, whose travels fit its signatures, is one of a loss.

    Raises
    ------
    MalformedError
        If it is not. Names the key and what was expected.
    """
    _check_names(rule)
    _check_parameters(rule)
    if rule.kind == "class":
        _check_operands("source.call", rule.source_call)
        _check_operands("target.call", rule.target_call)
    else:
        _check_operands("source.parameters", _names(rule, "source")[:2])
        _check_operands("target.parameters", _names(rule, "target")[:2])
    _check_travel_of_operands(rule)


def _names(rule: Rule, side: str) -> tuple[str, ...]:
    parameters = rule.source_parameters if side == "source" else rule.target_parameters
    return tuple(parameter.name for parameter in parameters)


def _check_names(rule: Rule) -> None:
    known = COMPUTES[rule.kernel]
    for side, path in (("source", rule.source), ("target", rule.target)):
        name = path.rpartition(".")[2]
        if name not in known:
            what = f"{name!r} does not compute {rule.kernel!r}"
            raise MalformedError(f"{side}.name", what, f"expected one of {', '.join(known)}")


def _check_parameters(rule: Rule) -> None:
    for side, needed in (("source", (*_FOLDED, *_KEPT)), ("target", _KEPT)):
        for name in needed:
            if name not in _names(rule, side):
                what = f"{name!r} is missing, which every loss has"
                raise MalformedError(f"{side}.parameters", what, "add it in its place")
    for name, travel in rule.travel.items():
        wanted = DOMAINS.get(name)
        if wanted and travel.domain != wanted:
            what = f"{travel.domain!r} is not what {name!r} holds"
            raise MalformedError(f"travel.{name}.domain", what, f"expected {wanted}")
        if (travel.fold is not None) != (name in _FOLDED):
            what = f"{name!r} is {'' if travel.fold else 'not '}folded"
            raise MalformedError(f"travel.{name}", what, f"fold {' and '.join(_FOLDED)} only")
        if travel.fold not in (None, "reduction"):
            what = f"{travel.fold!r} is not what torch folds {name!r} into"
            raise MalformedError(f"travel.{name}.fold", what, "expected reduction")
        if wanted and travel.to not in (None, name):
            what = f"{name!r} becomes {travel.to!r}"
            raise MalformedError(f"travel.{name}.to", what, f"expected {name}")


def _check_operands(key: str, names: tuple[str, ...]) -> None:
    if len(names) != len(OPERANDS):
        what = f"{len(names)} operands, and a loss has two"
        raise MalformedError(key, what, "name the logits, then the labels")
    for name, (role, known) in zip(names, OPERANDS.items(), strict=True):
        if name not in known:
            what = f"{name!r} stands where the {role} do"
            raise MalformedError(key, what, f"expected one of {', '.join(known)}")


def _check_travel_of_operands(rule: Rule) -> None:
    operands = dict(zip(_names(rule, "source"), OPERANDS, strict=False))
    arrivals = dict(zip(OPERANDS, _names(rule, "target"), strict=False))
    if rule.kind == "class":
        operands = {}
    for name, travel in rule.travel.items():
        role = operands.get(name)
        if role is None and travel.domain in OPERANDS:
            what = f"{name!r} does not hold the {travel.domain}"
            raise MalformedError(f"travel.{name}.domain", what, "keep it for the operands")
        if role is not None and travel.domain != role:
            what = f"{travel.domain!r} is not what {name!r} holds"
            raise MalformedError(f"travel.{name}.domain", what, f"expected {role}")
        if role is not None and travel.to != arrivals[role]:
            what = f"the {role} travel to {travel.to!r}"
            raise MalformedError(f"travel.{name}.to", what, f"expected {arrivals[role]}")
