"""The tensors on which a loss is computed in a proof: small, fixed, of every shape and kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from migrate.model import Dtypes
from migrate.prove.domains import CLASSES, POSITIVE_WEIGHT, ZERO_WEIGHT, Tensor

Array = NDArray[Any]

#: (C), (N, C), (N, C, d1) and (N, C, d1, d2), each batch with room for every class and one more.
SHAPES = ((CLASSES,), (4, CLASSES), (2, CLASSES, 2), (2, CLASSES, 2, 2))


@dataclass(frozen=True, slots=True)
class Case:
    """One combination of shape, dtype and kind of target.

    Attributes
    ----------
    shape : tuple of int
        Of the logits.
    dtype : str
    probabilities : bool
        Whether the target holds class probabilities rather than indices.
    """

    shape: tuple[int, ...]
    dtype: str
    probabilities: bool

    def __str__(self) -> str:
        kind = "probabilities" if self.probabilities else "indices"
        return f"{self.dtype} logits of shape {self.shape} and class {kind}"


@lru_cache(maxsize=64)
def cases(
    kernel: str,
    dtypes: Dtypes,
    ignore_index: int,
    same: bool,
    indices: bool = False,
    smoothed: bool = False,
) -> tuple[Case, ...]:
    """Return the cases of a loss.

    Parameters
    ----------
    kernel : str
        Only cross entropy takes class probabilities.
    dtypes : Dtypes
        Those of the rule: on others MindSpore raises, or returns another dtype, whatever the call
        says, so that they are of no proof.
    ignore_index : int
        torch refuses class probabilities beside one that is not negative, and MindSpore does not,
        so these are of no proof either.
    same : bool
        Whether one tensor is both logits and target, which indices cannot be.
    indices : bool
        Whether the target is known to hold class indices.
    smoothed : bool
        Whether the labels are smoothed, which is of no proof in every dtype.
    """
    found = []
    beside_indices = dtypes.indices
    if smoothed:
        beside_indices = tuple(dtype for dtype in dtypes.indices if dtype in dtypes.smoothed)
    for shape in SHAPES:
        if not same:
            found += [Case(shape, dtype, probabilities=False) for dtype in beside_indices]
        if kernel == "cross_entropy" and ignore_index < 0 and not indices:
            found += [Case(shape, dtype, probabilities=True) for dtype in dtypes.probabilities]
    return tuple(found)


@lru_cache(maxsize=64)
def logits(case: Case) -> Array:
    """Return logits of `case`, no two alike."""
    count = int(np.prod(case.shape))
    return np.asarray(2 * np.sin(1 + np.arange(count)), case.dtype).reshape(case.shape)


@lru_cache(maxsize=512)
def target(case: Case, ignore_index: int) -> Array:
    """Return what torch takes as a target: every class, and `ignore_index` whatever it is."""
    axis = min(1, len(case.shape) - 1)
    if case.probabilities:
        raw = np.exp(np.cos(np.arange(int(np.prod(case.shape))))).reshape(case.shape)
        return np.asarray(raw / raw.sum(axis=axis, keepdims=True), case.dtype)
    shape = case.shape[:axis] + case.shape[axis + 1 :]
    classes = [label for label in range(CLASSES) if label != ignore_index]
    # A single label is one that counts: the mean of nothing is NaN whatever the weight.
    labels = [*classes, ignore_index] if shape else classes[-1:]
    return np.array(list(islice(cycle(labels), int(np.prod(shape))))).reshape(shape)


@lru_cache(maxsize=64)
def weights(tensor: Tensor | None, dtype: str) -> Array | None:
    """Return one weight a class, in the dtype of the logits."""
    if tensor is None:
        return None
    values = {POSITIVE_WEIGHT: (0.5, 2.0, 1.25), ZERO_WEIGHT: (0.0, 3.0, 0.75)}
    # Any other is a tensor of the program that stands for weights too.
    return np.array(values.get(tensor, (1.5, 0.25, 4.0)), dtype)
