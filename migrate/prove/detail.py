"""The evidence of a proof in full: the values, the errors by shape and dtype, and what failed.

A proof stops at the first disagreement and keeps only its verdict; this goes through the same
trials again, and is asked for by `verify` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from migrate.model import Pair
from migrate.prove import prove
from migrate.prove.calls import Unprovable
from migrate.prove.cases import Case, cases, logits, target, weights
from migrate.prove.compare import compare_case
from migrate.prove.domains import Tensor
from migrate.prove.evaluate import Evaluation, Key
from migrate.prove.reading import Failed, Reading
from migrate.prove.sides import Bound, Side
from migrate.prove.trials import Disproof, Texts, Trial, Trials, name_of, texts_of

Arguments: TypeAlias = Sequence[tuple[str, object]]

_LABELS_OF_NOTHING = -100


@dataclass(frozen=True, slots=True)
class Row:
    """The cases of one shape and dtype, with the largest errors in units in the last place."""

    shape: tuple[int, ...]
    dtype: str
    cases: int
    value_error: float
    gradient_error: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pair is not proven, and a program that shows it; empty where nothing was evaluated."""

    message: str
    case: str
    python: str


@dataclass(frozen=True, slots=True)
class Computation:
    """A loss with given settings, to be computed by its framework on every case.

    Attributes
    ----------
    api : str
        The dotted path of the class or function.
    is_class : bool
    operands : (str, str)
        The keywords under which the logits and the target are passed, as the rule names them.
    arguments : str
        The others of the call, as JSON, which tells 1 from True; a tensor is `{"tensor": name}`.
    cases : tuple of Case
    ignored : int
        The label that the program marks with.
    """

    api: str
    is_class: bool
    operands: tuple[str, str]
    arguments: str
    cases: tuple[Case, ...]
    ignored: int


@dataclass(frozen=True, slots=True)
class Detail:
    """The evidence of one pair.

    Attributes
    ----------
    names : tuple of (str, tuple of str)
        Every free name that took more than one value, and the values as Python writes them.
    raising : int
        How many combinations make both sides raise, and are no case.
    rows : tuple of Row
    failure : Failure or None
        Set where the pair is not proven; `rows` then holds what agreed before.
    computations : tuple of (Computation, Computation)
        What either framework computes, each pair of settings once.
    """

    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    raising: int = 0
    rows: tuple[Row, ...] = ()
    failure: Failure | None = None
    computations: tuple[tuple[Computation, Computation], ...] = ()


def detail(pair: Pair) -> Detail:
    """Return the evidence of `pair`, or how it fails; of equal pairs, the same object."""
    verdict = prove(pair)
    try:
        found = _detail(texts_of(pair))
    except (Unprovable, RecursionError):
        found = Detail()
    if isinstance(verdict, Disproof) and found.failure is None:
        return Detail(found.names, failure=Failure(verdict.message, verdict.case, ""))
    return found


@lru_cache(maxsize=4096)
def _detail(texts: Texts) -> Detail:
    trials = Trials.of(texts)
    domains = ((name_of(key), domain) for key, domain in trials.free.items())
    names = tuple((name, tuple(map(repr, domain))) for name, domain in domains if len(domain) > 1)
    if trials.refused is not None:
        return Detail(names)
    raising = 0
    rows: dict[tuple[tuple[int, ...], str], Row] = {}
    computations: dict[tuple[Computation, Computation], None] = {}
    failure = None
    for trial in trials:
        if isinstance(trial.outcome, Disproof):
            python = _python(trials, trial)
            failure = Failure(trial.outcome.message, trial.outcome.case, python)
            break
        if trial.outcome is None:
            raising += 1
            continue
        found = _cases(trials, trial)
        for case, errors in found.items():
            assert not isinstance(errors, str)
            row = rows.get((case.shape, case.dtype), Row(case.shape, case.dtype, 0, 0.0, 0.0))
            value, gradient = max(row.value_error, errors[0]), max(row.gradient_error, errors[1])
            rows[case.shape, case.dtype] = Row(row.shape, row.dtype, row.cases + 1, value, gradient)
        one, other = (
            _computation(trials, side, trial.values, tuple(found), _ignored(trial))
            for side in (trials.torch, trials.mindspore)
        )
        computations[one, other] = None
    return Detail(names, raising, tuple(rows.values()), failure, tuple(computations))


def _ignored(trial: Trial) -> int:
    index = trial.torch.settings.ignore_index if isinstance(trial.torch, Reading) else None
    return index if type(index) is int else _LABELS_OF_NOTHING


