"""The grid of the tests on the real frameworks: its settings, its figures, and their table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrate.prove import frameworks
from migrate.prove.cases import Case
from migrate.prove.detail import Computation
from migrate.prove.frameworks import Frameworks
from migrate.prove.worker import WORKERS
from migrate.ruleset import default_rules
from migrate.verify import Verification

TORCH, PYNATIVE, GRAPH = WORKERS
MODES = (PYNATIVE, GRAPH)

Pair = tuple[Computation, Computation]

#: Both frameworks' own words, and the table's.
_WEIGHTS = {"of positive weights": "positive", "of weights with a zero": "with a zero"}
#: Settings that a process of graph mode is asked for at a time; each batch is kept.
BATCH = 24

#: How many cases that differ are spelled out; all are counted.
SHOWN = 40

#: What a cell of the figures tells of a mode; errors in units in the last place.
COLUMNS = ("cases", "differ", "value_error", "gradient_error")


def pairs_of(verification: Verification) -> list[Pair]:
    """Return what the frameworks are to compute for a tree, each pair of settings once."""
    details = [d for file in verification.files for site in file.sites for d in site.details]
    return list(dict.fromkeys(pair for each in details for pair in each.computations))


def setting(after: Computation) -> dict[str, Any]:
    """Return what MindSpore computes with: the arguments, and the defaults of the others."""
    (parameters,) = {r.target_parameters for r in default_rules().rules if r.target == after.api}
    values = {p.name: p.default for p in parameters if not p.required}
    values |= json.loads(after.arguments)
    weight = values["weight"]
    return values | {"weight": weight and _WEIGHTS[weight["tensor"]]}


def representatives(pairs: Iterable[Pair]) -> dict[Computation, Computation]:
    """Return for each computation of MindSpore the first that has the same setting.

    They differ in whether a default is written out. In graph mode each takes a compilation.
    """
    first: dict[object, Computation] = {}
    return {
        after: first.setdefault(
            (after.api, json.dumps(setting(after), sort_keys=True), after.cases, after.ignored),
            after,
        )
        for _, after in pairs
    }


def computed(
    pairs: Sequence[Pair],
    *,
    limit: float,
    kept: dict[Computation, Any],
    progress: Callable[[str, int, int], None],
    keep: Callable[[], None] = lambda: None,
) -> Frameworks:
    """Compute `pairs` on torch and in PyNative mode, then their settings in graph mode.

    Parameters
    ----------
    pairs : sequence of (Computation, Computation)
    limit : float
        How many seconds the cases of one setting may take.
    kept : dict
        Results of graph mode that are known; those found are added.
    progress : callable
        Is told what is done, how much of it, and of how much.
    keep : callable
        Called whenever `kept` has grown.
    """
    done, total = 0, len({pair[0] for pair in pairs}) + len({pair[1] for pair in pairs})

    def one_more() -> None:
        nonlocal done
        done += 1
        progress("settings of torch and PyNative mode", done, total)

    found = frameworks.run(pairs, limit=limit, done=one_more, names=(TORCH, PYNATIVE))
    stands_for = representatives(pairs)
    missing = [each for each in dict.fromkeys(stands_for.values()) if each not in kept]
    for start in range(0, len(missing), BATCH):
        progress("settings of graph mode", start, len(missing))
        batch = [(each, each) for each in missing[start : start + BATCH]]
        graph = frameworks.run(batch, limit=limit, names=(GRAPH,))
        kept |= graph.results[GRAPH]
        keep()
    results = {after: kept[first] for after, first in stands_for.items()}
    return replace(
        found,
        results={**found.results, GRAPH: results},
    )


def figures(pairs: Sequence[Pair], on: Frameworks) -> dict[str, Any]:
    """Return how the modes compare with torch: by setting, by tensors, by legacy arguments."""
    by: dict[str, dict[tuple[Any, ...], list[list[Any]]]] = {
        "settings": {}, "tensors": {}, "legacy": {},
    }  # fmt: skip
    failures = []
    for index, mode in enumerate(MODES):
        for before, after in pairs:
            asked = setting(after)
            smoothing = asked["label_smoothing"] if "cross" in before.api.lower() else None
            keys = {
                "settings": (
                    before.api, asked["reduction"], asked["weight"], asked["ignore_index"],
                    smoothing,
                ),
                "legacy": tuple(
                    name for name in ("size_average", "reduce") if name in _given(before)
                ),
            }  # fmt: skip
            for _, case, errors in on.comparisons(mode, [(before, after)]):
                if isinstance(errors, str):
                    failures.append(f"{mode}: {after.api}({after.arguments}), {case}: {errors}")
                keys["tensors"] = _tensors(case)
                for part, key in keys.items():
                    cell = by[part].setdefault(key, [[0, 0, 0.0, 0.0] for _ in MODES])[index]
                    _count(cell, errors)
    return {
        "versions": dict(on.versions),
        "computed": {name: len(each) for name, each in on.results.items()}
        | {GRAPH: len(set(representatives(pairs).values()))},
        "pairs": len(pairs),
        **{part: [[*key, *cells] for key, cells in rows.items()] for part, rows in by.items()},
        "failures": failures[:SHOWN],
    }


def _given(computation: Computation) -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(computation.arguments)
    return found


def _tensors(case: Case) -> tuple[str, str, str]:
    axes = ("C", "N", "d1", "d2")[: len(case.shape)]
    ordered = (axes[1], axes[0], *axes[2:]) if len(axes) > 1 else axes
    kind = "class probabilities" if case.probabilities else "class indices"
    return f"({', '.join(ordered)})", case.dtype, kind


def _count(cell: list[Any], errors: tuple[float, float] | str) -> None:
    cell[0] += 1
    if isinstance(errors, str):
        cell[1] += 1
    else:
        cell[2], cell[3] = max(cell[2], errors[0]), max(cell[3], errors[1])


# -- the table -----------------------------------------------------------------------------------

#: By the axis of the table: a part of the figures, and which entry of its rows.
AXES: Mapping[str, tuple[str, int]] = {
    "API": ("settings", 0),
    "shape of the logits": ("tensors", 0),
    "dtype": ("tensors", 1),
    "target": ("tensors", 2),
    "`reduction`": ("settings", 1),
    "`weight`": ("settings", 2),
    "`ignore_index`": ("settings", 3),
    "`label_smoothing`": ("settings", 4),
}


def section(found: Mapping[str, Any]) -> str:
    """Return the figures as Markdown, with what was computed, and by what."""
    computed, versions = found["computed"], found["versions"]
    differ = sum(total(found["settings"], mode)["differ"] for mode in MODES)
    said = (
        f"`scripts/frameworks-grid` writes the {found['sites']:,} call sites of `tests/grid.py` "
        f"as files and has `verify` go through them: {found['rewritten']:,} are rewritten, "
        f"{found['handed_over']:,} handed over. What is rewritten asks for {found['pairs']:,} "
        f"pairs of settings, which torch {versions['torch']} and MindSpore "
        f"{versions['mindspore']} computed on a CPU: {computed[TORCH]:,} settings of torch, "
        f"{computed[PYNATIVE]:,} of MindSpore as they are written, and in graph mode, where each "
        f"is compiled, the {computed[GRAPH]:,} that differ in more than a default that is written "
        f"out. A case is a pair on one tensor; value and gradient are compared. **{differ} "
        "differ.** Errors are in units in the last place, over the cases that agree; many units "
        "stand beside gradients that all but cancel, where the tolerance is absolute."
    )
    return f"{said}\n\n{table(found)}"


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as Markdown: a row for every value of every axis, and their sum."""
    lines = [
        "| axis | value | cases, PyNative | cases, graph | differ | error of the value, ulp "
        "| of the gradient, ulp |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for axis, (part, place) in AXES.items():
        values = list(dict.fromkeys(row[place] for row in found[part]))
        for value in sorted(values, key=_order):
            rows = [row for row in found[part] if row[place] == value]
            lines.append(_row(axis, _spelled(axis, value), rows))
            axis = ""
    for number, row in enumerate(sorted(found["legacy"], key=len)):
        given = " and ".join(f"`{name}`" for name in row[: -len(MODES)]) or "neither"
        lines.append(_row("" if number else "legacy arguments", given, [row]))
    lines.append(_row("**all**", "", found["settings"]))
    return "\n".join(lines)


def total(rows: Iterable[Sequence[Any]], mode: str) -> dict[str, Any]:
    """Return the sums and the largest errors of rows, in one mode."""
    cells = [row[MODES.index(mode) - len(MODES)] for row in rows]
    columns = list(zip(*cells, strict=True))
    return dict(zip(COLUMNS, (*map(sum, columns[:2]), *map(max, columns[2:])), strict=True))


def _row(axis: str, value: str, rows: Sequence[Sequence[Any]]) -> str:
    one, two = (total(rows, mode) for mode in MODES)
    errors = [f"{max(one[name], two[name]):,.0f}" for name in COLUMNS[2:]]
    differ = one["differ"] + two["differ"]
    cells = [axis, value, f"{one['cases']:,}", f"{two['cases']:,}", f"{differ:,}", *errors]
    return f"| {' | '.join(cells)} |"


def _order(value: object) -> tuple[bool, bool, float, str]:
    number = isinstance(value, (int, float))
    return value is not None, number, value if isinstance(value, (int, float)) else 0, str(value)


def _spelled(axis: str, value: object) -> str:
    if axis == "`label_smoothing`" and value is None:
        return "has none"
    return f"`{value}`" if value is None or not isinstance(value, str) else value


def read(file: Path) -> dict[str, Any]:
    """Return figures that `write` has written."""
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def write(file: Path, found: Mapping[str, Any]) -> None:
    """Write figures as JSON, a row a line."""
    parts = []
    for key, value in found.items():
        text = json.dumps(value)
        if key in ("settings", "tensors", "legacy"):
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        parts.append(f" {json.dumps(key)}: {text}")
    file.write_text("{\n" + ",\n".join(parts) + "\n}\n")
