"""What MindSpore's tensors lack is handed over where a migrated loss is asked for it; no other."""

from __future__ import annotations

import operator
import textwrap

import pytest
from frameworks import mindspore, torch

from migrate import migrate_source
from migrate.lacking import _CALLED, _REMEDIES
from migrate.model import Status

HEAD = (
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\nc = nn.NLLLoss()\n\n\n"
)


def told(body: str) -> list[str]:
    text = HEAD + "def f(x, y, k, n):\n" + textwrap.indent(f"{body}\n", "    ")
    found = [f for f in migrate_source(text).findings if f.code == "tensor-lacks"]
    assert all(f.status is Status.MANUAL for f in found)
    return [f.message.partition("; ")[2] for f in found]


ITEM = "write `l.item()`"
OTHER = "use what MindSpore has for it"
MAKE = "make that one with MindSpore too"
DETACH = "write mindspore.ops.stop_gradient(…) around it"


@pytest.mark.parametrize(
    ("body", "remedies"),
    [
        pytest.param('l = c(x, y)\nprint(f"{l:.3f}")', [ITEM], id="f-string"),
        pytest.param(
            'print(f"{c(x, y):.3f} {k:.3f}")', ["write `c(x, y).item()`"], id="computed in it"
        ),
        pytest.param(
            "d = {'a': nn.NLLLoss()}\nprint(f\"{d['a'](x, y):.3f} {d.keys()!s:>9}\")",
            ["write `d['a'](x, y).item()`"],
            id="computed in it, of a dict",
        ),
        pytest.param(
            'print(f"{c(x, y).detach()} {k.detach()}")',
            [DETACH],
            id="its method",
        ),
        pytest.param('l = c(x, y)\nprint(f"a {k} {l!r} {l:{n}}")', [ITEM], id="any format"),
        pytest.param(
            'l = c(x, y)\nprint(f"""\n  {l}\n  {l / 2:.3f}\n""" f"{k}")',
            ["write `(l / 2).item()`"],
            id="over lines",
        ),
        pytest.param('l = c(x, y)\nprint("{} {:.3f}".format(k, l))', [ITEM], id="str.format"),
        pytest.param('l = c(x, y)\nprint("{1:.3f}".format(k, l))', [ITEM], id="by number"),
        pytest.param('l = c(x, y)\nprint(format(l, ".3f"))', [ITEM], id="format"),
        pytest.param(
            'l = 0\nfor _ in k:\n    l += c(x, y)\nprint(f"{l:.3f}")', [ITEM], id="added up"
        ),
        pytest.param(
            'l = c(x, y)\nprint(f"{l.detach().item():.3f}")', [DETACH], id="method within"
        ),
        pytest.param("if (l := c(x, y)) is not k:\n    return l.detach()", [DETACH], id="walrus"),
        pytest.param(
            "return (\n    c(x, y)  # loss\n    .detach()\n)", [DETACH], id="between comments"
        ),
        pytest.param(
            "return c(x, y).std() + c(x, y).var(dim=0)",
            [
                f"write .{w}(ddof=1), and an axis for the dim: it divides by n"
                for w in ("std", "var")
            ],
            id="deviations of a sample",
        ),
        pytest.param(
            "return c(x, y).median()", ["write .flatten().median()[0]"], id="the median of all"
        ),
        pytest.param("return c(x, y).equal(k)", ["write (… == …).all()"], id="equal in all"),
        pytest.param("return c(x, y).repeat(2)", ["write .tile(…)"], id="repeated"),
        pytest.param("return c(x, y).max(dim=1).values", ["write [0]"], id="the largest ones"),
        pytest.param("m = c(x, y).sort()\nreturn m.indices", ["write [1]"], id="their places"),
        pytest.param(
            "l = c(x, y)\nl.mul_(2)\nl.zero_()",
            ["write `… = ….mul(…)`", "write `… = ….zero(…)`"],
            id="in place",
        ),
        pytest.param("return F.nll_loss(x, y).size(k)", ["write .shape"], id="size"),
        pytest.param("k['l'] = c(x, y)\nreturn k['l'].detach()", [DETACH], id="in a dict"),
        pytest.param("k.append(c(x, y))\nreturn k[0].detach()", [DETACH], id="in a list"),
        pytest.param(
            "def show(l):\n    print(f'{l:.3f}')\nshow(c(x, y))", [ITEM], id="f-string elsewhere"
        ),
        pytest.param("return torch.isnan(c(x, y))", [OTHER], id="a function of torch's"),
        pytest.param("return torch.stack([c(x, y), x])", [OTHER], id="several in a list"),
        pytest.param("return c(x, y).to(torch.float64)", [OTHER], id="a dtype of torch's"),
        pytest.param("return c(x, y).sum(dtype=torch.float64)", [OTHER], id="by keyword"),
        pytest.param("return c(x, y).dtype == torch.float32", [OTHER], id="its dtype is compared"),
        pytest.param("return type(c(x, y)) is torch.Tensor", [OTHER], id="its type is compared"),
        pytest.param("return isinstance(c(x, y), torch.Tensor)", [OTHER], id="its class"),
        pytest.param(
            "l = c(x, y)\nreturn isinstance(l, (float, torch.Tensor))", [OTHER], id="one of several"
        ),
        pytest.param(
            "l = c(x, y)\nreturn torch.zeros(1, device=l.device)", [OTHER], id="its device"
        ),
        pytest.param(
            "t = torch.tensor(0.0)\nfor _ in k:\n    t = t + c(x, y)\nreturn t", [MAKE], id="a sum"
        ),
        pytest.param(
            "t = torch.zeros(1).to(k)\nfor _ in k:\n    t += c(x, y)\nreturn t",
            [MAKE],
            id="added up in place",
        ),
        pytest.param("m = torch.ones(2)\nreturn (c(x, y) * m).sum()", [MAKE], id="a mask"),
        pytest.param("m = torch.ones_like(k)\nreturn 2 * c(x, y) / m", [MAKE], id="no rule"),
        pytest.param("m = torch.arange(2)\nreturn c(x, y)[m]", [MAKE], id="an index"),
        pytest.param("m = torch.arange(2)\nreturn c(x, y)[:, m]", [MAKE], id="an index of two"),
        pytest.param("b = torch.tensor(k)\nreturn c(x, y) < b", [MAKE], id="compared"),
        pytest.param("a = torch.zeros(n)\na[k] = c(x, y)\nreturn a", [MAKE], id="kept in one"),
        pytest.param(
            "a = {'l': torch.zeros(1)}\na['l'] += c(x, y)\nreturn a", [MAKE], id="kept in a dict"
        ),
        pytest.param("k.append(c(x, y))\nreturn torch.stack(k)", [OTHER], id="a list"),
    ],
)
def test_what_a_loss_lacks_is_handed_over(body: str, remedies: list[str]) -> None:
    assert told(body) == remedies


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("l = c(x, y)\nt = l\nt += k\nreturn l, t", id="another name"),
        pytest.param("t = l = c(x, y)\nn = l\nl *= 0.5\nreturn n", id="a name before"),
        pytest.param("l = c(x, y)\nk.append(l)\nl += 1\nreturn k", id="a list"),
        pytest.param("l = c(x, y)\nk['l'] = l.detach()\nl += 1\nreturn k", id="a dict"),
        pytest.param("l = c(x, y)\nk = {'l': l}\nl += 1\nreturn k", id="a new dict"),
        pytest.param("l = c(x, y)\nv = l.view(-1)[0]\nl += 1\nreturn v", id="a view"),
        pytest.param("k['l'] = c(x, y)\nt = k['l']\nt += 1\nreturn k", id="out of a dict"),
        pytest.param(
            "t = 0\nfor _ in k:\n    t += c(x, y)\n    k.append(t)\nreturn k", id="in a loop"
        ),
    ],
)
def test_what_is_added_to_where_something_else_holds_it_is_handed_over(body: str) -> None:
    (found,) = told(body)
    assert found.startswith("write what is meant there")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("l = c(x, y)\nl += k\nreturn l", id="nothing else"),
        pytest.param("l = c(x, y)\nt = l\nt += k\nreturn t", id="the other name is not read"),
        pytest.param("l = c(x, y)\nl += 1\nk.append(l)\nreturn k", id="kept behind"),
        pytest.param("l = c(x, y)\nk.append(l.item())\nl += 1\nreturn k", id="a number is kept"),
        pytest.param("l = c(x, y)\nk.append(l * 2)\nl += 1\nreturn k", id="another is kept"),
        pytest.param("l = c(x, y)\nk.append(l)\nl = l + 1\nreturn k", id="no adding in place"),
        pytest.param("t = 0\nfor _ in k:\n    t += c(x, y)\nreturn t", id="a sum"),
        pytest.param(
            "for _ in n:\n    l = c(x, y)\n    l += 1\n    k.append(l)\nreturn k",
            id="a new one each time",
        ),
        pytest.param("t = k\nn.append(t)\nt += 1\nreturn c(x, y)", id="no loss"),
    ],
)
def test_what_nothing_else_holds_is_added_to(body: str) -> None:
    assert told(body) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('l = c(x, y)\nprint(f"{l} {l!r:>30} {k:.3f}")', id="no format of it"),
        pytest.param('l = c(x, y)\nprint(f"{l.item():.3f} {float(l):.3f}")', id="a number"),
        pytest.param('l = c(x, y)\nl = l.item()\nprint(f"{l:.3f}")', id="a number in its name"),
        pytest.param('l = 0\nl += c(x, y).item()\nprint(f"{l:.3f}")', id="numbers added up"),
        pytest.param('l = c(x, y)\nprint("{} {k:.3f}".format(l, k=k))', id="another is formatted"),
        pytest.param('l = c(x, y)\nprint("{".format(l))', id="no format"),
        pytest.param('l = c(x, y)\nprint("%.3f" % l)', id="by percent, which calls float"),
        pytest.param("l = c(x, y)\nreturn l.detach().cpu()", id="it is edited"),
        pytest.param("l = c(x, y)\nreturn l.size", id="a number in MindSpore"),
        pytest.param('c(x, y)\nprint(f"{x.detach():.3f}")', id="a parameter"),
        pytest.param("k['l'] = c(x, y)\nreturn k['k'].detach()", id="another key"),
        pytest.param(
            "return torch.isnan(c(x, y).item())", id="a function of torch's, and a number"
        ),
        pytest.param("c(x, y)\nreturn torch.isnan(x)", id="a function of torch's, and a parameter"),
        pytest.param("return F.nll_loss(c(x, y), y)", id="a loss of a loss"),
        pytest.param("torch.save(c(x, y), k)", id="what takes anything"),
        pytest.param("return c(x, y).std(ddof=1)", id="a deviation as MindSpore has it"),
        pytest.param("return c(x, y).median(0)", id="a median that both give as two"),
        pytest.param("return k.std(), k.mul_(c(x, y))", id="of a parameter"),
        pytest.param("k = {'l': c(x, y)}\nreturn k.values()", id="the values of a dict"),
        pytest.param("return c(x, y).to(k), c(x, y).dtype == x.dtype", id="no word of torch's"),
        pytest.param("return isinstance(c(x, y), float)", id="another class"),
        pytest.param("c(x, y)\nreturn isinstance(x, torch.Tensor)", id="the class of another"),
        pytest.param("return c(x, y) * k + 1.0", id="a parameter or a number beside"),
        pytest.param("m = torch.ones(2)\nreturn c(x, y).item() * m", id="a number and a tensor"),
        pytest.param("w = torch.ones(2)\nk(w)\nreturn c(w, y) * w", id="what goes into the loss"),
        pytest.param("k['t'] = torch.zeros(1)\nk['l'] = c(x, y)", id="side by side in a dict"),
        pytest.param("t = torch.ones(1)\nt = c(x, y)\nreturn t + 1", id="torch's before"),
        pytest.param('l = nn.L1Loss()(x, y)\nc(x, y)\nprint(f"{l:.3f}")', id="another loss"),
    ],
)
def test_nothing_else_is(body: str) -> None:
    assert told(body) == []


