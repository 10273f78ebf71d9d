"""`--labels cast`: where it stands, that it is proven, and that it computes what torch does."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import frameworks
import numpy as np
import pytest

from migrate import migrate_source
from migrate.model import Evidence, Pair, Status
from migrate.prove import Disproof, prove
from migrate.prove.compare import compare
from migrate.prove.reading import Settings
from migrate.ruleset import default_rules
from migrate.verify import verify

RULE = default_rules().by_path["torch.nn.CrossEntropyLoss"]
HEAD = "import torch\nimport torch.nn as nn\nc = nn.CrossEntropyLoss()\n"


@pytest.fixture(autouse=True)
def operands_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at what is said of operands where they do not move with the loss."""
    monkeypatch.setattr("migrate.engine._move_tensors", lambda file, origins: frozenset())


def cast(body: str) -> tuple[str, list[str]]:
    """Return what becomes of the lines behind HEAD, and the codes of all findings."""
    result = migrate_source(HEAD + body, labels="cast")
    assert result.after is not None
    lines = result.after.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("c ="))
    return "\n".join(lines[at + 1 :]), [f.code for f in result.findings]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("c(x, y.long())", "c(x, y.long().astype(mindspore.int32))", id="a call"),
        pytest.param(
            "y = y.long()\nc(x, y)", "y = y.long()\nc(x, y.astype(mindspore.int32))", id="a name"
        ),
        pytest.param(
            "c(x, y.long()[0])", "c(x, y.long()[0].astype(mindspore.int32))", id="a subscript"
        ),
        pytest.param(
            "c(input=x, target=y.long())",
            "c(logits=x, labels=y.long().astype(mindspore.int32))",
            id="by keyword",
        ),
        pytest.param(
            "c(target=y.long(), input=x)",
            "c(labels=y.long().astype(mindspore.int32), logits=x)",
            id="by keyword, the other way round",
        ),
        pytest.param(
            "c(x, y.long() if f else z.argmax(1))",
            "c(x, (y.long() if f else z.argmax(1)).astype(mindspore.int32))",
            id="lower precedence",
        ),
        pytest.param(
            "c(x, (y.long() if f else z.argmax(1)))",
            "c(x, ((y.long() if f else z.argmax(1)).astype(mindspore.int32)))",
            id="within parentheses of its own",
        ),
        pytest.param(
            "c(x, (y := y.long()))",
            "c(x, ((y := y.long()).astype(mindspore.int32)))",
            id="a walrus",
        ),
        pytest.param(
            "c(\n    x,\n    y.view(-1).long(),  # labels\n)",
            "c(\n    x,\n    y.view(-1).long().astype(mindspore.int32),  # labels\n)",
            id="over lines",
        ),
        pytest.param(
            "nn.CrossEntropyLoss(size_average=False)(x, y.long())",
            "mindspore.nn.CrossEntropyLoss(reduction='sum')(x, y.long().astype(mindspore.int32))",
            id="a constructor that is called at once",
        ),
        pytest.param(
            "nn.CrossEntropyLoss().cuda()(input=x, target=y.long())",
            "mindspore.nn.CrossEntropyLoss()(logits=x, labels=y.long().astype(mindspore.int32))",
            id="with a chain",
        ),
    ],
)
def test_indices_are_cast(before: str, after: str) -> None:
    text, codes = cast(before + "\n")
    assert text == after
    assert "labels-cast" in codes
    assert "int64-labels" not in codes


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("c(x, y)", None, id="nothing is known"),
        pytest.param("c(x, y.float())", None, id="probabilities"),
        pytest.param("c(x, y.long().float())", None, id="probabilities in the end"),
        pytest.param("c(x, y.long() if f else p)", "int64-labels", id="perhaps probabilities"),
        pytest.param("c(x, y.long().int())", None, id="int32 already"),
        pytest.param("c(x, y.long().astype(mindspore.int32))", None, id="cast already"),
        pytest.param("c(x, y.long().to(mindspore.int32))", None, id="cast already, otherwise"),
        pytest.param("c(x, y.byte())", "uint8-labels", id="another dtype"),
        pytest.param("c(x.long(), y)", None, id="the logits"),
        pytest.param("c(*z, y.long())", None, id="starred: which is which is not known"),
    ],
)
def test_nothing_else_is_cast(body: str, code: str | None) -> None:
    text, codes = cast(body + "\n")
    assert text == body
    assert "labels-cast" not in codes
    assert [each for each in codes if each.endswith("labels")] == ([code] if code else [])


