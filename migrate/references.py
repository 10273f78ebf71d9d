"""Where a class or function goes that is not called at once, and every call that it reaches.

Strict, unlike the following of instances: a value whose every use is not seen in this file is
handed over, because whoever calls it decides on its arguments.
"""

from __future__ import annotations

import ast

from migrate.asked import question_at
from migrate.holders import (
    Holder,
    owner_of,
    related_classes,
    uses_of_attribute,
    uses_of_name,
)
from migrate.match import Form, Refusal, Site
from migrate.parameters import parameters_reached
from migrate.places import Place
from migrate.removal import is_exported
from migrate.resolve import UNBOUND, Names
from migrate.rewrite import shortened
from migrate.scopes import FUNCTIONS
from migrate.spelled import reads_names
from migrate.trails import Trail
from migrate.wrappers import is_entered, is_plain, may_call

_LOAD = ast.Load

#: Builtins that look at the keys of a mapping, or at how many members something has.
_READ_KEYS = frozenset({"all", "any", "enumerate", "iter", "len", "list", "set", "sorted", "tuple"})


def follow_value(names: Names, site: Site, *, is_init: bool) -> Trail:
    """Follow the value of a site that is not called where it stands.

    Parameters
    ----------
    names : Names
    site : Site
        Of `Form.NAME` or `Form.PARTIAL`.
    is_init : bool
        Whether what the module binds is there for others to import.
    """
    walker = _Walker(names, site, is_init=is_init)
    walker.walk(site.place.up() if site.form is Form.PARTIAL else site.place)
    trail = walker.trail
    if trail.refusal is None and not trail.calls and not trail.asked:
        trail.refusal = Refusal("reference", "no call of it is seen in this file")
    return trail


