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
    "replaced in the module's table": (
        "vars(nn)['NLLLoss'] = mine\nnn.__dict__.get('NLLLoss')\nnn.NLLLoss()\n",
        "assigned-api",
    ),
    "replaced among others": (
        "with patch.multiple(F, nll_loss=mine): F.nll_loss(x, y)\n",
        "assigned-api",
    ),
    "replaced by an update": (
        "F.__dict__.update(nll_loss=mine)\nF.nll_loss(x, y)\n",
        "assigned-api",
    ),
    "walrus in a default of a lambda": (
        "f = lambda x=(F := mine): x\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "walrus in a handler": (
        "try: go()\nexcept (F := Mine): pass\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "global in a class": (
        "class A:\n    global F\n    import mine as F\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "given a value by a string": ("globals()['F'] = mine\nF.nll_loss(x, y)\n", "ambiguous-name"),
    "given a value by an update": (
        "globals().update({'F': mine})\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "given a value as an attribute": (
        "setattr(sys.modules[__name__], 'F', mine)\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "star above an import in a branch": (
        "from mine import *\nif a:\n    from torch.nn import functional as F\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "star above an import that may fail": (
        "from mine import *\ntry:\n    from torch.nn import functional as F\n"
        "except ImportError:\n    pass\nF.nll_loss(x, y)\n",
        "ambiguous-name",
    ),
    "star above a use above an import": (
        "from mine import *\nF.nll_loss(x, y)\nimport torch.nn.functional as F\n",
        "ambiguous-name",
    ),
    "outer name in a class body": (
        "loss = nn.NLLLoss()\nclass A:\n    loss(input=x, target=y)\n    loss = mine\n",
        "keyword-call",
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


#: What looks like one of those, and is rewritten.
NOT_HANDED_OVER = {
    "another class replaced": "vars(nn)['MSELoss'] = mine\nnn.NLLLoss()\n",
    "the user's own table": "table['NLLLoss'] = mine\nnn.NLLLoss()\n",
    "another walrus in a lambda": "f = lambda x: ((G := mine), F.nll_loss(G, x))\n",
    "walrus in a lambda within a lambda": "f = lambda: [lambda: (F := 1), F.nll_loss(x, y)]\n",
    "another name that is global in a class": (
        "class A:\n    global G\n    import mine as G\nF.nll_loss(x, y)\n"
    ),
    "another name by a string": "globals()['G'] = mine\nF.nll_loss(x, y)\n",
    "an element by a string": "if globals()['F'] == mine: F.nll_loss(x, y)\n",
    "star above an import": (
        "from mine import *\nimport torch.nn.functional as F\nF.nll_loss(x, y)\n"
    ),
    "star above an import that may fail, and then fails": (
        "from mine import *\ntry:\n    from torch.nn import functional as F\n"
        "except ImportError:\n    raise\nF.nll_loss(x, y)\n"
    ),
    "star above imports in all branches": (
        "from mine import *\nif a:\n    import torch.nn.functional as F\n"
        "else:\n    from torch.nn import functional as F\nF.nll_loss(x, y)\n"
    ),
}


@pytest.mark.parametrize("text", NOT_HANDED_OVER.values(), ids=NOT_HANDED_OVER)
def test_what_is_like_it_is_rewritten(text: str) -> None:
    # The star may bring another torch or nn, but F is imported once more.
    result = migrate_source(HEADER + text)
    assert result.after is not None
    assert "mindspore.nn.NLLLoss()" in result.after or "mindspore.ops.nll_loss(" in result.after
    assert not result.with_status(Status.MANUAL)


@pytest.mark.parametrize(
    ("below", "left"),
    [
        (
            "    loss = loss\n    def f(self, x, y): return self.loss(input=x, target=y)\n",
            "    loss = loss\n    def f(self, x, y): return self.loss(logits=x, labels=y)\n",
        ),
        ("    loss = loss.cuda()\n", "    loss = loss\n"),
        ("    other = loss\n    other.cuda()\n", "    other = loss\n"),
    ],
    ids=["keywords", "moved to a device", "under another name"],
)
def test_a_class_binds_what_the_module_binds_by_that_name(below: str, left: str) -> None:
    result = migrate_source(f"import torch.nn as nn\nloss = nn.NLLLoss()\nclass A:\n{below}")
    assert result.after == f"import mindspore\nloss = mindspore.nn.NLLLoss()\nclass A:\n{left}"


def test_a_walrus_in_a_lambda_binds_there() -> None:
    result = migrate_source(f"{HEADER}f = lambda x: ((F := mine), F.nll_loss(x, 1))\n")
    assert not result.changed
    assert [f.code for f in result.findings if f.line == 2] == ["unknown-name"]


def test_a_call_of_mindspore_is_none_of_an_attribute_that_is_called_so() -> None:
    text = "class A:\n    CrossEntropyLoss = nn.NLLLoss\ncriterion = {}.nn.CrossEntropyLoss()\n"
    first = migrate_source(HEADER + text.format("torch"))
    assert first.after is not None
    assert "criterion = mindspore.nn.CrossEntropyLoss()" in first.after
    assert "    CrossEntropyLoss = nn.NLLLoss\n" in first.after
    assert not migrate_source(first.after).changed


def test_an_attribute_of_something_else_may_be_the_one_that_is_called_so() -> None:
    text = "class A:\n    CrossEntropyLoss = nn.NLLLoss\ncriterion = make().CrossEntropyLoss()\n"
    result = migrate_source(HEADER + text)
    assert result.after is not None
    assert "    CrossEntropyLoss = mindspore.nn.NLLLoss\n" in result.after


def test_a_function_that_may_be_missing_is_no_instance() -> None:
    guard = "try:\n    import torch.nn.functional as G\nexcept ImportError:\n    G = None\n"
    result = migrate_source(f"{HEADER}{guard}G.nll_loss(input=x, target=y)\ngo(nn.NLLLoss())\n")
    assert result.after is not None
    assert "go(mindspore.nn.NLLLoss())" in result.after


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
