"""What a name means at one place in a file, or why that is unknown. Read-only, on `ast`.

Scopes are built on demand: a file of 10,000 lines with one site costs one pass over the statements
at its module's level and over the functions around the site, not a walk of the whole tree.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Protocol

from migrate.located import Located
from migrate.places import Place
from migrate.scopes import (
    FUNCTIONS,
    SCOPES,
    Binding,
    Scope,
    ScopeReader,
    is_inside,
    rebound_by_string,
    surely_runs,
)
from migrate.source import LineIndex
from migrate.stars import brought

#: Meanings that are not dotted paths. A path never holds an angle bracket.
NONE = "<None>"
UNKNOWN = "<unknown>"  # a parameter, a loop variable, the result of some call
OWN = "<own>"  # a function or class of this file
UNBOUND = "<unbound>"  # a builtin or nothing at all
STAR = "<star>"  # perhaps bound by a star import of a module that is not known

Meanings = frozenset[str]

#: A name and the `id` of the scope that holds it, or nothing and the `id` of a binding.
_Met = tuple[str, int]
_TOP: _Met = ("", 0)

#: A name whose value takes the meaning of another, `b = a.nn`, is not followed over more of them
#: within each other, which is far from Python's own limit even where each is in another file; nor
#: over more of them in all, since names that lead into each other do so in ever more ways.
_DEEP, _FAR = 25, 300

#: Calls that give back the module which their first literal names.
_MODULE_GETTERS = frozenset({"importlib.import_module", "pytest.importorskip", "__import__"})


class Elsewhere(Protocol):
    """The other files of the project, as `migrate.project.Project` knows them."""

    def member(self, module: str, name: str, near: str) -> Meanings:
        """Return everything that `name` of a module can mean, as the file `near` sees it."""

    def star(self, module: str, name: str, near: str) -> Meanings | None:
        """Return what a star import binds `name` to; None where that is not known."""

    @property
    def is_settled(self) -> bool:
        """Whether an answer is final, and no guess on the way to one."""

    def is_module(self, path: str, near: str) -> bool:
        """Tell whether a dotted path is a module of the project."""

    def is_known(self, path: str, near: str) -> bool:
        """Tell whether a dotted path is a module of the project, or bound in one."""

    def definitions(self, module: str, name: str, near: str) -> Iterator[tuple[Names, Binding]]:
        """Yield what binds `name` of a module in the end, with the names of the file it is in."""

    def names(self, module: str, near: str = "") -> Names | None:
        """Return the names of a module, or None where there is none that can be parsed."""

    def module_of(self, path: str) -> str:
        """Return the dotted name of a file."""

    def tree_of(self, path: str, text: str) -> ast.Module | None:
        """Return the tree of a file, where it has been asked about and reads as `text`."""

    def adopt(self, names: Names) -> None:
        """Take `names` for those of its file, from now until the next is adopted."""

    def display(self, path: str) -> str:
        """Return a file as messages name it."""

    def is_of_run(self, path: str) -> bool:
        """Tell whether a file is one of those that the run is over."""

    #: Whether a file calls something unknown as torch's losses alone are called, once it is known.
    suspected: bool | None

    def readers(
        self, path: str, *words: str, sets: str = "", attribute: str = "", wide: bool = True
    ) -> Iterator[Names]:
        """Yield the names of the files that import the module in a file and hold some words.

        And of those that may take an attribute of that name, or set it, from anything.
        """

    def lacks(self, file: str, attribute: str) -> None:
        """Take note that a file reads no such attribute of anything unknown."""

    def is_imported_whole(self, path: str) -> bool:
        """Tell whether a file imports a module itself, and not only names from it."""

    def is_read_by_any_name(self, path: str) -> bool:
        """Tell whether a file that imports the one in `path` reads attributes by any name."""

    def is_set_by_name(self, path: str, attribute: str) -> bool:
        """Tell whether another file may set an attribute by its name, or by any."""

    def callers(self, path: str, called: Collection[bytes] = ()) -> Iterator[str]:
        """Yield the files that may call a loss, or one by one of these last names."""

    def names_in(self, where: str) -> Names | None:
        """Return the names of a file by its absolute path, or None where it cannot be told."""

    def tree_in(self, where: str) -> Names | None:
        """Return the names of a file, whatever it may bind beside; None where it does not parse."""

    def importers(self, module: str) -> tuple[str, ...]:
        """Return the files of the run that import a module, or a name from it, sorted."""

    def is_imported(self, path: str, name: str) -> bool:
        """Tell whether another file of the run reads `name` from the module in the file `path`."""

    def words_of(self, path: str) -> tuple[str, ...]:
        """Return the words under which modules that a file imports export a covered API."""


class Names(Located):
    """The names of one parsed file.

    Parameters
    ----------
    tree : ast.Module
    text : str
        What `tree` was parsed from.
    package : str
        The dotted package that the file is in, against which relative imports are read; empty
        where unknown, and then a relative import is a path that begins with a dot.
    project : Elsewhere, optional
        What its imports of the project's own modules mean; without one, they are dotted paths.
    path : str
        The file, as the project is to find what is near it.
    """

    def __init__(
        self, tree: ast.Module, text: str, lines: LineIndex, package: str = "",
        project: Elsewhere | None = None, path: str = "",
    ) -> None:  # fmt: skip
        super().__init__(tree, text, lines)
        self.package = package
        self.project = project
        self.path = path
        # What `migrate.holders` found: where names are read; of classes, who is related, which
        # fields they take, and which bases they have in other files.
        self.reads: dict[tuple[str, Scope], list[tuple[Place, bool]]] = {}
        self.families: dict[ast.ClassDef, list[ast.ClassDef]] = {}
        self.orders: dict[ast.ClassDef, list[str] | None] = {}
        self.foreign: dict[ast.ClassDef, list[tuple[ast.expr, Place]]] = {}
        self._scopes: dict[int, Scope] = {}
        self._of_node: dict[int, tuple[ast.AST, Scope]] = {}
        self._resolving: set[int] = set()
        self._within = 0
        self._steps = 0
        self._meanings: dict[tuple[str, int], Meanings] = {}
        self._nonlocal: set[str] = set()
        self.has_declarations = False  # whether a function or class assigns names of another scope
        self._reader = ScopeReader(package, has_walrus=":=" in text)

    @property
    def shown(self) -> str:
        """The file, as messages name it."""
        return self.path if self.project is None else self.project.display(self.path)

    # -- scopes -----------------------------------------------------------------------------

    @cached_property
    def module(self) -> Scope:
        """The module's scope, with what functions bind through `global`."""
        scope = Scope(self.tree, None)
        self._scopes[id(self.tree)] = scope
        self._reader.read(scope, self.tree.body)
        self._read_declarations(scope)
        return scope

    def scope_of(self, place: Place) -> Scope:
        """Return the scope in which `place.node` is evaluated."""
        known = self._of_node.get(id(place.node))
        if known is not None:
            return known[1]
        scope = self.module
        for node, inner in zip(place.path, place.path[1:], strict=False):
            if (
                node is not self.tree
                and isinstance(node, SCOPES)
                and is_inside(node, inner, place.path)
            ):
                scope = self.inner_scope(node, scope)
        if isinstance(place.node, (ast.expr, ast.stmt)):
            # With the node, which may be made for the question: its `id` must not come again.
            self._of_node[id(place.node)] = (place.node, scope)
        return scope

    def opened(self, node: ast.AST) -> Scope | None:
        """Return the scope that `node` opens, if it was read before."""
        return self._scopes.get(id(node))

    def inner_scope(self, node: ast.AST, parent: Scope) -> Scope:
        """Return the scope that `node` opens within `parent`."""
        known = self._scopes.get(id(node))
        if known is not None:
            return known
        self._scopes[id(node)] = self._reader.open(node, parent)
        return self._scopes[id(node)]

    def _read_declarations(self, module: Scope) -> None:
        """Add to the module what is assigned through `global`; mark what `nonlocal` moves.

        Functions and classes declare names so. And what is assigned through `globals()`.
        """
        within = (*FUNCTIONS, ast.ClassDef)
        blocks: dict[int, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = {}
        for word in ("global", "nonlocal"):
            for _, place in self.places_of(word):
                if isinstance(place.node, (ast.Global, ast.Nonlocal)):
                    blocks.update((id(n), n) for n in place.path if isinstance(n, within))
        self.has_declarations = bool(blocks)
        for block in blocks.values():
            inner = Scope(block, module)
            self._reader.read(inner, block.body)
            for name in sorted(inner.declared_global):
                for binding in inner.bindings.get(name, ()):
                    module.bind(name, binding)
            self._nonlocal.update(inner.declared_nonlocal & inner.bindings.keys())
        for name, at in rebound_by_string(self.text):
            module.bind(name, Binding("unknown", self.lines.position(at)[0]))

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
        return self._followed(expression, scope)

    def lookup(self, name: str, scope: Scope) -> Meanings:
        """Return everything that `name` can mean in `scope`."""
        found = self.bindings_of(name, scope)
        if found is None:
            return self._from_stars(name) or frozenset({UNBOUND})
        if self._resolving or not (self.project is None or self.project.is_settled):
            return self._followed(name, scope)
        key = (name, id(found[1]))
        if key not in self._meanings:
            within, self._within = self._within, 0
            chain: list[_Met] = [key]
            try:
                self._meanings[key] = self._followed(name, scope, chain)
            finally:
                self._within = within
            self._meanings.update(dict.fromkeys(chain, self._meanings[key]))
        return self._meanings[key]

    def _followed(
        self, first: ast.expr | str, scope: Scope, chain: list[_Met] | None = None
    ) -> Meanings:
        """Return the meanings of an expression or a name, over however many assignments.

        To `chain` are added the names that `first` leads to and that mean the very same.
        """
        if not self._resolving:
            self._steps = 0
        self._steps += 1
        if self._within > _DEEP or self._steps > _FAR:
            return frozenset({UNKNOWN})
        meanings: set[str] = set()
        # The names that were met, and whether the way is still among what they lead to.
        met: dict[_Met, bool] = {}
        todo: list[tuple[ast.expr | str | Binding | None, Scope, _Met]] = [(first, scope, _TOP)]
        self._within += 1
        try:
            while todo:
                if self._steps > _FAR:
                    meanings.add(UNKNOWN)
                    break
                of, scope, left = todo.pop()
                if of is None:
                    met[left] = False
                    self._resolving.discard(left[1])
                elif isinstance(of, Binding):
                    if of.kind != "value" or of.value is None or id(of) in self._resolving:
                        meanings |= self._meaning_of(of)
                        continue
                    self._resolving.add(id(of))
                    todo += [(None, scope, ("", id(of))), (of.value, scope, _TOP)]
                elif isinstance(of, (ast.Name, str)):
                    name = of if isinstance(of, str) else of.id
                    found = self.bindings_of(name, scope)
                    if found is None:
                        meanings |= self._from_stars(name) or {UNBOUND}
                        continue
                    bindings, holder = found
                    key = (name, id(holder))
                    if key in met:
                        meanings |= {UNKNOWN} if met[key] else set()
                        continue
                    met[key] = True
                    todo.append((None, scope, key))
                    todo += [(binding, holder, _TOP) for binding in reversed(bindings)]
                    beside = self._beside(name, bindings, holder)
                    meanings |= beside
                    if chain is not None:
                        chain.append(key)
                        if (
                            beside
                            or len(bindings) > 1
                            or not isinstance(bindings[0].value, ast.Name)
                        ):
                            chain = None
                elif isinstance(of, ast.IfExp):
                    todo += [(of.orelse, scope, _TOP), (of.body, scope, _TOP)]
                elif isinstance(of, ast.BoolOp):
                    todo += [(value, scope, _TOP) for value in reversed(of.values)]
                elif isinstance(of, ast.NamedExpr):
                    todo.append((of.value, scope, _TOP))
                else:
                    meanings |= self._resolve_alone(of, scope)
        finally:
            self._within -= 1
            self._resolving.difference_update(left[1] for of, _, left in todo if of is None)
        return frozenset(meanings)

    def _resolve_alone(self, expression: ast.expr, scope: Scope) -> Meanings:
        """Return the meanings of an expression that are not those of a part of it."""
        if isinstance(expression, ast.Attribute):
            names = []
            holder: ast.expr = expression
            while isinstance(holder, ast.Attribute):
                names.append(holder.attr)
                holder = holder.value
            meanings = self.resolve(holder, scope)
            for name in reversed(names):
                meanings = frozenset().union(*[self._attribute(each, name) for each in meanings])
            return meanings
        if isinstance(expression, ast.Call):
            return self._resolve_call(expression, scope)
        is_none = isinstance(expression, ast.Constant) and expression.value is None
        return frozenset({NONE if is_none else UNKNOWN})

    def _attribute(self, holder: str, name: str) -> Meanings:
        if holder.startswith("<"):
            return frozenset({holder})
        if self.project is not None and self.project.is_module(holder, self.path):
            return self.project.member(holder, name, self.path)
        return frozenset({f"{holder}.{name}"})

    def _resolve_call(self, call: ast.Call, scope: Scope) -> Meanings:
        if isinstance(call.func, ast.Name) and call.func.id == "getattr":
            return self._resolve_getattr(call, scope)
        if not call.args or not isinstance(call.args[0], ast.Constant):
            return frozenset({UNKNOWN})
        name = call.args[0].value
        if not isinstance(name, str):
            return frozenset({UNKNOWN})
        getter = self.resolve(call.func, scope)
        if isinstance(call.func, ast.Name) and getter == {UNBOUND}:
            getter = frozenset({call.func.id})
        if getter <= _MODULE_GETTERS:
            # __import__("a.b") gives the package a, as `import a.b` does.
            return frozenset({name.partition(".")[0] if getter == {"__import__"} else name})
        return frozenset({UNKNOWN})

    def _resolve_getattr(self, call: ast.Call, scope: Scope) -> Meanings:
        """Read `getattr(module, "name")` as `module.name`; a default is what it is not."""
        name = call.args[1] if len(call.args) in (2, 3) and not call.keywords else None
        if (
            not isinstance(name, ast.Constant)
            or not isinstance(name.value, str)
            or self.lookup("getattr", scope) != {UNBOUND}
        ):
            return frozenset({UNKNOWN})
        return self.resolve(ast.Attribute(call.args[0], name.value, ast.Load()), scope)

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

    def is_rebound_from_within(self, name: str) -> bool:
        """Tell whether some function of the file assigns `name` through `nonlocal`."""
        return name in self._nonlocal

    def knows(self, meaning: str) -> bool:
        """Tell whether a dotted path is a module of the project, or bound in one."""
        return self.project is not None and self.project.is_known(meaning, self.path)

    def is_assigned(self, expression: ast.expr, scope: Scope) -> bool:
        """Tell whether an assignment binds a name, here or in the module that it comes from."""
        imported: list[tuple[str, str]] = []
        if isinstance(expression, ast.Name):
            found = self.bindings_of(expression.id, scope) or ([], self.module)
            if any(binding.is_assignment for binding in found[0]):
                return True
            for each in found[0]:
                if each.imported_from is not None and each.alias is not None:
                    imported.append((each.imported_from, each.alias.name))
            if found[1] is self.module:
                imported += [(m, expression.id) for m in self._unhidden(expression.id, found[0])]
        elif isinstance(expression, ast.Attribute) and self.project is not None:
            imported = [(m, expression.attr) for m in self.resolve(expression.value, scope)]
        return self.project is not None and any(
            binding.is_assignment
            for module, name in imported
            for _, binding in self.project.definitions(module, name, self.path)
        )

    def _beside(self, name: str, bindings: list[Binding], holder: Scope) -> set[str]:
        """Return what a name may mean beside what binds it in the scope that holds it."""
        meanings: set[str] = set()
        if name in self._nonlocal and holder.parent is not None:
            meanings.add(UNKNOWN)
        if holder.is_class and holder.parent is not None:
            # Before its assignment in the class body, the name is the outer one.
            meanings |= self.lookup(name, holder.parent) - {UNBOUND}
        if holder is self.module and self.module.stars:
            meanings |= self._from_stars(name, bindings)
        return meanings

    def _unhidden(self, name: str, bindings: Sequence[Binding]) -> Iterator[str]:
        """Yield the modules whose star imports may have bound what a read of `name` sees.

        All but those below which something else surely binds it, before anything reads it.
        """
        statements = [b.statement for b in bindings if b.statement is not None]
        sure = [node for node in self.tree.body if surely_runs([node], statements)]
        for line, module in self.module.stars:
            first = next((node for node in sure if node.lineno > line), None)
            if first is None or self._is_read(name, self.lines.offset(line, 0), self.end(first)):
                yield module

    def _is_read(self, name: str, start: int, end: int) -> bool:
        nodes = (place.node for _, place in self.places_of(name, start, end))
        return any(
            isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
            for node in nodes
        )

    def _meaning_of(self, binding: Binding) -> Meanings:
        """Return the meaning of what binds a name and is no assignment that can be followed."""
        if binding.kind == "import":
            base = binding.imported_from
            if self.project is None or base is None or binding.alias is None:
                return frozenset({binding.path})
            return self.project.member(base, binding.alias.name, self.path)
        return frozenset({OWN if binding.kind == "own" else UNKNOWN})

    def _from_stars(self, name: str, bindings: Sequence[Binding] = ()) -> Meanings:
        """Return what star imports may bind `name` to, beside what binds it in the module."""
        meanings: set[str] = set()
        for module in self._unhidden(name, bindings) if self.module.stars else ():
            if self.project is not None:
                known = self.project.star(module, name, self.path)
                if known is not None:
                    meanings |= known
                    continue
            found = brought(module, name)
            meanings.update({STAR} if found is None else {found} - {""})
        return frozenset(meanings)
