"""What the rules claim of torch and MindSpore, driven against the installed ones."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from frameworks import mindspore, torch
from mint_operators import MINT, is_mint, operators_of_ascend, rule_id
from packaging.specifiers import SpecifierSet

from migrate.model import Parameter, Rule
from migrate.ruleset import load

Side = Literal["source", "target"]

DEFAULT = load().rules
RULES = (*DEFAULT, *MINT)
SIDES: tuple[Side, ...] = ("source", "target")
FRAMEWORKS = {"source": torch, "target": mindspore}

LOGITS = np.random.default_rng(7).normal(size=(4, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 1], np.int32)
WEIGHT = np.array([1.0, 0.5, 2.0], np.float32)

each_rule = pytest.mark.parametrize("rule", RULES, ids=map(rule_id, RULES))
each_side = pytest.mark.parametrize("side", SIDES)


def parameters(rule: Rule, side: Side) -> tuple[Parameter, ...]:
    return rule.source_parameters if side == "source" else rule.target_parameters


def api(rule: Rule, side: Side) -> Any:
    path = rule.source if side == "source" else rule.target
    return attrgetter(path.partition(".")[2])(FRAMEWORKS[side]())


# --- Versions, signatures and paths. ---


@each_rule
@each_side
def test_the_installed_version_is_one_that_the_rule_speaks_of(rule: Rule, side: Side) -> None:
    versions = rule.source_versions if side == "source" else rule.target_versions
    assert FRAMEWORKS[side]().__version__ in SpecifierSet(versions)


def signature(function: Callable[..., Any]) -> list[tuple[str, str]]:
    return [
        (name, "required" if given.default is given.empty else repr(given.default))
        for name, given in inspect.signature(function).parameters.items()
        if name != "self"
    ]


@each_rule
@each_side
def test_names_order_and_defaults_are_those_of_the_signature(rule: Rule, side: Side) -> None:
    found = api(rule, side)
    # Of a class's own __init__, because a deprecated class hides its signature.
    assert signature(found.__init__ if rule.kind == "class" else found) == [
        (given.name, "required" if given.required else repr(given.default))
        for given in parameters(rule, side)
    ]


@each_rule
def test_kind_is_what_the_apis_are(rule: Rule) -> None:
    assert {inspect.isclass(api(rule, side)) for side in SIDES} == {rule.kind == "class"}


@each_rule
def test_call_names_are_those_of_forward_and_construct(rule: Rule) -> None:
    if rule.kind == "function":
        assert rule.source_call == rule.target_call == ()
        return
    for side, method, names in (
        ("source", "forward", rule.source_call),
        ("target", "construct", rule.target_call),
    ):
        assert signature(getattr(api(rule, side), method)) == [(name, "required") for name in names]


@each_rule
def test_every_alias_is_the_same_object(rule: Rule) -> None:
    for alias in rule.aliases:
        assert attrgetter(alias.partition(".")[2])(torch()) is api(rule, "source"), alias


#: Names under which modules of torch hold `torch`, `torch.nn` and `torch.nn.functional` for their
#: own use. Each is a path to every API there is (`torch.functional.F.nll_loss`, even
#: `torch.torch.nn.NLLLoss`), none is documented, and which there are changes with every version.
IMPORTS_FOR_OWN_USE = {"torch", "nn", "F"}

#: Of those, the one module from which people do import: who derives from a loss starts there.
IMPORTS_LISTED = {"torch.nn.modules.loss.F": "torch.nn.functional"}


def test_the_rules_list_every_path_that_torch_exposes() -> None:
    sources = [rule.source for rule in DEFAULT]
    program = Path(__file__).with_name("torch_paths.py")
    printed = subprocess.run(
        [sys.executable, str(program), *sources], capture_output=True, text=True, check=True
    ).stdout
    measured = json.loads(printed.splitlines()[-1])
    assert {path.rpartition(".")[2] for path in measured["imports"]} <= IMPORTS_FOR_OWN_USE
    assert IMPORTS_LISTED.items() <= measured["imports"].items()
    exposed: dict[str, str] = measured["paths"]
    through = {
        path.replace(module, held): source
        for held, module in IMPORTS_LISTED.items()
        for path, source in exposed.items()
        if path.startswith(f"{module}.")
    }
    listed = {path: rule.source for rule in DEFAULT for path in (rule.source, *rule.aliases)}
    assert listed == exposed | through


# --- The values that each side takes. ---


def call(rule: Rule, side: Side, **given: object) -> np.ndarray:
    """Compute the rule's loss on one side, with `given` in place of what always works."""
    tensor = tensors(side)
    names = [parameter.name for parameter in parameters(rule, side)]
    if rule.kind == "class":
        loss = api(rule, side)(**given)
        value = loss(tensor(LOGITS), tensor(labels(side)))
    else:
        operands = dict(zip(names, (tensor(LOGITS), tensor(labels(side))), strict=False))
        value = api(rule, side)(**{**operands, **given})
    return np.asarray(value.detach().numpy() if side == "source" else value.asnumpy())


def tensors(side: Side) -> Callable[[np.ndarray], Any]:
    return torch().tensor if side == "source" else mindspore().Tensor


def labels(side: Side) -> np.ndarray:
    # torch demands int64, mindspore.nn.CrossEntropyLoss int32.
    return LABELS.astype(np.int64) if side == "source" else LABELS


def outcome(rule: Rule, side: Side, **given: object) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with operators_of_ascend(rule):
                call(rule, side, **given)
        except (TypeError, ValueError, RuntimeError, AttributeError):
            return "refused"
    return "taken"


