"""`--target mint`: its folder of rules, the command line, and what a CPU computes of its losses."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from frameworks import mindspore, torch_loss
from mint_operators import MINT, operators_of_ascend, rule_id

from migrate import cli, default_rules, load_rules, migrate_source
from migrate.model import Rule, Status
from migrate.prove.cases import Case, cases, logits, target, weights
from migrate.prove.compare import difference
from migrate.prove.detail import detail
from migrate.prove.domains import ZERO_WEIGHT
from migrate.prove.frameworks import Frameworks, Measured, lacking_operator
from migrate.report import verification
from migrate.ruleset import target_directory
from migrate.verify import Site, Verification, VerifiedFile

ROOT = Path(__file__).parents[1]
CLASS = "import torch.nn as nn\n\ncriterion = nn.CrossEntropyLoss(size_average=False)\n"
BY_KEYWORD = "import torch.nn as nn\n\nvalue = nn.NLLLoss()(input=x, target=y)\n"

each_rule = pytest.mark.parametrize("rule", MINT, ids=map(rule_id, MINT))


def run(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrate.cli", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )


# --- The folders, and what chooses among them. ---


def test_neither_folder_holds_a_rule_of_the_other() -> None:
    assert {rule.target.split(".")[1] for rule in default_rules().rules} == {"nn", "ops"}
    assert {rule.target.rpartition(".")[0] for rule in MINT} == {
        "mindspore.mint.nn",
        "mindspore.mint.nn.functional",
    }


def test_the_targets_of_the_command_line_are_the_folders() -> None:
    folders = {file.parent for file in target_directory("mindspore").rglob("torch.*.toml")}
    folders.discard(target_directory("mindspore") / "tensors")  # what moves with a loss of either
    option = next(p for p in cli.cli.commands["check"].params if p.name == "target")
    assert {target_directory(each) for each in option.type.choices} == folders  # type: ignore[attr-defined]


def test_the_library_takes_the_rules_of_a_folder() -> None:
    rules = load_rules(target_directory("mint"))
    assert migrate_source(CLASS, rules=rules).after == (
        "import mindspore\n\ncriterion = mindspore.mint.nn.CrossEntropyLoss(reduction='sum')\n"
    )


@pytest.mark.parametrize("chosen", [(), ("--target", "mindspore"), ("--target=mint",)])
def test_diff_apply_and_check_go_where_the_target_says(
    tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    name = "mindspore.mint.nn" if chosen == ("--target=mint",) else "mindspore.nn"
    call = f"criterion = {name}.CrossEntropyLoss(reduction='sum')\n"
    (tmp_path / "a.py").write_text(CLASS)
    done = run("diff", *chosen, "a.py", cwd=tmp_path)
    assert (done.returncode, f"+{call}" in done.stdout) == (1, True), done
    assert run("check", *chosen, "a.py", cwd=tmp_path).returncode == 1
    assert run("apply", *chosen, "-", cwd=tmp_path, stdin=CLASS).stdout.endswith(call)
    assert run("apply", *chosen, "a.py", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.py").read_text().endswith(call)
    again = run("apply", *chosen, "a.py", cwd=tmp_path)
    assert (again.returncode, (tmp_path / "a.py").read_text().count("import")) == (0, 1)
    # What one target has written is not torch's, and nothing to do for the other.
    assert run("check", "--target", "mint", "a.py", cwd=tmp_path).returncode == 0
    assert run("check", "a.py", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("verb", ["diff", "apply", "check", "verify", "rules", "explain"])
def test_every_verb_takes_a_target_and_refuses_a_wrong_one(tmp_path: Path, verb: str) -> None:
    (tmp_path / "a.py").write_text(CLASS)
    rest = {"rules": [], "explain": ["nn.NLLLoss"]}.get(verb, ["a.py"])
    assert run(verb, "--target", "mint", *rest, cwd=tmp_path).returncode in (0, 1)
    wrong = run(verb, "--target", "torch", *rest, cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'torch' is not one of 'mindspore', 'mint'" in wrong.stderr
    both = run(verb, "--target", "mint", "--rules", str(ROOT / "rules"), *rest, cwd=tmp_path)
    assert (both.returncode, both.stdout) == (2, "")
    assert "give --rules alone" in both.stderr


def test_rules_and_explain_speak_of_the_target(tmp_path: Path) -> None:
    listed = run("rules", "--target", "mint", cwd=tmp_path).stdout
    assert "torch.nn.NLLLoss2d -> mindspore.mint.nn.NLLLoss\n" in listed
    page = run("explain", "nll_loss", "--target", "mint", cwd=tmp_path).stdout
    assert "mindspore.mint.nn.functional.nll_loss(input, target, weight=None" in page
    assert "mindspore.ops" not in page


def test_a_call_by_keywords_is_proven_and_stays_and_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(BY_KEYWORD)
    done = run("check", "--target", "mint", "--format", "json", "a.py", cwd=tmp_path)
    document = json.loads(done.stdout)
    made, called = document["files"][0]["findings"]
    assert (made["status"], made["after"]) == ("rewritten", "mindspore.mint.nn.NLLLoss()")
    assert (called["status"], called["code"]) == ("note", "keywords-kept")
    assert called["after"] is None
    assert called["evidence"]["cases"] == 8
    assert document["summary"]["rewritten"] == 1


# --- On a CPU, without any stand-in. ---


def computed(rule: Rule, case: Case, **given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return value and gradient of the rule's target in PyNative mode."""
    ms = mindspore()
    ignored = given.get("ignore_index", -100)
    x, y = logits(case), target(case, ignored)
    api = attrgetter(rule.target.partition(".")[2])(ms)
    given = {name: ms.Tensor(v) if name == "weight" else v for name, v in given.items()}
    made = api(**given) if rule.kind == "class" else lambda x, y: api(x, y, **given)
    labels = y if case.probabilities else y.astype(np.int32)
    value, gradient = ms.value_and_grad(made)(ms.Tensor(x), ms.Tensor(labels))
    return value.asnumpy(), gradient.asnumpy()


