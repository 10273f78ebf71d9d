"""Does in a process of its own what `test_grid` judges; the directory it is given holds the work.

    python grid_runner.py migrate DIRECTORY FILE…   migrates these modules
    python grid_runner.py torch DIRECTORY           executes what the modules were before
    python grid_runner.py mindspore DIRECTORY       executes what they are after, without torch

Every site is really executed, for every combination of values that its names can hold: its
arguments are evaluated by Python, and the API is called with what they gave. Only the framework's
arithmetic is not repeated. In the place of each API stands an `Api` that remembers outcomes by the
arguments *that it received*, bound to the signature of the real one, types included, tensors by
identity. The first time that it receives some arguments, the real class is constructed with them
and really called, or the real function is, so each is validated by the framework itself; what it
raised is raised again. Some of the cases run once more with nothing in between, the gradient taken
through the generated code, and must give the same.
"""

from __future__ import annotations

import importlib.abc
import inspect
import json
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from itertools import product
from operator import attrgetter
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from grid import BUNDLES, RUNTIME
from numpy.typing import NDArray

from migrate.prove.tolerance import mismatch

Array = NDArray[Any]

#: One case in so many runs once more without an `Api` in between.
DIRECT = 4001

#: In an outcome's place, where a module was imported and nothing computed yet.
IMPORTED = -1

TARGETS = {
    "torch": (
        "torch.nn.CrossEntropyLoss", "torch.nn.NLLLoss", "torch.nn.NLLLoss2d",
        "torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss",
    ),
    "mindspore": (
        "mindspore.nn.CrossEntropyLoss", "mindspore.nn.NLLLoss",
        "mindspore.ops.cross_entropy", "mindspore.ops.nll_loss",
    ),
}  # fmt: skip


# -- the frameworks ------------------------------------------------------------------------------


class Torch:
    name = "torch"

    def __init__(self) -> None:
        import torch

        # Tiny arrays: a second thread costs more than it brings.
        torch.set_num_threads(1)
        self.module = torch

    def tensor(self, array: Array) -> Any:
        floating = array.dtype.kind == "f"
        # Class indices must be int64 in torch.
        return self.module.tensor(array if floating else array.astype(np.int64))

    def gradient(self, compute: Callable[[Any], Any], x: Any) -> tuple[Array, Array]:
        leaf = x.clone().requires_grad_()
        value = compute(leaf)
        value.sum().backward()
        return value.detach().numpy(), leaf.grad.numpy()


class _NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is blocked: migrated code must not need it", name=name)
        return None


class MindSpore:
    name = "mindspore"

    def __init__(self) -> None:
        sys.meta_path.insert(0, _NoTorch())
        # Read at import; below errors it tells of deprecated arguments.
        os.environ.setdefault("GLOG_v", "3")
        import mindspore

        mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
        # Ten times faster for tiny arrays: by default every operator waits in queues of threads.
        mindspore.runtime.launch_blocking()
        self.module = mindspore

    def tensor(self, array: Array) -> Any:
        floating = array.dtype.kind == "f"
        # mindspore.nn.CrossEntropyLoss takes int32 labels only; what they are is not the call's.
        return self.module.Tensor(array if floating else array.astype(np.int32))

    def gradient(self, compute: Callable[[Any], Any], x: Any) -> tuple[Array, Array]:
        # It asks for a function with a name.
        value, gradient = self.module.value_and_grad(lambda x: compute(x))(x)
        return value.asnumpy(), gradient.asnumpy()


# -- an API that remembers -----------------------------------------------------------------------


