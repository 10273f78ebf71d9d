"""`verify` as a process: the evidence, wrong edits by hand, and the real frameworks that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from migrate import migrate_source

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "rules" / "report.schema.json").read_text())

DYNAMIC = """\
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, average):
        self.loss = nn.CrossEntropyLoss(size_average=average)

    def forward(self, x, y):
        return self.loss(input=x, target=y) + F.nll_loss(x, y, None, False)
"""
TWO = """\
import torch.nn as nn

one = nn.CrossEntropyLoss(reduction="sum")
two = nn.NLLLoss(ignore_index=0)
"""
BY_HAND = "import torch.nn as nn\n\ncriterion = nn.NLLLoss(*arguments)\n"


def verify(
    *arguments: str, cwd: Path, path: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrate.cli", "verify", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def document(*arguments: str, cwd: Path, **options: Any) -> tuple[int, dict[str, Any]]:
    done = verify(*arguments, "--format", "json", cwd=cwd, **options)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    return done.returncode, found


def migrated(text: str) -> str:
    after = migrate_source(text).after
    assert after is not None
    return after


def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


def test_the_evidence_names_the_values_and_the_errors_by_shape_and_dtype(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(DYNAMIC)
    status, found = document(".", cwd=tmp_path)
    assert status == 0
    class_, call, function = found["files"][0]["findings"]
    (proof,) = class_["verification"]
    assert proof["names"] == {"average": ["None", "True", "False", "0", "1", "'none'"]}
    rows = {(tuple(row["shape"]), row["dtype"]): row for row in proof["rows"]}
    assert sum(row["cases"] for row in rows.values()) == class_["evidence"]["cases"] == 96
    assert rows[(4, 3), "float16"] == {
        "shape": [4, 3],
        "dtype": "float16",
        "cases": 12,
        "value_error": 0,
        "gradient_error": 0,
    }
    assert call["verification"][0]["names"] == proof["names"]
    dtypes = {row["dtype"] for row in function["verification"][0]["rows"]}
    assert dtypes == {"float16", "float32", "float64"}
    assert found["verification"]["frameworks"] is None


def test_the_lines_tell_the_same_and_equal_proofs_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(TWO + TWO.splitlines()[-1].replace("two", "three"))
    done = verify("a.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("    float32 (3,) (4, 3) (2, 3, 2) (2, 3, 2, 2): ") == 2
    assert "    as at a.py:4\n" in done.stdout
    assert done.stdout.endswith("1 file looked at, 3 sites proven, 0 not\n")


@pytest.mark.parametrize(
    ("files", "status"),
    [
        pytest.param({"a.py": TWO}, 0, id="all proven"),
        pytest.param({"a.py": TWO, "b.py": BY_HAND}, 1, id="one handed over"),
        pytest.param({"a.py": TWO, "c.py": f"{BY_HAND}("}, 2, id="one does not parse"),
        pytest.param({"b.py": BY_HAND, "c.py": f"{BY_HAND}("}, 3, id="both"),
    ],
)
def test_exit_status(tmp_path: Path, files: dict[str, str], status: int) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert verify(".", cwd=tmp_path).returncode == status


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        pytest.param(
            "average is not None and not average",
            "not average",
            "the losses differ",
            id="None forgotten",
        ),
        pytest.param(
            "logits=x, labels=y", "logits=y, labels=x", "the tensors changed places", id="swapped"
        ),
        pytest.param("logits=x", "input=x", "only one side raises", id="keyword of torch"),
        pytest.param(
            "mindspore.ops.nll_loss(", "F.nll_loss(", "is still torch's", id="changed back"
        ),
        pytest.param(
            "mindspore.ops.nll_loss(",
            "mindspore.ops.cross_entropy(",
            "does not mean mindspore.ops.nll_loss here",
            id="another loss",
        ),
        pytest.param(
            "        self.loss = ", "        self.lost = ", "", id="assigned to another name"
        ),
        pytest.param("nn.CrossEntropyLoss(", "list(", "no call stands in its place", id="gone"),
        pytest.param("else 'mean')", "else 'mean').cuda()", ".cuda()", id="device left"),
    ],
)
def test_an_edit_by_hand_is_judged_as_it_stands(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    for folder in (before, now):
        folder.mkdir()
    (before / "a.py").write_text(DYNAMIC)
    text = migrated(DYNAMIC)
    assert text.count(right) == 1, text
    edited = text.replace(right, wrong).replace("F.nll_loss", "torch.nn.functional.nll_loss")
    # Lines that have come since, and another loss among them, move nothing.
    (now / "a.py").write_text(
        "import torch\nother = None\n" + edited + "\n\ndef more(x, y):\n    return x\n"
    )
    status, found = document("now", "--against", "before", cwd=tmp_path)
    manual = [f for f in found["files"][0]["findings"] if f["status"] == "manual"]
    assert status == (1 if message else 0)
    assert bool(manual) == bool(message)
    assert not message or any(message in finding["message"] for finding in manual), manual


def test_a_failing_case_can_be_pasted_and_shows_the_difference(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.py").write_text(TWO)
    (tmp_path / "a.py").write_text(migrated(TWO).replace("ignore_index=0", "ignore_index=1"))
    status, found = document("a.py", "--against", "old", cwd=tmp_path)
    assert status == 1
    fine, wrong = found["files"][0]["findings"]
    assert fine["status"] == "rewritten"
    assert (wrong["line"], wrong["after"]) == (4, "mindspore.nn.NLLLoss(ignore_index=1)")
    program = wrong["verification"][0]["failure"]["python"]
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    torch, mindspore = (line for line in ran.stdout.splitlines() if line)
    values = [line.replace("(", " ").replace(")", " ").split()[1:] for line in (torch, mindspore)]
    assert values[0][1] != values[1][-1], ran.stdout
    assert ran.stdout.startswith("torch tensor(")


def test_before_is_taken_from_git(tmp_path: Path) -> None:
    (tmp_path / "in side").mkdir()
    file = tmp_path / "in side" / "a.py"
    file.write_text(TWO)
    git("init", "-q", ".", cwd=tmp_path)
    git("add", "-A", cwd=tmp_path)
    git("commit", "-qm", "before", cwd=tmp_path)
    file.write_text(migrated(TWO).replace('"sum"', '"mean"'))
    (tmp_path / "in side" / "new.py").write_text(TWO)
    status, found = document("in side", "--against", "HEAD", cwd=tmp_path)
    assert status == 1
    assert [f["status"] for f in found["files"][0]["findings"]] == ["manual", "rewritten"]
    assert found["verification"]["without_before"] == 1
    file.write_text(migrated(TWO))
    assert verify("in side", "--against", "HEAD", cwd=tmp_path).returncode == 0
    unknown = verify(".", "--against", "no-such", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no-such is neither a folder nor a revision" in unknown.stderr


# the frameworks ---------------------------------------------------------------------------------


def test_both_modes_of_the_real_mindspore_agree_with_the_real_torch(tmp_path: Path) -> None:
    text = "from torch.nn import functional as F\n\nloss = F.nll_loss(x, y, w, reduce=reduce)\n"
    (tmp_path / "a.py").write_text(
        text.replace("reduce)", "False)").replace("reduce=", "None, -1, ")
    )
    status, found = document("a.py", "--frameworks", "--time-limit", "300", cwd=tmp_path)
    (proof,) = found["files"][0]["findings"][0]["verification"]
    assert status == 0, proof
    assert [(m["worker"], m["cases"], m["failed"]) for m in proof["frameworks"]] == [
        ("mindspore-pynative", 36, 0),
        ("mindspore-graph", 36, 0),
    ]
    versions = found["verification"]["frameworks"]["versions"]
    assert versions.keys() == {"torch", "mindspore"}
    assert all(versions.values())


#: What stands in for both frameworks, and starts in no time: the reference.
FAKE = """\
import sys

