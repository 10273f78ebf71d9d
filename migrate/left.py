"""What a file still uses of torch: the user's to-do list after a rewrite."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from migrate.resolve import walk_scopes

if TYPE_CHECKING:
    from migrate.resolve import Names
    from migrate.scopes import Scope


def torch_left(names: Names) -> tuple[str, ...]:
    """Return the sorted dotted names of torch that a file uses.

    `torch.nn.Linear` for `nn.Linear`, once however often it is used; a star import counts as
    `torch.nn.*`. An import that nothing uses is not a use. What another module of the project hands
    on counts where it goes by one of the names `torch`, `th`, `nn`, `F` and `functional`.
    """
    if names.project is None and not re.search(r"\btorch\b", names.text):
        return ()
    found = {f"{module}.*" for _, module in names.module.stars if _is_torch(module)}
    for name, scope in walk_scopes(names):
        root: ast.expr = name
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and not _is_elsewhere(names, name, root, scope):
            found.update(m for m in names.resolve(name, scope) if _is_torch(m))
    if re.search(r"import_module|importorskip|__import__", names.text):
        for node in ast.walk(names.tree):
            if isinstance(node, ast.Call):
                found.update(m for m in names.resolve(node, names.module) if _is_torch(m))
    return tuple(sorted(found))


#: By what names the modules of torch go from file to file.
_CUSTOMARY = frozenset({"torch", "th", "nn", "F", "functional"})


def _is_elsewhere(names: Names, name: ast.expr, root: ast.Name, scope: Scope) -> bool:
    """Tell whether a name comes from the project, and not by one that torch's modules have.

    To follow each would be to parse every module that any file imports.
    """
    if names.project is None:
        return False
    found = names.bindings_of(root.id, scope)
    bases = [b.imported_from or b.path for b in found[0] if b.kind == "import"] if found else []
    stars = [] if found else [module for _, module in names.module.stars]
    if not any(names.project.is_module(base, names.path) for base in (*bases, *stars)):
        return False
    parts = {node.attr for node in ast.walk(name) if isinstance(node, ast.Attribute)}
    return not _CUSTOMARY & {root.id, *parts}


def _is_torch(path: str) -> bool:
    return path.partition(".")[0] == "torch"
