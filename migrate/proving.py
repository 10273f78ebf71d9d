"""A pair of calls, and its proof as what becomes of a site: evidence or a refusal."""

from __future__ import annotations

from migrate.match import Refusal
from migrate.model import Evidence, Pair
from migrate.rewrite import Plan


def pair_of(
    made: Plan,
    before: str,
    after: str,
    call_before: str | None = None,
    call_after: str | None = None,
    harmless: frozenset[str] = frozenset(),
    *,
    indices: bool = False,
) -> Pair:
    """Return the pair of a planned call, perhaps with a later call of its instance."""
    return Pair(made.rule, before, after, call_before, call_after, made.booleans, harmless, indices)


def proof_of(pair: Pair) -> Evidence | Refusal:
    """Return the evidence for a pair, or why its call is handed over."""
    # Late: a run that finds nothing to prove needs no NumPy.
    from migrate.prove import Disproof, prove

    proof = prove(pair)
    if isinstance(proof, Disproof):
        case = f" ({proof.case})" if proof.case else ""
        return Refusal(proof.code, f"{proof.message}{case}")
    return proof
