"""`scripts/bench` measures what it says, and fails where a target is missed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

USES = "from torch.nn import NLLLoss\n\ncriterion = NLLLoss()\n"


#: Targets that every tree meets.
ANY = ("--at-most", "1e9", "--at-least", "0", "--index-at-most", "1e9")


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(ROOT / "scripts" / "bench"),
        "--rounds",
        "1",
        "--index-at-most",
        "1e9",
        *arguments,
    ]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(13):
        (folder / f"uses{number:02}.py").write_text(USES)
    (folder / "plain.py").write_text("nothing = 'of torch'\n" * 50)
    return folder


def test_within_the_targets(tree: Path) -> None:
    done = bench(str(tree), *ANY)
    assert done.returncode == 0, done.stderr
    # Two of the thirteen are the sample: the first and the last. The plain one is not picked.
    assert "and parse 13 files, 39 lines" in done.stdout
    assert "QualifiedNameProvider, 2 files, 6 lines" in done.stdout
    assert done.stdout.count("| tree |") == 10  # the head, too


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param([*ANY, "--at-most", "0"], id="slower than the reference allows"),
        pytest.param([*ANY, "--at-least", "1e9"], id="too near to the resolver"),
        pytest.param([*ANY, "--index-at-most", "-1"], id="an index that costs too much"),
    ],
)
def test_missed_target_fails_and_is_written_down(
    tree: Path, tmp_path: Path, targets: list[str]
) -> None:
    document = tmp_path / "page.md"
    document.write_text("<!-- table: written by scripts/bench -->\n<!-- end of table -->\n")
    done = bench(str(tree), *targets, "--markdown", str(document))
    assert done.returncode == 1
    assert "| check, the same files |" in document.read_text()
    assert "tree: too slow" in done.stderr
    assert "| check, the same files |" in done.stdout


def test_early_import(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import libcst\n")
    done = bench(str(tree), *ANY, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "--version imports libcst" in done.stderr
    assert "check imports libcst" in done.stderr
    assert "imports numpy" not in done.stderr


def test_nothing_to_time(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("nothing = 'of torch'\n")
    done = bench(str(tmp_path))
    assert done.returncode == 1
    assert "no file mentions a covered name" in done.stderr
