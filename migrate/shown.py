"""What only looks at a tensor, and reads the same of MindSpore's."""

from __future__ import annotations

import ast

from migrate.places import Place
from migrate.resolve import UNBOUND, Names

#: Builtins that only read a tensor, and read the same of MindSpore's.
_READERS = frozenset({"bool", "float", "int", "len", "print", "repr", "str"})

#: Builtins that reach names by their text.
_BY_TEXT = ("eval", "exec", "globals", "locals", "vars")

#: Attributes that both frameworks' tensors have.
_COMMON = frozenset({"ndim", "shape"})


def is_common(names: Names, place: Place) -> bool:
    """Tell whether an attribute of a tensor is read that both frameworks' have.

    A shape is a tuple in MindSpore, without `numel`.
    """
    attribute = place.node
    assert isinstance(attribute, ast.Attribute)
    return (
        attribute.attr in _COMMON
        and isinstance(attribute.ctx, ast.Load)
        and not (attribute.attr == "shape" and is_multiplied(names, place))
    )


def is_multiplied(names: Names, place: Place) -> bool:
    """Tell whether the shape at `place` may be asked for `numel`."""
    parent = place.parent()
    kept = isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name)
    return isinstance(parent, ast.Attribute) or (kept and ".numel" in names.text)


def is_reader(names: Names, call: ast.Call, place: Place) -> bool:
    """Tell whether a call is one of a builtin that only looks at its arguments."""
    name = call.func
    if not isinstance(name, ast.Name) or names.lookup(name.id, names.scope_of(place)) != {UNBOUND}:
        return False
    if name.id == "type":  # shown, it may differ; asked whether it is torch's, it may not
        outer = place.parent()
        return isinstance(outer, ast.Call) and is_reader(names, outer, place.up())
    return name.id in _READERS


def looks_names_up(names: Names) -> bool:
    """Tell whether something in a file may read any name, as `eval` and `locals()` do."""
    for word in _BY_TEXT:
        for _, place in names.places_of(word):
            call, scope = place.parent(), names.scope_of(place)
            if (
                isinstance(place.node, ast.Name)
                and isinstance(call, ast.Call)
                and call.func is place.node
                and (word != "vars" or not call.args)
                and names.lookup(word, scope) == {UNBOUND}
            ):
                return True
    return False


def is_shown(string: ast.JoinedStr, name: str) -> bool:
    """Tell whether an f-string only prints a name, without a format: MindSpore's has none."""
    for part in ast.walk(string):
        if not isinstance(part, ast.FormattedValue):
            continue
        plain = isinstance(part.value, ast.Name) and part.format_spec is None
        if not plain and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(part)):
            return False
    return True


def short(node: ast.expr, limit: int = 40) -> str:
    """Return the text of an expression for a message, cut at a limit."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        return f"an expression of {sum(1 for _ in ast.walk(node))} parts"
    return text if len(text) <= limit else text[: limit - 1] + "…"
