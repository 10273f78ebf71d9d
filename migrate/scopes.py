"""What the statements of a scope bind, read without entering the functions and classes in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

#: The nodes that open a scope of their own.
SCOPES = (ast.Module, ast.ClassDef, ast.Lambda, *FUNCTIONS, *COMPREHENSIONS)


#: The parts of a statement in which a walrus binds in the statement's own scope.
_HOLD_EXPRESSIONS = (ast.expr, ast.withitem, ast.arguments, ast.keyword)

#: What else than a statement has such parts.
_CLAUSES = (ast.match_case, ast.ExceptHandler)


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

    @property
    def is_assignment(self) -> bool:
        """Whether a value other than None is assigned."""
        none = isinstance(self.value, ast.Constant) and self.value.value is None
        return self.kind == "value" and not none

    @property
    def imported_from(self) -> str | None:
        """The module of `from module import name`, with leading dots where they were not read."""
        if not isinstance(self.statement, ast.ImportFrom) or self.alias is None:
            return None
        base = self.path.removesuffix(self.alias.name)
        return base[:-1] if base.strip(".") else base


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


class ScopeReader:
    """Reads statements and fills scopes.

    Parameters
    ----------
    package : str
        The dotted package of the file, for relative imports; empty where unknown.
    has_walrus : bool
        Whether the file holds a `:=` at all: expressions are looked through for it only then.
    """

    def __init__(self, package: str, *, has_walrus: bool) -> None:
        self._package = package
        self._has_walrus = has_walrus

    def open(self, node: ast.AST, parent: Scope) -> Scope:
        """Return the scope that `node` opens within `parent`, filled."""
        scope = Scope(node, parent)
        if isinstance(node, FUNCTIONS):
            self.read_parameters(scope, node.args)
            self.read(scope, node.body)
        elif isinstance(node, ast.Lambda):
            self.read_parameters(scope, node.args)
            if self._has_walrus:
                self._bind_walruses(scope, [node.body])
        elif isinstance(node, ast.ClassDef):
            self.read(scope, node.body)
        elif isinstance(node, COMPREHENSIONS):
            for generator in node.generators:
                self.bind_target(scope, generator.target, None, None)
        for name in scope.declared_global:
            scope.bindings.pop(name, None)
        return scope

    def read_parameters(self, scope: Scope, arguments: ast.arguments) -> None:
        """Bind the parameters of a function or lambda."""
        for argument in parameters_of(arguments):
            scope.bind(argument.arg, Binding("unknown", argument.lineno))

    def read(self, scope: Scope, body: list[ast.stmt]) -> None:
        """Collect the bindings of `body`, without entering functions and classes."""
        stack: list[ast.AST] = list(reversed(body))
        while stack:
            node = stack.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._bind_import(scope, node)
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                scope.bind(node.name, Binding("own", node.lineno, statement=node))
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self.bind_target(scope, target, node.value, node)
            elif isinstance(node, ast.AnnAssign):
                if node.value is not None:
                    self.bind_target(scope, node.target, node.value, node)
            elif isinstance(node, ast.AugAssign):
                self.bind_target(scope, node.target, None, node)
            elif isinstance(node, ast.Global):
                scope.declared_global.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                scope.declared_nonlocal.update(node.names)
            elif isinstance(node, ast.Delete):
                for target in node.targets:
                    self.bind_target(scope, target, None, node)
            elif isinstance(node, ast.stmt):
                self._read_block(scope, node, stack)
            elif isinstance(node, (ast.ExceptHandler, ast.match_case)):
                if isinstance(node, ast.ExceptHandler) and node.name:
                    scope.bind(node.name, Binding("unknown", node.lineno))
                if isinstance(node, ast.match_case):
                    self._bind_pattern(scope, node.pattern)
                stack.extend(reversed(node.body))
            if self._has_walrus and isinstance(node, (ast.stmt, *_CLAUSES)):
                parts = ast.iter_child_nodes(node)
                self._bind_walruses(scope, [c for c in parts if isinstance(c, _HOLD_EXPRESSIONS)])

    def _read_block(self, scope: Scope, node: ast.stmt, stack: list[ast.AST]) -> None:
        if isinstance(node, (ast.For, ast.AsyncFor)):
            self.bind_target(scope, node.target, None, node)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    self.bind_target(scope, item.optional_vars, None, node)
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
        package = self._package.split(".") if self._package else []
        if len(package) < node.level:
            return "." * node.level + (node.module or "")
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def bind_target(
        self, scope: Scope, target: ast.AST, value: ast.expr | None, node: ast.stmt | None
    ) -> None:
        """Bind what an assignment, a loop or a `with` binds; `value` is None where unknown."""
        if isinstance(target, ast.Name):
            kind = "unknown" if value is None else "value"
            scope.bind(target.id, Binding(kind, target.lineno, value=value, statement=node))
        elif isinstance(target, ast.Starred):
            self.bind_target(scope, target.value, None, node)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(target.elts)
            if (
                isinstance(value, (ast.Tuple, ast.List))
                and len(value.elts) == len(target.elts)
                and not any(isinstance(e, ast.Starred) for e in [*value.elts, *target.elts])
            ):
                values = list(value.elts)
            for element, its_value in zip(target.elts, values, strict=True):
                self.bind_target(scope, element, its_value, node)

    def _bind_pattern(self, scope: Scope, pattern: ast.pattern) -> None:
        for node in ast.walk(pattern):
            name = getattr(node, "name", None) or getattr(node, "rest", None)
            if isinstance(name, str):
                scope.bind(name, Binding("unknown", pattern.lineno))

    def _bind_walruses(self, scope: Scope, stack: list[ast.AST]) -> None:
        # A walrus in a comprehension binds in the function around it, so the walk enters those;
        # blocks are read as statements of their own.
        while stack:
            node = stack.pop()
            if isinstance(node, ast.NamedExpr):
                scope.bind(node.target.id, Binding("value", node.lineno, value=node.value))
            if isinstance(node, COMPREHENSIONS):
                # Its value is read among the names of the comprehension.
                for inner in ast.walk(node):
                    if isinstance(inner, ast.NamedExpr):
                        scope.bind(inner.target.id, Binding("unknown", inner.lineno))
            elif isinstance(node, ast.Lambda):
                # Its body binds in the lambda, its defaults around it.
                stack += [each for each in (*node.args.defaults, *node.args.kw_defaults) if each]
            else:
                stack += ast.iter_child_nodes(node)


def parameters_of(arguments: ast.arguments) -> list[ast.arg]:
    """Return every parameter: those by place, by keyword, and then `*` and `**`."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*every, *(a for a in (arguments.vararg, arguments.kwarg) if a is not None)]


