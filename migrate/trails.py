"""What becomes of values that are not called at once, as data; and which of them meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrate.match import Refusal, Site
from migrate.places import Place


@dataclass(slots=True)
class Trail:
    """What becomes of one value.

    Attributes
    ----------
    site : Site
    calls : list of Place
        The calls of it, or of what partial made of it.
    shared : set of tuple
        The names, attributes and containers on its way, which other values may share.
    asked : list of Place
        The calls of isinstance that ask for it.
    refusal : Refusal or None
        Why not every use of it is seen.
    """

    site: Site
    calls: list[Place] = field(default_factory=list)
    shared: set[tuple[object, ...]] = field(default_factory=set)
    asked: list[Place] = field(default_factory=list)
    refusal: Refusal | None = None


def grouped(trails: Sequence[Trail]) -> Iterator[list[Trail]]:
    """Yield the trails that meet: in a name, in a container or in a call."""
    keys: list[set[tuple[object, ...]]] = [
        {*trail.shared, *(("call", id(place.node)) for place in trail.calls)} for trail in trails
    ]
    left = list(range(len(trails)))
    while left:
        group = [left.pop(0)]
        reach = set(keys[group[0]])
        grown = True
        while grown:
            grown = False
            for index in list(left):
                if keys[index] & reach:
                    left.remove(index)
                    group.append(index)
                    reach |= keys[index]
                    grown = True
        yield [trails[index] for index in sorted(group)]
