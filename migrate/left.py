"""What a file still uses of torch: the user's to-do list after a rewrite."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from migrate.resolve import walk_scopes

if TYPE_CHECKING:
    from migrate.resolve import Names


def torch_left(names: Names) -> tuple[str, ...]:
    """Return the sorted dotted names of torch that a file uses.

    `torch.nn.Linear` for `nn.Linear`, once however often it is used; a star import counts as
    `torch.nn.*`. An import that nothing uses is not a use.
    """
    if not re.search(r"\btorch\b", names.text):
        return ()
    found = {f"{module}.*" for _, module in names.module.stars if _is_torch(module)}
    for name, scope in walk_scopes(names):
        root: ast.expr = name
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            found.update(m for m in names.resolve(name, scope) if _is_torch(m))
    if re.search(r"import_module|importorskip|__import__", names.text):
        for node in ast.walk(names.tree):
            if isinstance(node, ast.Call):
                found.update(m for m in names.resolve(node, names.module) if _is_torch(m))
    return tuple(sorted(found))


def _is_torch(path: str) -> bool:
    return path.partition(".")[0] == "torch"
