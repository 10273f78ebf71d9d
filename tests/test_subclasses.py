"""What a class that inherits from a loss may take from its base, against the real frameworks."""

from __future__ import annotations

import frameworks
import pytest

from migrate.attributes import COMMON_ATTRIBUTES
from migrate.cell import is_taken
from migrate.pipeline import migrate_source


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_every_name_of_a_cell_is_known(name: str) -> None:
    loss = getattr(frameworks.mindspore().nn, name)()
    own = {each for each in dir(loss) if not each.startswith("__")} - COMMON_ATTRIBUTES
    assert {each for each in own if not is_taken(each)} == set()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_cell_reads_its_settings_at_every_call(reduction: str) -> None:
    """Shown by the value, for `self.reduction = …` within construct."""
    mindspore = frameworks.mindspore()
    logits = mindspore.Tensor([[0.5, -1.0], [2.0, 0.25]], mindspore.float32)
    labels = mindspore.Tensor([0, 1], mindspore.int32)

    class Set(mindspore.nn.CrossEntropyLoss):
        def construct(self, logits, labels):
            self.reduction = reduction
            return super().construct(logits, labels)

    expected = mindspore.ops.cross_entropy(logits, labels, reduction=reduction)
    assert Set()(logits, labels).asnumpy().tolist() == expected.asnumpy().tolist()


BODIES = {
    "register_buffer": "def forward(self, a, b): self.register_buffer('w', a)",
    "training": "def forward(self, a, b): return self.training",
    "parameters": "def forward(self, a, b): return list(self.parameters())",
    "a name of a Cell": "def reduce(self, a): return a",
    "a Cell's attribute": "def forward(self, a, b): self.mul = 2",
    "bprop": "def bprop(self, a, b, out, dout): return a",
    "itself passed on": "def forward(self, a, b): return len(self)",
    "cuda of its own": "def cuda(self): return self",
    "a parameter of torch": "def scale(self): self.w = nn.Parameter(1)",
    "a module of torch": "def scale(self): self.w = nn.Linear(1, 1)",
    "super of another method": "def scale(self): return super().train()",
    "unpacked arguments": "def forward(self, *args): return super().forward(*args)",
    "no constructor": "def __init__(self): pass",
    "a word that MindSpore refuses": "def forward(self, a, b): self.reduction = 'batchmean'",
    "taken names": "def forward(self, input, target): return self.weight[labels]",
    "a decorator": "@torch.no_grad()\n    def forward(self, a, b): return a",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_such_a_class_is_handed_over(body: str) -> None:
    text = (
        "import torch\nimport torch.nn as nn\n\n\n"
        f"class Mine(nn.NLLLoss):\n    {body}\n\n\nmine = Mine()\n"
    )
    result = migrate_source(text)
    assert not result.changed
    assert [finding.code for finding in result.findings] == ["subclass"]