def surely_runs(body: Sequence[ast.stmt], wanted: Collection[ast.stmt]) -> bool:
    """Tell whether whoever gets to the end of `body` has run one of the wanted statements.

    A `with` may swallow what its block raises, and a loop may run no time.
    """
    for node in body:
        ways: list[list[ast.stmt]] = []
        if isinstance(node, ast.If):
            ways = [node.body, node.orelse]
        elif isinstance(node, (ast.Try, ast.TryStar)):
            ways = [[*node.body, *node.orelse], *(handler.body for handler in node.handlers)]
            ways = [way for way in ways if not isinstance(way[-1], ast.Raise)]
        if node in wanted or (ways and all(surely_runs(way, wanted) for way in ways)):
            return True
    return False


#: The names of a module as a dict, and the module itself, as it speaks of them.
_NAMES = r"(?:globals|locals|vars)\(\)|sys\.modules\[__name__\]\.__dict__"
_ITSELF = r"sys\.modules\[__name__\]"

#: What gives a name of the module, which stands in a string, another value.
_BY_STRING = re.compile(
    rf"""(?:{_NAMES})\s*\[\s*["'](\w+)["']\s*\]\s*=(?!=)|"""
    rf"""\bsetattr\(\s*{_ITSELF}\s*,\s*["'](\w+)["']|{_ITSELF}\.(\w+)\s*=(?!=)"""
)
_UPDATE = re.compile(rf"(?:{_NAMES})\.update\(([^()]*)")
_KEY = re.compile(r"""\b(\w+)\s*=(?!=)|["'](\w+)["']\s*:""")


def rebound_by_string(text: str) -> Iterator[tuple[str, int]]:
    """Yield the names that a module gives another value by a string, each with where it does.

    `globals()["nn"] = mine`, `globals().update(nn=mine)`, `setattr(sys.modules[__name__], …)`.
    """
    if "globals()" in text or "__name__]" in text or "vars()" in text or "locals()" in text:
        for found in _BY_STRING.finditer(text):
            yield found[found.lastindex or 0], found.start()
        for update in _UPDATE.finditer(text):
            for key in _KEY.finditer(update[1]):
                yield key[key.lastindex or 0], update.start()


def last_name(base: ast.expr) -> str:
    """Return the last name of a base class: `Module` of `nn.Module`, `Base` of `Base[int]`."""
    while isinstance(base, ast.Subscript):
        base = base.value
    return str(getattr(base, "attr", getattr(base, "id", "")))


def is_inside(scope: ast.AST, inner: ast.AST, path: tuple[ast.AST, ...]) -> bool:
    """Tell whether `inner`, the child of `scope` on `path`, is evaluated in that scope.

    Decorators, defaults, annotations, bases and the first iterable of a comprehension are
    evaluated in the scope around it.
    """
    if isinstance(scope, (*FUNCTIONS, ast.ClassDef)):
        return inner in scope.body
    if isinstance(scope, ast.Lambda):
        return inner is scope.body
    if isinstance(scope, COMPREHENSIONS):
        first = scope.generators[0]
        return not (inner is first and first.iter in path)
    return True
