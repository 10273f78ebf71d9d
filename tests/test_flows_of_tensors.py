"""Which tensors move with a loss, and which stay: each flow, and the twin that must not move."""

from __future__ import annotations

import textwrap

import pytest
from test_operands import migrated, run

#: By name: what stands around `criterion(x, y)` in a program, and what becomes of it. Whatever is
#: printed is the same under torch and under MindSpore.
CE = "criterion = nn.CrossEntropyLoss()"
MOVES = {
    "sizes of several numbers": (
        "x = torch.zeros(2, 3)\ny = torch.ones(2, dtype=torch.long)",
        "x = mindspore.ops.zeros((2, 3))\ny = mindspore.ops.ones(2, dtype=mindspore.int32)",
    ),
    "a size by its name": (
        "x = torch.ones(size=(2, 3))\ny = torch.zeros(size=(2,), dtype=torch.int64)",
        "x = mindspore.ops.ones(shape=(2, 3))\n"
        "y = mindspore.ops.zeros(size=(2,), dtype=mindspore.int32)",
    ),
    "a value and its dtype": (
        "x = torch.full((2, 3), 1.5)\ny = torch.full((2,), 1)",
        "x = mindspore.ops.full((2, 3), 1.5, dtype=mindspore.float32)\n"
        "y = mindspore.ops.full((2,), 1, dtype=mindspore.int32)",
    ),
    "a range": (
        "x = torch.zeros((3, 4))\ny = torch.arange(3)",
        "x = mindspore.ops.zeros((3, 4))\ny = mindspore.ops.arange(3, dtype=mindspore.int32)",
    ),
    "a range of the length of another": (
        "x = torch.zeros((3, 4))\ny = torch.arange(len(x), device=x.device)",
        "x = mindspore.ops.zeros((3, 4))\ny = mindspore.ops.arange(len(x), dtype=mindspore.int32)",
    ),
    "typed constructors": (
        "x = torch.FloatTensor([[1, 2, 3]])\ny = torch.LongTensor([2])",
        "x = mindspore.tensor([[1, 2, 3]], dtype=mindspore.float32)\n"
        "y = mindspore.tensor([2], dtype=mindspore.int32)",
    ),
    "the constructor of Tensor": (
        "x = torch.Tensor([[1, 2, 3]])\ny = torch.tensor([2]).long()",
        "x = mindspore.tensor([[1, 2, 3]], dtype=mindspore.float32)\n"
        "y = mindspore.tensor([2], dtype=mindspore.int32).int()",
    ),
    "arrays": (
        "x = torch.from_numpy(np.ones((2, 3), np.float32))\ny = torch.tensor(np.array([0, 2]))",
        "x = mindspore.from_numpy(np.ones((2, 3), np.float32))\n"
        "y = mindspore.tensor(np.array([0, 2]), dtype=mindspore.int32)",
    ),
    "devices": (
        "d = 'cpu'\nx = torch.zeros(1, 3, device=d).cpu()\n"
        "y = torch.tensor([1], device='cpu', dtype=torch.long)",
        "d = 'cpu'\nx = mindspore.ops.zeros((1, 3))\n"
        "y = mindspore.tensor([1], dtype=mindspore.int32)",
    ),
    "an extent in a name": (
        "k = 2\nx = torch.zeros(2, 3)\ny = torch.randint(1, (k,))",
        "k = 2\nx = mindspore.ops.zeros((2, 3))\n"
        "y = mindspore.ops.randint(0, 1, (k,), dtype=mindspore.int32)",
    ),
    "a range of floats": (
        "x = torch.arange(0, 1, 0.1)\ny = torch.tensor(0)",
        "x = mindspore.ops.arange(0, 1, 0.1)\ny = mindspore.tensor(0, dtype=mindspore.int32)",
    ),
    "probabilities": (
        "x = torch.tensor([[1.0, 2.0]])\ny = torch.tensor([[0.5, 1.5]]).softmax(dim=1)",
        "x = mindspore.tensor([[1.0, 2.0]])\ny = mindspore.tensor([[0.5, 1.5]]).softmax(axis=1)",
    ),
    "a weight": (
        "w = torch.ones(3)\nx = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\n"
        "nn.CrossEntropyLoss(weight=w)(x, y)",
        "w = mindspore.ops.ones(3)\nx = mindspore.ops.zeros((2, 3))\n"
        "y = mindspore.tensor([1, 0], dtype=mindspore.int32)\n"
        "mindspore.nn.CrossEntropyLoss(weight=w)(x, y)",
    ),
    "an array that another changes": (
        "a = np.ones((2, 3), np.float32)\nb = a + 1\nb[0, 0] = 9\nx = torch.from_numpy(a)\n"
        "y = torch.tensor([1, 0])",
        "a = np.ones((2, 3), np.float32)\nb = a + 1\nb[0, 0] = 9\nx = mindspore.from_numpy(a)\n"
        "y = mindspore.tensor([1, 0], dtype=mindspore.int32)",
    ),
    "probabilities from integers": (
        "x = torch.zeros(1, 2)\ny = torch.tensor([[1e10, 0.5]]).long().float()",
        "x = mindspore.ops.zeros((1, 2))\ny = mindspore.tensor([[1e10, 0.5]]).long().float()",
    ),
    "a call over lines with comments": (
        "x = torch.tensor(\n    [[1.0, 2.0]],  # two\n    requires_grad=True,\n)\n"
        "y = torch.tensor([1])",
        "x = mindspore.tensor(\n    [[1.0, 2.0]],  # two\n)\n"
        "y = mindspore.tensor([1], dtype=mindspore.int32)",
    ),
    "two names at once": (
        "x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([1])",
        "x, y = mindspore.tensor([[1.0, 2.0]]), mindspore.tensor([1], dtype=mindspore.int32)",
    ),
    "other shapes": (
        "x = torch.zeros(2, 3, 4)\ny = torch.tensor([[0, 1, 2], [3, 0, 1]])\n"
        "x, y = x.view(-1, 4), y.reshape(6)",
        "x = mindspore.ops.zeros((2, 3, 4))\n"
        "y = mindspore.tensor([[0, 1, 2], [3, 0, 1]], dtype=mindspore.int32)\n"
        "x, y = x.view(-1, 4), y.reshape(6)",
    ),
    "the logits but for the last, the labels but for the first": (
        "x = torch.zeros(2, 3, 4)[..., :-1, :].reshape(-1, 4)\n"
        "y = torch.tensor([[0, 1, 2], [3, 0, 1]])[:, 1:].reshape(-1)",
        "x = mindspore.ops.zeros((2, 3, 4))[..., :-1, :].reshape(-1, 4)\n"
        "y = mindspore.tensor([[0, 1, 2], [3, 0, 1]], dtype=mindspore.int32)[:, 1:].reshape(-1)",
    ),
    "other orders of dimensions": (
        "x = torch.zeros(3, 2).t().unsqueeze(0).permute(0, 1, 2).transpose(1, 0)\n"
        "x = x.squeeze(dim=1).flatten(1)\ny = torch.tensor([[0], [2]]).squeeze().flatten()",
        "x = mindspore.ops.zeros((3, 2)).t().unsqueeze(0).permute(0, 1, 2).swapaxes(1, 0)\n"
        "x = x.squeeze(axis=1).flatten(1)\n"
        "y = mindspore.tensor([[0], [2]], dtype=mindspore.int32).squeeze().flatten()",
    ),
    "a mean of several": (
        "x = torch.ones(2, 4, 3).mean(dim=1)\ny = torch.tensor([1, 0])",
        "x = mindspore.ops.ones((2, 4, 3)).mean(dim=1)\n"
        "y = mindspore.tensor([1, 0], dtype=mindspore.int32)",
    ),
    "a mean by the function": (
        "x = torch.mean(torch.ones(2, 4, 3), 1, keepdim=False)\ny = torch.tensor([1, 0])",
        "x = mindspore.ops.mean(mindspore.ops.ones((2, 4, 3)), 1, keep_dims=False)\n"
        "y = mindspore.tensor([1, 0], dtype=mindspore.int32)",
    ),
    "the extents of another": (
        "x = torch.zeros(3, 4)\ny = torch.randint(1, (x.size(0),))",
        "x = mindspore.ops.zeros((3, 4))\n"
        "y = mindspore.ops.randint(0, 1, (x.shape[0],), dtype=mindspore.int32)",
    ),
    "a size over lines": (
        "x = torch.zeros(3, 4)\ny = torch.tensor([1, 2, 0])\nz = (x\n     .size(\n    dim=-1))",
        "x = mindspore.ops.zeros((3, 4))\n"
        "y = mindspore.tensor([1, 2, 0], dtype=mindspore.int32)\nz = (x\n     .shape[-1])",
    ),
    "a temperature": (
        "x = torch.tensor([[1.0, 2.0]]) / 0.5\nx = 1 - x * 2\ny = torch.tensor([1])",
        "x = mindspore.tensor([[1.0, 2.0]]) / 0.5\nx = 1 - x * 2\n"
        "y = mindspore.tensor([1], dtype=mindspore.int32)",
    ),
    "a sum of tensors": (
        "x = torch.tensor([[1.0, 2.0]])\nx = x + -torch.ones(1, 2)\ny = torch.tensor([1])",
        "x = mindspore.tensor([[1.0, 2.0]])\nx = x + -mindspore.ops.ones((1, 2))\n"
        "y = mindspore.tensor([1], dtype=mindspore.int32)",
    ),
    "a shape and a type that are looked at": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nk = x.shape\nprint(type(x), k[0])",
        "x = mindspore.ops.zeros((2, 3))\ny = mindspore.tensor([1, 0], dtype=mindspore.int32)\n"
        "k = x.shape\nprint(type(x), k[0])",
    ),
    "a number by its name is added to": (
        "z = x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = 1\nz += 1",
        "z = x = mindspore.ops.zeros((2, 3))\n"
        "y = mindspore.tensor([1, 0], dtype=mindspore.int32)\nz = 1\nz += 1",
    ),
    "an array whose copy is changed": (
        "a = np.ones((3, 2), np.float32).T\nb = a.copy()\nb[0, 0] = 9\nx = torch.from_numpy(a)\n"
        "y = torch.tensor([1, 0])\nprint(np.add(a, 1, out=b).shape, len(vars(np)) > n)",
        "a = np.ones((3, 2), np.float32).T\nb = a.copy()\nb[0, 0] = 9\n"
        "x = mindspore.from_numpy(a)\ny = mindspore.tensor([1, 0], dtype=mindspore.int32)\n"
        "print(np.add(a, 1, out=b).shape, len(vars(np)) > n)",
    ),
    "a list that is changed": (
        "a = [[1.0, 2.0]]\nx = torch.tensor([[1.0, 2.0]])\na[0] = 9\ny = torch.LongTensor([0])",
        "a = [[1.0, 2.0]]\nx = mindspore.tensor([[1.0, 2.0]])\na[0] = 9\n"
        "y = mindspore.tensor([0], dtype=mindspore.int32)",
    ),
    "branches": (
        "if n:\n    x = torch.zeros(1, 3)\nelse:\n    x = torch.ones(1, 3)\ny = torch.tensor([1])",
        "if n:\n    x = mindspore.ops.zeros((1, 3))\nelse:\n    x = mindspore.ops.ones((1, 3))\n"
        "y = mindspore.tensor([1], dtype=mindspore.int32)",
    ),
}
#: By name: what is the same but for one thing, for which all of its flow stays.
STAYS = {
    "a model of torch takes the tensor too": (
        "x = torch.zeros(2, 3)\nz = torch.nn.Linear(3, 3)(x)\ny = torch.tensor([1, 0])"
    ),
    "the logits come from a model of torch": (
        "net = torch.nn.Linear(3, 3)\nx = net(torch.zeros(2, 3))\ny = torch.tensor([1, 0])"
    ),
    "an unknown function takes it": "x = torch.zeros(2, 3)\nuse(x)\ny = torch.tensor([1, 0])",
    "it is kept in an attribute": "n.x = x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])",
    "it is formatted": (
        "x = torch.zeros(1, 3)\ny = torch.tensor([1])\nprint(f'{x.shape} {y.max():.2f}')"
    ),
    "it is changed in place": "x = torch.zeros(2, 3)\nx[0] = 1\ny = torch.tensor([1, 0])",
    "it is added to": "x = torch.zeros(2, 3)\nx += 1\ny = torch.tensor([1, 0])",
    "it is added to by another name": "z = x = torch.zeros(2, 3)\nz += 1\ny = torch.tensor([1, 0])",
    "a part is added to": "x = torch.zeros(2, 3)\nz = x[0]\nz *= 2\ny = torch.tensor([1, 0])",
    "a view is added to": (
        "x = torch.zeros(2, 3)\nz = x.view(-1)\nz *= 2\ny = torch.tensor([1, 0])"
    ),
    "a shape is counted": (
        "x = torch.zeros(2, 3)\nprint(x.shape.numel())\ny = torch.tensor([1, 0])"
    ),
    "a shape is counted by its name": (
        "x = torch.zeros(2, 3)\nz = x.shape\nprint(z.numel())\ny = torch.tensor([1, 0])"
    ),
    "its type is asked for": (
        "x = torch.zeros(2, 3)\nprint(type(x) is torch.Tensor)\ny = torch.tensor([1, 0])"
    ),
    "the logits were torch's some steps before": (
        "x = torch.zeros(2, 3).double()\nx = x.clone()\ny = torch.tensor([1, 0])"
    ),
    "the logits are computed of torch's": (
        "x = torch.zeros(2, 3).double() * 2\nx = x ** 2\ny = torch.tensor([1, 0])"
    ),
    "the logits are torch's by branch": (
        "z = torch.zeros(2, 3) + 1\nx = z if n else 2 * z\ny = torch.tensor([1, 0])"
    ),
    "the logits come out of a dict": (
        "z = {'x': torch.zeros(2, 3)}\nx = z['x']\ny = torch.tensor([1, 0])"
    ),
    "the logits come out of a list": (
        "z = []\nz.append(torch.zeros(2, 3))\nx = z[0]\ny = torch.tensor([1, 0])"
    ),
    "the logits come out of a loop": (
        "z = torch.zeros(2, 2, 3).double()\ny = torch.tensor([1, 0])\nfor _, x in enumerate(z):\n"
        "    pass"
    ),
    "the logits are an attribute": ("n.x = torch.zeros(2, 3)\nx = n.x\ny = torch.tensor([1, 0])"),
    "the logits come from a function": (
        "def made():\n    return torch.zeros(2, 3)\nx = made()\ny = torch.tensor([1, 0])"
    ),
    "a function sees it": (
        "x = torch.zeros(2, 3)\ndef peek():\n    return x\ny = torch.tensor([1, 0])"
    ),
    "it may be something else": (
        "x = torch.zeros(2, 3)\nfor x in n:\n    pass\ny = torch.tensor([1, 0])"
    ),
    "an operation has no rule": (
        "x = torch.zeros(2, 3)\nx = torch.nan_to_num(x)\ny = torch.tensor([1, 0])"
    ),
    "a method has no rule": "x = torch.zeros(2, 3).clone()\ny = torch.tensor([1, 0])",
    "labels are read as numbers": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = y.numpy()"
    ),
    "a label is too large": "x = torch.zeros(1, 3)\ny = torch.tensor([1099511627776])",
    "the dtype of a list is not known": "x = torch.tensor(n)\ny = torch.tensor([1, 0])",
    "a size that may be empty": "x = torch.zeros(n)\ny = torch.tensor([1])",
    "arguments are unpacked": "x = torch.zeros(*n)\ny = torch.tensor([1])",
    "an argument has no counterpart": (
        "x = torch.zeros(2, 3, layout=torch.strided)\ny = torch.tensor([1, 0])"
    ),
    "an argument that goes may do something": (
        "x = torch.zeros(2, 3, device=use())\ny = torch.tensor([1, 0])"
    ),
    "a shape that it has not": "x = torch.zeros(2, 3).view(4, -1)\ny = torch.tensor([1, 0])",
    "an index that is not known": "x = torch.zeros(2, 3)[n]\ny = torch.tensor([1, 0])",
    "a part of nothing": "x = torch.zeros(0, 3)[:-1]\ny = torch.tensor([1, 0])",
    "it is added to what is not known": "x = torch.zeros(2, 3) + n\ny = torch.tensor([1, 0])",
    "labels are computed": "x = torch.zeros(2, 3)\ny = torch.tensor([0, 1]) + 1",
    "arithmetic in float16": (
        "x = torch.zeros(2, 3, dtype=torch.float16) * 0.1\ny = torch.tensor([1, 0])"
    ),
    "arithmetic of two dtypes": (
        "x = torch.zeros(2, 3) * torch.tensor(0.5, dtype=torch.float64)\ny = torch.tensor([1, 0])"
    ),
    "a loop computes it again and again": (
        "x = torch.zeros(2, 3)\nfor _ in n:\n    x = x * 2\ny = torch.tensor([1, 0])"
    ),
    "many steps": "x = torch.zeros(2, 3)\n" + "x = x * 2\n" * 400 + "y = torch.tensor([1, 0])",
    "many operations": "x = torch.zeros(2, 3)" + " + 1" * 400 + "\ny = torch.tensor([1, 0])",
    "a loop turns it again and again": (
        "x = torch.zeros(2, 3)\nfor _ in n:\n    x = x.view(-1, 3)\ny = torch.tensor([1, 0])"
    ),
    "a mean of nothing": ("x = torch.zeros(2, 0, 3).mean(1)\ny = torch.tensor([1, 0])"),
    "a dimension that it has not": ("x = torch.zeros(2, 3).unsqueeze(4)\ny = torch.tensor([1, 0])"),
    "the largest of all": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nprint(x.argmax().item())"
    ),
    "the largest along what is not known": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nprint(x.argmax(n).shape)"
    ),
    "the largest in float64": (
        "x = torch.zeros(2, 3, dtype=torch.float64)\ny = torch.tensor([1, 0])\nprint(x.argmax(1))"
    ),
    "labels that are computed": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([[1, 0], [0, 1]]).argmax(1)"
    ),
    "floats are compared": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = (x == x.mean()).sum().item()"
    ),
    "labels are compared with what is not known": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = (y == n).sum()"
    ),
    "labels are compared with a float": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = (y == 0.5).sum()"
    ),
    "labels are ordered": ("x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = y < 1"),
    "a comparison decides": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nif (y == 1).sum() == 2:\n    pass"
    ),
    "labels are added up": ("x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = y.sum().item()"),
    "a comment within a size": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = x.size(\n    0  # rows\n)"
    ),
    "an extent that is not known": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = x.size(n)"
    ),
    "the product of a size": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\ns = x.size()\nz = s.numel()"
    ),
    "the product of a shape": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nz = x.shape.numel()"
    ),
    "many views": (
        "x = torch.zeros(2, 3)\n" + "x = x.view(2, 3)\n" * 400 + "y = torch.tensor([1, 0])"
    ),
    "a power": "x = torch.zeros(2, 3) ** 2\ny = torch.tensor([1, 0])",
    "a size that is a list": ("n = [2]\nx = torch.zeros(2, 3)\ny = torch.randint(2, n)"),
    "a range that is counted in float32": ("x = torch.arange(1, 1.3, 0.1)\ny = torch.tensor(0)"),
    "an image without a batch": (
        "conv = nn.Conv2d(1, 3, 3)\nx = conv(torch.zeros(1, 5, 5))\ny = torch.tensor([1, 0])"
    ),
    "an array that is changed later": (
        "a = np.ones((3, 2), np.float32).T\nx = torch.from_numpy(a)\na[0, 0] = 9\n"
        "y = torch.tensor([1, 0])"
    ),
    "an array that is added to": (
        "a = np.ones((3, 2), np.float32).T\nx = torch.from_numpy(a)\na += 1\n"
        "y = torch.tensor([1, 0])"
    ),
    "the weight has no rule": (
        "x = torch.zeros(2, 3)\ny = torch.tensor([1, 0])\nw = torch.sqrt(torch.ones(3))\n"
        "nn.CrossEntropyLoss(weight=w)(x, y)"
    ),
    "the logits meet a weight, and have no rule": (
        "w = torch.ones(3)\nx = torch.sqrt(torch.zeros(2, 3))\ny = torch.tensor([1, 0])\n"
        "nn.CrossEntropyLoss(weight=w)(x, y)"
    ),
    "a loop over tensors of torch": (
        "y = torch.tensor([1, 0])\ncs = [torch.zeros(2, 3)]\nfor x in cs:\n    pass"
    ),
    "values that are not set": "x = torch.empty(2, 3)\ny = torch.tensor([1, 0])",
    "the dimension is guessed": (
        "x = torch.zeros(2, 3)\nx = torch.nn.functional.log_softmax(x)\ny = torch.tensor([1, 0])"
    ),
    "a padded convolution": (
        "conv = nn.Conv2d(1, 3, 3, padding=1)\nx = conv(torch.zeros(1, 1, 3, 3))\n"
        "y = torch.zeros(1, 3, 3, dtype=torch.long)"
    ),
}
HEADER = "import numpy as np\nimport torch\nfrom torch import nn\n\n"
AFTER = "import mindspore\nimport numpy as np\n\n"


