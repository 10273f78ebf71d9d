"""What hands a tensor on in the same words on both sides: indexing by constants, arithmetic.

No edit is needed there. That MindSpore gives the same shape, dtype and values was measured over
all of it (`tests/test_tensor_rules.py`): of an index, for every dtype, where nothing is empty; of
arithmetic, for float32, since float16 and float64 meet Python's numbers in another precision.
"""

from __future__ import annotations

import ast
from typing import Any

from migrate.places import Place

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)

#: What stands deeper is not followed: nobody writes so many brackets.
_DEEP = 100


def handed_on(place: Place) -> tuple[Place, ...]:
    """Return the operands of an expression that may be tensors; none where it has to stay.

    Parameters
    ----------
    place : Place
        Of a subscript, or of arithmetic.
    """
    node = place.node
    if len(place.path) > _DEEP:
        return ()
    if isinstance(node, ast.Subscript):
        plain = isinstance(node.ctx, ast.Load) and _is_index(node.slice)
        return (place.down(node.value),) if plain else ()
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return () if _is_number(node.operand) else (place.down(node.operand),)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
        parts = (node.left, node.right)
        return tuple(place.down(each) for each in parts if not _is_number(each))
    return ()


def index_of(node: ast.Subscript) -> Any:
    """Return the index of a subscript for which `handed_on` gives an operand."""
    return _index(node.slice)


def _is_index(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return bool(node.elts) and all(map(_is_index, node.elts))
    if isinstance(node, ast.Slice):
        steps = (node.lower, node.upper, node.step)
        return all(step is None or _whole(step) is not None for step in steps)
    if isinstance(node, ast.Constant) and (node.value is None or node.value is ...):
        return True
    return _whole(node) is not None


def _index(node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple):
        return tuple(map(_index, node.elts))
    if isinstance(node, ast.Slice):
        steps = (node.lower, node.upper, node.step)
        return slice(*(None if step is None else _whole(step) for step in steps))
    return _whole(node) if _whole(node) is not None else node.value  # type: ignore[attr-defined]


def _whole(node: ast.expr) -> int | None:
    """Return an int that is written out; True is none."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    value = node.value if isinstance(node, ast.Constant) else None
    return sign * value if type(value) is int else None


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)
