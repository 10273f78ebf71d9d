"""What an expression may be: instances of sites, other losses, and whatever else."""

from __future__ import annotations

from dataclasses import dataclass


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


NOTHING = Possible()
ANYTHING = Possible(other=True)
