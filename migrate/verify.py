"""Goes through the proofs of a tree once more, and keeps the evidence: `verify`.

Before is the file and after what `apply` would write; or before is an older text of the file, and
after what stands in the file now, with whatever was edited by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.counterparts import Counterpart, counterparts
from migrate.discover import discover
from migrate.errors import MigrateError
from migrate.model import Evidence, FileResult, Finding, Status
from migrate.pipeline import migrate_bytes, migrate_file
from migrate.project import Project
from migrate.prove import prove
from migrate.prove.detail import Detail, detail
from migrate.resolve import Names
from migrate.revisions import before_of
from migrate.ruleset import RuleSet, default_rules, load
from migrate.source import LineIndex, decode, parse, read
from migrate.survey import survey

if TYPE_CHECKING:
    from migrate.prove.frameworks import Frameworks, Measured

_REMEDY = "see the case, and correct the call"


@dataclass(frozen=True, slots=True)
class Site:
    """A finding, with its evidence or what speaks against it.

    Attributes
    ----------
    finding : Finding
    details : tuple of Detail
        One for each constructor that may reach a call of an instance, else one at most.
    measured : tuple of tuple of Measured
        For each of `details`, what the real frameworks make of it.
    """

    finding: Finding
    details: tuple[Detail, ...] = ()
    measured: tuple[tuple[Measured, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """One file: `result` with the findings as they are after verifying, and a site for each."""

    result: FileResult
    sites: tuple[Site, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """All that verifying a tree has found.

    Attributes
    ----------
    files : tuple of VerifiedFile
    against : str or None
    without_before : int
        Files of the tree that had no text before: nothing is said of them.
    frameworks : Frameworks or None
    seconds : float
    """

    files: tuple[VerifiedFile, ...]
    against: str | None
    without_before: int
    frameworks: Frameworks | None
    seconds: float

    @property
    def not_run(self) -> int:
        """How many sites have cases for which a framework has no operator on this device."""
        sites = (site for file in self.files for site in file.sites)
        return sum(any(m.not_run for each in site.measured for m in each) for site in sites)


def verify(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    rules_directory: Path | None = None,
    against: str | None = None,
    limit: float | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Verification:
    """Verify files and folders; writes nothing.

    Parameters
    ----------
    paths : sequence of str
    exclude : sequence of str
        Patterns, as in `.gitignore`, of what to leave out.
    rules_directory : Path, optional
        Where the rules are, if not the packaged ones.
    against : str, optional
        A folder or a revision of git that holds the texts before.
    limit : float, optional
        Compute the cases on the real frameworks too, where a process may take so many seconds for
        those of one setting.
    progress : callable
        Is told what is being done, how much of it is done, and of how much; from any thread.

    Raises
    ------
    RuleError, UsageError
        If a rule file is malformed, `against` cannot be found or a framework is not installed.
    """
    began = time.perf_counter()
    rules = default_rules() if rules_directory is None else load(rules_directory)
    found = discover(paths, exclude=exclude)
    failed = [FileResult(problem.display, error=problem.message) for problem in found.problems]
    files = [VerifiedFile(result) for result in failed]
    project = survey([file.display for file in found.files], rules)[1]
    without_before = 0
    with ExitStack() as stack:
        before = None if against is None else before_of(against, paths, stack)
        for number, file in enumerate(found.files):
            progress("files", number, len(found.files))
            if before is None:
                files.append(_as_applied(file.display, rules, project))
                continue
            data = before(file.display)
            without_before += data is None
            empty = VerifiedFile(FileResult(file.display))
            files.append(empty if data is None else _as_it_is(file.display, data, rules, project))
    files.sort(key=lambda file: file.result.path)
    frameworks = None
    if limit is not None:
        frameworks = _computed(files, limit, progress)
        files = [_measured(file, frameworks) for file in files]
    seconds = time.perf_counter() - began
    return Verification(tuple(files), against, without_before, frameworks, seconds)


def _as_applied(path: str, rules: RuleSet, project: Project) -> VerifiedFile:
    result = migrate_file(path, rules=rules, left=False, project=project)
    sites = []
    for finding in result.findings:
        details = tuple(map(detail, finding.pairs))
        if finding.status is not Status.REWRITTEN:
            # It may be handed over for another reason than its proof.
            details = tuple(each for each in details if each.failure is not None)
        sites.append(Site(finding, details))
    return VerifiedFile(result, tuple(sites))


def _as_it_is(path: str, data: bytes, rules: RuleSet, project: Project) -> VerifiedFile:
    # The other files are read as they are now: what they hand on is what a migration keeps.
    # Whether the labels were cast is for the text now to tell.
    old = migrate_bytes(data, path=path, rules=rules, left=False, labels="cast", project=project)
    if old.error is not None:
        what = f"before, {old.error}"
        return VerifiedFile(FileResult(path, error=what, traceback=old.traceback))
    if old.before is None or not old.findings:
        return VerifiedFile(FileResult(path))
    try:
        text = decode(read(path)).text
        before, now = (_names(each, path, project) for each in (old.before, text))
    except MigrateError as error:
        where = "" if error.line is None else f"line {error.line}: "
        return VerifiedFile(FileResult(path, error=f"{where}{error}"))
    found = counterparts(before, old.findings, now, rules)
    kept = migrate_bytes(data, path=path, rules=rules, left=False)
    untouched = text in (old.after, kept.after)
    sites = [
        _as_made(each) if untouched and _is_elsewhere(each) else _site(each, now) for each in found
    ]
    sites.sort(key=lambda site: (site.finding.line, site.finding.column))
    findings = tuple(site.finding for site in sites)
    return VerifiedFile(FileResult(path, old.before, text, findings), tuple(sites))


def _names(text: str, path: str, project: Project) -> Names:
    tree = parse(text, path)
    return Names(tree, text, LineIndex(text), project.package_of(path), project, path)


def _is_elsewhere(found: Counterpart) -> bool:
    """Tell whether a rewritten site is proven by more than the call in its place."""
    return found.finding.status is Status.REWRITTEN and not found.pairs


def _as_made(found: Counterpart) -> Site:
    """Return a site, such as a partial or a subclass, of a file that nobody edited since."""
    finding = found.finding
    message = f"{finding.message} (line {finding.line} before)"
    return Site(replace(finding, message=message), tuple(map(detail, finding.pairs)))


def _site(found: Counterpart, now: Names) -> Site:
    """Prove what stands for a site now."""
    finding = found.finding
    if found.node is None:
        message = f"{found.reason} (line {finding.line} before)"
        if finding.status is Status.MANUAL:
            message = f"{finding.message} (line {finding.line} before)"
        return Site(_refused(finding, message))
    line, column = now.lines.position(now.start(found.node))
    end_line, end_column = now.lines.position(now.end(found.node))
    finding = replace(
        finding, line=line, column=column, end_line=end_line, end_column=end_column,
        after=now.slice(found.node), pairs=found.pairs,
    )  # fmt: skip
    if not found.pairs:
        by_hand = finding.status is Status.MANUAL
        return Site(finding if by_hand else _refused(finding, f"{found.reason}; {_REMEDY}"))
    proofs = [prove(pair) for pair in found.pairs]
    details = tuple(map(detail, found.pairs))
    failure = next((each.failure for each in details if each.failure is not None), None)
    if failure is not None:
        case = f" ({failure.case})" if failure.case else ""
        return Site(_refused(finding, f"{failure.message}{case}; {_REMEDY}"), details)
    if finding.status is Status.MANUAL:
        # The call alone is proven; that it was handed over may have been for what is around it.
        message = f"migrated by hand, and the call itself agrees; but {finding.message}"
        return Site(_refused(finding, message), details)
    evidence = proofs[-1]
    assert isinstance(evidence, Evidence)
    return Site(replace(finding, evidence=evidence, message="the call agrees"), details)


def _refused(finding: Finding, message: str) -> Finding:
    code = finding.code if finding.status is Status.MANUAL else "unproven"
    return replace(finding, status=Status.MANUAL, code=code, message=message, evidence=None)


# -- on the real frameworks ----------------------------------------------------------------------


def _computed(
    files: Sequence[VerifiedFile], limit: float, progress: Callable[[str, int, int], None]
) -> Frameworks:
    from migrate.prove import frameworks

    details = [each for file in files for site in file.sites for each in site.details]
    pairs = list(dict.fromkeys(pair for each in details for pair in each.computations))
    total = sum(len({pair[side] for pair in pairs}) * (1 + side) for side in (0, 1))
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        progress("settings on the frameworks", done, total)

    return frameworks.run(pairs, limit=limit, done=one_more)


def _measured(file: VerifiedFile, frameworks: Frameworks) -> VerifiedFile:
    sites = []
    for site in file.sites:
        measured = tuple(frameworks.measure(each.computations) for each in site.details)
        wrong = next((m for each in measured for m in each if m.failed), None)
        finding = site.finding
        if wrong is not None and finding.status is Status.REWRITTEN:
            what = f"{wrong.failed} of {wrong.cases} cases fail on {wrong.worker}"
            finding = _refused(finding, f"{what} ({wrong.failure}); {_REMEDY}")
        sites.append(Site(finding, site.details, measured))
    findings = tuple(site.finding for site in sites)
    return VerifiedFile(replace(file.result, findings=findings), tuple(sites))
