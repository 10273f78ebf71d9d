"""The judge of the main job: every way to write a call, migrated, executed on both sides, compared.

`grid` writes the sites, `grid_reading` says what may become of each, and `grid_runner` migrates
the modules and executes them: what they were under the real torch, what they are under the real
MindSpore in a process that cannot import torch.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from grid import (
    APIS,
    IGNORE_INDEX,
    LABEL_SMOOTHING,
    REDUCE,
    REDUCTION,
    RUNTIME,
    SIGNATURE,
    SIZE_AVERAGE,
    TRIPLE,
    WEIGHT,
    Site,
    Value,
    sites,
)
from grid_modules import Module, modules_of
from grid_reading import allowed
from grid_runner import IMPORTED

from migrate.prove.tolerance import mismatch

ROOT = Path(__file__).parents[1]
RUNNER = Path(__file__).with_name("grid_runner.py")


# -- the processes -------------------------------------------------------------------------------


def run_all(*commands: Sequence[str]) -> None:
    """Run commands of the runner at the same time; fail with what the first that fails printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    started = [
        subprocess.Popen(
            [sys.executable, str(RUNNER), *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    for process, output in [(process, process.communicate()[0]) for process in started]:
        assert process.returncode == 0, output[-4000:]


@dataclass(frozen=True)
class Migrated:
    """What the tool did to a module: its findings by site, and what is left of torch."""

    module: Module
    text: str
    findings: dict[int, list[tuple[Any, ...]]]
    torch_left: list[str]


def migrate(modules: Sequence[Module], directory: Path) -> list[Migrated]:
    for module in modules:
        (directory / f"{module.name}.torch.py").write_text(module.text)
    names = [module.name for module in modules]
    run_all(*(["migrate", str(directory), *names[start::2]] for start in (0, 1)))
    found = []
    for module in modules:
        findings, left = json.loads((directory / f"{module.name}.json").read_text())
        by_site: dict[int, list[tuple[Any, ...]]] = {site.number: [] for site in module.sites}
        for finding in findings:
            index = sum(line <= finding[0] for line in module.lines) - 1
            assert index >= 0, f"{module.name}: {finding} stands above all sites"
            by_site[module.sites[index].number].append(finding)
        text = (directory / f"{module.name}.mindspore.py").read_text()
        found.append(Migrated(module, text, by_site, left))
    return found


def execute(modules: Sequence[Module], directory: Path) -> tuple[Any, Any]:
    (directory / "execute.json").write_text(json.dumps([m.manifest() for m in modules]))
    run_all(["torch", str(directory)], ["mindspore", str(directory)])
    torch, mindspore = (
        pickle.loads((directory / f"{name}.pickle").read_bytes()) for name in ("torch", "mindspore")
    )
    return torch, mindspore


# -- the judgement -------------------------------------------------------------------------------


def verdict(site: Site, findings: Sequence[Sequence[Any]]) -> str:
    """Return `rewritten` or the code of a site; fail if the report on it is not that simple."""
    calls = [f for f in findings if f[2] != "call-keywords"]
    assert len(calls) == 1, f"{site.call(site.api)} has the findings {findings}"
    _, status, code, _, _, cases = calls[0]
    assert (status == "rewritten") == bool(cases), f"{site.call(site.api)}: {calls[0]}"
    return "rewritten" if status == "rewritten" else str(code)


def differences(modules: Sequence[Module], torch: Any, mindspore: Any) -> dict[str, list[str]]:
    """Return by site what differs between the two sides, in any of its cases."""
    old_outcomes, old_logs, old_results, _ = torch
    new_outcomes, new_logs, new_results, _ = mindspore
    known: dict[tuple[int, int], str | None] = {(IMPORTED, IMPORTED): None}
    found: dict[str, list[str]] = {}
    for module in modules:
        for site in module.sites:
            name = f"site_{site.number}"
            old, new = old_results[name], new_results[name]
            assert len(old) == len(new) > 0
            for case, ((one, noted), (other, noted_after)) in enumerate(zip(old, new, strict=True)):
                if (one, other) not in known:
                    known[one, other] = compared(old_outcomes[one], new_outcomes[other])
                reason = known[one, other]
                if old_logs[noted] != new_logs[noted_after]:
                    reason = f"evaluates {new_logs[noted_after]} instead of {old_logs[noted]}"
                if reason:
                    said = f"{site.call(site.api)}, case {case}: {reason}"
                    found.setdefault(name, []).append(said)
    return found


def compared(one: tuple[Any, ...], other: tuple[Any, ...]) -> str | None:
    if one[0] != other[0]:
        return f"torch {one[0]} {one[1]} and MindSpore {other[0]} {other[1]}"
    if one[0] == "raised":
        return None  # each in its own words
    for what, expected, actual in zip(("value", "gradient"), one[1:], other[1:], strict=True):
        said = mismatch(actual, expected)
        if said:
            return f"{what}: {said}"
    return None


# -- decoys --------------------------------------------------------------------------------------

#: Calls of nll_loss or cross_entropy, and what would be a wrong rewrite of each.
DECOYS = {
    "None taken for false": ("size_average=p", "reduction='mean' if p else 'sum'"),
    "identity for truth": ("reduce=p", "reduction='none' if p is False else 'mean'"),
    "reduce alone means the sum": ("reduce=q", "reduction='sum' if q else 'none'"),
    "the given reduction kept": ("reduction='sum', reduce=True", "reduction='sum'"),
    "legacy arguments dropped": ("size_average=False", ""),
    "weight dropped": ("weight=w", ""),
    "ignore_index dropped": ("ignore_index=k", ""),
    "a float made an int": ("label_smoothing=s", "label_smoothing=int(s)"),
    "smoothing not converted": ("label_smoothing=s", "label_smoothing=s"),
    "evaluated twice": (
        "size_average=log('p', p)",
        "reduction='sum' if log('p', p) is not None and not log('p', p) else 'mean'",
    ),
    "not evaluated": ("size_average=log('p', p), reduce=False", "reduction='none'"),
    "in another order": (
        "weight=log('w', w), ignore_index=log('k', k)",
        "ignore_index=log('k', k), weight=log('w', w)",
    ),
    "computed where torch raises": ("reduction='batchmean'", "reduction='mean'"),
    "operands exchanged": ("input=x, target=y", "input=y, target=x"),
}


def decoys(first: int, directory: Path) -> list[Module]:
    """Write modules that nobody migrated, with a wrong text on the side of MindSpore."""
    found = []
    for number, (before, after) in enumerate(DECOYS.values(), first):
        names = {name: Value(name, (name,)) for name in RUNTIME if f"={name}" in before}
        names |= {n: Value(n, (n,)) for n in RUNTIME if f"log('{n}'" in before}
        if "k" in names:
            names["ignore_index"] = names.pop("k")
        head = f"def site_{number}(x, y, {', '.join(SIGNATURE)}):\n    return "
        for framework, text, module in (
            ("torch", before, "torch.nn.functional"),
            ("mindspore", after, "mindspore.ops"),
        ):
            call = f"cross_entropy({text})" if "input" in text else f"cross_entropy(x, y, {text})"
            source = f"from {module} import cross_entropy\n\n\n{head}{call}\n"
            (directory / f"decoy{number}.{framework}.py").write_text(source)
        site = Site(number, "cross_entropy", names, (("", before),), "at once", "", 0)
        found.append(Module(f"decoy{number}", "", "", (site,), (1,)))
    return found


# -- the tests -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grid() -> list[Site]:
    return sites()


def test_the_grid_holds_every_pair_of_values_of_a_legacy_and_any_argument(grid: list[Site]) -> None:
    domains = {
        "size_average": SIZE_AVERAGE, "reduce": REDUCE, "reduction": REDUCTION,
        "weight": WEIGHT[:3], "ignore_index": IGNORE_INDEX[:5],
        "label_smoothing": LABEL_SMOOTHING[:5],
    }  # fmt: skip
    expected = {
        (name, value and value.text, other, second and second.text)
        for name in TRIPLE
        for other in domains
        if other != name
        for value in domains[name]
        for second in domains[other]
    }
    found: dict[str, set[tuple[str, str | None, str, str | None]]] = {api: set() for api in APIS}
    for site in grid:
        texts = {name: site.values[name].text if name in site.values else None for name in domains}
        legacy = [(name, texts[name]) for name in TRIPLE]
        found[site.api].update((*one, *two) for one in legacy for two in texts.items())
    for api, parameters in APIS.items():
        wanted = {pair for pair in expected if pair[2] in parameters}
        assert not sorted(wanted - found[api], key=str), api


def test_the_grid_passes_every_legacy_value_by_position_and_by_keyword(grid: list[Site]) -> None:
    ways = {
        (api, name, value.text, by)
        for api in APIS
        for name, domain in zip(TRIPLE, (SIZE_AVERAGE, REDUCE, REDUCTION), strict=True)
        for value in domain
        if value
        for by in ("position", "keyword")
    }
    for site in grid:
        for name, (keyword, text) in zip(APIS[site.api], site.arguments, strict=False):
            ways.discard((site.api, keyword or name, text, "keyword" if keyword else "position"))
        for keyword, text in site.arguments:
            ways.discard((site.api, keyword, text, "keyword"))
    assert not sorted(ways)


def test_nothing_differs_over_the_whole_grid(
    grid: list[Site], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert len(grid) > 20_000
    may = {site.number: allowed(site) for site in grid}
    sure = [site for site in grid if may[site.number] == {"rewritten"}]
    # Apart, because a module with a call that is handed over still needs torch.
    doubtful = [site for site in grid if may[site.number] != {"rewritten"}]

    migrated = migrate([*modules_of(sure, "sure"), *modules_of(doubtful, "doubtful")], tmp_path)
    said = {
        site.number: verdict(site, one.findings[site.number])
        for one in migrated
        for site in one.module.sites
    }
    wrong = [
        f"{site.call(site.api)} is {said[site.number]}, not {sorted(may[site.number])}"
        for site in grid
        if said[site.number] not in may[site.number]
    ]
    assert not wrong, "\n".join([f"{len(wrong)} sites", *wrong[:40]])
    for one in migrated:
        for site in one.module.sites:
            if said[site.number] != "rewritten":
                assert site.source(one.module.function) in one.text

    # What was rewritten among the doubtful, in modules of its own, can be executed too.
    again = [site for site in doubtful if said[site.number] == "rewritten"]
    migrated = [one for one in migrated if one.module.name.startswith("sure")]
    migrated += migrate(modules_of(again, "again"), tmp_path)
    for one in migrated:
        assert one.torch_left == [], one.module.name
        assert all(verdict(s, one.findings[s.number]) == "rewritten" for s in one.module.sites)

    modules = [one.module for one in migrated]
    fakes = decoys(1 + grid[-1].number, tmp_path)
    torch, mindspore = execute([*modules, *fakes], tmp_path)
    found = differences(modules, torch, mindspore)
    cases = sum(len(torch[2][f"site_{s.number}"]) for m in modules for s in m.sites)
    raising = sum(
        outcome != IMPORTED and torch[0][outcome][0] == "raised"
        for m in modules for s in m.sites for outcome, _ in torch[2][f"site_{s.number}"]
    )  # fmt: skip
    handed_over = Counter(code for code in said.values() if code != "rewritten")
    codes = ", ".join(f"{count} {code}" for code, count in sorted(handed_over.items()))
    distinct = [sum(o[0] == "computed" for o in side[0]) for side in (torch, mindspore)]
    # conftest.py prints it in the summary: what a worker of pytest-xdist prints is lost.
    record_property(
        "cases",
        (
            f"grid: {len(grid)} sites, {len(grid) - handed_over.total()} rewritten, "
            f"{cases} executed cases ({raising} raise on both sides), "
            f"{handed_over.total()} handed over ({codes}), {len(found)} differ\n"
            f"      {distinct[0]} distinct results of torch, {distinct[1]} of MindSpore; "
            f"{torch[3]} and {mindspore[3]} cases once more with nothing in between"
        ),
    )
    assert not found, "\n".join([f"{len(found)} sites", *(v[0] for v in list(found.values())[:40])])
    assert torch[3] > 50
    assert mindspore[3] > 50

    unseen = set(DECOYS) - {
        name
        for name, fake in zip(DECOYS, fakes, strict=True)
        if differences([fake], torch, mindspore)
    }
    assert not unseen, f"wrong rewrites that the comparison does not see: {sorted(unseen)}"
