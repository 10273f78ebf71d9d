"""What a file still uses of torch: the user's to-do list after a rewrite."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
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
    roots = _Roots(names)
    for name, scope in walk_scopes(names):
        parts = []
        root: ast.expr = name
        while isinstance(root, ast.Attribute):
            parts.append(root.attr)
            root = root.value
        if isinstance(root, ast.Name) and roots.may_lead_to_torch(root.id, scope, parts):
            found.update(m for m in names.resolve(name, scope) if _is_torch(m))
    if re.search(r"import_module|importorskip|__import__", names.text):
        for node in ast.walk(names.tree):
            if isinstance(node, ast.Call):
                found.update(m for m in names.resolve(node, names.module) if _is_torch(m))
    return tuple(sorted(found))


#: By what names the modules of torch go from file to file.
_CUSTOMARY = frozenset({"torch", "th", "nn", "F", "functional"})


class _Roots:
    """Tells, once for each scope, which names can lead to torch: nearly all do not."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._elsewhere: dict[tuple[int, str], bool] = {}
        self._plausible: dict[tuple[int, str], bool] = {}

    def may_lead_to_torch(self, root: str, scope: Scope, parts: Collection[str]) -> bool:
        """Tell whether the dotted name `root` with `parts` behind it may be torch's."""
        key = (id(scope), root)
        if key not in self._elsewhere:
            self._elsewhere[key] = self._is_elsewhere(root, scope)
        if self._elsewhere[key] and root not in _CUSTOMARY and _CUSTOMARY.isdisjoint(parts):
            return False
        if key not in self._plausible:
            meanings = self._names.lookup(root, scope)
            self._plausible[key] = any(map(self._leads_on, meanings))
        return self._plausible[key]

    def _leads_on(self, meaning: str) -> bool:
        project = self._names.project
        is_module = project is not None and project.is_module(meaning, self._names.path)
        return is_module or _is_torch(meaning)

    def _is_elsewhere(self, root: str, scope: Scope) -> bool:
        """Tell whether a name comes from the project.

        Then it counts only where it goes by a name that torch's modules have: to follow each would
        be to parse every module that any file imports.
        """
        names = self._names
        if names.project is None:
            return False
        found = names.bindings_of(root, scope)
        bases = [b.imported_from or b.path for b in found[0] if b.kind == "import"] if found else []
        stars = [] if found else [module for _, module in names.module.stars]
        return any(names.project.is_module(base, names.path) for base in (*bases, *stars))


def _is_torch(path: str) -> bool:
    return path.partition(".")[0] == "torch"
