"""`.backward()` of a migrated loss is handed over; no other is."""

from __future__ import annotations

import textwrap

import pytest

from migrate import migrate_source
from migrate.model import Status

HEAD = (
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\nc = nn.NLLLoss()\n\n\n"
)


def told(body: str) -> list[str]:
    """Return the message of every `.backward()` that is handed over, behind the text of it."""
    text = (
        HEAD
        + "class T:\n    def f(self, net, loss_fn, x, y):\n"
        + textwrap.indent(f"{body}\n", "        ")
    )
    text += textwrap.dedent("""

        def computed(x, y):
            return F.cross_entropy(x, y)


        def other(x, y):
            return x - y


        def pair(x):
            return c(x, 1), x


        def every(x, y):
            for a in x:
                yield c(a, y)


        class Net(nn.Module):
            def forward(self, x, y):
                return dict(l=c(x, y), k=x)

            def step(self, x, y):
                return Out(loss=c(x, y), kept=x)
        """)
    found = migrate_source(text).findings
    handed = [f for f in found if f.code == "backward"]
    assert all(f.status is Status.MANUAL for f in handed)
    return [f"{f.before}: {f.message}" for f in handed]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param(
            "l = c(net(x), y)\nl.backward()",
            "l, grads = mindspore.value_and_grad(lambda: c(net(x), y), None, "
            "net.trainable_params())()",
            id="of a name",
        ),
        pytest.param(
            "o = net(x)\nl = c(o, y)\nl.backward()",
            "l, grads = mindspore.value_and_grad(lambda: c(net(x), y), None, "
            "net.trainable_params())()",
            id="through names",
        ),
        pytest.param(
            "F.cross_entropy(self.net(x), y).backward()",
            "loss, grads = mindspore.value_and_grad(lambda: mindspore.ops.cross_entropy("
            "self.net(x), y), None, self.net.trainable_params())()",
            id="at once",
        ),
        pytest.param(
            "l = c(net(x), y) + 0.1 * F.nll_loss(net(x), y, size_average=False)\nl.backward()",
            "l, grads = mindspore.value_and_grad(lambda: c(net(x), y) + 0.1 * "
            "mindspore.ops.nll_loss(net(x), y, reduction='sum'), None, net.trainable_params())()",
            id="of a sum, with a call that folds",
        ),
        pytest.param(
            "z = torch.randn(2, 3, requires_grad=True)\n"
            "w = torch.randn(2, 3, requires_grad=True)\n"
            "l = c(z, y) + c(w, y)\nl.backward()",
            "l, grads = mindspore.value_and_grad(lambda z, w: c(z, y) + c(w, y), (0, 1))(z, w)",
            id="by two tensors",
        ),
    ],
)
def test_the_line_is_written_for_the_call(body: str, line: str) -> None:
    (message,) = told(body)
    assert f"write `{line}`" in message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("self.l = c(x, y)\nself.l.backward()", id="an attribute"),
        pytest.param("t = 0\nfor a in x:\n    t += c(a, y)\nt.backward()", id="what is added up"),
        pytest.param("l = computed(x, y)\nl.backward()", id="what a function returns"),
        pytest.param("l = c(x, y).mean()\nl.backward(retain_graph=True)", id="a mean"),
        pytest.param("l = c(x, y) if y else loss_fn(x)\nl.backward()", id="perhaps"),
        pytest.param("d = {}\nd['l'] = c(x, y)\nd['l'].backward()", id="put into a dict"),
        pytest.param("d = {'l': c(x, y)}\nd.get('l').backward()", id="a dict"),
        pytest.param("d = {}\nd.update(l=c(x, y))\nd['l'].backward()", id="updated"),
        pytest.param("d = {'a': c(x, y)}\nfor k, v in d.items():\n    v.backward()", id="items"),
        pytest.param("s = []\ns.append(c(x, y))\ns[0].backward()", id="a list"),
        pytest.param("sum(c(a, y) for a in x).backward()", id="a sum of a generator"),
        pytest.param("for l in [c(a, y) for a in x]:\n    l.backward()", id="a comprehension"),
        pytest.param("self.s.append(c(x, y))\nself.s[-1].backward()", id="a list of self"),
        pytest.param("self.d['l'] = c(x, y)\nself.d['l'].backward()", id="a dict of self"),
        pytest.param("l = c(x, y)\nl /= 4\nl.backward()", id="divided in place"),
        pytest.param("(-c(x, y)).backward()", id="negated"),
        pytest.param("c(x, y).float().backward()", id="a method of the tensor"),
        pytest.param("torch.stack([c(x, y)]).mean().backward()", id="a function of torch's"),
        pytest.param("l = c(x, y)\nloss_fn.scale(l).backward()", id="a scaler"),
        pytest.param(
            "with loss_fn(c(x, y)) as scaled:\n    scaled.backward()", id="a context manager"
        ),
        pytest.param("loss_fn.backward(c(x, y))", id="an accelerator"),
        pytest.param("self.manual_backward(c(x, y))", id="a trainer"),
        pytest.param("torch.autograd.backward([c(x, y)])", id="autograd's backward"),
        pytest.param("torch.autograd.grad(c(x, y), x)", id="autograd's grad"),
        pytest.param("def step(l):\n    l.backward()\nstep(c(x, y))", id="a parameter"),
        pytest.param("l, n = pair(x)\nl.backward()", id="one of two that are returned"),
        pytest.param("Net()(x, y)['l'].backward()", id="what a module of the file gives"),
        pytest.param("Net().step(x, y).loss.backward()", id="a field of what is returned"),
        pytest.param("for l in every(x, y):\n    l.backward()", id="what is yielded"),
    ],
)
def test_it_is_handed_over_from_further_away(body: str) -> None:
    (message,) = told(body)
    assert "mindspore.value_and_grad" in message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("l = loss_fn(x, y)\nl.backward()", id="an unknown loss"),
        pytest.param("l = nn.MSELoss()(x, y)\nl.backward()", id="another loss of torch"),
        pytest.param("l = other(x, y)\nl.backward()", id="another function"),
        pytest.param("l = c(*x)\nl = x\nl.backward()", id="another value of the name"),
        pytest.param("l = c(x, y)\nself.backward()", id="another object"),
        pytest.param("computed = x\nl = computed(x, y)\nl.backward()", id="a name like a function"),
        pytest.param("l = nn.NLLLoss(*x)(x, y)\nl.backward()", id="a loss that is handed over"),
        pytest.param("d = {'l': c(x, y), 'k': x}\nd['k'].backward()", id="another key"),
        pytest.param("s = [c(x, y), x]\ns[1].backward()", id="another element"),
        pytest.param("d = {}\nd['l'] = c(x, y)\nd['k'] = x\nd['k'].backward()", id="put beside"),
        pytest.param("l = c(x, y)\nl = l.item()\nl += x\nl.backward()", id="a number, added to"),
        pytest.param("s = [c(x, y).item()]\ns[0].backward()", id="a list of numbers"),
        pytest.param("l, n = pair(x)\nn.backward()", id="the other that is returned"),
        pytest.param("Net()(x, y)['k'].backward()", id="another key of what a module gives"),
        pytest.param("Net().step(x, y).kept.backward()", id="another field"),
        pytest.param("def step(l):\n    l.backward()\nstep(c(x, y).item())", id="another argument"),
        pytest.param("loss_fn.scale(c(x, y).item()).backward()", id="computed of a number"),
        pytest.param("loss_fn.backward(c(x, y).item())", id="an accelerator and a number"),
        pytest.param("c(x, y)\ntorch.autograd.grad(x, y)", id="autograd of something else"),
        pytest.param("loss_fn.grad(c(x, y))", id="another grad"),
    ],
)
def test_no_other_is_handed_over(body: str) -> None:
    assert told(body) == []


