"""The whole grid on the real frameworks: its figures in the documents, and a sample of it, run."""

from __future__ import annotations

import random
import sys
import tomllib
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from grid import APIS, sites
from grid_modules import modules_of

from migrate.prove.cases import SHAPES, cases
from migrate.ruleset import default_rules
from migrate.verify import verify

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from catalogue import put  # noqa: E402
from gridproof import (  # noqa: E402
    MODES,
    computed,
    figures,
    pairs_of,
    read,
    representatives,
    section,
    total,
)

DOCUMENT = ROOT / "docs" / "proof.md"

REDUCTIONS = ("mean", "sum", "none")
WEIGHTS = (None, "positive", "with a zero")
IGNORED = (-100, -1, 0, 1, 2, 255)
SMOOTHING = (0.0, 0.1, 1.0)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return read(ROOT / "docs" / "frameworks-grid.json")


def test_the_document_shows_the_figures_of_a_run(found: dict[str, Any]) -> None:
    text = DOCUMENT.read_text()
    assert put(text, "grid", section(found)) == text, "run scripts/frameworks-grid --table"


def test_no_case_differs(found: dict[str, Any]) -> None:
    assert found["failures"] == []
    for part in ("settings", "tensors", "legacy"):
        for mode in MODES:
            assert total(found[part], mode)["differ"] == 0


def test_every_setting_of_every_api_was_computed_on_every_tensor_in_both_modes(
    found: dict[str, Any],
) -> None:
    wanted = {}
    for api in APIS:
        rule = default_rules().by_path[api]
        smoothing = SMOOTHING if rule.kernel == "cross_entropy" else (None,)
        for reduction, weight, ignored, part in product(REDUCTIONS, WEIGHTS, IGNORED, smoothing):
            tensors = len(cases(rule.kernel, rule.dtypes, ignored, same=False, smoothed=bool(part)))
            wanted[api, reduction, weight, ignored, part] = tensors
    counted = {tuple(row[:-2]): [cell[0] for cell in row[-2:]] for row in found["settings"]}
    assert counted.keys() == wanted.keys()
    for key, (pynative, graph) in counted.items():
        assert pynative == graph > 0
        # Where one tensor is logits and target, there are no indices, so no whole number of times.
        assert pynative % wanted[key] == 0, key
    shapes = {row[0].count(",") for row in found["tensors"]}
    assert shapes == {len(shape) - 1 for shape in SHAPES}
    assert {row[1] for row in found["tensors"]} == {"float16", "float32", "float64"}
    assert {tuple(row[:-2]) for row in found["legacy"]} == {
        (), ("size_average",), ("reduce",), ("size_average", "reduce"),
    }  # fmt: skip


def test_the_parts_are_of_one_run_of_the_grid_as_it_is(found: dict[str, Any]) -> None:
    for mode in MODES:
        counts = {total(found[part], mode)["cases"] for part in ("settings", "tensors", "legacy")}
        assert len(counts) == 1
    assert found["sites"] == len(sites()) == found["rewritten"] + found["handed_over"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(
        pin.split("==") for pin in extras["optional-dependencies"]["frameworks"] if "==" in pin
    )
    # As torch has it, without the build: 2.13.0+cpu.
    assert {name: text.partition("+")[0] for name, text in found["versions"].items()} == pinned


def test_a_sample_agrees_in_both_modes(tmp_path: Path) -> None:
    chance = random.Random(20)
    chosen = sorted(chance.sample(sites(), 60), key=lambda site: site.number)
    for module in modules_of(chosen, "sample"):
        (tmp_path / f"{module.name}.py").write_text(module.text)
    pairs = pairs_of(verify([str(tmp_path)]))
    sample = []
    for api in APIS:
        before, after = chance.choice([pair for pair in pairs if pair[0].api == api])
        # In graph mode a case takes a quarter of a second on an idle core.
        few = tuple(chance.sample(before.cases, 6))
        sample.append((replace(before, cases=few), replace(after, cases=few)))
    on = computed(sample, limit=120, kept={}, progress=lambda *_: None)
    found = figures(sample, on)
    assert found["failures"] == []
    assert [total(found["settings"], mode)["cases"] for mode in MODES] == [30, 30]
    assert {row[0] for row in found["settings"]} == set(APIS)


def test_a_case_that_differs_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch.nn as nn\n\nloss = nn.NLLLoss(reduction='sum')\n")
    (pair,) = pairs_of(verify([str(tmp_path)]))
    (first,) = set(representatives([pair]).values())
    assert first == pair[1]
    on = computed([pair], limit=120, kept={}, progress=lambda *_: None)
    results = on.results[MODES[1]][pair[1]]
    results[3] = results[3][0] + 1, results[3][1]
    results[5] = "its process died (SIGSEGV)"
    found = figures([pair], on)
    assert [total(found["settings"], mode)["differ"] for mode in MODES] == [0, 2]
    assert len(found["failures"]) == 2
    assert "value has" in found["failures"][0]
    assert "SIGSEGV" in found["failures"][1]
