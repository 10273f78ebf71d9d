"""Where the lines of a text begin and end, whatever ends them."""

from __future__ import annotations

import re

_LINE_END = re.compile(r"\r\n|\r|\n")


def line_end(text: str) -> str:
    """Return the line end that a text uses first."""
    found = _LINE_END.search(text)
    return found.group() if found else "\n"


def line_start(text: str, offset: int) -> int:
    """Return where the line of `offset` begins."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def next_line(text: str, offset: int) -> int:
    """Return where the line after that of `offset` begins, or the end of the text."""
    found = _LINE_END.search(text, offset)
    return found.end() if found else len(text)


#: What stands between two statements of one line; the line may be continued.
_GAP = r"(?:[ \t\f]|\\(?:\r\n?|\n))*"
_BETWEEN = re.compile(f"{_GAP};{_GAP}")


def is_beside(text: str, end: int, start: int) -> bool:
    """Tell whether a statement that begins at `start` stands on the line of one up to `end`."""
    return _BETWEEN.fullmatch(text, end, start) is not None
