"""What a file still uses of torch: the user's to-do list after a rewrite."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from migrate.places import fields_of
from migrate.scopes import COMPREHENSIONS, FUNCTIONS, SCOPES
from migrate.stars import is_torch

if TYPE_CHECKING:
    from migrate.resolve import Names
    from migrate.scopes import Scope


def torch_left(names: Names) -> tuple[str, ...]:
    """Return the sorted dotted names of torch that a file uses.

    `torch.nn.Linear` for `nn.Linear`, once however often it is used; a star import counts as
    `torch.nn.*`. An import that nothing uses is not a use. What another module of the project hands
    on counts where it goes by one of the names `torch`, `th`, `nn`, `F` and `functional`.
    """
    if names.project is None and "torch" not in names.text:
        return ()
    found = {f"{module}.*" for _, module in names.module.stars if is_torch(module)}
    found |= _Left(names).used()
    if any(word in names.text for word in _GETTERS):
        for node in ast.walk(names.tree):
            if isinstance(node, ast.Call):
                found.update(m for m in names.resolve(node, names.module) if is_torch(m))
    return tuple(sorted(found))


#: By what names the modules of torch go from file to file.
_CUSTOMARY = frozenset({"torch", "th", "nn", "F", "functional"})

#: What gives a module that is named by a string.
_GETTERS = ("import_module", "importorskip", "__import__")


class _Left:
    """One walk of a file that knows of every name where it may come from.

    To resolve each name takes several times as long as to parse the file. But a name leads to
    torch only if something of that name is imported, or assigned from such a name, somewhere in
    the file; and where no function binds it, it means the same everywhere.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.reads: list[tuple[ast.Name | ast.Attribute, str, tuple[ast.AST, ...]]] = []
        self.bound: set[str] = set()  # anywhere
        self.bound_within: set[str] = set()  # in functions, classes and comprehensions
        self.imported: set[str] = set()
        self.assigned: list[tuple[set[str], set[str]]] = []  # names, and what they may be
        self._walk()

    def used(self) -> set[str]:
        """Return the dotted names of torch that are read."""
        plausible = self._plausible()
        found: set[str] = set()
        known: dict[tuple[int, str, tuple[str, ...]], set[str]] = {}
        for node, root, around in self.reads:
            if root not in plausible and root in self.bound:
                continue
            scope = self._scope(around) if root in self.bound_within else self.names.module
            key = (id(scope), root, _parts(node))
            if key not in known:
                known[key] = self._meanings(node, root, scope)
            found |= known[key]
        return found

    def _plausible(self) -> set[str]:
        """Return the names that may lead to an import, over any number of assignments."""
        found, size = set(self.imported), -1
        while len(found) != size:
            size = len(found)
            for targets, roots in self.assigned:
                if not (roots <= self.bound and roots.isdisjoint(found)):
                    found |= targets
        return found

    def _meanings(self, node: ast.Name | ast.Attribute, root: str, scope: Scope) -> set[str]:
        names = self.names
        if self._is_elsewhere(root, scope) and _CUSTOMARY.isdisjoint({root, *_parts(node)}):
            return set()
        return {meaning for meaning in names.resolve(node, scope) if is_torch(meaning)}

    def _is_elsewhere(self, root: str, scope: Scope) -> bool:
        """Tell whether a name comes from the project.

        Then it counts only where it goes by a name that torch's modules have: to follow each would
        be to parse every module that any file imports.
        """
        names = self.names
        if names.project is None:
            return False
        found = names.bindings_of(root, scope)
        bases = [b.imported_from or b.path for b in found[0] if b.kind == "import"] if found else []
        stars = [] if found else [module for _, module in names.module.stars]
        return any(names.project.is_module(base, names.path) for base in (*bases, *stars))

    def _scope(self, around: tuple[ast.AST, ...]) -> Scope:
        scope = self.names.module
        for node in around:
            scope = self.names.inner_scope(node, scope)
        return scope

    # -- the walk --------------------------------------------------------------------------------

    def _walk(self) -> None:
        reads = self.reads
        todo: list[tuple[Sequence[ast.AST], tuple[ast.AST, ...]]] = [(self.names.tree.body, ())]
        while todo:
            body, around = todo.pop()
            stack: list[Any] = list(body)
            while stack:
                # By class, and the most frequent first: this loop is half of the time.
                node = stack.pop()
                kind = node.__class__
                if kind is ast.Name:
                    if node.ctx.__class__ is ast.Load:
                        reads.append((node, node.id, around))
                    else:
                        self._binds({node.id}, around)
                elif kind is ast.Attribute:
                    root = node.value
                    while root.__class__ is ast.Attribute:
                        root = root.value
                    if root.__class__ is not ast.Name:
                        stack.append(root)
                    elif node.ctx.__class__ is ast.Load:
                        reads.append((node, root.id, around))
                elif kind is ast.Call:
                    stack.append(node.func)
                    stack += node.args
                    stack += [keyword.value for keyword in node.keywords]
                elif kind in _OPENING:
                    within, stays = _inner(node)
                    todo.append((within, (*around, node)))
                    stack += stays
                    self._bind(node, around)
                elif kind is not ast.Constant and node is not None:  # a dict has None among keys
                    for field in fields_of(kind):
                        value = getattr(node, field)
                        if value.__class__ is list:
                            stack += value
                        elif value is not None:
                            stack.append(value)
                    if kind in _BINDING:
                        self._bind(node, around)

    def _binds(self, names: set[str], around: tuple[ast.AST, ...]) -> None:
        self.bound |= names
        if around:
            self.bound_within |= names

    def _bind(self, node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        """Take note of what a node binds, other than by a name of its own."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            own = {each.asname or each.name.partition(".")[0] for each in node.names}
            self.imported |= own
            self._binds(own, around)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            roots = None if node.value is None else _roots(node.value)
            if roots:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                every = [each for target in targets for each in ast.walk(target)]
                own = {each.id for each in every if isinstance(each, ast.Name)}
                self.assigned.append((own, roots))
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self._binds(set(node.names), (node,))
        elif isinstance(node, ast.arg):
            self._binds({node.arg}, (node,))
        else:
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            self._binds({name} if isinstance(name, str) else set(), around)


def _parts(node: ast.expr) -> tuple[str, ...]:
    """Return the attributes of a dotted name, the last one first."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return tuple(parts)


def _roots(value: ast.expr) -> set[str]:
    """Return the names that an expression may be, or lead to; see `Names.resolve`."""
    found: set[str] = set()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, (ast.Attribute, ast.NamedExpr)):
            todo.append(each.value)
        elif isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.IfExp):
            todo += [each.body, each.orelse]
        elif isinstance(each, ast.BoolOp):
            todo += each.values
        elif isinstance(each, (ast.Tuple, ast.List)):
            todo += each.elts
        elif isinstance(each, ast.Call):
            # `getattr(nn, "functional")`; `import_module("torch")` has no name that it comes from.
            name = str(getattr(each.func, "attr", getattr(each.func, "id", "")))
            if name == "getattr" and each.args:
                todo.append(each.args[0])
            elif name in _GETTERS:
                found.add(name)
    return found


def _inner(node: ast.AST) -> tuple[Sequence[ast.AST], list[ast.AST]]:
    """Return what a node evaluates in a scope of its own, and what in the scope around it."""
    if isinstance(node, FUNCTIONS):
        returns = [] if node.returns is None else [node.returns]
        return node.body, [node.args, *node.decorator_list, *returns]
    if isinstance(node, ast.ClassDef):
        return node.body, [*node.bases, *node.keywords, *node.decorator_list]
    if isinstance(node, ast.Lambda):
        return [node.body], [node.args]
    assert isinstance(node, COMPREHENSIONS)
    first = node.generators[0]
    values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    return [*values, first.target, *first.ifs, *node.generators[1:]], [first.iter]


_OPENING: frozenset[type[ast.AST]] = frozenset(SCOPES)
_BINDING: frozenset[type[ast.AST]] = frozenset(
    {
        ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Global,
        ast.Nonlocal, ast.arg, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
        ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping,
    }
)  # fmt: skip