def program(body: str, criterion: str = CE) -> str:
    inner = f"{body}\n{criterion}\nprint(round(criterion(x, y).item(), 4))\n"
    return HEADER + "def f(n):\n" + textwrap.indent(inner, "    ")


@pytest.mark.parametrize(("before", "after"), MOVES.values(), ids=list(MOVES))
def test_a_flow_moves_as_a_whole(before: str, after: str) -> None:
    result = migrated(program(before))
    assert result.after is not None
    body = textwrap.dedent(result.after.partition("def f(n):\n")[2])
    assert body == f"{after}\n{CE.replace('nn.', 'mindspore.nn.')}\n" + (
        "print(round(criterion(x, y).item(), 4))\n"
    )
    assert result.after.startswith(AFTER)
    assert result.torch_left == ()


def test_what_moved_computes_the_same() -> None:
    befores = [program(before) + "f(1)\n" for before, _ in MOVES.values()]
    afters = [migrated(before).after or "" for before in befores]
    torchs = run(*befores, without_torch=False)
    minds = run(*afters, without_torch=True)
    for name, expected, actual in zip(MOVES, torchs, minds, strict=True):
        last = expected.split()[-1]
        assert float(actual.split()[-1]) == pytest.approx(float(last), abs=2e-4), name


@pytest.mark.parametrize("body", STAYS.values(), ids=list(STAYS))
def test_all_of_a_flow_stays(body: str) -> None:
    before = program(body)
    result = migrated(before)
    assert result.after is not None
    assert [f.rule for f in result.findings if f.code == "operand"] == []
    # The loss moves all the same, and what is left of torch is told.
    assert "mindspore.nn.CrossEntropyLoss()" in result.after
    ours = result.after.replace("import mindspore\n", "").replace("mindspore.nn.", "nn.")
    imports = "from torch import nn\n"
    assert ours.replace(imports, "") == before.replace(imports, "")
    assert any(name.startswith("torch.") for name in result.torch_left)


