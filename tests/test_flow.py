"""What the flow takes for granted about torch's and MindSpore's losses."""

import frameworks
import pytest

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
