"""Computes a loss on the settings of either side, over every case, and compares.

Value and gradient must agree in dtype, shape and number. Results are kept: a kernel computes a
setting on a case once, and a pair of settings is compared once, however many calls have them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from migrate.model import Dtypes, Rule
from migrate.prove.cases import Array, Case, cases, logits, target, weights
from migrate.prove.kernel import KERNELS, Loss
from migrate.prove.reading import Settings
from migrate.prove.tolerance import mismatch, ulp_error


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two settings that give the same on every case.

    Attributes
    ----------
    cases : int
    max_error : float
        In units in the last place, over values and gradients.
    """

    cases: int
    max_error: float


def compare(rule: Rule, torch: Settings, mindspore: Settings, *, same: bool) -> Agreement | str:
    """Compare what the two settings compute.

    Parameters
    ----------
    rule : Rule
        Says which loss, and in which dtypes.
    torch, mindspore : Settings
    same : bool
        Whether one tensor is both logits and target.

    Returns
    -------
    Agreement or str
        Where they differ, on which case and in what.
    """
    # Here, because True and 1.0 would find what is kept of 1. Only ops.nll_loss takes anything but
    # an int, and no program that runs on torch has that.
    ignored = torch.ignore_index
    if type(ignored) is not int or type(mindspore.ignore_index) is not int:
        return f"MindSpore ignores {mindspore.ignore_index!r}, which torch refuses"
    return _compare(rule.kernel, rule.dtypes, torch, mindspore, ignored, same)


@lru_cache(maxsize=4096)
def _compare(
    kernel: str, dtypes: Dtypes, torch: Settings, mindspore: Settings, ignored: int, same: bool
) -> Agreement | str:
    smoothed = bool(torch.label_smoothing)
    found = cases(kernel, dtypes, ignored, same, bool(mindspore.labels), smoothed)
    error = 0.0
    for case in found:
        errors = compare_case(kernel, torch, mindspore, case, ignored)
        if isinstance(errors, str):
            return f"{case}: {errors}"
        error = max(error, *errors)
    return Agreement(len(found), error)


@lru_cache(maxsize=16384)
def compare_case(
    kernel: str, torch: Settings, mindspore: Settings, case: Case, ignored: int
) -> tuple[float, float] | str:
    """Compare what the two settings compute of one case.

    Parameters
    ----------
    kernel : str
    torch, mindspore : Settings
    case : Case
    ignored : int
        The label that the program marks with, which is torch's `ignore_index`.

    Returns
    -------
    (float, float) or str
        The errors of value and gradient in units in the last place, or what differs.
    """
    # The labels are those of a program that runs on torch, on both sides.
    expected = _loss(kernel, torch, case, ignored)
    actual = _loss(kernel, mindspore, case, ignored)
    if isinstance(expected, str) or isinstance(actual, str):
        return actual if isinstance(actual, str) else str(expected)
    if actual is expected:
        return 0.0, 0.0
    return difference((actual.value, actual.gradient), (expected.value, expected.gradient))


def difference(
    actual: tuple[Array, Array], expected: tuple[Array, Array]
) -> tuple[float, float] | str:
    """Compare two pairs of value and gradient.

    Returns
    -------
    (float, float) or str
        The errors in units in the last place; what differs where it is more than the tolerance.
    """
    for what, one, other in zip(("value", "gradient"), actual, expected, strict=True):
        if found := mismatch(one, other):
            return f"{what} has {found}"
    return ulp_error(actual[0], expected[0]), ulp_error(actual[1], expected[1])


@lru_cache(maxsize=16384)
def _loss(kernel: str, settings: Settings, case: Case, ignored: int) -> Loss | str:
    """Return the loss, or why it cannot be computed."""
    x = logits(case)
    arguments: dict[str, object] = {
        "weight": weights(settings.weight, case.dtype),
        "ignore_index": settings.ignore_index,
        "reduction": settings.reduction,
    }
    if kernel == "cross_entropy":
        arguments["label_smoothing"] = settings.label_smoothing
    elif settings.label_smoothing:
        return f"label_smoothing={settings.label_smoothing} has no part in {kernel}"
    try:
        labels = target(case, ignored)
        if settings.labels:
            labels = labels.astype(settings.labels)
        loss = KERNELS[kernel](x, labels, **arguments)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return str(error)
    if settings.flattened and settings.reduction == "none" and x.ndim not in (1, 2, 4):
        return replace(loss, value=loss.value.reshape(x.shape[0], 1, -1))
    return loss
