"""Which calls of a file an instance reaches, and what else is done with it. Read-only.

A constructor and the calls that reach its instance move together or not at all: MindSpore's
instances take `logits, labels` where torch's take `input, target`, and have no `.cuda()`.

From each constructor the instance is followed forwards, to wherever it may get; `Values` then looks
back from each call that was found, at all that may get there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.abroad import classes_met, is_visible, parameters_abroad, uses_abroad
from migrate.attributes import (
    COMMON_ATTRIBUTES,
    DEVICE_METHODS,
    MODULE_ATTRIBUTES,
    asks_for_torch,
    not_a_device,
    set_otherwise,
)
from migrate.cells import LONGEST, Step, Way, element, key_of, meet, place_of
from migrate.containers import Container, container_of, stays, torch_containers
from migrate.holders import Holder, uses_of
from migrate.match import Refusal, Site
from migrate.operands import is_pure
from migrate.places import Place
from migrate.possible import Possible
from migrate.resolve import Names
from migrate.routes import Reached, Routes
from migrate.suspects import Suspect, suspects, suspects_abroad
from migrate.values import Values


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
    forward : bool
        Whether it is called by its method: `criterion.forward(x, y)`.
    positional : bool
        Whether the keywords go, because it may also be another loss that knows no others.
    """

    sites: tuple[Site, ...]
    call: ast.Call
    place: Place
    at_once: bool = False
    forward: bool = False
    positional: bool = False


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


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """A place that is still to be looked at.

    Attributes
    ----------
    follower : _Follower
        Of the file that it is in.
    site : Site
        The constructor whose instance may be there.
    place : Place
    way : tuple
        The way from the value to the instance; empty where it is the instance itself.
    fresh : bool
        Whether the value has had no name yet.
    origin : Holder or None
        The name it was read from, for what stands in f-strings.
    """

    follower: _Follower
    site: Site
    place: Place
    way: Way
    fresh: bool
    origin: Holder | None


@dataclass(slots=True)
class Flow:
    """What is done in a file with the instances of its constructors.

    Attributes
    ----------
    calls : list of InstanceCall
        Every call that reaches their instances and nothing else.
    edited_calls : list of InstanceCall
        Those whose keywords are to be renamed or to go, or that lose their `.forward`.
    device_calls : list of DeviceCall
    shown : list of (Site, Place)
        Calls within f-strings, each with a constructor whose instance may be called; the place is
        that of the f-string and the call.
    calls_abroad : list of (Names, InstanceCall)
        Those of other files of the project that are edited along with this one.
    containers : list of Container
        Those of torch's that become MindSpore's.
    refusals : dict of int to Refusal
        By the `id` of a site that must be handed over.
    """

    calls: list[InstanceCall] = field(default_factory=list)
    edited_calls: list[InstanceCall] = field(default_factory=list)
    device_calls: list[DeviceCall] = field(default_factory=list)
    shown: list[tuple[Site, Place]] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    calls_abroad: list[tuple[Names, InstanceCall]] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)


def follow(names: Names, sites: Sequence[Site], moved: frozenset[int] = frozenset()) -> Flow:
    """Follow the instance of every constructor in `sites` through the file.

    Parameters
    ----------
    names : Names
    sites : sequence of Site
        Constructor calls that are to be rewritten. A constructor that is not among them counts as
        one of torch's losses.
    moved : frozenset of int
        The `id` of each isinstance whose class is renamed along with them.

    Returns
    -------
    Flow
        Where `refusals` is not empty, follow again without those sites: what is left may now
        share a name with a torch loss.
    """
    return _Follower(names, sites, moved).run()


