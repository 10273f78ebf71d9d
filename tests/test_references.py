"""References whose every use is not seen, or would have to change: nothing of them is rewritten.

What is rewritten, and runs under both frameworks, is among the fixtures.
"""

from __future__ import annotations

import pytest

from migrate.pipeline import migrate_source

HEAD = "from functools import partial\n\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"

KEPT = {
    "a later flag beside a folded one": (
        "make = partial(nn.NLLLoss, reduction='sum')\nmake(size_average=True)\n"
    ),
    "a position that shifts": "make = partial(nn.NLLLoss, None, False)\nmake(0, False)\n",
    "an operand that MindSpore calls otherwise": (
        "make = partial(F.nll_loss, reduction='sum')\n\n"
        "def f(x, y):\n    return make(input=x, target=y)\n"
    ),
    "the keywords of a partial are read": (
        "make = partial(nn.NLLLoss, size_average=False)\nmake()\nprint(make.keywords)\n"
    ),
    "a partial of a partial": (
        "make = partial(nn.NLLLoss, size_average=False)\npartial(make, ignore_index=0)()\n"
    ),
    "an alias that is rebound": "Loss = nn.NLLLoss\nLoss()\n\nclass Loss: ...\n",
    "an enum": (
        "from enum import Enum\n\nclass Kind(Enum):\n    NLL = nn.NLLLoss\n\nKind.NLL.value()\n"
    ),
    "a function in a class": "class A:\n    f = F.nll_loss\n\nA.f(1, 2)\n",
    "a dict that others fill": "losses = {}\nlosses['nll'] = nn.NLLLoss\nlosses['nll']()\n",
    "a list that grows": "losses = [nn.NLLLoss]\nlosses.append(print)\nlosses[0]()\n",
    "a nested dict": (
        "losses = {'a': {'class': nn.NLLLoss}}\nlosses['a']['class'](size_average=False)\n"
    ),
    "an instance that is moved": "losses = {'a': nn.NLLLoss}\nlosses['a']().cuda()\n",
    "arguments behind a star": (
        "def run(a, cls):\n    return cls(None)\n\nargs = (1,)\nrun(*args, nn.NLLLoss)\n"
    ),
    "a decorated function": (
        "import mine\n\n@mine.register\ndef run(cls=nn.NLLLoss):\n    return cls()\n"
    ),
    "names that are read out of strings": "Loss = nn.NLLLoss\nLoss()\neval('Loss(None, False)')\n",
    "a base that may call it": (
        "from mine import Base\n\nclass A(Base):\n    loss = nn.NLLLoss\n\n"
        "    def run(self):\n        return self.loss()\n"
    ),
    "a method that returns it": (
        "class A:\n    def get(self):\n        return nn.NLLLoss\n\nA().get()()\n"
    ),
    "no call": "losses = {'a': nn.NLLLoss}\n",
    "another module of that name": (
        "def getattr(a, b):\n    return print\n\ngetattr(nn, 'NLLLoss')()\n"
    ),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_is_handed_over_and_nothing_with_it(text: str) -> None:
    result = migrate_source(HEAD + text)
    assert result.after == result.before
    assert {finding.status for finding in result.findings} == {"manual"}


def test_a_package_may_offer_what_it_binds() -> None:
    text = f"{HEAD}Loss = nn.NLLLoss\nLoss()\n"
    assert migrate_source(text, path="losses.py").changed
    assert not migrate_source(text, path="losses/__init__.py").changed


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("criterion = getattr(nn, options.name)()\n", "manual"),
        ("layer = getattr(nn, options.name)()\n", "note"),
        ("layer = getattr(nn, f'{kind}Loss')()\n", "manual"),
        ("layer = getattr(nn, f'Conv{n}d')()\n", None),
        ("criterion = getattr(nn, 'NLL' 'Loss')()\n", "manual"),
        ("criterion = getattr(options, options.loss)()\n", None),
    ],
)
def test_a_lookup_by_a_variable_is_in_the_report(text: str, status: str | None) -> None:
    result = migrate_source(f"{HEAD}import options\n\n# NLLLoss\n{text}")
    assert not result.changed
    assert [finding.status for finding in result.findings] == ([status] if status else [])
