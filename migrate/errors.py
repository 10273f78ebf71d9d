"""What can go wrong with one file, one rule or one path: always where, what and what to do."""

from __future__ import annotations


class MigrateError(Exception):
    """An expected failure that a user can act on.

    Parameters
    ----------
    message : str
        What is wrong, in one clause without a full stop.
    remedy : str
        What to do about it, in one clause without a full stop.
    line : int, optional
        Line of the file, counted from 1, where known.
    """

    def __init__(self, message: str, *, remedy: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.line = line

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and workers send errors home.
        return _rebuild, (type(self), self.message, self.remedy, self.line)


def _rebuild(kind: type[MigrateError], message: str, remedy: str, line: int | None) -> MigrateError:
    return kind(message, remedy=remedy, line=line)


class SourceError(MigrateError):
    """A file that cannot be read, decoded or parsed."""


class WriteError(MigrateError):
    """A file that cannot be written; the one on disk is as it was."""


class RuleError(MigrateError):
    """A rule file that is malformed: names the file, the key and what was expected."""


class UsageError(MigrateError):
    """A command line that cannot be carried out, such as a path that does not exist."""
