"""The NumPy reference against the autograd of torch and of MindSpore, value and gradient.

Measured when this was written, in units of `eps * (1 + |expected|)`: over the grids below torch
2.13 differs by at most 2.4 and MindSpore 2.10 by at most 5.2; `TOLERANCE` allows 8. Infinities,
NaN, dtypes and shapes are those of torch in every case.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from frameworks import mindspore_loss, torch_loss
from hypothesis import given, settings
from strategies import Call, calls

from migrate.prove.kernel import KERNELS, Loss
from migrate.prove.tolerance import mismatch, ulp_error

KINDS = (("cross_entropy", "indices"), ("cross_entropy", "probabilities"), ("nll_loss", "indices"))
LOGITS = (
    "plain",
    "large",
    "-inf at another class",
    "-inf at the label",
    "-inf in a whole row",
    "+inf",
    "nan",
)
IGNORE_INDEX = {"label 0 ignored": 0, "some ignored as -1": -1}


@dataclass(frozen=True)
class Setting:
    """One point of a grid, less what `options` adds; its arrays are the same in every run."""

    kernel: str
    target: str
    shape: tuple[int, ...]
    dtype: str
    logits: str = "plain"
    weight: str = "no weight"
    ignored: str = "none ignored"

    def options(self, smoothings: tuple[float, ...]) -> Iterator[dict[str, Any]]:
        ignore_index = IGNORE_INDEX.get(self.ignored, -100)
        for reduction in ("mean", "sum", "none"):
            plain = {"ignore_index": ignore_index, "reduction": reduction}
            if self.kernel == "nll_loss":
                yield plain
            else:
                yield from (plain | {"label_smoothing": smoothing} for smoothing in smoothings)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        rng = np.random.default_rng(zlib.crc32(repr(self).encode()))
        axis = min(len(self.shape) - 1, 1)
        classes = self.shape[axis]
        labels = rng.integers(0, classes, self.shape[:axis] + self.shape[axis + 1 :])
        x = rng.standard_normal(self.shape) * 2
        if self.logits == "large":
            x = rng.choice([-1e4, 1e4, 9e3, 0.0], self.shape)
        if self.kernel == "nll_loss":
            # Log-probabilities are never positive; sums of mixed signs would only cancel.
            x = -np.abs(x)
        x = spoiled(x, labels, axis, self.logits).astype(self.dtype)

        target = labels
        if self.target == "probabilities":
            rows = rng.dirichlet(np.ones(classes), labels.shape)
            target = np.moveaxis(np.where(rows < 0.1, 0, rows), -1, axis).astype(self.dtype)
        elif self.ignored == "all ignored":
            target = np.full_like(labels, -100)
        elif self.ignored.startswith("some"):
            gone = rng.random(labels.shape) < 0.4
            target = np.where(gone, IGNORE_INDEX.get(self.ignored, -100), labels)

        weight = rng.uniform(0.25, 2.0, classes).astype(self.dtype)
        if self.weight == "one weight 0":
            weight[rng.integers(0, classes)] = 0
        elif self.weight == "all weights 0":
            weight[:] = 0
        return x, target, None if self.weight == "no weight" else weight


def spoiled(x: np.ndarray, labels: np.ndarray, axis: int, how: str) -> np.ndarray:
    """Put an infinity or NaN into the first row of logits."""
    classes = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    first = np.expand_dims((np.arange(labels.size) == 0).reshape(labels.shape), axis)
    own = classes == np.expand_dims(labels, axis)
    other = classes == np.expand_dims((labels + 1) % x.shape[axis], axis)
    places = {
        "-inf at another class": (first & other & ~own, -np.inf),
        "-inf at the label": (first & own, -np.inf),
        "-inf in a whole row": (first, -np.inf),
        "+inf": (first & other, np.inf),
        "nan": (first & other, np.nan),
    }
    where, what = places.get(how, (False, 0.0))
    return np.where(where, what, x)


def reference(setting: Setting, options: dict[str, Any]) -> Loss:
    x, target, weight = setting.arrays()
    return KERNELS[setting.kernel](x, target, weight=weight, **options)


def assert_agrees(loss: Loss, expected: tuple[np.ndarray, np.ndarray], what: object) -> None:
    value, gradient = expected
    for name, ours, theirs in (("value", loss.value, value), ("gradient", loss.gradient, gradient)):
        difference = mismatch(ours, theirs)
        assert difference is None, f"{name} of {what}: {difference}"


# torch ------------------------------------------------------------------------------------------

TORCH_SHAPES = ((5,), (4, 5), (0, 5), (3, 1), (3, 5, 2), (2, 4, 3, 2), (2, 3, 2, 1, 2))
TORCH_SMOOTHINGS = (0.0, 0.1, 1.0)


def torch_settings(kernel: str, target: str, dtype: str, logits: str) -> Iterator[Setting]:
    ignored = ("none ignored", "some ignored", *IGNORE_INDEX, "all ignored")
    if target == "probabilities":
        ignored = ("none ignored",)
    weights = ("no weight", "positive", "one weight 0", "all weights 0")
    for shape, weight, gone in product(TORCH_SHAPES, weights, ignored):
        yield Setting(kernel, target, shape, dtype, logits, weight, gone)


@pytest.mark.parametrize("logits", LOGITS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("kernel", "target"), KINDS)
def test_kernel_is_torch_autograd(kernel: str, target: str, dtype: str, logits: str) -> None:
    for setting in torch_settings(kernel, target, dtype, logits):
        x, labels, weight = setting.arrays()
        for options in setting.options(TORCH_SMOOTHINGS):
            expected = torch_loss(kernel, x, labels, weight=weight, **options)
            loss = KERNELS[kernel](x, labels, weight=weight, **options)
            assert_agrees(loss, expected, (setting, options))


def test_torch_grid_has_as_many_cases_as_documented() -> None:
    grid = product(KINDS, ("float16", "float32", "float64"), LOGITS)
    cases = sum(
        len(list(setting.options(TORCH_SMOOTHINGS)))
        for (kernel, target), dtype, logits in grid
        for setting in torch_settings(kernel, target, dtype, logits)
    )
    assert cases == 40_572


def test_float16_softmax_over_more_classes_than_float16_can_count() -> None:
    # torch sums in float32 only along a class axis that is not the last; along the last one its
    # sum of exponentials is float16 and overflows, which the reference does not follow.
    x, labels = np.zeros((1, 70_000, 2), np.float16), np.array([[3, 4]])
    expected = torch_loss("cross_entropy", x, labels)
    assert_agrees(KERNELS["cross_entropy"](x, labels), expected, "70,000 classes")
    assert mismatch(expected[0], np.array(np.log(70_000), np.float16)) is None
    assert torch_loss("cross_entropy", x[:, :, 0], labels[:, 0])[0] == np.inf
    assert KERNELS["cross_entropy"](x[:, :, 0], labels[:, 0]).value == expected[0]


@pytest.mark.parametrize("smoothing", [-0.5, float("nan")])
def test_smoothing_that_is_not_positive_is_none_as_in_torch(smoothing: float) -> None:
    for target in ("indices", "probabilities"):
        setting = Setting("cross_entropy", target, (4, 5), "float32")
        x, labels, _ = setting.arrays()
        options = {"label_smoothing": smoothing}
        expected = torch_loss("cross_entropy", x, labels, **options)
        assert_agrees(reference(setting, options), expected, setting)


@pytest.mark.parametrize("form", ["class", "function"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_torch_class_and_function_are_one(kernel: str, form: Any) -> None:
    setting = Setting(kernel, "indices", (3, 5, 2), "float32", "plain", "positive", "some ignored")
    x, labels, weight = setting.arrays()
    for options in setting.options((0.0, 0.1)):
        expected = torch_loss(kernel, x, labels, form=form, weight=weight, **options)
        assert_agrees(reference(setting, options), expected, (setting, options))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(calls())
def test_any_call_is_as_in_torch(call: Call) -> None:
    loss = KERNELS[call.kernel](call.input, call.target, weight=call.weight, **call.options)
    expected = torch_loss(call.kernel, call.input, call.target, weight=call.weight, **call.options)
    assert_agrees(loss, expected, call)


X = np.zeros((4, 5), np.float32)
Y = np.array([0, 1, 2, 3])
P = np.full((4, 5), 0.2, np.float32)


@pytest.mark.parametrize(
    ("kernel", "input", "target", "options", "ours"),
    [
        pytest.param("nll_loss", X, Y + 2, {}, IndexError, id="label C"),
        pytest.param("nll_loss", X, Y - 1, {}, IndexError, id="label -1 that is not ignored"),
        pytest.param("cross_entropy", X, Y + 2, {}, IndexError, id="label C of cross entropy"),
        pytest.param(
            "cross_entropy", X, Y + 2, {"label_smoothing": 0.1}, IndexError, id="label C smoothed"
        ),
        pytest.param(
            "cross_entropy", X, Y - 100, {"ignore_index": 0}, IndexError, id="-100 not ignored"
        ),
        pytest.param(
            "cross_entropy", X, P, {"ignore_index": 0}, RuntimeError, id="probabilities ignored"
        ),
        pytest.param(
            "cross_entropy", X, Y, {"label_smoothing": 1.5}, RuntimeError, id="smoothing above 1"
        ),
        pytest.param("cross_entropy", X, P, {"label_smoothing": 1.5}, RuntimeError, id="also soft"),
        pytest.param("cross_entropy", X, Y, {"reduction": "avg"}, ValueError, id="reduction"),
        pytest.param("nll_loss", X, Y, {"reduction": "Mean"}, ValueError, id="reduction's case"),
        pytest.param("cross_entropy", X, Y[:3], {}, ValueError, id="fewer labels than rows"),
        pytest.param("cross_entropy", X, Y[:, None], {}, ValueError, id="labels of (N, 1)"),
        pytest.param("cross_entropy", X, P[:, :3], {}, ValueError, id="probabilities of (N, 3)"),
        pytest.param("nll_loss", X, P, {}, TypeError, id="probabilities for nll_loss"),
        pytest.param("cross_entropy", X[0], Y[:1], {}, ValueError, id="labels of (1) for (C)"),
        pytest.param("cross_entropy", X[0, 0], Y[0], {}, ValueError, id="a scalar input"),
        pytest.param("cross_entropy", X.astype(int), Y, {}, TypeError, id="integer logits"),
        pytest.param(
            "cross_entropy",
            X,
            Y,
            {"weight": np.ones(4, np.float32)},
            ValueError,
            id="C - 1 weights",
        ),
        pytest.param(
            "cross_entropy",
            X,
            P,
            {"weight": np.ones((5, 1), np.float32)},
            ValueError,
            id="2-D weight",
        ),
        pytest.param("nll_loss", X, Y, {"weight": np.ones(5)}, TypeError, id="float64 weight"),
        pytest.param("nll_loss", X, Y > 0, {}, TypeError, id="boolean labels"),
    ],
)
def test_what_torch_refuses_is_refused(
    kernel: str, input: np.ndarray, target: np.ndarray, options: Any, ours: type[Exception]
) -> None:
    with pytest.raises((IndexError, RuntimeError, ValueError)):
        torch_loss(kernel, input, target, **options)
    with pytest.raises(ours):
        KERNELS[kernel](input, target, **options)


# MindSpore --------------------------------------------------------------------------------------

# Without an empty batch, for which MindSpore returns whatever the memory held.
MINDSPORE_SHAPES = {
    "float32": ((5,), (4, 5), (3, 5, 2), (2, 4, 3, 2), (2, 3, 2, 1, 2)),
    "float16": ((4, 5), (3, 5, 2)),
}
MINDSPORE_SMOOTHINGS = (0.0, 0.1)


def mindspore_settings(kernel: str, target: str, dtype: str) -> Iterator[Setting]:
    pairs = (
        ("no weight", "none ignored"),
        ("positive", "some ignored"),
        ("positive", "label 0 ignored"),
    )
    if target == "probabilities":
        pairs = (("no weight", "none ignored"), ("positive", "none ignored"))
    for shape, (weight, gone) in product(MINDSPORE_SHAPES[dtype], pairs):
        yield Setting(kernel, target, shape, dtype, "plain", weight, gone)
    yield Setting(kernel, target, (4, 5), dtype, weight="one weight 0")
    if target == "indices":
        yield Setting(kernel, target, (4, 5), dtype, ignored="all ignored")


@pytest.mark.parametrize("form", ["class", "function"])
@pytest.mark.parametrize("dtype", MINDSPORE_SHAPES)
@pytest.mark.parametrize(("kernel", "target"), KINDS)
def test_kernel_is_mindspore_grad(kernel: str, target: str, dtype: str, form: Any) -> None:
    for setting in mindspore_settings(kernel, target, dtype):
        x, labels, weight = setting.arrays()
        for options in setting.options(MINDSPORE_SMOOTHINGS):
            expected = mindspore_loss(kernel, x, labels, form=form, weight=weight, **options)
            assert_agrees(reference(setting, options), expected, (setting, options))


def test_mindspore_grid_has_as_many_cases_as_documented() -> None:
    cases = sum(
        len(list(setting.options(MINDSPORE_SMOOTHINGS)))
        for (kernel, target), dtype in product(KINDS, MINDSPORE_SHAPES)
        for setting in mindspore_settings(kernel, target, dtype)
    )
    assert 2 * cases == 642


@settings(max_examples=25, deadline=None, derandomize=True)
@given(calls(dtypes=("float32",), largest=20.0, zero_weights=False))
def test_any_moderate_call_is_as_in_mindspore(call: Call) -> None:
    loss = KERNELS[call.kernel](call.input, call.target, weight=call.weight, **call.options)
    expected = mindspore_loss(
        call.kernel, call.input, call.target, weight=call.weight, **call.options
    )
    assert_agrees(loss, expected, call)


@pytest.mark.parametrize("form", ["class", "function"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_mindspore_differs_at_minus_infinity(kernel: str, form: Any) -> None:
    # Beside class indices it adds label_smoothing / C times the sum over all classes: 0 * inf.
    setting = Setting(kernel, "indices", (4, 5), "float32", "-inf at another class")
    x, labels, _ = setting.arrays()
    options = {"reduction": "none"}
    value, gradient = mindspore_loss(kernel, x, labels, form=form, **options)
    loss = reference(setting, options)
    assert np.isfinite(loss.value).all()
    assert np.isnan(value).tolist() == [True, False, False, False]
    assert_agrees(Loss(loss.value[1:], loss.gradient), (value[1:], gradient), setting)


def test_mindspore_differs_where_the_float16_sum_over_all_classes_overflows() -> None:
    # The same 0 * inf: 10 logits of -1e4, of which the loss needs but two.
    x, labels = np.full((2, 5), -1e4, np.float16), np.array([0, 1])
    value, _ = mindspore_loss("nll_loss", x, labels, reduction="sum")
    assert np.isnan(value)
    expected = torch_loss("nll_loss", x, labels, reduction="sum")
    assert_agrees(KERNELS["nll_loss"](x, labels, reduction="sum"), expected, "float16")
    assert expected[0] == 20_000


def test_mindspore_differs_in_the_last_digits_of_a_loss_of_large_logits() -> None:
    # It subtracts the logarithm of the sum from the unshifted logits: an error of their size.
    x, labels = np.full((1, 3), 1e4, np.float32), np.array([0])
    value, _ = mindspore_loss("cross_entropy", x, labels)
    loss = KERNELS["cross_entropy"](x, labels)
    assert_agrees(loss, torch_loss("cross_entropy", x, labels), "ties at 1e4")
    assert ulp_error(loss.value, np.log(np.float32(3)).reshape(())) <= 1
    assert mismatch(value, loss.value) is not None
    assert abs(value - loss.value) < np.finfo(np.float32).eps * 1e4


def test_mindspore_differs_in_the_gradient_of_a_mean_over_no_weight() -> None:
    x, labels, weight = -np.ones((2, 3), np.float32), np.array([0, 1]), np.zeros(3, np.float32)
    _, gradient = mindspore_loss("nll_loss", x, labels, weight=weight)
    loss = KERNELS["nll_loss"](x, labels, weight)
    assert_agrees(loss, torch_loss("nll_loss", x, labels, weight=weight), "no weight")
    assert np.isnan(loss.gradient).tolist() == [[True, False, False], [False, True, False]]
    assert np.isnan(gradient).all()


# The figures of the official pages of differences -----------------------------------------------

ON_EVERYTHING: list[Any] = [
    pytest.param(
        lambda kernel, x, y, **options: KERNELS[kernel](x, y, **options).value, id="kernel"
    ),
    *(
        pytest.param(
            lambda *call, run=run, form=form, **options: run(*call, form=form, **options)[0],
            id=f"{run.__name__.removesuffix('_loss')} {form}",
        )
        for run, form in product((torch_loss, mindspore_loss), ("class", "function"))
    ),
]


@pytest.mark.parametrize("evaluate", ON_EVERYTHING)
def test_cross_entropy_of_the_official_example_is_2_764(
    evaluate: Callable[..., np.ndarray],
) -> None:
    logits = [
        [1.624, -0.611, -0.528, -1.072, 0.865],
        [-2.301, 1.744, -0.761, 0.319, -0.249],
        [1.462, -2.060, -0.322, -0.384, 1.133],
    ]
    value = evaluate("cross_entropy", np.array(logits, np.float32), np.array([1, 0, 4]))
    assert round(float(value), 3) == 2.764


@pytest.mark.parametrize("evaluate", ON_EVERYTHING)
def test_nll_loss_of_the_official_example_is_the_negated_input_at_the_label(
    evaluate: Callable[..., np.ndarray],
) -> None:
    data = np.random.default_rng(0).standard_normal((2, 2, 3, 3)).astype(np.float32)
    target = np.zeros((2, 3, 3), int)
    value = evaluate("nll_loss", data, target, ignore_index=-110, reduction="none")
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, -data[:, 0])
