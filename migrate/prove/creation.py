"""What a call that makes a tensor of no other gives, as torch and as MindSpore read it.

The readings are of the same kind as those of `migrate.prove.tensors`, which lists them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from migrate.prove.made import Arguments, Array, Drawn, Unread, cast, dtype_given
from migrate.prove.reading import Failed


def _scalars(data: object) -> list[object]:
    if isinstance(data, (list, tuple)):
        return [scalar for each in data for scalar in _scalars(each)]
    return [data]


def _array_of(data: object) -> Array:
    try:
        made = np.array(data)
    except (ValueError, OverflowError) as error:  # such as rows of different lengths
        raise Failed("ValueError", str(error)) from error
    if made.dtype.kind not in "biuf":
        raise Unread(f"{data!r} holds no numbers")
    return made


def _default(values: Array, data: object) -> str:
    """Return the dtype that both frameworks give to Python's own numbers."""
    if values.dtype.kind == "f" or not values.size:
        return "float32"
    return "bool" if values.dtype.kind == "b" else "int64"


def torch_tensor(given: Arguments) -> Array:
    """`torch.tensor`: NumPy's own numbers keep their dtype, Python's get the default one."""
    data = given["data"]
    values = _array_of(data)
    numpys = isinstance(data, (np.ndarray, np.generic)) or any(
        isinstance(scalar, np.generic) for scalar in _scalars(data)
    )
    return cast(values, dtype_given(given, values.dtype.name if numpys else _default(values, data)))


def mindspore_tensor(given: Arguments) -> Array:
    """`mindspore.tensor`: an array keeps its dtype; numbers in a list do not."""
    data = given["input_data"]
    values = _array_of(data)
    own = isinstance(data, (np.ndarray, np.generic))
    return cast(values, dtype_given(given, values.dtype.name if own else _default(values, data)))


def torch_typed(dtype: str) -> Callable[[Arguments], Array]:
    """Return the reading of `torch.FloatTensor` and its kind, of data; of sizes it is unset."""

    def read(given: Arguments) -> Array:
        data = given["data"]
        if not isinstance(data, (list, tuple, np.ndarray)):
            raise Unread("a tensor of that size has no values yet")
        values = _array_of(data)
        if isinstance(data, np.ndarray) and values.dtype.name != dtype:
            raise Unread(f"an array of {values.dtype.name} is taken for {dtype}")
        if dtype == "int64" and values.dtype.kind == "f":
            raise Unread("a float is taken for an integer")
        return cast(values, dtype)

    return read


def from_array(parameter: str) -> Callable[[Arguments], Array]:
    """Return the reading of `from_numpy`, on both sides: the array itself."""

    def read(given: Arguments) -> Array:
        values = given[parameter]
        if not isinstance(values, np.ndarray):
            raise Failed("TypeError", "it is not an array")
        return values

    return read


# -- values by rule -------------------------------------------------------------------------------


def _sizes(size: object) -> tuple[int, ...]:
    """Return the shape that `*size` means: several numbers come as a tuple, one sequence in one."""
    if isinstance(size, tuple) and len(size) == 1 and isinstance(size[0], (tuple, list)):
        return _shape(size[0])
    return _shape(size)


def _shape(size: object) -> tuple[int, ...]:
    """Return the shape that one size means, a number or a sequence of numbers."""
    extents = (size,) if isinstance(size, int) else size
    if not isinstance(extents, (tuple, list)) or not all(type(each) is int for each in extents):
        raise Unread(f"{size!r} is not a size")
    if any(each < 0 for each in extents):
        raise Failed("RuntimeError", f"{size!r} has a negative extent")
    return tuple(extents)


def torch_filled(value: float) -> Callable[[Arguments], Array]:
    """Return the reading of `torch.zeros` or `torch.ones`."""
    return lambda given: np.full(_sizes(given["size"]), value, dtype_given(given, "float32"))


def mindspore_filled(value: float, size: str) -> Callable[[Arguments], Array]:
    """Return the reading of `mindspore.ops.zeros` or `ones`: no kernel makes a scalar on CPU."""

    def read(given: Arguments) -> Array:
        shape = _shape(given[size])
        if not shape:
            raise Failed("TypeError", "no kernel makes one without dimensions")
        return np.full(shape, value, dtype_given(given, "float32"))

    return read


