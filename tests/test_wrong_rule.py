"""A rule that is wrong is caught by the proof: nothing is written, and the site is handed over."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from migrate import Status, load_rules, migrate_source
from migrate.errors import RuleError
from migrate.model import Evidence, Rule
from migrate.prove import Disproof, Pair, frameworks, prove
from migrate.prove.detail import detail
from migrate.ruleset import default_rules

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


# --- What a proof alone would have to believe. ---

NLL = default_rules().by_path["torch.nn.functional.nll_loss"]
CLASS = default_rules().by_path["torch.nn.NLLLoss"]
CROSSED = {
    **NLL.travel,
    "input": replace(NLL.travel["input"], to="target"),
    "target": replace(NLL.travel["target"], to="inputs"),
}


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_a_rule_whose_operands_change_places_is_not_loaded(tmp_path: Path, name: str) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    file = tmp_path / "rules" / f"torch.nn.functional.{name}.toml"
    first, second = ("input", "target") if name == "cross_entropy" else ("inputs", "target")
    text = file.read_text().replace(f'to = "{second}", domain', 'to = "?", domain')
    text = text.replace(f'to = "{first}", domain', f'to = "{second}", domain')
    file.write_text(text.replace('to = "?", domain', f'to = "{first}", domain'))
    with pytest.raises(RuleError) as caught:
        load_rules(tmp_path / "rules")
    key = f"travel.input.to: the logits travel to '{second}': expected {first}"
    assert str(caught.value) == f"{file}: {key}"


def test_operands_that_change_places_are_not_proven_whatever_the_travel_says() -> None:
    pair = Pair(
        replace(NLL, travel=CROSSED),
        "F.nll_loss(input=x, target=y)",
        "mindspore.ops.nll_loss(target=x, inputs=y)",
    )
    found = prove(pair)
    assert isinstance(found, Disproof)
    assert found.message == "the tensors changed places"


def crossed_signature(rule: Rule) -> Rule:
    """Give the first two parameters of the target each other's place."""
    first, second, *others = rule.target_parameters
    return replace(rule, target_parameters=(second, first, *others), travel=CROSSED)


@pytest.mark.parametrize(
    ("lie", "rule", "before", "after", "said"),
    [
        pytest.param(
            lambda rule: rule, NLL, "F.nll_loss(x, y)", "mindspore.ops.nll_loss(x, y)", "",
            id="the truth",
        ),
        pytest.param(
            crossed_signature, NLL, "F.nll_loss(x, y)", "mindspore.ops.nll_loss(x, y)", "Error",
            id="another order of the operands",
        ),
        pytest.param(
            lambda rule: replace(rule, target_call=("labels", "logits")),
            CLASS, "nn.NLLLoss()(x, y)", "mindspore.nn.NLLLoss()(x, y)", "Error",
            id="another order of the operands of an instance",
        ),
        pytest.param(
            lambda rule: replace(rule, target="mindspore.nn.CrossEntropyLoss"),
            CLASS, "nn.NLLLoss()", "mindspore.nn.CrossEntropyLoss()", "value has",
            id="another loss",
        ),
        pytest.param(
            lambda rule: replace(rule, target="mindspore.nn.NLLLossOf"),
            CLASS, "nn.NLLLoss()", "mindspore.nn.NLLLossOf()", "AttributeError",
            id="a loss that MindSpore has not",
        ),
    ],
)  # fmt: skip
def test_the_real_frameworks_judge_what_the_rule_says_of_the_target(
    lie: Callable[[Rule], Rule], rule: Rule, before: str, after: str, said: str
) -> None:
    pair = Pair(lie(rule), before, after)
    # The proof believes the rule: such a lie is kept out when rules are loaded, or seen here.
    assert isinstance(prove(pair), Evidence)
    pairs = detail(pair).computations
    run = frameworks.run(pairs, limit=120, names=("torch", "mindspore-pynative"))
    (measured,) = run.measure(pairs)
    assert measured.cases > 0
    assert bool(measured.failed) == bool(said), measured
    assert said in measured.failure
