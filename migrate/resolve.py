"""What a name means at one place in a file, or why that is unknown. Read-only, on `ast`.

Scopes are built on demand: a file of 10,000 lines with one site costs one pass over the statements
at its module's level and over the functions around the site, not a walk of the whole tree.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from migrate.source import LineIndex

#: Meanings that are not dotted paths. A path never holds an angle bracket.
NONE = "<None>"
UNKNOWN = "<unknown>"  # a parameter, a loop variable, the result of some call
OWN = "<own>"  # a function or class of this file
UNBOUND = "<unbound>"  # a builtin or nothing at all
STAR = "<star>"  # perhaps bound by a star import of a module that is not known

Meanings = frozenset[str]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.Module, ast.ClassDef, ast.Lambda, *_FUNCTIONS, *_COMPREHENSIONS)

#: Calls that give back the module which their first literal names.
_MODULE_GETTERS = frozenset({"importlib.import_module", "pytest.importorskip", "__import__"})


@dataclass(frozen=True, slots=True)
class Binding:
    """One thing that binds a name in a scope.

    Attributes
    ----------
    kind : {"import", "value", "own", "unknown"}
    path : str
        The dotted path of an import.
    value : ast.expr or None
        The expression of an assignment, evaluated in `scope`.
    statement : ast.stmt or None
        The import, assignment, function or class.
    alias : ast.alias or None
        Which name of an import statement.
    line : int
        Where the binding stands, counted from 1.
    """

    kind: str
    line: int
    path: str = ""
    value: ast.expr | None = None
    statement: ast.stmt | None = None
    alias: ast.alias | None = None


@dataclass(slots=True, eq=False)
class Scope:
    """A scope and what is bound in it; filled while its statements are read, then left alone."""

    node: ast.AST
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    declared_global: set[str] = field(default_factory=set)
    declared_nonlocal: set[str] = field(default_factory=set)
    stars: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_class(self) -> bool:
        """Whether this is the body of a class, which its methods do not see."""
        return isinstance(self.node, ast.ClassDef)

    def bind(self, name: str, binding: Binding) -> None:
        """Add one thing that binds `name`."""
        self.bindings.setdefault(name, []).append(binding)


@dataclass(frozen=True, slots=True)
class Place:
    """A node and the way to it from the module: `path[0]` is the module, `path[-1]` the node."""

    path: tuple[ast.AST, ...]

    @property
    def node(self) -> ast.AST:
        """The node itself."""
        return self.path[-1]

    def parent(self, steps: int = 1) -> ast.AST | None:
        """Return the node `steps` levels up, or None above the module."""
        return self.path[-1 - steps] if len(self.path) > steps else None

    def up(self, steps: int = 1) -> Place:
        """Return the place of the node `steps` levels up."""
        return Place(self.path[: len(self.path) - steps])


def occurrences(text: str, word: str, start: int, end: int) -> Iterator[int]:
    """Yield the offsets at which `word` stands in `text` and is no part of a longer word.

    A search for a literal runs many times as fast as a regular expression with a look-behind.
    """
    at = text.find(word, start, end)
    while at >= 0:
        behind = at + len(word)
        if not (at and _continues(text[at - 1])) and not (
            behind < len(text) and _continues(text[behind])
        ):
            yield at
        at = text.find(word, behind, end)


def _continues(character: str) -> bool:
    return character == "_" or character.isalnum()


class Names:
    """The names of one parsed file.

    Parameters
    ----------
    tree : ast.Module
    text : str
        What `tree` was parsed from.
    package : str
        The dotted package that the file is in, against which relative imports are read; empty
        where unknown, and then a relative import is a path that begins with a dot.
    """

    def __init__(self, tree: ast.Module, text: str, lines: LineIndex, package: str = "") -> None:
        self.tree = tree
        self.text = text
        self.lines = lines
        self.package = package
        self._scopes: dict[int, Scope] = {}
        self._resolving: set[int] = set()
        self._has_walrus = ":=" in text

    # -- places -----------------------------------------------------------------------------

    def place_at(self, offset: int) -> Place:
        """Return the innermost node whose text covers the character at `offset`."""
        line, column = self.lines.position(offset)
        start = offset - column
        prefix = self.text[start:offset]
        position = (line, column if prefix.isascii() else len(prefix.encode()))
        path: list[ast.AST] = [self.tree]
        while _descend(path, position):
            pass
        return Place(tuple(path))

    def places_of(
        self, word: str, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, Place]]:
        """Yield where `word` stands as a whole identifier, with the innermost node there.

        Comments and strings count too; the node tells.
        """
        for offset in occurrences(self.text, word, start, len(self.text) if end is None else end):
            yield offset, self.place_at(offset)

    def start(self, node: ast.expr | ast.stmt | ast.alias | ast.keyword) -> int:
        """Return the character offset at which `node` begins."""
        return self.lines.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.alias | ast.keyword) -> int:
        """Return the character offset just past `node`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines.offset(node.end_lineno, node.end_col_offset)

    def slice(self, node: ast.expr | ast.stmt | ast.alias) -> str:
        """Return the text of `node` as it stands in the file."""
        return self.text[self.start(node) : self.end(node)]

    # -- scopes -----------------------------------------------------------------------------

    @cached_property
    def module(self) -> Scope:
        """The module's scope, with what functions bind through `global`."""
        scope = Scope(self.tree, None)
        self._scopes[id(self.tree)] = scope
        self._read(scope, self.tree.body)
        self._read_declarations(scope)
        return scope

    def scope_of(self, place: Place) -> Scope:
        """Return the scope in which `place.node` is evaluated."""
        scope = self.module
        for node, inner in zip(place.path, place.path[1:], strict=False):
            if (
                node is not self.tree
                and isinstance(node, _SCOPES)
                and _is_inside(node, inner, place.path)
            ):
                scope = self.inner_scope(node, scope)
        return scope

    def inner_scope(self, node: ast.AST, parent: Scope) -> Scope:
        """Return the scope that `node` opens within `parent`."""
        known = self._scopes.get(id(node))
        if known is not None:
            return known
        scope = self._scopes[id(node)] = Scope(node, parent)
        if isinstance(node, _FUNCTIONS):
            self._read_parameters(scope, node.args)
            self._read(scope, node.body)
            for name in scope.declared_global:
                scope.bindings.pop(name, None)
        elif isinstance(node, ast.Lambda):
            self._read_parameters(scope, node.args)
        elif isinstance(node, ast.ClassDef):
            self._read(scope, node.body)
        elif isinstance(node, _COMPREHENSIONS):
            for generator in node.generators:
                self._bind_target(scope, generator.target, None, None)
        return scope

    def _read_parameters(self, scope: Scope, arguments: ast.arguments) -> None:
        for argument in _parameters(arguments):
            scope.bind(argument.arg, Binding("unknown", argument.lineno))

    def _read(self, scope: Scope, body: list[ast.stmt]) -> None:
        """Collect the bindings of `body`, without entering functions and classes."""
        stack: list[ast.AST] = list(reversed(body))
        while stack:
            node = stack.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._bind_import(scope, node)
            elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                scope.bind(node.name, Binding("own", node.lineno, statement=node))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind_target(scope, target, node.value, node)
            elif isinstance(node, ast.AnnAssign):
                if node.value is not None:
                    self._bind_target(scope, node.target, node.value, node)
            elif isinstance(node, ast.AugAssign):
                self._bind_target(scope, node.target, None, node)
            elif isinstance(node, ast.Global):
                scope.declared_global.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.declared_nonlocal.update(node.names)
            elif isinstance(node, ast.Delete):
                for target in node.targets:
                    self._bind_target(scope, target, None, node)
            elif isinstance(node, ast.stmt):
                self._read_block(scope, node, stack)
            elif isinstance(node, (ast.ExceptHandler, ast.match_case)):
                if isinstance(node, ast.ExceptHandler) and node.name:
                    scope.bind(node.name, Binding("unknown", node.lineno))
                if isinstance(node, ast.match_case):
                    self._bind_pattern(scope, node.pattern)
                stack.extend(reversed(node.body))
            if self._has_walrus and isinstance(node, ast.stmt):
                self._bind_walruses(scope, node)

    def _read_block(self, scope: Scope, node: ast.stmt, stack: list[ast.AST]) -> None:
        if isinstance(node, (ast.For, ast.AsyncFor)):
            self._bind_target(scope, node.target, None, node)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    self._bind_target(scope, item.optional_vars, None, node)
        for part in ("finalbody", "orelse", "handlers", "cases", "body"):
            stack.extend(reversed(getattr(node, part, ())))

    def _bind_import(self, scope: Scope, node: ast.Import | ast.ImportFrom) -> None:
        base = "" if isinstance(node, ast.Import) else self._import_base(node)
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append((node.lineno, base))
                continue
            if isinstance(node, ast.Import):
                path = alias.name if alias.asname else alias.name.partition(".")[0]
                name = alias.asname or path
            else:
                path = f"{base}{'' if base.endswith('.') else '.'}{alias.name}"
                name = alias.asname or alias.name
            scope.bind(name, Binding("import", node.lineno, path, statement=node, alias=alias))

    def _import_base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.package.split(".") if self.package else []
        if len(package) < node.level:
            return "." * node.level + (node.module or "")
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def _bind_target(
        self, scope: Scope, target: ast.AST, value: ast.expr | None, node: ast.stmt | None
    ) -> None:
        if isinstance(target, ast.Name):
            kind = "unknown" if value is None else "value"
            scope.bind(target.id, Binding(kind, target.lineno, value=value, statement=node))
        elif isinstance(target, ast.Starred):
            self._bind_target(scope, target.value, None, node)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(target.elts)
            if (
                isinstance(value, (ast.Tuple, ast.List))
                and len(value.elts) == len(target.elts)
                and not any(isinstance(e, ast.Starred) for e in [*value.elts, *target.elts])
            ):
                values = list(value.elts)
            for element, its_value in zip(target.elts, values, strict=True):
                self._bind_target(scope, element, its_value, node)

    def _bind_pattern(self, scope: Scope, pattern: ast.pattern) -> None:
        for node in ast.walk(pattern):
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            if isinstance(name, str):
                scope.bind(name, Binding("unknown", pattern.lineno))

    def _bind_walruses(self, scope: Scope, statement: ast.stmt) -> None:
        # A walrus in a comprehension binds in the function around it, so the walk enters those;
        # blocks are read as statements of their own.
        stack = [
            c for c in ast.iter_child_nodes(statement) if isinstance(c, (ast.expr, ast.withitem))
        ]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.NamedExpr):
                scope.bind(node.target.id, Binding("value", node.lineno, value=node.value))
            if not isinstance(node, ast.Lambda):
                stack.extend(ast.iter_child_nodes(node))  # type: ignore[arg-type]

    def _read_declarations(self, module: Scope) -> None:
        """Add to the module what functions assign through `global`; mark what `nonlocal` moves."""
        functions: dict[int, FunctionNode] = {}
        for word in ("global", "nonlocal"):
            for _, place in self.places_of(word):
                if isinstance(place.node, (ast.Global, ast.Nonlocal)):
                    functions.update((id(n), n) for n in place.path if isinstance(n, _FUNCTIONS))
        for function in functions.values():
            inner = Scope(function, module)
            self._read(inner, function.body)
            for name in sorted(inner.declared_global):
                for binding in inner.bindings.get(name, ()):
                    module.bind(name, binding)
            self._nonlocal.update(inner.declared_nonlocal & inner.bindings.keys())

    @cached_property
    def _nonlocal(self) -> set[str]:
        return set()

    # -- meanings ---------------------------------------------------------------------------

    def resolve(self, expression: ast.expr, scope: Scope) -> Meanings:
        """Return everything that `expression` can mean where `scope` evaluates it.

        Returns
        -------
        frozenset of str
            Dotted paths such as `torch.nn.CrossEntropyLoss`, and the markers of this module.
            Never empty.
        """
        if isinstance(expression, ast.Name):
            return self.lookup(expression.id, scope)
        if isinstance(expression, ast.Attribute):
            return frozenset(
                meaning if meaning.startswith("<") else f"{meaning}.{expression.attr}"
                for meaning in self.resolve(expression.value, scope)
            )
        if isinstance(expression, ast.Constant) and expression.value is None:
            return frozenset({NONE})
        if isinstance(expression, ast.IfExp):
            return self.resolve(expression.body, scope) | self.resolve(expression.orelse, scope)
        if isinstance(expression, ast.BoolOp):
            return frozenset().union(*(self.resolve(v, scope) for v in expression.values))
        if isinstance(expression, ast.NamedExpr):
            return self.resolve(expression.value, scope)
        if isinstance(expression, ast.Call):
            return self._resolve_call(expression, scope)
        return frozenset({UNKNOWN})

    def _resolve_call(self, call: ast.Call, scope: Scope) -> Meanings:
        if not call.args or not isinstance(call.args[0], ast.Constant):
            return frozenset({UNKNOWN})
        name = call.args[0].value
        getter = self.resolve(call.func, scope)
        if isinstance(call.func, ast.Name) and getter == {UNBOUND}:
            getter = frozenset({call.func.id})
        if isinstance(name, str) and getter <= _MODULE_GETTERS:
            # __import__("a.b") gives the package a, as `import a.b` does.
            return frozenset({name.partition(".")[0] if getter == {"__import__"} else name})
        return frozenset({UNKNOWN})

    def bindings_of(self, name: str, scope: Scope) -> tuple[list[Binding], Scope] | None:
        """Return what binds `name` as seen from `scope`, and the scope that holds it."""
        use_scope: Scope | None = scope
        first = True
        while use_scope is not None:
            if use_scope.parent is not None and name in use_scope.declared_global:
                use_scope = self.module
                continue
            # A class body is seen by its own statements only, not by its methods.
            visible = first or not use_scope.is_class
            if visible and name in use_scope.bindings and name not in use_scope.declared_nonlocal:
                return use_scope.bindings[name], use_scope
            first = False
            use_scope = use_scope.parent
        return None

    def lookup(self, name: str, scope: Scope) -> Meanings:
        """Return everything that `name` can mean in `scope`."""
        found = self.bindings_of(name, scope)
        if found is None:
            return self._from_stars(name, after=0) or frozenset({UNBOUND})
        bindings, holder = found
        meanings: set[str] = set()
        for binding in bindings:
            meanings |= self._meaning_of(binding, holder)
        if name in self._nonlocal and holder.parent is not None:
            meanings.add(UNKNOWN)
        if holder.is_class and holder.parent is not None:
            # Before its assignment in the class body, the name is the outer one.
            outer = self.lookup(name, holder.parent)
            meanings |= outer - {UNBOUND}
        if holder is self.module:
            meanings |= self._from_stars(name, after=max(b.line for b in bindings))
        return frozenset(meanings)

    def _meaning_of(self, binding: Binding, scope: Scope) -> Meanings:
        if binding.kind == "import":
            return frozenset({binding.path})
        if binding.kind == "own":
            return frozenset({OWN})
        if binding.value is None or id(binding) in self._resolving:
            return frozenset({UNKNOWN})
        self._resolving.add(id(binding))
        try:
            return self.resolve(binding.value, scope)
        finally:
            self._resolving.discard(id(binding))

    def _from_stars(self, name: str, after: int) -> Meanings:
        """Return what star imports below line `after` may bind `name` to."""
        meanings: set[str] = set()
        for line, module in self.module.stars:
            if line <= after:
                continue
            root = module.partition(".")[0]
            if module in _TORCH_STARS:
                if name in _TORCH_STARS[module]:
                    meanings.add(_TORCH_STARS[module][name])
            elif root in _FOREIGN:
                meanings.add(f"{module}.{name}")
            elif root != "torch" and root not in _HARMLESS_STARS:
                meanings.add(STAR)
        return frozenset(meanings)


