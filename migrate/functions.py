"""What the functions and classes of a file take and give, as far as their text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrate.places import Place
from migrate.scopes import FUNCTIONS


def own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, without entering functions and classes in it."""
    stack: list[ast.AST] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def default_of(arguments: ast.arguments, name: str) -> ast.expr | None:
    """Return the default of a parameter, if it has one."""
    listed = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(reversed(listed), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return next((default for argument, default in pairs if argument.arg == name), None)


def argument_of(call: ast.Call, name: str, index: int | None) -> ast.expr | bool:
    """Return what a call passes for a parameter: True for something unknown, False for nothing.

    Parameters
    ----------
    call : ast.Call
    name : str
        Of the parameter.
    index : int or None
        Its position, `self` not counted; None where it goes by keyword only.
    """
    for at, value in enumerate(call.args):
        if isinstance(value, ast.Starred):
            return True
        if at == index:
            return value
    for keyword in call.keywords:
        if keyword.arg is None:
            return True
        if keyword.arg == name:
            return keyword.value
    return False


def is_private(place: Place) -> bool:
    """Tell whether a function or class is called in its own file alone, by where it stands.

    One within a function is out of reach for others, and one whose name begins with an underscore
    is nobody else's business (PEP 8).
    """
    node = place.node
    assert isinstance(node, (*FUNCTIONS, ast.ClassDef))
    within = any(isinstance(each, FUNCTIONS) for each in place.path[:-1])
    return within or node.name.startswith("_")


def mark_name(decorator: ast.expr) -> str:
    """Return the last name of a decorator: `dataclass` of `@dataclasses.dataclass(frozen=True)`."""
    return ast.unparse(decorator).partition("(")[0].rpartition(".")[2]


def is_dataclass(owner: ast.ClassDef) -> bool:
    """Tell whether a class has an `__init__` that is made of its fields."""
    marks = {mark_name(mark) for mark in owner.decorator_list}
    bases = {ast.unparse(base).rpartition(".")[2] for base in owner.bases}
    return bool(marks & {"dataclass", "define", "frozen", "attrs"} or bases & {"NamedTuple"})


def fields(owner: ast.ClassDef) -> dict[str, ast.AnnAssign]:
    """Return the fields of a dataclass, in the order in which its constructor takes them."""
    if not is_dataclass(owner):
        return {}
    return {
        node.target.id: node
        for node in owner.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "ClassVar" not in ast.unparse(node.annotation)
    }


def field_default(value: ast.expr | None) -> ast.expr | None:
    """Return what a field holds by default: `factory()` of `field(default_factory=factory)`."""
    if not isinstance(value, ast.Call):
        return value
    if ast.unparse(value.func).rpartition(".")[2] not in ("field", "ib", "attrib"):
        return value
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    return given.get("default")
