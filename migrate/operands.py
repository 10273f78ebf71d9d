"""What the text of an argument tells without running it: literal value, truth, side effects."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.fold import Known, Operand
from migrate.resolve import UNBOUND, Names
from migrate.scopes import Scope

if TYPE_CHECKING:
    from migrate.match import Argument

#: Builtins that give True or False and nothing else.
_BOOLEAN_CALLS = frozenset(
    {"all", "any", "bool", "callable", "hasattr", "isinstance", "issubclass"}
)

#: torch functions that a device is made of; calling one or not makes no difference.
_PURE_CALLS = frozenset(
    {
        "torch.device",
        "torch.cuda.is_available",
        "torch.cuda.current_device",
        "torch.cuda.device_count",
        "torch.backends.mps.is_available",
    }
)

_PURE_NODES = (
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.keyword,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)


@dataclass(frozen=True, slots=True)
class Literal:
    """The value of an expression that is a literal."""

    value: object


def literal(expression: ast.expr) -> Literal | None:
    """Return the value of a literal, or None where the expression is not one."""
    try:
        return Literal(ast.literal_eval(expression))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def is_pure(expression: ast.AST, names: Names, scope: Scope) -> bool:
    """Tell whether evaluating `expression` twice, or not at all, makes no difference.

    Names, attributes, subscripts and operators are taken to be pure; calls are not, but for the
    few torch functions that tell of devices.
    """
    if isinstance(expression, ast.Lambda):
        return True
    if isinstance(expression, ast.Call):
        if not names.resolve(expression.func, scope) <= _PURE_CALLS:
            return False
    elif not isinstance(expression, _PURE_NODES):
        return False
    return all(is_pure(child, names, scope) for child in ast.iter_child_nodes(expression))


def is_boolean(expression: ast.expr, names: Names, scope: Scope) -> bool:
    """Tell whether `expression` is True or False for certain, and never None."""
    if isinstance(expression, ast.Constant):
        return isinstance(expression.value, bool)
    if isinstance(expression, ast.UnaryOp):
        return isinstance(expression.op, ast.Not)
    if isinstance(expression, ast.Compare):
        return True
    if isinstance(expression, ast.BoolOp):
        return all(is_boolean(value, names, scope) for value in expression.values)
    if isinstance(expression, ast.IfExp):
        return is_boolean(expression.body, names, scope) and is_boolean(
            expression.orelse, names, scope
        )
    if isinstance(expression, ast.Call):
        return (
            isinstance(expression.func, ast.Name)
            and expression.func.id in _BOOLEAN_CALLS
            and names.lookup(expression.func.id, scope) == {UNBOUND}
        )
    return isinstance(expression, ast.Name) and _is_boolean_parameter(expression.id, names, scope)


def _is_boolean_parameter(name: str, names: Names, scope: Scope) -> bool:
    """Tell whether `name` is a parameter annotated `bool` that is never rebound or None."""
    found = names.bindings_of(name, scope)
    if found is None or len(found[0]) != 1 or found[0][0].statement is not None:
        return False
    if names.is_rebound_from_within(name):
        return False
    function = found[1].node
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(
        zip((a.arg for a in reversed(positional)), reversed(arguments.defaults), strict=False)
    )
    defaults.update(
        (a.arg, default)
        for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    )
    for argument in [*positional, *arguments.kwonlyargs]:
        if argument.arg == name:
            default = defaults.get(name)
            builtin = names.lookup("bool", names.module) == {UNBOUND}
            return (
                builtin
                and _is_bool_annotation(argument.annotation)
                and (default is None or is_boolean(default, names, scope))
            )
    return False


def _is_bool_annotation(annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.Constant):
        return annotation.value == "bool"
    return isinstance(annotation, ast.Name) and annotation.id == "bool"


def operand(name: str, argument: Argument | None, names: Names, scope: Scope) -> Operand:
    """Return what the text of a legacy argument, or of `reduction`, tells."""
    if argument is None:
        return Operand(name)
    value = argument.value
    known_value = literal(value)
    if known_value is not None:
        # A reduction of None is a value that torch refuses, not one that was left out.
        if known_value.value is None and name != "reduction":
            return Operand(name)
        return Operand(name, Known.LITERAL, known_value.value)
    pure = is_pure(value, names, scope)
    if name == "reduction" or not is_boolean(value, names, scope):
        return Operand(name, Known.DYNAMIC, pure=pure)
    negated = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    return Operand(name, Known.BOOLEAN, negated=negated, pure=pure)


def booleans(expression: ast.expr, names: Names, scope: Scope) -> frozenset[str]:
    """Return the texts of the free values in `expression` that are True or False for certain."""
    return frozenset(
        ast.unparse(node)
        for node in ast.walk(expression)
        if isinstance(node, (ast.Name, ast.Call)) and is_boolean(node, names, scope)
    )
