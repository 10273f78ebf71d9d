"""Names go out of an import in every layout and every combination, and nothing else does."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from itertools import combinations

import pytest

from migrate.pipeline import migrate_source

LOSSES = ("CrossEntropyLoss", "NLLLoss", "NLLLoss2d")
NAMES = (*LOSSES, "Linear")
INDENT = " " * 22

#: How people lay out an import of several names; the marks in braces stand for them.
LAYOUTS = {
    "line": "from torch.nn import {0}, {1}, {2}, {3}",
    "parentheses": "from torch.nn import ({0}, {1}, {2}, {3})",
    "aligned": f"from torch.nn import ({{0}},\n{INDENT}{{1}},\n{INDENT}{{2}},\n{INDENT}{{3}})",
    "two a line": f"from torch.nn import ({{0}}, {{1}},\n{INDENT}{{2}}, {{3}})",
    "hanging": "from torch.nn import (\n    {0},\n    {1},\n    {2},\n    {3},\n)",
    "hanging without comma": "from torch.nn import (\n    {0},\n    {1},\n    {2},\n    {3}\n)",
    "hanging in one": "from torch.nn import (\n    {0}, {1}, {2}, {3}\n)",
    "comments behind": "from torch.nn import (  # 0\n    {0},  # 1\n    {1},  # 2\n    {2},  # 3\n"
    "    {3},  # 4\n)  # 5",
    "comments above": "from torch.nn import (\n    # 0\n    {0},\n    # 1\n    {1},\n    # 2\n"
    "    {2},\n    # 3\n    {3},\n    # 4\n)",
    "backslashes": "from torch.nn import {0}, \\\n    {1}, \\\n    {2}, \\\n    {3}",
    "backslash first": "from torch.nn import \\\n    {0}, {1}, \\\n    {2}, {3}",
    "semicolons": "import os; from torch.nn import {0}, {1}, {2}, {3}; import sys",
}


#: Layouts in which the tool is wrong, by the place of the name that stays.
@pytest.mark.parametrize("where", ["module", "function"])
@pytest.mark.parametrize("place", range(4), ids=lambda place: f"Linear at {place}")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_unused_names_go(layout: str, place: int, where: str) -> None:
    order = [*LOSSES[:place], "Linear", *LOSSES[place:]]
    for used in [u for n in (1, 2, 3) for u in combinations(LOSSES, n)]:
        for linear in ("Linear", "None"):
            before = source(LAYOUTS[layout], order, [*used, linear], where)
            after = migrate_source(before).after
            assert after is not None
            compile(after, "after.py", "exec")
            kept = [name for name in order if name not in used]
            assert imported(after) == Counter(kept), after
            assert f"({', '.join(f'mindspore.nn.{target(u)}()' for u in used)}, {linear})" in after
            assert comments(after) == comments(before), after
            assert not any(line != line.rstrip() for line in after.splitlines()), after
            assert migrate_source(after).after == after


def source(layout: str, order: list[str], used: list[str], where: str) -> str:
    statement = layout.format(*order)
    values = ", ".join(f"{name}()" if name in LOSSES else name for name in used)
    if where == "module":
        return f"{statement}\n\nvalues = ({values})\n"
    inside = statement.replace("\n", "\n    ")
    return f"def build():\n    {inside}\n    return ({values})\n"


def target(loss: str) -> str:
    return loss.removesuffix("2d")


def imported(text: str) -> Counter[str]:
    return Counter(
        alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return Counter(part for comment in found for part in comment.split("  "))