# -- of functions --------------------------------------------------------------------------------


def function(body: str) -> str:
    torch = "import torch\n" if "torch." in body else ""
    return f"{torch}import torch.nn.functional as F\n\n\ndef f(x, y, w):\n" + textwrap.indent(
        f"{body}\n", "    "
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "return F.nll_loss(F.log_softmax(x, dim=1), y)",
            "return mindspore.ops.nll_loss(mindspore.ops.log_softmax(x, axis=1), y)",
            id="log_softmax of a parameter",
        ),
        pytest.param(
            "return F.nll_loss(torch.log_softmax(x, -1), y.long())",
            "return mindspore.ops.nll_loss(mindspore.ops.log_softmax(x, -1), y.long())",
            id="by position",
        ),
        pytest.param(
            "return F.nll_loss(x.log_softmax(dim=1), y)",
            "return mindspore.ops.nll_loss(mindspore.ops.log_softmax(x, axis=1), y)",
            id="a method that is a function there",
        ),
        pytest.param(
            "return F.nll_loss(x, y, weight=torch.tensor([1.0, 2.0]).cuda())",
            "return mindspore.ops.nll_loss(x, y, weight=mindspore.tensor([1.0, 2.0]))",
            id="a weight on a device",
        ),
        pytest.param(
            "return F.nll_loss(x, y, weight=torch.tensor([1.0, 2.0]).to('cuda:0'))",
            "return mindspore.ops.nll_loss(x, y, weight=mindspore.tensor([1.0, 2.0]))",
            id="a weight moved to a device",
        ),
        pytest.param(
            "v = F.nll_loss(x, y).detach()\nreturn v",
            "v = mindspore.ops.stop_gradient(mindspore.ops.nll_loss(x, y))\nreturn v",
            id="a result without its history",
        ),
        pytest.param(
            "v = F.nll_loss(x, y)\nreturn v.detach().cpu().numpy()",
            "v = mindspore.ops.nll_loss(x, y)\nreturn v.numpy()",
            id="a result as numbers",
        ),
        pytest.param(
            "v = F.nll_loss(x, y)\nw.append(v.cpu())\nreturn v.item()",
            "v = mindspore.ops.nll_loss(x, y)\nw.append(v)\nreturn v.item()",
            id="a result that is passed on",
        ),
    ],
)
def test_operands_and_results_of_functions(before: str, after: str) -> None:
    result = migrated(function(before))
    assert result.after == "import mindspore\n\n\ndef f(x, y, w):\n" + textwrap.indent(
        f"{after}\n", "    "
    )


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("return F.nll_loss(F.log_softmax(x), y)", id="a guessed dimension"),
        pytest.param("return F.nll_loss(F.log_softmax(x, dim=w), y)", id="one that may be None"),
        pytest.param("return F.nll_loss(F.log_softmax(x, 1, dtype=w), y)", id="with a dtype"),
        pytest.param("return F.nll_loss(torch.tensor([[w, 1.0]]), y)", id="a number of NumPy"),
        pytest.param("return F.nll_loss(x, y, torch.FloatTensor(w))", id="a size perhaps"),
        pytest.param("return F.nll_loss(x, y.cuda())", id="a device of a parameter"),
        pytest.param("return F.nll_loss(torch.tensor([1.0]).to(w), y)", id="a dtype perhaps"),
        pytest.param("return F.nll_loss(torch.sqrt(x), y)", id="no rule"),
        pytest.param("v = F.nll_loss(x, y)\nv = w or v\nreturn v.detach()", id="another result"),
    ],
)
def test_what_is_not_known_stays(before: str) -> None:
    result = migrated(function(before))
    assert [f.rule for f in result.findings if f.code == "operand"] == []