class _Walker:
    def __init__(self, names: Names, site: Site, *, is_init: bool) -> None:
        self.names = names
        self.trail = Trail(site)
        self.is_init = is_init
        self.visited: set[tuple[int, str, bool]] = set()
        self.ahead: list[tuple[Place, str, str]] = []
        self.is_function = site.rule.kind == "function"

    def _refuse(self, node: ast.AST, reason: str) -> None:
        if self.trail.refusal is None:
            line = getattr(node, "lineno", None)
            where = "" if line is None else f"line {line} "
            self.trail.refusal = Refusal("reference", f"{where}{reason}")

    def walk(self, place: Place) -> None:
        """Follow the value at `place` to its end, over however many names."""
        self.value(place)
        todo: list[tuple[Place, str, str]] = []
        while self.ahead or todo:
            todo += reversed(self.ahead)
            self.ahead.clear()
            use, name, kind = todo.pop()
            if kind == "map" and isinstance(use.node, ast.JoinedStr):
                if not _reads_keys_only(use.node, name):
                    self._refuse(use.node, "uses what holds it inside an f-string")
            elif kind:
                self._members(use, is_map=kind == "map")
            else:
                self.value(use)

    # -- a class, a function, or what partial made of it ------------------------------------------

    def value(self, place: Place) -> None:
        """Look at what is done with the value at `place`."""
        node, parent = place.node, place.parent()
        if isinstance(node, ast.JoinedStr):
            self._refuse(node, "uses it inside an f-string")
        elif isinstance(parent, ast.Call) and parent.func is node:
            self.trail.calls.append(place.up())
        elif (question := question_at(self.names, self.trail.site, place)) is not None:
            self.trail.shared.add(("question", id(question.node)))
            self.trail.asked.append(question)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            self._bound(place, parent, is_container=False)
            if isinstance(parent, ast.NamedExpr):
                self.value(place.up())
        elif isinstance(parent, (ast.IfExp, ast.BoolOp)):
            if not (isinstance(parent, ast.IfExp) and node is parent.test):
                self.value(place.up())
        elif isinstance(parent, (ast.Dict, ast.Tuple, ast.List)):
            self._element(place, parent)
        elif isinstance(parent, ast.arguments):
            self._default(place, parent, is_container=False)
        elif isinstance(parent, (ast.Call, ast.keyword)):
            self._argument(place, is_container=False)
        elif isinstance(parent, ast.Return):
            self._returned(place)
        elif isinstance(parent, ast.Attribute):
            same = self.trail.site.rule.source.rpartition(".")[2]
            if parent.attr != "__name__" or same != self.trail.site.rule.target.rpartition(".")[2]:
                self._refuse(parent, f"reads `.{parent.attr}` of it")
        elif isinstance(parent, ast.Compare):
            others = [o for o in [parent.left, *parent.comparators] if o is not node]
            if not all(isinstance(o, ast.Constant) and o.value is None for o in others):
                self._refuse(parent, "compares it")
        elif not (isinstance(parent, ast.Expr) or _is_test(place)):
            self._refuse(node, "does something else with it than to call it")

    def _element(self, place: Place, parent: ast.Dict | ast.Tuple | ast.List) -> None:
        if isinstance(parent, ast.Dict):
            if place.node in parent.keys:
                self._refuse(parent, "looks something up by it")
                return
            self._members(place.up(), is_map=True)
            return
        outer = place.parent(2)
        if isinstance(outer, ast.Assign) and parent is outer.value:
            index = parent.elts.index(place.node)  # type: ignore[arg-type]
            targets = outer.targets
            if all(
                isinstance(t, (ast.Tuple, ast.List))
                and len(t.elts) == len(parent.elts)
                and not any(isinstance(e, ast.Starred) for e in [*t.elts, *parent.elts])
                for t in targets
            ):
                for target in targets:
                    assert isinstance(target, (ast.Tuple, ast.List))
                    self._target(place, target.elts[index], is_container=False)
                return
        self._members(place.up(), is_map=False)

    # -- a container that holds it -----------------------------------------------------------------

    def _members(self, place: Place, *, is_map: bool) -> None:
        """Look at what is done with a dict or sequence, one of whose members is the value."""
        node, parent = place.node, place.parent()
        self.trail.shared.add(("container", id(node)))
        kind = "map" if is_map else "sequence"
        if isinstance(node, ast.JoinedStr):
            self._refuse(node, "uses what holds it inside an f-string")
        elif isinstance(parent, ast.Subscript) and parent.value is node:
            if isinstance(parent.slice, ast.Slice):
                self._members(place.up(), is_map=False)
            elif isinstance(parent.ctx, _LOAD):
                self.value(place.up())
        elif isinstance(parent, ast.Attribute):
            self._method(place, parent, is_map=is_map)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            self._bound(place, parent, is_container=True, kind=kind)
        elif isinstance(parent, ast.arguments):
            self._default(place, parent, is_container=True, kind=kind)
        elif isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension)) and node is parent.iter:
            if not is_map:
                self._loop(place, parent.target)
        elif isinstance(parent, ast.Compare) and is_map:
            if not all(isinstance(op, (ast.In, ast.NotIn)) for op in parent.ops):
                self._refuse(parent, "compares the dict that holds it")
        elif isinstance(parent, (ast.Call, ast.keyword)):
            name = getattr(getattr(parent, "func", None), "id", "")
            scope = self.names.scope_of(place)
            plain = name in _READ_KEYS and self.names.lookup(name, scope) == {UNBOUND}
            if not (plain and (is_map or name == "len")):
                self._argument(place, is_container=True, kind=kind)
        elif not (isinstance(parent, ast.Expr) or _is_test(place)):
            self._refuse(node, "passes on what holds it")

    def _method(self, place: Place, method: ast.Attribute, *, is_map: bool) -> None:
        call = place.parent(2)
        if not (is_map and isinstance(call, ast.Call) and call.func is method):
            self._refuse(method, f"uses `.{method.attr}` of what holds it")
        elif method.attr in ("get", "pop"):
            self.value(place.up(2))
        elif method.attr in ("values", "items"):
            loop = place.parent(3)
            target = loop.target if isinstance(loop, (ast.For, ast.comprehension)) else None
            if method.attr == "items":
                pair = target.elts if isinstance(target, ast.Tuple) else []
                target = pair[1] if len(pair) == 2 else None
            if target is None or loop.iter is not call:  # type: ignore[union-attr]
                self._refuse(method, f"uses `.{method.attr}()` of what holds it")
            else:
                self._loop(place.up(2), target)
        elif method.attr != "keys":
            self._refuse(method, f"uses `.{method.attr}` of what holds it")

    def _loop(self, place: Place, target: ast.expr) -> None:
        loop = place.parent()
        if not isinstance(target, ast.Name):
            self._refuse(target, "takes apart what it iterates over")
            return
        scope = self.names.scope_of(place)
        if isinstance(loop, ast.comprehension):
            owner = place.up(2)
            scope = self.names.inner_scope(owner.node, self.names.scope_of(owner))
        bound = self.names.bindings_of(target.id, scope)
        if bound is None:
            self._refuse(target, "binds it where it is not seen")
        else:
            self._holder(Holder(target.id, scope=bound[1]), kind="")

    # -- names, attributes and parameters ---------------------------------------------------------

    def _bound(
        self,
        place: Place,
        parent: ast.Assign | ast.AnnAssign | ast.NamedExpr,
        *,
        is_container: bool,
        kind: str = "",
    ) -> None:
        if place.node is getattr(parent, "annotation", None):
            self._refuse(parent, "annotates with it")
            return
        for target in parent.targets if isinstance(parent, ast.Assign) else [parent.target]:
            self._target(place, target, is_container=is_container, kind=kind)

    def _target(
        self, place: Place, target: ast.expr, *, is_container: bool, kind: str = ""
    ) -> None:
        if isinstance(target, ast.Name) and self.names.slice(target) == target.id:
            bound = self.names.bindings_of(target.id, self.names.scope_of(place))
            if bound is not None:
                self._holder(Holder(target.id, scope=bound[1]), kind=kind)
                if isinstance(bound[1].node, ast.ClassDef):
                    self._holder(Holder(target.id, owner=bound[1].node), kind=kind)
                return
        elif isinstance(target, ast.Attribute):
            owner = owner_of(target, place)
            if owner is not None:
                self._holder(Holder(target.attr, owner=owner), kind=kind)
                return
        self._refuse(target, "binds it to something that is not followed")

    def _holder(self, holder: Holder, *, kind: str) -> None:
        key = (id(holder.scope or holder.owner), holder.name, holder.owner is not None)
        if key in self.visited:
            return
        self.visited.add(key)
        self.trail.shared.add(key)
        if holder.scope is not None:
            exports = self.is_init or is_exported(self.names, holder.name)
            if holder.scope is self.names.module and exports:
                self._refuse(holder.scope.node, f"`{holder.name}` is exported from here")
            if reads_names(self.names, holder.scope):
                self._refuse(self.trail.site.node, "holds it where names are read out of strings")
            uses = uses_of_name(self.names, holder.scope, holder.name)
        else:
            assert holder.owner is not None
            related = related_classes(self.names, holder.owner)
            if self.is_function:
                self._refuse(holder.owner, "makes a method of it")
            for each in related:
                reason = may_call(self.names, each)
                if reason:
                    self._refuse(each, reason)
            uses = uses_of_attribute(self.names, holder.name, related)
        self.ahead += [(use, holder.name, kind) for use, _ in uses]

    def _default(
        self, place: Place, arguments: ast.arguments, *, is_container: bool, kind: str = ""
    ) -> None:
        function = place.parent(2)
        assert isinstance(function, (*FUNCTIONS, ast.Lambda))
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for parameter, default in pairs:
            if default is place.node:
                self._parameter(function, parameter.arg, place.up(2), kind=kind)

    def _parameter(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        name: str,
        place: Place,
        *,
        kind: str,
    ) -> None:
        decorators = getattr(function, "decorator_list", ())
        if any(not is_plain(decorator) for decorator in decorators):
            self._refuse(function, "has a decorator, which may do something else with it")
            return
        scope = self.names.inner_scope(function, self.names.scope_of(place))
        self._holder(Holder(name, scope=scope), kind=kind)

    def _argument(self, place: Place, *, is_container: bool, kind: str = "") -> None:
        by_name = isinstance(place.parent(), ast.keyword)
        call = place.parent(2 if by_name else 1)
        if not isinstance(call, ast.Call):
            self._refuse(place.node, "passes it on")
            return
        name = str(getattr(call.func, "id", ""))
        scope = self.names.scope_of(place)
        builtin = self.names.lookup(name, scope) == {UNBOUND} if name else False
        if builtin and name == "callable":
            return
        if builtin and name == "dict" and by_name and not is_container:
            self._members(place.up(2), is_map=True)
            return
        method = getattr(call.func, "attr", "")
        if method == "get" and call.args[1:] == [place.node] and not is_container:
            self.value(place.up())  # what a dict gives where it has no such key
            return
        before = call.args if by_name else call.args[: call.args.index(place.node)]  # type: ignore[arg-type]
        reached = list(parameters_reached(self.names, place))
        if (
            not reached
            or any(isinstance(a, ast.Starred) for a in before)
            or not is_entered(self.names, name, scope)
        ):
            self._refuse(call, f"passes it to `{shortened(ast.unparse(call.func))}`")
            return
        for holder in reached:
            self._holder(holder, kind=kind)

    def _returned(self, place: Place) -> None:
        index = max(i for i, n in enumerate(place.path) if isinstance(n, (*FUNCTIONS, ast.Lambda)))
        function = place.path[index]
        outer = place.path[index - 1]
        if not isinstance(function, ast.FunctionDef) or isinstance(outer, ast.ClassDef):
            self._refuse(place.node, "returns it from a method")
            return
        if function.decorator_list or any(
            isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(function)
        ):
            self._refuse(place.node, "returns it from a function that is decorated or yields")
            return
        bound = self.names.bindings_of(
            function.name, self.names.scope_of(Place(place.path[: index + 1]))
        )
        if bound is None or len(bound[0]) != 1:
            self._refuse(place.node, "returns it from a function of which there are several")
            return
        key = (id(function), function.name, True)
        if key in self.visited:
            return
        self.visited.add(key)
        self.trail.shared.add(key)
        if bound[1] is self.names.module and (
            self.is_init or is_exported(self.names, function.name)
        ):
            self._refuse(function, f"`{function.name}` is exported from here")
        for use, _ in uses_of_name(self.names, bound[1], function.name):
            call = use.parent()
            if isinstance(call, ast.Call) and call.func is use.node:
                self.value(use.up())
            else:
                self._refuse(use.node, f"passes `{function.name}` on, which returns it")


def _is_test(place: Place) -> bool:
    """Tell whether a value is only asked whether it is true."""
    node, parent = place.node, place.parent()
    if isinstance(parent, ast.UnaryOp):
        return isinstance(parent.op, ast.Not)
    return isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)) and parent.test is node


def _reads_keys_only(string: ast.JoinedStr, name: str) -> bool:
    """Tell whether an f-string does nothing with a dict but `list(name)` and the like."""
    plain = {
        id(node.args[0])
        for node in ast.walk(string)
        if isinstance(node, ast.Call)
        and len(node.args) == 1
        and ast.unparse(node.func) in _READ_KEYS
    }
    return all(
        id(node) in plain
        for node in ast.walk(string)
        if name in (getattr(node, "id", None), getattr(node, "attr", None))
    )