class _Follower:
    def __init__(self, names: Names, sites: Sequence[Site], moved: frozenset[int]) -> None:
        self.names = names
        self.moved = moved
        self.sites = [site for site in sites if site.rule.kind == "class"]
        self.by_id = {id(site): site for site in self.sites}
        self.values = Values(names, self.sites)
        self.routes = Routes(names)
        self.flow = Flow()
        self.containers: dict[int, Container] = {}
        self.escaped: list[Site] = []
        self.visible: dict[str, list[Site]] = {}
        self.abroad: dict[str, _Abroad] = {}
        self.ahead: list[_Visit] = []
        self.visited: set[tuple[int, int, Way]] = set()
        self.held: set[tuple[Holder, int, Way]] = set()
        self.classified: set[int] = set()
        self.ordered: dict[frozenset[int], tuple[Site, ...]] = {}

    def run(self) -> Flow:
        for site in self.sites:
            place = self._past_chain(site)
            if place is not None:
                self._follow(site, place, (), fresh=True)
                self._walk()
        self._check_containers()
        self._read_unknown_calls()
        for path, other in sorted(self.abroad.items()):
            self._take_along(path, other)
        return self.flow

    def _take_along(self, path: str, other: _Abroad) -> None:
        """Take the calls of another file along, or hand over what reaches them."""
        project = self.names.project
        for call in other.flow.edited_calls:
            if project is not None and project.is_of_run(path):
                self.flow.calls_abroad.append((other.names, call))
                continue
            where = f"line {call.call.lineno} of {path} calls it"
            for site in call.sites:
                reason = f"{where} in a way that has to change, and is not among the files given"
                self._refuse(site, "keyword-call", reason)

    def _read_unknown_calls(self) -> None:
        """Hand over what escapes, where a call of something unknown may be its call."""
        if not self.sites:
            return
        if any(word in self.names.text for word in _TABLES) and _READS_TABLES.search(
            self.names.text
        ):
            self.escaped = self.sites
        for suspect in suspects(self.names):
            if id(suspect.call) not in self.classified:
                found = self.values.possible(suspect.receiver)
                where = f"line {suspect.call.lineno} {suspect.does}"
                for site in self._sites(found):
                    self._refuse(site, suspect.code, f"{where} on a way that was not followed")
                if found.other or found.open or not (found.sites or found.losses):
                    self._suspect(self.escaped, suspect, where)
        if not self.escaped and not self.visible:
            return
        for names, suspect in suspects_abroad(self.names, () if self.escaped else self.visible):
            sites = [*self.escaped, *self.visible.get(suspect.name, ())]
            if sites and not self._is_edited(names, suspect):
                where = f"line {suspect.call.lineno} of {names.path} {suspect.does}"
                self._suspect(sites, suspect, where)

    def _suspect(self, sites: Sequence[Site], suspect: Suspect, where: str) -> None:
        for site in sites:
            self._refuse(site, suspect.code, f"it is passed on, and {where}")

    def _is_edited(self, names: Names, suspect: Suspect) -> bool:
        """Tell whether a call in another file changes all the same, for a loss that is seen."""
        found = self.values.at(names).possible(suspect.receiver)
        if found.losses and not found.other:
            return True
        other = self.abroad.get(names.path)
        calls = other.flow.edited_calls if other is not None else ()
        return any(each.call is suspect.call for each in calls)

    def _refuse(self, site: Site, code: str, reason: str) -> None:
        # A call of which no name changes does not move with its constructor.
        if code != "keyword-call" or not site.rule.keeps_call:
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
                    self._refuse(site, "chained-call", reason)
                return None
            if attribute.attr == "forward":
                return place
            refusal = not_a_device(self.names, attribute.attr, call, site.scope)
            if refusal is not None:
                self._refuse(site, refusal.code, refusal.reason)
                return None
            place = place.up(2)
            self.flow.device_calls.append(DeviceCall((site,), call, place))
        return place

    def _walk(self) -> None:
        """Look at all that is ahead, each place and what it leads to before the next.

        A list and no recursion: a program may hand an instance on as often as it likes.
        """
        todo: list[_Visit] = []
        while self.ahead or todo:
            todo += reversed(self.ahead)
            self.ahead.clear()
            visit = todo.pop()
            visit.follower._look(visit)

    def _follow(
        self,
        site: Site,
        place: Place,
        way: Way,
        *,
        fresh: bool = False,
        origin: Holder | None = None,
    ) -> None:
        """Take down that the value at `place` is to be looked at."""
        self._home.ahead.append(_Visit(self, site, place, way, fresh, origin))

    def _look(self, visit: _Visit) -> None:
        """Look at what is done with a value, and where it goes from there."""
        site, place, way, fresh = visit.site, visit.place, visit.way, visit.fresh
        node, parent = place.node, place.parent()
        if isinstance(node, ast.JoinedStr):
            self._read_fstring(site, place, node, visit.origin, way)
            return
        key = (id(node), id(site), way)
        if key in self.visited:
            return
        self.visited.add(key)
        if len(way) > LONGEST:
            self.escaped.append(site)
        elif isinstance(parent, ast.Call) and parent.func is node:
            if not way:
                self._read_call(site, place.up(), node, fresh=fresh)
            elif way[0] is Step.CALL:
                self._follow(site, place.up(), way[1:], fresh=fresh)
        elif isinstance(parent, ast.Attribute):
            self._read_attribute(site, place, parent, way, fresh=fresh)
        elif isinstance(parent, ast.Subscript) and parent.value is node:
            self._read_item(site, place.up(), parent, way)
        elif isinstance(parent, ast.Call) or (
            isinstance(parent, ast.keyword) and isinstance(place.parent(2), ast.Call)
        ):
            self._follow_argument(site, place, way)
        else:
            if isinstance(parent, ast.NamedExpr):
                self._follow(site, place.up(), way, fresh=fresh)
            self._go_on(site, self.routes.onward(place, way), fresh=fresh)

    def _go_on(self, site: Site, reached: Reached, *, fresh: bool = False) -> None:
        if reached.escapes:
            self.escaped.append(site)
        if reached.odd_name:
            reason = "its name is written in characters that Python folds into others"
            self._refuse(site, "instance-attribute", reason)
        for name in reached.loose:
            for names, owner in classes_met(self.names):
                self._at(names)._check_module(site, Holder(name, owner=owner))
        for value, way in reached.values:
            self._follow(site, value, way, fresh=fresh)
        for holder, way in reached.holders:
            if element(way) is not None and self.values.is_shifted(holder, way[0]):
                way = (Step.ANY, *way[1:])
            if (holder, id(site), way) in self.held:
                continue
            self.held.add((holder, id(site), way))
            if way:
                self._check_added(site, holder)
            for use, _ in uses_of(self.names, holder):
                self._follow(site, use, way, origin=holder)
            if is_visible(self.names, holder):
                self._home.visible.setdefault(holder.name, []).append(site)
            for names, use in uses_abroad(self.names, holder):
                self._at(names)._follow(site, use, way, origin=holder)
            if not way and holder.owner is not None:
                self._check_module(site, holder)

    @property
    def _home(self) -> _Follower:
        return self

    def _at(self, names: Names) -> _Follower:
        """Return what follows in another file of the project."""
        home = self._home
        if names is home.names:
            return home
        if names.path not in home.abroad:
            home.abroad[names.path] = _Abroad(names, home)
        return home.abroad[names.path]

    def _check_module(self, site: Site, holder: Holder) -> None:
        """Hand over what shares an attribute with a module of torch, which lets in nothing else."""
        if self.routes.holds_torch_module(holder, self.values.by_call):
            reason = f"`{holder.name}` also holds a module of torch, which lets in nothing else"
            self._refuse(site, "instance-attribute", reason)

    def _follow_argument(self, site: Site, place: Place, way: Way) -> None:
        """Follow an argument into a function or class of this file."""
        call = place.parent(2 if isinstance(place.parent(), ast.keyword) else 1)
        assert isinstance(call, ast.Call)
        if id(call) in self.moved:
            return
        if not way and asks_for_torch(self.names, [site.rule], call, place):
            reason = f"line {call.lineno} asks whether it is an instance of a torch class"
            self._refuse(site, "instance-attribute", reason)
            return
        holds = self.routes.torch_container(call, place)
        if holds:
            self._put_into(site, holds, place, call, way)
            return
        reached = self.routes.argument(place, call, way)
        self._go_on(site, reached)
        abroad = list(parameters_abroad(self.names, place))
        for names, holder in abroad:
            if names is not self._home.names:
                self._at(names)._go_on(site, Reached(holders=[(holder, way)]))
        if reached.holders or reached.values or way or abroad:
            return
        name = str(getattr(call.func, "attr", getattr(call.func, "id", "")))
        if name == "setattr" and place.node in call.args[:1]:
            reason = f"line {call.lineno} sets an attribute of the instance by its name"
            self._refuse(site, "instance-attribute", reason)
        if name == "getattr" and place.node in call.args[:1] and _may_be_torchs(call):
            reason = f"line {call.lineno} reads an attribute of the instance by its name"
            self._refuse(site, "instance-attribute", reason)
        if name in ("add_module", "register_module"):
            reason = f"line {call.lineno} registers it among the modules of torch"
            self._refuse(site, "instance-attribute", reason)
        if {keyword.arg for keyword in call.keywords} & set(site.rule.source_call):
            # `partial(criterion, target=y)` and `submit(criterion, input=x)` hand keywords on.
            reason = f"line {call.lineno} may hand its keywords on to it"
            self._refuse(site, "keyword-call", reason)

    def _put_into(self, site: Site, path: str, place: Place, call: ast.Call, way: Way) -> None:
        """Follow an instance into a container of torch's, which may become MindSpore's."""
        whole = place.up(2 if isinstance(place.parent(), ast.keyword) else 1)
        container = self.containers.get(id(call)) or container_of(path, call, whole)
        if container is None:
            self._refuse(site, "torch-container", f"line {call.lineno} puts it into {path}")
            return
        self.containers[id(call)] = container
        container.sites.append(site)
        self._follow(site, whole, way)

    def _check_added(self, site: Site, holder: Holder) -> None:
        """Put what is added to a container of torch's among its sites."""
        for names, call in torch_containers(self.names, holder):
            found = self.containers.get(id(call))
            place = place_of(names, call)
            if found is None and names is self._home.names and place is not None:
                meaning = self.routes.torch_container(call, place)
                found = container_of(meaning, call, place)
            if found is None:
                where = "" if names is self._home.names else f" of {names.path}"
                reason = f"it is put into what line {call.lineno}{where} makes"
                self._refuse(site, "torch-container", reason)
            elif site not in found.sites:
                self.containers[id(call)] = found
                found.sites.append(site)

    def _check_containers(self) -> None:
        for container in self.containers.values():
            reason = stays(container, self.names, self.values)
            if not reason:
                self.flow.containers.append(container)
            for site in container.sites if reason else ():
                where = f"line {container.call.lineno} puts it into {container.name}, {reason}"
                self._refuse(site, "torch-container", where)

    # -- one use ---------------------------------------------------------------------------------

    def _possible(self, site: Site, receiver: ast.expr) -> Possible:
        found = self.values.possible(receiver)
        # What was followed there and is not found from there went a way that only one side knows.
        return found if id(site) in found.sites else found | Possible(other=True)

    def _sites(self, found: Possible) -> tuple[Site, ...]:
        if found.sites not in self.ordered:
            ordered = tuple(site for site in self.sites if id(site) in found.sites)
            self.ordered[found.sites] = ordered
        return self.ordered[found.sites]

    def _read_item(self, site: Site, place: Place, item: ast.Subscript, way: Way) -> None:
        rest = element(way)
        if rest is None or not isinstance(item.ctx, ast.Load):
            return
        if isinstance(item.slice, ast.Slice):
            self._follow(site, place, (Step.ANY, *rest))
        else:
            index = key_of(item.slice)
            from_the_end = isinstance(index, int) and index < 0
            if meet(Step.ANY if from_the_end else index, way[0]):
                self._follow(site, place, rest)

    def _read_attribute(
        self, site: Site, place: Place, attribute: ast.Attribute, way: Way, *, fresh: bool
    ) -> None:
        call = place.parent(2)
        called = call if isinstance(call, ast.Call) and call.func is attribute else None
        if way:
            self._go_on(site, self.routes.method(place, attribute, called, way))
            return
        if attribute.attr in COMMON_ATTRIBUTES and not isinstance(attribute.ctx, ast.Load):
            reason = set_otherwise([site], place, attribute)
            if reason is not None:
                self._refuse(site, "instance-attribute", reason)
        known = attribute.attr in MODULE_ATTRIBUTES or attribute.attr == "__call__"
        if not known or not isinstance(attribute.ctx, ast.Load):
            return
        if called is not None and attribute.attr == "forward":
            self._read_call(site, place.up(2), place.node, fresh=fresh, forward=True)  # type: ignore[arg-type]
            return
        # Of a fresh instance in a choice, `(a or nn.NLLLoss()).cuda()`, the chain is at fault.
        code = "chained-call" if fresh else "instance-attribute"
        line = attribute.lineno
        if called is None or attribute.attr not in DEVICE_METHODS:
            self._refuse(site, code, f"line {line} uses `.{attribute.attr}` of the instance")
            return
        refusal = not_a_device(self.names, attribute.attr, called, self.names.scope_of(place))
        found = self._possible(site, attribute.value)
        if refusal is not None:
            self._refuse(site, code, f"line {line}: {refusal.reason}")
        elif not found.is_migrated:
            what = f"line {line} calls `.{attribute.attr}()` on what may also be something else"
            self._refuse(site, code, what)
        else:
            moved = place.up(2)
            statement = self.routes.whole_statement(moved)
            if id(called) not in self.classified:
                self.classified.add(id(called))
                device = DeviceCall(self._sites(found), called, moved, statement)
                self.flow.device_calls.append(device)
            if statement is None:
                self._follow(site, moved, ())

    def _read_fstring(
        self, site: Site, place: Place, string: ast.JoinedStr, origin: Holder | None, way: Way
    ) -> None:
        """Hand over where an f-string, which cannot be edited, does more than a plain call."""
        called = self._names_of(origin) if origin is not None else set()
        file = "" if self.names is self._home.names else f" of {self.names.path}"
        where = f"the f-string in line {string.lineno}{file}"
        for node in ast.walk(string):
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
                reason = f"{where} calls it with keywords"
                self._refuse(site, "keyword-call", reason)
            elif isinstance(node, ast.Call):
                self.flow.shown.append((site, place.down(node)))
            elif node.attr in MODULE_ATTRIBUTES:
                reason = f"{where} uses `.{node.attr}` of it"
                self._refuse(site, "instance-attribute", reason)

    def _names_of(self, holder: Holder) -> set[tuple[type[ast.expr], str]]:
        """Return how a name or an attribute is written in this file."""
        return {(ast.Attribute if holder.scope is None else ast.Name, holder.name)}

    def _read_call(
        self, site: Site, place: Place, receiver: ast.expr, *, fresh: bool, forward: bool = False
    ) -> None:
        call = place.node
        assert isinstance(call, ast.Call)
        known = id(call) in self.classified
        self.classified.add(id(call))
        found = self._possible(site, receiver)
        sites = self._sites(found) or (site,)
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
            self._refuse(each, refusal.code, refusal.reason)

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
        where = f"the call in line {call.lineno}"
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


