"""What a call that makes, changes or reads a tensor gives, as torch and as MindSpore read it.

Each reading takes the bound arguments of one call and gives an array, or, of a random draw, what
is drawn. Where the framework raises, the reading raises `Failed`. The tests hold every one of them
against the installed frameworks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from migrate.prove.creation import (
    drawn,
    from_array,
    mindspore_arange,
    mindspore_filled,
    mindspore_full,
    mindspore_randint,
    mindspore_tensor,
    torch_arange,
    torch_filled,
    torch_full,
    torch_randint,
    torch_random_,
    torch_tensor,
    torch_typed,
    unset,
)
from migrate.prove.made import Arguments, Array, Drawn, Made, Unread, cast
from migrate.prove.reading import Failed
from migrate.prove.shapes import (
    argmax,
    flattened,
    mean,
    permuted,
    size,
    squeezed,
    swapped,
    turned,
    unsqueezed,
)


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
    return lambda given: cast(given["self"], dtype)


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


def summed(operand: str, *axes: str) -> Callable[[Arguments], Array]:
    """Return the reading of a sum; torch has two names for the dimension of its method.

    Integers and truth values are added up in int64 on both sides.
    """

    def read(given: Arguments) -> Array:
        x = given[operand]
        over = next((given[axis] for axis in axes if given[axis] is not None), None)
        if over is not None and not x.ndim:
            raise Unread("torch takes a scalar for a vector of one")
        if over is not None and not (type(over) is int and -x.ndim <= over < x.ndim):
            raise Failed("IndexError", f"{x.ndim} dimensions have no axis {over!r}")
        if x.dtype.kind != "f":
            return np.asarray(x.astype(np.int64).sum(axis=over))
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
        "sum": (summed("self", "dim", "axis"), summed("self", "axis")),
        "sum_function": (summed("input", "dim"), summed("input", "dim")),
        "mean": (mean("self", "dim", "keepdim"), mean("self", "dim", "keepdim")),
        "mean_function": (mean("input", "dim", "keepdim"), mean("x", "axis", "keep_dims")),
        "argmax": (argmax("self"), argmax("self")),
        "argmax_function": (argmax("input"), argmax("input")),
        "permuted": (permuted, permuted),
        "swapped": (swapped("dim0", "dim1"), swapped("axis0", "axis1")),
        "turned": (turned, turned),
        "squeezed": (squeezed("dim"), squeezed("axis")),
        "unsqueezed": (unsqueezed, unsqueezed),
        "flattened": (flattened, flattened),
        "size": (size, size),
    }
)
