"""The processes that a run is shared among, and what is left of it where one of them dies."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from migrate.survey import Scan, Scanned

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

_Answer = TypeVar("_Answer")

# Small enough that workers end together and an interrupt is soon heard.
_CHUNK = 32

# Below this many files a pool costs more than it saves.
_WORTH_A_POOL = 8 * _CHUNK


def processes_for(asked: int, files: int) -> int:
    """Return how many processes work on so many files, as asked or, for 0, as are worth it."""
    if asked == 0:
        asked = _cores() if files >= _WORTH_A_POOL else 1
    return min(asked, -(-files // _CHUNK))


def _cores() -> int:
    # The cores this process may use: in a container, fewer than there are.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(
    files: Sequence[str],
    one: Callable[[str], _Answer],
    died: Callable[[str], _Answer],
    processes: int,
    *,
    size: int = _CHUNK,
    pool: ProcessPoolExecutor | None = None,
) -> Iterator[_Answer]:
    """Yield the answer for every file, in their order.

    Parameters
    ----------
    files : sequence of str
    one : callable
        From a file to its answer; it goes to the workers.
    died : callable
        From a file to the answer where its worker died of it.
    processes : int
    size : int
        How many files a worker takes at once.
    pool : ProcessPoolExecutor, optional
        What does the work while it lives.
    """
    from concurrent.futures.process import BrokenProcessPool

    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    answered = partial(_answers, pickle.dumps(one))
    done = 0
    while done < len(chunks):
        try:
            with workers(processes) if pool is None else nullcontext(pool) as alive:
                for answers in alive.map(answered, chunks[done:]):
                    yield from answers
                    done += 1
        except BrokenProcessPool:
            pool = None
            # Some file killed its worker, and with it every chunk under way. One worker goes
            # through the first of them again, so that only the culprit has no answer.
            if size > 1:
                yield from in_processes(chunks[done], one, died, 1, size=1)
            else:
                yield died(chunks[done][0])
            done += 1


def scans(pool: ProcessPoolExecutor, scan: Scan, files: Sequence[str]) -> Iterator[Scanned]:
    """Yield what the bytes of every file tell; where a worker dies, all that is left is a hit."""
    from concurrent.futures.process import BrokenProcessPool

    size = 4 * _CHUNK
    done = 0
    try:
        for answers in pool.map(scan, [files[n : n + size] for n in range(0, len(files), size)]):
            yield from answers
            done += len(answers)
    except BrokenProcessPool:
        yield from (Scanned(mentions=True) for _ in files[done:])


@contextmanager
def workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Keep so many processes alive."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Never a fork of a process that may have threads; the server forks from a clean one.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    # Python starts the server with `-c`, which puts the current folder in front of sys.path: a
    # selectors.py in the user's tree would be imported, and run, in place of Python's own.
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        with ProcessPoolExecutor(processes, context, initializer=_start) as pool:
            yield pool
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _start() -> None:
    # The interrupt is the parent's to handle; a worker ends its file.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()


@lru_cache(1)
def _loaded(one: bytes) -> Callable[[str], Any]:
    """Take what every chunk needs once: with it comes what the project has read already."""
    loaded: Callable[[str], Any] = pickle.loads(one)
    return loaded


def _answers(one: bytes, paths: Sequence[str]) -> list[Any]:
    return list(map(_loaded(one), paths))
