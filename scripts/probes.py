"""Run the probes of the catalogue, each where its death cannot hurt another.

Only the standard library: the interpreter that runs a probe has a framework and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

#: The exit status of a process that wants the rest of its programs to be run in another.
_ANEW = 75

_NUMBER = re.compile(r"-?\d+\.\d*(e[-+]?\d+)?", re.IGNORECASE)


def outcomes(
    python: str | Path, programs: Sequence[str], *, limit: float, alone: bool = False
) -> list[str]:
    """Return what becomes of each program, as `expected` in the catalogue says it.

    Parameters
    ----------
    python : str or Path
        The interpreter to run them with.
    programs : sequence of str
        Independent programs that print what they show.
    limit : float
        Seconds that a process may take.
    alone : bool
        Whether each has a process of its own. Otherwise they share one, which starts anew behind
        a program that ends it.

    Returns
    -------
    list of str
        `raises X`, `prints TEXT`, `died` or `timed out`.
    """
    told: list[str] = []
    while len(told) < len(programs):
        batch = programs[len(told) :][: 1 if alone else None]
        told += _batch(python, batch, limit)
    return told


def _batch(python: str | Path, programs: Sequence[str], limit: float) -> list[str]:
    """Return the outcomes up to the first program that ended the process, at least one."""
    environment = os.environ | {"GLOG_v": "4", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        # A file, because what a framework's native code prints must not mix with the answers.
        answers = Path(folder, "answers")
        answers.touch()
        try:
            done = subprocess.run(
                # Not resolved: an environment's interpreter is a link.
                [Path(python).absolute(), __file__, answers],
                input=json.dumps(programs),
                cwd=folder,
                env=environment,
                timeout=limit,
                text=True,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            end = "" if done.returncode == _ANEW else "died"
        except subprocess.TimeoutExpired:
            end = "timed out"
        told = [json.loads(line) for line in answers.read_text().splitlines()]
    return told if len(told) == len(programs) or not end else [*told, end]


def outcome(program: str) -> str:
    """Run one program here, and return what became of it."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(program, "<probe>", "exec"), {"__name__": "__main__"})
    except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
        return f"raises {type(error).__name__}"
    text = " ".join(printed.getvalue().split())
    # Three digits: the frameworks round the last ones as they like.
    return "prints " + _NUMBER.sub(lambda found: f"{float(found[0]):.3g}", text)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w") as told:
        for source in json.load(sys.stdin):
            became = outcome(source)
            print(json.dumps(became), file=told, flush=True)
            if became == "raises RuntimeError":
                # An operator may fail late, in a thread, and the next program meet its error.
                sys.exit(_ANEW)
