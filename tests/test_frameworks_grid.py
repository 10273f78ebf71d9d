"""The whole grid on the real frameworks: a sample of it, and how it is counted."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

from grid import APIS, sites
from grid_modules import modules_of

from migrate.verify import verify

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from gridproof import (  # noqa: E402
    MODES,
    computed,
    figures,
    pairs_of,
    representatives,
    total,
)


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
