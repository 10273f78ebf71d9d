"""Where a value goes from one place of a file: one step forwards, in every direction. Read-only."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field

from migrate.cells import (
    ADDS,
    ADDS_ALL,
    SAME_ELEMENTS,
    Step,
    Way,
    element,
    holders,
    is_fresh,
    key_of,
    meet,
)
from migrate.holders import (
    HAND_BACK,
    Holder,
    called_name,
    function_around,
    inner_scope_of,
    related_classes,
    values_of_attribute,
    values_of_name,
)
from migrate.parameters import field_reached, parameters_reached
from migrate.places import Place
from migrate.resolve import UNBOUND, Names
from migrate.scopes import FUNCTIONS, Scope

#: What holds modules of torch and takes nothing else.
CONTAINER_NAMES = frozenset({"ModuleDict", "ModuleList", "Sequential"})


#: Methods of a container that hand none of its elements on.
_KEEP_INSIDE = frozenset(
    """
    add append appendleft clear count discard extend index insert keys popleft remove reverse
    rotate sort update
    """.split()  # noqa: SIM905 (a list would take a line a name)
)


@dataclass(slots=True)
class Reached:
    """Where a value is next.

    Attributes
    ----------
    values : list of (Place, Way)
        Expressions that hold it, and on which way.
    holders : list of (Holder, Way)
        Names and attributes that do.
    escapes : bool
        Whether it gets somewhere that is not followed.
    odd_name : bool
        Whether it is bound to a name that Python folds to another spelling.
    loose : list of str
        Attributes that it becomes of something unknown: `model.criterion = …`.
    """

    values: list[tuple[Place, Way]] = field(default_factory=list)
    holders: list[tuple[Holder, Way]] = field(default_factory=list)
    escapes: bool = False
    odd_name: bool = False
    loose: list[str] = field(default_factory=list)


def _added_to(method: ast.Attribute) -> ast.expr:
    """Return the container of `all.append(a).append`, as torch's gives itself back."""
    inner = method.value
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
        if inner.func.attr not in ADDS and inner.func.attr not in ADDS_ALL:
            break
        inner = inner.func.value
    return inner


