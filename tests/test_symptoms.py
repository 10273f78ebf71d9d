"""What the source tells of differences: every kind of evidence, and what only looks like it.

Expected by reading the programs as torch runs them, and by what the catalogue claims of MindSpore.
"""

from collections.abc import Iterable
from textwrap import indent

import pytest

from migrate import migrate_source
from migrate.codes import CODES
from migrate.differences import with_evidence
from migrate.model import Status
from migrate.prove.domains import DOMAINS
from migrate.ruleset import load, target_directory

HEAD = """\
import math
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

c = nn.CrossEntropyLoss()
n = nn.NLLLoss()
HIDDEN = -np.inf
"""


@pytest.fixture(autouse=True)
def operands_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at what is said of operands where they do not move with the loss."""
    monkeypatch.setattr("migrate.engine._move_tensors", lambda file, origins: frozenset())


def told(body: str) -> list[str]:
    """Return the ids that are noted of the lines of a function, with the line among them."""
    function = "def step(x, y, z, m, i, w, f, t, mine):\n"
    result = migrate_source(HEAD + function + indent(body, "    "))
    assert result.changed
    offset = HEAD.count("\n") + 1
    return [
        f"{finding.line - offset} {finding.code}"
        for finding in result.with_status(Status.NOTE)
        if finding.code not in CODES
    ]


def lines(*each: str) -> str:
    return "\n".join(each) + "\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("c(x, y.long())", ["1 int64-labels"], id="long"),
        pytest.param("c(x, y.to(torch.long))", ["1 int64-labels"], id="to"),
        pytest.param("c(x, y.type(torch.LongTensor))", ["1 int64-labels"], id="type"),
        pytest.param("c(x, torch.LongTensor(y))", ["1 int64-labels"], id="LongTensor"),
        pytest.param("c(x, torch.zeros(3, dtype=torch.long))", ["1 int64-labels"], id="dtype"),
        pytest.param("c(x, torch.randint(0, 3, (4,)))", ["1 int64-labels"], id="randint"),
        pytest.param("c(x, y.argmax(1))", ["1 int64-labels"], id="argmax"),
        pytest.param("c(x, torch.argmax(y, dim=1))", ["1 int64-labels"], id="torch.argmax"),
        pytest.param("c(x, torch.max(y, 1)[1])", ["1 int64-labels"], id="an element"),
        pytest.param("c(x, torch.tensor([0, 1]))", ["1 int64-labels"], id="integers"),
        pytest.param(
            lines("y = y.long()", "c(x, y)", "c(x, y[0])"),
            ["1 int64-labels", "1 int64-labels"],
            id="one note a call",
        ),
        pytest.param(
            "c(x, y.long() if f else y.float())", ["1 int64-labels"], id="one of two ways"
        ),
        pytest.param("n(x, y.byte())", ["1 uint8-labels"], id="uint8"),
        pytest.param("F.nll_loss(x, y.byte())", ["1 uint8-labels"], id="uint8 in a function"),
        pytest.param("c(x.double(), y)", ["1 float64-logits"], id="double"),
        pytest.param("c(x.to(dtype=torch.float64), y)", ["1 float64-logits"], id="float64"),
        pytest.param(
            "c(torch.from_numpy(np.random.rand(4, 3)), y)", ["1 float64-logits"], id="numpy"
        ),
        pytest.param(
            lines("a = np.array([[1.0, 2.0]])", "c(torch.as_tensor(a), y)"),
            ["1 float64-logits"],
            id="a numpy array of floats",
        ),
        pytest.param(
            "F.cross_entropy(x.masked_fill(m, float('-inf')), y)",
            ["1 minus-infinity-logits"],
            id="masked_fill",
        ),
        pytest.param(
            "n(F.log_softmax(torch.where(m, HIDDEN, x), 1), y)",
            ["1 minus-infinity-logits"],
            id="through log_softmax",
        ),
        pytest.param(
            lines("x[m] = -math.inf", "c(x, y)"), ["1 minus-infinity-logits"], id="stored"
        ),
        pytest.param(
            lines("x.masked_fill_(m, -float('inf'))", "c(x.view(-1), y)"),
            ["1 minus-infinity-logits"],
            id="in place",
        ),
        pytest.param(
            "c(torch.tensor([[1.0, float('-inf')]]), y)", ["1 minus-infinity-logits"], id="a number"
        ),
        pytest.param(
            "c(torch.from_numpy(np.array([[-np.inf, 1.0]], np.float32)), y)",
            ["1 minus-infinity-logits"],
            id="a number in an array",
        ),
        pytest.param("nn.NLLLoss(torch.tensor([1.0, 2.0]))", ["1 weight-list"], id="list"),
        pytest.param("nn.NLLLoss(torch.from_numpy(w))", ["1 weight-array"], id="array"),
        pytest.param(
            "F.nll_loss(x, y, torch.tensor(np.ones(3), dtype=torch.float))",
            ["1 weight-array"],
            id="array in a function",
        ),
        pytest.param(
            "nn.NLLLoss(torch.ones(3).double())", ["1 float64-weight"], id="a weight of float64"
        ),
    ],
)
def test_evidence_is_noted(body: str, expected: list[str]) -> None:
    assert told(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("c(x, y)", id="nothing is known"),
        pytest.param("c(x.gather(1, i.long()), y)", id="long of another"),
        pytest.param("c(x.long(), y)", id="long of the logits"),
        pytest.param("F.cross_entropy(x, y.long())", id="the function takes int64"),
        pytest.param("n(x, y.long())", id="NLLLoss takes int64"),
        pytest.param(lines("y = y.long()", "y = g(y)", "c(x, y)"), id="a call in between"),
        pytest.param(lines("c(x, y)", "y = y.long()"), id="afterwards"),
        pytest.param(lines("if f:", "    y = y.long()", "else:", "    c(x, y)"), id="elsewhere"),
        pytest.param(lines("for y in z.long():", "    pass", "c(x, t)"), id="another name"),
        pytest.param("c(x, y.long().float())", id="cast again"),
        pytest.param("c(x, y.max(1)[0])", id="another element"),
        pytest.param("c(x, torch.zeros(3, dtype=torch.float))", id="another dtype"),
        pytest.param("c(x, torch.arange(3, dtype=torch.float))", id="a dtype that is given"),
        pytest.param("c(x, torch.tensor([0.5, 0.5]))", id="floats"),
        pytest.param("c(x, torch.tensor([True, False]))", id="bools"),
        pytest.param("c(x, convert(y, torch.long))", id="another function"),
        pytest.param("c(x, mine.randint(0, 3))", id="another randint"),
        pytest.param("c(x.double().float(), y)", id="float64 no more"),
        pytest.param("F.cross_entropy(x.double(), y)", id="the function takes float64"),
        pytest.param(
            "c(torch.from_numpy(np.ones(3, dtype=np.float32)), y)", id="an array of float32"
        ),
        pytest.param("c(torch.tensor(np.ones(3), dtype=torch.float), y)", id="a tensor of float32"),
        pytest.param("c(x.masked_fill(m, -1e4), y)", id="finite"),
        pytest.param("c(x.masked_fill(m, float('inf')), y)", id="plus infinity"),
        pytest.param(
            "c(torch.tensor([[1.0, float('inf'), -1.0]]), y)", id="plus infinity in a list"
        ),
        pytest.param(lines("z[m] = -math.inf", "c(x, y)"), id="stored into another"),
        pytest.param(lines("x[m] = -math.inf", "x = g(x)", "c(x, y)"), id="stored into the old x"),
        pytest.param(
            lines("if f:", "    x.masked_fill_(m, HIDDEN)", "else:", "    c(x, y)"),
            id="in place elsewhere",
        ),
        pytest.param("c(x.masked_fill(m, float('-inf')).exp(), y)", id="infinite no more"),
        pytest.param("nn.NLLLoss(torch.ones(len([1, 2])))", id="a list that is no weight"),
        pytest.param("nn.NLLLoss(w)", id="a weight of which nothing is known"),
        pytest.param("nn.NLLLoss(torch.ones(3).double().float())", id="a weight of float32"),
    ],
)
def test_what_looks_like_evidence_is_not(body: str) -> None:
    assert told(body) == []


AFAR = """\
class T:
    def __init__(self, y):
        self.y = SET

    def run(self, x):
        return c(x, self.y)


