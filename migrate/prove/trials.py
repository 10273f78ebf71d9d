"""The trials of a proof: one for every combination of values of the free names of a pair."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from migrate.model import Pair, Rule
from migrate.prove import sides
from migrate.prove.calls import canonical, check, parse
from migrate.prove.domains import ABSENT, BOOLEAN, DOMAINS, OPERANDS, Tensor, union
from migrate.prove.evaluate import Compiler, Evaluation, Key
from migrate.prove.reading import Raised, Reading

if TYPE_CHECKING:
    from migrate.prove.compare import Agreement

#: Combinations of values beyond which a proof is refused, and never sampled. A call of
#: `cross_entropy` whose eight parameters are eight free names has 8,100.
LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Disproof:
    """Why a rewrite is not proven.

    Attributes
    ----------
    message : str
        What is wrong, in one clause.
    case : str
        The values of the names, and what torch and MindSpore make of them; empty where the calls
        were not evaluated.
    code : str
        Of `migrate.codes`: `too-many-names` where nothing is wrong but the number of cases.
    """

    message: str
    case: str = ""
    code: str = "unproven"


class Texts(NamedTuple):
    """A pair without what makes no difference to its proof: see the notes of `migrate.prove.prove`.

    Attributes
    ----------
    rule : Rule
    before, after : (str, str or None)
        The text of a side, and of the later call of its instance.
    booleans, harmless : frozenset of str
        As in `Pair`.
    indices : bool
        As in `Pair`.
    """

    rule: Rule
    before: tuple[str, str | None]
    after: tuple[str, str | None]
    booleans: frozenset[str]
    harmless: frozenset[str]
    indices: bool = False


def texts_of(pair: Pair) -> Texts:
    """Return what a proof of `pair` depends on.

    Raises
    ------
    Unprovable
        If the two are no calls, or not of the form and of the API that the rule says.
    """
    is_class = pair.rule.kind == "class"
    before = parse(pair.before, pair.call_before, is_class=is_class, torch=True)
    after = parse(pair.after, pair.call_after, is_class=is_class)
    check(pair.rule, before, after)
    texts = canonical(before), canonical(after)
    booleans = pair.booleans
    if booleans:
        # Those of elsewhere in the file must not make equal pairs differ.
        calls = [call for side in (before, after) for call in (side.whole, side.used) if call]
        nodes = [part for call in calls for part in ast.walk(call)]
        booleans &= {ast.unparse(part) for part in nodes if isinstance(part, ast.expr)}
    return Texts(pair.rule, *texts, booleans, pair.harmless, pair.indices)


@dataclass(frozen=True, slots=True)
class Trial:
    """What both sides make of one combination of values.

    Attributes
    ----------
    values : mapping of Key to object
    torch, mindspore : Reading or Raised
    outcome : Agreement, Disproof or None
        None where both raise.
    """

    values: Mapping[Key, object]
    torch: Reading | Raised
    mindspore: Reading | Raised
    outcome: Agreement | Disproof | None


@dataclass(frozen=True, slots=True)
class Trials:
    """Both sides of a pair, ready to be evaluated, and the domain of every free name."""

    rule: Rule
    torch: sides.Side
    mindspore: sides.Side
    free: Mapping[Key, tuple[object, ...]]

    @classmethod
    def of(cls, texts: Texts) -> Trials:
        """Make the sides ready.

        Raises
        ------
        Unprovable
            If there is a starred argument: what it holds is unknown.
        """
        rule = texts.rule
        is_class = rule.kind == "class"
        old, new = Compiler(), Compiler(casts=texts.indices)
        torch = sides.torch(rule, parse(*texts.before, is_class=is_class), old, texts.harmless)
        mindspore = sides.mindspore(rule, parse(*texts.after, is_class=is_class), new)
        return cls(rule, torch, mindspore, _free_names(old, new, texts.booleans))

    @property
    def refused(self) -> Disproof | None:
        """Why the trials are too many to be made, if they are."""
        count = math.prod(len(domain) for domain in self.free.values())
        if count <= LIMIT:
            return None
        message = f"too many free names: {count} combinations of values, {LIMIT} at most"
        return Disproof(message, code="too-many-names")

    def __iter__(self) -> Iterator[Trial]:
        for combination in product(*self.free.values()):
            yield self._trial(dict(zip(self.free, combination, strict=True)))

    def _trial(self, values: Mapping[Key, object]) -> Trial:
        first, second = Evaluation(values), Evaluation(values)
        one, other = self.torch.read(first), self.mindspore.read(second)
        return Trial(values, one, other, self._outcome(one, other, first, second))

    def _outcome(
        self, one: Reading | Raised, other: Reading | Raised, first: Evaluation, second: Evaluation
    ) -> Agreement | Disproof | None:
        # NumPy is imported only where something is proven, not where the domains are read.
        from migrate.prove.compare import compare

        if isinstance(one, Raised) and isinstance(other, Raised):
            return None
        case = f"{self._spelled(first.values)}torch {one}; MindSpore {other}"
        if isinstance(one, Raised) or isinstance(other, Raised):
            return Disproof("only one side raises", case)
        if first.events != second.events:
            was, now = (", ".join(run.events) or "nothing" for run in (first, second))
            case = f"{self._spelled(first.values)}before evaluates {was}; after {now}"
            return Disproof("the calls in the arguments differ", case)
        if (one.input, one.target) != (other.input, other.target):
            return Disproof("the tensors changed places", case)
        found = compare(self.rule, one.settings, other.settings, same=one.input == one.target)
        if isinstance(found, str):
            return Disproof("the losses differ", f"{case}; {found}")
        return found

    def _spelled(self, values: Mapping[Key, object]) -> str:
        many = [key for key, domain in self.free.items() if len(domain) > 1]
        said = ", ".join(f"{name_of(key)}={values[key]!r}" for key in many)
        return f"with {said}: " if said else ""


def _free_names(
    old: Compiler, new: Compiler, booleans: frozenset[str]
) -> dict[Key, tuple[object, ...]]:
    """Return the domain of every free name; one that stands in several roles has their union."""
    found: dict[Key, tuple[object, ...]] = {}
    for text in {**old.roles, **new.roles}:
        roles = {**old.roles.get(text, {}), **new.roles.get(text, {})}
        for turn in range(max(1, old.turns.get(text, 0), new.turns.get(text, 0))):
            key = (text, turn)
            known = text in booleans
            found[key] = BOOLEAN if known else union(_domain(role, key) for role in roles)
    return found


def _domain(role: str, key: Key) -> tuple[object, ...]:
    if role in OPERANDS:
        return (Tensor(name_of(key)),)
    return {"boolean": BOOLEAN, "absent": ABSENT}.get(role) or DOMAINS[role]


def name_of(key: Key) -> str:
    """Return how a report calls a free name, at one of its evaluations."""
    text, turn = key
    return f"{text} (evaluation {turn + 1})" if turn else text
