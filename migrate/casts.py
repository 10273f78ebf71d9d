"""`--labels cast`: a cast of the labels where the source shows that they are class indices.

The cast stands at the call, `criterion(logits, labels.astype(mindspore.int32))`, and is proven
with it. Where one way to the labels shows nothing, they may be probabilities, which a cast would
destroy: the note stays.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from migrate.flow import InstanceCall
from migrate.instances import paired_call
from migrate.match import Refusal
from migrate.model import Edit, Evidence, Pair, Span
from migrate.proving import proof_of
from migrate.symptoms import Sign
from migrate.work import Draft, File, Move, Spelled

#: What `.astype` can follow as it is; anything else is put in parentheses of its own.
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def casts(file: File, told: Sequence[Sign]) -> Iterator[tuple[Sign, Move]]:
    """Yield a cast for each call whose labels are class indices on every way, with its sign."""
    calls = {id(each.call): each for each in file.flow.calls}
    done: set[int] = set()
    for sign in told:
        called = calls.get(id(sign.use.call))
        if called is None or id(called) in done or not sign.certain or sign.symptom.cast is None:
            continue
        move = _cast(file, sign, called, sign.symptom.cast)
        if move is not None:
            done.add(id(called))
            yield sign, move


def _cast(file: File, sign: Sign, called: InstanceCall, dtype: str) -> Move | None:
    names, operand = file.names, sign.use.place.node
    assert isinstance(operand, ast.expr)
    start, end = names.start(operand), names.end(operand)
    opened, closed = ("", "") if isinstance(operand, _ATOMS) else ("(", ")")
    drafts = [Draft(Span(end, end), (f"{closed}.astype(", Spelled(dtype), ")"))]
    if opened:
        drafts.insert(0, Draft(Span(start, start), (opened,)))
    edits = [
        Edit(d.span, "".join(p if isinstance(p, str) else p.path for p in d.parts)) for d in drafts
    ]
    works = {id(work.site): work for work in file.works}
    pairs: list[Pair] = []
    evidence: Evidence | None = None
    for site in called.sites:
        pair = paired_call(called, works[id(site)], file, edits, indices=True)
        proof = proof_of(pair)
        if isinstance(proof, Refusal):
            return None
        pairs.append(pair)
        evidence = proof
    rule = called.sites[0].rule
    return Move(
        called.sites,
        tuple(drafts),
        called.place,
        names.scope_of(sign.use.place),
        rule.id,
        "labels-cast",
        f"labels cast to {dtype}, the integers that {rule.target} takes",
        before=names.slice(called.call),
        after=pairs[-1].call_after or pairs[-1].after,
        evidence=evidence,
        pairs=tuple(pairs),
    )