class Record:
    """All outcomes of a process, each once: arrays, or the name of what was raised."""

    def __init__(self, framework: Torch | MindSpore) -> None:
        self.framework = framework
        self.outcomes: list[tuple[Any, ...]] = []
        self.computed: dict[Any, int] = {}
        self.raised: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.direct = False
        self.checked = 0

    def tensor(self, name: str, array: Array) -> Any:
        tensor = self.framework.tensor(array)
        self.names[id(tensor)] = name
        return tensor

    def failure(self, error: Exception) -> int:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        if said not in self.raised:
            self.raised[said] = len(self.outcomes)
            self.outcomes.append(("raised", said))
        return self.raised[said]

    def key(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        return (*map(self.plain, args), *((k, self.plain(kwargs[k])) for k in sorted(kwargs)))

    def plain(self, value: Any) -> tuple[Any, Any]:
        # The type too: 0, 0.0 and False are three arguments.
        return type(value), self.names.get(id(value)) or value

    def outcome(self, key: Any, compute: Callable[[Any], Any], x: Any) -> int:
        if key not in self.computed:
            self.direct = True
            try:
                arrays = self.framework.gradient(compute, x)
                self.computed[key] = len(self.outcomes)
                self.outcomes.append(("computed", *arrays))
            finally:
                self.direct = False
        return self.computed[key]

    def check(self, outcome: int, call: Callable[[Any], Any], x: Any, name: str) -> None:
        """See that an outcome is what the generated code gives with nothing in between."""
        if self.outcomes[outcome][0] != "computed":
            return
        self.direct = True
        try:
            arrays = self.framework.gradient(call, x)
        finally:
            self.direct = False
        for remembered, found in zip(self.outcomes[outcome][1:], arrays, strict=True):
            # Not bit for bit: where an array lies in memory decides how its sum is vectorised.
            said = mismatch(found, remembered)
            if said:
                raise AssertionError(f"{name}, with nothing in between: {said}")
        self.checked += 1


class Remembered:
    """Calls by raw arguments, bound once each to the signature of what they reach."""

    def __init__(self, record: Record, signature: inspect.Signature) -> None:
        self.record = record
        self.signature = signature
        self.known: dict[Any, Any] = {}

    def look_up(
        self, args: Sequence[Any], kwargs: dict[str, Any], find: Callable[[dict[str, Any]], Any]
    ) -> Any:
        """Return what `find` makes of the bound arguments; raise what it raised."""
        raw = (len(args), *self.record.key(args, kwargs))
        if raw not in self.known:
            try:
                bound = self.signature.bind(*args, **kwargs)
                bound.apply_defaults()
                self.known[raw] = find(bound.arguments)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is the outcome
                self.known[raw] = error
        found = self.known[raw]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found


class Api(Remembered):
    """Stands in the place of a real class or function; a call of it gives an outcome's number."""

    def __init__(self, record: Record, path: str, real: Any) -> None:
        self.path, self.real = path, real
        self.instances: dict[Any, Instance] = {}
        super().__init__(record, _signature(real.__init__ if inspect.isclass(real) else real))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.record.direct:
            return self.real(*args, **kwargs)
        return self.look_up(
            args, kwargs, self._construct if inspect.isclass(self.real) else self._compute
        )

    def _construct(self, bound: dict[str, Any]) -> Instance:
        key = self.record.key((), bound)
        if key not in self.instances:
            self.record.direct = True
            try:
                real = self.real(**bound)
            finally:
                self.record.direct = False
            self.instances[key] = Instance(self.record, (self.path, key), real)
        return self.instances[key]

    def _compute(self, bound: dict[str, Any]) -> int:
        first = next(iter(self.signature.parameters))
        others = {name: value for name, value in bound.items() if name != first}
        key = self.path, self.record.key((), bound)
        return self.record.outcome(key, lambda x: self.real(**{first: x}, **others), bound[first])


class Instance(Remembered):
    def __init__(self, record: Record, made: tuple[Any, ...], real: Any) -> None:
        self.made, self.real = made, real
        forward = real.construct if hasattr(real, "construct") else real.forward
        super().__init__(record, _signature(forward))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.look_up(args, kwargs, self._compute)

    def _compute(self, bound: dict[str, Any]) -> int:
        x, y = bound.values()
        key = self.made, self.record.key((x, y), {})
        return self.record.outcome(key, lambda x: self.real(x, y), x)


def _signature(real: Any) -> inspect.Signature:
    signature = inspect.signature(real)
    kept = [p for name, p in signature.parameters.items() if name != "self"]
    return signature.replace(parameters=kept)


# -- the cases -----------------------------------------------------------------------------------


class Cases:
    """Executes the sites of modules, and notes for each case its outcome and what it logged."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.logged: list[tuple[str, str]] = []
        self.logs: dict[tuple[tuple[str, str], ...], int] = {}
        self.results: dict[str, list[tuple[int, int]]] = {}
        self.data = [_Data(record, number) for number in range(len(BUNDLES))]
        self.config = SimpleNamespace()
        self.options = sys.modules["options"] = ModuleType("options")
        self.count = 0

    def log(self, name: str, value: Any) -> Any:
        self.logged.append((name, self.record.names.get(id(value)) or repr(value)))
        return value

    def held(self, names: Sequence[str], values: Sequence[Any], data: _Data) -> dict[str, Any]:
        held = dict.fromkeys(RUNTIME) | dict(zip(names, values, strict=True))
        held["w"] = data.weights[held["w"]]
        self.config.__dict__.update(held)
        return held

    def run(self, site: dict[str, Any], scope: dict[str, Any]) -> None:
        """Execute one site for every combination of values of its names."""
        data, function = self.data[site["bundle"]], scope[site["name"]]
        for values in product(*(RUNTIME[name] for name in site["names"])):
            held = self.held(site["names"], values, data)
            given = (data.labels_of(site, held), *held.values(), self.config, held, self.log)
            self.case(site["name"], partial(_call, function, given), data.x)
            self.count += 1
            if self.count % DIRECT == 0:
                outcome, _ = self.results[site["name"]][-1]
                self.record.check(outcome, partial(_call, function, given), data.x, site["name"])

    def run_at_import(self, code: CodeType, module: dict[str, Any], scope: dict[str, Any]) -> None:
        """Execute a module for every combination of what it imports, and then its sites."""
        for values in product(*(RUNTIME[name] for name in module["at_import"])):
            held = self.held(module["at_import"], values, self.data[0])
            self.options.__dict__.update(held, cfg=self.config, t=held, log=self.log)
            self.logged.clear()
            exec(code, scope)
            # What the constructors evaluated; there is no value yet to be compared.
            noted = self.logs.setdefault(tuple(self.logged), len(self.logs))
            self.results.setdefault(module["sites"][0]["name"], []).append((IMPORTED, noted))
            for site in module["sites"]:
                data = self.data[site["bundle"]]
                given = (data.labels_of(site, held),)
                self.case(site["name"], partial(_call, scope[site["name"]], given), data.x)

    def case(self, name: str, call: Callable[[Any], Any], x: Any) -> None:
        self.logged.clear()
        try:
            outcome = call(x)
            assert type(outcome) is int
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is the outcome
            outcome = self.record.failure(error)
        log = self.logs.setdefault(tuple(self.logged), len(self.logs))
        self.results.setdefault(name, []).append((outcome, log))


def _call(function: Callable[..., Any], given: tuple[Any, ...], x: Any) -> Any:
    return function(x, *given)


class _Data:
    """The tensors of one bundle: logits, labels by the label that is ignored, weights by name."""

    def __init__(self, record: Record, number: int) -> None:
        shape, dtype, probabilities = BUNDLES[number]
        random = np.random.default_rng(number)
        axis = min(1, len(shape) - 1)
        outer = shape[:axis] + shape[axis + 1 :]
        self.x = record.tensor(f"x{number}", random.normal(size=shape).astype(dtype))
        self.labels = {}
        for ignored in (-100, -1, 1):
            raw = random.choice([0, 2, 3, 4], size=outer)
            if outer:
                raw.flat[1::3] = ignored
            if probabilities:
                raw = np.exp(random.normal(size=shape))
                raw = (raw / raw.sum(axis=axis, keepdims=True)).astype(dtype)
            elif not outer:
                raw = np.array(2)
            self.labels[ignored] = record.tensor(f"y{number} {ignored}", raw)
        self.weights: dict[str | None, Any] = {None: None}
        for name, first in (("positive", 0.5), ("with a zero", 0.0)):
            weight = np.array([first, 1.5, 2.0, 0.25, 1.0], dtype)
            self.weights[name] = record.tensor(f"w{number} {name}", weight)

    def labels_of(self, site: dict[str, Any], held: dict[str, Any]) -> Any:
        text = site["ignore_index"]
        return self.labels[held[text] if text in held else int(text)]


def execute(framework: Torch | MindSpore, directory: Path) -> None:
    record = Record(framework)
    for path in TARGETS[framework.name]:
        owner, _, name = path.partition(".")[2].rpartition(".")
        module = attrgetter(owner)(framework.module)
        setattr(module, name, Api(record, path, getattr(module, name)))
    cases = Cases(record)
    for module in json.loads((directory / "execute.json").read_text()):
        file = directory / f"{module['name']}.{framework.name}.py"
        code = compile(file.read_text(), str(file), "exec")
        scope: dict[str, Any] = {"__name__": file.stem}
        if module["at_import"]:
            cases.run_at_import(code, module, scope)
            continue
        exec(code, scope)
        for site in module["sites"]:
            cases.run(site, scope)
    answer = (record.outcomes, list(cases.logs), cases.results, record.checked)
    (directory / f"{framework.name}.pickle").write_bytes(pickle.dumps(answer))


def migrate(directory: Path, files: Sequence[str]) -> None:
    from migrate.pipeline import migrate_source

    for file in files:
        result = migrate_source((directory / f"{file}.torch.py").read_text(), path=f"{file}.py")
        (directory / f"{file}.mindspore.py").write_text(str(result.after))
        found = [
            (f.line, str(f.status), f.code, f.before, f.message, f.evidence and f.evidence.cases)
            for f in result.findings
        ]
        (directory / f"{file}.json").write_text(json.dumps([found, result.torch_left]))


def main(role: str, directory: Path, *files: str) -> None:
    # torch warns of every legacy argument.
    warnings.simplefilter("ignore")
    if role == "migrate":
        migrate(directory, files)
    else:
        execute(Torch() if role == "torch" else MindSpore(), directory)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
