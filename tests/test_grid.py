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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from grid import RUNTIME, SIGNATURE, Site

from migrate.prove.tolerance import mismatch

ROOT = Path(__file__).parents[1]
RUNNER = Path(__file__).with_name("grid_runner.py")

#: Sites of one module. The more, the fewer times is a module's own cost paid; the names of a file
#: are looked up in all of it, so that a file of thousands is slow.
PER_MODULE = 150

#: How the APIs come into a module: the imports, with `{}` for the last name, and how to call it.
IMPORTS = (
    ("import torch", "torch.nn.{}", "torch.nn.functional.{}"),
    ("import torch.nn as nn\nimport torch.nn.functional as F", "nn.{}", "F.{}"),
    ("from torch import nn", "nn.{}", "nn.functional.{}"),
    ("import torch as th", "th.nn.modules.loss.{}", "th.nn.functional.{}"),
    ("from {module} import {name}", "{}", "{}"),
    ("from {module} import {name} as loss_api", "loss_api", "loss_api"),
    ("try:\n    from {module} import {name}\nexcept ImportError:\n    {name} = None", "{}", "{}"),
)


@dataclass(frozen=True)
class Module:
    """A generated file: its name, its text, its sites, and the line in which each begins."""

    name: str
    text: str
    sites: tuple[Site, ...]
    lines: tuple[int, ...]

    def manifest(self) -> dict[str, Any]:
        at_import = [n for n in RUNTIME if any(n in site.names for site in self.sites)]
        return {
            "name": self.name,
            "at_import": at_import if self.sites[0].way == "global" else None,
            "sites": [
                {
                    "name": f"site_{site.number}",
                    "names": site.names,
                    "bundle": site.bundle,
                    "ignore_index": site.ignore_index,
                }
                for site in self.sites
            ],
        }


def modules_of(every: Iterable[Site], prefix: str) -> list[Module]:
    """Return modules of sites of one API, the forms of import in turn."""
    found: list[Module] = []
    for _, group in groupby(every, lambda site: (site.api, site.way == "global")):
        members = list(group)
        for start in range(0, len(members), PER_MODULE):
            number = len(found)
            found.append(
                module_of(f"{prefix}{number}", members[start : start + PER_MODULE], number)
            )
    return found


def module_of(name: str, members: Sequence[Site], turn: int) -> Module:
    owner, _, last = members[0].api.rpartition(".")
    header, *spelled = IMPORTS[turn % len(IMPORTS)]
    function = spelled["functional" in owner].format(last)
    lines = header.format(module=owner, name=last).splitlines()
    if members[0].way == "global":
        lines.append(f"from options import {', '.join(SIGNATURE)}")
    starts = []
    for site in members:
        lines += ["", ""]
        starts.append(len(lines) + 1)
        lines += site.source(function).splitlines()
    return Module(name, "\n".join(lines) + "\n", tuple(members), tuple(starts))


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
        found.append(Migrated(module, by_site, left))
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
    known: dict[tuple[int, int], str | None] = {(-1, -1): None}
    found: dict[str, list[str]] = {}
    for module in modules:
        for site in module.sites:
            name = f"site_{site.number}"
            old, new = old_results[name], new_results[name]
            assert len(old) == len(new) > 0
            for case, ((one, noted), (other, noted_after)) in enumerate(
                zip(old, new, strict=True)
            ):
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
