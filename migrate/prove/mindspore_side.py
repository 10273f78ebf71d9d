"""How MindSpore reads the arguments of a loss: strictly, but for `ops.nll_loss`.

What each parameter takes is in the rule. Held against the real MindSpore over the whole grid by
`tests/test_readers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from migrate.model import Rule
from migrate.prove.domains import Tensor
from migrate.prove.reading import Failed, Settings, accept, accept_index


def read(rule: Rule, values: Mapping[str, object]) -> Settings:
    """Return what MindSpore computes with, given a value for every parameter.

    Raises
    ------
    Failed
        If MindSpore raises.

    Notes
    -----
    `ops.nll_loss` takes every reduction that it does not know for "none", but gives the losses of
    an input of shape (N, C, d1) the shape (N, 1, d1) then: it compares with the word "none" once
    more to restore (N, d1) (mindspore.ops.function.nn_func, 2.10). `Settings.flattened` says so.
    """
    parameters = {parameter.name: parameter for parameter in rule.target_parameters}
    taken = {name: accept(parameter, values[name]) for name, parameter in parameters.items()}
    ignore_index = accept_index(parameters["ignore_index"], values["ignore_index"])
    smoothing = cast(float, taken.get("label_smoothing", 0.0))
    if rule.kernel == "cross_entropy":
        # 1 and True, which mint takes, are 1.0; a NaN, which it takes too, is as none.
        smoothing = float(smoothing) if smoothing > 0 else 0.0
    return Settings(
        weight=cast("Tensor | None", taken["weight"]),
        ignore_index=cast("int | float | None", ignore_index),
        reduction=cast(str, taken["reduction"]),
        label_smoothing=smoothing,
        flattened=taken["reduction"] != values["reduction"],
    )


def accept_labels(rule: Rule, dtype: str) -> None:
    """See that MindSpore takes class indices of `dtype`.

    Raises
    ------
    Failed
        If it refuses them. The class of cross entropy checks for int32, and everything else
        gathers by them, which takes int32 and int64 (measured on 2.10 over every dtype).
    """
    strict = rule.kind == "class" and rule.kernel == "cross_entropy"
    taken = ("int32",) if strict else ("int32", "int64")
    if dtype not in taken:
        raise Failed("TypeError", f"labels must be {' or '.join(taken)}, not {dtype}")
