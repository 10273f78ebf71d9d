"""The losses on the real torch and MindSpore: the one place where tests import the two.

Imported on first use, because MindSpore alone takes seconds.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np

Form = Literal["class", "function"]

_CLASSES = {"cross_entropy": "CrossEntropyLoss", "nll_loss": "NLLLoss"}


@cache
def torch() -> ModuleType:
    import torch

    # Tiny arrays: a second thread costs more than it brings, and workers share the cores.
    torch.set_num_threads(1)
    return torch


@cache
def mindspore() -> ModuleType:
    # Its log level is read once, at import; below errors it tells of deprecated arguments.
    os.environ.setdefault("GLOG_v", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mindspore
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    # Ten times faster for tiny arrays: by default every operator waits in queues of threads.
    mindspore.runtime.launch_blocking()
    return mindspore


def torch_loss(
    kernel: str,
    input: np.ndarray,
    target: np.ndarray,
    *,
    form: Form = "function",
    weight: np.ndarray | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return value and gradient (of the sum of the value, in the input) as torch has them.

    `kernel` is a key of `migrate.prove.kernel.KERNELS`; `options` are ignore_index, reduction and
    label_smoothing. Integer targets become int64, which torch demands.
    """
    logits = torch().tensor(input, requires_grad=True)
    labels = torch().tensor(target.astype(np.int64) if target.dtype.kind in "iu" else target)
    scale = None if weight is None else torch().tensor(weight)
    if form == "class":
        loss = getattr(torch().nn, _CLASSES[kernel])(weight=scale, **options)
        value = loss(logits, labels)
    else:
        value = getattr(torch().nn.functional, kernel)(logits, labels, weight=scale, **options)
    value.sum().backward()
    return value.detach().numpy(), logits.grad.numpy()


def mindspore_loss(
    kernel: str,
    input: np.ndarray,
    target: np.ndarray,
    *,
    form: Form = "class",
    weight: np.ndarray | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return value and gradient as `torch_loss` does, of MindSpore in PyNative mode.

    Integer targets become int32, the only ones that `mindspore.nn.CrossEntropyLoss` takes.
    """
    ms = mindspore()
    labels = target.astype(np.int32) if target.dtype.kind in "iu" else target
    scale = None if weight is None else ms.Tensor(weight)
    if form == "class":
        loss = getattr(ms.nn, _CLASSES[kernel])(weight=scale, **options)
    else:
        function = getattr(ms.ops, kernel)

        def loss(x: Any, y: Any) -> Any:
            return function(x, y, weight=scale, **options)

    value, gradient = ms.value_and_grad(loss)(ms.Tensor(input), ms.Tensor(labels))
    return value.asnumpy(), gradient.asnumpy()
