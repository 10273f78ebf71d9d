"""Which calls of a file an instance reaches, and what else is done with it. Read-only.

A constructor and the calls that reach its instance move together or not at all: MindSpore's
instances take `logits, labels` where torch's take `input, target`, and have no `.cuda()`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrate.match import Refusal, Site
from migrate.operands import is_pure
from migrate.resolve import STAR, UNBOUND, UNKNOWN, Names, Place, Scope

#: What moves a module to a device in torch; a Cell has none of them and needs none.
DEVICE_METHODS = frozenset({"cuda", "cpu", "to"})

#: Attributes that a torch loss and its MindSpore counterpart have in common, to read and to set.
COMMON_ATTRIBUTES = frozenset({"ignore_index", "label_smoothing", "reduction", "weight"})

_DTYPE = re.compile(
    r"torch\.(?:b?float(?:16|32|64)?|double|half|u?int(?:8|16|32|64)?|long|short|bool|c\w+\d+)"
)
_KEYWORD = re.compile(r"(?<!\w)(?:input|target)\s*=(?!=)")


@dataclass(frozen=True, slots=True, eq=False)
class InstanceCall:
    """A call of an instance whose keywords are to be renamed.

    Attributes
    ----------
    sites : tuple of Site
        The constructors whose instances may be what is called.
    call : ast.Call
    place : Place
        Of the call.
    at_once : bool
        Whether a constructor is called directly: `nn.NLLLoss()(input=x, target=y)`.
    """

    sites: tuple[Site, ...]
    call: ast.Call
    place: Place
    at_once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DeviceCall:
    """A call of `.cuda`, `.cpu` or `.to` on an instance, to be removed.

    Attributes
    ----------
    sites : tuple of Site
    call : ast.Call
        `criterion.cuda()`, or the constructor with its chain up to here.
    place : Place
        Of the call.
    statement : ast.stmt or None
        The statement that goes with it: `criterion.cuda()` or `criterion = criterion.cuda()`.
    """

    sites: tuple[Site, ...]
    call: ast.Call
    place: Place
    statement: ast.stmt | None = None


@dataclass(slots=True)
class Flow:
    """What is done in a file with the instances of its constructors.

    Attributes
    ----------
    keyword_calls : list of InstanceCall
    device_calls : list of DeviceCall
    refusals : dict of int to Refusal
        By the `id` of a site that must be handed over.
    """

    keyword_calls: list[InstanceCall] = field(default_factory=list)
    device_calls: list[DeviceCall] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Holder:
    """A name or an attribute that an instance is bound to."""

    name: str
    scope: Scope | None = None  # of a name
    owner: ast.ClassDef | None = None  # of `self.name`


def follow(names: Names, sites: Sequence[Site]) -> Flow:
    """Follow the instance of every constructor in `sites` through the file.

    Parameters
    ----------
    names : Names
    sites : sequence of Site
        Constructor calls that are to be rewritten. A constructor that is not among them counts as
        something else that a name may hold.

    Returns
    -------
    Flow
        Where `refusals` is not empty, follow again without those sites: what is left may now
        share a name with a torch loss.
    """
    return _Follower(names, sites).run()


class _Follower:
    def __init__(self, names: Names, sites: Sequence[Site]) -> None:
        self.names = names
        self.sites = [site for site in sites if site.rule.kind == "class"]
        self.by_call = {id(site.call): site for site in self.sites}
        self.flow = Flow()
        self.escaped: list[Site] = []
        self.classified: set[int] = set()

    def run(self) -> Flow:
        holders: dict[_Holder, None] = {}
        for site in self.sites:
            place = self._past_chain(site)
            if place is not None:
                holders.update(dict.fromkeys(self._bound_to(site, place)))
        for holder in holders:
            self._read_holder(holder)
        self._read_unknown_calls()
        return self.flow

    def _refuse(self, sites: Sequence[Site], code: str, reason: str) -> None:
        for site in sites:
            self.flow.refusals.setdefault(id(site), Refusal(code, reason))

    # -- from the constructor on ----------------------------------------------------------------

    def _past_chain(self, site: Site) -> Place | None:
        """Return the place of the instance behind its chain, or None where it ends there."""
        place = site.place.up()
        while isinstance(attribute := place.parent(), ast.Attribute):
            call = place.parent(2)
            if not (isinstance(call, ast.Call) and call.func is attribute):
                if attribute.attr not in COMMON_ATTRIBUTES:
                    reason = f"`.{attribute.attr}` is read from the new instance"
                    self._refuse([site], "chained-call", reason)
                return None
            refusal = self._not_a_device(attribute.attr, call, site.scope)
            if refusal is not None:
                self._refuse([site], refusal.code, refusal.reason)
                return None
            place = place.up(2)
            self.flow.device_calls.append(DeviceCall((site,), call, place))
        parent = place.parent()
        if isinstance(parent, ast.Call) and parent.func is place.node:
            self._read_call((site,), place.up(), at_once=True, proven=True)
            return None
        return place

    def _not_a_device(self, method: str, call: ast.Call, scope: Scope) -> Refusal | None:
        """Return why a chained call does more than choose a device, or None."""
        if method not in DEVICE_METHODS:
            return Refusal("chained-call", f"`.{method}(…)` is called on the new instance")
        keywords = {keyword.arg for keyword in call.keywords}
        values = [*call.args, *(k.value for k in call.keywords if k.arg == "device")]
        if (
            len(call.args) > (method != "cpu")
            or not keywords <= {"device", "non_blocking"}
            or any(isinstance(a, ast.Starred) for a in call.args)
            or (method == "to" and len(values) != 1)
        ):
            return Refusal("chained-call", f"`.{method}(…)` has arguments that are no device")
        for value in values:
            meanings = self.names.resolve(value, scope)
            named = getattr(value, "attr", getattr(value, "id", ""))
            if any(_DTYPE.fullmatch(m) for m in meanings) or named.lower().endswith("dtype"):
                reason = f"`.{method}({ast.unparse(value)})` casts the weight"
                return Refusal("chained-call", reason)
        if not all(
            is_pure(value, self.names, scope)
            for value in [*call.args, *(k.value for k in call.keywords)]
        ):
            return Refusal("side-effect", f"the argument of `.{method}(…)` would not be evaluated")
        return None

    def _bound_to(self, site: Site, place: Place) -> Iterator[_Holder]:
        """Yield what the value at `place` is bound to; mark the site as escaped otherwise."""
        node, parent = place.node, place.parent()
        while isinstance(parent, ast.IfExp) and node is not parent.test:
            place = place.up()
            node, parent = place.node, place.parent()
        targets: list[ast.expr] = []
        if isinstance(parent, ast.Assign) and node is parent.value:
            targets = parent.targets
        elif isinstance(parent, (ast.AnnAssign, ast.NamedExpr)) and node is parent.value:
            targets = [parent.target]
            if isinstance(parent, ast.NamedExpr):
                self.escaped.append(site)
        elif isinstance(parent, ast.Tuple) and isinstance(assign := place.parent(2), ast.Assign):
            index = parent.elts.index(node)  # type: ignore[arg-type]
            for target in assign.targets:
                if isinstance(target, ast.Tuple) and len(target.elts) == len(parent.elts):
                    targets.append(target.elts[index])
        found = 0
        scope = self.names.scope_of(place)
        for target in targets:
            for holder in self._holders(target, scope, place):
                found += 1
                yield holder
        if not found or found < len(targets):
            self.escaped.append(site)

    def _holders(self, target: ast.expr, scope: Scope, place: Place) -> Iterator[_Holder]:
        if isinstance(target, ast.Name):
            bound = self.names.bindings_of(target.id, scope)
            if bound is None:
                return
            yield _Holder(target.id, scope=bound[1])
            if isinstance(bound[1].node, ast.ClassDef):
                yield _Holder(target.id, owner=bound[1].node)
        elif isinstance(target, ast.Attribute):
            owner = _owner(target, place)
            if owner is not None:
                yield _Holder(target.attr, owner=owner)

    # -- what a name holds, and what is done with it --------------------------------------------

    def _read_holder(self, holder: _Holder) -> None:
        if holder.scope is not None:
            values, pure = self._values_of_name(holder.scope, holder.name)
            uses = self._uses_of_name(holder.scope, holder.name)
        else:
            assert holder.owner is not None
            related = self._related(holder.owner)
            values, pure = self._values_of_attribute(holder.name, related)
            uses = self._uses_of_attribute(holder.name, related)
        sites: dict[int, Site] = {}
        for value in values:
            pure = self._collect(value, holder, sites) and pure
        group = tuple(sites.values())
        if not group:
            return
        for place, proven in uses:
            self._read_use(holder, group, place, proven=pure and proven)

    def _collect(self, value: ast.expr, holder: _Holder, sites: dict[int, Site]) -> bool:
        """Add the constructors in `value` to `sites`; tell whether it can be nothing else."""
        if isinstance(value, ast.IfExp):
            both = (value.body, value.orelse)
            found = [self._collect(part, holder, sites) for part in both]  # each adds to sites
            return all(found)
        while (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr in DEVICE_METHODS
            and id(value) not in self.by_call
        ):
            value = value.func.value
        if isinstance(value, ast.Call) and id(value) in self.by_call:
            site = self.by_call[id(value)]
            sites[id(site)] = site
            return True
        if isinstance(value, ast.Constant) and value.value is None:
            return True
        # `criterion = criterion.cuda()` holds what it held.
        if holder.scope is not None:
            return isinstance(value, ast.Name) and value.id == holder.name
        return isinstance(value, ast.Attribute) and value.attr == holder.name

    def _values_of_name(self, scope: Scope, name: str) -> tuple[list[ast.expr], bool]:
        bindings = scope.bindings[name]
        values = [binding.value for binding in bindings if binding.value is not None]
        return values, len(values) == len(bindings)

    def _uses_of_name(self, scope: Scope, name: str) -> Iterator[tuple[Place, bool]]:
        for _, place in self._occurrences(scope, name):
            node = place.node
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                bound = self.names.bindings_of(name, self.names.scope_of(place))
                if bound is not None and bound[1] is scope:
                    yield place, True

    def _occurrences(self, scope: Scope, name: str) -> Iterator[tuple[int, Place]]:
        node = scope.node
        start, end = 0, len(self.names.text)
        if isinstance(node, (ast.expr, ast.stmt)):
            start, end = self.names.start(node), self.names.end(node)
        return self.names.places_of(name, start, end)

    def _values_of_attribute(
        self, name: str, related: list[ast.ClassDef]
    ) -> tuple[list[ast.expr], bool]:
        """Return what `self.name` is assigned in the classes, and whether that is all."""
        values: list[ast.expr] = []
        pure = True
        for _, place in self.names.places_of(name):
            node = place.node
            if isinstance(node, ast.Attribute) and node.attr == name:
                if isinstance(node.ctx, ast.Load):
                    continue
                owner = _owner(node, place)
                if owner is not None and owner not in related:
                    continue
                value = _assigned(node, place)
                pure = pure and value is not None
                values += [value] if value is not None else []
            elif isinstance(node, ast.Constant) and node.value == name:
                # `setattr(model, "criterion", …)` may set it to anything.
                parent = place.parent()
                if isinstance(parent, ast.Call) and _called_name(parent) == "setattr":
                    pure = False
        for owner in related:
            scope = self.names.scope_of(Place((*self._path_to(owner), owner.body[0])))
            for binding in scope.bindings.get(name, ()):
                pure = pure and binding.value is not None
                values += [binding.value] if binding.value is not None else []
        return values, pure

    def _path_to(self, node: ast.ClassDef) -> tuple[ast.AST, ...]:
        path = self.names.place_at(self.names.start(node)).path
        return path[: path.index(node) + 1] if node in path else (self.names.tree, node)

    def _uses_of_attribute(
        self, name: str, related: list[ast.ClassDef]
    ) -> Iterator[tuple[Place, bool]]:
        for _, place in self.names.places_of(name):
            node = place.node
            if (
                isinstance(node, ast.Attribute)
                and node.attr == name
                and isinstance(node.ctx, ast.Load)
            ):
                owner = _owner(node, place)
                if owner is None or owner in related:
                    yield place, owner is not None

    def _related(self, owner: ast.ClassDef) -> list[ast.ClassDef]:
        """Return `owner`, its bases and its subclasses, as far as this file has them."""
        by_name = {
            binding.statement.name: binding.statement
            for bindings in self.names.module.bindings.values()
            for binding in bindings
            if isinstance(binding.statement, ast.ClassDef)
        }
        family = [owner]
        for member in family:
            relatives = [
                *(by_name.get(b.id) for b in member.bases if isinstance(b, ast.Name)),
                *(
                    other
                    for other in by_name.values()
                    if any(isinstance(b, ast.Name) and b.id == member.name for b in other.bases)
                ),
            ]
            family += [r for r in relatives if r is not None and r not in family]
        return family

    # -- one use ---------------------------------------------------------------------------------

    def _read_use(
        self, holder: _Holder, group: tuple[Site, ...], place: Place, *, proven: bool
    ) -> None:
        parent = place.parent()
        if isinstance(parent, ast.Call) and parent.func is place.node:
            self._read_call(group, place.up(), at_once=False, proven=proven)
        elif isinstance(parent, ast.Attribute):
            self._read_attribute(holder, group, place, parent, proven=proven)
        else:
            self.escaped.extend(group)

    def _read_attribute(
        self,
        holder: _Holder,
        group: tuple[Site, ...],
        place: Place,
        attribute: ast.Attribute,
        *,
        proven: bool,
    ) -> None:
        if attribute.attr in COMMON_ATTRIBUTES or not isinstance(attribute.ctx, ast.Load):
            return
        line = attribute.lineno
        call = place.parent(2)
        called = isinstance(call, ast.Call) and call.func is attribute
        if not called or attribute.attr not in DEVICE_METHODS:
            reason = f"line {line} uses `.{attribute.attr}` of the instance"
            self._refuse(group, "instance-attribute", reason)
            return
        assert isinstance(call, ast.Call)
        scope = self.names.scope_of(place)
        refusal = self._not_a_device(attribute.attr, call, scope)
        if refusal is not None:
            self._refuse(group, "instance-attribute", f"line {line}: {refusal.reason}")
        elif not proven:
            what = f"line {line} calls `.{attribute.attr}()` on what may also be something else"
            self._refuse(group, "instance-attribute", what)
        else:
            moved = place.up(2)
            statement = self._whole_statement(holder, moved)
            self.flow.device_calls.append(DeviceCall(group, call, moved, statement))
            if statement is None:
                self._read_use(holder, group, moved, proven=proven)

    def _whole_statement(self, holder: _Holder, place: Place) -> ast.stmt | None:
        """Return the statement that does nothing but move the instance, if this is one."""
        parent = place.parent()
        if isinstance(parent, ast.Expr):
            return parent
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
            call = place.node
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Attribute)
            if ast.unparse(target) == ast.unparse(call.func.value):
                return parent
        return None

    def _read_call(
        self, group: tuple[Site, ...], place: Place, *, at_once: bool, proven: bool
    ) -> None:
        call = place.node
        assert isinstance(call, ast.Call)
        self.classified.add(id(call))
        if not call.keywords:
            return
        known = set(group[0].rule.source_call)
        given = [keyword.arg for keyword in call.keywords]
        where = f"the call in line {call.lineno}"
        if None in given:
            self._refuse(group, "keyword-call", f"{where} may pass `input=` or `target=` by `**`")
        elif not set(given) <= known or any(isinstance(a, ast.Starred) for a in call.args):
            self._refuse(group, "keyword-call", f"{where} has arguments that cannot be told")
        elif not proven:
            what = "passes keywords to what may also be something else"
            self._refuse(group, "keyword-call", f"{where} {what}")
        else:
            self.flow.keyword_calls.append(InstanceCall(group, call, place, at_once))

    # -- calls of things that are not known -----------------------------------------------------

    def _read_unknown_calls(self) -> None:
        """Hand over what escapes, where a keyword call of something unknown may be its call."""
        if not self.escaped:
            return
        for match in _KEYWORD.finditer(self.names.text):
            place = self.names.place_at(match.start())
            call = place.parent()
            if not isinstance(place.node, ast.keyword) or not isinstance(call, ast.Call):
                continue
            names = {keyword.arg for keyword in call.keywords}
            two = len(call.args) + len(call.keywords) == 2
            if id(call) in self.classified or not two or not names <= {"input", "target"}:
                continue
            if self._is_unknown(call.func, place):
                reason = (
                    f"it is passed on, and line {call.lineno} calls "
                    f"`{ast.unparse(call.func)}` with `input=` or `target=`"
                )
                self._refuse(self.escaped, "keyword-call", reason)
                return

    def _is_unknown(self, function: ast.expr, place: Place) -> bool:
        scope = self.names.scope_of(place)
        if isinstance(function, ast.Call):
            return bool(self.names.resolve(function.func, scope) & {UNKNOWN, STAR, UNBOUND})
        meanings = self.names.resolve(function, scope)
        if isinstance(function, ast.Name) and meanings == {UNKNOWN}:
            bound = self.names.bindings_of(function.id, scope)
            values = [b.value for b in bound[0]] if bound else [None]
            return any(not isinstance(v, ast.Call) or self._is_unknown(v, place) for v in values)
        return bool(meanings & {UNKNOWN, STAR, UNBOUND})


def _owner(attribute: ast.Attribute, place: Place) -> ast.ClassDef | None:
    """Return the class whose instance `self` is in `self.name`, or None for another receiver."""
    if not isinstance(attribute.value, ast.Name):
        return None
    for outer, inner in zip(reversed(place.path[:-1]), reversed(place.path), strict=False):
        if isinstance(outer, ast.ClassDef) and isinstance(
            inner, (ast.FunctionDef, ast.AsyncFunctionDef)
        ):
            parameters = [*inner.args.posonlyargs, *inner.args.args]
            first = parameters[0].arg if parameters else None
            return outer if attribute.value.id == first else None
    return None


def _assigned(target: ast.Attribute, place: Place) -> ast.expr | None:
    """Return the expression that is assigned to an attribute, if it is that plain."""
    parent = place.parent()
    if isinstance(parent, ast.Assign) and target in parent.targets:
        return parent.value
    if isinstance(parent, ast.AnnAssign):
        return parent.value
    assign = place.parent(2)
    if (
        isinstance(parent, ast.Tuple)
        and isinstance(assign, ast.Assign)
        and parent in assign.targets
        and isinstance(assign.value, ast.Tuple)
        and len(assign.value.elts) == len(parent.elts)
    ):
        return assign.value.elts[parent.elts.index(target)]
    return None


def _called_name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))
