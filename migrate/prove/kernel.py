"""The NumPy reference of the losses: cross entropy, negative log likelihood, their gradients.

Written from the documentation of torch, and held against torch and MindSpore by the tests:

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html

Notation of those pages: `x` is the input with classes `c` in `[0, C)`, `y` the target, `w` the
weight, `n` every other place of the input. A gradient is that of the sum of the outputs with
respect to the input: the cotangent is one everywhere.

Arithmetic runs in the input's dtype. For float16 the log-softmax and its gradient run in float32
and are rounded once, and every sum is rounded to float16 before it is divided. torch does the
same, and it shows: the mean of sixteen losses of 1e4 is infinite, because their sum is. It departs
from that only beyond 65,504 classes, where its float16 softmax along the last axis overflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

REDUCTIONS = ("mean", "sum", "none")

# The kinds by their character, because a prover asks thousands of times.
_FLOATS = "efd"


@dataclass(frozen=True, slots=True)
class Loss:
    """What a loss evaluates to.

    Attributes
    ----------
    value : ndarray
        Shape () for "mean" and "sum", the shape of the losses for "none"; the input's dtype.
    gradient : ndarray
        Of `value.sum()` with respect to the input; the input's shape and dtype.
    """

    value: Array
    gradient: Array


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Loss:
    """Cross entropy between logits and class indices or class probabilities.

    With `p = softmax(x)` and `e = label_smoothing`::

        indices        l_n = -(1 - e) w_y log p_{n,y} - e/C sum_c w_c log p_{n,c}   0 if y ignored
                       mean = sum_n l_n / sum_n w_y [y not ignored]
        probabilities  l_n = -sum_c w_c ((1 - e) y_{n,c} + e/C) log p_{n,c}
                       mean = sum_n l_n / N

    Parameters
    ----------
    input : ndarray of float16, float32 or float64
        Logits of shape (C), (N, C) or (N, C, d1, ..., dK).
    target : ndarray
        Integers of shape (), (N) or (N, d1, ..., dK): class indices. Or the shape and dtype of
        the input: class probabilities.
    weight : ndarray of shape (C), optional
        Of the input's dtype.
    ignore_index : int
        The class index that contributes neither to the value nor to the gradient.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        At most 1. As in torch, a negative one is no smoothing.

    Raises
    ------
    IndexError
        If a class index is outside [0, C) and is not `ignore_index`.
    RuntimeError
        If `label_smoothing` is above 1, or `ignore_index` is not negative beside probabilities.
    TypeError
        If the dtypes are not as above. torch accepts some mixtures of them, depending on the kind
        of target; the reference accepts none.
    ValueError
        If the shapes are not as above, or `reduction` is unknown.

    Notes
    -----
    Infinities and NaN come out as in torch: a logit of minus infinity has no part in the loss of
    another class, but `0 * inf` is NaN where the formula multiplies by a probability or weight
    of 0; a mean over nothing is NaN with a gradient of 0.

    Source: torch.nn.CrossEntropyLoss; for the smoothing of indices, which that page leaves open
    beside a weight, the behaviour of torch 2.13.
    """
    axis = _class_axis(input)
    weight = _weight(input, weight, input.shape[axis])
    _check_reduction(reduction)
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing is {label_smoothing}: it must not exceed 1")
    # Neither max nor clip: a NaN counts as no smoothing, as it does in torch.
    smoothing = label_smoothing if label_smoothing > 0 else 0.0
    with np.errstate(all="ignore"):
        log_p = log_softmax(input, axis)
        if target.dtype.char in _FLOATS:
            _check_probabilities(input, target, ignore_index)
            loss = _soft(log_p, target, weight, reduction, smoothing, axis)
        else:
            _check_indices(input, target, axis)
            loss = _hard(log_p, target, weight, ignore_index, reduction, smoothing, axis)
        return Loss(loss.value, log_softmax_gradient(log_p, loss.gradient, axis))


def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Loss:
    """Negative log likelihood of class indices, given log-probabilities.

    ::

        l_n = -w_y x_{n,y}    0 if y ignored        mean = sum_n l_n / sum_n w_y [y not ignored]

    Parameters
    ----------
    input : ndarray of float16, float32 or float64
        Log-probabilities of shape (C), (N, C) or (N, C, d1, ..., dK).
    target : ndarray of integers
        Class indices of shape (), (N) or (N, d1, ..., dK).
    weight : ndarray of shape (C), optional
        Of the input's dtype.
    ignore_index : int
        The class index that contributes neither to the value nor to the gradient.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    IndexError
        If a class index is outside [0, C) and is not `ignore_index`.
    TypeError
        If the dtypes are not as above.
    ValueError
        If the shapes are not as above, or `reduction` is unknown.

    Notes
    -----
    Source: torch.nn.NLLLoss.
    """
    axis = _class_axis(input)
    weight = _weight(input, weight, input.shape[axis])
    _check_reduction(reduction)
    _check_indices(input, target, axis)
    with np.errstate(all="ignore"):
        return _hard(input, target, weight, ignore_index, reduction, 0.0, axis)


#: The losses by the name under which a rule asks for them.
KERNELS: Mapping[str, Callable[..., Loss]] = MappingProxyType(
    {"cross_entropy": cross_entropy, "nll_loss": nll_loss}
)


def log_softmax(x: Array, axis: int) -> Array:
    """Return `log(exp(x_c) / sum_i exp(x_i))` over the classes (torch.nn.LogSoftmax).

    Shifted by the maximum, so that large logits do not overflow.
    """
    wide = _wide(x)
    shifted = wide - wide.max(axis=axis, keepdims=True, initial=-np.inf)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return log_p.astype(x.dtype, copy=False)


def log_softmax_gradient(log_p: Array, slope: Array, axis: int) -> Array:
    """Return the gradient in `x` of `f(log_softmax(x))`, given `slope`, that of `f`.

    The derivative of `log p_c` by `x_i` is `[c = i] - p_i`.
    """
    wide = _wide(slope)
    gradient: Array = wide - np.exp(_wide(log_p)) * wide.sum(axis=axis, keepdims=True)
    return gradient.astype(log_p.dtype, copy=False)


def _hard(
    log_p: Array,
    target: Array,
    weight: Array,
    ignore_index: int,
    reduction: str,
    smoothing: float,
    axis: int,
) -> Loss:
    """Negative log likelihood of class indices; the gradient is with respect to `log_p`."""
    number = log_p.dtype.type
    zero = number(0)
    classes = log_p.shape[axis]
    kept = target != ignore_index
    y = np.where(kept, target, 0)
    _check_range(y, classes)

    here = np.expand_dims(y, axis) == _over_classes(np.arange(classes), log_p, axis)
    w_y = np.where(kept, weight[y], zero)
    total = w_y.sum()
    # Selected rather than multiplied: what stands at the other classes may be infinite.
    x_y = np.where(kept, np.where(here, log_p, zero).sum(axis=axis), zero)
    value, cotangent = _reduced(-w_y * x_y, total, reduction)
    # Also what is ignored must not see the cotangent, which is infinite where the total is 0.
    cotangent = np.expand_dims(np.where(kept, cotangent, zero), axis)
    slope = np.where(here, -np.expand_dims(w_y, axis) * cotangent, zero)
    if not smoothing:
        return Loss(value, slope)

    w = _over_classes(weight, log_p, axis)
    spread = np.where(kept, -(w * log_p).sum(axis=axis), zero)
    spread_value, _ = _reduced(spread, total, reduction)
    own, other = number(1 - smoothing), number(np.float64(smoothing) / classes)
    return Loss(
        np.asarray(own * value + other * spread_value),
        own * slope - other * (w * cotangent),
    )


def _soft(
    log_p: Array, target: Array, weight: Array, reduction: str, smoothing: float, axis: int
) -> Loss:
    """Cross entropy with class probabilities; the gradient is with respect to `log_p`."""
    number = log_p.dtype.type
    classes = log_p.shape[axis]
    if smoothing:
        target = target * number(1 - smoothing) + number(np.float64(smoothing) / classes)
    w = _over_classes(weight, log_p, axis)
    # N is size / C, and not how many losses there are: the mean over no classes is NaN.
    places = number(np.float64(log_p.size) / classes)
    value, cotangent = _reduced(-(log_p * target * w).sum(axis=axis), places, reduction)
    return Loss(value, -(target * w) * cotangent)


def _reduced(losses: Array, total: Any, reduction: str) -> tuple[Array, Any]:
    """Return the reduced losses, and the derivative of their sum by each loss."""
    one = losses.dtype.type(1)
    if reduction == "none":
        return np.asarray(losses), one
    if reduction == "sum":
        return np.asarray(losses.sum()), one
    return np.asarray(losses.sum() / total), one / total


def _wide(x: Array) -> Array:
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _over_classes(vector: Array, like: Array, axis: int) -> Array:
    """Return `vector` in a shape that runs along the classes of `like`."""
    return vector.reshape((-1,) + (1,) * (like.ndim - axis - 1))


def _class_axis(input: Array) -> int:
    if input.dtype.char not in _FLOATS:
        raise TypeError(f"input is {input.dtype}: it must be float16, float32 or float64")
    if input.ndim == 0:
        raise ValueError("input has no dimension: it must be (C), (N, C) or (N, C, d1, ..., dK)")
    return 0 if input.ndim == 1 else 1


def _weight(input: Array, weight: Array | None, classes: int) -> Array:
    if weight is None:
        return np.ones(classes, input.dtype)
    if weight.dtype != input.dtype:
        raise TypeError(f"weight is {weight.dtype} beside an input of {input.dtype}")
    if weight.shape != (classes,):
        raise ValueError(f"weight has shape {weight.shape}: it must be {(classes,)}")
    return weight


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}: it must be one of {', '.join(REDUCTIONS)}")


def _check_indices(input: Array, target: Array, axis: int) -> None:
    if target.dtype.kind not in "iu":
        raise TypeError(f"target is {target.dtype}: class indices must be integers")
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape != expected:
        raise ValueError(f"class indices have shape {target.shape}: it must be {expected}")


def _check_range(y: Array, classes: int) -> None:
    outside = (y < 0) | (y >= classes)
    if outside.any():
        raise IndexError(f"class index {y[outside].flat[0]} is outside [0, {classes})")


def _check_probabilities(input: Array, target: Array, ignore_index: int) -> None:
    if ignore_index >= 0:
        raise RuntimeError(f"ignore_index is {ignore_index}: class probabilities have none")
    if target.dtype != input.dtype:
        raise TypeError(f"class probabilities are {target.dtype} beside {input.dtype} logits")
    if target.shape != input.shape:
        raise ValueError(f"class probabilities have shape {target.shape}: it must be {input.shape}")
