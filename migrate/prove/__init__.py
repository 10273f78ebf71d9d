"""Proves that a call before and after its rewrite computes the same, for every value of its names.

Only source text goes in; nothing of it is imported or run. Each side is read as its framework reads
it, over every combination of values of the free names, and what was read is computed by the NumPy
kernel on tensors of every shape, dtype and kind of target. The two must raise alike or agree.
"""

from __future__ import annotations

from functools import lru_cache

from migrate.model import Evidence, Pair
from migrate.prove.calls import Unprovable
from migrate.prove.trials import LIMIT, Disproof, Texts, Trials, texts_of

__all__ = ["LIMIT", "Disproof", "Pair", "prove"]


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
    try:
        return _prove(texts_of(pair))
    except Unprovable as reason:
        return Disproof(str(reason))
    except RecursionError:
        return Disproof("an expression is nested too deeply to be evaluated")


@lru_cache(maxsize=4096)
def _prove(texts: Texts) -> Evidence | Disproof:
    trials = Trials.of(texts)
    if (refused := trials.refused) is not None:
        return refused
    cases, error = 0, 0.0
    for trial in trials:
        if isinstance(trial.outcome, Disproof):
            return trial.outcome
        if trial.outcome is not None:
            cases += trial.outcome.cases
            error = max(error, trial.outcome.max_error)
    if not cases:
        return Disproof("torch computes no loss here, whatever the names hold")
    return Evidence(cases, error)
