"""How torch reads the arguments of a loss: leniently.

Held against the real torch over the whole grid by `tests/test_readers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from migrate.model import Rule
from migrate.prove.domains import Tensor
from migrate.prove.reading import Settings, accept, accept_index, truth

#: Methods of a module that give the module back, so that a chain of them is the constructor's.
CHAIN = frozenset({"cuda", "cpu", "to"})

#: torch's names of the dtypes that a module can have: `.to(torch.half)` casts the weight.
DTYPES = frozenset({"bfloat16", "double", "float", "float16", "float32", "float64", "half"})


def read(rule: Rule, values: Mapping[str, object]) -> Settings:
    """Return what torch computes with, given a value for every parameter.

    Torch raises some of this when the loss is constructed and the rest when it is computed; here
    it is the same.

    Raises
    ------
    Failed
        If torch raises.
    """
    parameters = {parameter.name: parameter for parameter in rule.source_parameters}
    size_average, reduce = values["size_average"], values["reduce"]
    if size_average is None and reduce is None:
        reduction = cast(str, accept(parameters["reduction"], values["reduction"]))
        # torch's own old word for it, which torch still takes.
        reduction = "mean" if reduction == "elementwise_mean" else reduction
    else:
        # torch never looks at the reduction that is given beside them.
        reduction = legacy_reduction(size_average, reduce)
    smoothing = 0.0
    if "label_smoothing" in parameters:
        given = accept(parameters["label_smoothing"], values["label_smoothing"])
        smoothing = float(cast(float, given))
    return Settings(
        weight=cast("Tensor | None", accept(parameters["weight"], values["weight"])),
        ignore_index=cast(int, accept_index(parameters["ignore_index"], values["ignore_index"])),
        reduction=reduction,
        # torch smooths where this is above 0: a negative one, and a NaN, is as none.
        label_smoothing=smoothing if smoothing > 0 else 0.0,
    )


def legacy_reduction(size_average: object, reduce: object) -> str:
    """Fold the legacy arguments as torch does (torch.nn._reduction.legacy_get_string).

    Only to be asked where one of the two is not None. Truth decides, not identity.

    Raises
    ------
    Failed
        If the truth of one is asked for and it is a tensor of several elements.
    """
    averages = size_average is None or truth(size_average)
    if averages and (reduce is None or truth(reduce)):
        return "mean"
    return "sum" if reduce is None or truth(reduce) else "none"
