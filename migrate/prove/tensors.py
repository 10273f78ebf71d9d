"""What a call that makes, changes or reads a tensor gives, as torch and as MindSpore read it.

Each reading takes the bound arguments of one call and gives an array, or, of a random draw, what
is drawn. Where the framework raises, the reading raises `Failed`. The tests hold every one of them
against the installed frameworks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from migrate.prove.reading import Failed

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


def _dtype(given: Arguments, otherwise: str) -> str:
    dtype = given.get("dtype")
    return dtype.name if isinstance(dtype, Dtype) else otherwise


def _cast(values: Array, dtype: str) -> Array:
    # A float is cut to an int, as in C; one that does not fit is nobody's label.
    with np.errstate(invalid="ignore", over="ignore"):
        return values.astype(dtype)


# -- values that are given ------------------------------------------------------------------------


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
    return _cast(values, _dtype(given, values.dtype.name if numpys else _default(values, data)))


def mindspore_tensor(given: Arguments) -> Array:
    """`mindspore.tensor`: an array keeps its dtype; numbers in a list do not."""
    data = given["input_data"]
    values = _array_of(data)
    own = isinstance(data, (np.ndarray, np.generic))
    return _cast(values, _dtype(given, values.dtype.name if own else _default(values, data)))


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
        return _cast(values, dtype)

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
    return lambda given: np.full(_sizes(given["size"]), value, _dtype(given, "float32"))


def mindspore_filled(value: float, size: str) -> Callable[[Arguments], Array]:
    """Return the reading of `mindspore.ops.zeros` or `ones`: no kernel makes a scalar on CPU."""

    def read(given: Arguments) -> Array:
        shape = _shape(given[size])
        if not shape:
            raise Failed("TypeError", "no kernel makes one without dimensions")
        return np.full(shape, value, _dtype(given, "float32"))

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
    return _cast(
        np.full(_shape(given["size"]), value), _dtype(given, _default(np.array([value]), value))
    )


def mindspore_full(given: Arguments) -> Array:
    """`mindspore.ops.full`: int64 whatever the value, where no dtype is given."""
    if isinstance(given["size"], int):
        raise Failed("TypeError", "size must be a tuple")
    value = _number(given["fill_value"])
    return _cast(np.full(_shape(given["size"]), value), _dtype(given, "int64"))


def torch_arange(given: Arguments) -> Array:
    """`torch.arange`: ceil((end - start) / step) numbers, counted in float64."""
    start, end, step = (_number(given[name]) for name in ("start", "end", "step"))
    if any(isinstance(value, bool) for value in (start, end, step)):
        raise Unread("a bool is counted by")
    if not step or (end - start) * step < 0:
        raise Failed("RuntimeError", "the step does not lead to the end")
    whole = all(isinstance(value, int) for value in (start, end, step))
    dtype = _dtype(given, "int64" if whole else "float32")
    if not whole and np.dtype(dtype).kind == "i":
        raise Unread("a step that is cut to an integer counts otherwise")
    count = math.ceil((end - start) / step)
    return _cast(start + np.arange(count) * step, dtype)


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
        dtype = _dtype(given, "float32")
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
    return Drawn("integers", _shape(given["size"]), _dtype(given, "int64"), low, high)


def torch_randint(given: Arguments) -> Drawn:
    """`torch.randint`: the size is a sequence."""
    if isinstance(given["size"], int):
        raise Failed("TypeError", "size must be a tuple")
    return _integers(given)


def mindspore_randint(given: Arguments) -> Drawn:
    """`mindspore.ops.randint`: the size is a tuple."""
    if not isinstance(given["size"], tuple):
        raise Failed("ValueError", "size must be a tuple")
    if np.dtype(_dtype(given, "int64")).kind != "i":
        raise Failed("ValueError", "the dtype must be one of integers")
    return _integers(given)


def unset(given: Arguments) -> Array:
    """`torch.empty`: nothing is known of its values."""
    raise Unread(f"the values of size {given['size']!r} are not set")


def torch_random_(given: Arguments) -> Drawn:
    """`torch.empty(size, dtype=…).random_(from, to)`; with one bound, it is the upper one."""
    dtype = _dtype(given, "float32")
    if np.dtype(dtype).kind != "i":
        raise Unread(f"whole numbers in {dtype} are not MindSpore's randint")
    return _integers({**given, "low": given["from"], "high": given["to"]})


# -- what is made of tensors ----------------------------------------------------------------------


def log_softmax(x: Array, axis: int) -> Array:
    """Return x - log(sum(exp(x))), shifted by the maximum so that large values do not overflow."""
    wide = x.astype(np.float64)
    shifted = wide - wide.max(axis=axis, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return np.asarray(logs.astype(x.dtype))


def along(
    operand: str, axis: str, compute: Callable[[Array, int], Array], *, wide: bool = True
) -> Callable[[Arguments], Array]:
    """Return the reading of a softmax along one axis, which has to be given.

    MindSpore's log_softmax computes float64 in the precision of float32 on CPU: not `wide`.
    """

    def read(given: Arguments) -> Array:
        x, dimension = given[operand], given[axis]
        if not isinstance(x, np.ndarray) or type(dimension) is not int:
            # torch guesses a dim of None, and warns of it.
            raise Unread("the axis is not given")
        if given.get("dtype") is not None:
            raise Unread("a dtype is given")
        if x.dtype == np.float64 and not wide:
            raise Failed("TypeError", "float64 would be computed as float32")
        if not x.ndim:
            raise Unread("torch takes a scalar for a vector of one")
        if x.dtype.kind != "f" or not -x.ndim <= dimension < x.ndim:
            raise Failed("IndexError", f"{x.ndim} dimensions of {x.dtype} have no axis {dimension}")
        return compute(x, dimension)

    return read


def softmax(x: Array, axis: int) -> Array:
    """Return exp(x) / sum(exp(x))."""
    return np.asarray(np.exp(log_softmax(x.astype(np.float64), axis)).astype(x.dtype))


def cast_to(dtype: str) -> Callable[[Arguments], Array]:
    """Return the reading of `.long()` and its kind, on both sides."""
    return lambda given: _cast(given["self"], dtype)


def same(operand: str = "self") -> Callable[[Arguments], Array]:
    """Return the reading of what hands its tensor on."""

    def read(given: Arguments) -> Array:
        values: Array = given[operand]
        return values

    return read


def item(given: Arguments) -> Array:
    """`.item()`, on both sides: of one element."""
    values: Array = given["self"]
    if values.size != 1:
        raise Failed("RuntimeError", "it has more than one element")
    return values.reshape(())


def summed(*axes: str) -> Callable[[Arguments], Array]:
    """Return the reading of `.sum()`, of floats; torch has two names for the dimension."""

    def read(given: Arguments) -> Array:
        x = given["self"]
        over = next((given[axis] for axis in axes if given[axis] is not None), None)
        if over is not None and not x.ndim:
            raise Unread("torch takes a scalar for a vector of one")
        if over is not None and not (type(over) is int and -x.ndim <= over < x.ndim):
            raise Failed("IndexError", f"{x.ndim} dimensions have no axis {over!r}")
        if x.dtype.kind != "f":
            raise Unread("the sum of integers has another dtype in MindSpore")
        return np.asarray(x.astype(np.float64).sum(axis=over).astype(x.dtype))

    return read


def reshaped(given: Arguments) -> Array:
    """`.view` and `.reshape`, on both sides: the elements in their order, one extent may be -1."""
    x, shape = given["self"], given["shape"]
    if isinstance(shape, tuple) and len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        (shape,) = shape
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(type(each) is int for each in extents):
        raise Unread(f"{shape!r} is not a shape")
    if not x.size:
        raise Unread("it is empty")
    if min(extents, default=0) < -1:
        raise Failed("RuntimeError", f"{shape!r} has a negative extent")
    try:
        return np.asarray(x.reshape(extents))
    except ValueError as error:
        raise Failed("RuntimeError", str(error)) from error


def _pair(value: object, least: int) -> tuple[int, int]:
    pair = (value, value) if type(value) is int else value
    if not isinstance(pair, tuple) or len(pair) != 2 or any(type(each) is not int for each in pair):
        raise Unread(f"{value!r} is not one number or two")
    if min(pair) < least:
        raise Failed("RuntimeError", f"{value!r} is too small")
    return pair


#: Height and width of the image on which convolutions are compared.
_IMAGE = (32, 31)


def convolution(groups: str, bias: str) -> Callable[[Arguments], Drawn]:
    """Return the reading of a new `Conv2d`, without padding, on one image.

    Its weights are drawn, so that nothing but the shape of what it gives can be compared:
    floor((size - dilation * (kernel_size - 1) - 1) / stride + 1) (torch.nn.Conv2d).
    """

    def read(given: Arguments) -> Drawn:
        if given.get("pad_mode", "valid") != "valid":
            raise Failed("ValueError", f"pad_mode {given['pad_mode']!r} pads")
        kernel, stride = _pair(given["kernel_size"], 1), _pair(given["stride"], 1)
        dilation = _pair(given["dilation"], 1)
        channels = (given["in_channels"], given["out_channels"], given[groups])
        if any(type(each) is not int or each < 1 for each in channels):
            raise Unread(f"{channels!r} are not numbers of channels")
        if channels[0] % channels[2] or channels[1] % channels[2]:
            raise Failed("ValueError", f"{channels[:2]} channels do not divide by {channels[2]}")
        height, width = (
            (size - d * (k - 1) - 1) // s + 1
            for size, k, s, d in zip(_IMAGE, kernel, stride, dilation, strict=True)
        )
        if min(height, width) < 1:
            raise Failed("RuntimeError", "the kernel is larger than the image")
        name = f"convolution of {channels}, bias {bool(given[bias])}"
        return Drawn(name, (channels[1], height, width), "float32")

    return read


def seed(least: int) -> Callable[[Arguments], Array]:
    """Return the reading of a seed: MindSpore takes none below 0."""

    def read(given: Arguments) -> Array:
        if type(given["seed"]) is not int or given["seed"] < least:
            raise Failed("ValueError", f"{given['seed']!r} is not taken for a seed")
        return np.array(given["seed"])

    return read


Reading = Callable[[Arguments], Made]

#: By `reading` in a rule: of torch, and of MindSpore. Parameters are those of the rule's sides.
READINGS: Mapping[str, tuple[Reading, Reading]] = MappingProxyType(
    {
        "tensor": (torch_tensor, mindspore_tensor),
        "float_tensor": (torch_typed("float32"), mindspore_tensor),
        "long_tensor": (torch_typed("int64"), mindspore_tensor),
        "from_numpy": (from_array("ndarray"), from_array("array")),
        "zeros": (torch_filled(0), mindspore_filled(0, "size")),
        "ones": (torch_filled(1), mindspore_filled(1, "shape")),
        "full": (torch_full, mindspore_full),
        "arange": (torch_arange, mindspore_arange),
        "randn": (drawn("normal"), drawn("normal")),
        "rand": (drawn("uniform"), drawn("uniform")),
        "randint": (torch_randint, mindspore_randint),
        "unset": (unset, unset),
        "random_": (torch_random_, mindspore_randint),
        "log_softmax": (
            along("input", "dim", log_softmax),
            along("logits", "axis", log_softmax, wide=False),
        ),
        "log_softmax_method": (
            along("self", "dim", log_softmax),
            along("logits", "axis", log_softmax, wide=False),
        ),
        "softmax": (along("input", "dim", softmax), along("input", "axis", softmax)),
        "softmax_method": (along("self", "dim", softmax), along("self", "axis", softmax)),
        "log_softmax_module": (
            along("operand", "dim", log_softmax),
            along("operand", "axis", log_softmax, wide=False),
        ),
        "conv2d": (convolution("groups", "bias"), convolution("group", "has_bias")),
        "to_float": (cast_to("float32"), cast_to("float32")),
        "to_long": (cast_to("int64"), cast_to("int64")),
        "to_int": (cast_to("int32"), cast_to("int32")),
        "same": (same(), same()),
        "numpy": (same(), same()),
        "seed": (seed(-(2**63)), seed(0)),
        "stop_gradient": (same(), same("value")),
        "item": (item, item),
        "reshaped": (reshaped, reshaped),
        "sum": (summed("dim", "axis"), summed("axis")),
    }
)


def shape_of(made: Made) -> Sequence[int]:
    """Return the shape of what a call gives."""
    return made.shape


def dtype_of(made: Made) -> str:
    """Return the dtype of what a call gives, by its name in NumPy."""
    return made.dtype if isinstance(made, Drawn) else made.dtype.name
