"""From a matched call to what it becomes: a plan first, then text.

A plan says for each argument whether it stays, goes, moves or changes; it is made from the `ast`
alone. Where only names change, the edits are those names. Where arguments go or change, LibCST
parses the one call, so that comments, line breaks, quotes and spacing in it survive.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrate import fold
from migrate.match import Argument, Refusal, Site
from migrate.operands import booleans, is_pure, literal, operand
from migrate.resolve import UNBOUND

if TYPE_CHECKING:
    from migrate.model import Parameter, Rule
    from migrate.resolve import Names


@dataclass(frozen=True, slots=True)
class Entry:
    """One argument of the call to be written.

    Attributes
    ----------
    source : int or None
        Which argument of the old call it comes from, counted in source order; None for one that
        is new.
    keyword : str or None
        The name under which it is passed; None where it goes by position.
    value : fold.Outcome or str or None
        None where the old value stays; a conversion's name, a literal's text or a folded
        expression otherwise.
    """

    source: int | None
    keyword: str | None
    value: fold.Outcome | Conversion | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """A call of `function` around the old value, or the text that replaces it."""

    function: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call becomes.

    Attributes
    ----------
    rule : Rule
    arguments : tuple of Argument
        Of the old call, in source order.
    entries : tuple of Entry
        Of the new call, in order.
    operands : dict of str to int
        For the names in a folded expression, the old argument that each stands for.
    negated : frozenset of str
        The operands whose text is `not x`; the folded expression speaks of `x`.
    booleans : frozenset of str
        Texts that are True or False for certain, for the proof.
    """

    rule: Rule
    arguments: tuple[Argument, ...]
    entries: tuple[Entry, ...]
    operands: dict[str, int]
    negated: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()

    @property
    def is_structural(self) -> bool:
        """Whether more changes than names: an argument goes, comes or has a new value."""
        return (
            [entry.source for entry in self.entries] != list(range(len(self.arguments)))
            or any(entry.value is not None for entry in self.entries)
            or any(
                (entry.keyword is None) != (self.arguments[entry.source].keyword is None)
                for entry in self.entries
                if entry.source is not None
            )
        )

    @property
    def folds(self) -> bool:
        """Whether the old call passes a legacy argument."""
        return any(self.rule.travel[a.parameter].fold for a in self.arguments)


def plan(site: Site, names: Names) -> Plan | Refusal:
    """Decide what becomes of each argument of a matched call.

    Parameters
    ----------
    site : Site
        One that has a call and no refusal.
    names : Names
        Of the same file.
    """
    rule = site.rule
    indexed = {argument.parameter: i for i, argument in enumerate(site.arguments)}
    folded = [p for p, travel in rule.travel.items() if travel.fold and p in indexed]
    refused = _refused_value(site, names, skip=bool(folded))
    if refused is not None:
        return refused
    entries: list[Entry | None] = []
    for index, argument in enumerate(site.arguments):
        travel = rule.travel[argument.parameter]
        value = _converted(argument, rule)
        if value is not None and value.function:
            if names.lookup(value.function, site.scope) != {UNBOUND}:
                name = f"`{value.function}`"
                reason = f"{name} is not the builtin here, and `{argument.parameter}` needs it"
                return Refusal("value-refused", reason)
            if _is_call_of(argument.value, value.function):
                value = None
        entries.append(Entry(index, travel.to, value) if travel.to else None)
    operands: dict[str, int] = {}
    negated: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    if folded:
        reading = _fold(site, names, entries, indexed)
        if isinstance(reading, Refusal):
            return reading
        operands, negated = reading
        known = frozenset().union(
            *(booleans(site.arguments[indexed[p]].value, names, site.scope) for p in folded)
        )
    ordered = _positioned([e for e in entries if e is not None], site.arguments, rule)
    return Plan(rule, site.arguments, ordered, operands, negated, known)


