"""What a call that makes, changes or reads a tensor gives, as a value that can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arguments = Mapping[str, Any]


class Unread(Exception):
    """The framework takes the call, but what it gives is not known; the argument says of what."""


@dataclass(frozen=True, slots=True)
class Dtype:
    """A dtype of either framework, by its name in NumPy."""

    name: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A random draw: not its values, but what they are drawn from.

    Attributes
    ----------
    distribution : str
        `normal`, `uniform`, or `integers` from `low` to below `high`.
    """

    distribution: str
    shape: tuple[int, ...]
    dtype: str
    low: int = 0
    high: int = 0


#: What a call gives: values, or what they are drawn from.
Made = Array | Drawn


def dtype_given(given: Arguments, otherwise: str) -> str:
    """Return the dtype that a call asks for by `dtype`."""
    dtype = given.get("dtype")
    return dtype.name if isinstance(dtype, Dtype) else otherwise


def cast(values: Array, dtype: str) -> Array:
    """Return values as the frameworks cast them."""
    # A float is cut to an int, as in C; one that does not fit is nobody's label.
    with np.errstate(invalid="ignore", over="ignore"):
        return values.astype(dtype)


def shape_of(made: Made) -> Sequence[int]:
    """Return the shape of what a call gives."""
    return made.shape


def dtype_of(made: Made) -> str:
    """Return the dtype of what a call gives, by its name in NumPy."""
    return made.dtype if isinstance(made, Drawn) else made.dtype.name
