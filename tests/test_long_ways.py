"""Programs in which a loss goes a long or a tangled way: followed in time, or handed over."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from migrate.model import FileResult, Status
from migrate.pipeline import migrate_paths, migrate_source

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


#: Text, and how many constructors and how many calls of instances in it move.
MANY = {
    "names of a class": (
        HEAD + "a0 = nn.NLLLoss\n" + chained("a{here} = a{there}", 300) + f"c = a300()\nc{CALL}\n",
        (301, 1),
    ),
    "sites and calls of one name": (
        HEAD + "c = nn.NLLLoss()\n" * 200 + f"c{CALL}\n" * 200,
        (200, 200),
    ),
    "a dict": (
        HEAD
        + "d = {"
        + "".join(f"'k{i}': nn.NLLLoss(),\n" for i in range(300))
        + "}\n"
        + "".join(f"d['k{i}']{CALL}\n" for i in range(300)),
        (300, 300),
    ),
    "methods": (
        HEAD
        + "class A:\n"
        + "".join(
            f"    def m{i}(self, x, y):\n        self.loss = nn.NLLLoss()\n"
            f"        return self.loss{CALL}\n"
            for i in range(100)
        ),
        (100, 100),
    ),
    "heirs": (
        HEAD
        + "class C0:\n    def __init__(self):\n        self.loss = nn.NLLLoss()\n"
        + chained(
            f"class C{{here}}(C{{there}}):\n    def m(self, x, y):\n        return self.loss{CALL}",
            200,
        ),
        (1, 200),
    ),
    "branches": (
        HEAD
        + "def f(k, x, y):\n    if k == 0:\n        c = None\n"
        + "".join(f"    elif k == {i}:\n        c = nn.NLLLoss()\n" for i in range(1, 901))
        + f"    return c{CALL}\n",
        (900, 1),
    ),
    "attributes beside it": (
        HEAD + f"z = x{'.b' * 2000}\nc = nn.NLLLoss()\nc{CALL}\n",
        (1, 1),
    ),
    "a sum beside it": (
        HEAD + "z = " + " + ".join(["x"] * 2000) + f"\nc = nn.NLLLoss()\nc{CALL}\n",
        (1, 1),
    ),
}


@pytest.mark.parametrize(("text", "count"), MANY.values(), ids=MANY)
def test_what_there_is_many_of_moves_in_time(text: str, count: tuple[int, int]) -> None:
    result = followed(text)
    found = [finding.code for finding in result.with_status(Status.REWRITTEN)]
    assert (found.count("renamed"), found.count("call-keywords")) == count
    assert "input=" not in str(result.after)


def test_a_tensor_on_a_long_way_moves_with_its_loss() -> None:
    text = (
        "import torch\n" + FUNCTIONAL + "x0 = torch.zeros(3, 4)\n"
        + chained("x{here} = x{there}.detach()", 400)
        + "y = torch.zeros(3).long()\nF.nll_loss(x400, y)\n"
    )  # fmt: skip
    after = str(followed(text).after)
    assert "torch" not in after
    assert "x0 = mindspore.ops.zeros((3, 4))\n" in after
    assert "x400 = mindspore.ops.stop_gradient(x399)\n" in after


def test_a_tensor_that_a_loop_takes_back_to_itself_moves_with_its_loss() -> None:
    text = (
        "import torch\n" + FUNCTIONAL + "def f(y):\n    x = torch.zeros(3, 4)\n"
        "    for i in range(3):\n        x = x.detach()\n    return F.nll_loss(x, y)\n"
    )  # fmt: skip
    after = str(followed(text).after)
    assert "torch" not in after
    assert "        x = mindspore.ops.stop_gradient(x)\n" in after


def test_what_a_loss_gives_is_known_at_the_end_of_a_long_way() -> None:
    text = FUNCTIONAL + "r0 = F.nll_loss(x, y)\n" + chained("r{here} = r{there} + 1", 1000)
    result = migrate_source(text + "r1000.backward()\n")
    assert [f.code for f in result.findings if f.status is Status.MANUAL] == ["backward"]


#: Deeper than Python's functions may call each other: trees that its parser makes all the same.
DEEP = {
    "a sum in a call": HEAD + f"c = nn.NLLLoss()\nc(input={' + '.join(['x'] * 2000)}, target=y)\n",
    "a sum in a constructor": HEAD + f"c = nn.NLLLoss(ignore_index={' + '.join(['x'] * 2000)})\n",
    "a chain of methods": FUNCTIONAL + f"F.nll_loss(x{'.view(-1)' * 900}, y)\n",
    "a chain of attributes": HEAD + f"c = nn.NLLLoss()\nc(input=x{'.b' * 2000}, target=y)\n",
    "conditions": FUNCTIONAL
    + "z = " + "".join(f"{i} if k == {i} else " for i in range(900)) + "x\n"
    + "F.nll_loss(z, y).detach()\n",
}  # fmt: skip


@pytest.fixture
def pythons_limit() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # to import MindSpore raises it
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.usefixtures("pythons_limit")
@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_nests_too_deeply_is_handed_over(text: str) -> None:
    result = migrate_source(text)
    assert not result.changed
    (manual,) = result.with_status(Status.MANUAL)
    assert manual.code == "unproven"
    assert re.search("nested too deeply|Python's limit", manual.message)


@pytest.mark.usefixtures("pythons_limit")
def test_what_nests_too_deeply_keeps_no_other_site() -> None:
    text = DEEP["a sum in a constructor"] + "F = nn.functional\nF.nll_loss(x, y)\n"
    result = migrate_source(text)
    assert "mindspore.ops.nll_loss(x, y)" in str(result.after)
    assert [f.code for f in result.with_status(Status.MANUAL)] == ["unproven"]


LOSS = HEAD + "loss0 = nn.NLLLoss()\n"
USED = "loss = loss100\ndef f(x, y):\n    return loss(input=x, target=y)\n"
FILES = {
    "imports": (LOSS, "from m{there} import loss{there} as loss{here}\n", USED),
    "assignments": (LOSS, "from m{there} import loss{there}\nloss{here} = loss{there}\n", USED),
    "functions": (
        HEAD + "def loss0():\n    return nn.NLLLoss()\n",
        "from m{there} import loss{there}\ndef loss{here}():\n    return loss{there}()\n",
        "def f(x, y):\n    return loss100()(input=x, target=y)\n",
    ),
}


@pytest.mark.parametrize(("first", "line", "last"), FILES.values(), ids=FILES)
def test_a_way_over_a_hundred_files_is_followed(
    first: str, line: str, last: str, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "m0.py").write_text(first)
    for at in range(100):
        text = line.format(there=at, here=at + 1)
        (tmp_path / f"m{at + 1}.py").write_text(text)
    (tmp_path / "use.py").write_text("from m100 import loss100\n" + last)
    results = {Path(each.path).name: each for each in migrate_paths([str(tmp_path)])}
    assert not any(each.error for each in results.values())
    assert "mindspore.nn.NLLLoss()" in str(results["m0.py"].after)
    assert "(x, y)\n" in str(results["use.py"].after)
    assert "input=" not in str(results["use.py"].after)


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
