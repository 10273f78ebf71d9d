"""Lines of a `.gitignore`, asked about one entry at a time.

pathspec matches an entry also where a pattern matches a folder above it. git asks each folder on
the way down instead, so that `!src` does not bring back an ignored `src/generated`; so do we.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a `.gitignore`.

    Attributes
    ----------
    regex : re.Pattern
        As pathspec compiles it: it matches an entry or a folder above it.
    ignores : bool
        False for a line that begins with `!`.
    by_name : bool
        Whether the line holds no slash but at its end, and so speaks of names in any folder.
    contents : bool
        Whether the line ends in `/**`, and so speaks of all that is below.
    """

    regex: re.Pattern[str]
    ignores: bool
    by_name: bool
    contents: bool

    def matches(self, name: str, path: str) -> bool:
        """Tell whether the line speaks of this very entry; a folder's ends in a slash."""
        found = self.regex.search(name if self.by_name else path)
        if found is None or self.by_name:
            return found is not None
        return (found.end() < len(path)) == self.contents


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of one `.gitignore`, or of the command line.

    Attributes
    ----------
    patterns : tuple of Pattern
        Last one first: the last that matches decides in git.
    """

    patterns: tuple[Pattern, ...]

    @classmethod
    def of_gitignore(cls, text: str) -> Patterns | None:
        """Return the patterns of a file; None where it has none. Invalid ones match nothing."""
        found: list[Pattern] = []
        for line in text.split("\n"):
            try:
                found += _compiled(line.removesuffix("\r"))
            except (ValueError, re.error):  # git passes over what it cannot match with
                continue
        return cls(tuple(reversed(found))) if found else None

    @classmethod
    def of_options(cls, options: Sequence[str]) -> Patterns:
        """Return the patterns of `--exclude`.

        Raises
        ------
        UsageError
            If one of them cannot be understood, or says nothing.
        """
        found: list[Pattern] = []
        remedy = "write it as in a .gitignore"
        for option in options:
            try:
                compiled = _compiled(option)
            except (ValueError, re.error) as error:
                raise UsageError(f"--exclude {option!r} is no pattern", remedy=remedy) from error
            if not compiled:
                raise UsageError(f"--exclude {option!r} matches nothing", remedy=remedy)
            found += compiled
        return cls(tuple(reversed(found)))

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        """Return whether the entry at a relative path is ignored; None where nothing says.

        Only the entry itself is asked about: that a folder above it is ignored is decided there.
        """
        slash = "/" if is_folder else ""
        name = path.rpartition("/")[2] + slash
        for pattern in self.patterns:
            if pattern.matches(name, path + slash):
                return pattern.ignores
        return None


def _compiled(line: str) -> list[Pattern]:
    # Late: its import takes longer than the walk of a small tree without a .gitignore.
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        # `[[:alpha:]]` makes `re` warn of a set within a set.
        warnings.simplefilter("ignore", FutureWarning)
        patterns = GitIgnoreSpec.from_lines([line]).patterns
    body = line.removeprefix("!").rstrip(" ")
    by_name = "/" not in body.removesuffix("/")
    return [
        Pattern(pattern.regex, pattern.include, by_name, body.endswith("/**"))
        for pattern in patterns
        if pattern.include is not None and pattern.regex is not None
    ]
