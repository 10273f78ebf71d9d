"""How near two arrays must be to count as the same: one table, one measure of error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Values agree where `|actual - expected| <= atol + rtol * |expected|`."""

    rtol: float
    atol: float


def _of(dtype: type[np.floating[Any]], relative: float, absolute: float) -> Tolerance:
    epsilon = float(np.finfo(dtype).eps)
    return Tolerance(rtol=relative * epsilon, atol=absolute * epsilon)


#: By dtype. The reference was measured to be within 2.4 epsilon of torch and 5.2 of MindSpore on
#: the grids of the tests; 8 is the next power of two.
TOLERANCE: Mapping[np.dtype[Any], Tolerance] = MappingProxyType(
    {
        np.dtype(np.float16): _of(np.float16, 8, 8),
        np.dtype(np.float32): _of(np.float32, 8, 8),
        np.dtype(np.float64): _of(np.float64, 8, 8),
    }
)


def mismatch(actual: NDArray[Any], expected: NDArray[Any]) -> str | None:
    """Say in what two arrays differ by more than their dtype's tolerance, or None.

    Parameters
    ----------
    actual, expected : ndarray of float16, float32 or float64

    Returns
    -------
    str or None
        The first of dtype, shape and values that differs. NaN agrees with NaN, and an infinity
        with the same infinity, only.
    """
    if actual.dtype != expected.dtype:
        return f"dtype {actual.dtype} instead of {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {actual.shape} instead of {expected.shape}"
    near = TOLERANCE[expected.dtype]
    # In float64, so that neither the difference nor the bound is itself rounded.
    wide, wanted = actual.astype(np.float64), expected.astype(np.float64)
    if np.allclose(wide, wanted, rtol=near.rtol, atol=near.atol, equal_nan=True):
        return None
    return f"{actual.tolist()} instead of {expected.tolist()}"


def ulp_error(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the largest difference of two arrays, in units in the last place of their dtype.

    The unit is the step from one representable number to the next, counted: numbers of which
    one follows the other are 1 apart.

    Parameters
    ----------
    a, b : ndarray of float16, float32 or float64

    Returns
    -------
    float
        0 where all values are equal, NaN counting as equal to NaN and -0 to 0. Infinity where
        dtype or shape differ, where one value is NaN and the other is not, and where one is
        infinite and the other is not the same infinity.
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        return float("inf")
    if a.tobytes() == b.tobytes():
        return 0.0
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    if not (np.isfinite(a) & np.isfinite(b))[~same].all():
        return float("inf")
    first, second = _ordinal(a[~same]), _ordinal(b[~same])
    # Unsigned, because the distance between two int64 does not fit an int64.
    distance = np.maximum(first, second).view(np.uint64) - np.minimum(first, second).view(np.uint64)
    return float(distance.max())


def _ordinal(x: NDArray[Any]) -> NDArray[np.int64]:
    """Return each float's place in their order; as bits they are sign and magnitude."""
    bits = x.view(f"i{x.dtype.itemsize}").astype(np.int64)
    lowest = -(1 << (8 * x.dtype.itemsize - 1))
    return np.where(bits < 0, lowest - bits, bits)
