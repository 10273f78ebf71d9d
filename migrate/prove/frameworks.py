"""The cases of a proof on the real torch and MindSpore, each in processes of its own.

A process that crashes, or gives no answer in time, fails the cases that it was asked for, and is
started again for the next ones.
"""

from __future__ import annotations

import base64
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from migrate.errors import UsageError
from migrate.prove.cases import Array, Case
from migrate.prove.compare import difference
from migrate.prove.detail import Computation
from migrate.prove.worker import WORKERS

#: A worker that dies as often in a row is not started again.
PATIENCE = 3

_SPAWN = (
    "import sys; sys.path.append({root!r}); from migrate.prove.worker import main; main({name!r})"
)

#: What MindSpore says where the device has no operator for a case, whatever the call says, and
#: what that is. Each is provoked by tests/test_mint.py on the installed version.
_LACKING = (
    (r"The kernel (\w+) unregistered", "no {device} kernel for {name}"),
    (r"Unsupported op \[(\w+)\] on CPU", "no {device} kernel for {name}"),
    (r"Select CPU operator\[(\w+)\] fail! Unsupported data type", "no {device} kernel for {name} "
     "of such dtypes"),
    (r"For '(\w+)', the dimension of 'logits' should be 2, but got: 1",
     "no {device} kernel for {name} of one dimension"),
)  # fmt: skip

_Result: TypeAlias = tuple[Array, Array] | str
Pairs: TypeAlias = Iterable[tuple[Computation, Computation]]


@dataclass(frozen=True, slots=True)
class Measured:
    """How one way of running MindSpore compares with torch.

    Attributes
    ----------
    worker : str
        Of `WORKERS`.
    cases, failed : int
        All of them, and those that differ or have no answer.
    value_error, gradient_error : float
        In units in the last place, over the cases that agree.
    failure : str
        The first case that fails, and how; empty where none does.
    not_run : int
        Cases that count neither as equal nor as failed, for MindSpore has no operator for them on
        this device.
    lacking : str
        Which that are; empty where all cases ran.
    """

    worker: str
    cases: int
    failed: int
    value_error: float
    gradient_error: float
    failure: str
    not_run: int = 0
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Frameworks:
    """What the real frameworks make of the computations of a run.

    Attributes
    ----------
    versions : mapping of str to str
        By package.
    seconds : mapping of str to float
        How long each worker took.
    results : mapping of str to mapping of Computation to sequence
        By worker; for each case a value and a gradient, or what went wrong.
    """

    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    results: Mapping[str, Mapping[Computation, Sequence[_Result]]]

    def measure(self, pairs: Pairs) -> tuple[Measured, ...]:
        """Compare MindSpore with torch on every case of `pairs`, in every mode that was asked."""
        pairs = list(pairs)
        return tuple(self._measured(name, pairs) for name in self.results if name != "torch")

    def comparisons(
        self, worker: str, pairs: Pairs
    ) -> Iterator[tuple[Computation, Case, tuple[float, float] | str]]:
        """Yield every case of `pairs` with its errors (value, gradient), or what is wrong."""
        for before, after in pairs:
            ours, theirs = self.results[worker][after], self.results["torch"][before]
            for case, actual, expected in zip(before.cases, ours, theirs, strict=True):
                yield after, case, _compared(worker, actual, expected)

    def _measured(self, worker: str, pairs: Pairs) -> Measured:
        cases, failures, not_run = 0, [], 0
        lacking: dict[str, None] = {}
        value_error = gradient_error = 0.0
        for after, case, found in self.comparisons(worker, pairs):
            cases += 1
            if isinstance(found, str) and (what := lacking_operator(found)):
                not_run += 1
                lacking[what] = None
            elif isinstance(found, str):
                failures.append(f"{after.api}({after.arguments}), {case}: {found}")
            else:
                value_error = max(value_error, found[0])
                gradient_error = max(gradient_error, found[1])
        failure = failures[0] if failures else ""
        missing = ""
        if lacking:
            version = self.versions[WORKERS[worker]]
            missing = f"MindSpore {version} has {', '.join(lacking)}: run this on Ascend"
        errors = value_error, gradient_error
        return Measured(worker, cases, len(failures), *errors, failure, not_run, missing)


def lacking_operator(error: str) -> str:
    """Return which operator this device lacks, if that is what MindSpore has raised, or nothing."""
    for pattern, what in _LACKING:
        if found := re.search(pattern, error):
            return what.format(device="CPU", name=found[1])
    return ""


def _compared(worker: str, actual: _Result, expected: _Result) -> tuple[float, float] | str:
    if isinstance(expected, str):
        return f"torch: {expected}"
    if isinstance(actual, str):
        return f"{worker}: {actual}"
    return difference(actual, expected)


