"""Which calls of a file an instance reaches, and what else is done with it. Read-only.

A constructor and the calls that reach its instance move together or not at all: MindSpore's
instances take `logits, labels` where torch's take `input, target`, and have no `.cuda()`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrate.holders import (
    Holder,
    owner_of,
    related_classes,
    uses_of_attribute,
    uses_of_name,
    values_of_attribute,
    values_of_name,
)
from migrate.match import Refusal, Site
from migrate.operands import is_pure
from migrate.places import Place
from migrate.resolve import STAR, UNBOUND, UNKNOWN, Names
from migrate.scopes import Scope

#: What moves a module to a device in torch; a Cell has none of them and needs none.
DEVICE_METHODS = frozenset({"cuda", "cpu", "to"})

#: Attributes that a torch loss and its MindSpore counterpart have in common, to read and to set.
COMMON_ATTRIBUTES = frozenset({"ignore_index", "label_smoothing", "reduction", "weight"})

#: What else torch's losses have, and MindSpore's lack or mean otherwise. An attribute that is in
#: neither set is the user's own, which a Cell holds as well.
MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train type xpu zero_grad
    """.split()  # noqa: SIM905 (a list would take a line a name)
)

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
        holders: dict[Holder, None] = {}
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

    def _bound_to(self, site: Site, place: Place) -> Iterator[Holder]:
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
            uses = uses_of_name(self.names, holder.scope, holder.name)
        else:
            assert holder.owner is not None
            related = related_classes(self.names, holder.owner)
            values, pure = values_of_attribute(self.names, holder.name, related)
            uses = uses_of_attribute(self.names, holder.name, related)
        sites: dict[int, Site] = {}
        for value in values:
            pure = self._collect(value, holder, sites) and pure
        group = tuple(sites.values())
        if not group:
            return
        for place, proven in uses:
            self._read_use(holder, group, place, proven=pure and proven)

    def _collect(self, value: ast.expr, holder: Holder, sites: dict[int, Site]) -> bool:
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

    # -- one use ---------------------------------------------------------------------------------

    def _read_use(
        self, holder: Holder, group: tuple[Site, ...], place: Place, *, proven: bool
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
        holder: Holder,
        group: tuple[Site, ...],
        place: Place,
        attribute: ast.Attribute,
        *,
        proven: bool,
    ) -> None:
        if attribute.attr not in MODULE_ATTRIBUTES or not isinstance(attribute.ctx, ast.Load):
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

    def _whole_statement(self, holder: Holder, place: Place) -> ast.stmt | None:
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