def _refused_value(site: Site, names: Names, *, skip: bool) -> Refusal | None:
    """Return why one of the frameworks refuses an argument whose value or type is plain."""
    sources = {parameter.name: parameter for parameter in site.rule.source_parameters}
    targets = {parameter.name: parameter for parameter in site.rule.target_parameters}
    for argument in site.arguments:
        travel = site.rule.travel[argument.parameter]
        value = literal(argument.value)
        if travel.to is None or (skip and travel.to == "reduction"):
            continue
        if value is None:
            kind = _foreign_number(argument.value, names, site)
            accepts = targets[travel.to].accepts
            if kind and accepts and "Tensor" not in accepts and travel.convert is None:
                reason = f"{argument.parameter} is a {kind}, and MindSpore takes {accepts[0]} only"
                return Refusal("value-refused", reason)
            continue
        shown = f"{argument.parameter}={ast.unparse(argument.value)}"
        reason = _why_refused(sources[argument.parameter], value.value)
        if reason:
            return Refusal("value-refused", f"torch refuses {shown}: {reason}")
        given = value.value
        if travel.convert == "float" and isinstance(given, (bool, int)):
            given = float(given)
        if isinstance(given, str):
            given = dict(travel.values).get(given, given)
        reason = _why_refused(targets[travel.to], given)
        if reason:
            return Refusal("value-refused", f"MindSpore refuses {shown}: {reason}")
    return None


def _foreign_number(value: ast.expr, names: Names, site: Site) -> str:
    """Return which number or tensor of a library a call makes, if that can be told."""
    if not isinstance(value, ast.Call):
        return ""
    for meaning in sorted(names.resolve(value.func, site.scope)):
        root, _, rest = meaning.partition(".")
        if root == "torch" or (root == "numpy" and re.fullmatch(r"u?int\w*|float\w*", rest)):
            return meaning
    return ""


def _why_refused(parameter: Parameter, value: object) -> str:
    """Return what a framework wants instead of a literal, or nothing where it takes it."""
    kind = "None" if value is None else type(value).__name__
    if parameter.accepts and kind not in parameter.accepts:
        return f"it takes {' or '.join(parameter.accepts)}"
    if parameter.one_of and value not in parameter.one_of:
        return f"it knows {', '.join(map(repr, parameter.one_of))}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if parameter.minimum is not None and value < parameter.minimum:
            return f"it takes at least {parameter.minimum:g}"
        if parameter.maximum is not None and value > parameter.maximum:
            return f"it takes at most {parameter.maximum:g}"
        if parameter.finite and not math.isfinite(value):
            return "it takes a finite number"
    return ""


def _converted(argument: Argument, rule: Rule) -> Conversion | None:
    travel = rule.travel[argument.parameter]
    value = literal(argument.value)
    if travel.convert == "float":
        if value is None:
            return Conversion(function="float")
        takes = next(p.accepts for p in rule.target_parameters if p.name == travel.to)
        if isinstance(value.value, (bool, int)) and type(value.value).__name__ not in takes:
            return Conversion(text=repr(float(value.value)))
    if value is not None and isinstance(value.value, str):
        other = dict(travel.values).get(value.value)
        if other is not None:
            return Conversion(text=repr(other))
    return None


def _is_call_of(value: ast.expr, function: str) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == function
    )


def _fold(
    site: Site, names: Names, entries: list[Entry | None], indexed: dict[str, int]
) -> tuple[dict[str, int], frozenset[str]] | Refusal:
    """Put the folded reduction into `entries`, and return what its operands stand for."""
    rule = site.rule
    triple = [
        operand(name, site.arguments[indexed[name]] if name in indexed else None, names, site.scope)
        for name in ("size_average", "reduce", "reduction")
    ]
    spelled = dict(rule.travel["reduction"].values)
    if isinstance(triple[2].value, str):
        triple[2] = replace(triple[2], value=spelled.get(triple[2].value, triple[2].value))
    outcome = fold.fold(*triple)
    impure = [o.name for o in triple if not o.pure]
    read = fold.occurrences(outcome)
    if impure and (
        len(impure) > 1 or [r for r in read if r[0] == impure[0]] != [(impure[0], True)]
    ):
        reason = f"`{impure[0]}` would not be evaluated exactly once and in its place"
        return Refusal("side-effect", reason)
    default = next(p.default for p in rule.target_parameters if p.name == "reduction")
    refused = _unknown_text(outcome, rule)
    if refused is not None:
        return refused
    for name in ("size_average", "reduce"):
        if name in indexed:
            entries[indexed[name]] = None
    here = indexed.get("reduction")
    same = triple[2].known is fold.Known.LITERAL and outcome == fold.Text(triple[2].value)
    if outcome == fold.Use("reduction") or same:
        return {}, frozenset()
    if outcome == fold.Text(default):
        if here is not None:
            entries[here] = None
        return {}, frozenset()
    used = {name for name, _ in read}
    effects = [i for i, a in enumerate(site.arguments) if not is_pure(a.value, names, site.scope)]
    if not _place(site, entries, {name: indexed[name] for name in used}, outcome, effects):
        reason = "an operand would be read before or after a call that may change it"
        return Refusal("side-effect", reason)
    if here is not None and (entry := entries[here]) is not None and entry.value is not outcome:
        entries[here] = None
    negated = frozenset(o.name for o in triple if o.negated)
    return {name: indexed[name] for name in sorted(used)}, negated