LEFT = """\
import mindspore as ms

c = ms.nn.CrossEntropyLoss()


def f(net, x, y, other):
    l = {}
    return l
"""


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        pytest.param("c(net(x), y).backward()", ["backward"], id="an instance"),
        pytest.param(
            "l = ms.ops.cross_entropy(x, y)\n    l.backward()", ["backward"], id="function"
        ),
        pytest.param(
            "from mindspore.nn import NLLLoss as N\n    N()(x, y).backward()",
            ["backward"],
            id="alias",
        ),
        pytest.param("l = ms.nn.NLLLoss()(x, y).detach()", ["tensor-lacks"], id="detach"),
        pytest.param("l = f'{c(x, y):.3f}'", ["tensor-lacks"], id="a format"),
        pytest.param("other(net(x), y).backward()", [], id="another loss"),
        pytest.param("c(x, y).item().backward()", [], id="a number"),
        pytest.param("l = ms.nn.L1Loss()(x, y)\n    l.backward()", [], id="a loss without a rule"),
    ],
)
def test_what_a_first_run_left_is_noted_and_not_touched(body: str, codes: list[str]) -> None:
    text = LEFT.replace("l = {}", body)
    result = migrate_source(text)
    assert result.after == text
    assert [f.code for f in result.findings] == codes
    assert all(f.status is Status.NOTE for f in result.findings)


def test_what_was_mindspores_before_goes_by_the_name_that_is_in_use() -> None:
    text = "import mindspore\n\nloss = mindspore.nn.NLLLoss()(x, y)\nloss.backward()\n"
    (finding,) = migrate_source(text).findings
    assert (finding.code, finding.rule) == ("backward", "torch.nn.NLLLoss")


def test_a_second_run_notes_what_the_first_handed_over() -> None:
    text = HEAD + "def f(net, x, y):\n    l = c(net(x), y)\n    l.backward()\n"
    first = migrate_source(text)
    again = migrate_source(first.after or "")
    assert again.after == first.after
    assert [(f.status, f.code, f.before) for f in again.findings] == [
        (Status.NOTE, "backward", "l.backward()")
    ]
    (handed,) = (f for f in first.findings if f.code == "backward")
    assert again.findings[0].message == handed.message