def test_what_callers_pass_is_not_followed() -> None:
    text = function("return F.nll_loss(x, torch.tensor([1]))") + "\n\nf(torch.zeros(1, 2), 0, 0)\n"
    assert "nll_loss(x, mindspore.tensor([1]))" in (migrated(text).after or "")


def test_another_module_named_torch_is_not_torch() -> None:
    text = (
        "from torch.nn.functional import nll_loss\nimport mine as torch\n\n\n"
        "def f(x):\n    return nll_loss(x, torch.tensor([1]))\n"
    )
    result = migrated(text)
    assert "torch.tensor([1])" in (result.after or "")


def test_an_exported_name_stays() -> None:
    text = "import torch\n\n{}w = torch.tensor([1.0, 2.0])\nloss = torch.nn.NLLLoss(weight=w)\n"
    assert "mindspore.tensor" in (migrated(text.format("")).after or "")
    assert "torch.tensor" in (migrated(text.format("__all__ = ['w']\n")).after or "")


def test_a_printed_name_moves() -> None:
    text = (
        "import torch\n\nx = torch.tensor([[1.0]])\nprint(f'{x} {x}')\n"
        "torch.nn.NLLLoss()(x, torch.tensor([0]))\n"
    )
    assert "torch" not in (migrated(text).after or "torch")