class Routes:
    """The steps that a value can take in one file."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def onward(self, place: Place, way: Way) -> Reached:
        """Return where the value at `place` goes by the statement or expression around it."""
        node, parent, up = place.node, place.parent(), place.up()
        reached = Reached()
        match parent:
            case ast.BoolOp() | ast.Starred():
                into = self._spread(way) if isinstance(parent, ast.Starred) else way
                self._value(reached, up, into)
            case ast.IfExp() if node is not parent.test:
                self._value(reached, up, way)
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
                targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
                for target in targets:
                    self._bind(reached, target, place, way)
                reached.escapes = reached.escapes or not reached.holders
            case ast.AugAssign() if element(way) is not None:
                self._bind(reached, parent.target, place, (Step.ANY, *way[1:]))
                reached.escapes = True
            case ast.Tuple() | ast.List() | ast.Set():
                self._value(reached, up, self._into_literal(node, parent, way))
            case ast.Dict() if node in parent.values:
                key = parent.keys[parent.values.index(node)]
                self._value(reached, up, way if key is None else (key_of(key), *way))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() if node is parent.elt:
                self._value(reached, up, (Step.ANY, *way))
            case ast.DictComp() if node is parent.value:
                self._value(reached, up, (Step.ANY, *way))
            case ast.comprehension() if node is parent.iter:
                inner = self.names.inner_scope(up.up().node, self.names.scope_of(up.up()))
                self._loop(reached, parent.target, up, way, inner)
            case ast.For() | ast.AsyncFor() if node is parent.iter:
                self._loop(reached, parent.target, place, way, None)
            case ast.Return():
                self._out_of_function(reached, place, way)
            case ast.Yield():
                self._out_of_function(reached, place, (Step.ANY, *way))
            case ast.YieldFrom():
                self._out_of_function(reached, place, way)
            case ast.Lambda() if node is parent.body:
                self._value(reached, up, (Step.CALL, *way))
            case ast.arguments():
                self._default(reached, place, parent, way)
            case ast.Expr() | ast.Compare() | ast.Delete() | ast.If() | ast.While() | ast.Assert():
                pass
            case _:
                reached.escapes = True
        return reached

    def _value(self, reached: Reached, place: Place, way: Way | None) -> None:
        if way is None:
            reached.escapes = True
        else:
            reached.values.append((place, way))

    def _spread(self, way: Way) -> Way | None:
        # The starred value stands for its elements; the sequence around it adds no step.
        return None if element(way) is None else (Step.ANY, *way[1:])

    def _into_literal(self, node: ast.AST, sequence: ast.expr, way: Way) -> Way:
        if isinstance(node, ast.Starred):
            return way
        assert isinstance(sequence, (ast.Tuple, ast.List, ast.Set))
        index = sequence.elts.index(node)  # type: ignore[arg-type]
        before = sequence.elts[:index]
        moved = isinstance(sequence, ast.Set) or any(isinstance(e, ast.Starred) for e in before)
        return (Step.ANY if moved else index, *way)

    # -- names -----------------------------------------------------------------------------------

    def _is_fresh(self, container: ast.expr, place: Place) -> bool:
        """Tell whether a container that is added to was made under the name that it has here."""
        scope = self.names.scope_of(place)
        for holder in holders(self.names, container, scope, place):
            if holder.scope is not None:
                values, pure = values_of_name(self.names, holder.scope, holder.name)
            else:
                assert holder.owner is not None
                related = related_classes(self.names, holder.owner)
                values, pure = values_of_attribute(self.names, holder.name, related)
            return pure and all(map(is_fresh, values))
        return False

    def _bind(self, reached: Reached, target: ast.expr, place: Place, way: Way) -> None:
        scope = self.names.scope_of(place)
        if isinstance(target, (ast.Tuple, ast.List)):
            rest = element(way)
            for index, each in enumerate(target.elts if rest is not None else ()):
                starred = any(isinstance(e, ast.Starred) for e in target.elts[: index + 1])
                if isinstance(each, ast.Starred):
                    self._bind(reached, each.value, place, (Step.ANY, *way[1:]))
                elif starred or meet(way[0], index):
                    self._bind(reached, each, place, way[1:])
            return
        if isinstance(target, ast.Subscript):
            rest = element(way) if isinstance(target.slice, ast.Slice) else way
            if rest is not None:
                self._bind(reached, target.value, place, (key_of(target.slice), *rest))
            reached.escapes = reached.escapes or not self._is_fresh(target.value, place)
            return
        if isinstance(target, ast.Name) and self.names.slice(target) != target.id:
            reached.odd_name = True
        found = list(holders(self.names, target, scope, place))
        reached.holders += [(holder, way) for holder in found]
        reached.escapes = reached.escapes or not found
        if isinstance(target, ast.Attribute) and not found and not way:
            reached.loose.append(target.attr)

    def _loop(
        self, reached: Reached, target: ast.expr, place: Place, way: Way, inner: Scope | None
    ) -> None:
        rest = element(way)
        if rest is None:
            return
        if inner is None:
            self._bind(reached, target, place, rest)
            return
        # The names of a comprehension are bound within it.
        stack: list[tuple[ast.expr, Way]] = [(target, rest)]
        while stack:
            each, on = stack.pop()
            if isinstance(each, ast.Name):
                reached.holders.append((Holder(each.id, scope=inner), on))
            elif isinstance(each, (ast.Tuple, ast.List)) and (deeper := element(on)) is not None:
                stack += [(e, deeper) for i, e in enumerate(each.elts) if meet(on[0], i)]

    def _out_of_function(self, reached: Reached, place: Place, way: Way) -> None:
        reached.escapes = True
        function = function_around(self.names, place)
        if function is None:
            return
        reached.holders.append((function, (Step.CALL, *way)))
        if function.owner is not None:
            # It may be a property, which is read like what it gives.
            reached.holders.append((function, way))

    def _default(self, reached: Reached, place: Place, arguments: ast.arguments, way: Way) -> None:
        function = place.parent(2)
        listed = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(listed), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        if isinstance(function, FUNCTIONS):
            scope = inner_scope_of(self.names, function)
        elif isinstance(function, ast.Lambda):
            scope = self.names.inner_scope(function, self.names.scope_of(place.up(2)))
        else:
            return
        for argument, default in pairs:
            if default is place.node:
                reached.holders.append((Holder(argument.arg, scope=scope), way))

    # -- calls -----------------------------------------------------------------------------------

    def argument(self, place: Place, call: ast.Call, way: Way) -> Reached:
        """Return where an argument of a call goes."""
        reached = Reached(escapes=True)
        keyword = place.parent()
        whole = place.up(2 if isinstance(keyword, ast.keyword) else 1)
        scope = self.names.scope_of(whole)
        name = called_name(call)
        if isinstance(call.func, ast.Attribute) and (name in ADDS or name in ADDS_ALL):
            into = self._added(place, call, name, way)
            if into is not None:
                found = holders(self.names, _added_to(call.func), scope, whole)
                reached.holders += [(holder, into) for holder in found]
        elif isinstance(call.func, ast.Name) and self.names.lookup(name, scope) == {UNBOUND}:
            through = self._through_builtin(name, call, place, way)
            if through is not None:
                reached.values.append((whole, through))
        if name in HAND_BACK:
            reached.values.append((whole, way))
        reached.holders += [(h, way) for h in parameters_reached(self.names, place)]
        reached.holders += [(h, way) for h in self._fields_reached(place, call)]
        return reached

    def _added(self, place: Place, call: ast.Call, name: str, way: Way) -> Way | None:
        keyword = place.parent()
        if isinstance(keyword, ast.keyword):
            return None if keyword.arg is None else (keyword.arg, *way)
        if name in ADDS_ALL:
            rest = element(way)
            return None if rest is None else way if name == "update" else (Step.ANY, *rest)
        if name == "setdefault" and len(call.args) == 2:
            return (key_of(call.args[0]), *way)
        return (Step.ANY, *way)

    def _through_builtin(self, name: str, call: ast.Call, place: Place, way: Way) -> Way | None:
        keyword = place.parent()
        if name == "dict" and isinstance(keyword, ast.keyword):
            return way if keyword.arg is None else (keyword.arg, *way)
        rest = element(way)
        if rest is None or isinstance(keyword, ast.keyword):
            return (*way,) if name == "next" and place.node in call.args[1:] else None
        if name in SAME_ELEMENTS:
            return (Step.ANY, *rest)
        if name == "dict":
            return way
        if name == "enumerate":
            return (Step.ANY, 1, *rest)
        if name == "zip":
            return (Step.ANY, call.args.index(place.node), *rest)  # type: ignore[arg-type]
        return rest if name == "next" else None

    def _fields_reached(self, place: Place, call: ast.Call) -> list[Holder]:
        """Return the field of a dataclass of the file that an argument of its constructor is."""
        scope = self.names.scope_of(place)
        bound = (
            self.names.bindings_of(call.func.id, scope) if isinstance(call.func, ast.Name) else None
        )
        found = []
        for binding in bound[0] if bound is not None else ():
            owner = binding.statement
            if not isinstance(owner, ast.ClassDef):
                continue
            name = field_reached(self.names, owner, call, place)
            if name is not None:
                found.append(Holder(name, owner=owner))
        return found

    def method(
        self, place: Place, attribute: ast.Attribute, call: ast.Call | None, way: Way
    ) -> Reached:
        """Return where a value in a container goes by a method of the container."""
        reached, rest = Reached(), element(way)
        if call is None or rest is None:
            reached.escapes = rest is not None
            return reached
        result = place.up(2)
        if attribute.attr == "values":
            reached.values.append((result, (Step.ANY, *rest)))
        elif attribute.attr == "items":
            reached.values.append((result, (Step.ANY, 1, *rest)))
        elif attribute.attr == "copy":
            reached.values.append((result, way))
        elif attribute.attr in ("get", "pop", "popitem", "setdefault"):
            index = key_of(call.args[0]) if call.args else Step.ANY
            if attribute.attr == "popitem":
                reached.values.append((result, (1, *rest)))
            elif meet(index, way[0]) or attribute.attr == "pop":
                reached.values.append((result, rest))
        elif attribute.attr not in _KEEP_INSIDE or call.keywords:
            reached.escapes = True  # `sort(key=…)`, a field of a named tuple
        return reached

    # -- torch -----------------------------------------------------------------------------------

    def torch_container(self, call: ast.Call, place: Place) -> str:
        """Return what torch's container a call makes, or nothing.

        An argument of it, or an element of a literal argument, must be a module of torch.
        """
        scope = self.names.scope_of(place)
        for meaning in sorted(self.names.resolve(call.func, scope)):
            module, _, name = meaning.rpartition(".")
            if name in CONTAINER_NAMES and module.startswith("torch.nn"):
                return meaning
        return ""

    def holds_torch_module(self, holder: Holder, by_call: Collection[int]) -> bool:
        """Tell whether an attribute is also given a module of torch that stays one.

        A torch module registers what is assigned to its attributes; another class, and the body
        of any class, does not.
        """
        assert holder.owner is not None
        related = related_classes(self.names, holder.owner)
        if not any(owner.bases for owner in related):
            return False
        values, _ = values_of_attribute(self.names, holder.name, related)
        in_bodies = {
            id(binding.value)
            for owner in related
            for binding in inner_scope_of(self.names, owner).bindings.get(holder.name, ())
        }
        given = [value for value in values if id(value) not in in_bodies]
        return any(self._is_torch_module(value, by_call) for value in given)

    def _is_torch_module(self, value: ast.expr, by_call: Collection[int]) -> bool:
        if not isinstance(value, ast.Call) or id(value) in by_call:
            return False
        scope = self.names.scope_of(self.names.place_at(self.names.start(value)))
        return any(m.startswith("torch.nn.") for m in self.names.resolve(value.func, scope))

    def whole_statement(self, place: Place) -> ast.stmt | None:
        """Return the statement that does nothing but move the instance, if this is one."""
        parent = place.parent()
        if isinstance(parent, ast.Expr):
            return parent
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
            call = place.node
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Attribute)
            # `loss = loss.cuda()` in a class body may bind what is the module's.
            if ast.unparse(target) == ast.unparse(call.func.value) and not (
                isinstance(target, ast.Name) and self.names.scope_of(place).is_class
            ):
                return parent
        return None
