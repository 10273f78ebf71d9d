"""What an expression may be: instances of sites, other losses, and whatever else."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_


@dataclass(frozen=True, slots=True)
class Possible:
    """What an expression may be, beside None.

    Attributes
    ----------
    sites : frozenset of int
        The `id` of every site whose instance it may be.
    losses : bool
        Whether it may be another loss of torch's, one that takes `(input, target)` too.
    open : bool
        Whether it may come from a caller that this file does not show.
    other : bool
        Whether it may be anything else.
    """

    sites: frozenset[int] = frozenset()
    losses: bool = False
    open: bool = False
    other: bool = False

    def __or__(self, more: Possible) -> Possible:
        if more == _NOTHING or more is self:
            return self
        return Possible(
            self.sites | more.sites,
            self.losses or more.losses,
            self.open or more.open,
            self.other or more.other,
        )

    @property
    def is_migrated(self) -> bool:
        """Whether it is an instance of one of the sites, or None."""
        return bool(self.sites) and not (self.losses or self.open or self.other)

    @property
    def is_loss(self) -> bool:
        """Whether it is a loss for all that is seen: a site's, another of torch's, a caller's."""
        return bool(self.sites) and not self.other


@dataclass(frozen=True, slots=True)
class Part:
    """One step towards an answer: the union of what is known and of the answers to `asks`.

    Attributes
    ----------
    known : Possible
    asks : tuple of hashable
        The questions whose answers belong to this one.
    """

    known: Possible = Possible()
    asks: tuple[Hashable, ...] = ()

    def __or__(self, more: Part) -> Part:
        if not more.asks and more.known == _NOTHING:
            return self
        return Part(self.known | more.known, self.asks + more.asks)


_NOTHING = Possible()

NOTHING = Part()
OPEN = Part(Possible(open=True))
ANYTHING = Part(Possible(other=True))

#: Of more questions than these that lead into each other none is answered: a second or two.
_MOST = 50_000


def settled(
    root: Hashable,
    look: Callable[[Hashable], Part],
    answers: dict[Hashable, Possible],
    lost: Possible,
) -> Possible:
    """Return the union of all that is known on the ways from a question to others.

    Questions that lead into each other have one answer, and each is looked into once: Tarjan's
    strongly connected components (Depth-First Search and Linear Graph Algorithms, SIAM J. Comput.
    1972), with a list in place of the recursion, since programs may have ways of any length.

    Parameters
    ----------
    root : hashable
    look : callable
        Takes the first step from a question.
    answers : dict
        Those that are known; what is found on the way is added.
    lost : Possible
        The answer where there are too many questions.
    """
    number: dict[Hashable, int] = {}
    lowest: dict[Hashable, int] = {}
    found: dict[Hashable, Possible] = {}
    trail: list[Hashable] = []
    todo: list[tuple[Hashable, Iterator[Hashable], int]] = []

    def enter(question: Hashable) -> None:
        part = look(question)
        number[question] = lowest[question] = len(number)
        found[question] = part.known
        todo.append((question, iter(part.asks), len(trail)))
        trail.append(question)

    if root not in answers:
        enter(root)
    while todo:
        question, asks, start = todo[-1]
        ahead = None
        for each in asks:
            if each in answers:
                found[question] |= answers[each]
            elif each in number:
                lowest[question] = min(lowest[question], number[each])
            else:
                ahead = each
                break
        if ahead is not None and len(number) == _MOST:
            answers.update(dict.fromkeys(trail, lost))
            break
        if ahead is not None:
            enter(ahead)
            continue
        todo.pop()
        if lowest[question] == number[question]:
            union = reduce(or_, (found[each] for each in trail[start:]))
            answers.update(dict.fromkeys(trail[start:], union))
            del trail[start:]
        if todo:
            above = todo[-1][0]
            lowest[above] = min(lowest[above], lowest[question])
            found[above] |= answers.get(question, _NOTHING)
    return answers[root]
