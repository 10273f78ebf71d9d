"""What moves the elements of a tensor about: its readings, graph mode, and whole programs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from frameworks import mindspore, torch
from test_operands import migrated, run

from migrate.prove.made import Array, Unread
from migrate.prove.reading import Failed
from migrate.prove.samples import tensors
from migrate.prove.tensors import READINGS

#: What torch is asked, and in other words what MindSpore is.
CALLS = {
    "x.mean()": "x.mean()",
    "x.mean(1)": "x.mean(1)",
    "x.mean(dim=-1, keepdim=True)": "x.mean(dim=-1, keepdim=True)",
    "x.argmax(1)": "x.argmax(1)",
    "x.argmax(dim=-1, keepdim=True)": "x.argmax(dim=-1, keepdim=True)",
    "x.permute(1, 0)": "x.permute(1, 0)",
    "x.permute((0, -1, 1))": "x.permute((0, -1, 1))",
    "x.transpose(0, 1)": "x.swapaxes(0, 1)",
    "x.transpose(dim0=-1, dim1=-2)": "x.swapaxes(axis0=-1, axis1=-2)",
    "x.t()": "x.t()",
    "x[:1].squeeze()": "x[:1].squeeze()",
    "x[:1].squeeze(dim=0)": "x[:1].squeeze(axis=0)",
    "x.squeeze(1)": "x.squeeze(1)",
    "x.unsqueeze(-1)": "x.unsqueeze(-1)",
    "x.unsqueeze(dim=1)": "x.unsqueeze(dim=1)",
    "x.flatten()": "x.flatten()",
    "x.flatten(0, -2)": "x.flatten(0, -2)",
    "x.flatten(start_dim=1)": "x.flatten(start_dim=1)",
    "x.sum()": "x.sum()",
    "x.sum(dim=0)": "x.sum(axis=0)",
    "(x == x.int()).sum()": "(x == x.int()).sum()",
    "(x.long() != 1).float().mean()": "(x.long() != 1).float().mean()",
    "torch.mean(x, dim=1, keepdim=True)": "ops.mean(x, axis=1, keep_dims=True)",
    "torch.sum(x == x)": "ops.sum(x == x)",
    "torch.sum(x, dim=1)": "ops.sum(x, dim=1)",
    "torch.argmax(x, dim=1)": "ops.argmax(x, dim=1)",
    "torch.argmax(x, 1, True)": "ops.argmax(x, 1, True)",
}
#: What is written the same on both sides, and is not followed, because graph mode differs.
OTHERWISE = ("x.argmax()", "x.transpose(0, 1)")


@pytest.fixture(scope="module")
def graph() -> Iterator[ProcessPoolExecutor]:
    """Give a process of its own: the mode is one of all of it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def differing(folder: str, calls: dict[str, str], dtypes: tuple[str, ...]) -> tuple[int, list[str]]:
    """Return how many results were compared in graph mode, and what differs."""
    mindspore().set_context(mode=0)
    name = f"compiled_in_{Path(folder).name}"
    lines = [f"def f{i}(x):\n    return {text}\n" for i, text in enumerate(calls.values())]
    Path(folder, f"{name}.py").write_text("\n".join(["from mindspore import ops\n", *lines]))
    sys.path.insert(0, folder)
    module = importlib.import_module(name)
    wrong, count = [], 0
    for index, call in enumerate(calls):
        compiled = mindspore().jit(getattr(module, f"f{index}"))
        for x in (each for dtype in dtypes for each in tensors(dtype)):
            if "argmax" in call and not x.ndim:
                continue  # which MindSpore refuses, so that it is not followed
            try:
                expected = eval(call, {"torch": torch(), "x": torch().tensor(x)}).numpy()
            except (IndexError, RuntimeError):
                continue
            made = compiled(mindspore().tensor(x)).asnumpy()
            count += 1
            same = made.dtype == expected.dtype and made.shape == expected.shape
            if not (same and np.allclose(made, expected, rtol=1e-6, atol=1e-6)):
                wrong.append(f"{call} of {x.dtype} {x.shape}: {made} instead of {expected}")
    return count, wrong


def test_graph_mode_gives_what_torch_gives(graph: ProcessPoolExecutor, tmp_path: Path) -> None:
    count, wrong = graph.submit(differing, str(tmp_path), CALLS, ("float32", "int64")).result()
    assert count > 2 * len(CALLS)
    assert wrong == []


def shapes_of(folder: str, matrix: Array) -> list[tuple[int, ...]]:
    """Return the shapes that graph mode gives of what is not followed."""
    mindspore().set_context(mode=0)
    lines = [f"def f{i}(x):\n    return {text}\n" for i, text in enumerate(OTHERWISE)]
    Path(folder, "compiled_otherwise.py").write_text("\n".join(lines))
    sys.path.insert(0, folder)
    module = importlib.import_module("compiled_otherwise")
    functions = [getattr(module, f"f{i}") for i in range(len(OTHERWISE))]
    return [tuple(mindspore().jit(f)(mindspore().tensor(matrix)).shape) for f in functions]


def test_graph_mode_reads_other_calls_otherwise(graph: ProcessPoolExecutor, tmp_path: Path) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert graph.submit(shapes_of, str(tmp_path), matrix).result() == [(2,), (2, 3)]
    assert [tuple(eval(c, {"x": torch().tensor(matrix)}).shape) for c in OTHERWISE] == [(), (3, 2)]


