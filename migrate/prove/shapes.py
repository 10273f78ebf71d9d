"""What a call gives that moves the elements of a tensor about, or takes some of them together.

Readings, as in `migrate.prove.tensors`, of which both sides were measured to give the same for
whatever is not empty. Of nothing, MindSpore's mean is inf and torch's NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from migrate.prove.made import Arguments, Array, Unread
from migrate.prove.reading import Failed

Read = Callable[[Arguments], Array]


def _filled(given: Arguments, operand: str = "self") -> Array:
    x: Array = given[operand]
    if not x.size:
        raise Unread("it is empty")
    return x


def _dimension(x: Array, dim: object, *, new: int = 0, scalar: bool = False) -> int:
    """Return a dimension of `x`, counted from the front; `new` of them are to be added.

    Torch takes a scalar for a vector of one, and MindSpore does in what says so by `scalar`.
    """
    if type(dim) is not int:
        raise Unread(f"{dim!r} is not one dimension")
    many = x.ndim + new or 1
    if not -many <= dim < many:
        raise Failed("IndexError", f"{x.ndim} dimensions have no {dim!r}")
    if not x.ndim and not new and not scalar:
        raise Unread("torch takes a scalar for a vector of one")
    return dim % many


def mean(operand: str, axis: str, keep: str) -> Read:
    """Return the reading of a mean, of floats: of all elements, or along one dimension."""

    def read(given: Arguments) -> Array:
        x = _filled(given, operand)
        if x.dtype.kind != "f":
            raise Failed("RuntimeError", f"there is no mean of {x.dtype}")
        over = None if given[axis] is None else _dimension(x, given[axis], scalar=True)
        if over is None and given[keep]:
            raise Unread("torch keeps no dimension where none is given")
        if not x.ndim:
            return x
        made = x.astype(np.float64).mean(axis=over, keepdims=bool(given[keep]))
        return np.asarray(made.astype(x.dtype))

    return read


def argmax(operand: str) -> Read:
    """Return the reading of where the largest element stands along one dimension.

    In graph mode, MindSpore's method takes the last dimension where none is given, and torch's
    all of them. Where a NaN stands, torch's gives that, and MindSpore's does not.
    """

    def read(given: Arguments) -> Array:
        x = _filled(given, operand)
        if x.dtype.kind == "b":
            raise Failed("RuntimeError", "there is no argmax of bool")
        dimension = _dimension(x, given["dim"])
        if x.dtype.kind == "f" and np.isnan(x).any():
            raise Unread("it holds a NaN")
        made = x.argmax(axis=dimension)
        return np.expand_dims(made, dimension) if given["keepdim"] else np.asarray(made)

    return read


def _together(several: object) -> Iterable[object]:
    """Return what a parameter takes in one sequence or as it comes."""
    if isinstance(several, tuple) and len(several) == 1 and isinstance(several[0], (tuple, list)):
        (several,) = several
    return several if isinstance(several, (tuple, list)) else (several,)


def permuted(given: Arguments) -> Array:
    """`.permute`, on both sides: the dimensions in another order."""
    x = _filled(given)
    order = [_dimension(x, each) for each in _together(given["dims"])]
    if sorted(order) != list(range(x.ndim)):
        raise Failed("RuntimeError", f"{order} are not all dimensions, each once")
    return x.transpose(order)


def swapped(first: str, second: str) -> Read:
    """Return the reading of two dimensions that change places."""

    def read(given: Arguments) -> Array:
        x = _filled(given)
        one, other = (_dimension(x, given[name], scalar=True) for name in (first, second))
        if not x.ndim:
            raise Unread("torch takes a scalar for a vector of one")
        return x.swapaxes(one, other)

    return read


def turned(given: Arguments) -> Array:
    """`.t()`, on both sides: of a matrix; what has fewer dimensions stays."""
    x = _filled(given)
    if x.ndim > 2:
        raise Failed("RuntimeError", f"{x.ndim} dimensions are no matrix")
    return x.T


def squeezed(axis: str) -> Read:
    """Return the reading of `.squeeze`: without the dimensions of extent 1, or without one."""

    def read(given: Arguments) -> Array:
        x = _filled(given)
        if given[axis] is None:
            return x.squeeze()
        dimension = _dimension(x, given[axis], scalar=True)
        return x.squeeze(dimension) if x.shape[dimension : dimension + 1] == (1,) else x

    return read


def unsqueezed(given: Arguments) -> Array:
    """`.unsqueeze`, on both sides: with one more dimension, of extent 1."""
    x = _filled(given)
    return np.expand_dims(x, _dimension(x, given["dim"], new=1))


def flattened(given: Arguments) -> Array:
    """`.flatten`, on both sides: the dimensions from one to another as one."""
    x = _filled(given)
    start, end = (_dimension(x, given[name], scalar=True) for name in ("start_dim", "end_dim"))
    if start > end:
        raise Failed("RuntimeError", f"{start} stands behind {end}")
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def size(given: Arguments) -> Array:
    """`.size` of torch, `.shape` of MindSpore: every extent, or one."""
    x: Array = given["self"]
    if given["dim"] is None:
        return np.array(x.shape, np.int64)
    if not x.ndim:
        raise Failed("IndexError", "a scalar has no dimension")
    return np.array(x.shape[_dimension(x, given["dim"])], np.int64)
