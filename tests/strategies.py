"""Hypothesis strategies for losses: every shape, target, weight and option that torch accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@dataclass(frozen=True)
class Call:
    """A call of a kernel: `KERNELS[kernel](input, target, weight=weight, **options)`."""

    kernel: str
    input: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    options: dict[str, Any]


@st.composite
def calls(
    draw: st.DrawFn,
    *,
    dtypes: tuple[str, ...] = ("float16", "float32", "float64"),
    largest: float = 1e4,
    zero_weights: bool = True,
) -> Call:
    """Calls with finite logits of at most `largest` and labels in range or ignored.

    Weights are 0 or at least 1/16, because the gradient of a mean divides by their sum, and in
    float16 the inverse of a smaller one overflows.
    """
    dtype = draw(st.sampled_from(dtypes))
    kernel = draw(st.sampled_from(("cross_entropy", "nll_loss")))
    classes = draw(st.integers(1, 6))
    outer = draw(st.just(()) | hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3))
    axis = min(len(outer), 1)
    shape = (*outer[:axis], classes, *outer[axis:])
    # A log-probability is never positive; sums of mixed signs would measure cancellation.
    highest = 0.0 if kernel == "nll_loss" else largest
    x = draw(hnp.arrays(np.float64, shape, elements=st.floats(-largest, highest))).astype(dtype)

    weights = st.floats(1 / 16, 4) | (st.just(0.0) if zero_weights else st.nothing())
    weight = draw(st.none() | hnp.arrays(np.float64, classes, elements=weights))
    options: dict[str, Any] = {"reduction": draw(st.sampled_from(("mean", "sum", "none")))}
    if kernel == "cross_entropy":
        options["label_smoothing"] = draw(st.just(0.0) | st.floats(1 / 64, 1))
    if kernel == "cross_entropy" and draw(st.booleans()):
        probability = st.floats(0, 1, width=16)
        target = draw(hnp.arrays(np.float64, shape, elements=probability)).astype(dtype)
    else:
        ignore_index = draw(st.sampled_from((-100, -1, 0)))
        options["ignore_index"] = ignore_index
        labels = st.integers(0, classes - 1) | st.just(ignore_index)
        target = draw(hnp.arrays(np.int64, outer, elements=labels))
    return Call(kernel, x, target, None if weight is None else weight.astype(dtype), options)
