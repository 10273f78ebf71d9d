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
    ],
)
def test_no_other_is_handed_over(body: str) -> None:
    assert told(body) == []
