"""What hands a tensor on in the same words on both sides: indices, arithmetic, `==` and `!=`.

No edit is needed there. That MindSpore gives the same shape, dtype and values was measured over
all of it (`tests/test_tensor_rules.py`): of an index by constants, for every dtype, where nothing
is empty; of arithmetic, for float32, since float16 and float64 meet Python's numbers in another
precision; of comparisons, for integers, since floats may differ in their last bits.
"""

from __future__ import annotations

import ast
from typing import Any

from migrate.places import Place

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)

#: The dtypes in which two tensors are compared; floats may differ in their last bits.
COMPARED = frozenset({"bool", "int32", "int64"})

#: What stands deeper is not followed: nobody writes so many brackets.
_DEEP = 100


def handed_on(place: Place) -> tuple[Place, ...]:
    """Return the operands of an expression that may be tensors; none where it has to stay.

    Parameters
    ----------
    place : Place
        Of a subscript, of arithmetic, or of a comparison.
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
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sides = (node.left, node.comparators[0])
        floating = any(_is_number(each) and _whole(each) is None for each in sides)
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq)) and not floating:
            return tuple(place.down(each) for each in sides if _whole(each) is None)
    return ()


def handing(node: ast.AST) -> str:
    """Return what an expression does with what it hands on; `==` tells the same in any dtype."""
    return "shows" if isinstance(node, ast.Compare) else "goes"


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
