"""The values that a free name may hold when a rewrite is proven, by the parameter it stands for.

A proof says something of the values here and of no others; what a real program may hold beyond
them is for the rules and the refusals. Only the standard library: the arrays are in `cases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: How many classes every case has; the domain of integers depends on it.
CLASSES = 3


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by its name: two of one name are the same object.

    Attributes
    ----------
    name : str
        The text of the expression that holds it, or what kind of weight it is.
    dtype : str
        What the call itself casts it to; empty where it is passed on as it is.
    """

    name: str
    dtype: str = ""

    def __repr__(self) -> str:
        return f"<tensor {self.name}>"


POSITIVE_WEIGHT = Tensor("of positive weights")
ZERO_WEIGHT = Tensor("of weights with a zero")

#: By `Travel.domain`. An operand (`logits`, `labels`) stands for itself, a `Tensor` of its text.
DOMAINS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        # torch asks for truth, so 0 and 1 matter; a string too, as people write `reduce='none'`.
        "flag": (None, True, False, 0, 1, "none"),
        "reduction": ("mean", "sum", "none"),
        "weight": (None, POSITIVE_WEIGHT, ZERO_WEIGHT),
        # torch's default, two classes at the ends, one between, and the usual label of nothing.
        "integer": (-100, 0, 1, CLASSES - 1, 255),
        # MindSpore refuses an int where torch takes it.
        "fraction": (0.0, 0.1, 1.0, 0, 1),
        "logits": (),
        "labels": (),
    }
)

#: What a comparison may give, and a name that the engine knows to be a bool.
BOOLEAN: tuple[object, ...] = (True, False)
#: Added where a value that is not a flag is tested: `reduction or 'mean'`.
ABSENT: tuple[object, ...] = (None,)

OPERANDS = frozenset({"logits", "labels"})
NUMBERS = frozenset({"integer", "fraction"})


def union(domains: Iterable[tuple[object, ...]]) -> tuple[object, ...]:
    """Return every value of `domains` once, in order; 0, 0.0 and False are three values."""
    found: dict[tuple[type, object], object] = {}
    for domain in domains:
        for value in domain:
            found.setdefault((type(value), value), value)
    return tuple(found.values())