def _number(value: object) -> bool | int | float:
    if not isinstance(value, (bool, int, float)):
        raise Unread(f"{value!r} is not a number")
    return value


def torch_full(given: Arguments) -> Array:
    """`torch.full`: the dtype is that of the value."""
    if isinstance(given["size"], int):
        raise Failed("TypeError", "size must be a tuple")
    value = _number(given["fill_value"])
    return cast(
        np.full(_shape(given["size"]), value),
        dtype_given(given, _default(np.array([value]), value)),
    )


def mindspore_full(given: Arguments) -> Array:
    """`mindspore.ops.full`: int64 whatever the value, where no dtype is given."""
    if isinstance(given["size"], int):
        raise Failed("TypeError", "size must be a tuple")
    value = _number(given["fill_value"])
    return cast(np.full(_shape(given["size"]), value), dtype_given(given, "int64"))


def torch_arange(given: Arguments) -> Array:
    """`torch.arange`: ceil((end - start) / step) numbers, counted in float64."""
    start, end, step = (_number(given[name]) for name in ("start", "end", "step"))
    if any(isinstance(value, bool) for value in (start, end, step)):
        raise Unread("a bool is counted by")
    if not step or (end - start) * step < 0:
        raise Failed("RuntimeError", "the step does not lead to the end")
    whole = all(isinstance(value, int) for value in (start, end, step))
    dtype = dtype_given(given, "int64" if whole else "float32")
    if not whole and np.dtype(dtype).kind == "i":
        raise Unread("a step that is cut to an integer counts otherwise")
    count = math.ceil((end - start) / step)
    return cast(start + np.arange(count) * step, dtype)


def mindspore_arange(given: Arguments) -> Array:
    """`mindspore.ops.arange`: computed in float32, so that (1, 1.3, 0.1) are 3 and not 4."""
    made = torch_arange(given)
    start, end, step = (np.float32(given[name]) for name in ("start", "end", "step"))
    whole = all(isinstance(given[name], int) for name in ("start", "end", "step"))
    if not whole and made.dtype == np.float64:
        raise Unread("float64 has the precision of float32")
    if not whole and math.ceil((end - start) / step) != len(made):
        raise Unread("the numbers are counted in float32")
    return made


def drawn(distribution: str) -> Callable[[Arguments], Drawn]:
    """Return the reading of `randn` or `rand`, on both sides."""

    def read(given: Arguments) -> Drawn:
        dtype = dtype_given(given, "float32")
        if np.dtype(dtype).kind != "f":
            raise Failed("TypeError", f"{dtype} is not drawn from a {distribution} distribution")
        return Drawn(distribution, _sizes(given["size"]), dtype)

    return read


def _integers(given: Arguments) -> Drawn:
    low, high = _number(given["low"]), _number(given["high"])
    if type(low) is not int or type(high) is not int:
        raise Unread(f"{low!r} or {high!r} is cut to an integer")
    if not low < high:
        raise Failed("RuntimeError", f"nothing lies from {low!r} to below {high!r}")
    return Drawn("integers", _shape(given["size"]), dtype_given(given, "int64"), low, high)


def torch_randint(given: Arguments) -> Drawn:
    """`torch.randint`: the size is a sequence."""
    if isinstance(given["size"], int):
        raise Failed("TypeError", "size must be a tuple")
    return _integers(given)


def mindspore_randint(given: Arguments) -> Drawn:
    """`mindspore.ops.randint`: the size is a tuple."""
    if not isinstance(given["size"], tuple):
        raise Failed("ValueError", "size must be a tuple")
    if np.dtype(dtype_given(given, "int64")).kind != "i":
        raise Failed("ValueError", "the dtype must be one of integers")
    return _integers(given)


def unset(given: Arguments) -> Array:
    """`torch.empty`: nothing is known of its values."""
    raise Unread(f"the values of size {given['size']!r} are not set")


def torch_random_(given: Arguments) -> Drawn:
    """`torch.empty(size, dtype=…).random_(from, to)`; with one bound, it is the upper one."""
    dtype = dtype_given(given, "float32")
    if np.dtype(dtype).kind != "i":
        raise Unread(f"whole numbers in {dtype} are not MindSpore's randint")
    return _integers({**given, "low": given["from"], "high": given["to"]})