if any("prove.worker" in word for word in sys.orig_argv):
    sys.path.append({root!r})
    import migrate.prove.worker as worker
    from migrate.prove.cases import logits, target
    from migrate.prove.kernel import cross_entropy, nll_loss

    def compute(request, cases):
        kernel = nll_loss if request["api"].endswith("NLLLoss") else cross_entropy
        found = [
            kernel(logits(case), target(case, request["ignored"]), **request["arguments"])
            for case in cases
        ]
        return [(loss.value, loss.gradient) for loss in found]

    worker._torch = lambda: ("0", compute)
    worker._mindspore = lambda mode: ("0", compute)
    answers = worker._answers

    def fake(request, compute, *, together):
        if together and request["api"].endswith("NLLLoss"):
            {act}
        return answers(request, compute, together=together)

    worker._answers = fake
"""


def faked(tmp_path: Path, act: str) -> Path:
    """Return a folder for PYTHONPATH, where NLLLoss in graph mode does `act`."""
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAKE.format(root=str(ROOT), act=act))
    return folder


@pytest.mark.parametrize(
    ("act", "message"),
    [
        pytest.param("import os; os.abort()", "its process died (SIGABRT)", id="crashes"),
        pytest.param("import time; time.sleep(600)", "no answer within 15 s", id="hangs"),
        pytest.param("return [{'error': 'E: no'}] * len(request['cases'])", "E: no", id="raises"),
        pytest.param("request['arguments']['reduction'] = 'sum'", "value has", id="differs"),
    ],
)
def test_a_framework_that_fails_fails_its_cases_and_not_the_run(
    tmp_path: Path, act: str, message: str
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.py").write_text(TWO)
    path = faked(tmp_path, act)
    status, found = document("a.py", "--frameworks", "--time-limit", "15", cwd=tree, path=path)
    assert status == 1
    one, two = found["files"][0]["findings"]
    assert one["status"] == "rewritten"
    assert [m["failed"] for m in one["verification"][0]["frameworks"]] == [0, 0]
    assert (two["status"], two["evidence"]) == ("manual", None)
    pynative, graph = two["verification"][0]["frameworks"]
    # The sum of a single loss is its mean: two cases agree where the reduction differs.
    assert (pynative["failed"], graph["failed"]) == (0, 6 if "sum" in act else 8)
    assert message in graph["failure"]
    assert message in two["message"]


@pytest.mark.parametrize("package", ["torch", "mindspore"])
def test_a_missing_framework_is_one_line_that_says_what_to_install(
    tmp_path: Path, package: str
) -> None:
    (tmp_path / "a.py").write_text(TWO)
    folder = tmp_path / "fake"
    folder.mkdir()
    missing = f"import sys\nsys.modules[{package!r}] = None\n"
    (folder / "sitecustomize.py").write_text(missing)
    done = verify("a.py", "--frameworks", cwd=tmp_path, path=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: {package} is not installed: pip install 'torch2mindspore[frameworks]'\n"
    )