def _unknown_text(outcome: fold.Outcome, rule: Rule) -> Refusal | None:
    """Refuse a reduction that torch would hold to and MindSpore does not know."""
    allowed = next(p.one_of for p in rule.target_parameters if p.name == "reduction")
    if isinstance(outcome, fold.Text) and allowed and outcome.value not in allowed:
        return Refusal("value-refused", f"MindSpore does not know reduction={outcome.value!r}")
    if isinstance(outcome, fold.Choice):
        return _unknown_text(outcome.then, rule) or _unknown_text(outcome.otherwise, rule)
    return None


def _place(
    site: Site,
    entries: list[Entry | None],
    operands: dict[str, int],
    outcome: fold.Outcome,
    effects: list[int],
) -> bool:
    """Put the new `reduction` where nothing is evaluated in another order; tell whether it fits.

    Parameters
    ----------
    operands : dict of str to int
        Where the operands of the outcome stand; all that are folded where it reads none.
    effects : list of int
        The arguments whose evaluation may do something.
    """
    legacy = {a.parameter: i for i, a in enumerate(site.arguments)}
    by_name = [
        legacy[name]
        for name in ("reduction", "size_average", "reduce")
        if name in legacy
        and (name == "reduction" or site.arguments[legacy[name]].keyword is not None)
    ]
    positional = [i for i, argument in enumerate(site.arguments) if argument.keyword is None]
    # Behind the last positional argument the others stay positional.
    behind = max(positional) if positional and not by_name else None
    fixed = [index for index in operands.values() if index in effects]
    places = [
        *fixed,
        *by_name,
        *([behind] if behind is not None else []),
        *sorted(operands.values()),
    ]
    for at in places:
        lows = [min(at, index) for index in operands.values()]
        highs = [max(at, index) for index in operands.values()]
        between = zip(lows, highs, strict=True)
        if any(
            low <= i <= high and i != own
            for (low, high), own in zip(between, operands.values(), strict=True)
            for i in effects
        ):
            continue
        if at == behind and entries[at] is not None:
            entries.insert(at + 1, Entry(None, "reduction", outcome))
        else:
            entries[at] = Entry(at, "reduction", outcome)
        return True
    return False


def _positioned(
    entries: list[Entry], arguments: tuple[Argument, ...], rule: Rule
) -> tuple[Entry, ...]:
    """Keep by position what still fits there; the rest goes by the target's names."""
    order = [parameter.name for parameter in rule.target_parameters]
    placed: list[Entry] = []
    positional = True
    for entry in entries:
        fits = (
            entry.source is not None
            and arguments[entry.source].keyword is None
            and order[len(placed)] == entry.keyword
            # A folded value reads better under its name, unless its old place was `reduction`'s.
            and (
                entry.value is None
                or isinstance(entry.value, Conversion)
                or arguments[entry.source].parameter == entry.keyword
            )
        )
        positional = positional and fits
        placed.append(replace(entry, keyword=None) if positional else entry)
    return tuple(placed)


def describe(made: Plan) -> str:
    """Return in one clause what the plan does, for the report."""
    legacy = [a for a in made.arguments if made.rule.travel[a.parameter].fold]
    parts = []
    if legacy:
        shown = ", ".join(f"{a.parameter}={shortened(ast.unparse(a.value))}" for a in legacy)
        parts.append(f"{shown} folded into reduction")
    for entry in made.entries:
        if isinstance(entry.value, Conversion) and entry.source is not None:
            argument = made.arguments[entry.source]
            new = entry.value.text or f"{entry.value.function}(…)"
            parts.append(f"{argument.parameter} becomes {new}")
    renamed = [
        f"{a.parameter} becomes {e.keyword}"
        for e in made.entries
        if e.source is not None
        and e.keyword is not None
        and (a := made.arguments[e.source]).keyword is not None
        and a.parameter != e.keyword
        and not made.rule.travel[a.parameter].fold
    ]
    return "; ".join([*parts, *renamed]) or f"renamed to {made.rule.target}"


def shortened(text: str, limit: int = 40) -> str:
    """Return a text as a message can hold it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