ORDERS = [(1, 0), (0, -1), (-1, 0, 1), (0, 0), (2, 0, 1), (1, 5)]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2)], ids=str)
def test_dimensions_in_another_order(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    given = np.arange(12, dtype=np.float32).reshape(shape)
    try:
        expected = READINGS["permuted"][0]({"self": given, "dims": order})
    except Failed:
        with pytest.raises((RuntimeError, IndexError)):
            torch().tensor(given).permute(*order)
        return
    assert np.array_equal(torch().tensor(given).permute(*order).numpy(), expected)
    assert np.array_equal(mindspore().tensor(given).permute(*order).asnumpy(), expected)


def test_where_the_frameworks_differ_nothing_is_said() -> None:
    nothing, scalar = np.zeros((0, 3), np.float32), np.float32(1)
    nan = np.array([1.0, np.nan, 2.0], np.float32)
    assert np.isnan(torch().tensor(nothing).mean())
    assert np.isinf(mindspore().tensor(nothing).mean().asnumpy())
    assert torch().tensor(nan).argmax(0).item() == 1
    assert mindspore().tensor(nan).argmax(0).item() == 2
    asked = [
        ("mean", {"self": nothing, "dim": None, "keepdim": False}),
        ("argmax", {"self": nan, "dim": 0, "keepdim": False}),
        ("argmax", {"self": nan[:1], "dim": None, "keepdim": False}),
        ("argmax", {"self": np.asarray(scalar), "dim": 0, "keepdim": False}),
        ("squeezed", {"self": nothing, "dim": 0, "axis": 0}),
    ]
    for reading, given in asked:
        for side in (0, 1):
            with pytest.raises(Unread):
                READINGS[reading][side](given)


def test_among_equals_both_take_the_first() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = rng.integers(0, 3, rng.integers(1, 6, 3)).astype(np.float32)
        for dim in range(3):
            expected = READINGS["argmax"][0]({"self": x, "dim": dim, "keepdim": False})
            assert np.array_equal(torch().tensor(x).argmax(dim).numpy(), expected)
            assert np.array_equal(mindspore().tensor(x).argmax(dim).asnumpy(), expected)


# -- what stands beside a loss in a program ------------------------------------------------------

#: By name: what is read beside `loss = criterion(x, y)`, and what becomes of it.
BESIDE = {
    "the accuracy": (
        "print((x.argmax(1) == y).float().mean().item())",
        "print((x.argmax(1) == y).float().mean().item())",
    ),
    "how many are right": (
        "p = torch.argmax(x, dim=1)\nprint((p == y).sum().item() / y.size(0))",
        "p = mindspore.ops.argmax(x, dim=1)\nprint((p == y).sum().item() / y.shape[0])",
    ),
    "how many are wrong": (
        "p = x.argmax(dim=-1, keepdim=True).squeeze(1)\nprint(torch.sum(p != y).item(), len(y))",
        "p = x.argmax(dim=-1, keepdim=True).squeeze(1)\n"
        "print(mindspore.ops.sum(p != y).item(), len(y))",
    ),
    "a class": ("print((y == 1).sum().item())", "print((y == 1).sum().item())"),
    "the extents": ("n, c = x.size()\nprint(n, c)", "n, c = x.shape\nprint(n, c)"),
    "the mean of the loss": (
        "print(round(torch.mean(loss).item(), 4), loss.mean().detach().numpy().ndim)",
        "print(round(mindspore.ops.mean(loss).item(), 4), loss.mean().numpy().ndim)",
    ),
}


def program(body: str) -> str:
    return (
        "import torch\nfrom torch import nn\n\n"
        "x = torch.tensor([[2.0, 1.0, 0.5], [0.5, 1.5, 0.1], [3.0, 0.1, 0.2], [1.0, 2.0, 0.5]])\n"
        "y = torch.tensor([0, 2, 0, 1])\nloss = nn.CrossEntropyLoss()(x, y)\n" + body + "\n"
    )


@pytest.mark.parametrize(("before", "after"), BESIDE.values(), ids=list(BESIDE))
def test_what_stands_beside_moves_too(before: str, after: str) -> None:
    result = migrated(program(before))
    assert (result.after or "").partition("(x, y)\n")[2] == after + "\n"
    assert result.torch_left == ()


def test_what_stands_beside_prints_the_same() -> None:
    befores = [program(before) for before, _ in BESIDE.values()]
    expected = run(*befores, without_torch=False)
    actual = run(*(migrated(before).after or "" for before in befores), without_torch=True)
    assert dict(zip(BESIDE, actual, strict=True)) == dict(zip(BESIDE, expected, strict=True))


@pytest.mark.parametrize(
    "logits",
    [
        "a.mean(1)",
        "a.argmax(1)",
        "a.transpose(0, 1)",
        "a.permute(1, 0)",
        "a.squeeze(dim=1)",
        "a.unsqueeze(0)",
        "a.flatten(1)",
        "a.t()",
        "torch.mean(a, 1)",
        "torch.sum(a, dim=1)",
        "torch.argmax(a, 1)",
    ],
)
def test_what_is_of_a_tensor_from_elsewhere_stays(logits: str) -> None:
    """It may be an array of NumPy's, or empty."""
    text = (
        "import torch\nimport torch.nn.functional as F\n\n\n"
        f"def f(a, y):\n    print(a.size(0))\n    return F.nll_loss({logits}, y)\n"
    )
    after = migrated(text).after or ""
    assert f"print(a.size(0))\n    return mindspore.ops.nll_loss({logits}, y)\n" in after