def run(
    pairs: Pairs,
    *,
    limit: float,
    done: Callable[[], None] = lambda: None,
    names: Sequence[str] = tuple(WORKERS),
) -> Frameworks:
    """Compute every computation of `pairs` once, on the framework that it is of.

    Parameters
    ----------
    pairs : iterable of (Computation, Computation)
    limit : float
        How many seconds a worker may take to start, and for the cases of one computation.
    done : callable
        Called after each computation, from several threads.
    names : sequence of str
        The workers to be asked, of `WORKERS`.

    Raises
    ------
    UsageError
        If a framework is not installed, or cannot be imported.
    """
    pairs = list(pairs)
    before = list(dict.fromkeys(pair[0] for pair in pairs))
    after = list(dict.fromkeys(pair[1] for pair in pairs))
    # MindSpore leaves folders where it runs.
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: _Worker(name, folder, limit) for name in names}
        with ThreadPoolExecutor(len(workers)) as pool:
            try:
                list(pool.map(_Worker.start, workers.values()))
                asked = [before if name == "torch" else after for name in names]
                answers = pool.map(lambda w, work: w.answers(work, done), workers.values(), asked)
                results = dict(zip(names, answers, strict=True))
            finally:
                # Also after an interrupt: without its process, no thread waits any longer.
                for worker in workers.values():
                    worker.close()
        for worker in workers.values():
            worker.reap()
    return Frameworks(
        {WORKERS[name]: worker.version for name, worker in workers.items()},
        {name: worker.seconds for name, worker in workers.items()},
        results,
    )


class _LostError(Exception):
    """A worker died, or gave no answer in time."""


class _Worker:
    def __init__(self, name: str, folder: str, limit: float) -> None:
        self.name = name
        self.folder = folder
        self.limit = limit
        self.version = ""
        self.seconds = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.closed = False

    def start(self) -> None:
        """Start the process, and wait until it has imported its framework; lost is no error."""
        try:
            self._start()
        except _LostError:
            self.reap()

    def answers(
        self, computations: Sequence[Computation], done: Callable[[], None]
    ) -> dict[Computation, list[_Result]]:
        """Ask for every computation; after `PATIENCE` losses in a row, for none any more."""
        began, losses, reason = time.perf_counter(), 0, ""
        found: dict[Computation, list[_Result]] = {}
        for computation in computations:
            try:
                if losses == PATIENCE:
                    raise _LostError(f"given up: {reason}")
                found[computation] = self._asked(computation)
                losses = 0
            except _LostError as lost:
                self.reap()
                if losses < PATIENCE:
                    losses, reason = losses + 1, str(lost)
                found[computation] = [str(lost)] * len(computation.cases)
            done()
        self.seconds = time.perf_counter() - began
        return found

    def close(self) -> None:
        """End the process, and start none any more.

        Only that: a thread may be waiting for its answer, and would wait on a pipe that is closed.
        """
        self.closed = True
        _end(self.process)

    def reap(self) -> None:
        """End the process, and close its pipes."""
        process, self.process = self.process, None
        if process is not None:
            _end(process)
            process.communicate()

    def _start(self) -> None:
        if self.closed:
            raise _LostError("interrupted")
        root = str(Path(__file__).parents[2])
        # -P: what lies in the current folder is not to be imported.
        command = [sys.executable, "-P", "-c", _SPAWN.format(root=root, name=self.name)]
        # Tiny arrays: a second thread costs more than it brings.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if self.closed:  # meanwhile
            raise _LostError("interrupted")
        hello = self._line()
        if "error" in hello:
            package = WORKERS[self.name]
            remedy = "pip install 'torch2mindspore[frameworks]'"
            if hello["missing"]:
                raise UsageError(f"{package} is not installed", remedy=remedy)
            raise UsageError(f"{package} cannot be imported ({hello['error']})", remedy=remedy)
        self.version = hello["version"]

    def _asked(self, computation: Computation) -> list[_Result]:
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        request = asdict(computation) | {
            "arguments": json.loads(computation.arguments),
            "cases": [(c.shape, c.dtype, c.probabilities) for c in computation.cases],
        }
        try:
            self.process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise _LostError(self._death()) from None
        return [_decoded(answer) for answer in self._line()]

    def _line(self) -> Any:
        assert self.process is not None
        assert self.process.stdout is not None
        read, deadline = b"", time.monotonic() + self.limit
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not read.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise _LostError(f"no answer within {self.limit:g} s")
                piece = os.read(self.process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise _LostError(self._death())
                read += piece
        return json.loads(read)

    def _death(self) -> str:
        assert self.process is not None
        status = self.process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"its process died ({how})"


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        # Its session, with whatever the framework has started. Another thread may be first.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _decoded(answer: Mapping[str, Any]) -> _Result:
    if "error" in answer:
        return str(answer["error"])
    value, gradient = (
        np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
        for dtype, shape, data in (answer["value"], answer["gradient"])
    )
    return value, gradient
