"""What looks like torch's losses and is not: not one edit."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from migrate.model import Status
from migrate.pipeline import migrate_paths, migrate_source

FRAMEWORKS = ("mindspore", "mlx", "paddle", "flax", "mxnet", "jittor", "mindspore.mint")

USES = (
    "import {0}\nimport {0}.nn\n{0}.nn.CrossEntropyLoss()(input=x, target=y)\n",
    "import {0}.nn as nn\nloss = nn.NLLLoss(w, False)\nloss(input=x, target=y)\nloss.cuda()\n",
    "from {0} import nn\nloss = nn.NLLLoss(size_average=False)\nloss.forward(x, y)\n",
    "from {0}.nn import CrossEntropyLoss as CE\nclass L(CE):\n    def forward(self, x, y): ...\n",
    "import {0}.nn.functional as F\nF.cross_entropy(x, y, w, False)\nF.nll_loss(x, y, reduce=a)\n",
    "from {0}.nn.functional import cross_entropy, nll_loss\ncross_entropy(x, target=y, reduce=a)\n",
    "from {0}.nn import *\nLOSSES = {{'a': NLLLoss, 'b': CrossEntropyLoss(size_average=a)}}\n",
    "import torch\nimport {0}.nn as nn\nnn.CrossEntropyLoss(None, a)\ntorch.ones(2).backward()\n",
)

OWN = (
    "class NLLLoss:\n    def __init__(self, a, size_average): ...\nNLLLoss(1, False)\n",
    "def cross_entropy(x, y, size_average=True): ...\ncross_entropy(x, y, False)\n",
    "class A:\n    def nll_loss(self, x, y): ...\n    def f(self): return self.nll_loss(1, y=2)\n",
    "import backend as F\ndef f(F): return F.nll_loss(x, y, reduce=a)\n",
    "REGISTRY = dict(type='CrossEntropyLoss', use_sigmoid=True)\n",
    "from .losses import CrossEntropyLoss\nCrossEntropyLoss(use_mask=True, size_average=False)\n",
)


@pytest.mark.parametrize("use", [*(u.format(f) for f in FRAMEWORKS for u in USES), *OWN])
def test_nothing_of_another_frameworks_or_of_the_users_is_touched(use: str) -> None:
    result = migrate_source(use)
    assert not result.changed
    assert not result.with_status(Status.MANUAL)


def test_the_same_uses_of_torch_are_touched() -> None:
    for use in USES:
        result = migrate_source(use.format("torch"))
        assert result.findings, use


def test_not_one_file_of_mindspore_is_touched() -> None:
    spec = importlib.util.find_spec("mindspore")
    assert spec is not None
    assert spec.origin is not None
    results = list(migrate_paths([str(Path(spec.origin).parent)], jobs=0))
    assert len(results) > 1000
    assert not [result.path for result in results if result.changed or result.error]
    assert not [f for result in results for f in result.with_status(Status.REWRITTEN)]
