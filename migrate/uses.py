"""What is done with an instance at one use of it, and whether that may stay as it is."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.attributes import (
    COMMON_ATTRIBUTES,
    DEVICE_METHODS,
    MODULE_ATTRIBUTES,
    not_a_device,
    set_otherwise,
)
from migrate.cells import Way
from migrate.flow import DeviceCall, Flow, InstanceCall
from migrate.holders import Holder, called_name
from migrate.match import Refusal, Site
from migrate.operands import is_pure
from migrate.places import Place
from migrate.possible import Possible
from migrate.resolve import Names
from migrate.routes import Routes
from migrate.values import Values


class Uses:
    """Reads the uses of instances in the file of their constructors, and adds to its flow.

    Attributes
    ----------
    names : Names
    sites : sequence of Site
        The constructors.
    values : Values
        What an expression of the file may be.
    flow : Flow
        What was found up to now.
    routes : Routes
    classified : set of int
        The `id` of every call of an instance that was read.
    """

    def __init__(self, names: Names, sites: Sequence[Site], values: Values, flow: Flow) -> None:
        self.names = names
        self.sites = sites
        self.values = values
        self.flow = flow
        self.routes = Routes(names)
        self.classified: set[int] = set()
        self._ordered: dict[frozenset[int], tuple[Site, ...]] = {}
        self.of_file = ""  # what is said of a line of another file, beside its number

    def past_chain(self, site: Site) -> Place | None:
        """Return the place of the instance behind its chain, or None where it ends there."""
        place = site.place.up()
        while isinstance(attribute := place.parent(), ast.Attribute):
            call = place.parent(2)
            if not (isinstance(call, ast.Call) and call.func is attribute):
                if attribute.attr not in COMMON_ATTRIBUTES:
                    reason = f"`.{attribute.attr}` is read from the new instance"
                    self.flow.refuse(site, "chained-call", reason)
                return None
            if attribute.attr == "forward":
                return place
            refusal = not_a_device(self.names, attribute.attr, call, site.scope)
            if refusal is not None:
                self.flow.refuse(site, refusal.code, refusal.reason)
                return None
            place = place.up(2)
            self.flow.device_calls.append(DeviceCall((site,), call, place))
        return place

    def possible(self, site: Site, receiver: ast.expr) -> Possible:
        """Return all that a receiver may be that the instance of `site` was followed to."""
        found = self.values.possible(receiver)
        # What was followed there and is not found from there went a way that only one side knows.
        return found if id(site) in found.sites else found | Possible(other=True)

    def sites_of(self, found: Possible) -> tuple[Site, ...]:
        """Return the sites among what an expression may be, in their order."""
        if found.sites not in self._ordered:
            ordered = tuple(site for site in self.sites if id(site) in found.sites)
            self._ordered[found.sites] = ordered
        return self._ordered[found.sites]

    def attribute(
        self, site: Site, place: Place, attribute: ast.Attribute, *, fresh: bool
    ) -> Place | None:
        """Read an attribute of the instance at `place`.

        Returns
        -------
        Place or None
            Of the call that gives the instance back: `criterion.cpu()`.
        """
        call = place.parent(2)
        called = call if isinstance(call, ast.Call) and call.func is attribute else None
        if attribute.attr in COMMON_ATTRIBUTES and not isinstance(attribute.ctx, ast.Load):
            reason = set_otherwise([site], place, attribute)
            if reason is not None:
                self.flow.refuse(site, "instance-attribute", reason)
        known = attribute.attr in MODULE_ATTRIBUTES or attribute.attr == "__call__"
        if not known or not isinstance(attribute.ctx, ast.Load):
            return None
        if called is not None and attribute.attr == "forward":
            self.call(site, place.up(2), place.node, fresh=fresh, forward=True)  # type: ignore[arg-type]
            return None
        # Of a fresh instance in a choice, `(a or nn.NLLLoss()).cuda()`, the chain is at fault.
        code = "chained-call" if fresh else "instance-attribute"
        line = attribute.lineno
        if called is None or attribute.attr not in DEVICE_METHODS:
            self.flow.refuse(site, code, f"line {line} uses `.{attribute.attr}` of the instance")
            return None
        refusal = not_a_device(self.names, attribute.attr, called, self.names.scope_of(place))
        found = self.possible(site, attribute.value)
        if refusal is not None:
            self.flow.refuse(site, code, f"line {line}: {refusal.reason}")
        elif not found.is_migrated:
            what = f"line {line} calls `.{attribute.attr}()` on what may also be something else"
            self.flow.refuse(site, code, what)
        else:
            moved = place.up(2)
            statement = self.routes.whole_statement(moved)
            if id(called) not in self.classified:
                self.classified.add(id(called))
                device = DeviceCall(self.sites_of(found), called, moved, statement)
                self.flow.device_calls.append(device)
            return moved if statement is None else None
        return None

    def fstring(self, site: Site, place: Place, origin: Holder | None, way: Way) -> None:
        """Hand over where an f-string, which cannot be edited, does more than a plain call."""
        assert isinstance(place.node, ast.JoinedStr)
        called = self.written(origin) if origin is not None else set()
        where = f"the f-string in line {place.node.lineno}{self.of_file}"
        for node in ast.walk(place.node):
            if not isinstance(node, (ast.Call, ast.Attribute)):
                continue
            receiver = node.func if isinstance(node, ast.Call) else node.value
            if way and isinstance(receiver, ast.Subscript):
                receiver = receiver.value
            elif way:
                continue
            name = getattr(receiver, "attr", getattr(receiver, "id", ""))
            if (type(receiver), name) not in called:
                continue
            if isinstance(node, ast.Call) and node.keywords:
                self.flow.refuse(site, "keyword-call", f"{where} calls it with keywords")
            elif isinstance(node, ast.Call):
                self.flow.shown.append((site, place.down(node)))
            elif node.attr in MODULE_ATTRIBUTES:
                reason = f"{where} uses `.{node.attr}` of it"
                self.flow.refuse(site, "instance-attribute", reason)

    def written(self, holder: Holder) -> set[tuple[type[ast.expr], str]]:
        """Return how a name or an attribute is written in this file."""
        return {(ast.Attribute if holder.scope is None else ast.Name, holder.name)}

    def call(
        self, site: Site, place: Place, receiver: ast.expr, *, fresh: bool, forward: bool = False
    ) -> None:
        """Read a call of the instance, directly or by its `forward`."""
        call = place.node
        assert isinstance(call, ast.Call)
        known = id(call) in self.classified
        self.classified.add(id(call))
        found = self.possible(site, receiver)
        sites = self.sites_of(found) or (site,)
        positional = bool(call.keywords) and not (found.is_migrated or site.rule.keeps_call)
        at_once = fresh and self._is_the_constructor(site, receiver)
        reached = InstanceCall(sites, call, place, at_once, forward, positional)
        if found.is_migrated and not known:
            self.flow.calls.append(reached)
        if not call.keywords and not forward:
            return
        refusal = self._not_a_loss_call(site, call, found)
        if refusal is None:
            self.flow.edited_calls += [] if known else [reached]
            return
        for each in sites:
            self.flow.refuse(each, refusal.code, refusal.reason)

    def _is_the_constructor(self, site: Site, receiver: ast.expr) -> bool:
        """Tell whether a receiver is the constructor itself, perhaps with its chain."""
        while isinstance(receiver, ast.Call) and receiver is not site.call:
            if not isinstance(receiver.func, ast.Attribute):
                return False
            receiver = receiver.func.value
        return receiver is site.call

    def _not_a_loss_call(self, site: Site, call: ast.Call, found: Possible) -> Refusal | None:
        """Return why a call cannot be rewritten, or None."""
        known = set(site.rule.source_call)
        given = [keyword.arg for keyword in call.keywords]
        where = f"the call in line {call.lineno}{self.of_file}"
        if None in given:
            return Refusal("keyword-call", f"{where} may pass `input=` or `target=` by `**`")
        if not set(given) <= known or any(isinstance(a, ast.Starred) for a in call.args):
            return Refusal("keyword-call", f"{where} has arguments that cannot be told")
        if not found.is_loss:
            what = "passes keywords to" if given else "calls `.forward` of"
            code = "keyword-call" if given else "instance-attribute"
            return Refusal(code, f"{where} {what} what may also be something else")
        if given and not found.is_migrated and not self._can_be_positional(site, call):
            what = "what may also be another loss, and the order of its arguments matters"
            return Refusal("keyword-call", f"{where} passes keywords to {what}")
        return None

    def _can_be_positional(self, site: Site, call: ast.Call) -> bool:
        """Tell whether the arguments of a call can be given in the order of the signature."""
        order = [keyword.arg for keyword in call.keywords]
        wanted = list(site.rule.source_call)[len(call.args) :]
        if sorted(map(str, order)) != sorted(wanted):
            return False
        place = self.names.place_at(self.names.start(call))
        scope = self.names.scope_of(place)
        pure = [is_pure(keyword.value, self.names, scope) for keyword in call.keywords]
        return order == wanted or all(pure)

    def attribute_kept(self, site: Site, holder: Holder) -> None:
        """Hand over what shares an attribute with a module of torch, which lets in nothing else."""
        if self.routes.holds_torch_module(holder, self.values.by_call):
            reason = f"`{holder.name}` also holds a module of torch, which lets in nothing else"
            self.flow.refuse(site, "instance-attribute", reason)

    def argument(self, site: Site, place: Place, call: ast.Call) -> None:
        """Hand over what is given to a function that is not seen and may use it as torch's."""
        name = called_name(call)
        if name == "setattr" and place.node in call.args[:1]:
            reason = f"line {call.lineno} sets an attribute of the instance by its name"
            self.flow.refuse(site, "instance-attribute", reason)
        if name == "getattr" and place.node in call.args[:1] and _may_be_torchs(call):
            reason = f"line {call.lineno} reads an attribute of the instance by its name"
            self.flow.refuse(site, "instance-attribute", reason)
        if name in ("add_module", "register_module"):
            reason = f"line {call.lineno} registers it among the modules of torch"
            self.flow.refuse(site, "instance-attribute", reason)
        if {keyword.arg for keyword in call.keywords} & set(site.rule.source_call):
            # `partial(criterion, target=y)` and `submit(criterion, input=x)` hand keywords on.
            reason = f"line {call.lineno} may hand its keywords on to it"
            self.flow.refuse(site, "keyword-call", reason)


def _may_be_torchs(call: ast.Call) -> bool:
    """Tell whether getattr may read what only torch's losses have."""
    name = call.args[1] if len(call.args) > 1 else None
    return not isinstance(name, ast.Constant) or name.value in MODULE_ATTRIBUTES