def test_a_function_takes_int64_and_is_left_alone() -> None:
    before = "import torch.nn.functional as F\nF.cross_entropy(x, y.long())\n"
    result = migrate_source(before, labels="cast")
    assert result.after == "import mindspore\nmindspore.ops.cross_entropy(x, y.long())\n"
    assert [f.code for f in result.findings] == ["renamed"]


def test_the_cast_is_not_made_unasked_nor_twice() -> None:
    before = HEAD + "c(x, y.long())\n"
    kept = migrate_source(before)
    assert kept.after is not None
    assert "astype" not in kept.after
    assert [f.code for f in kept.findings] == ["renamed", "int64-labels"]
    once = migrate_source(before, labels="cast")
    assert once.after is not None
    again = migrate_source(once.after, labels="cast")
    assert again.after == once.after
    assert not again.findings


def test_the_cast_goes_where_its_constructor_goes() -> None:
    before = HEAD + "c.double()\nc(x, y.long())\n"
    result = migrate_source(before, labels="cast")
    assert not result.changed
    assert [(f.status, f.code) for f in result.findings] == [(Status.MANUAL, "instance-attribute")]


def test_the_finding_has_evidence_and_both_texts() -> None:
    result = migrate_source(HEAD + "c(x, y.long())\n", labels="cast")
    found = next(f for f in result.findings if f.code == "labels-cast")
    assert found.status is Status.REWRITTEN
    assert (found.before, found.after) == (
        "c(x, y.long())",
        "c(x, y.long().astype(mindspore.int32))",
    )
    assert found.evidence is not None
    assert found.evidence.cases > 0
    assert prove(found.pairs[0]) == found.evidence


# --- The proof. ---

PAIR = Pair(
    RULE, "nn.CrossEntropyLoss()", "mindspore.nn.CrossEntropyLoss()",
    "c(x, y)", "c(x, y.astype(mindspore.int32))", indices=True,
)  # fmt: skip


def test_a_cast_of_indices_to_int32_is_proven() -> None:
    assert isinstance(prove(PAIR), Evidence)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("c(x, y.astype(mindspore.float16))", id="float16"),
        pytest.param("c(x, y.astype(mindspore.bool_))", id="bool"),
        pytest.param("c(x, y.astype(mindspore.int8))", id="int8"),
        pytest.param("c(x, y.astype(mindspore.int64))", id="int64"),
        pytest.param("c(x.astype(mindspore.int32), y)", id="the logits"),
        pytest.param("c(x, x.astype(mindspore.int32))", id="the logits as labels"),
        pytest.param("c(x, z.astype(mindspore.int32))", id="other labels"),
        pytest.param("c(x, y.astype(mindspore.int32, copy=False))", id="another argument"),
    ],
)
def test_another_cast_is_not(text: str) -> None:
    assert isinstance(prove(replace(PAIR, call_after=text)), Disproof)


def test_no_cast_is_proven_of_labels_that_may_be_probabilities() -> None:
    assert isinstance(prove(replace(PAIR, indices=False)), Disproof)


def test_torch_has_no_such_cast() -> None:
    swapped = replace(PAIR, call_before=PAIR.call_after, call_after=PAIR.call_before)
    assert isinstance(prove(swapped), Disproof)


@pytest.mark.parametrize(("dtype", "alike"), [("int32", True), ("int8", False), ("bool", False)])
def test_the_values_are_those_of_the_cast(dtype: str, alike: bool) -> None:
    # 255 is no number of int8, and no class a bool.
    settings = Settings(None, 255, "mean")
    found = compare(RULE, settings, replace(settings, labels=dtype), same=False)
    assert isinstance(found, str) is not alike


