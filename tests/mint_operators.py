"""What MindSpore lacks on a CPU, stood in for by its own other operators.

`mindspore.mint` is supported on Ascend. Its losses are written in Python around four operators that
a CPU has not at all (in PyNative mode), not for every shape, or not right. With these in place,
everything around them is MindSpore's own, and can be held against torch; the kernels of Ascend are
not. `test_mint.py` sees to it that each stand-in is still needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from frameworks import mindspore

from migrate.model import Rule
from migrate.ruleset import load, target_directory

MINT: tuple[Rule, ...] = load(target_directory("mint")).rules

#: Where the losses of mint are written.
MODULE = "mindspore.ops.function.nn_func"


def is_mint(rule: Rule) -> bool:
    return rule.target.startswith("mindspore.mint.")


def rule_id(rule: Rule) -> str:
    return f"{'mint ' if is_mint(rule) else ''}{rule.slug}"


@contextmanager
def operators_of_ascend(rule: Rule) -> Iterator[None]:
    """Put the stand-ins in place, for a rule of mint."""
    if not is_mint(rule):
        yield
        return
    with patch.multiple(MODULE, **_stand_ins()):
        yield


@cache
def _stand_ins() -> dict[str, Any]:
    ops = mindspore().ops
    from mindspore.ops.function import nn_func

    kernel, fill = nn_func.nllloss_impl, nn_func.masked_fill_op

    def log_softmax_ext(input: Any, dim: int, *, dtype: Any) -> Any:
        """There is no kernel of LogSoftmaxExt in PyNative mode."""
        # Not ops.log_softmax, which on a CPU is off by twenty units in the last place.
        return nn_func._innner_log_softmax(input, dim)

    def nllloss_impl(input: Any, target: Any, weight: Any, reduction: Any, ignored: Any) -> Any:
        """The kernel refuses (C), and leaves the losses of ignored labels as they lie in memory."""
        flat = input.ndim == 1
        x, y = (input.reshape(1, -1), target.reshape(1)) if flat else (input, target)
        value, total = kernel(x, y, weight, reduction, ignored)
        if value.ndim:
            value = ops.where(y == ignored, ops.zeros_like(value), value)
        return (value.reshape(()) if flat else value), total

    def nllloss_2d_op(input: Any, target: Any, weight: Any, reduction: Any, ignored: Any) -> Any:
        """There is no kernel of NLLLoss2d."""
        x = input.transpose(0, 2, 3, 1).reshape(-1, input.shape[1])
        value, total = nllloss_impl(x, target.reshape(-1), weight, reduction, ignored)
        return (value.reshape(target.shape) if value.ndim else value), total

    def masked_fill_op(input: Any, mask: Any, value: Any) -> Any:
        """The kernel does not take an int to fill with."""
        return fill(input, mask, float(value))

    return {each.__name__: each for each in (
        log_softmax_ext, nllloss_impl, nllloss_2d_op, masked_fill_op
    )}  # fmt: skip