def prepared(y):
    return RETURNED


def step(x, y):
    return c(x, y)


def both(x, y):
    c(x, prepared(y))
    return step(x, PASSED)
"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"SET": "y.long()"}, ["y.long()"], id="an attribute"),
        pytest.param({"SET": "prepared(y)", "RETURNED": "y.long()"}, ["y.long()"], id="two steps"),
        pytest.param({"RETURNED": "y.long().view(-1)"}, ["y.long()"], id="what is returned"),
        pytest.param({"PASSED": "y.long()"}, ["y.long()"], id="a parameter"),
        pytest.param({"SET": "y.long()\n        self.y = y"}, [], id="another value too"),
        pytest.param({"SET": "y\n        self.z = y.long()"}, [], id="another attribute"),
        pytest.param(
            {"PASSED": "y)\n\n\nclass U:\n    def f(self, y):\n        self.y = (y.long()"},
            [],
            id="of another class",
        ),
        pytest.param({"SET": "y\n        y = y.long()"}, [], id="afterwards"),
        pytest.param({"RETURNED": "y, y.long()"}, [], id="in what is returned"),
        pytest.param({"PASSED": "y) + step(x=y.long(), y=y"}, [], id="another parameter"),
        pytest.param({"PASSED": "y.long().float()"}, [], id="cast again"),
    ],
)
def test_evidence_is_found_in_other_functions(changes: dict[str, str], expected: list[str]) -> None:
    text = AFAR
    for word in ("SET", "RETURNED", "PASSED"):
        text = text.replace(word, changes.get(word, "y"))
    notes = migrate_source(HEAD + text).with_status(Status.NOTE)
    assert list(dict.fromkeys(note.before for note in notes)) == expected
    # Nothing that is called from elsewhere is cast on such evidence.
    assert not any(
        f.code == "labels-cast" for f in migrate_source(HEAD + text, labels="cast").findings
    )