def test_a_file_without_a_covered_loss_is_never_touched() -> None:
    text = "import torch\n\nx = torch.tensor([1.0]).cuda()\nprint(x.detach())\n"
    result = migrated(text)
    assert (result.after or text) == text
    assert result.findings == ()


# -- seeds ---------------------------------------------------------------------------------------

DRAW = "import torch\nfrom torch import nn\n\ntorch.manual_seed({})\n"
LOSS = "x = torch.randn(2, 3)\nprint(nn.NLLLoss()(x, torch.tensor([0, 1])))\n"


def test_a_seed_goes_with_the_draws() -> None:
    result = migrated(DRAW.format(3) + LOSS)
    assert "mindspore.set_seed(3)\n" in (result.after or "")
    assert result.torch_left == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(DRAW.format(-3) + LOSS, id="MindSpore takes none below 0"),
        pytest.param(DRAW.format("s") + LOSS, id="a seed that is not known"),
        pytest.param(DRAW.format(3) + LOSS + "net = nn.Linear(1, 1)\n", id="torch draws too"),
        pytest.param("import numpy\n" + DRAW.format(3) + LOSS, id="NumPy would be seeded too"),
        pytest.param(DRAW.format(3) + LOSS.replace("randn", "zeros"), id="nothing is drawn"),
    ],
)
def test_a_seed_stays(text: str) -> None:
    result = migrated(text)
    assert "torch.manual_seed" in (result.after or "")
