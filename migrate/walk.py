"""From each constructor of a file forwards, to wherever its instance may get. Read-only.

A constructor and the calls that reach its instance move together or not at all: MindSpore's
instances take `logits, labels` where torch's take `input, target`, and have no `.cuda()`.

`Values` looks back from each call that is found here, at all that may get there.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.abroad import classes_met, is_visible, parameters_abroad, uses_abroad
from migrate.attributes import asks_for_torch
from migrate.cells import LONGEST, Step, Way, element, key_of, meet
from migrate.containers import Containers, stays
from migrate.elsewhere import UsesElsewhere, take_along
from migrate.escapes import hand_over_escaped
from migrate.flow import Flow
from migrate.holders import Holder, uses_of
from migrate.match import Site
from migrate.places import Place
from migrate.resolve import Names
from migrate.routes import Reached
from migrate.uses import Uses
from migrate.values import Values


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
    return _Walk(names, sites, moved).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """A place that is still to be looked at.

    Attributes
    ----------
    file : _File
        The one that it is in.
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

    file: _File
    site: Site
    place: Place
    way: Way
    fresh: bool
    origin: Holder | None


class _Walk:
    """From the constructors of one file through it, and through all files that it leads to.

    Attributes
    ----------
    here : _File
        Of the constructors.
    abroad : dict of str to _File
        The others, by their path.
    ahead : list of _Visit
        What was found and is still to be looked at.
    escaped : list of Site
        Those whose instance gets where it is not followed.
    visible : dict of str to list of Site
        Those whose instance other files may take, by its name.
    """

    def __init__(self, names: Names, sites: Sequence[Site], moved: frozenset[int]) -> None:
        sites = [site for site in sites if site.rule.kind == "class"]
        self.moved = moved
        self.here = _File(self, Uses(names, sites, Values(names, sites), Flow()), names)
        self.abroad: dict[str, _File] = {}
        self.ahead: list[_Visit] = []
        self.escaped: list[Site] = []
        self.visible: dict[str, list[Site]] = {}

    def run(self) -> Flow:
        uses, flow = self.here.uses, self.here.uses.flow
        for site in uses.sites:
            place = uses.past_chain(site)
            if place is not None:
                self.here.follow(site, place, (), fresh=True)
                self._look_at_all()
        self._settle_containers()
        abroad = {path: file.uses for path, file in sorted(self.abroad.items())}
        hand_over_escaped(uses, self.escaped, self.visible, abroad)
        for other in abroad.values():
            take_along(uses, other)
        return flow

    def at(self, names: Names) -> _File:
        """Return what follows in a file of the project."""
        here = self.here.uses
        if names is here.names:
            return self.here
        if names.path not in self.abroad:
            self.abroad[names.path] = _File(self, UsesElsewhere(names, here), here.names)
        return self.abroad[names.path]

    def _look_at_all(self) -> None:
        """Look at all that is ahead, each place and what it leads to before the next.

        A list and no recursion: a program may hand an instance on as often as it likes.
        """
        todo: list[_Visit] = []
        while self.ahead or todo:
            todo += reversed(self.ahead)
            self.ahead.clear()
            visit = todo.pop()
            visit.file.look(visit)

    def _settle_containers(self) -> None:
        uses, flow = self.here.uses, self.here.uses.flow
        for container in self.here.containers:
            reason = stays(container, uses.names, uses.values)
            if not reason:
                flow.containers.append(container)
            for site in container.sites if reason else ():
                where = f"line {container.call.lineno} puts it into {container.name}, {reason}"
                flow.refuse(site, "torch-container", where)


