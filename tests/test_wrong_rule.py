"""A rule that is wrong is caught by the proof: nothing is written, and the site is handed over."""

import shutil
from pathlib import Path

import pytest

from migrate import Status, load_rules, migrate_source

RULES = Path(__file__).parents[1] / "rules"
NAME = "torch.nn.CrossEntropyLoss.toml"


@pytest.mark.parametrize(
    ("right", "wrong", "call"),
    [
        pytest.param(
            '{ name = "ignore_index", default = "-100", accepts = ["int"] },\n'
            '  { name = "reduction", default = "\'mean\'", one_of = ["none", "mean", "sum"] }',
            '{ name = "ignore_index", default = "0", accepts = ["int"] },\n'
            '  { name = "reduction", default = "\'mean\'", one_of = ["none", "mean", "sum"] }',
            "nn.CrossEntropyLoss()",
            id="another default",
        ),
        pytest.param(
            'label_smoothing = { to = "label_smoothing", domain = "fraction", convert = "float" }',
            'label_smoothing = { to = "label_smoothing", domain = "fraction" }',
            "nn.CrossEntropyLoss(label_smoothing=smoothing)",
            id="an int stays an int",
        ),
        pytest.param(
            'reduction = { to = "reduction", domain = "reduction", '
            'values = { elementwise_mean = "mean" } }',
            'reduction = { to = "reduction", domain = "reduction", '
            'values = { elementwise_mean = "mean", sum = "mean" } }',
            "nn.CrossEntropyLoss(reduction='sum')",
            id="sum becomes mean",
        ),
    ],
)
def test_what_a_wrong_rule_makes_is_never_written(
    tmp_path: Path, right: str, wrong: str, call: str
) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    file = tmp_path / "rules" / NAME
    text = file.read_text()
    assert text.count(right) == 1, "the rule has changed: change the test with it"
    before = f"import torch.nn as nn\n\n\ndef loss(x, y, smoothing):\n    return {call}\n"
    assert migrate_source(before).changed
    file.write_text(text.replace(right, wrong))
    result = migrate_source(before, rules=load_rules(tmp_path / "rules"))
    assert not result.changed
    assert [f.code for f in result.with_status(Status.MANUAL)] == ["unproven"]
    assert not result.with_status(Status.REWRITTEN)
