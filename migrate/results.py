"""Which expressions hold what a loss of MindSpore's gives: a tensor of MindSpore's for certain."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from migrate.connected import LossCall
from migrate.spread import is_touched, spread
from migrate.traces import Trace
from migrate.work import Move

if TYPE_CHECKING:
    from migrate.model import Rule, Status
    from migrate.origins import Origins
    from migrate.places import Place
    from migrate.resolve import Names
    from migrate.work import File


class Results:
    """What the losses that are rewritten in a file give, followed back from where it is used.

    Parameters
    ----------
    file : File
    origins : Origins
    losses : list of LossCall
    """

    def __init__(self, file: File, origins: Origins, losses: list[LossCall]) -> None:
        self.names = file.names
        self.by_call = {
            id(loss.place.node): loss
            for loss in losses
            if loss.rule.kind == "function" or loss.sites[0].call is not loss.place.node
        }
        starts = [loss.place for loss in losses if id(loss.place.node) in self.by_call]
        self._words = self._spread(file.names, starts)
        self._trace = Trace(file.names, origins, self._loss_at, self._words)
        self._wide = Trace(file.names, origins, self._loss_at, self._words, computed=True)

    def of(self, place: Place) -> list[LossCall]:
        """Return the losses that the value at a place may come from, each once."""
        return self._trace.of(place) if self._is_near(place) else []

    def within(self, place: Place) -> list[LossCall]:
        """Return the losses that may stand in the list or tuple at a place."""
        return self._trace.of(place, inside=True) if self._is_near(place) else []

    def computed_of(self, place: Place) -> list[LossCall]:
        """Return the losses that the value at a place may be computed of, by whatever function."""
        return self._wide.of(place) if self._is_near(place) else []

    def near(self) -> Iterator[Place]:
        """Yield where a name stands that may hold what a loss gives, and where one is computed."""
        for loss in list(self.by_call.values()):
            yield loss.place
        for word in sorted(self._words):
            for _, place in self.names.places_of(word):
                if isinstance(place.node, (ast.Name, ast.Attribute)):
                    yield place

    def around(self) -> Iterator[Place]:
        """Yield every expression that holds such a name, and its statement, each once."""
        seen: set[int] = set()
        for place in self.near():
            for step in range(len(place.path)):
                up = place.up(step)
                if id(up.node) in seen:
                    break
                seen.add(id(up.node))
                yield up
                if isinstance(up.node, ast.stmt):
                    break

    def strings(self) -> Iterator[Place]:
        """Yield the f-strings that name what may hold what a loss gives, or compute one."""
        found: dict[int, Place] = {}
        for word in sorted(self._words):
            for _, place in self.names.places_of(word):
                if isinstance(place.node, ast.JoinedStr):
                    found.setdefault(id(place.node), place)
        for loss in list(self.by_call.values()):
            for step, node in enumerate(reversed(loss.place.path)):
                if isinstance(node, ast.JoinedStr):
                    found.setdefault(id(node), loss.place.up(step))
        yield from found.values()

    def said_of(
        self, found: list[LossCall], place: Place, code: str, message: str, status: Status
    ) -> Move:
        """Return what is said at a place of what some losses give; there is no edit to it."""
        return Move(
            sites=tuple(site for loss in found for site in loss.sites),
            drafts=(),
            place=place,
            scope=self.names.scope_of(place),
            rule=found[0].rule.id,
            code=code,
            message=message,
            status=status,
        )

    def _spread(self, names: Names, starts: list[Place]) -> frozenset[str]:
        return spread(names, starts)

    def _is_near(self, place: Place) -> bool:
        """Tell, by its words alone, whether an expression may hold what a loss gives."""
        return is_touched(place, self._words, self.by_call)

    def _loss_at(self, place: Place) -> LossCall | None:
        return self.by_call.get(id(place.node))


class Settled(Results):
    """What losses give that are MindSpore's already, as after a first run.

    Parameters
    ----------
    file : File
    origins : Origins
    targets : mapping of str to Rule
        By the path of MindSpore's API.
    """

    def __init__(self, file: File, origins: Origins, targets: Mapping[str, Rule]) -> None:
        self._targets = targets
        super().__init__(file, origins, [])
        self._makers = Trace(file.names, origins, self._made_at, self._words)

    def _loss_at(self, place: Place) -> LossCall | None:
        call = place.node
        if not isinstance(call, ast.Call):
            return None
        if id(call) not in self.by_call:
            rule = self._rule_at(place, "function")
            if rule is None and self._rule_at(place, "class") is None:
                rule = next(iter(self._makers.of(place.down(call.func))), None)
            if rule is None:
                return None
            self.by_call[id(call)] = LossCall((), place, {}, already=rule)
        return self.by_call[id(call)]

    def _spread(self, names: Names, starts: list[Place]) -> frozenset[str]:
        return spread(names, starts, [path.rpartition(".")[2] for path in self._targets])

    def _made_at(self, place: Place) -> Rule | None:
        return self._rule_at(place, "class") if isinstance(place.node, ast.Call) else None

    def _rule_at(self, place: Place, kind: str) -> Rule | None:
        """Return the rule whose target is surely called at a place."""
        call = place.node
        assert isinstance(call, ast.Call)
        meanings = self.names.resolve(call.func, self.names.scope_of(place))
        rules = [self._targets.get(meaning) for meaning in meanings]
        first = rules[0]
        return first if None not in rules and first is not None and first.kind == kind else None
