"""Every way from a constructor to a call, migrated and run: before under torch, after under both.

What is rewritten gives the same figure; what is not is reported, and then nothing of it moves.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import itertools
import types
import typing
from typing import Any

import frameworks
import numpy as np
import pytest
from ways import FOLLOWED, UNDECIDABLE

from migrate.model import Status
from migrate.pipeline import migrate_source

MAKES = ("nn.NLLLoss(None, False)", "nn.CrossEntropyLoss(ignore_index=2, reduce=True)")
ARGUMENTS = (
    "(x, y)",
    "(input=x, target=y)",
    "(target=y, input=x)",
    "(x, target=y)",
    ".forward(x, y)",
    ".forward(target=y, input=x)",
)

ROWS = np.array([[0.3, -1.2, 0.7], [1.5, 0.1, -0.4], [-0.2, 0.8, 0.5]], np.float32)
LABELS = np.array([2, 0, 1])


def program(way: str, make: str, arguments: str) -> str:
    return "import torch.nn as nn\n\n" + way.replace("MAKE", make).replace("ARGS", arguments)


def given() -> dict[str, Any]:
    """What a program may use that its text does not import."""
    return {
        # A dataclass looks its own module up.
        "__name__": __name__,
        "NamedTuple": typing.NamedTuple,
        "Module": frameworks.torch().nn.Module,
        "contextlib": contextlib,
        "copy": copy,
        "dataclass": dataclasses.dataclass,
        "functools": functools,
        "mine": lambda x, y: x[0, 0] * 0,
        "mystery": lambda value: value,
        "typing": typing,
    }


def figure_of_torch(text: str) -> float:
    torch = frameworks.torch()
    names = types.ModuleType("before")
    names.__dict__.update(given())
    exec(text, names.__dict__)
    return float(names.run(torch.tensor(ROWS), torch.tensor(LABELS)))


def figure_of_mindspore(text: str) -> float:
    mindspore = frameworks.mindspore()
    names = types.ModuleType("after")
    names.__dict__.update(given())
    exec(text, names.__dict__)
    labels = mindspore.Tensor(LABELS, mindspore.int32)
    return float(names.run(mindspore.Tensor(ROWS), labels))


def each(ways: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", ways.values(), ids=ways)


@each(FOLLOWED)
def test_what_is_followed_gives_the_same_figure(way: str) -> None:
    for make, arguments in itertools.product(MAKES, ARGUMENTS):
        before = program(way, make, arguments)
        result = migrate_source(before)
        assert not result.with_status(Status.MANUAL), (before, result.findings)
        assert "nn.NLLLoss" not in str(result.after).replace("mindspore.nn", "")
        assert figure_of_mindspore(str(result.after)) == pytest.approx(
            figure_of_torch(before), rel=1e-5
        ), result.after
        assert not migrate_source(str(result.after)).changed


@each(UNDECIDABLE)
def test_what_is_undecidable_is_reported_and_stays(way: str) -> None:
    for make, arguments in itertools.product(MAKES, ARGUMENTS):
        before = program(way, make, arguments)
        result = migrate_source(before)
        if result.with_status(Status.MANUAL):
            assert not result.changed, result.after
        else:
            assert figure_of_mindspore(str(result.after)) == pytest.approx(
                figure_of_torch(before), rel=1e-5
            ), result.after


@each(UNDECIDABLE)
def test_what_is_undecidable_is_not_always_refused_for_nothing(way: str) -> None:
    results = [migrate_source(program(way, MAKES[0], each)) for each in ARGUMENTS[1:]]
    assert any(result.with_status(Status.MANUAL) for result in results)
