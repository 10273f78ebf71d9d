"""What the documents say is true: links, fixtures, and the output they show."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.ruleset import default_rules

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith(("https://", "http://")):
            assert (document.parent / target).exists(), target


def test_every_row_of_the_coverage_names_cases_that_exist() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "coverage.md").read_text().splitlines()
        if line.startswith("|") and not re.match(r"\|[-| ]+\|$|\| *\|? *PyTorch", line)
    ]
    assert len(rows) > 20
    for row in rows:
        cases = re.findall(r"`(nn\.[\w.]+/[\w-]+)`", row.rsplit("|", 2)[1])
        assert cases, row
        for case in cases:
            assert (FIXTURES / case / "before.py").exists(), case


def test_the_coverage_has_a_row_for_every_parameter() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text()
    for rule in default_rules().rules:
        for parameter in rule.source_parameters:
            assert re.search(rf"\b{parameter.name}\b", text), (rule.id, parameter.name)


def test_the_readme_shows_what_a_run_prints() -> None:
    shown = re.search(
        r"\$ torch2mindspore check examples\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert shown is not None
    done = subprocess.run(
        [sys.executable, "-m", "migrate.cli", "check", "examples"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == shown[1]
    assert done.returncode == 1


def test_the_readme_shows_a_part_of_the_real_diff() -> None:
    shown = re.search(r"```diff\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    done = subprocess.run(
        [sys.executable, "-m", "migrate.cli", "diff", "examples"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown[1] in done.stdout
