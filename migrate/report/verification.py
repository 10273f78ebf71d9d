"""What `verify` prints: each finding with its evidence, and the same as a document."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any, TextIO

from migrate.prove.detail import Detail
from migrate.report import document, text
from migrate.report.summary import Summary, Verb
from migrate.report.text import Line, visible
from migrate.verify import Site, Verification, VerifiedFile


def tell(verification: Verification, *, form: str, human: TextIO) -> int:
    """Print a verification: lines on `human`, or one document on standard output.

    Returns
    -------
    int
        The exit status: 1 too where the frameworks were asked for and could not compute all cases.
    """
    told = [f for f in verification.files if f.result.findings or f.result.error is not None]
    summary = Summary.of([f.result for f in told], files=len(verification.files))
    if form == "json":
        made = document.report([f.result for f in told], summary)
        for file, entry in zip(told, made["files"], strict=True):
            for site, finding in zip(file.sites, entry["findings"], strict=True):
                finding["verification"] = [_detail(site, i) for i in range(len(site.details))]
        made["verification"] = _run(verification)
        sys.stdout.buffer.write(document.dump(made))
        return _exit_status(verification, summary)
    show = text.printer(human)
    seen: dict[int, str] = {}
    for file in told:
        for line in _file_lines(file, seen):
            show(line)
    for line in _closing(verification, summary):
        show(line)
    return _exit_status(verification, summary)


def _exit_status(verification: Verification, summary: Summary) -> int:
    return summary.exit_status(Verb.VERIFY) | (1 if verification.not_run else 0)


def _file_lines(file: VerifiedFile, seen: dict[int, str]) -> Iterator[Line]:
    yield from text.file_lines(replace(file.result, findings=()))
    for site in file.sites:
        yield from text.file_lines(replace(file.result, error=None, findings=(site.finding,)))
        for index, detail in enumerate(site.details):
            place = f"{visible(file.result.path)}:{site.finding.line}"
            # Equal calls are proven once, and told of once.
            if id(detail) in seen:
                yield ((f"    as at {seen[id(detail)]}", "dim"),)
                continue
            seen[id(detail)] = place
            yield from (((line, "dim"),) for line in _lines(site, index))
            if detail.failure is not None and detail.failure.python:
                yield (("    this case, to be pasted into Python:", "dim"),)
                yield from (((visible(line), ""),) for line in detail.failure.python.split("\n"))


def _lines(site: Site, index: int) -> Iterator[str]:
    detail = site.details[index]
    for name, values in detail.names:
        yield visible(f"    {name}: {', '.join(values)}")
    alike: dict[tuple[str, str], list[str]] = {}
    for row in detail.rows:
        errors = f"value {row.value_error:g}, gradient {row.gradient_error:g}"
        told = f"{text.count(row.cases, 'case')} each, {errors}"
        alike.setdefault((row.dtype, told), []).append(str(row.shape))
    for (dtype, told), shapes in alike.items():
        yield f"    {dtype} {' '.join(shapes)}: {told}"
    if detail.raising:
        yield f"    both sides raise on {detail.raising} combinations"
    for found in site.measured[index] if site.measured else ():
        errors = f"value {found.value_error:g}, gradient {found.gradient_error:g}"
        failed = f", {found.failed} fail: {visible(found.failure)}" if found.failed else ""
        told = f", {errors}" if found.cases > found.not_run else ""
        left = f", {found.not_run} not run: {visible(found.lacking)}" if found.not_run else ""
        yield f"    torch and {found.worker}: {text.count(found.cases, 'case')}{told}{failed}{left}"


def _closing(verification: Verification, summary: Summary) -> Iterator[Line]:
    frameworks = verification.frameworks
    if frameworks is not None:
        versions = ", ".join(f"{name} {v or '?'}" for name, v in frameworks.versions.items())
        seconds = ", ".join(f"{name} {s:.1f} s" for name, s in frameworks.seconds.items())
        yield ((f"computed by {versions}: {seconds}", "dim"),)
    if verification.without_before:
        count = text.count(verification.without_before, "file")
        yield ((f"{count} not in {visible(str(verification.against))}: nothing to compare", "dim"),)
    if verification.against is None and not summary.rewritten and not summary.manual:
        yield (("nothing to prove; for a tree that is migrated, give --against", "dim"),)
    yield text.summary_line(summary, Verb.VERIFY)
    if verification.not_run:
        what = "cases that the frameworks could not compute here; see their lines above"
        yield ((f"{text.count(verification.not_run, 'site')} with {what}", "yellow"),)


def _run(verification: Verification) -> dict[str, Any]:
    frameworks = verification.frameworks
    return {
        "against": verification.against,
        "without_before": verification.without_before,
        "seconds": round(verification.seconds, 3),
        "frameworks": None
        if frameworks is None
        else {
            "versions": dict(frameworks.versions),
            "seconds": {name: round(s, 3) for name, s in frameworks.seconds.items()},
            "not_run": verification.not_run,
        },
    }


def _detail(site: Site, index: int) -> dict[str, Any]:
    detail: Detail = site.details[index]
    measured = site.measured[index] if site.measured else ()
    return {
        "names": {name: list(values) for name, values in detail.names},
        "raising": detail.raising,
        "rows": [_finite(asdict(row)) for row in detail.rows],
        "failure": None if detail.failure is None else asdict(detail.failure),
        "frameworks": [_finite(asdict(found)) for found in measured],
    }


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    # JSON has no infinity and no NaN; null says "not a number" in every reader.
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in entry.items()
    }
