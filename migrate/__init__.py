r"""torch2mindspore as a library: migrates PyTorch losses to MindSpore and proves each rewrite.

>>> from migrate import migrate_source
>>> result = migrate_source("import torch.nn as nn\nloss = nn.NLLLoss(size_average=False)\n")
>>> print(result.after)
import mindspore
loss = mindspore.nn.NLLLoss(reduction='sum')
<BLANKLINE>
>>> result.findings[0].evidence
Evidence(cases=8, max_error=0.0, by='kernel')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.errors import MigrateError, RuleError, SourceError, UsageError, WriteError
    from migrate.model import Edit, Evidence, FileResult, Finding, Rule, Span, Status
    from migrate.pipeline import migrate_bytes, migrate_file, migrate_paths, migrate_source
    from migrate.ruleset import RuleSet, default_rules
    from migrate.ruleset import load as load_rules

__version__ = "0.1.0"

__all__ = [
    "Edit",
    "Evidence",
    "FileResult",
    "Finding",
    "MigrateError",
    "Rule",
    "RuleError",
    "RuleSet",
    "SourceError",
    "Span",
    "Status",
    "UsageError",
    "WriteError",
    "default_rules",
    "load_rules",
    "migrate_bytes",
    "migrate_file",
    "migrate_paths",
    "migrate_source",
]

_HOMES = {
    "errors": ("MigrateError", "RuleError", "SourceError", "UsageError", "WriteError"),
    "model": ("Edit", "Evidence", "FileResult", "Finding", "Rule", "Span", "Status"),
    "pipeline": ("migrate_bytes", "migrate_file", "migrate_paths", "migrate_source"),
    "ruleset": ("RuleSet", "default_rules", "load_rules"),
}


_RENAMED = {"load_rules": "load"}


def __getattr__(name: str) -> object:
    # On first use: `torch2mindspore --version` imports this package and needs none of them.
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"migrate.{home}"), _RENAMED.get(name, name))
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