# --- On the real frameworks. ---


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_result_computes_what_torch_does(smoothing: float) -> None:
    before = (
        "import torch.nn as nn\n"
        "def loss(x, y, **options):\n"
        f"    criterion = nn.CrossEntropyLoss(label_smoothing={smoothing})\n"
        "    return criterion(x, y.long())\n"
    )
    torch, mindspore = frameworks.torch(), frameworks.mindspore()
    x = np.sin(np.arange(12, dtype=np.float32)).reshape(4, 3)
    y = np.array([0, 2, -100, 1])
    old: dict[str, object] = {}
    exec(before, old)
    expected = old["loss"](torch.tensor(x), torch.tensor(y)).numpy()  # type: ignore[operator]
    kept, made = ({}, {})  # type: tuple[dict[str, object], dict[str, object]]
    exec(str(migrate_source(before).after), kept)
    exec(str(migrate_source(before, labels="cast").after), made)
    tensors = mindspore.Tensor(x), mindspore.Tensor(y)
    with pytest.raises(TypeError, match="labels"):
        kept["loss"](*tensors)  # type: ignore[operator]
    assert made["loss"](*tensors).asnumpy() == pytest.approx(expected, rel=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_mindspore_takes_the_labels_that_the_proof_takes(name: str) -> None:
    from migrate.prove.mindspore_side import accept_labels
    from migrate.prove.reading import Failed

    mindspore = frameworks.mindspore()
    rule = default_rules().by_path[f"torch.nn.{name}"]
    loss = getattr(mindspore.nn, name)()
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "float16", "bool_"):
        labels = mindspore.Tensor([1], getattr(mindspore, dtype))
        taken = accepted = True
        try:
            loss(mindspore.Tensor([[1.0, 2.0]], mindspore.float32), labels).asnumpy()
        except TypeError:
            taken = False
        try:
            accept_labels(rule, dtype)
        except Failed:
            accepted = False
        assert accepted == taken, dtype


# --- The command line. ---


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrate.cli", *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_line_casts_where_asked(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(HEAD + "c(x, y.long()[0])\n")
    kept = run("diff", "train.py", cwd=tmp_path)
    assert kept.returncode == 1
    assert "astype" not in kept.stdout
    assert "[int64-labels]" in kept.stderr
    shown = run("diff", "--labels", "cast", "train.py", cwd=tmp_path)
    assert "+c(x, y.long()[0].astype(mindspore.int32))\n" in shown.stdout
    assert "int64-labels" not in shown.stderr
    assert run("apply", "--labels", "cast", "train.py", cwd=tmp_path).returncode == 0
    assert "c(x, y.long()[0].astype(mindspore.int32))\n" in file.read_text()
    assert run("check", "--labels", "cast", "train.py", cwd=tmp_path).returncode == 0
    wrong = run("diff", "--labels", "int8", "train.py", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'int8'" in wrong.stderr


@pytest.mark.parametrize(
    ("dtype", "status"), [("int32", Status.REWRITTEN), ("int8", Status.MANUAL)]
)
def test_a_cast_is_verified_against_the_text_before(
    tmp_path: Path, dtype: str, status: Status
) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "now").mkdir()
    before = HEAD + "c(x, y.long())\nc(input=x, target=z.long())\n"
    (tmp_path / "before" / "train.py").write_text(before)
    after = migrate_source(before, labels="cast").after
    assert after is not None
    after = after.replace("y.long().astype(mindspore.int32", f"y.long().astype(mindspore.{dtype}")
    (tmp_path / "now" / "train.py").write_text(after)
    found = verify([str(tmp_path / "now")], against=str(tmp_path / "before"))
    told = [site.finding for file in found.files for site in file.sites]
    assert [f.status for f in told] == [Status.REWRITTEN, status, Status.REWRITTEN]
