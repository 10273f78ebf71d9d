"""Finds, for the sites of a text before its migration, the calls that stand for them now.

The text now may have been edited by hand since: statements have come and gone, and calls changed.
So the calls of losses, and of instances with keywords, are aligned in their order, by the function
that they stand in, what they call and what they are assigned to.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from migrate.model import Finding, Pair, Status
from migrate.resolve import STAR, Names
from migrate.ruleset import RuleSet

_LOSS, _AT_ONCE = "<loss>", "<loss>()"
_CHAIN = ("cuda", "cpu", "to")

#: The codes of calls of an instance. One call may have both, and the second is proven with the
#: first's edits.
_KEYWORDS, _CAST = "call-keywords", "labels-cast"
_CALLED = (_KEYWORDS, _CAST)


@dataclass(frozen=True, slots=True)
class Counterpart:
    """What stands for a site now.

    Attributes
    ----------
    finding : Finding
        Of the text before.
    node : ast.Call or None
        The call in the text now; None where there is none, or the site was no call.
    pairs : tuple of Pair
        What is to be proven; empty where `reason` says why nothing can be.
    reason : str
    """

    finding: Finding
    node: ast.Call | None = None
    pairs: tuple[Pair, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A call with what it is aligned by: where it stands, what it calls, what takes its value."""

    node: ast.Call
    key: tuple[str, str, str]


def counterparts(
    before: Names, findings: Iterable[Finding], now: Names, rules: RuleSet
) -> list[Counterpart]:
    """Return what stands in `now` for each finding of `before`, in their order; notes are left out.

    Parameters
    ----------
    before, now : Names
    findings : iterable of Finding
        What migrating the text of `before` finds.
    rules : RuleSet
    """
    every = [f for f in findings if f.status is not Status.NOTE]
    moved = [f for f in every if f.code == "operand"]
    # It is left to a person for as long as it stands there.
    left = [f for f in every if f.code == "backward" and _stands(f, now)]
    findings = [
        _with_operands(f, moved, now) for f in every if f.code not in ("operand", "backward")
    ]
    by_span = {_span(before, call): call for call in _calls(before.tree)}
    places = {id(f): by_span.get((f.line, f.column, f.end_line, f.end_column)) for f in findings}
    sites = [(call, f) for f in findings if (call := places[id(f)]) is not None]
    keywords = {ast.unparse(c.func) for c, f in sites if f.code in _CALLED}
    losses = {c for c, f in sites if f.code not in _CALLED}
    known = set(rules.by_path) | {rule.target for rule in rules.rules}
    meanings = {c: _meaning(now, c) for c in _calls(now.tree)}
    found = _aligned(
        _candidates(before, losses, keywords),
        _candidates(now, {c for c, meaning in meanings.items() if meaning & known}, keywords),
    )
    by_finding = {id(f): found.get(c) for c, f in sites}
    are_cast = {c for c, f in sites if f.code == _CAST and _is_cast(found.get(c))}

    def is_said(finding: Finding) -> bool:
        """Tell whether a finding stands: of keywords and a cast in one call, one does."""
        call = places[id(finding)]
        return finding.code not in _CALLED or (call in are_cast) == (finding.code == _CAST)

    parents = {child: node for node in ast.walk(now.tree) for child in ast.iter_child_nodes(node)}

    def written(finding: Finding) -> str:
        node: ast.AST | None = by_finding.get(id(finding))
        assert isinstance(node, ast.Call)
        # A `.cuda()` that was left at the constructor is a part of what is there now.
        while isinstance(chained := parents.get(node), ast.Attribute) and chained.attr in _CHAIN:
            node = parents[chained]
        return now.slice(node)  # type: ignore[arg-type]

    def counterpart(finding: Finding) -> Counterpart:
        node = by_finding.get(id(finding))
        if node is None:
            return Counterpart(finding, reason="no call stands in its place now")
        if finding.code in _CALLED:
            pairs = _called(finding, now.slice(node), constructors, written)
            return Counterpart(finding, node, pairs, "" if pairs else "its constructor has gone")
        meaning = meanings[node] - {STAR}
        target = rules.by_path[finding.rule].target
        if meaning <= rules.by_path.keys():
            return Counterpart(finding, node, reason=f"`{now.slice(node.func)}` is still torch's")
        if meaning != {target}:
            reason = f"`{now.slice(node.func)}` does not mean {target} here"
            return Counterpart(finding, node, reason=reason)
        pairs = finding.pairs[:1] or (Pair(rules.by_path[finding.rule], finding.before, ""),)
        return Counterpart(finding, node, (replace(pairs[0], after=written(finding)),))

    constructors = [f for f in findings if f.code not in _CALLED and by_finding.get(id(f))]
    said = [counterpart(finding) for finding in findings if is_said(finding)]
    return [*said, *map(Counterpart, left)]


