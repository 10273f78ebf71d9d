"""Proves that a call before and after its rewrite computes the same, for every value of its names.

Only source text goes in; nothing of it is imported or run. Each side is read as its framework reads
it, over every combination of values of the free names, and what was read is computed by the NumPy
kernel on tensors of every shape, dtype and kind of target. The two must raise alike or agree.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from migrate.model import Evidence, Rule
from migrate.prove import sides
from migrate.prove.calls import Unprovable, canonical, check, parse
from migrate.prove.domains import ABSENT, BOOLEAN, DOMAINS, OPERANDS, Tensor, union
from migrate.prove.evaluate import Compiler, Evaluation, Key
from migrate.prove.reading import Raised

__all__ = ["LIMIT", "Disproof", "Pair", "prove"]

#: Combinations of values beyond which a proof is refused, and never sampled. A call of
#: `cross_entropy` whose eight parameters are eight free names has 8,100.
LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Pair:
    """A call as it is, and as it will be.

    Attributes
    ----------
    rule : Rule
    before, after : str
        The text of the call: `nn.NLLLoss(w)`, with a chain `nn.NLLLoss().cuda()` (before only), or
        of a constructor that is called at once, `nn.NLLLoss()(x, y)`.
    call_before, call_after : str or None
        For a class, the text of a later call of its instance: `criterion(input=x, target=y)`.
    booleans : frozenset of str
        Expressions, as `ast.unparse` writes them, that are known to be True or False, never None.
    harmless : frozenset of str
        Arguments of a removed method, as `ast.unparse` writes them, that are known to do nothing
        but tell a device: `torch.device('cuda')`.
    """

    rule: Rule
    before: str
    after: str
    call_before: str | None = None
    call_after: str | None = None
    booleans: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()


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


@lru_cache(maxsize=4096)
def prove(pair: Pair) -> Evidence | Disproof:
    """Decide whether torch computes of `before` what MindSpore computes of `after`.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    Evidence
        If both give the same for every value of every free name: the same value and gradient, of
        the same tensors, after the same calls in the same order. Values for which both raise are
        alike too, but if there are no others, nothing is proven.
    Disproof
        Otherwise, or if it cannot be decided: a starred argument, too many free names.

    Notes
    -----
    Pairs that differ only in how the API is spelled (`nn.`, `F.`, `torch.nn.`), in spacing or in
    quotes are proven once. Of the spelling only the last component is judged.
    """
    is_class = pair.rule.kind == "class"
    try:
        before = parse(pair.before, pair.call_before, is_class=is_class)
        after = parse(pair.after, pair.call_after, is_class=is_class)
        check(pair.rule, before, after)
        texts = canonical(before), canonical(after)
        booleans = pair.booleans
        if booleans:
            # Those of elsewhere in the file must not make equal pairs differ.
            calls = [call for side in (before, after) for call in (side.whole, side.used) if call]
            nodes = [part for call in calls for part in ast.walk(call)]
            booleans &= {ast.unparse(part) for part in nodes if isinstance(part, ast.expr)}
        return _prove(pair.rule, *texts, booleans, pair.harmless)
    except Unprovable as reason:
        return Disproof(str(reason))
    except RecursionError:
        return Disproof("an expression is nested too deeply to be evaluated")


@lru_cache(maxsize=4096)
def _prove(
    rule: Rule,
    before: tuple[str, str | None],
    after: tuple[str, str | None],
    booleans: frozenset[str],
    harmless: frozenset[str],
) -> Evidence | Disproof:
    # NumPy is imported only where something is proven, not where the domains are read.
    from migrate.prove.compare import compare

    is_class = rule.kind == "class"
    old, new = Compiler(), Compiler()
    torch = sides.torch(rule, parse(*before, is_class=is_class), old, harmless)
    mindspore = sides.mindspore(rule, parse(*after, is_class=is_class), new)
    free = _free_names(old, new, booleans)
    count = math.prod(len(domain) for domain in free.values())
    if count > LIMIT:
        message = f"too many free names: {count} combinations of values, {LIMIT} at most"
        return Disproof(message, code="too-many-names")

    cases, error = 0, 0.0
    for combination in product(*free.values()):
        values = dict(zip(free, combination, strict=True))
        first, second = Evaluation(values), Evaluation(values)
        one, other = torch.read(first), mindspore.read(second)
        if isinstance(one, Raised) and isinstance(other, Raised):
            continue
        case = f"{_spelled(free, values)}torch {one}; MindSpore {other}"
        if isinstance(one, Raised) or isinstance(other, Raised):
            return Disproof("only one side raises", case)
        if first.events != second.events:
            was, now = (", ".join(run.events) or "nothing" for run in (first, second))
            case = f"{_spelled(free, values)}before evaluates {was}; after {now}"
            return Disproof("the calls in the arguments differ", case)
        if (one.input, one.target) != (other.input, other.target):
            return Disproof("the tensors changed places", case)
        found = compare(rule, one.settings, other.settings, same=one.input == one.target)
        if isinstance(found, str):
            return Disproof("the losses differ", f"{case}; {found}")
        cases += found.cases
        error = max(error, found.max_error)
    if not cases:
        return Disproof("torch computes no loss here, whatever the names hold")
    return Evidence(cases, error)


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
        return (Tensor(_name(key)),)
    return {"boolean": BOOLEAN, "absent": ABSENT}.get(role) or DOMAINS[role]


def _name(key: Key) -> str:
    text, turn = key
    return f"{text} (evaluation {turn + 1})" if turn else text


def _spelled(free: Mapping[Key, tuple[object, ...]], values: Mapping[Key, object]) -> str:
    said = ", ".join(f"{_name(key)}={values[key]!r}" for key in free if len(free[key]) > 1)
    return f"with {said}: " if said else ""
