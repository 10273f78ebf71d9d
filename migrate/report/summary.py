"""The counts of a run, and the exit status they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from migrate.model import FileResult, Status


class Verb(StrEnum):
    """What was asked of a run."""

    DIFF = "diff"
    APPLY = "apply"
    CHECK = "check"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of a run.

    Attributes
    ----------
    files : int
        Files looked at, the many without a covered use included.
    changed : int
        Files whose text differs after the rewrite.
    rewritten, manual, notes : int
        Findings by status.
    errors : int
        Files that could not be processed.
    """

    files: int = 0
    changed: int = 0
    rewritten: int = 0
    manual: int = 0
    notes: int = 0
    errors: int = 0

    @classmethod
    def of(cls, results: Iterable[FileResult], *, files: int) -> Summary:
        """Count `results`, those of `files` files that have something to say."""
        results = tuple(results)
        statuses = [finding.status for result in results for finding in result.findings]
        return cls(
            files=files,
            changed=sum(result.changed for result in results),
            rewritten=statuses.count(Status.REWRITTEN),
            manual=statuses.count(Status.MANUAL),
            notes=statuses.count(Status.NOTE),
            errors=sum(result.error is not None for result in results),
        )

    def exit_status(self, verb: Verb) -> int:
        """Return the bit mask: 1 for work that is left, 2 for a file that failed."""
        left = {
            Verb.DIFF: self.changed,
            Verb.APPLY: self.manual,
            Verb.CHECK: self.changed or self.manual,
            Verb.VERIFY: self.manual,
        }[verb]
        return (1 if left else 0) | (2 if self.errors else 0)
