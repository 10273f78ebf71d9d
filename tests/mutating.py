"""Breaks the real code in one place, for as long as a test runs.

A mutation is a piece of a module's source, which must stand there exactly once, and what takes its
place. The function around it gets the code of the changed source, so that it is broken for whoever
holds it; a constant is replaced wherever a module holds it.
"""

from __future__ import annotations

import ast
import importlib
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Mutation:
    """One way to break the code, and what must notice it.

    `calls` are of correct rewrites, written as before; `wrong` is a pair (before, after) that no
    proof may let pass; `readers` names a check of `test_readers` and the rule and values it is
    made with; `fixture` is a folder of `tests/fixtures`. What is given must notice.
    """

    name: str
    module: str
    right: str
    wrong_code: str
    calls: tuple[str, ...] = ()
    wrong: tuple[str, str] | None = None
    readers: tuple[Any, ...] = ()
    fixture: str = ""


def apply(mutation: Mutation, patch: pytest.MonkeyPatch) -> None:
    """Break the code until `patch` is undone."""
    module = importlib.import_module(mutation.module)
    text = Path(str(module.__file__)).read_text()
    count = text.count(mutation.right)
    assert count == 1, f"{mutation.name}: the fragment stands {count} times in {mutation.module}"
    assert mutation.right != mutation.wrong_code
    line = text[: text.index(mutation.right)].count("\n") + 1
    # From the first line that is not blank, so that a fragment may begin with a line's end.
    line += len(mutation.right) - len(mutation.right.lstrip("\n"))
    path, node = _around(ast.parse(text), line)
    changed = compile(text.replace(mutation.right, mutation.wrong_code), "<mutation>", "exec")
    if isinstance(node, ast.FunctionDef):
        patch.setattr(_function(module, path), "__code__", _code(changed, ".".join(path)))
    else:
        _replace(module, path[-1], changed, patch)
    forget()


def forget() -> None:
    """Forget every result that is kept."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == "migrate":
            for kept in list(vars(module).values()):
                if hasattr(kept, "cache_clear") and kept.__module__ == name:
                    kept.cache_clear()


def _around(tree: ast.Module, line: int) -> tuple[tuple[str, ...], ast.stmt]:
    """Return the path of the function or the constant whose source holds a line."""
    path: tuple[str, ...] = ()
    body = tree.body
    while True:
        node = next(each for each in body if _first(each) <= line <= (each.end_lineno or 0))
        if isinstance(node, ast.ClassDef):
            path, body = (*path, node.name), node.body
        elif isinstance(node, ast.FunctionDef):
            return (*path, node.name), node
        else:
            assert isinstance(node, ast.Assign | ast.AnnAssign), ast.unparse(node)
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            return (*path, ast.unparse(target)), node


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _function(module: types.ModuleType, path: tuple[str, ...]) -> types.FunctionType:
    found: Any = module
    for name in path:
        found = vars(found)[name] if isinstance(found, type) else getattr(found, name)
    found = getattr(found, "__wrapped__", found)
    assert isinstance(found, types.FunctionType)
    return found


def _code(code: types.CodeType, name: str) -> types.CodeType:
    def every(outer: types.CodeType) -> Iterator[types.CodeType]:
        for inner in outer.co_consts:
            if isinstance(inner, types.CodeType):
                yield inner
                yield from every(inner)

    (found,) = (each for each in every(code) if each.co_qualname == name)
    return found


def _replace(
    module: types.ModuleType, name: str, code: types.CodeType, patch: pytest.MonkeyPatch
) -> None:
    scope: dict[str, Any] = {"__name__": module.__name__}
    exec(code, scope)
    old, new = getattr(module, name), scope[name]
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").partition(".")[0] == "migrate":
            for held, value in list(vars(other).items()):
                if value is old:
                    patch.setattr(other, held, new)