def samples(rule: Rule, side: Side, parameter: Parameter) -> Iterator[object]:
    """Yield values of every type in `ruleset.TYPES`, with the edges of what is claimed."""
    yield from (None, True, False, -1, 0, 1, 2, -100)
    yield from (-0.5, 0.0, 0.5, 1.0, 1.5, math.nan, math.inf, -math.inf)
    yield from ("none", "mean", "sum", "elementwise_mean", "", "x")
    if not (is_mint(rule) and side == "target"):
        yield "Mean"  # for mint, see the test below
    if parameter.accepts:
        place = [given.name for given in parameters(rule, side)].index(parameter.name)
        operand = (LOGITS, labels(side))[place] if rule.kind == "function" and place < 2 else WEIGHT
        yield tensors(side)(operand)


def claimed(parameter: Parameter, value: object) -> str:
    """Return what the rule says becomes of `value`."""
    kind = "None" if value is None else type(value).__name__
    if parameter.accepts and kind not in parameter.accepts:
        return "refused"
    if parameter.one_of and value not in parameter.one_of and parameter.otherwise is None:
        return "refused"
    if isinstance(value, bool | int | float):
        below = parameter.minimum is not None and value < parameter.minimum
        above = parameter.maximum is not None and value > parameter.maximum
        if below or above or (parameter.finite and not math.isfinite(value)):
            return "refused"
    return "taken"


CLAIMS = [
    pytest.param(rule, side, parameter, id=f"{rule_id(rule)} {side} {parameter.name}")
    for rule in RULES
    for side in (SIDES if rule in DEFAULT else SIDES[1:])
    for parameter in parameters(rule, side)
]


@pytest.mark.parametrize(("rule", "side", "parameter"), CLAIMS)
def test_the_framework_takes_and_refuses_what_the_rule_says(
    rule: Rule, side: Side, parameter: Parameter
) -> None:
    values = list(samples(rule, side, parameter))
    assert {repr(value): outcome(rule, side, **{parameter.name: value}) for value in values} == {
        repr(value): claimed(parameter, value) for value in values
    }


@each_rule
def test_a_reduction_that_is_silently_taken_for_another(rule: Rule) -> None:
    for parameter in rule.target_parameters:
        if parameter.otherwise is None:
            continue
        for value in ("elementwise_mean", "x", "", None, True, 0):
            np.testing.assert_array_equal(
                call(rule, "target", **{parameter.name: value}),
                call(rule, "target", **{parameter.name: parameter.otherwise}),
            )


def test_the_one_api_that_checks_nothing_is_known() -> None:
    silent = {
        (rule.target, parameter.name): parameter.otherwise
        for rule in RULES
        for parameter in rule.target_parameters
        if parameter.otherwise is not None
    }
    assert silent == {("mindspore.ops.nll_loss", "reduction"): "none"}


@each_rule
def test_a_renamed_value_means_the_same_in_torch_and_nothing_in_mindspore(rule: Rule) -> None:
    renamed = [
        (name, travel.to, before, after)
        for name, travel in rule.travel.items()
        for before, after in travel.values
    ]
    assert renamed, "every loss has reduction"
    for name, arrival, before, after in renamed:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old, new = (call(rule, "source", **{name: value}) for value in (before, after))
        np.testing.assert_array_equal(old, new)
        (target,) = (given for given in rule.target_parameters if given.name == arrival)
        assert after in target.one_of
        assert before not in target.one_of


@each_rule
def test_a_conversion_stands_where_mindspore_refuses_what_torch_takes(rule: Rule) -> None:
    targets = {parameter.name: parameter for parameter in rule.target_parameters}
    for parameter in rule.source_parameters:
        travel = rule.travel[parameter.name]
        if travel.to is None:
            continue
        refused = set(parameter.accepts) - set(targets[travel.to].accepts)
        if targets[travel.to].accepts and refused:
            assert (refused, travel.convert) == ({"int", "bool"}, "float")
        else:
            numpy_spoils = parameter.name == "label_smoothing" and loses_the_tensor(rule, travel.to)
            assert travel.convert == ("float" if numpy_spoils else None)


def loses_the_tensor(rule: Rule, name: str | None) -> bool:
    """Tell whether the loss is a number of NumPy's where a parameter is one."""
    try:
        with operators_of_ascend(rule):
            call(rule, "target", **{str(name): np.float64(0.5)})
    except AttributeError as error:
        return str(error) == "'numpy.float64' object has no attribute 'asnumpy'"
    return False


@pytest.mark.parametrize("rule", MINT, ids=map(rule_id, MINT))
def test_mint_overlooks_capitals_in_a_reduction_where_torch_refuses_them(rule: Rule) -> None:
    """The rules say that it is refused: no call that torch takes has it."""
    with operators_of_ascend(rule):
        shouted, plain = (call(rule, "target", reduction=word) for word in ("SUM", "sum"))
    np.testing.assert_allclose(shouted, plain, rtol=1e-6)
    assert outcome(rule, "source", reduction="SUM") == "refused"


def test_both_sets_of_rules_say_the_same_of_torch() -> None:
    assert {rule.source for rule in MINT} == {rule.source for rule in DEFAULT}
    for mint, default in zip(MINT, DEFAULT, strict=True):
        assert mint.source_parameters == default.source_parameters
        assert (mint.aliases, mint.source_call, mint.kind, mint.kernel) == (
            default.aliases,
            default.source_call,
            default.kind,
            default.kernel,
        )
        assert mint.source_versions == default.source_versions
