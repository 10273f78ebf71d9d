"""Tensors that move with a loss: whole programs, run before under torch and after without it."""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from frameworks import torch

from migrate.model import FileResult, Status
from migrate.pipeline import migrate_source

#: The programs of the two documents that compare torch's losses with MindSpore's, torch's half.
CROSS_ENTROPY = """\
import torch
import numpy as np

input_torch = np.array([[1.624, -0.611, -0.528, -1.072, 0.865], [-2.301, 1.744, -0.761, 0.319, \
-0.249], [1.462, -2.060, -0.322, -0.384, 1.133]])
target_torch = np.array([1, 0, 4])
loss = torch.nn.CrossEntropyLoss()
input_torch = torch.tensor(input_torch, requires_grad=True)
target_torch = torch.tensor(target_torch, dtype=torch.long)
output = loss(input_torch, target_torch)
print(round(float(output.detach().numpy()), 3))
"""
NLL = """\
import numpy as np

np.random.seed(5)
data = np.random.randn(2, 2, 3, 3)

# In PyTorch
import torch

loss = torch.nn.NLLLoss(ignore_index=-110, reduction="none")
input = torch.tensor(data, dtype=torch.float32)
target = torch.zeros((2, 3, 3), dtype=torch.long)
output = loss(input, target)
print(output)
"""


_RUNNER = """\
import contextlib, io, json, sys
asked = json.load(sys.stdin)
if asked["without_torch"]:
    sys.modules["torch"] = None
answers = []
for text in asked["programs"]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "program", "exec"), {"__name__": "__main__"})
    answers.append(printed.getvalue())
print("#" + json.dumps(answers))
"""


def run(*programs: str, without_torch: bool) -> list[str]:
    """Execute programs in one process, since a framework takes long to import.

    Returns
    -------
    list of str
        What each of them prints.
    """
    asked = json.dumps({"programs": programs, "without_torch": without_torch})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUNNER], input=asked, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:] + "\n".join(programs)
    answers: list[str] = json.loads(done.stdout.rpartition("#")[2])
    return answers


def migrated(text: str) -> FileResult:
    result = migrate_source(text)
    again = migrate_source(result.after or "")
    assert again.after == result.after, "a second run changes something"
    return result


def moved(result: FileResult) -> list[str]:
    return [f.rule for f in result.findings if f.code == "operand"]


# -- the two documents ---------------------------------------------------------------------------


def test_the_cross_entropy_document_prints_the_same_figure() -> None:
    result = migrated(CROSS_ENTROPY)
    assert result.torch_left == ()
    assert result.after is not None
    assert "torch." not in result.after
    assert run(CROSS_ENTROPY, without_torch=False) == ["2.764\n"]
    assert run(result.after, without_torch=True) == ["2.764\n"]


def test_the_nll_document_computes_the_same_element_for_element() -> None:
    result = migrated(NLL)
    assert result.torch_left == ()
    assert result.after is not None
    shown = "\nprint('@', output.numpy().tolist())\n"
    (before,) = run(NLL + shown, without_torch=False)
    (after,) = run(result.after + shown, without_torch=True)
    assert json.loads(after.rpartition("@")[2]) == json.loads(before.rpartition("@")[2])


# -- the docstrings of torch ---------------------------------------------------------------------

_NAMES = (
    "nn.CrossEntropyLoss",
    "nn.NLLLoss",
    "nn.functional.cross_entropy",
    "nn.functional.nll_loss",
)
_IMPORTS = {"nn.": "from torch import nn", "F.": "import torch.nn.functional as F"}


@cache
def example(name: str) -> str:
    """Return the examples in the docstring of one of torch's APIs, as a program."""
    api: Any = torch()
    for part in name.split("."):
        api = getattr(api, part)
    sources = [each.source for each in doctest.DocTestParser().get_examples(api.__doc__)]
    assert sources, "torch's docstring has no example any more"
    used = [line for word, line in _IMPORTS.items() if any(word in s for s in sources)]
    return "".join(f"{line}\n" for line in ["import torch", *used]) + "".join(sources)


each_example = pytest.mark.parametrize("name", _NAMES)


@each_example
def test_the_examples_of_torch_move_but_for_backward(name: str) -> None:
    result = migrated(example(name))
    manual = result.with_status(Status.MANUAL)
    assert {finding.code for finding in manual} == {"backward"}
    assert len(manual) == example(name).count(".backward()")
    assert result.torch_left == ()


