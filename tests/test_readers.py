"""Both readers against the real torch and MindSpore: what is refused, and what is computed.

A reader gives settings or fails. Where it fails, the framework must raise; where it gives settings,
the framework must compute what torch computes when told these settings outright.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from frameworks import mindspore, torch, torch_loss
from mint_operators import MINT, is_mint, operators_of_ascend, rule_id

from migrate.model import Parameter, Rule
from migrate.prove import mindspore_side, torch_side
from migrate.prove.cases import weights
from migrate.prove.domains import POSITIVE_WEIGHT, ZERO_WEIGHT, Tensor
from migrate.prove.reading import Failed, Settings
from migrate.prove.tolerance import mismatch
from migrate.ruleset import default_rules

RULES = default_rules().rules
TARGETS = (*RULES, *MINT)
each_rule = pytest.mark.parametrize("rule", RULES, ids=map(rule_id, RULES))
each_target = pytest.mark.parametrize("rule", TARGETS, ids=map(rule_id, TARGETS))

ABSENT = "(absent)"
FLAGS = (
    ABSENT,
    None,
    True,
    False,
    0,
    1,
    "mean",
    "sum",
    "none",
    "elementwise_mean",
    "bogus",
    2.5,
    "",
)
VALUES = (
    *FLAGS, -100, 2, 255, 2**63, 0.0, 0.1, 1.0, -0.1, 1.5, math.nan, math.inf, (), (1,), [0.5],
)  # fmt: skip
WEIGHTS = (ABSENT, None, POSITIVE_WEIGHT, ZERO_WEIGHT, True, 0, 1.5, "mean", [1.0, 2.0, 3.0], ())

SHAPES = ((4, 3), (2, 3, 2), (2, 3, 2, 2), (3,))
REFUSALS = (TypeError, ValueError, RuntimeError, AttributeError, SystemError)


def tensors(shape: tuple[int, ...], ignored: object = None) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities, which are logits too, and labels: every class, and one ignored."""
    rng = np.random.default_rng(len(shape))
    raw = rng.normal(size=shape)
    axis = min(1, len(shape) - 1)
    x = raw - np.log(np.exp(raw).sum(axis=axis, keepdims=True))
    labels = np.arange(int(np.prod(shape)) // 3) % 3
    if len(shape) > 1 and type(ignored) is int and -200 < ignored < 300:
        labels[-1] = ignored
    return x.astype(np.float32), labels.reshape(shape[:axis] + shape[axis + 1 :])


def completed(parameters: tuple[Parameter, ...], given: Mapping[str, object]) -> dict[str, object]:
    operands = {"input", "inputs", "target"}
    standing = {name: Tensor(name) for name in operands}
    return {
        each.name: given.get(each.name, standing.get(each.name, each.default))
        for each in parameters
    }


def real(
    path: str, rule: Rule, x: Any, y: Any, tensor: Any, given: Mapping[str, object]
) -> np.ndarray | str:
    """What the framework computes, or what it raises."""
    framework, _, name = path.partition(".")
    found = attrgetter(name)({"torch": torch, "mindspore": mindspore}[framework]())
    arguments = {
        key: tensor(weights(value, "float32")) if isinstance(value, Tensor) else value
        for key, value in given.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if rule.kind == "class":
                return np.asarray(found(**arguments)(x, y).numpy())
            return np.asarray(found(x, y, **arguments).numpy())
        except REFUSALS as error:
            return f"{type(error).__name__}: {error}"


def told(rule: Rule, settings: Settings, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What torch computes with these settings spelled out."""
    weight = weights(settings.weight, "float32")
    options = {"ignore_index": settings.ignore_index, "reduction": settings.reduction}
    if rule.kernel != "cross_entropy":
        return torch_loss(rule.kernel, x, y, weight=weight, **options)[0]
    # torch stops at 1, but the loss is a straight line in the smoothing.
    plain, smooth = (
        torch_loss(rule.kernel, x, y, weight=weight, label_smoothing=end, **options)[0]
        for end in (0.0, 1.0)
    )
    part = settings.label_smoothing
    return np.asarray((1 - part) * plain + part * smooth, np.float32)


def present(**given: object) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not ABSENT}


# --- torch ---


def torch_disagreements(rule: Rule, grid: Iterator[dict[str, object]]) -> list[str]:
    found = []
    kept: dict[tuple[Settings, bool], np.ndarray] = {}
    for given in grid:
        x, y = tensors((4, 3), given.get("ignore_index"))
        actual = real(
            rule.source, rule, torch().tensor(x), torch().tensor(y), torch().tensor, given
        )
        try:
            settings = torch_side.read(rule, completed(rule.source_parameters, given))
        except Failed as failed:
            if not isinstance(actual, str):
                found.append(f"{given}: torch computes, and is read as raising {failed.message}")
            continue
        if isinstance(actual, str):
            found.append(f"{given}: torch raises {actual}, and is read as {settings}")
            continue
        if settings not in kept:
            kept[settings] = told(rule, settings, x, y)
        if why := mismatch(actual, kept[settings]):
            found.append(f"{given}: read as {settings}, but it has {why}")
    return found


@each_rule
def test_torch_folds_the_legacy_arguments_as_it_is_read(rule: Rule) -> None:
    grid = [
        present(size_average=a, reduce=b, reduction=c) for a, b, c in product(FLAGS, FLAGS, FLAGS)
    ]
    assert torch_disagreements(rule, iter(grid)) == []


@each_rule
@pytest.mark.parametrize("name", ["size_average", "reduce", "ignore_index", "reduction"])
def test_torch_takes_and_refuses_values_as_it_is_read(rule: Rule, name: str) -> None:
    grid = ({name: value} for value in VALUES if value is not ABSENT)
    assert torch_disagreements(rule, grid) == []


@each_rule
@pytest.mark.parametrize("name", ["size_average", "reduce"])
def test_torch_refuses_a_tensor_as_a_flag_only_where_it_asks_for_its_truth(
    rule: Rule, name: str
) -> None:
    other = {"size_average": "reduce", "reduce": "size_average"}[name]
    grid = ({name: POSITIVE_WEIGHT, other: value} for value in (None, True, False))
    assert torch_disagreements(rule, grid) == []


@each_rule
def test_torch_takes_and_refuses_weights_as_it_is_read(rule: Rule) -> None:
    grid = (
        present(weight=weight, reduction=reduction, ignore_index=ignored)
        for weight, reduction, ignored in product(WEIGHTS, ("mean", "sum", "none"), (-100, 1))
    )
    assert torch_disagreements(rule, grid) == []


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.kernel == "cross_entropy"], ids=lambda rule: rule.slug
)
def test_torch_takes_and_refuses_label_smoothing_as_it_is_read(rule: Rule) -> None:
    grid = (
        present(label_smoothing=value, weight=weight)
        for value, weight in product(VALUES, (None, POSITIVE_WEIGHT))
        # How torch turns so large an int into a float is of no interest.
        if value != 2**63
    )
    assert torch_disagreements(rule, grid) == []


@pytest.mark.parametrize("method", sorted(torch_side.CHAIN))
def test_torch_gives_the_module_back_from_a_move(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = torch().nn.NLLLoss()
    # What touches the device: there may be none to move to.
    monkeypatch.setattr(loss, "_apply", lambda *_: loss)
    arguments = ("cpu",) if method == "to" else ()
    assert getattr(loss, method)(*arguments) is loss


def test_torch_casts_the_weight_in_a_move_to_a_dtype() -> None:
    for name in sorted(torch_side.DTYPES):
        dtype = getattr(torch(), name)
        loss = torch().nn.NLLLoss(torch().ones(3)).to(dtype)
        assert loss.weight.dtype == dtype


# --- MindSpore ---


def mindspore_disagreements(
    rule: Rule, grid: Iterator[dict[str, object]], shapes: tuple[tuple[int, ...], ...] = SHAPES[:1]
) -> list[str]:
    ms = mindspore()
    found = []
    for given, shape in product(grid, shapes):
        x, y = tensors(shape, given.get("ignore_index"))
        operands = ms.Tensor(x), ms.Tensor(y.astype(np.int32))
        with operators_of_ascend(rule):
            actual = real(rule.target, rule, *operands, ms.Tensor, given)
        try:
            settings = mindspore_side.read(rule, completed(rule.target_parameters, given))
        except Failed as failed:
            if not isinstance(actual, str):
                found.append(
                    f"{given}: MindSpore computes, and is read as raising {failed.message}"
                )
            continue
        if isinstance(actual, str):
            found.append(f"{given}: MindSpore raises {actual}, and is read as {settings}")
            continue
        # What torch cannot be told: neither ever counts as equal to anything in a proof.
        if type(settings.ignore_index) is not int or (
            rule.kernel == "nll_loss" and settings.label_smoothing
        ):
            continue
        expected = told(rule, settings, x, y)
        if settings.flattened and settings.reduction == "none" and len(shape) == 3:
            expected = expected.reshape(shape[0], 1, -1)
        if why := mismatch(actual, expected):
            found.append(f"{given} on {shape}: read as {settings}, but it has {why}")
    return found


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        pytest.param(rule, parameter.name, id=f"{rule_id(rule)} {parameter.name}")
        for rule in TARGETS
        for parameter in rule.target_parameters
        if parameter.name in {"ignore_index", "reduction", "label_smoothing"}
    ],
)
def test_mindspore_takes_and_refuses_values_as_it_is_read(rule: Rule, name: str) -> None:
    grid = ({name: value} for value in VALUES if value is not ABSENT)
    assert mindspore_disagreements(rule, grid) == []


@each_target
def test_mindspore_takes_and_refuses_weights_as_it_is_read(rule: Rule) -> None:
    grid = (
        present(weight=weight, reduction=reduction, ignore_index=ignored)
        for weight, reduction, ignored in product(WEIGHTS, ("mean", "sum", "none"), (-100, 1))
    )
    assert mindspore_disagreements(rule, grid) == []


@each_target
def test_mindspore_reduces_every_shape_as_it_is_read(rule: Rule) -> None:
    # Among these are the words that ops.nll_loss takes for 'none', but in a shape of its own.
    words = ["mean", "sum", "none", "elementwise_mean", "bogus"]
    if not is_mint(rule):
        words.append("None")  # which mint takes for 'none', and torch refuses
    grid = [{"reduction": word} for word in words]
    assert mindspore_disagreements(rule, iter(grid), SHAPES) == []


@each_target
@pytest.mark.parametrize("name", ["size_average", "reduce", "input_"])
def test_mindspore_has_no_such_parameter(rule: Rule, name: str) -> None:
    x, y = tensors((4, 3))
    ms = mindspore()
    given = {name: None}
    found = real(rule.target, rule, ms.Tensor(x), ms.Tensor(y.astype(np.int32)), ms.Tensor, given)
    assert isinstance(found, str)
    assert name in found


def test_float64_probabilities_are_of_no_proof_because_mindspore_refuses_them() -> None:
    ms = mindspore()
    x, y = np.zeros((4, 3)), np.full((4, 3), 1 / 3)
    with pytest.raises(TypeError):
        ms.ops.cross_entropy(ms.Tensor(x), ms.Tensor(y)).numpy()
    assert ms.ops.cross_entropy(ms.Tensor(x), ms.Tensor([0, 1, 2, 0], ms.int32)).numpy() > 0