#: What reads names and attributes that only running it shows.
_TABLES = ("__dict__", "vars(", "globals(", "locals(", "attrgetter", "__getattr")
_READS_TABLES = re.compile(r"__dict__|\b(?:vars|globals|locals)\(|attrgetter|__getattr")


def _may_be_torchs(call: ast.Call) -> bool:
    """Tell whether getattr may read what only torch's losses have."""
    name = call.args[1] if len(call.args) > 1 else None
    return not isinstance(name, ast.Constant) or name.value in MODULE_ATTRIBUTES


class _Abroad(_Follower):
    """Follows the instances of one file through another, where every call is made positional.

    That is right for MindSpore's losses and for torch's, whatever becomes of the other
    constructors that may reach it.
    """

    def __init__(self, names: Names, home: _Follower) -> None:
        super().__init__(names, (), frozenset())
        self.values = home.values.at(names)
        self.home = home
        self.sites = home.sites
        self.escaped = home.escaped
        self.flow.refusals = home.flow.refusals

    @property
    def _home(self) -> _Follower:
        return self.home

    def _names_of(self, holder: Holder) -> set[tuple[type[ast.expr], str]]:
        aliases = (place.node for _, place in self.names.places_of(holder.name))
        others = {each.asname for each in aliases if isinstance(each, ast.alias) and each.asname}
        found: set[tuple[type[ast.expr], str]] = {(ast.Name, name) for name in others}
        return found | {(ast.Name, holder.name), (ast.Attribute, holder.name)}

    def _possible(self, site: Site, receiver: ast.expr) -> Possible:
        found = self.values.possible(receiver)
        known = found.sites or found.losses or found.open
        sites = found.sites | {id(site)}
        return Possible(sites, losses=True, other=found.other or not known)

    def _check_module(self, site: Site, holder: Holder) -> None:
        if self.routes.holds_torch_module(holder, ()):
            reason = f"`{holder.name}` of {self.names.path} also holds a module of torch"
            self._refuse(site, "instance-attribute", reason)
