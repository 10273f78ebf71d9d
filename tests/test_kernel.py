"""The NumPy reference against its formula, and the measures of error, without a framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from migrate.prove.kernel import KERNELS, Loss, cross_entropy, nll_loss
from migrate.prove.tolerance import TOLERANCE, mismatch, ulp_error

DTYPES = [np.float16, np.float32, np.float64]
INF, NAN = np.inf, np.nan


def array(values: Any, dtype: Any = np.float64) -> np.ndarray:
    return np.array(values, dtype)


# Formula ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_equal_logits_lose_the_logarithm_of_the_number_of_classes(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape[:-1] if len(shape) == 1 else (shape[0], *shape[2:]), int)
    loss = cross_entropy(np.full(shape, 7.0), labels, reduction="none")
    np.testing.assert_allclose(loss.value, np.full(labels.shape, np.log(3)), rtol=1e-15)


def test_mean_divides_by_the_weight_of_the_labels_that_count() -> None:
    x = -array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    loss = nll_loss(x, array([2, 0, -100], int), weight=array([0.5, 9, 2]))
    assert loss.value == (2 * 3 + 0.5 * 4) / (2 + 0.5)
    assert loss.gradient.tolist() == [[0, 0, -2 / 2.5], [-0.5 / 2.5, 0, 0], [0, 0, 0]]


def test_mean_of_probabilities_divides_by_their_number_whatever_the_weight() -> None:
    x, p, w = array([[0, 0], [0, 0]]), array([[1, 0], [0.5, 0.5]]), array([2, 4])
    loss = cross_entropy(x, p, w)
    assert loss.value == pytest.approx((2 + 0.5 * 2 + 0.5 * 4) * np.log(2) / 2)


def test_smoothing_mixes_in_every_class_by_its_weight() -> None:
    x, w, e = array([[1, 0, 0]]), array([1, 2, 4]), 0.3
    log_p = x[0] - np.log(np.exp(x).sum())
    loss = cross_entropy(x, array([1], int), w, reduction="sum", label_smoothing=e)
    assert loss.value == pytest.approx(-(1 - e) * 2 * log_p[1] - e / 3 * (w * log_p).sum())


def test_indices_are_the_probabilities_of_which_one_is_one() -> None:
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    hard = cross_entropy(x, labels, label_smoothing=0.2)
    soft = cross_entropy(x, np.eye(4)[labels], label_smoothing=0.2)
    np.testing.assert_allclose(hard.value, soft.value, rtol=1e-14)
    np.testing.assert_allclose(hard.gradient, soft.gradient, atol=1e-16)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", ["indices", "probabilities", "nll"])
def test_gradient_is_the_difference_quotient(kind: str, reduction: str) -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((3, 4, 2)), rng.uniform(0.5, 2, 4)
    target = rng.uniform(0, 1, x.shape) if kind == "probabilities" else rng.integers(0, 4, (3, 2))
    options: dict[str, Any] = {"reduction": reduction}
    if kind != "nll":
        options["label_smoothing"] = 0.1

    def total(at: np.ndarray) -> float:
        kernel = nll_loss if kind == "nll" else cross_entropy
        return float(kernel(at, target, w, **options).value.sum())

    step = 1e-6
    quotient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = step
        quotient[place] = (total(x + nudge) - total(x - nudge)) / (2 * step)
    kernel = nll_loss if kind == "nll" else cross_entropy
    np.testing.assert_allclose(kernel(x, target, w, **options).gradient, quotient, atol=1e-8)


# Dtype, range, special values -------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS.values())
def test_result_is_a_pair_of_arrays_in_the_dtype_of_the_input(
    kernel: Callable[..., Loss], dtype: Any, reduction: str
) -> None:
    x, weight = np.zeros((2, 3), dtype), np.ones(3, dtype)
    loss = kernel(x, array([0, 1], np.int32), weight, reduction=reduction)
    assert type(loss.value) is type(loss.gradient) is np.ndarray
    assert loss.value.dtype == loss.gradient.dtype == dtype
    assert loss.value.shape == ((2,) if reduction == "none" else ())
    assert loss.gradient.shape == x.shape


@pytest.mark.parametrize("label", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_labels_may_be_any_integers(label: Any) -> None:
    loss = cross_entropy(np.zeros((2, 3)), array([2, 1], label), reduction="sum")
    assert loss.value == pytest.approx(2 * np.log(3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits_do_not_overflow(dtype: Any) -> None:
    loss = cross_entropy(
        array([[1e4, -1e4], [1e4, 1e4]], dtype), array([0, 0], int), None, -1, "sum"
    )
    assert mismatch(loss.value, array(np.log(2), dtype)) is None
    np.testing.assert_array_equal(loss.gradient, array([[0, 0], [-0.5, 0.5]], dtype))


def test_float16_sum_overflows_before_it_is_divided() -> None:
    x, labels = np.full((16, 2), -1e4, np.float16), np.zeros(16, int)
    assert nll_loss(x, labels).value == INF
    assert nll_loss(x[:4], labels[:4]).value == 1e4


def test_minus_infinity_counts_only_at_the_label() -> None:
    x = array([[0, -INF, 0], [-INF, 0, 0]])
    loss = cross_entropy(x, array([0, 0], int), reduction="none")
    assert loss.value.tolist() == [np.log(2), INF]
    assert loss.gradient.tolist() == [[-0.5, 0, 0.5], [-1, 0.5, 0.5]]


def test_mean_over_nothing_is_nan_and_its_gradient_zero() -> None:
    for kernel in KERNELS.values():
        loss = kernel(np.ones((2, 3)), array([-100, -100], int))
        assert np.isnan(loss.value)
        np.testing.assert_array_equal(loss.gradient, np.zeros((2, 3)))


def test_an_ignored_place_may_hold_anything() -> None:
    loss = nll_loss(array([[NAN, INF], [-2, -3]]), array([7, 1], int), ignore_index=7)
    assert loss.value == 3
    assert loss.gradient.tolist() == [[0, 0], [0, -1]]


def test_the_arguments_stay_as_they_are_and_need_not_be_contiguous() -> None:
    x = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    turned = x.transpose(2, 1, 0)
    for array_ in (turned, labels := np.zeros((2, 4), int), weight := np.ones(3, np.float32)):
        array_.setflags(write=False)
    loss = cross_entropy(turned, labels, weight, label_smoothing=0.1)
    assert (
        mismatch(loss.value, cross_entropy(turned.copy(), labels, weight, -100, "mean", 0.1).value)
        is None
    )


# Refusals: each message names what is wrong and what it must be ---------------------------------

X, Y, P = np.zeros((2, 3)), np.array([0, 1]), np.full((2, 3), 1 / 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: nll_loss(X, Y + 2), IndexError, "class index 3 is outside [0, 3)", id="label C"
        ),
        pytest.param(
            lambda: cross_entropy(X, Y - 1), IndexError, "class index -1 is outside", id="label -1"
        ),
        pytest.param(
            lambda: cross_entropy(X, P, None, 0), RuntimeError, "ignore_index is 0", id="ignored P"
        ),
        pytest.param(
            lambda: cross_entropy(X, Y, label_smoothing=1.01),
            RuntimeError,
            "label_smoothing is 1.01: it must not exceed 1",
            id="smoothing above 1",
        ),
        pytest.param(
            lambda: nll_loss(X, Y, reduction="avg"),
            ValueError,
            "reduction is 'avg': it must be one of mean, sum, none",
            id="reduction",
        ),
        pytest.param(
            lambda: nll_loss(X, Y[:1]), ValueError, "have shape (1,): it must be (2,)", id="labels"
        ),
        pytest.param(
            lambda: cross_entropy(X, P[:, :2]), ValueError, "it must be (2, 3)", id="shape of P"
        ),
        pytest.param(
            lambda: nll_loss(X, Y, np.ones(2)), ValueError, "it must be (3,)", id="shape of weight"
        ),
        pytest.param(
            lambda: nll_loss(X, Y, np.ones(3, np.float32)),
            TypeError,
            "weight is float32 beside an input of float64",
            id="dtype of weight",
        ),
        pytest.param(
            lambda: cross_entropy(X, P.astype(np.float32)),
            TypeError,
            "class probabilities are float32 beside float64 logits",
            id="dtype of P",
        ),
        pytest.param(
            lambda: nll_loss(X, P), TypeError, "class indices must be integers", id="P for nll_loss"
        ),
        pytest.param(
            lambda: cross_entropy(X > 0, Y), TypeError, "input is bool: it must be", id="logits"
        ),
        pytest.param(
            lambda: cross_entropy(np.array(1.0), Y[0]),
            ValueError,
            "no dimension",
            id="scalar input",
        ),
    ],
)
def test_refuses(call: Callable[[], Loss], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# Measures of error ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        pytest.param([1, NAN, INF, 0], [1, NAN, INF, -0.0], 0, id="equal"),
        pytest.param([], [], 0, id="empty"),
        pytest.param([1, NAN], [1, 1], INF, id="one is NaN"),
        pytest.param([INF], [-INF], INF, id="infinities of other sign"),
        pytest.param([INF], ["largest"], INF, id="infinity and the largest number"),
        pytest.param(["tiny"], ["-tiny"], 2, id="over zero"),
        pytest.param([1, 4], [1, "4 and a step"], 1, id="neighbours"),
        pytest.param(["2 less a step"], ["2 and a step"], 2, id="steps of two sizes"),
    ],
)
def test_ulp_error_counts_steps(a: list[Any], b: list[Any], error: float, dtype: Any) -> None:
    limits = np.finfo(dtype)
    named = {
        "largest": limits.max,
        "tiny": limits.smallest_subnormal,
        "-tiny": -limits.smallest_subnormal,
        "4 and a step": np.nextafter(dtype(4), dtype(5)),
        "2 and a step": np.nextafter(dtype(2), dtype(5)),
        "2 less a step": np.nextafter(dtype(2), dtype(0)),
    }
    first, second = (array([named.get(item, item) for item in side], dtype) for side in (a, b))
    assert ulp_error(first, second) == ulp_error(second, first) == error


def test_ulp_error_of_numbers_far_apart_does_not_wrap_around() -> None:
    largest = array([np.finfo(np.float64).max])
    assert ulp_error(largest, -largest) == 2.0 * 0x7FEFFFFFFFFFFFFF


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(array([1], np.float32), array([1]), id="dtype"),
        pytest.param(array([1]), array(1), id="shape"),
    ],
)
def test_arrays_of_other_dtype_or_shape_are_never_near(a: np.ndarray, b: np.ndarray) -> None:
    assert ulp_error(a, b) == INF
    assert mismatch(a, b) is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_mismatch_begins_where_the_table_ends(dtype: Any) -> None:
    near = TOLERANCE[np.dtype(dtype)]
    assert near.rtol == near.atol == 8 * np.finfo(dtype).eps
    assert mismatch(array([1 + 0.9 * 2 * near.rtol, NAN], dtype), array([1, NAN], dtype)) is None
    assert mismatch(array([1 + 1.1 * 2 * near.rtol], dtype), array([1], dtype)) is not None
    assert mismatch(array([NAN], dtype), array([1], dtype)) is not None
    assert mismatch(array([INF], dtype), array([-INF], dtype)) is not None
