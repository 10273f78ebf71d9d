"""Code that reads names out of strings."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from migrate.resolve import Names
from migrate.scopes import Scope

#: Calls that read names out of strings, or all that there are; `model.eval()` is none.
_READS_NAMES = re.compile(r"(?<![\w.])(?:eval|exec|globals|locals|vars)\(")


def reads_names(names: Names, scope: Scope) -> bool:
    """Tell whether the code that sees the names of a scope reads names out of strings."""
    node = scope.node
    text = names.slice(node) if isinstance(node, (ast.stmt, ast.expr)) else names.text
    return _reads_names(text)


@lru_cache(4)
def _reads_names(text: str) -> bool:
    return _READS_NAMES.search(text) is not None
