"""Every case under tests/fixtures: what becomes of it, and that both frameworks agree that it may.

`fixture_case` says what a case folder holds. What is expected there was written from torch's
semantics, never from what the tool answered.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixture_case import UNTOUCHED, Case, Reported, cases

from migrate.model import Status
from migrate.pipeline import migrate_bytes, migrate_source

CASES = cases()
POSITIVE = [case for case in CASES if case.is_positive]

#: Cases, by the test that fails and their id, in which the tool is wrong, with what is wrong.
KNOWN_BUGS: dict[tuple[str, str], str] = {}

TOLERANCE = 1e-5


def each(test: str, chosen: list[Case]) -> pytest.MarkDecorator:
    """Parametrise a test over cases, those with a known bug marked."""
    params = [
        pytest.param(
            case,
            id=case.id,
            marks=[pytest.mark.xfail(strict=True, reason=KNOWN_BUGS[test, case.id])]
            if (test, case.id) in KNOWN_BUGS
            else [],
        )
        for case in chosen
    ]
    return pytest.mark.parametrize("case", params)


# -- the folders ---------------------------------------------------------------------------------


@each("folder", CASES)
def test_folder_says_what_is_expected(case: Case) -> None:
    assert case.slug in {rule.slug for rule in case.rules.rules}, "the folder names no rule"
    assert case.is_positive != (case.refusal is not None), "either after.py or refusal.txt"
    if case.is_positive:
        assert (case.twin / "refusal.txt").exists(), f"no negative twin {case.twin.name}"
        assert case.after != case.before, "an after.py that changes nothing is a refusal.txt"
        return
    assert case.refusal is not None
    codes, prose = case.refusal
    assert codes, "no code, and not `untouched`"
    assert prose, "no reason"
    manual = {f.code for f in case.findings if f.status != Status.NOTE}
    assert manual == set(codes) - {UNTOUCHED}
    assert (UNTOUCHED in codes) == (not manual)


def test_known_bugs_are_cases() -> None:
    assert {name for _, name in KNOWN_BUGS} <= {case.id for case in CASES}


# -- the tool ------------------------------------------------------------------------------------


@each("migrates", CASES)
def test_migrates_as_expected(case: Case) -> None:
    result = migrate_bytes(case.before, path=case.path, rules=case.rules)
    assert result.error is None, result.traceback or result.error
    written = result.new if result.changed else case.before
    assert written.decode() == case.after.decode()
    assert written == case.after
    found = [Reported(f.rule, str(f.status), f.code, f.line, f.column) for f in result.findings]
    assert found == case.findings
    for finding in result.with_status(Status.REWRITTEN):
        assert finding.evidence is not None, finding
        assert finding.evidence.cases > 0, finding


@each("second run", CASES)
def test_second_run_changes_nothing(case: Case) -> None:
    again = migrate_bytes(case.after, path=case.path, rules=case.rules)
    assert again.error is None, again.traceback or again.error
    assert not again.changed, again.new.decode()


# -- what is expected ----------------------------------------------------------------------------


@each("comments", POSITIVE)
def test_after_parses_and_holds_every_comment(case: Case) -> None:
    ast.parse(case.after)
    assert not comments(case.before) - comments(case.after)


def comments(source: bytes) -> Counter[str]:
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


@each("runs", POSITIVE)
def test_after_runs_under_mindspore(case: Case, answers: dict[tuple[str, str], Any]) -> None:
    error = answers["after", case.id]["error"]
    assert error is None, error


@each("judged", [case for case in POSITIVE if case.judged])
def test_after_computes_what_before_does(case: Case, answers: dict[tuple[str, str], Any]) -> None:
    before, after = answers["before", case.id], answers["after", case.id]
    for answer in (before, after):
        assert answer["error"] is None, answer["error"]
    for name, calls in before["losses"].items():
        assert calls, f"torch takes no call of {name}"
        for call, expected in calls.items():
            for what, theirs, ours in zip(
                ("value", "gradient"), expected, after["losses"][name][call], strict=True
            ):
                assert np.shape(ours) == np.shape(theirs), f"{what} of {name}({call})"
                np.testing.assert_allclose(
                    ours,
                    theirs,
                    rtol=TOLERANCE,
                    atol=TOLERANCE,
                    err_msg=f"{what} of {name}({call})",
                )


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """What became of each file, by side and case, in two processes.

    The first has torch, for every `before` that is judged, and for an `after` that still uses
    torch. The second cannot import torch.
    """
    folder = tmp_path_factory.mktemp("runs")
    judged = [case for case in POSITIVE if case.judged]
    befores = run(folder, "before", [job(case, "before") for case in judged], without_torch=False)
    accepted = {
        name: {loss: list(calls) for loss, calls in each_["losses"].items()}
        for name, each_ in befores.items()
    }
    free: list[dict[str, Any]] = []
    bound: list[dict[str, Any]] = []
    for case in POSITIVE:
        left = migrate_source(case.after.decode(), path=case.path).torch_left
        needs_torch = left or imports_torch(ast.parse(case.after))
        asked = job(case, "after") | {"accepted": accepted.get(case.id, {})}
        if befores.get(case.id, {"error": None})["error"]:
            asked["judged"] = []
        (bound if needs_torch else free).append(asked)
    afters = {
        **run(folder, "free", free, without_torch=True),
        **run(folder, "bound", bound, without_torch=False),
    }
    return {
        **{("before", name): value for name, value in befores.items()},
        **{("after", name): value for name, value in afters.items()},
    }


def imports_torch(tree: ast.AST) -> bool:
    """Tell whether a file imports torch, used or not, where nothing catches its absence."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [str(node.module)]
        else:
            modules = []
        if any(module.partition(".")[0] == "torch" for module in modules):
            return True
        if not isinstance(node, ast.Try) and imports_torch(node):
            return True
    return False


def job(case: Case, side: str) -> dict[str, Any]:
    path = case.folder / f"{side}.py"
    return {"id": case.id, "path": str(path), "side": side, "judged": case.judged}


def run(
    folder: Path, name: str, jobs: list[dict[str, Any]], *, without_torch: bool
) -> dict[str, Any]:
    if not jobs:
        return {}
    asked, answered = folder / f"{name}.json", folder / f"{name}-answers.json"
    asked.write_text(json.dumps({"without_torch": without_torch, "jobs": jobs}))
    script = Path(__file__).with_name("fixture_run.py")
    done = subprocess.run(
        [sys.executable, str(script), str(asked), str(answered)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(answered.read_text())
    return found