CLASS = """\
import torch
import torch.nn as nn


class L(nn.CrossEntropyLoss):
    def forward(self, input, target, more=None):
        BODY
        return super().forward(input, target)


def f(x, y):
    return L()(x, y)
"""


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        pytest.param("input = input.detach()", ["tensor-lacks"], id="the logits"),
        pytest.param("target = target.cuda()", ["tensor-lacks"], id="the labels"),
        pytest.param("n = target.view(-1).size(0)", ["tensor-lacks"], id="through a view"),
        pytest.param("torch.exp(input)", ["tensor-lacks"], id="a function of torch's"),
        pytest.param("super().forward(input, target).backward()", ["backward"], id="the loss"),
        pytest.param("more.detach()", [], id="another parameter"),
        pytest.param("input.long()", [], id="what both have"),
        pytest.param("more = target.shape[0]\n        more.cpu()", [], id="a number"),
    ],
)
def test_what_the_operands_of_a_moved_class_lack_is_handed_over(
    body: str, codes: list[str]
) -> None:
    result = migrate_source(CLASS.replace("BODY", body))
    assert "def construct(self, logits, labels, more=None):" in (result.after or "")
    assert [f.code for f in result.with_status(Status.MANUAL)] == codes


def test_what_an_instance_of_a_moved_class_gives_lacks_the_same() -> None:
    text = CLASS.replace("BODY", "pass").replace("L()(x, y)", "L()(x, y).backward()")
    assert [f.code for f in migrate_source(text).with_status(Status.MANUAL)] == ["backward"]
    plain = text.replace("nn.CrossEntropyLoss", "nn.L1Loss") + "\n\nnn.NLLLoss()\n"
    assert migrate_source(plain).with_status(Status.MANUAL) == ()