class _File:
    """What a walk does in one file.

    Attributes
    ----------
    walk : _Walk
    uses : Uses
        What is found out at one use.
    containers : Containers
        Of torch's, that an instance is put into.
    """

    def __init__(self, walk: _Walk, uses: Uses, home: Names) -> None:
        self.walk = walk
        self.uses = uses
        self.names = uses.names
        self.routes = uses.routes
        self.containers = Containers(uses.names, home)
        self._visited: set[tuple[int, int, Way]] = set()
        self._held: set[tuple[Holder, int, Way]] = set()

    def follow(
        self,
        site: Site,
        place: Place,
        way: Way,
        *,
        fresh: bool = False,
        origin: Holder | None = None,
    ) -> None:
        """Take down that the value at `place` is to be looked at."""
        self.walk.ahead.append(_Visit(self, site, place, way, fresh, origin))

    def look(self, visit: _Visit) -> None:
        """Look at what is done with a value, and where it goes from there."""
        site, place, way, fresh = visit.site, visit.place, visit.way, visit.fresh
        node, parent = place.node, place.parent()
        if isinstance(node, ast.JoinedStr):
            self.uses.fstring(site, place, visit.origin, way)
            return
        key = (id(node), id(site), way)
        if key in self._visited:
            return
        self._visited.add(key)
        if len(way) > LONGEST:
            self.walk.escaped.append(site)
        elif isinstance(parent, ast.Call) and parent.func is node:
            if not way:
                self.uses.call(site, place.up(), node, fresh=fresh)
            elif way[0] is Step.CALL:
                self.follow(site, place.up(), way[1:], fresh=fresh)
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
                self.follow(site, place.up(), way, fresh=fresh)
            self.go_on(site, self.routes.onward(place, way), fresh=fresh)

    def go_on(self, site: Site, reached: Reached, *, fresh: bool = False) -> None:
        if reached.escapes:
            self.walk.escaped.append(site)
        if reached.odd_name:
            reason = "its name is written in characters that Python folds into others"
            self.uses.flow.refuse(site, "instance-attribute", reason)
        for name in reached.loose:
            for names, owner in classes_met(self.names):
                self.walk.at(names).uses.attribute_kept(site, Holder(name, owner=owner))
        for value, way in reached.values:
            self.follow(site, value, way, fresh=fresh)
        for holder, way in reached.holders:
            if element(way) is not None and self.uses.values.is_shifted(holder, way[0]):
                way = (Step.ANY, *way[1:])
            if (holder, id(site), way) in self._held:
                continue
            self._held.add((holder, id(site), way))
            if way:
                for refusal in self.containers.add(site, holder):
                    self.uses.flow.refuse(site, refusal.code, refusal.reason)
            for use, _ in uses_of(self.names, holder):
                self.follow(site, use, way, origin=holder)
            if is_visible(self.names, holder):
                self.walk.visible.setdefault(holder.name, []).append(site)
            for names, use in uses_abroad(self.names, holder):
                self.walk.at(names).follow(site, use, way, origin=holder)
            if not way and holder.owner is not None:
                self.uses.attribute_kept(site, holder)

    def _follow_argument(self, site: Site, place: Place, way: Way) -> None:
        """Follow an argument into a function or class of this file."""
        call = place.parent(2 if isinstance(place.parent(), ast.keyword) else 1)
        assert isinstance(call, ast.Call)
        if id(call) in self.walk.moved:
            return
        if not way and asks_for_torch(self.names, [site.rule], call, place):
            reason = f"line {call.lineno} asks whether it is an instance of a torch class"
            self.uses.flow.refuse(site, "instance-attribute", reason)
            return
        holds = self.routes.torch_container(call, place)
        if holds:
            whole = place.up(2 if isinstance(place.parent(), ast.keyword) else 1)
            refusal = self.containers.put(site, holds, call, whole)
            if refusal is None:
                self.follow(site, whole, way)
            else:
                self.uses.flow.refuse(site, refusal.code, refusal.reason)
            return
        reached = self.routes.argument(place, call, way)
        self.go_on(site, reached)
        abroad = list(parameters_abroad(self.names, place))
        for names, holder in abroad:
            if names is not self.walk.here.names:
                self.walk.at(names).go_on(site, Reached(holders=[(holder, way)]))
        if not (reached.holders or reached.values or way or abroad):
            self.uses.argument(site, place, call)

    def _read_attribute(
        self, site: Site, place: Place, attribute: ast.Attribute, way: Way, *, fresh: bool
    ) -> None:
        if way:
            call = place.parent(2)
            called = call if isinstance(call, ast.Call) and call.func is attribute else None
            self.go_on(site, self.routes.method(place, attribute, called, way))
            return
        moved = self.uses.attribute(site, place, attribute, fresh=fresh)
        if moved is not None:
            self.follow(site, moved, ())

    def _read_item(self, site: Site, place: Place, item: ast.Subscript, way: Way) -> None:
        rest = element(way)
        if rest is None or not isinstance(item.ctx, ast.Load):
            return
        if isinstance(item.slice, ast.Slice):
            self.follow(site, place, (Step.ANY, *rest))
        else:
            index = key_of(item.slice)
            from_the_end = isinstance(index, int) and index < 0
            if meet(Step.ANY if from_the_end else index, way[0]):
                self.follow(site, place, rest)
