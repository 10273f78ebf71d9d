"""Programs in which a loss goes a long or a tangled way: followed in time, or handed over."""

from __future__ import annotations

import time

import pytest

from migrate.model import Status
from migrate.pipeline import migrate_source

HEAD = "import torch.nn as nn\n"

TANGLED = {
    "functions that call each other": HEAD
    + "".join(
        f"def f{i}(l, x, y):\n    f{(i + 1) % 40}(l, x, y); f{(i * 7 + 3) % 40}(l, x, y)\n"
        "    return l(input=x, target=y)\n"
        for i in range(40)
    )
    + "f0(nn.NLLLoss(), 1, 2)\n",
    "every function calls every other": HEAD
    + "".join(
        f"def _f{i}(l, x, y):\n"
        + "".join(f"    _f{j}(l, x, y)\n" for j in range(12))
        + "    return l(input=x, target=y)\n"
        for i in range(12)
    )
    + "_f0(nn.NLLLoss(), 1, 2)\n",
    "two names that change places": HEAD
    + "def f(x, y):\n    a = nn.NLLLoss()\n    b = a\n"
    + "    a = b\n    b = a\n" * 100
    + "    return a(input=x, target=y)\n",
    "lists within each other": HEAD
    + "a=[]; b=[]; c={}\n"
    + "a.extend(b); b.append(a[0]); c['x']=b; a.append(c['x'][0]); c.update(x=a)\n" * 20
    + "a.append(nn.NLLLoss())\na[0](input=x, target=y)\n",
    "a chain of names": HEAD
    + "a0 = nn.NLLLoss()\n"
    + "".join(f"a{i + 1} = a{i}\n" for i in range(100))
    + "a100(input=x, target=y)\n",
}


@pytest.mark.parametrize("text", TANGLED.values(), ids=TANGLED)
def test_a_tangled_way_ends(text: str) -> None:
    # Seconds of this process: exponential time is minutes or years.
    began = time.process_time()
    result = migrate_source(text)
    assert time.process_time() - began < 60
    if result.changed:
        assert "input=" not in str(result.after)
    else:
        assert result.with_status(Status.MANUAL)