def expected(rule: Rule, case: Case, **given: Any) -> tuple[np.ndarray, np.ndarray]:
    y = target(case, given.get("ignore_index", -100))
    return torch_loss(rule.kernel, logits(case), y, **given)


@each_rule
def test_the_operators_that_a_cpu_lacks_are_still_lacking(rule: Rule) -> None:
    """What docs, rules and stand-ins say of a CPU: where this fails, they are to be revised."""
    row, image, single = (Case(s, "float32", False) for s in ((4, 3), (2, 3, 2, 2), (3,)))
    if rule.kernel == "cross_entropy":
        for case in (row, image, single):
            with pytest.raises(RuntimeError, match="The kernel LogSoftmaxExt unregistered"):
                computed(rule, case)
        return
    assert computed(rule, row)[0].shape == ()
    with pytest.raises(RuntimeError, match="The kernel NLLLoss2d unregistered"):
        computed(rule, image)
    with pytest.raises(RuntimeError, match="the dimension of 'logits' should be 2, but got: 1"):
        computed(rule, single)


def settings(rule: Rule, dtype: str) -> list[dict[str, Any]]:
    smoothings = (0.0, 0.25) if rule.kernel == "cross_entropy" else (None,)
    return [
        {"reduction": reduction, "ignore_index": ignored}
        | ({} if tensor is None else {"weight": weights(tensor, dtype)})
        | ({} if smoothing is None else {"label_smoothing": smoothing})
        for reduction in ("mean", "sum", "none")
        for ignored in (-100, 1)
        for tensor in (None, ZERO_WEIGHT)
        for smoothing in smoothings
    ]


def disagreements(rule: Rule, case: Case, given: dict[str, Any]) -> list[str]:
    found = difference(computed(rule, case, **given), expected(rule, case, **given))
    return [f"{given} on {case}: {found}"] if isinstance(found, str) else []


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("rule", [r for r in MINT if r.kernel == "nll_loss"], ids=rule_id)
def test_nll_loss_of_a_batch_is_that_of_torch(rule: Rule, dtype: str) -> None:
    found = []
    for given in settings(rule, dtype):
        # Not reduced, the loss of an ignored label is what lay in memory.
        if given["reduction"] != "none":
            found += disagreements(rule, Case((4, 3), dtype, probabilities=False), given)
    assert found == []


# --- With the operators of Ascend stood in for. ---


@each_rule
def test_what_stands_around_the_operators_computes_what_torch_does(rule: Rule) -> None:
    found = []
    for ignored in (-100, 1):
        for case in cases(rule.kernel, rule.dtypes, ignored, same=False):
            for given in settings(rule, case.dtype):
                if given["ignore_index"] == ignored:
                    with operators_of_ascend(rule):
                        found += disagreements(rule, case, given)
    assert found == []


