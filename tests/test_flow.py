"""What the flow takes for granted about torch's and MindSpore's losses."""

import signal
from types import FrameType

import frameworks
import pytest

from migrate import migrate_source
from migrate.attributes import COMMON_ATTRIBUTES, DEVICE_METHODS, MODULE_ATTRIBUTES

LOSSES = ("CrossEntropyLoss", "NLLLoss")


@pytest.mark.parametrize("name", LOSSES)
def test_every_attribute_of_a_torch_loss_is_classified(name: str) -> None:
    public = {a for a in dir(getattr(frameworks.torch().nn, name)()) if not a.startswith("_")}
    # Both frameworks have `training`, and neither loss looks at it.
    assert public - COMMON_ATTRIBUTES - MODULE_ATTRIBUTES == {"training"}
    assert public >= MODULE_ATTRIBUTES


@pytest.mark.parametrize("name", LOSSES)
def test_mindspore_has_the_common_attributes_and_no_device_method_but_to(name: str) -> None:
    loss = getattr(frameworks.mindspore().nn, name)()
    lacks = {"label_smoothing"} if name == "NLLLoss" else set()
    assert {a for a in COMMON_ATTRIBUTES if not hasattr(loss, a)} == lacks
    assert {a for a in DEVICE_METHODS if hasattr(loss, a)} == {"to"}


@pytest.mark.parametrize("name", LOSSES)
def test_setting_the_reduction_of_an_instance_takes_effect_in_both(name: str) -> None:
    torch, mindspore = frameworks.torch(), frameworks.mindspore()
    rows, labels = [[0.1, -0.2, 0.3], [0.5, 0.0, -0.5]], [2, 0]
    first = getattr(torch.nn, name)()
    first.reduction = "none"
    second = getattr(mindspore.nn, name)()
    second.reduction = "none"
    expected = first(torch.tensor(rows), torch.tensor(labels)).numpy()
    actual = second(
        mindspore.Tensor(rows, mindspore.float32), mindspore.Tensor(labels, mindspore.int32)
    ).asnumpy()
    assert actual == pytest.approx(expected, rel=1e-6)


def _each_calls_each(count: int) -> str:
    calls = "".join(f"    _f{other}(loss, x, y)\n" for other in range(count))
    return "".join(
        f"def _f{each}(loss, x, y):\n{calls}    return loss(input=x, target=y)\n"
        for each in range(count)
    )


ROUND = {
    "functions that all call each other": (
        _each_calls_each(12) + "_f0(nn.NLLLoss(), 1, 2)\n",
        "return loss(logits=x, labels=y)",
    ),
    "names that are swapped": (
        "a = nn.NLLLoss(); b = nn.CrossEntropyLoss()\n" + 40 * "a, b = b, a\n"
        "a(input=x, target=y)\n",
        "a(logits=x, labels=y)",
    ),
    "names that take each other's value": (
        "a = nn.NLLLoss()\n" + 40 * "b = a\na = b\n" + "a(input=x, target=y)\n",
        "a(logits=x, labels=y)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ROUND.values(), ids=ROUND)
def test_what_goes_round_is_looked_at_once(text: str, expected: str) -> None:
    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)  # a second is enough; the ways round are more than could ever be looked at
    try:
        assert expected in str(migrate_source("import torch.nn as nn\n" + text).after)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
