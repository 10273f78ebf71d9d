"""Makes each side of a pair ready: its arguments bound to its own signature, to be evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from migrate.model import Parameter, Rule
from migrate.prove import mindspore_side, torch_side
from migrate.prove.calls import Parsed, Unprovable
from migrate.prove.domains import Tensor
from migrate.prove.evaluate import Compiler, Evaluation, Thunk, is_impure
from migrate.prove.reading import Failed, Raised, Reading, Settings

#: The event between what happens at the constructor and what happens at a later call.
LATER = "the later call"

_ANY = (Tensor("any logits"), Tensor("any labels"))


@dataclass(frozen=True, slots=True)
class Bound:
    """The arguments of one call, in the order in which Python evaluates them.

    Attributes
    ----------
    arguments : tuple of (str, Thunk)
        By parameter; by the keyword as it is written where the signature has no such parameter.
    defaults : mapping of str to object
        Of every other parameter.
    failure : Failed or None
        Why Python refuses the call, after it has evaluated the arguments.
    """

    arguments: tuple[tuple[str, Thunk], ...]
    defaults: Mapping[str, object]
    failure: Failed | None

    def given(self, run: Evaluation) -> list[tuple[str, object]]:
        """Evaluate the arguments.

        Raises
        ------
        Failed
            If one cannot be evaluated.
        """
        return [(name, thunk(run)) for name, thunk in self.arguments]

    def values(self, run: Evaluation) -> dict[str, object]:
        """Evaluate the arguments, and return a value for every parameter.

        Raises
        ------
        Failed
            If an argument cannot be evaluated, or the arguments do not fit the signature.
        """
        given = dict(self.given(run))
        if self.failure is not None:
            raise self.failure
        return {**self.defaults, **given}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair, ready to be evaluated any number of times.

    Attributes
    ----------
    rule : Rule
    settings : callable
        How its framework reads the values of the constructor's or the function's parameters.
    made : Bound
    chain : tuple of Thunk
        What the removed methods' arguments do.
    used : Bound or None
        The call of the instance; None for a function, and where no call is known.
    later : bool
        Whether the instance is called elsewhere. What finding it there does is of no interest:
        it is found by the same text on both sides.
    operands : (str, str)
        The parameters that take the logits and the target.
    """

    rule: Rule
    settings: Callable[[Mapping[str, object]], Settings]
    made: Bound
    chain: tuple[Thunk, ...]
    used: Bound | None
    later: bool
    operands: tuple[str, str]

    def read(self, run: Evaluation) -> Reading | Raised:
        """Evaluate this side once."""
        try:
            values = self.made.values(run)
            settings = self.settings(values)
            for thunk in self.chain:
                thunk(run)
            if self.later:
                run.events.append(LATER)
            if self.used is not None:
                values = self.used.values(run)
            one, other = (_tensor(values, name) for name in self.operands)
            if other.dtype:
                mindspore_side.accept_labels(self.rule, other.dtype)
                settings = replace(settings, labels=other.dtype)
                other = replace(other, dtype="")
        except Failed as failed:
            return Raised(failed.kind, failed.message)
        return Reading(settings, one, other)


def torch(
    rule: Rule, parsed: Parsed, compiler: Compiler, harmless: frozenset[str] = frozenset()
) -> Side:
    """Make the side of torch ready; `harmless` arguments of removed methods do nothing.

    Raises
    ------
    Unprovable
        If there is a starred argument: what it holds is unknown.
    """
    roles = {name: travel.domain for name, travel in rule.travel.items()}
    return _side(
        rule, parsed, rule.source_parameters, rule.source_call, roles, compiler,
        lambda values: torch_side.read(rule, values), harmless,
    )  # fmt: skip


def mindspore(rule: Rule, parsed: Parsed, compiler: Compiler) -> Side:
    """Make the side of MindSpore ready.

    Raises
    ------
    Unprovable
        If there is a starred argument: what it holds is unknown.
    """
    roles = {travel.to: travel.domain for travel in rule.travel.values() if travel.to is not None}
    return _side(
        rule, parsed, rule.target_parameters, rule.target_call, roles, compiler,
        lambda values: mindspore_side.read(rule, values),
    )  # fmt: skip


def _side(
    rule: Rule,
    parsed: Parsed,
    parameters: tuple[Parameter, ...],
    call: tuple[str, ...],
    roles: Mapping[str, str],
    compiler: Compiler,
    settings: Callable[[Mapping[str, object]], Settings],
    harmless: frozenset[str] = frozenset(),
) -> Side:
    made = bind(parsed.made, parameters, roles, compiler)
    # Their values do not matter, only that evaluating them did something.
    arguments = [node for move in parsed.chain for node in _arguments(move) if is_impure(node)]
    effects = [node for node in arguments if ast.unparse(node) not in harmless]
    chain = tuple(compiler.expression(node, "flag") for node in effects)
    if not call:
        # By their places and not by the rule's travel, which is to be proven.
        first, second = (parameter.name for parameter in parameters[:2])
        return Side(rule, settings, made, chain, None, False, (first, second))
    operands = (call[0], call[1])
    if parsed.used is None:
        # An instance whose calls are unknown is called with any two tensors, by position.
        anything = Bound((), dict(zip(operands, _ANY, strict=True)), None)
        return Side(rule, settings, made, chain, anything, False, operands)
    required = tuple(Parameter(name, required=True) for name in operands)
    used = bind(parsed.used, required, {call[0]: "logits", call[1]: "labels"}, compiler)
    return Side(rule, settings, made, chain, used, parsed.later, operands)


def bind(
    call: ast.Call,
    parameters: tuple[Parameter, ...],
    roles: Mapping[str, str],
    compiler: Compiler,
) -> Bound:
    """Bind the arguments of `call` to `parameters` as Python does.

    Parameters
    ----------
    call : ast.Call
    parameters : tuple of Parameter
        The signature, each of them both positional and keyword.
    roles : mapping of str to str
        The domain of each parameter, by name.
    compiler : Compiler
        Of this side; it learns the free names.

    Raises
    ------
    Unprovable
        If there is a starred argument: what it holds is unknown.
    """
    if any(isinstance(node, ast.Starred) for node in _arguments(call)) or any(
        keyword.arg is None for keyword in call.keywords
    ):
        raise Unprovable(f"what a starred argument holds is unknown: {ast.unparse(call)}")
    names = [parameter.name for parameter in parameters]
    written = list(zip(names, call.args, strict=False))
    # What is too many, or has no parameter, is evaluated all the same before Python refuses it.
    written += [("", node) for node in call.args[len(names) :]]
    failure = None
    if len(call.args) > len(names):
        failure = Failed("TypeError", f"{len(call.args)} positional arguments for {len(names)}")
    for keyword in call.keywords:
        name = str(keyword.arg)
        if name not in names:
            failure = failure or Failed("TypeError", f"unexpected keyword {name}")
        elif any(name == other for other, _ in written):
            failure = failure or Failed("TypeError", f"{name} is given twice")
        written.append((name, keyword.value))
    given = {name for name, _ in written}
    missing = [each.name for each in parameters if each.required and each.name not in given]
    if missing:
        failure = failure or Failed("TypeError", f"missing {' and '.join(missing)}")
    return Bound(
        tuple((name, compiler.expression(node, roles.get(name, "flag"))) for name, node in written),
        {each.name: each.default for each in parameters if each.name not in given},
        failure,
    )


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _tensor(values: Mapping[str, object], name: str) -> Tensor:
    value = values[name]
    if not isinstance(value, Tensor):
        raise Failed("TypeError", f"{name} must be a tensor, not {value!r}")
    return value