@pytest.mark.parametrize("rule", [r for r in MINT if r.kernel == "cross_entropy"], ids=rule_id)
def test_float16_probabilities_are_of_no_proof_because_the_mean_is_float32(rule: Rule) -> None:
    case = Case((4, 3), "float16", probabilities=True)
    with operators_of_ascend(rule):
        assert computed(rule, case)[0].dtype == np.float32
    assert expected(rule, case)[0].dtype == np.float16
    assert "float16" not in rule.dtypes.probabilities


def test_a_finding_of_mint_is_rewritten_with_evidence() -> None:
    result = migrate_source(BY_KEYWORD, rules=load_rules(target_directory("mint")))
    assert [f.status for f in result.findings] == [Status.REWRITTEN, Status.NOTE]
    assert all(f.evidence is not None for f in result.findings)


# --- On the real frameworks, through `verify`. ---

ON_CPU = """\
import torch.nn as nn

likelihood = nn.NLLLoss(reduction="sum")
entropy = nn.CrossEntropyLoss(label_smoothing=0.5)
"""


def test_what_a_cpu_lacks_is_neither_agreement_nor_difference(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(ON_CPU)
    asked = ("verify", "--target", "mint", "--frameworks", "--time-limit", "300", "a.py")
    done = run(*asked, "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((ROOT / "rules/report.schema.json").read_text()))
    likelihood, entropy = document["files"][0]["findings"]
    # Two of eight cases, a batch of rows in either dtype, are computed, and agree.
    for measured in likelihood["verification"][0]["frameworks"]:
        assert (measured["cases"], measured["not_run"], measured["failed"]) == (8, 6, 0)
        assert measured["lacking"] == (
            f"MindSpore {mindspore().__version__} has no CPU kernel for NLLLoss of one dimension, "
            "no CPU kernel for NLLLoss2d: run this on Ascend"
        )
    assert likelihood["status"] == "rewritten"
    pynative, graph = entropy["verification"][0]["frameworks"]
    assert (pynative["cases"], pynative["not_run"], pynative["failed"]) == (12, 12, 0)
    assert pynative["lacking"] == (
        f"MindSpore {mindspore().__version__} has no CPU kernel for LogSoftmaxExt: "
        "run this on Ascend"
    )
    assert "no CPU kernel for MaskedFill of such dtypes" in graph["lacking"]
    # The probabilities of every shape are computed in graph mode.
    assert graph["cases"] - graph["not_run"] == 4
    assert document["verification"]["frameworks"]["not_run"] == 2
    assert done.returncode == 1


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError: For 'NLLLoss', the dimension of 'logits' should be 2, but got: 3",
        "TypeError: For 'nllloss', the input 'reduction' should be a str, but got <class 'bool'>.",
        "ValueError: For cross_entropy, label_smoothing must be in [0, 1].",
    ],
)
def test_any_other_error_of_a_framework_fails_its_case(error: str) -> None:
    assert lacking_operator(error) == ""


def measured(not_run: int) -> Verification:
    """A verification of one site, with one case that may not have run."""
    migrated = migrate_source(CLASS, path="a.py", rules=load_rules(target_directory("mint")))
    (finding,) = migrated.findings
    lacking = "MindSpore 0 has no CPU kernel for X: run this on Ascend" if not_run else ""
    found = Measured("mindspore-graph", 1, 0, 0.0, 0.0, "", not_run, lacking)
    site = Site(finding, tuple(map(detail, finding.pairs)), ((found,),))
    frameworks = Frameworks({"mindspore": "0"}, {"mindspore-graph": 0.0}, {})
    return Verification((VerifiedFile(migrated, (site,)),), None, 0, frameworks, 0.0)


@pytest.mark.parametrize("not_run", [0, 1])
def test_cases_that_did_not_run_are_told_and_set_the_exit_status(not_run: int) -> None:
    human = io.StringIO()
    assert verification.tell(measured(not_run), form="text", human=human) == not_run
    lines = human.getvalue().splitlines()
    line = next(each for each in lines if "torch and mindspore-graph" in each)
    assert line.endswith(
        "1 case, 1 not run: MindSpore 0 has no CPU kernel for X: run this on Ascend"
        if not_run
        else "1 case, value 0, gradient 0"
    )
    assert lines[-1].startswith("1 site with cases that" if not_run else "1 file looked at")
