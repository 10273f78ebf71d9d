"""Computes losses on one real framework: a process of its own, that answers JSON by lines.

Started by `migrate.prove.frameworks`, and the one module that imports torch or MindSpore, each only
in its own process. It constructs the losses of the rules with settings that a proof has read, on
the proof's own tensors; nothing of the user's is imported or run.

MindSpore's known limits are met by the tensors, not by the losses: class indices are int32 there,
which `mindspore.nn.CrossEntropyLoss` demands, and int64 for torch, which demands that; weights have
the dtype of the logits; the cases leave out float64 where the class refuses it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from migrate.prove.cases import Array, Case, logits, target, weights
from migrate.prove.domains import Tensor

#: By name, the package that it needs. The first computes what is before, the others after.
WORKERS: Mapping[str, str] = {
    "torch": "torch",
    "mindspore-pynative": "mindspore",
    "mindspore-graph": "mindspore",
}

Request: TypeAlias = Mapping[str, Any]
_Result: TypeAlias = tuple[Array, Array]
_Compute: TypeAlias = Callable[[Request, Sequence[Case]], list[_Result]]


def _torch() -> tuple[str, _Compute]:
    import torch

    torch.set_num_threads(1)

    def compute(request: Request, cases: Sequence[Case]) -> list[_Result]:
        (case,) = cases
        x = torch.tensor(logits(case), requires_grad=True)
        loss = _loss(torch, request, case, torch.tensor)
        value = loss(x, torch.tensor(_target(request, case, np.int64)))
        value.sum().backward()
        return [(value.detach().numpy(), x.grad.numpy())]

    return torch.__version__, compute


def _mindspore(mode: str) -> tuple[str, _Compute]:
    # Its log level is read once, at import; below errors it tells of deprecated arguments.
    os.environ.setdefault("GLOG_v", "3")
    import mindspore

    mindspore.set_context(mode=getattr(mindspore, mode))
    mindspore.runtime.launch_blocking()

    def compute(request: Request, cases: Sequence[Case]) -> list[_Result]:
        count = len(cases)
        losses = [_loss(mindspore, request, case, mindspore.Tensor) for case in cases]
        xs = [mindspore.Tensor(logits(case)) for case in cases]
        ys = [mindspore.Tensor(_target(request, case, np.int32)) for case in cases]

        def every(*tensors: Any) -> Any:
            values: tuple[Any, ...] = ()
            for i in range(count):
                values = (*values, losses[i](tensors[i], tensors[count + i]))
            return values

        if count == 1:
            value, gradient = mindspore.value_and_grad(losses[0])(*xs, *ys)
            return [(value.asnumpy(), gradient.asnumpy())]
        # The gradient of several outputs is that of their sum, and each has an input of its own.
        both = mindspore.value_and_grad(every, grad_position=tuple(range(count)))
        return [(v.asnumpy(), g.asnumpy()) for v, g in zip(*both(*xs, *ys), strict=True)]

    return mindspore.__version__, compute


def _loss(framework: Any, request: Request, case: Case, tensor: Callable[[Any], Any]) -> Any:
    """Return the loss with the settings of `request`, to be called with logits and target."""
    arguments = {
        name: tensor(weights(Tensor(value["tensor"]), case.dtype))
        if isinstance(value, dict)
        else value
        for name, value in request["arguments"].items()
    }
    api = attrgetter(request["api"].partition(".")[2])(framework)
    # By the names that the rule gives them: a rule that exchanges the two is found out here.
    first, second = request["operands"]
    if request["is_class"]:
        loss = api(**arguments)
        return lambda x, y: loss(**{first: x, second: y})
    # Not functools.partial: MindSpore 2.10 loses the gradient of one in graph mode.
    return lambda x, y: api(**{first: x, second: y}, **arguments)


def _target(request: Request, case: Case, index: type[np.integer[Any]]) -> Array:
    labels = target(case, request["ignored"])
    return labels if case.probabilities else labels.astype(index)


def _answers(request: Request, compute: _Compute, *, together: bool) -> list[dict[str, Any]]:
    cases = [Case(tuple(shape), dtype, kind) for shape, dtype, kind in request["cases"]]
    if together:
        # One graph for all cases takes two fifths of the time of one for each.
        try:
            return [_encoded(result) for result in compute(request, cases)]
        except Exception:  # noqa: BLE001 (one by one, below, to find out which case it is)
            pass
    answers = []
    for case in cases:
        try:
            answers.append(_encoded(compute(request, [case])[0]))
        except Exception as error:  # noqa: BLE001 (whatever a framework raises is its answer)
            answers.append({"error": f"{type(error).__name__}: {error}"})
    return answers


def _encoded(result: _Result) -> dict[str, Any]:
    return {
        name: [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]
        for name, array in zip(("value", "gradient"), result, strict=True)
    }


def main(name: str) -> None:
    """Say which version this is, then answer a request a line until there is no more.

    Parameters
    ----------
    name : str
        Of `WORKERS`.
    """
    # What a framework prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    def say(answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    modes = {"mindspore-pynative": "PYNATIVE_MODE", "mindspore-graph": "GRAPH_MODE"}
    try:
        version, compute = _torch() if name == "torch" else _mindspore(modes[name])
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == WORKERS[name]
        say({"missing": missing, "error": f"{type(error).__name__}: {error}"})
        return
    say({"version": version})
    for line in sys.stdin:
        say(_answers(json.loads(line), compute, together=name == "mindspore-graph"))