def test_no_note_stands_where_the_loss_is_handed_over() -> None:
    body = "c.double()\nc(x, y.long())\n"
    result = migrate_source(HEAD.replace("n = nn.NLLLoss()\n", "") + body)
    assert [f.code for f in result.findings] == ["instance-attribute"]


def test_a_note_says_what_where_and_what_to_do() -> None:
    result = migrate_source(HEAD + "y = y.long()\nc(x, y)\n")
    note = next(f for f in result.findings if f.code == "int64-labels")
    assert (note.line, note.column, note.before) == (HEAD.count("\n") + 1, 4, "y.long()")
    assert note.message == (
        "labels of int64 reach the call of `c` in line 11: Labels of int64 are refused by the "
        "CrossEntropyLoss class; cast the labels where they reach the class, "
        "labels.astype(mindspore.int32)"
    )


def _words(*groups: Iterable[str]) -> set[str]:
    return {word for group in groups for word in group}


def test_the_tables_speak_of_what_the_code_knows() -> None:
    symptoms = [s for difference in with_evidence() for s in difference.evidence]
    assert {s.role for s in symptoms} <= set(DOMAINS)
    given = _words(*(s.given for s in symptoms))
    assert all("." in word or word[0] == word[-1] == "'" or word == "-inf" for word in given)


@pytest.mark.parametrize(
    "path",
    sorted(
        _words(*(s.calls for d in with_evidence() for s in d.evidence))
        | {
            word
            for d in with_evidence()
            for s in d.evidence
            for word in s.given
            if word.startswith(("torch.", "numpy."))
        }
    ),
)
def test_every_path_exists(path: str) -> None:
    root, *rest = path.split(".")
    if root == "sklearn":
        pytest.skip("scikit-learn is no dependency of the tests")
    module = pytest.importorskip(root)
    for name in rest:
        module = getattr(module, name)


def test_what_is_claimed_of_one_target_is_not_said_of_another() -> None:
    text = HEAD + "c(x, y.long())\n"
    result = migrate_source(text, rules=load(target_directory("mint")), labels="cast")
    assert result.changed
    assert not {"int64-labels", "labels-cast"} & {finding.code for finding in result.findings}
