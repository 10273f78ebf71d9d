"""The sites of `grid` as files: imports in every form, and in each file sites of one API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from grid import RUNTIME, SIGNATURE, Site

#: Sites of one module. The more, the fewer times is a module's own cost paid; the names of a file
#: are looked up in all of it, so that a file of thousands is slow.
PER_MODULE = 50

#: How an API comes into a module, and how it is called then.
IMPORTS = (
    ("import torch", "{module}.{name}"),
    ("import {module} as F", "F.{name}"),
    ("from torch import nn", "nn.{within}{name}"),
    ("import torch as th", "th.nn.{within}{name}"),
    ("from {module} import {name}", "{name}"),
    ("from {module} import {name} as loss_api", "loss_api"),
    ("try:\n    from {module} import {name}\nexcept ImportError:\n    {name} = None", "{name}"),
)


@dataclass(frozen=True)
class Module:
    """A generated file: its name, its text, its sites, and the line in which each begins."""

    name: str
    text: str
    function: str
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
    within = "functional." if owner.endswith("functional") else ""
    header, function = (
        part.format(module=owner, name=last, within=within) for part in IMPORTS[turn % len(IMPORTS)]
    )
    lines = header.splitlines()
    if members[0].way == "global":
        lines.append(f"from options import {', '.join(SIGNATURE)}")
    starts = []
    for site in members:
        lines += ["", ""]
        starts.append(len(lines) + 1)
        lines += site.source(function).splitlines()
    return Module(name, "\n".join(lines) + "\n", function, tuple(members), tuple(starts))
