"""What a name may hold in a proof of a tensor's call, where the text does not tell.

By the role of the parameter that it reaches, and tensors of each dtype and rank.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from migrate.prove.made import Array

_INTEGERS = np.array([2, 0, 1])
_FLOATS = np.array([[0.5, -1.25, 2.0], [3.5, 0.0, -0.75]])

#: The values of a name, by the role of the parameter that it reaches.
DOMAINS: Mapping[str, tuple[object, ...]] = {
    "data": (
        3,
        1.5,
        True,
        np.float64(2.5),
        [2, 0, 1],
        [0.5, -1.25],
        [[1.5, 2.5], [0.5, 0.25]],
        [True, False],
        [np.float64(1.5), 0.5],
        *(_INTEGERS.astype(dtype) for dtype in ("int64", "int32", "uint8")),
        *(_FLOATS.astype(dtype) for dtype in ("float64", "float32", "float16")),
        np.array([True, False]),
    ),
    "array": (
        *(_INTEGERS.astype(dtype) for dtype in ("int64", "int32", "uint8")),
        *(_FLOATS.astype(dtype) for dtype in ("float64", "float32", "float16")),
    ),
    "size": (1, 2, 3, (), (2,), (2, 3), [2], [2, 3]),
    "extent": (0, 1, 2, 3),
    # From 1 to 1.3 by 0.1 are four numbers in float64 and three in float32.
    "number": (-1, 0, 1, 2, 0.5, 3.5, 0.1, 1.3, True),
    "axis": (0, 1, -1, None),
    "flag": (True, False),
}


#: Readings of which the operand has a dimension at least, as the logits of a loss have.
_OF_VECTORS = frozenset(
    {"log_softmax", "log_softmax_method", "log_softmax_module", "softmax", "softmax_method", "sum"}
)


def tensors(dtype: str, reading: str = "") -> tuple[Array, ...]:
    """Return tensors of one dtype, of every rank that a reading is asked about."""
    shapes: tuple[tuple[int, ...], ...] = ((3,), (4, 3), (2, 3, 2), (2, 3, 2, 2))
    return tuple(
        (np.sin(1 + np.arange(np.prod(shape, dtype=int))) * 2).astype(dtype).reshape(shape)
        for shape in (shapes if reading in _OF_VECTORS else ((), *shapes))
    )


def integers() -> tuple[object, ...]:
    """Return the values of a name that holds an int for certain."""
    return DOMAINS["extent"]


#: The dtypes of a tensor of which nothing is known.
UNKNOWN = ("float32", "float16", "float64", "int64", "int32")
#: The same, of what goes into a log_softmax: MindSpore has no float64 there.
UNKNOWN_LOGITS = ("float32", "float16")
