"""The JSON documents: one a run, of plain ASCII, so that no terminal or locale can spoil it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from migrate import __version__
from migrate.model import Evidence, FileResult, Finding
from migrate.report.summary import Summary


def report(results: Iterable[FileResult], summary: Summary) -> dict[str, Any]:
    """Return the document of a run, as `rules/report.schema.json` describes it."""
    return {
        "version": __version__,
        "summary": asdict(summary),
        "files": [_file(result) for result in results],
    }


def dump(document: dict[str, Any]) -> bytes:
    """Encode a document, in the order of its keys, with an end of line.

    ASCII, because a path that is no UTF-8 reaches us as lone surrogates, which only an escape
    can carry.
    """
    return json.dumps(document, indent=2, allow_nan=False).encode("ascii") + b"\n"


def _file(result: FileResult) -> dict[str, Any]:
    return {
        "path": result.path,
        "changed": result.changed,
        "error": result.error,
        "torch_left": list(result.torch_left),
        "findings": [_finding(finding) for finding in result.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "status": finding.status.value,
        "code": finding.code,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "cell": finding.cell,
        "message": finding.message,
        "before": finding.before,
        "after": finding.after,
        "evidence": None if finding.evidence is None else _evidence(finding.evidence),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    # JSON has no infinity and no NaN; null says "not a number" in every reader.
    error = evidence.max_error if math.isfinite(evidence.max_error) else None
    return {"cases": evidence.cases, "max_error": error, "by": evidence.by}
