"""`size_average` and `reduce` into `reduction`, as a decision and not yet as text.

torch (`torch.nn._reduction.legacy_get_string`): if either legacy argument is not None, a None
among the two counts as True, and both true is 'mean', `reduce` alone is 'sum', anything else is
'none'; the `reduction` that was passed is then ignored. If both are None, `reduction` holds. Truth
decides, not identity: 0 counts as False, and a non-empty string as True.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Known(Enum):
    """What the source text tells of an operand."""

    ABSENT = auto()  # not passed, or a literal None
    LITERAL = auto()
    BOOLEAN = auto()  # an expression that is True or False, never None
    DYNAMIC = auto()


@dataclass(frozen=True, slots=True)
class Operand:
    """One of the three arguments, as far as its text tells.

    Attributes
    ----------
    name : str
        `size_average`, `reduce` or `reduction`.
    known : Known
    value : object
        The literal's value where `known` is LITERAL.
    negated : bool
        Whether the text is `not x`; the operand then stands for `x`.
    pure : bool
        Whether the operand may be evaluated twice, or not at all, without a difference.
    """

    name: str
    known: Known = Known.ABSENT
    value: object = None
    negated: bool = False
    pure: bool = True


class Test(Enum):
    """The conditions a folded expression is built of."""

    TRUE = auto()  # x
    UNTRUE = auto()  # not x
    FALSE = auto()  # x is not None and not x
    NONE = auto()  # x is None [and y is None]


@dataclass(frozen=True, slots=True)
class Text:
    """A reduction spelled out: 'mean', 'sum' or 'none'."""

    value: object


@dataclass(frozen=True, slots=True)
class Use:
    """The operand itself."""

    operand: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if test else otherwise`."""

    test: Test
    operands: tuple[str, ...]
    then: Outcome
    otherwise: Outcome


Outcome = Text | Use | Choice

MEAN, SUM, NONE = Text("mean"), Text("sum"), Text("none")


def fold(size_average: Operand, reduce: Operand, reduction: Operand) -> Outcome:
    """Return the shortest expression of what torch reads from the three arguments.

    It equals torch's reading for None, True, False, 0, 1 and any other value of each operand.
    """
    held = _held(reduction)
    if reduce.known is Known.ABSENT:
        return _choose(size_average, held, MEAN, SUM)
    in_force = _choose(size_average, MEAN, MEAN, SUM)
    if reduce.known is Known.LITERAL:
        return in_force if reduce.value else NONE
    if reduce.known is Known.BOOLEAN:
        if isinstance(in_force, Text) or reduce.negated:
            return _choose(reduce, held, in_force, NONE)
        return Choice(Test.UNTRUE, (reduce.name,), NONE, in_force)
    if size_average.known is Known.ABSENT:
        return _choose(reduce, held, MEAN, NONE)
    if _choose(size_average, held, MEAN, SUM) == in_force:
        return Choice(Test.FALSE, (reduce.name,), NONE, in_force)
    return Choice(
        Test.NONE,
        (size_average.name, reduce.name),
        held,
        Choice(Test.FALSE, (reduce.name,), NONE, in_force),
    )


def _held(reduction: Operand) -> Outcome:
    """Return what holds where neither legacy argument is given."""
    if reduction.known is Known.ABSENT:
        return MEAN
    if reduction.known is Known.LITERAL:
        return Text(reduction.value)
    return Use(reduction.name)


def _choose(operand: Operand, none: Outcome, true: Outcome, false: Outcome) -> Outcome:
    """Return the shortest expression that is `none`, `true` or `false` as the operand is."""
    if operand.known is Known.ABSENT:
        return none
    if operand.known is Known.LITERAL:
        return true if operand.value else false
    name = (operand.name,)
    if operand.known is Known.BOOLEAN:
        none = true
        if operand.negated:
            none, true, false = false, false, true
    if none == true == false:
        return true
    if operand.known is Known.BOOLEAN or none == false:
        return Choice(Test.TRUE, name, true, false)
    if none == true:
        return Choice(Test.FALSE, name, false, true)
    return Choice(Test.NONE, name, none, Choice(Test.TRUE, name, true, false))


def occurrences(outcome: Outcome) -> list[tuple[str, bool]]:
    """Return the operands that evaluating `outcome` reads, each with whether it always does.

    An operand that a test reads twice (`x is not None and not x`) is listed twice.
    """
    if isinstance(outcome, Text):
        return []
    if isinstance(outcome, Use):
        return [(outcome.operand, True)]
    first, *others = outcome.operands
    found = [(first, True), *((name, False) for name in others)]
    if outcome.test is Test.FALSE:
        found.append((first, False))
    branches = occurrences(outcome.then) + occurrences(outcome.otherwise)
    return [*found, *((name, False) for name, _ in branches)]
