"""An independent reading of what a module uses of torch's losses, for `scripts/corpus`.

Written with `ast` alone, and sharing no code with `migrate`: a mistake that both make would have to
be made twice. It says yes where in doubt, never no.
"""

from __future__ import annotations

import ast
import re
import tokenize
from dataclasses import dataclass, field

CLASSES = ("CrossEntropyLoss", "NLLLoss", "NLLLoss2d")
FUNCTIONS = ("cross_entropy", "nll_loss")
CLASS_MODULES = ("torch.nn", "torch.nn.modules", "torch.nn.modules.loss")
#: What a rule is called, by every path to its API.
APIS = {f"{module}.{name}": f"torch.nn.{name}" for module in CLASS_MODULES for name in CLASSES} | {
    f"torch.nn.functional.{name}": f"torch.nn.functional.{name}" for name in FUNCTIONS
}
#: What `from MODULE import *` brings of them; `torch.nn` has no `__all__` and brings modules too.
STARS = {
    "torch.nn": (*CLASSES, "functional", "modules"),
    "torch.nn.modules": CLASSES,
    "torch.nn.modules.loss": CLASSES,
    "torch.nn.functional": FUNCTIONS,
}


@dataclass(eq=False)
class Scope:
    """What a module, class, function or lambda binds, import by import."""

    parent: Scope | None = None
    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    imports: dict[str, set[str]] = field(default_factory=dict)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)  # global and nonlocal


@dataclass(frozen=True)
class Use:
    """A name or attribute that can mean a covered API, by the imports of its file."""

    rules: tuple[str, ...]
    line: int
    column: int  # in characters
    kind: str  # constructor, functional, reference


class Reading:
    """Every use of a covered API in a module of `package`; says yes where in doubt."""

    def __init__(self, data: bytes, package: str = "") -> None:
        self.package = package.split(".") if package else []
        tree = ast.parse(data)
        encoding, _ = tokenize.detect_encoding(iter(data.splitlines(keepends=True)).__next__)
        self.lines = re.split(r"\r\n|\r|\n", data.decode(encoding))
        self.module = Scope()
        self.names: list[tuple[ast.expr, Scope, ast.AST]] = []  # with where it is reported
        self.called: set[int] = set()
        self._walk(tree, self.module, None)

    def uses(self) -> list[Use]:
        """Return the uses in no particular order."""
        found = []
        for node, scope, at in self.names:
            rules = sorted({APIS[path] for path in self._paths(node, scope, 0) if path in APIS})
            if rules:
                kind = "reference"
                if id(node) in self.called:
                    kind = "constructor" if rules[0].count(".") == 2 else "functional"
                line, column = at.lineno, at.col_offset  # type: ignore[attr-defined]
                text = self.lines[line - 1].encode()[:column].decode()
                found.append(Use(tuple(rules), line, len(text), kind))
        return found

    def _walk(self, node: ast.AST, scope: Scope, at: ast.AST | None) -> None:
        """Read a node; `at` is the f-string around it, whose positions inside are unreliable."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._read_import(node, scope)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.elsewhere.update(node.names)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                scope.bound.add(node.id)
            else:
                self.names.append((node, scope, at or node))
        elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            self.called.add(id(node.func))
            self.names.append((node.func, scope, at or node))
            children = list(ast.iter_child_nodes(node.func))
            for child in [*children, *node.args, *node.keywords]:
                self._walk(child, scope, at)
            return
        elif isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute)):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    scope.values.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.comprehension):
            # Its variables live in it alone; not to look there says yes too often, never no.
            for child in [node.iter, *node.ifs]:
                self._walk(child, scope, at)
            return
        elif isinstance(node, ast.arg):
            scope.bound.add(node.arg)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            scope.bound.add(node.name)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            self._walk_scope(node, scope, at)
            return
        for child in ast.iter_child_nodes(node):
            self._walk(child, scope, at or (node if isinstance(node, ast.JoinedStr) else None))

    def _walk_scope(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda,
        scope: Scope,
        at: ast.AST | None,
    ) -> None:
        inner = Scope(scope, isinstance(node, ast.ClassDef))
        if not isinstance(node, ast.Lambda):
            scope.bound.add(node.name)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.arguments):
                for default in [*child.defaults, *filter(None, child.kw_defaults)]:
                    self._walk(default, scope, at)
                for argument in ast.walk(child):
                    if isinstance(argument, ast.arg):
                        inner.bound.add(argument.arg)
                        if argument.annotation is not None:
                            self._walk(argument.annotation, scope, at)
            else:
                self._walk(child, inner if child in body else scope, at)

    def _read_import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        base = "" if isinstance(node, ast.Import) else node.module or ""
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level > len(self.package):
                return  # out of what is known
            above = self.package[: len(self.package) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])])
        for alias in node.names:
            if alias.name == "*":
                for name in STARS.get(base, ()):
                    scope.imports.setdefault(name, set()).add(f"{base}.{name}")
            elif isinstance(node, ast.ImportFrom):
                name = alias.asname or alias.name
                scope.imports.setdefault(name, set()).add(f"{base}.{alias.name}")
            else:
                path = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.imports.setdefault(alias.asname or path, set()).add(path)

    def _paths(self, node: ast.expr, scope: Scope, depth: int) -> set[str]:
        if isinstance(node, ast.Attribute):
            return {f"{path}.{node.attr}" for path in self._paths(node.value, scope, depth)}
        if not isinstance(node, ast.Name) or depth > 5:
            return set()
        name, place, first = node.id, scope, True
        while place.parent is not None:
            known = name in place.bound or name in place.imports
            if known and name not in place.elsewhere and (first or not place.is_class):
                break
            place, first = place.parent, False
        found = set(place.imports.get(name, ()))
        for value in place.values.get(name, ()):
            found |= self._paths(value, place, depth + 1)
        return found