def _star_of(module: str, *names: str) -> dict[str, str]:
    return {name: f"{module}.{name}" for name in names}


#: What `from MODULE import *` binds, of the names that lead to a covered API: read off torch 2.13.
_TORCH_STARS: dict[str, dict[str, str]] = {
    "torch.nn": _star_of(
        "torch.nn", "functional", "modules", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"
    ),
    "torch.nn.modules": _star_of("torch.nn.modules", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"),
    "torch.nn.modules.loss": _star_of(
        "torch.nn.modules.loss", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"
    ),
    "torch.nn.functional": {
        **_star_of("torch.nn.functional", "cross_entropy", "nll_loss"),
        "torch": "torch",
    },
}

#: Other frameworks whose star imports bind names such as `nn` to something that is not torch's.
_FOREIGN = frozenset(
    {"mindspore", "mlx", "flax", "paddle", "mxnet", "jax", "keras", "tensorflow", "jittor"}
)

#: Modules outside the standard library whose star imports are common and bind no covered name.
_HARMLESS_STARS = sys.stdlib_module_names | {"numpy", "pylab", "matplotlib", "scipy", "pandas"}


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*every, *(a for a in (arguments.vararg, arguments.kwarg) if a is not None)]


def _descend(path: list[ast.AST], position: tuple[int, int]) -> bool:
    """Append to `path` the child of its last node that covers `position`, if there is one."""
    # Positions inside an f-string are wrong before Python 3.12, so the way ends at the f-string.
    if isinstance(path[-1], ast.JoinedStr):
        return False
    for child in ast.iter_child_nodes(path[-1]):
        if not hasattr(child, "lineno"):
            # Nodes such as `arguments` and `comprehension` have no position of their own.
            path.append(child)
            if _descend(path, position):
                return True
            path.pop()
        elif _covers(child, position):
            path.append(child)
            return True
    return False


