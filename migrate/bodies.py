"""What a class that inherits from a loss defines itself, where neither base is in the way."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from migrate.attributes import COMMON_ATTRIBUTES, MODULE_ATTRIBUTES
from migrate.cell import is_taken
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

#: Special methods that neither framework's base calls in a way of its own.
_PLAIN_METHODS = frozenset({"__init__", "__repr__", "__str__"})


class Cannot(Exception):
    """Why the class is handed over: a node, and what it does."""

    def __init__(self, node: ast.AST, reason: str) -> None:
        super().__init__(reason)
        self.line = getattr(node, "lineno", 0)


def own_names(names: Names, owner: ast.ClassDef, known: frozenset[str]) -> frozenset[str]:
    """Return the names that a class defines, in its body or on its instance.

    Parameters
    ----------
    names : Names
    owner : ast.ClassDef
    known : frozenset of str
        The paths of APIs that are rewritten wherever they are called.

    Raises
    ------
    Cannot
        If one of the names is torch's or MindSpore's own, or not all of the body is followed.
    """
    methods = [each for each in owner.body if isinstance(each, FUNCTIONS)]
    return frozenset([*_in_body(owner, methods), *_on_instance(names, methods, known)])


def _in_body(owner: ast.ClassDef, methods: Sequence[_Function]) -> Iterator[str]:
    for statement in owner.body:
        if isinstance(statement, FUNCTIONS):
            name = statement.name
            if [method.name for method in methods].count(name) != 1:
                raise Cannot(statement, f"defines `{name}` twice")
            if name.startswith("__") and name.endswith("__"):
                if name not in _PLAIN_METHODS:
                    what = f"defines `{name}`, which the frameworks call differently"
                    raise Cannot(statement, what)
            elif name != "forward":
                yield _free(statement, name)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if not isinstance(target, ast.Name):
                    raise Cannot(statement, "binds something other than a plain name")
                yield _free(statement, target.id)
        elif not (
            isinstance(statement, ast.Pass)
            or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        ):
            raise Cannot(statement, "is a statement of a class that is not followed")


def _on_instance(
    names: Names, methods: Sequence[_Function], known: frozenset[str]
) -> Iterator[str]:
    for method in methods:
        receiver = receiver_of(method)
        for node in ast.walk(method):
            if isinstance(node, ast.Call):
                _check_held(names, node, method, known)
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == receiver
                and node.attr not in COMMON_ATTRIBUTES
            ):
                yield _free(node, node.attr)


def _check_held(names: Names, call: ast.Call, method: ast.AST, known: frozenset[str]) -> None:
    """Refuse a parameter or a module of torch, which a Cell would not register."""
    statement = next(
        (
            node
            for node in ast.walk(method)
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            and node.value is not None
            and any(part is call for part in ast.walk(node.value))
        ),
        None,
    )
    if statement is None:
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    scope = names.scope_of(names.place_at(names.start(call)))
    made = names.resolve(call.func, scope) - known
    if any(isinstance(t, ast.Attribute) for t in targets) and any(
        path.startswith("torch.nn.") and path.count(".") == 2 and path[9:10].isupper()
        for path in made
    ):
        raise Cannot(call, f"holds a {min(made)}, which a Cell does not register")


def _free(node: ast.AST, name: str) -> str:
    """Return a name that neither base has a use for."""
    if name in MODULE_ATTRIBUTES or name == "training":
        raise Cannot(node, f"defines `{name}`, which is torch's own")
    if is_taken(name) or name in COMMON_ATTRIBUTES:
        raise Cannot(node, f"defines `{name}`, which MindSpore's base uses for itself")
    return name


def receiver_of(method: _Function) -> str:
    """Return what a method calls its instance, or nothing where it takes none."""
    parameters = [*method.args.posonlyargs, *method.args.args]
    return parameters[0].arg if parameters else ""