def _cases(trials: Trials, trial: Trial) -> dict[Case, tuple[float, float] | str]:
    """Return the errors of every case of a trial of which both sides compute something."""
    one, other = trial.torch, trial.mindspore
    assert isinstance(one, Reading)
    assert isinstance(other, Reading)
    rule, ignored = trials.rule, _ignored(trial)
    same, indices = one.input == one.target, bool(other.settings.labels)
    smoothed = bool(one.settings.label_smoothing)
    return {
        case: compare_case(rule.kernel, one.settings, other.settings, case, ignored)
        for case in cases(rule.kernel, rule.dtypes, ignored, same, indices, smoothed)
    }


def _computation(
    trials: Trials,
    side: Side,
    values: Mapping[Key, object],
    found: tuple[Case, ...],
    ignored: int,
) -> Computation:
    rule = trials.rule
    given = dict(side.made.given(Evaluation(values)))
    if rule.kind == "function":
        given = {name: value for name, value in given.items() if name not in side.operands}
    api = rule.source if side is trials.torch else rule.target
    # What JSON lacks can only stand where torch asks for truth.
    arguments = json.dumps(
        given,
        # Only keywords: calls that give the same in another order are one setting.
        sort_keys=True,
        default=lambda v: {"tensor": v.name} if isinstance(v, Tensor) else bool(v),
    )
    return Computation(api, rule.kind == "class", side.operands, arguments, found, ignored)


# -- a case as a program -------------------------------------------------------------------------


def _python(trials: Trials, trial: Trial) -> str:
    """Return a program that computes both sides of a trial on the real frameworks."""
    rule, ignored = trials.rule, _ignored(trial)
    case = cases(rule.kernel, rule.dtypes, ignored, same=False)[0]
    if isinstance(trial.torch, Reading) and isinstance(trial.mindspore, Reading):
        wrong = (case for case, errors in _cases(trials, trial).items() if isinstance(errors, str))
        case = next(wrong, case)
    labels = target(case, ignored)
    program = _Program({}, case)
    try:
        first = program.call(trials.torch, trial.values, rule.source, "torch.tensor")
        second = program.call(trials.mindspore, trial.values, rule.target, "mindspore.Tensor")
    except Failed:
        return ""
    tensors = {
        "logits": logits(case),
        "labels": labels if case.probabilities else labels.astype("int64"),
        **{
            name: weights(tensor, case.dtype)
            for tensor, name in program.names.items()
            if name not in ("logits", "labels")
        },
    }
    arrays = [
        f'{name} = np.array({array.tolist()}, "{array.dtype}")'
        for name, array in tensors.items()
        if array is not None
    ]
    # MindSpore's CrossEntropyLoss takes no other index than int32.
    cast = "" if case.probabilities else ', labels.astype("int32")'
    if "mindspore.Tensor(labels).astype(" not in second:
        made = f"mindspore.Tensor({cast[2:] or 'labels'})"
        second = second.replace("mindspore.Tensor(labels)", made)
    imports = ["import mindspore", "import numpy as np", "import torch"]
    prints = [f'print("torch", {first})', f'print("MindSpore", {second})']
    return "\n".join([*imports, *arrays, *prints])


@dataclass(frozen=True, slots=True)
class _Program:
    """The tensors of a program by their variables, known once torch's side is written."""

    names: dict[Tensor, str]
    case: Case

    def call(self, side: Side, values: Mapping[Key, object], api: str, made_by: str) -> str:
        run = Evaluation(values)
        made = side.made.given(run)
        for thunk in side.chain:
            thunk(run)
        used = None if side.used is None else self._given(side, side.used, run)
        for name, value in used if used is not None else made:
            if name in side.operands and isinstance(value, Tensor):
                self.names.setdefault(value, ("logits", "labels")[side.operands.index(name)])
        text = f"{api}({self._written(made, made_by)})"
        return text if used is None else f"{text}({self._written(used, made_by)})"

    @staticmethod
    def _given(side: Side, used: Bound, run: Evaluation) -> Arguments:
        # Any two tensors, where no call of the instance is known.
        return used.given(run) or [(name, used.defaults[name]) for name in side.operands]

    def _written(self, given: Arguments, made_by: str) -> str:
        # What has no parameter is passed by position, and refused by Python as it was there.
        extra = [f"*({self._literal(value, made_by)},)" for name, value in given if not name]
        named = [f"{name}={self._literal(value, made_by)}" for name, value in given if name]
        return ", ".join([*extra, *named])

    def _literal(self, value: object, made_by: str) -> str:
        if not isinstance(value, Tensor):
            return repr(value)
        count = sum(name.startswith("weight") for name in self.names.values())
        name = self.names.setdefault(value, f"weight_{count + 1}" if count else "weight")
        cast = f".astype(mindspore.{value.dtype})" if value.dtype else ""
        return f"{made_by}({name}){cast}"
