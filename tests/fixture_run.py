"""Runs fixtures in a process of their own: `python fixture_run.py jobs.json answers.json`.

One process for many files, because importing a framework takes longer than all of them together.
Each file is executed in a fresh namespace. The functions of `Case.judged` are called with real
tensors, and with every combination of values that their further parameters may take.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import inspect
import itertools
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from frameworks import mindspore, torch

LOGITS = np.array(
    [
        [0.3, -1.2, 2.0, 0.1, -0.4],
        [1.5, 0.2, -0.7, 0.9, 0.0],
        [-2.1, 0.4, 0.6, -0.3, 1.1],
        [0.8, 0.5, -1.6, 1.9, -0.2],
    ],
    dtype=np.float32,
)
LABELS = [1, 0, 4, 2]
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25, 1.5], dtype=np.float32)

#: What stands in place of the second label: itself, or a value that torch refuses (IndexError)
#: unless it is the ignore_index in force. Such a set of labels is then left out on both sides.
SECOND_LABELS = (0, -100, 255, -1)

#: The values of a parameter by its name; of any other, FLAGS.
VALUES: dict[str, tuple[object, ...]] = {
    "reduction": ("mean", "sum", "none"),
    "ignore_index": (-100, 0),
    "label_smoothing": (0, 1, 0.25),
    "weight": (WEIGHT,),
}
FLAGS = (None, True, False, 0, 1)

Arguments = dict[str, Any]


def combinations(function: Callable[..., Any]) -> Iterator[tuple[str, int, Arguments]]:
    """Yield a name, the second label and the further arguments of each call to make."""
    parameters = list(inspect.signature(function).parameters.values())[2:]
    values = [
        (True, False) if p.annotation in (bool, "bool") else VALUES.get(p.name, FLAGS)
        for p in parameters
    ]
    for second in SECOND_LABELS:
        for chosen in itertools.product(*values):
            arguments = {p.name: value for p, value in zip(parameters, chosen, strict=True)}
            shown = [f"{name}={v!r}" for name, v in arguments.items() if name != "weight"]
            yield ", ".join([f"label={second}", *shown]), second, arguments


def judged_by_torch(function: Callable[..., Any], second: int, arguments: Arguments) -> Any:
    logits = torch().tensor(LOGITS, requires_grad=True)
    labels = torch().tensor([LABELS[0], second, *LABELS[2:]])
    given = {k: torch().tensor(v) if v is WEIGHT else v for k, v in arguments.items()}
    try:
        value = function(logits, labels, **given)
    except IndexError:
        return None
    value.sum().backward()
    return [value.detach().numpy().tolist(), logits.grad.numpy().tolist()]


def judged_by_mindspore(function: Callable[..., Any], second: int, arguments: Arguments) -> Any:
    ms = mindspore()
    labels = ms.Tensor([LABELS[0], second, *LABELS[2:]], ms.int32)
    given = {k: ms.Tensor(v) if v is WEIGHT else v for k, v in arguments.items()}

    def loss(logits: Any) -> Any:
        return function(logits, labels, **given)

    value, gradient = ms.value_and_grad(loss)(ms.Tensor(LOGITS))
    return [value.asnumpy().tolist(), gradient.asnumpy().tolist()]


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stand-ins for a user's own modules, which a fixture imports and does not bring along."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        stand_in = MagicMock()

        def attribute(name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(stand_in, name)

        vars(module)["__getattr__"] = attribute


#: What a fixture finds installed; everything else that it imports is the user's own.
_INSTALLED = {*sys.stdlib_module_names, "torch", "mindspore", "numpy"}


def own_modules(tree: ast.Module) -> list[str]:
    found = {"fixture"}  # the package that relative imports are read against
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return sorted(found - _INSTALLED)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Execute one file; return what went wrong, or value and gradient by function and call."""
    text = Path(job["path"]).read_bytes()
    own = own_modules(ast.parse(text))
    stand_ins = StandIns(own)
    sys.meta_path.append(stand_ins)
    judge = judged_by_torch if job["side"] == "before" else judged_by_mindspore
    losses: dict[str, dict[str, Any]] = {}
    call = ""
    try:
        package = "fixture.package"
        namespace = {"__name__": f"{package}.module", "__package__": package, "__file__": "x.py"}
        exec(compile(text, job["path"], "exec"), namespace)
        for name in job["judged"]:
            losses[name] = {}
            for shown, second, arguments in combinations(namespace[name]):  # type: ignore[arg-type]
                call = f"{name}({shown})"
                if job["side"] == "after" and shown not in job["accepted"][name]:
                    continue
                value = judge(namespace[name], second, arguments)  # type: ignore[arg-type]
                if value is not None:
                    losses[name][shown] = value
    except Exception:  # noqa: BLE001 (any error is the answer for this file; the next one runs)
        return {"error": f"{call}\n{traceback.format_exc()}", "losses": losses}
    finally:
        sys.meta_path.remove(stand_ins)
        for module in [m for m in sys.modules if m.partition(".")[0] in own]:
            del sys.modules[module]
    return {"error": None, "losses": losses}


def main(jobs: Path, answers: Path) -> None:
    asked = json.loads(jobs.read_text())
    if asked["without_torch"]:
        sys.modules["torch"] = None  # type: ignore[assignment]  # importing it is an ImportError
    answers.write_text(json.dumps({job["id"]: answer(job) for job in asked["jobs"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