def _is_cast(call: ast.Call | None) -> bool:
    """Tell whether an operand of a call is cast there."""
    values = [] if call is None else [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(
        isinstance(v, ast.Call) and isinstance(v.func, ast.Attribute) and v.func.attr == "astype"
        for v in values
    )


def _stands(finding: Finding, now: Names) -> bool:
    """Tell whether a `.backward()` is still there; the call it is chained on may be another."""
    chained = ").backward("
    return finding.before in now.text or (chained in finding.before and chained in now.text)


def _with_operands(finding: Finding, moved: Iterable[Finding], now: Names) -> Finding:
    """Return a finding whose call before has in it what its operands became."""
    spelled = next(
        (
            n
            for n, bound in now.module.bindings.items()
            if any(b.path == "mindspore" for b in bound)
        ),
        "mindspore",
    )
    for each in moved:
        within = (finding.line, finding.column) <= (each.line, each.column) and (
            (each.end_line, each.end_column) <= (finding.end_line, finding.end_column)
        )
        if within and each.after is not None:
            new = each.after.replace("mindspore.", f"{spelled}.")
            finding = replace(
                finding,
                pairs=tuple(
                    replace(
                        pair,
                        before=pair.before.replace(each.before, new),
                        call_before=pair.call_before and pair.call_before.replace(each.before, new),
                    )
                    for pair in finding.pairs
                ),
            )
    return finding


def _called(
    finding: Finding, text: str, constructors: Sequence[Finding], written: Callable[[Finding], str]
) -> tuple[Pair, ...]:
    """Return a call of instances with each constructor that was proven with it."""
    pairs: dict[Pair, None] = {}
    for pair in finding.pairs:
        if pair.call_before is None:
            pairs[replace(pair, after=text)] = None
        for made in constructors:
            if pair.call_before is not None and made.before == pair.before:
                pairs[replace(pair, after=written(made), call_after=text)] = None
    return tuple(pairs)


def _candidates(names: Names, losses: set[ast.Call], keywords: set[str]) -> list[_Call]:
    """Return the calls to align: of a loss, of what a constructor gives, of `keywords`."""
    found = []
    for call, place, taker in _walk(names.tree):
        text = ast.unparse(call.func)
        if call in losses:
            role = _LOSS
        elif isinstance(call.func, ast.Call) and any(part in losses for part in _down(call.func)):
            role = _AT_ONCE
        elif text in keywords:
            role = text
        else:
            continue
        found.append(_Call(call, (place, role, taker)))
    return found


def _aligned(before: Sequence[_Call], now: Sequence[_Call]) -> dict[ast.Call, ast.Call]:
    """Pair the calls; where keys differ, in their order if there are as many and call the same."""
    found: dict[ast.Call, ast.Call] = {}
    matcher = SequenceMatcher(None, [c.key for c in before], [c.key for c in now], autojunk=False)
    for _, i, j, k, m in matcher.get_opcodes():
        if j - i == m - k:
            for old, new in zip(before[i:j], now[k:m], strict=True):
                if old.key[1] == new.key[1]:
                    found[old.node] = new.node
    return found


def _walk(tree: ast.Module) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield every call in the order of the file, with its function and what takes its value."""
    stack: list[tuple[ast.AST, str, str]] = [(tree, "", "")]
    while stack:
        node, place, taker = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            place = f"{place}.{node.name}"
        elif isinstance(node, ast.Assign):
            taker = " = ".join(map(ast.unparse, node.targets))
        elif isinstance(node, ast.stmt):
            taker = type(node).__name__
        elif isinstance(node, ast.Call):
            yield node, place, taker
        stack += [(child, place, taker) for child in reversed([*ast.iter_child_nodes(node)])]


def _down(call: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls of a chain, from the outermost in."""
    while isinstance(call, (ast.Call, ast.Attribute)):
        if isinstance(call, ast.Call):
            yield call
        call = call.func if isinstance(call, ast.Call) else call.value


def _calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _meaning(names: Names, call: ast.Call) -> frozenset[str]:
    if not isinstance(call.func, (ast.Name, ast.Attribute)):
        return frozenset()
    place = names.place_at(names.end(call.func) - 1)
    return names.resolve(call.func, names.scope_of(place))


def _span(names: Names, call: ast.Call) -> tuple[int, ...]:
    ends = names.start(call), names.end(call)
    return tuple(part for offset in ends for part in names.lines.position(offset))