def _covers(node: ast.AST, position: tuple[int, int]) -> bool:
    start = (node.lineno, node.col_offset)  # type: ignore[attr-defined]
    decorators = getattr(node, "decorator_list", ())
    if decorators:
        start = min(start, (decorators[0].lineno, decorators[0].col_offset))
    return start <= position < (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _is_inside(scope: ast.AST, inner: ast.AST, path: tuple[ast.AST, ...]) -> bool:
    """Tell whether `inner`, the child of `scope` on `path`, is evaluated in that scope.

    Decorators, defaults, annotations, bases and the first iterable of a comprehension are
    evaluated in the scope around it.
    """
    if isinstance(scope, (*_FUNCTIONS, ast.ClassDef)):
        return inner in scope.body
    if isinstance(scope, ast.Lambda):
        return inner is scope.body
    if isinstance(scope, _COMPREHENSIONS):
        first = scope.generators[0]
        return not (inner is first and first.iter in path)
    return True


def walk_scopes(names: Names) -> Iterator[tuple[ast.Name | ast.Attribute, Scope]]:
    """Yield every outermost name or dotted name that a file reads, with its scope."""
    stack: list[tuple[ast.AST, Scope]] = [(names.tree, names.module)]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node.ctx, ast.Load):
                yield node, scope
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            if not isinstance(root, ast.Name):
                stack.append((root, scope))
            continue
        inner = scope
        if node is not names.tree and isinstance(node, _SCOPES):
            inner = names.inner_scope(node, scope)
        for child in ast.iter_child_nodes(node):
            inside = inner is not scope and _is_inside(node, child, (node, child))
            stack.append((child, inner if inside else scope))