def test_an_operand_of_a_class_that_stays_is_torchs() -> None:
    text = CLASS.replace("BODY", "self.training = input.detach()") + "\n\nnn.NLLLoss()\n"
    result = migrate_source(text)
    assert [f.code for f in result.with_status(Status.MANUAL)] == ["subclass"]


def test_the_frameworks_differ_in_these() -> None:
    theirs, ours = torch().tensor(1.5), mindspore().tensor(1.5)
    for name in _REMEDIES:
        assert hasattr(theirs, name)
        assert name in _CALLED | {"requires_grad_"} or not hasattr(ours, name)
    assert not callable(ours.size)
    assert f"{theirs:.3f}" == "1.500"
    with pytest.raises(TypeError, match="format"):
        f"{ours:.3f}"
    assert f"{ours.item():.3f}" == "1.500"
    for function in (torch().isnan, torch().mean, lambda loss: torch().stack([loss])):
        with pytest.raises(TypeError):
            function(ours)
    assert not torch().is_tensor(ours)
    assert not isinstance(ours, torch().Tensor)
    assert ours.dtype != torch().float32
    for meet in (operator.add, operator.mul, operator.lt):
        with pytest.raises(TypeError):
            meet(theirs, ours)
    with pytest.raises(TypeError):
        ours.to(torch().float64)


def test_what_both_have_differs_too() -> None:
    numbers = [1.0, 2.0, 4.0, 9.0]
    theirs, ours = torch().tensor(numbers), mindspore().tensor(numbers)
    for name in ("std", "var"):
        sample = getattr(theirs, name)().item()
        assert getattr(ours, name)().item() != pytest.approx(sample)
        assert getattr(ours, name)(ddof=1).item() == pytest.approx(sample)
    assert theirs.median().item() == ours.flatten().median()[0].item()
    assert isinstance(ours.median(), tuple)
    assert theirs.equal(theirs) is True
    assert ours.equal(ours).shape == (4,)
    assert not hasattr(ours.max(axis=0), "values")
    kept = theirs, ours
    theirs *= 1
    ours *= 1
    assert (theirs is kept[0], ours is kept[1]) == (True, False)
    theirs.mul_(2)
    ours.mul_(2)  # on a CPU it is not changed
    assert (theirs[0].item(), ours[0].item()) == (2.0, 1.0)
    for name, given in (("repeat", 2), ("fill_", 1.0)):
        with pytest.raises(RuntimeError):
            getattr(ours, name)(given)
