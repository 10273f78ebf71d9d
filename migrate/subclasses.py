"""A class that inherits from a loss: what of it has to change, or why it cannot.

Read-only. Everything that the class takes from its base is looked at: what both frameworks' losses
have stays, `forward` becomes `construct`, and anything else hands the class over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.attributes import COMMON_ATTRIBUTES
from migrate.bodies import Cannot, own_names, receiver_of
from migrate.holders import uses_of_name
from migrate.match import Form, Refusal, Site, bind
from migrate.model import Span
from migrate.operands import literal
from migrate.places import Place
from migrate.resolve import OWN, UNBOUND, Names
from migrate.scopes import FUNCTIONS, Scope

_PLAIN_DECORATORS = frozenset({"property", "staticmethod"})


@dataclass(slots=True)
class Subclass:
    """What of a class that inherits from a loss has to change.

    Attributes
    ----------
    base : Site
        Lifted.
    node : ast.ClassDef
    inits : list of Site
        The calls of the base's constructor.
    makers : list of Site
        The calls of the class.
    has_init : bool
        Whether the class takes arguments of its own.
    forward : Place or None
        Its own `forward`.
    renames : dict of Span to str
        Of names: of the method, its parameters and their uses.
    """

    base: Site
    node: ast.ClassDef
    inits: list[Site] = field(default_factory=list)
    makers: list[Site] = field(default_factory=list)
    has_init: bool = False
    forward: Place | None = None
    renames: dict[Span, str] = field(default_factory=dict)


def read_subclass(
    names: Names, base: Site, *, exported: bool, known: frozenset[str]
) -> Subclass | Refusal:
    """Read the class whose base is a site.

    Parameters
    ----------
    names : Names
    base : Site
        The name of the API among the bases of a class; of `Form.NAME`.
    exported : bool
        Whether the module says that others import the class from it.
    known : frozenset of str
        The paths of APIs that are rewritten wherever they are called.
    """
    node = base.place.parent()
    assert isinstance(node, ast.ClassDef)
    try:
        return _Reader(names, base, node, exported=exported, known=known).read()
    except Cannot as cannot:
        return Refusal("subclass", f"line {cannot.line} {cannot}")


class _Reader:
    def __init__(
        self,
        names: Names,
        base: Site,
        node: ast.ClassDef,
        *,
        exported: bool,
        known: frozenset[str],
    ) -> None:
        self.known = known
        self.names = names
        self.node = node
        self.exported = exported
        self.rule = base.rule
        self.place = base.place.up()
        self.found = Subclass(base, node)
        self.methods = {each.name: each for each in node.body if isinstance(each, FUNCTIONS)}
        self.own: frozenset[str] = frozenset()

    def read(self) -> Subclass:
        """Return what has to change."""
        node = self.node
        if len(node.bases) != 1 or node.keywords:
            raise Cannot(node, "inherits from several classes, or has a metaclass")
        if node.decorator_list:
            raise Cannot(node, "has a decorator")
        if self.rule.source_call == self.rule.target_call:
            # Of those classes it is not known what they read at a call.
            raise Cannot(node, f"inherits from {self.rule.id}, and {self.rule.target} differs")
        self.own = own_names(self.names, node, self.known)
        for name, method in self.methods.items():
            self._read_method(name, method)
        self.found.has_init = "__init__" in self.methods
        if self.found.has_init and not self.found.inits:
            raise Cannot(node, "never calls the constructor of its base")
        self._read_uses()
        return self.found

    # -- what its methods do with their instance -------------------------------------------------

    def _read_method(self, name: str, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
        if isinstance(method, ast.AsyncFunctionDef) or not decorators <= _PLAIN_DECORATORS:
            raise Cannot(method, f"makes `{name}` asynchronous, or decorates it")
        if "staticmethod" in decorators:
            if any(isinstance(n, ast.Name) and n.id == "super" for n in ast.walk(method)):
                raise Cannot(method, "calls `super` in a static method")
            return
        if decorators and name in ("forward", "__init__"):
            raise Cannot(method, f"decorates `{name}`")
        around = Place((*self.place.path, method))
        if name == "forward":
            self._read_forward(method, around)
        receiver = receiver_of(method)
        for place in _below(around):
            node = place.node
            if isinstance(node, ast.Name) and node.id in ("super", "__class__"):
                self._read_super(place, method, receiver)
            elif isinstance(node, ast.Name) and node.id == receiver:
                self._read_receiver(place, method)
            elif isinstance(node, ast.arg) and node.arg in (receiver, "super"):
                if place.parent(2) is not method:
                    raise Cannot(node, f"gives another meaning to `{node.arg}`")
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                raise Cannot(node, "binds a name of another scope")

    def _read_receiver(self, place: Place, method: ast.AST) -> None:
        node, parent = place.node, place.parent()
        assert isinstance(node, ast.Name)
        if not isinstance(node.ctx, ast.Load):
            raise Cannot(node, f"rebinds `{node.id}`")
        if isinstance(parent, ast.Call) and node in parent.args:
            function = parent.func
            if ast.unparse(function) == "super" and len(parent.args) == 2:
                return
            if (
                isinstance(function, ast.Attribute)
                and function.attr == "__init__"
                and parent.args[0] is node
                and self._is_base(function.value, place)
            ):
                callee = Place((*place.up().path, function, function.value))
                self._init(callee, parent, Form.METHOD, method)
                return
        if not isinstance(parent, ast.Attribute):
            raise Cannot(node, f"passes `{node.id}` on")
        name = parent.attr
        if name == "forward":
            call = place.parent(2)
            if not (isinstance(call, ast.Call) and call.func is parent):
                raise Cannot(parent, "passes `forward` on")
            self._rename(self.names.end(parent) - len("forward"), "forward", "construct")
            self._keywords(call, own="forward" in self.methods)
            return
        if name in COMMON_ATTRIBUTES and name in {p.name for p in self.rule.target_parameters}:
            if not isinstance(parent.ctx, ast.Load):
                self._assigned(place, parent, method)
            return
        if name not in self.own:
            raise Cannot(parent, f"uses `.{name}` of torch's base")

    def _assigned(self, place: Place, attribute: ast.Attribute, method: ast.AST) -> None:
        """See that what is assigned to a setting of the base is taken by both frameworks.

        And that it is assigned in the constructor: in graph mode MindSpore compiles the base's
        `construct` with the settings of then (rules/differences/instance-settings.toml).
        """
        if method is not self.methods.get("__init__"):
            late = "which MindSpore does not see in graph mode"
            raise Cannot(attribute, f"sets `.{attribute.attr}` outside `__init__`, {late}")
        statement = place.parent(2)
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if value is None or not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            raise Cannot(attribute, f"changes `.{attribute.attr}` in a way that is not followed")
        known = literal(value)
        target = next(p for p in self.rule.target_parameters if p.name == attribute.attr)
        if known is None:
            if attribute.attr == "label_smoothing":
                raise Cannot(attribute, "assigns a label_smoothing that may be an int")
            return
        kind = "None" if known.value is None else type(known.value).__name__
        fits = kind in target.accepts or not target.accepts
        if not fits or (target.one_of and known.value not in target.one_of):
            raise Cannot(attribute, f"assigns {known.value!r}, which MindSpore refuses")

    def _read_super(self, place: Place, method: ast.AST, receiver: str) -> None:
        node, call = place.node, place.parent()
        assert isinstance(node, ast.Name)
        if node.id == "__class__" or self.names.lookup("super", self.place_scope) != {UNBOUND}:
            raise Cannot(node, f"uses `{node.id}` in a way that is not followed")
        given = [ast.unparse(a) for a in call.args] if isinstance(call, ast.Call) else None
        attribute, outer = place.parent(2), place.parent(3)
        if (
            given not in ([], [self.node.name, receiver])
            or not isinstance(attribute, ast.Attribute)
            or not isinstance(outer, ast.Call)
            or outer.func is not attribute
        ):
            raise Cannot(node, "uses `super` in a way that is not followed")
        if attribute.attr == "__init__":
            self._init(place.up(2), outer, Form.THROUGH, method)
        elif attribute.attr == "forward":
            self._rename(self.names.end(attribute) - len("forward"), "forward", "construct")
            self._keywords(outer, own=False)
        else:
            raise Cannot(attribute, f"calls `.{attribute.attr}` of torch's base")

    @property
    def place_scope(self) -> Scope:
        """The scope around the class."""
        return self.names.scope_of(self.place)

    def _is_base(self, expression: ast.expr, place: Place) -> bool:
        meanings = self.names.resolve(expression, self.names.scope_of(place))
        return meanings <= {self.rule.source, *self.rule.aliases}

    def _init(self, callee: Place, call: ast.Call, form: Form, method: ast.AST) -> None:
        if method is not self.methods.get("__init__"):
            raise Cannot(call, "calls the base's constructor outside `__init__`")
        early = [
            node
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and node.lineno < call.lineno
        ]
        if early:
            raise Cannot(early[0], "sets an attribute before the base is constructed")
        bound = bind(call, self.rule.source_parameters, lead=int(form is Form.METHOD))
        if isinstance(bound, Refusal):
            raise Cannot(call, f"calls the base's constructor, where {bound.reason}")
        scope = self.names.scope_of(callee)
        self.found.inits.append(Site(self.rule, callee, scope, call, bound, form=form))

    def _keywords(self, call: ast.Call, *, own: bool) -> None:
        """Rename `input` and `target` in a call of `forward`, its own or the base's."""
        if any(isinstance(a, ast.Starred) for a in call.args) or any(
            k.arg is None for k in call.keywords
        ):
            raise Cannot(call, "calls `forward` with arguments that are unpacked")
        if not own and len(call.args) + len(call.keywords) != len(self.rule.source_call):
            raise Cannot(call, "calls `forward` of the base with other arguments than its own")
        if own and not self._renames_parameters:
            return
        for keyword in call.keywords:
            new = self._renamed.get(str(keyword.arg))
            if new is not None:
                self._rename(self.names.start(keyword), str(keyword.arg), new)
            elif not own:
                raise Cannot(call, f"calls `forward` of the base with `{keyword.arg}=`")

    @property
    def _renamed(self) -> dict[str, str]:
        return dict(zip(self.rule.source_call, self.rule.target_call, strict=True))

    @property
    def _renames_parameters(self) -> bool:
        forward = self.methods.get("forward")
        if forward is None:
            return True
        names = [a.arg for a in [*forward.args.posonlyargs, *forward.args.args][1:3]]
        return names == list(self.rule.source_call)

    # -- forward ---------------------------------------------------------------------------------

    def _read_forward(self, method: ast.FunctionDef, place: Place) -> None:
        self.found.forward = place
        header = self.names.text.index("forward", self.names.start(method))
        self._rename(header, "forward", "construct")
        if method.args.posonlyargs or method.args.vararg or method.args.kwarg:
            raise Cannot(method, "takes arguments in `forward` that cannot be told apart")
        if not self._renames_parameters:
            return
        scope = self.names.inner_scope(method, self.names.scope_of(place))
        taken = set(self.rule.target_call) & {
            name
            for node in ast.walk(method)
            for name in (getattr(node, "id", None), getattr(node, "arg", None))
            if not isinstance(node, ast.keyword)
        }
        if taken:
            raise Cannot(method, f"uses `{min(taken)}` for something else")
        for inner in _below(place):
            self._read_parameter_use(inner, method, scope)

    def _read_parameter_use(self, place: Place, method: ast.FunctionDef, scope: Scope) -> None:
        node = place.node
        if isinstance(node, ast.arg) and node in method.args.args and node.arg in self._renamed:
            start = self.names.lines.offset(node.lineno, node.col_offset)
            self._rename(start, node.arg, self._renamed[node.arg])
        elif isinstance(node, ast.Name) and node.id in self._renamed:
            bound = self.names.bindings_of(node.id, self.names.scope_of(place))
            if bound is not None and bound[1] is scope:
                if any(isinstance(n, ast.JoinedStr) for n in place.path):
                    raise Cannot(node, f"uses `{node.id}` inside an f-string")
                self._rename(self.names.start(node), node.id, self._renamed[node.id])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("locals", "vars", "eval"):
            raise Cannot(node, "reads its parameters by their names")

    def _rename(self, start: int, old: str, new: str) -> None:
        span = Span(start, start + len(old))
        if self.names.text[span.start : span.end] != old:
            raise Cannot(self.node, f"spells `{old}` in a way that is not followed")
        self.found.renames[span] = new

    # -- who uses it -----------------------------------------------------------------------------

    def _read_uses(self) -> None:
        name = self.node.name
        bound = self.names.bindings_of(name, self.place_scope)
        if bound is None or len(bound[0]) != 1 or bound[1].is_class or self.exported:
            raise Cannot(self.node, f"may be used by others, as `{name}`")
        for place, _ in uses_of_name(self.names, bound[1], name):
            self._read_use(place, name)
        if not self.found.makers:
            raise Cannot(self.node, "is not used in this file, so its uses are not seen")

    def _read_use(self, place: Place, name: str) -> None:
        node, call = place.node, place.parent()
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super":
            return
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "isinstance":
            return
        if not isinstance(call, ast.Call) or call.func is not node:
            raise Cannot(node, f"uses `{name}` without calling it")
        scope = self.names.scope_of(place)
        if self.names.resolve(call.func, scope) != {OWN}:
            raise Cannot(node, f"may call something else than `{name}`")
        site = Site(self.rule, place, scope, call, form=Form.THROUGH)
        if not self.found.has_init:
            bound = bind(call, self.rule.source_parameters)
            if isinstance(bound, Refusal):
                raise Cannot(call, f"calls `{name}`, where {bound.reason}")
            site = Site(self.rule, place, scope, call, bound, form=Form.THROUGH)
        self.found.makers.append(site)


def _below(place: Place) -> Iterator[Place]:
    """Yield every node below a place, in the order of the file."""
    for child in ast.iter_child_nodes(place.node):
        inner = Place((*place.path, child))
        yield inner
        yield from _below(inner)
