"""Code in which a rewrite would be wrong for a reason that does not stand beside it.

Each of these was once rewritten: the constructor would have moved alone, or a name would have been
edited that is not the loss.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from migrate import Status, migrate_source

HEADER = "import torch, torch.nn as nn, torch.nn.functional as F\n"

HANDED_OVER = {
    "self of a static method": (
        "class A:\n    def __init__(self): self.loss = nn.NLLLoss()\n"
        "    @staticmethod\n    def go(other, x, y): return other.loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "generic base": (
        "class Base(Generic[T]):\n    def __init__(self): self.loss = nn.NLLLoss()\n"
        "    def f(self, x, y): return self.loss(input=x, target=y)\n"
        "class Sub(Base[int]):\n    def __init__(self): self.loss = Mine()\n",
        "keyword-call",
    ),
    "field of a dataclass": (
        "@dataclass\nclass A:\n    loss: object = nn.NLLLoss()\na = A(tuned)\nclass A(A):\n"
        "    def f(self, x, y): return self.loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "setattr of any name": (
        "class A:\n    def __init__(self, **kw):\n        self.loss = nn.NLLLoss()\n"
        "        for k, v in kw.items(): setattr(self, k, v)\n"
        "    def f(self, x, y): return self.loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "table of attributes": (
        "class A:\n    def __init__(self, **kw):\n        self.loss = nn.NLLLoss()\n"
        "        self.__dict__.update(kw)\n"
        "    def f(self, x, y): return self.loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "nonlocal": (
        "def f(x, y):\n    loss = nn.NLLLoss()\n    def swap():\n        nonlocal loss\n"
        "        loss = print\n    swap(); return loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "through cast": (
        "loss = cast(nn.Module, nn.NLLLoss()) or mine; loss(input=x, target=y)\n",
        "keyword-call",
    ),
    "through getattr": (
        "class A:\n    def __init__(self): self.loss = nn.NLLLoss()\n"
        "    def f(self, x, y): return getattr(self, 'loss')(input=x, target=y)\n",
        "keyword-call",
    ),
    "through __call__": (
        "loss = nn.NLLLoss()\nloss.__call__(input=x, target=y)\n",
        "instance-attribute",
    ),
    "keywords handed on": (
        "loss = nn.NLLLoss()\npool.submit(loss, input=x, target=y)\n",
        "keyword-call",
    ),
    "a letter that Python folds": (
        "ℓ = nn.NLLLoss(); ℓ(input=x, target=y)\n",
        "instance-attribute",
    ),
    "prepared and moved": ("loss = nn.NLLLoss()\nprepare(loss).cuda()\n", "instance-attribute"),
    "type compared": ("loss = nn.NLLLoss()\nprint(type(loss) is nn.NLLLoss)\n", "reference"),
    "class in a match": (
        "loss = nn.NLLLoss()\nmatch loss:\n    case nn.NLLLoss(): print(1)\n",
        "reference",
    ),
    "compiled function": (
        "@torch.jit.script\ndef f(x, y): return F.nll_loss(x, y)\n",
        "torchscript",
    ),
    "compiled instance": ("a = torch.jit.script(nn.NLLLoss())\n", "torchscript"),
    "beside a torch module": (
        "class M(nn.Module):\n    def __init__(self, a):\n        self.loss = nn.MSELoss()\n"
        "        if a: self.loss = nn.NLLLoss()\n",
        "instance-attribute",
    ),
    "registered as a module": ("model.add_module('loss', nn.NLLLoss())\n", "instance-attribute"),
    "moved to what may be a dtype": ("loss = nn.NLLLoss(w).to(precision)\n", "chained-call"),
    "module replaced": ("nn.functional = mine\nnn.functional.nll_loss(x, y)\n", "assigned-api"),
    "replaced by its name": (
        "monkeypatch.setattr(F, 'nll_loss', mine)\nF.nll_loss(x, y)\n",
        "assigned-api",
    ),
    "no space behind a keyword": (
        "nn.NLLLoss(size_average=not(a if b else c))\n",
        "unreadable-call",
    ),
}


@pytest.mark.parametrize(("text", "code"), HANDED_OVER.values(), ids=HANDED_OVER)
def test_it_is_handed_over(text: str, code: str) -> None:
    result = migrate_source(HEADER + text)
    assert not result.changed
    assert code in {finding.code for finding in result.with_status(Status.MANUAL)}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import os; import torch.nn as nn; loss = nn.NLLLoss()\n", id="one line"),
        pytest.param(
            "from __future__ import annotations\ntry: import torch\nexcept ImportError: "
            "torch = None\nloss = torch.nn.NLLLoss()\nimport json\n",
            id="guarded",
        ),
        pytest.param(
            '"""Doc."""; import torch.nn as nn; loss = nn.NLLLoss()\n', id="behind a docstring"
        ),
    ],
)
def test_the_import_stands_above_the_first_use(text: str) -> None:
    after = migrate_source(text).after
    assert after is not None
    assert after.index("import mindspore") < after.index("mindspore.nn")
    compile(after, "after.py", "exec")


@pytest.mark.parametrize(
    "line",
    ["eval('nn.Linear(1, 1)')", "globals()['nn']", "'''\n>>> nn.Linear(1, 1)\n'''"],
    ids=["eval", "globals", "doctest"],
)
def test_an_import_that_strings_may_read_stays(line: str) -> None:
    after = migrate_source(f"import torch.nn as nn\n\nloss = nn.NLLLoss()\n{line}\n").after
    assert after is not None
    assert "import torch.nn as nn\n" in after
    assert "mindspore.nn.NLLLoss()" in after


def test_names_handed_on_by_another_module_are_noted() -> None:
    result = migrate_source("from common import nn, F\nnn.NLLLoss(); F.nll_loss(x, y)\n")
    assert [finding.code for finding in result.with_status(Status.NOTE)] == ["unknown-name"] * 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(HEADER + "nn.NLLLoss()\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "migrate.cli", "check", str(tmp_path)],
            cwd=Path(__file__).parents[1],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: the output cannot be written: ")
    assert "Traceback" not in done.stderr
