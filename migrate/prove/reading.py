"""What one framework makes of a call's arguments: the settings of a loss, or an error."""

from __future__ import annotations

import math
from dataclasses import dataclass

from migrate.model import Parameter
from migrate.prove.domains import Tensor

_INT64 = range(-(2**63), 2**63)


class Failed(Exception):
    """What Python or the framework raises when it evaluates the call.

    Parameters
    ----------
    kind : str
        The name of the exception.
    message : str
        What is wrong, in one clause.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Raised:
    """The call raises, when the loss is constructed or when it is computed."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"raises {self.kind} ({self.message})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a loss computes with, whatever the framework calls it.

    Attributes
    ----------
    weight : Tensor or None
    ignore_index : int
        A float, a bool or None only where MindSpore accepts it.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
    flattened : bool
        Whether losses that are not reduced come in a shape of MindSpore's own: see
        `migrate.prove.mindspore_side.read`.
    labels : str
        The dtype that the call casts the labels to; empty where it casts none.
    """

    weight: Tensor | None
    ignore_index: int | float | None
    reduction: str
    label_smoothing: float = 0.0
    flattened: bool = False
    labels: str = ""

    def __str__(self) -> str:
        weight = "None" if self.weight is None else f"a tensor {self.weight.name}"
        flattened = ", in another shape" if self.flattened else ""
        return (
            f"computes with reduction={self.reduction!r}{flattened}, weight={weight}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}"
            f"{f', labels as {self.labels}' if self.labels else ''}"
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Settings, and the tensors that the loss is computed of."""

    settings: Settings
    input: Tensor
    target: Tensor

    def __str__(self) -> str:
        return f"{self.settings}, of {self.input.name} and {self.target.name}"


def truth(value: object) -> bool:
    """Return what `bool(value)` gives.

    Raises
    ------
    Failed
        If it is a tensor: those here have several elements.
    """
    if isinstance(value, Tensor):
        raise Failed("RuntimeError", "the truth of a tensor with several elements is ambiguous")
    return bool(value)


def accept(parameter: Parameter, value: object) -> object:
    """Return `value` as the framework takes it for `parameter`.

    Raises
    ------
    Failed
        If the framework refuses it.
    """
    name = parameter.name
    kind = "None" if value is None else type(value).__name__
    if parameter.accepts and kind not in parameter.accepts:
        raise Failed("TypeError", f"{name} must be {' or '.join(parameter.accepts)}, not {kind}")
    if parameter.one_of and value not in parameter.one_of:
        if parameter.otherwise is None:
            raise Failed("ValueError", f"{name} must be one of {', '.join(parameter.one_of)}")
        return parameter.otherwise
    if isinstance(value, (int, float)) and parameter.accepts:
        _check_number(parameter, value)
    return value


def accept_index(parameter: Parameter, value: object) -> object:
    """Return `value` as `accept` does, for a parameter that holds a class index.

    Raises
    ------
    Failed
        If the framework refuses it: both hold an index in 64 bits.
    """
    taken = accept(parameter, value)
    if isinstance(taken, int) and taken not in _INT64:
        raise Failed("ValueError", f"{parameter.name} does not fit 64 bits")
    return taken


def _check_number(parameter: Parameter, value: int | float) -> None:
    if parameter.minimum is not None and value < parameter.minimum:
        raise Failed("ValueError", f"{parameter.name} must not be below {parameter.minimum}")
    if parameter.maximum is not None and value > parameter.maximum:
        raise Failed("ValueError", f"{parameter.name} must not exceed {parameter.maximum}")
    if parameter.finite and not math.isfinite(value):
        raise Failed("ValueError", f"{parameter.name} must be finite")
