"""What is known of the values that reach the call which makes a tensor: read off the text."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np

from migrate.operands import literal
from migrate.places import Place
from migrate.prove.samples import DOMAINS, integers

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.resolve import Names

Known = dict[str, tuple[object, ...]]

#: Functions of NumPy that give float64 where no dtype is given, with the arguments that make it an
#: array and not a number.
_FLOATING = frozenset({"ones", "random.rand", "random.randn", "random.random", "zeros"})


def values_of(names: Names, origins: Origins, place: Place) -> Known:
    """Return the values that the expression at `place` takes, by its text; empty if unknown."""
    node = place.node
    if not isinstance(node, (ast.Name, ast.Call, ast.Subscript)):
        return {}
    text = ast.unparse(node)
    if _is_extent(names, place):
        return {text: integers()}
    found = origins.of(place)
    if len(found) != 1 or not found[0].certain or found[0].index is not None:
        return {}
    origin = found[0].place
    if _is_extent(names, origin):
        return {text: integers()}
    constant = literal(origin.node)  # type: ignore[arg-type]
    if constant is not None and isinstance(constant.value, (bool, int, float)):
        return {text: (constant.value,)}
    dtype = array_dtype(names, origins, origin)
    if dtype is None:
        return {}
    values = _literal_array(names, origin, dtype)
    if values is not None:
        return {text: (values,)}
    samples = (each for each in DOMAINS["array"] if isinstance(each, np.ndarray))
    kind = np.dtype(dtype).kind
    return {text: tuple(each.astype(dtype) for each in samples if each.dtype.kind == kind)}


def _is_extent(names: Names, place: Place) -> bool:
    """Tell whether an expression counts something: `len(x)`, `x.shape[0]`, `x.size(0)`."""
    node = place.node
    if isinstance(node, ast.Subscript):
        shape, index = node.value, literal(node.slice)
        return (
            isinstance(shape, ast.Attribute)
            and shape.attr == "shape"
            and index is not None
            and isinstance(index.value, int)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        index = literal(node.args[0]) if len(node.args) == 1 and not node.keywords else None
        # NumPy's size is no method.
        return node.func.attr == "size" and index is not None and isinstance(index.value, int)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "len"
        and names.bindings_of("len", names.scope_of(place)) is None
    )


def array_dtype(names: Names, origins: Origins, place: Place) -> str | None:
    """Return the dtype of an array of NumPy's that an expression makes, by its name, or None."""
    call = place.node
    if not isinstance(call, ast.Call):
        return None
    scope = names.scope_of(place)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "astype" and len(call.args) == 1:
        receiver = Place((*place.path, call.func, call.func.value))
        inner = origins.of(receiver)
        if all(array_dtype(names, origins, origin.place) for origin in inner):
            return _dtype(names, call.args[0], place)
        return None
    meanings = names.resolve(call.func, scope)
    paths = {m.removeprefix("numpy.") for m in meanings if m.startswith("numpy.")}
    if len(paths) != 1 or len(meanings) != 1:
        return None
    path = paths.pop()
    stated = [keyword.value for keyword in call.keywords if keyword.arg == "dtype"]
    stated += call.args[1:2] if path in ("array", "asarray", "zeros", "ones") else []
    if stated:
        return _dtype(names, stated[0], place)
    if path in ("array", "asarray") and len(call.args) == 1:
        constant = literal(call.args[0])
        return None if constant is None else _numbers(constant.value)
    return "float64" if path in _FLOATING and call.args else None


def _dtype(names: Names, value: ast.expr, place: Place) -> str | None:
    (meaning, *others) = sorted(names.resolve(value, names.scope_of(place)))
    name = meaning.removeprefix("numpy.")
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        name, others = value.value, []
    return name if not others and name in _NUMPYS else None


_NUMPYS = frozenset({"float16", "float32", "float64", "int32", "int64", "uint8"})


def _numbers(value: object) -> str | None:
    try:
        made = np.array(value)
    except (ValueError, OverflowError):
        return None
    return made.dtype.name if made.dtype.kind in "biuf" else None


def _literal_array(names: Names, place: Place, dtype: str) -> object:
    call = place.node
    assert isinstance(call, ast.Call)
    constant = literal(call.args[0]) if call.args else None
    meanings = names.resolve(call.func, names.scope_of(place))
    if constant is None or not meanings <= {"numpy.array", "numpy.asarray"}:
        return None
    return np.array(constant.value).astype(dtype)
