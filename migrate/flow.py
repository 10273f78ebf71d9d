"""Which calls of a file an instance reaches, and what else is done with it. Read-only.

A constructor and the calls that reach its instance move together or not at all: MindSpore's
instances take `logits, labels` where torch's take `input, target`, and have no `.cuda()`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrate.attributes import (
    COMMON_ATTRIBUTES,
    DEVICE_METHODS,
    MODULE_ATTRIBUTES,
    asks_for_torch,
    not_a_device,
    set_otherwise,
)
from migrate.holders import (
    Holder,
    function_around,
    owner_of,
    parameters_reached,
    related_classes,
    unknown_keyword_calls,
    uses_of_attribute,
    uses_of_name,
    values_of_attribute,
    values_of_name,
)
from migrate.match import Refusal, Site
from migrate.places import Place
from migrate.resolve import Names
from migrate.scopes import Scope


@dataclass(frozen=True, slots=True, eq=False)
class InstanceCall:
    """A call of an instance.

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
    calls : list of InstanceCall
        Every call that reaches their instances and nothing else.
    keyword_calls : list of InstanceCall
        Those whose keywords are to be renamed.
    device_calls : list of DeviceCall
    refusals : dict of int to Refusal
        By the `id` of a site that must be handed over.
    """

    calls: list[InstanceCall] = field(default_factory=list)
    keyword_calls: list[InstanceCall] = field(default_factory=list)
    device_calls: list[DeviceCall] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)


#: Functions that give back what they are given, or something that behaves like it.
_HAND_BACK = frozenset(
    {"DataParallel", "DistributedDataParallel", "cast", "compile", "copy", "deepcopy", "prepare"}
)


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
        self.primary: dict[Holder, None] = {}
        self.visited: set[tuple[Holder, tuple[int, ...]]] = set()
        self.classified: set[int] = set()

    def run(self) -> Flow:
        for site in self.sites:
            place = self._past_chain(site)
            if place is not None:
                self._follow((site,), place, proven=True, fresh=True)
        while self.primary:
            holder = self.primary.popitem()[0]
            self._read_holder(holder)
        self._read_unknown_calls()
        return self.flow

    def _read_unknown_calls(self) -> None:
        """Hand over what escapes, where a keyword call of something unknown may be its call."""
        call = (
            next(unknown_keyword_calls(self.names, self.classified), None) if self.escaped else None
        )
        if call is not None:
            what = f"line {call.lineno} calls `{ast.unparse(call.func)}` with `input=` or `target=`"
            self._refuse(self.escaped, "keyword-call", f"it is passed on, and {what}")

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
            refusal = not_a_device(self.names, attribute.attr, call, site.scope)
            if refusal is not None:
                self._refuse([site], refusal.code, refusal.reason)
                return None
            place = place.up(2)
            self.flow.device_calls.append(DeviceCall((site,), call, place))
        return place

    # -- from a value on -------------------------------------------------------------------------

    def _follow(
        self,
        group: tuple[Site, ...],
        place: Place,
        *,
        proven: bool,
        fresh: bool = False,
        origin: Holder | None = None,
    ) -> None:
        """Look at what is done with the value at `place`, and follow it from there.

        Parameters
        ----------
        group : tuple of Site
            The constructors whose instance it may be.
        proven : bool
            Whether it is one of them for certain.
        fresh : bool
            Whether it is the constructor itself, so that what it is bound to can be told by the
            values of that name.
        origin : Holder or None
            The name it was read from: binding it to that name again tells nothing new.
        """
        node, parent = place.node, place.parent()
        up = place.up()
        if isinstance(node, ast.JoinedStr):
            self._read_fstring(group, node, origin)
        elif isinstance(parent, ast.Call) and parent.func is node:
            self._read_call(group, up, at_once=fresh and proven, proven=proven)
        elif isinstance(parent, ast.Attribute):
            self._read_attribute(group, place, parent, proven=proven, fresh=fresh, origin=origin)
        elif isinstance(parent, ast.BoolOp) or (
            isinstance(parent, ast.IfExp) and node is not parent.test
        ):
            self._follow(group, up, proven=False, fresh=fresh, origin=origin)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            self._bind(group, targets, place, fresh=fresh, origin=origin)
            if isinstance(parent, ast.NamedExpr):
                self._follow(group, up, proven=proven, fresh=fresh, origin=origin)
        elif isinstance(parent, (ast.Tuple, ast.List)):
            self._follow_element(group, place, parent, fresh=fresh, origin=origin)
        elif isinstance(parent, ast.Return):
            self.escaped.extend(group)
            self._follow_return(group, place)
        elif isinstance(parent, (ast.Call, ast.keyword)):
            self.escaped.extend(group)
            self._follow_argument(group, place)
        elif not isinstance(parent, (ast.Expr, ast.Compare, ast.Delete)):
            self.escaped.extend(group)

    def _bind(
        self,
        group: tuple[Site, ...],
        targets: Sequence[ast.expr],
        place: Place,
        *,
        fresh: bool,
        origin: Holder | None,
    ) -> None:
        scope = self.names.scope_of(place)
        for target in targets:
            if isinstance(target, ast.Name) and self.names.slice(target) != target.id:
                reason = "its name is written in characters that Python folds into others"
                self._refuse(group, "instance-attribute", reason)
            holders = list(self._holders(target, scope, place))
            if not holders:
                self.escaped.extend(group)
            for holder in holders:
                if fresh:
                    self.primary[holder] = None
                elif holder != origin:
                    self._read_derived(holder, group)

    def _follow_element(
        self,
        group: tuple[Site, ...],
        place: Place,
        sequence: ast.Tuple | ast.List,
        *,
        fresh: bool,
        origin: Holder | None,
    ) -> None:
        """Follow a value in a literal sequence that is unpacked, or looped over."""
        outer = place.parent(2)
        index = sequence.elts.index(place.node)  # type: ignore[arg-type]
        if isinstance(outer, ast.Assign) and sequence is outer.value:
            for target in outer.targets:
                if (
                    isinstance(target, (ast.Tuple, ast.List))
                    and len(target.elts) == len(sequence.elts)
                    and not any(isinstance(e, ast.Starred) for e in target.elts)
                ):
                    self._bind(group, [target.elts[index]], place, fresh=fresh, origin=origin)
                else:
                    self.escaped.extend(group)
            return
        self.escaped.extend(group)
        if isinstance(outer, (ast.For, ast.AsyncFor)) and sequence is outer.iter:
            self._bind(group, [outer.target], place, fresh=False, origin=origin)
        elif isinstance(outer, ast.comprehension) and isinstance(outer.target, ast.Name):
            inner = self.names.inner_scope(place.up(3).node, self.names.scope_of(place.up(3)))
            self._read_derived(Holder(outer.target.id, scope=inner), group)
        elif isinstance(outer, ast.Return):
            self._follow_return(group, place, index)

    def _follow_return(
        self, group: tuple[Site, ...], place: Place, index: int | None = None
    ) -> None:
        """Follow what a function of this file returns, perhaps in a tuple, to its calls."""
        function = function_around(self.names, place)
        if function is None or self._is_visited(function, group):
            return
        for use, _ in self._uses_of(function):
            parent, call = use.parent(), use.up()
            is_call = isinstance(parent, ast.Call) and parent.func is use.node
            if not is_call and function.owner is not None:
                call = use  # a property
            elif not is_call:
                continue
            if index is None:
                self._follow(group, call, proven=False)
            elif isinstance(assign := call.parent(), ast.Assign):
                for target in assign.targets:
                    if isinstance(target, (ast.Tuple, ast.List)) and index < len(target.elts):
                        self._bind(group, [target.elts[index]], call, fresh=False, origin=None)

    def _follow_argument(self, group: tuple[Site, ...], place: Place) -> None:
        """Follow an argument into a function or class of this file."""
        call = place.parent(2 if isinstance(place.parent(), ast.keyword) else 1)
        if isinstance(call, ast.Call) and asks_for_torch(
            self.names, [site.rule for site in group], call, place
        ):
            reason = f"line {call.lineno} asks whether it is an instance of a torch class"
            self._refuse(group, "instance-attribute", reason)
            return
        reached = list(parameters_reached(self.names, place))
        for holder in reached:
            self._read_derived(holder, group)
        if not isinstance(call, ast.Call) or reached:
            return
        name = str(getattr(call.func, "attr", getattr(call.func, "id", "")))
        if name == "setattr" and place.node in call.args[:1]:
            reason = f"line {call.lineno} sets an attribute of the instance by its name"
            self._refuse(group, "instance-attribute", reason)
        if name in ("add_module", "register_module"):
            reason = f"line {call.lineno} registers it among the modules of torch"
            self._refuse(group, "instance-attribute", reason)
        if {keyword.arg for keyword in call.keywords} & set(group[0].rule.source_call):
            # `partial(criterion, target=y)` and `submit(criterion, input=x)` hand keywords on.
            reason = f"line {call.lineno} may hand its keywords on to it"
            self._refuse(group, "keyword-call", reason)
        if name in _HAND_BACK:
            self._follow(group, place.up(1 if place.parent() is call else 2), proven=False)

    def _is_visited(self, holder: Holder, group: tuple[Site, ...]) -> bool:
        key = (holder, tuple(id(site) for site in group))
        if key in self.visited:
            return True
        self.visited.add(key)
        return False

    def _read_derived(self, holder: Holder, group: tuple[Site, ...]) -> None:
        """Read the uses of a name that may hold the instance, among other things."""
        if self._is_visited(holder, group):
            return
        for place, _ in self._uses_of(holder):
            self._follow(group, place, proven=False, origin=holder)

    def _uses_of(self, holder: Holder) -> Iterator[tuple[Place, bool]]:
        if holder.scope is not None:
            return uses_of_name(self.names, holder.scope, holder.name)
        assert holder.owner is not None
        related = related_classes(self.names, holder.owner)
        return uses_of_attribute(self.names, holder.name, related)

    def _holders(self, target: ast.expr, scope: Scope, place: Place) -> Iterator[Holder]:
        if isinstance(target, ast.Name):
            bound = self.names.bindings_of(target.id, scope)
            if bound is None:
                return
            yield Holder(target.id, scope=bound[1])
            if isinstance(bound[1].node, ast.ClassDef):
                yield Holder(target.id, owner=bound[1].node)
        elif isinstance(target, ast.Attribute):
            owner = owner_of(target, place)
            if owner is not None:
                yield Holder(target.attr, owner=owner)

    # -- what a name holds, and what is done with it --------------------------------------------

    def _read_holder(self, holder: Holder) -> None:
        if holder.scope is not None:
            values, pure = values_of_name(self.names, holder.scope, holder.name)
        else:
            assert holder.owner is not None
            related = related_classes(self.names, holder.owner)
            values, pure = values_of_attribute(self.names, holder.name, related)
        sites: dict[int, Site] = {}
        for value in values:
            pure = self._collect(value, holder, sites) and pure
        group = tuple(sites.values())
        if not group or self._is_visited(holder, group):
            return
        for place, proven in self._uses_of(holder):
            self._follow(group, place, proven=pure and proven, origin=holder)
        if holder.owner is not None and any(map(self._is_torch_module, values)):
            reason = f"`{holder.name}` also holds a module of torch, which lets in nothing else"
            self._refuse(group, "instance-attribute", reason)

    def _is_torch_module(self, value: ast.expr) -> bool:
        """Tell whether a value assigned to an attribute makes a torch module that stays one."""
        if not isinstance(value, ast.Call) or id(value) in self.by_call:
            return False
        scope = self.names.scope_of(self.names.place_at(self.names.start(value)))
        return any(m.startswith("torch.nn.") for m in self.names.resolve(value.func, scope))

    def _collect(self, value: ast.expr, holder: Holder, sites: dict[int, Site]) -> bool:
        """Add the constructors in `value` to `sites`; tell whether it can be nothing else."""
        if isinstance(value, (ast.IfExp, ast.BoolOp)):
            parts = value.values if isinstance(value, ast.BoolOp) else [value.body, value.orelse]
            found = [self._collect(part, holder, sites) for part in parts]  # each adds to sites
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

    # -- one use ---------------------------------------------------------------------------------

    def _read_attribute(
        self,
        group: tuple[Site, ...],
        place: Place,
        attribute: ast.Attribute,
        *,
        proven: bool,
        fresh: bool,
        origin: Holder | None,
    ) -> None:
        if attribute.attr in COMMON_ATTRIBUTES and not isinstance(attribute.ctx, ast.Load):
            reason = set_otherwise(group, place, attribute)
            if reason is not None:
                self._refuse(group, "instance-attribute", reason)
        known = attribute.attr in MODULE_ATTRIBUTES or attribute.attr == "__call__"
        if not known or not isinstance(attribute.ctx, ast.Load):
            return
        # Of a fresh instance in a choice, `(a or nn.NLLLoss()).cuda()`, the chain is at fault.
        code = "chained-call" if fresh else "instance-attribute"
        line = attribute.lineno
        call = place.parent(2)
        called = isinstance(call, ast.Call) and call.func is attribute
        if not called or attribute.attr not in DEVICE_METHODS:
            self._refuse(group, code, f"line {line} uses `.{attribute.attr}` of the instance")
            return
        assert isinstance(call, ast.Call)
        scope = self.names.scope_of(place)
        refusal = not_a_device(self.names, attribute.attr, call, scope)
        if refusal is not None:
            self._refuse(group, code, f"line {line}: {refusal.reason}")
        elif not proven:
            what = f"line {line} calls `.{attribute.attr}()` on what may also be something else"
            self._refuse(group, code, what)
        else:
            moved = place.up(2)
            statement = self._whole_statement(moved)
            self.flow.device_calls.append(DeviceCall(group, call, moved, statement))
            if statement is None:
                self._follow(group, moved, proven=proven, origin=origin)

    def _read_fstring(
        self, group: tuple[Site, ...], string: ast.JoinedStr, origin: Holder | None
    ) -> None:
        """Hand over where an f-string, which cannot be edited, does more than a plain call."""
        name = origin.name if origin is not None else ""
        for node in ast.walk(string):
            if not isinstance(node, (ast.Call, ast.Attribute)):
                continue
            receiver = node.func if isinstance(node, ast.Call) else node.value
            if name not in (getattr(receiver, "id", None), getattr(receiver, "attr", None)):
                continue
            if isinstance(node, ast.Call) and node.keywords:
                reason = f"the f-string in line {string.lineno} calls it with keywords"
                self._refuse(group, "keyword-call", reason)
            elif isinstance(node, ast.Attribute) and node.attr in MODULE_ATTRIBUTES:
                reason = f"the f-string in line {string.lineno} uses `.{node.attr}` of it"
                self._refuse(group, "instance-attribute", reason)

    def _whole_statement(self, place: Place) -> ast.stmt | None:
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
        reached = InstanceCall(group, call, place, at_once)
        if proven:
            self.flow.calls.append(reached)
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
            self.flow.keyword_calls.append(reached)
