"""Programs in which a loss goes a long or a tangled way: followed in time, or handed over."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from migrate.model import FileResult, Status
from migrate.pipeline import migrate_source

HEAD = "import torch.nn as nn\n"
FUNCTIONAL = "import torch.nn.functional as F\n"

#: Seconds for what takes one or two: exponential time is minutes or years.
LATE = 60


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LATE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def chained(line: str, count: int) -> str:
    """Return `line` for each step of a chain, `{here}` being one more than `{there}`."""
    return "".join(line.format(there=at, here=at + 1) + "\n" for at in range(count))


TANGLED = {
    "functions that call each other": HEAD
    + "".join(
        f"def f{i}(l, x, y):\n    f{(i + 1) % 40}(l, x, y); f{(i * 7 + 3) % 40}(l, x, y)\n"
        "    return l(input=x, target=y)\n"
        for i in range(40)
    )
    + "f0(nn.NLLLoss(), 1, 2)\n",
    "lists within each other": HEAD
    + "a=[]; b=[]; c={}\n"
    + "a.extend(b); b.append(a[0]); c['x']=b; a.append(c['x'][0]); c.update(x=a)\n" * 20
    + "a.append(nn.NLLLoss())\na[0](input=x, target=y)\n",
    "a list within itself": HEAD
    + "a = nn.NLLLoss()\n"
    + "a = [a]\n" * 100
    + "a(input=x, target=y)\n",
}


@pytest.mark.parametrize("text", TANGLED.values(), ids=TANGLED)
def test_a_tangled_way_ends(text: str) -> None:
    result = migrate_source(text)
    if result.changed:
        assert "input=" not in str(result.after)
    else:
        assert result.with_status(Status.MANUAL)


#: Text, what stands in it, and what stands there in the end: every loss moves with all its calls.
CALL, RENAMED, POSITIONAL = "(input=x, target=y)", "(logits=x, labels=y)", "(x, y)"
LONG = {
    "names": (
        HEAD + "a0 = nn.NLLLoss()\n" + chained("a{here} = a{there}", 1500) + "a1500" + CALL,
        "a1500" + RENAMED,
    ),
    "names in a function": (
        HEAD
        + "def f(x, y):\n    a0 = nn.NLLLoss()\n"
        + chained("    a{here} = a{there}", 500)
        + f"    return a500{CALL}\n",
        "a500" + RENAMED,
    ),
    "attributes": (
        HEAD
        + "class A:\n    def __init__(self):\n        self.a0 = nn.NLLLoss()\n"
        + chained("        self.a{here} = self.a{there}", 300)
        + f"    def f(self, x, y):\n        return self.a300{CALL}\n",
        "self.a300" + RENAMED,
    ),
    "names of a module": (
        "import torch.nn\na0 = torch.nn\n"
        + chained("a{here} = a{there}", 500)
        + f"c = a500.NLLLoss()\nc{CALL}\n",
        "c = mindspore.nn.NLLLoss()\nc" + RENAMED,
    ),
    "names of an argument": (
        HEAD
        + "k0 = False\n"
        + chained("k{here} = k{there}", 500)
        + f"c = nn.NLLLoss(size_average=k500)\nc{CALL}\n",
        # None counts as True in torch.
        "NLLLoss(reduction='sum' if k500 is not None and not k500 else 'mean')\nc" + RENAMED,
    ),
    "functions that return": (
        HEAD
        + "def _f0():\n    return nn.NLLLoss()\n"
        + chained("def _f{here}():\n    return _f{there}()", 500)
        + f"_f500(){CALL}\n",
        "_f500()" + RENAMED,
    ),
    "functions that hand on": (
        HEAD
        + chained("def _f{there}(l, x, y):\n    return _f{here}(l, x, y)", 500)
        + f"def _f500(l, x, y):\n    return l{CALL}\n_f0(nn.NLLLoss(), 1, 2)\n",
        "return l" + RENAMED,
    ),
    "functions that hand on what others may bring": (
        HEAD
        + chained("def f{there}(l, x, y):\n    return f{here}(l, x, y)", 500)
        + f"def f500(l, x, y):\n    return l{CALL}\nf0(nn.NLLLoss(), 1, 2)\n",
        "return l" + POSITIONAL,
    ),
    "lambdas": (
        HEAD
        + "f0 = lambda: nn.NLLLoss()\n"
        + chained("f{here} = lambda: f{there}()", 300)
        + f"f300(){CALL}\n",
        "f300()" + RENAMED,
    ),
    "defaults": (
        HEAD
        + "l0 = nn.NLLLoss()\n"
        + chained(
            f"def _f{{there}}(x, y, l{{here}}=l{{there}}):\n    return l{{here}}{CALL}\n"
            "l{here} = l{there}",
            300,
        ),
        "return l300" + RENAMED,
    ),
    "defaults that are called": (
        HEAD
        + "def _f0(l=nn.NLLLoss()):\n    return l\n"
        + chained("def _f{here}(l=_f{there}()):\n    return l", 300)
        + f"_f300(){CALL}\n",
        "_f300()" + RENAMED,
    ),
    "a choice of many": (
        HEAD
        + "c = "
        + "".join(f"nn.NLLLoss() if k == {i} else " for i in range(150))
        + f"nn.CrossEntropyLoss()\nc{CALL}\n",
        "c" + RENAMED,
    ),
    "names that are swapped": (
        HEAD
        + "a = nn.NLLLoss(); b = nn.CrossEntropyLoss()\n"
        + 300 * "a, b = b, a\n"
        + f"a{CALL}\n",
        "a" + RENAMED,
    ),
    "every function calls every other": (
        HEAD
        + "".join(
            f"def _f{i}(l, x, y):\n"
            + "".join(f"    _f{j}(l, x, y)\n" for j in range(30))
            + f"    return l{CALL}\n"
            for i in range(30)
        )
        + "_f0(nn.NLLLoss(), 1, 2)\n",
        "return l" + RENAMED,
    ),
}


def followed(text: str) -> FileResult:
    result = migrate_source(text)
    assert not result.with_status(Status.MANUAL)
    return result


@pytest.mark.parametrize(("text", "expected"), LONG.values(), ids=LONG)
def test_a_long_way_is_followed_to_its_end(text: str, expected: str) -> None:
    result = followed(text)
    assert expected in str(result.after)
    assert "input=" not in str(result.after)


STRAYED = {
    "a name in the midst": HEAD
    + "a0 = nn.NLLLoss()\n"
    + chained("a{here} = a{there}", 500)
    + "a250 = other(1)\n"
    + f"a500{CALL}\n",
    "a function in the midst": HEAD
    + "def _f0():\n    return nn.NLLLoss()\n"
    + chained("def _f{here}():\n    return _f{there}() if there else other", 300)
    + f"_f300(){CALL}\n",
    "names of a module": "import torch.nn\na0 = torch.nn\n"
    + chained("a{here} = a{there}", 500)
    + f"a250 = other\nc = a500.NLLLoss()\nc{CALL}\n",
}


@pytest.mark.parametrize("text", STRAYED.values(), ids=STRAYED)
def test_a_long_way_that_something_else_enters_is_handed_over(text: str) -> None:
    result = migrate_source(text)
    assert not result.changed
    assert result.with_status(Status.MANUAL)
