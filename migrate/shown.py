"""What only looks at a tensor, and reads the same of MindSpore's."""

from __future__ import annotations

import ast

from migrate.places import Place
from migrate.resolve import UNBOUND, Names

#: Builtins that only read a tensor, and read the same of MindSpore's.
_READERS = frozenset({"bool", "float", "int", "len", "print", "repr", "str", "type"})

#: Attributes that both frameworks' tensors have.
_COMMON = frozenset({"ndim", "shape"})


def is_common(attribute: ast.Attribute) -> bool:
    """Tell whether an attribute of a tensor is read that both frameworks' have."""
    return attribute.attr in _COMMON and isinstance(attribute.ctx, ast.Load)


def is_reader(names: Names, call: ast.Call, place: Place) -> bool:
    """Tell whether a call is one of a builtin that only looks at its arguments."""
    name = call.func
    return (
        isinstance(name, ast.Name)
        and name.id in _READERS
        and names.lookup(name.id, names.scope_of(place)) == {UNBOUND}
    )


def is_shown(string: ast.JoinedStr, name: str) -> bool:
    """Tell whether an f-string only prints a name, without a format: MindSpore's has none."""
    for part in ast.walk(string):
        if not isinstance(part, ast.FormattedValue):
            continue
        plain = isinstance(part.value, ast.Name) and part.format_spec is None
        if not plain and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(part)):
            return False
    return True