def test_the_moved_examples_run_without_torch() -> None:
    texts = [migrated(example(name)).after or "" for name in _NAMES]
    kept = ["\n".join(t for t in text.splitlines() if ".backward()" not in t) for text in texts]
    run(*kept, without_torch=True)


def remedies(result: FileResult) -> list[str]:
    """Return the lines that the findings tell to write."""
    messages = [f.message for f in result.findings if f.code == "backward"]
    return [found[1] for m in messages for found in [re.search(r"write `([^`]*)`", m)] if found]


#: Numbers that both frameworks are given in the place of draws, which differ.
_NUMBERS = """\
import numpy as np

def numbers(shape, turn):
    return np.random.default_rng(turn).normal(size=shape).astype(np.float32)

def labels(shape, turn):
    return np.random.default_rng(turn).integers(0, 4, shape)
"""

#: What draws, with the shape of it, in torch's examples and in what becomes of them.
_DRAWS = re.compile(
    r"torch\.randn\((?P<t>[^)]*?)(?P<leaf>, requires_grad=True)?\)"
    r"|mindspore\.ops\.randn\((?P<m>[^)]*)\)"
)
_LABELS = re.compile(
    r"torch\.empty\((?P<t>.*), dtype.*\)\.random_.*|torch\.randint\(5, \((?P<r>.*),\), .*"
    r"|mindspore\.ops\.randint\(0, \w+, \((?P<m>.*?),?\), .*"
)


def with_same_numbers(text: str, framework: str) -> list[str]:
    """Put the same numbers in the place of every draw, and of the weights of a convolution."""
    integers = "int64" if framework == "torch" else "int32"
    turn = 0
    lines = _NUMBERS.splitlines()
    for line in text.splitlines():
        for pattern, make in ((_DRAWS, "numbers"), (_LABELS, "labels")):
            for found in list(pattern.finditer(line)):
                turn += 1
                shape = next(v for k, v in found.groupdict().items() if v and k != "leaf")
                cast = f".astype(np.{integers})" if make == "labels" else ""
                leaf = ".requires_grad_()" if found.groupdict().get("leaf") else ""
                new = f"{framework}.tensor({make}(({shape},), {turn}){cast}){leaf}"
                line = line.replace(found[0], new)
        lines.append(line)
        if "Conv2d(" in line:
            for part, shape in (("weight", (4, 16, 3, 3)), ("bias", (4,))):
                setter = f"{part}.data.copy_" if framework == "torch" else f"{part}.set_data"
                lines.append(f"conv.{setter}({framework}.tensor(numbers({shape}, 99)))")
    return lines


def both_halves(name: str) -> tuple[str, str]:
    """Return an example, and what becomes of it with the remedies; both print gradients."""
    text = example(name)
    result = migrated(text)
    written = remedies(result)
    assert len(written) == text.count(".backward()") > 0
    show = "print('@', np.concatenate([g.ravel() for g in {}]).tolist())"
    before, after = [], []
    lines = iter(written)
    for line in with_same_numbers(text, "torch"):
        before.append(line)
        if ".backward()" in line:
            by = "conv.parameters()" if "conv.trainable_params()" in next(lines) else "[input]"
            before.append(show.format(f"[p.grad.numpy() for p in {by}]"))
    lines = iter(written)
    for line in with_same_numbers(result.after or "", "mindspore"):
        if ".backward()" not in line:
            after.append(line)
            continue
        after.append(next(lines))
        after.append("grads = grads if isinstance(grads, tuple) else (grads,)")
        after.append(show.format("[g.asnumpy() for g in grads]"))
    return "\n".join(before), "\n".join(after)


def test_the_remedy_of_backward_gives_the_gradient_of_torch() -> None:
    halves = [both_halves(name) for name in _NAMES]
    expected = run(*(before for before, _ in halves), without_torch=False)
    actual = run(*(after for _, after in halves), without_torch=True)
    for one, other in zip(expected, actual, strict=True):
        for theirs, ours in zip(gradients(one), gradients(other), strict=True):
            assert any(theirs)
            assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def gradients(printed: str) -> list[list[float]]:
    return [json.loads(line[1:]) for line in printed.splitlines() if line.startswith("@")]
