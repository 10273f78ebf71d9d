"""What torch makes of the legacy arguments, and what may become of a site of `grid`.

Written from the documentation of torch and the values alone: nothing of `migrate` is used.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from types import SimpleNamespace

from grid import APIS, RUNTIME, TRIPLE, Site, Value

#: What torch takes for `reduction`. MindSpore does not know the last, torch's old word for 'mean'.
REDUCTIONS = ("mean", "sum", "none", "elementwise_mean")


def effective(size_average: object, reduce: object, reduction: object) -> object:
    """Return the reduction that is in force.

    The documentation of both arguments: deprecated, True by default, `reduction` is ignored where
    one is given; `reduce=False` is a loss per element, else `size_average` decides.
    """
    if size_average is None and reduce is None:
        return reduction
    averaged = size_average is None or bool(size_average)
    reduced = reduce is None or bool(reduce)
    return "none" if not reduced else "mean" if averaged else "sum"


def allowed(site: Site) -> frozenset[str]:
    """Return what may become of a site: `rewritten`, or a code under which it is handed over.

    `rewritten` alone, unless a value is refused or an operand with a side effect is folded. Where
    a value is refused, it may not be rewritten.
    """
    codes = _allowed(tuple(site.values.get(name) for name in TRIPLE))
    if any(value.refused for value in site.values.values()):
        return codes - {"rewritten"} | {"value-refused"}
    return codes | {"side-effect"} if "rewritten" in codes and _straddles(site) else codes


def _straddles(site: Site) -> bool:
    """Tell whether an argument with a side effect stands between two that are folded into one.

    It might change what the one behind it, or the one that moves before it, holds.
    """
    written = [
        site.values.get(keyword or APIS[site.api][place])
        for place, (keyword, _) in enumerate(site.arguments)
    ]
    triple = [site.values.get(name) for name in TRIPLE]
    read = [i for i, value in enumerate(written) if value and value in triple and value.names]
    return any(
        value and value.impure and min(read) < i < max(read)
        for i, value in enumerate(written)
        if read
    )


@cache
def _allowed(triple: tuple[Value | None, ...]) -> frozenset[str]:
    read = _readings(triple)
    spelled_out = triple[2] is not None and not triple[2].names
    refused = spelled_out and any(reduction not in REDUCTIONS for _, reduction in read)
    impure = [i for i, value in enumerate(triple) if value and value.impure]
    folds = any(value and value.text != "None" for value in triple[:2])
    if not impure or not folds:
        return frozenset({"value-refused" if refused else "rewritten"})
    if refused:
        return frozenset({"value-refused", "side-effect"})
    others = any(value and value.names for i, value in enumerate(triple) if i not in impure)
    if len(impure) == 1 and not others and _is_told_by_truth(read, impure[0]):
        return frozenset({"rewritten"})
    # Where more than one test is needed, a rewrite is welcome, and is executed and compared.
    return frozenset({"rewritten", "side-effect"})


def _is_told_by_truth(read: list[tuple[tuple[object, ...], object]], operand: int) -> bool:
    """Tell whether asking once for the operand's truth is needed, and enough."""
    found: dict[bool, set[object]] = {True: set(), False: set()}
    for values, reduction in read:
        found[bool(values[operand])].add(reduction)
    return len(found[True]) == len(found[False]) == 1 and found[True] != found[False]


def _readings(
    triple: tuple[Value | None, ...],
) -> list[tuple[tuple[object, ...], object]]:
    """Return the values of the three, and the reduction in force, for all that their names hold."""
    names = tuple(dict.fromkeys(n for value in triple if value for n in value.names))
    codes = [compile(value.text, "<grid>", "eval") if value else None for value in triple]
    found: list[tuple[tuple[object, ...], object]] = []
    for combination in product(*(RUNTIME[name] for name in names)):
        held = dict(zip(names, combination, strict=True))
        scope = {**held, "cfg": SimpleNamespace(**held), "t": held, "log": lambda _, value: value}
        size_average, reduce, reduction = (code and eval(code, scope) for code in codes)
        if triple[2] is None:
            reduction = "mean"
        operands = (size_average, reduce, reduction)
        found.append((operands, effective(*operands)))
    return found
