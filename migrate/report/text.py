"""Lines for people and editors: `path:line:column rule: message`, coloured on a terminal only.

Lines and columns count from 1, as editors count; the JSON document counts columns from 0.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from typing import TextIO

from migrate.model import FileResult, Finding, Status
from migrate.report.summary import Summary, Verb

#: Pieces of one line, each with the name of a style or "".
Line = tuple[tuple[str, str], ...]

_STYLES = {Status.REWRITTEN: "green", Status.MANUAL: "yellow", Status.NOTE: "cyan"}

# Controls, invisible format characters (direction marks too), lone surrogates, separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    r"""Return `text` on one line, with everything that could steer a terminal escaped.

    A user's source reaches messages, and an escape sequence in it must not reach the terminal:
    `\x1b`, `\n` and `\u202e` are written out.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _UNPRINTABLE
        else char
        for char in text
    )


def visible_lines(text: str) -> str:
    """Return `text` with its line ends, and every line as `visible` has it."""
    return "\n".join(map(visible, text.rstrip("\n").split("\n")))


def file_lines(result: FileResult, *, verbose: bool = False) -> Iterator[Line]:
    """Yield one line a finding, in the order of the file, then what the file still needs.

    Parameters
    ----------
    result : FileResult
    verbose : bool
        Whether to name what a changed file still uses of torch.

    Yields
    ------
    Line
    """
    path = visible(result.path)
    if result.error is not None:
        yield (path, "bold"), (": ", ""), ("error", "bold red"), (f": {visible(result.error)}", "")
    for finding in result.findings:
        yield _finding_line(path, finding)
    if verbose and result.changed and result.torch_left:
        names = ", ".join(result.torch_left)
        yield (path, "bold"), (f" still uses {visible(names)}", "dim")


def _finding_line(path: str, finding: Finding) -> Line:
    slug = finding.rule.removeprefix("torch.")
    cell = "" if finding.cell is None else f":cell {finding.cell}"
    style = _STYLES[finding.status]
    # A rewritten site closes with its evidence, any other with the code that `explain` takes.
    if finding.evidence is not None:
        cases = count(finding.evidence.cases, "case")
        tail = f" ({cases}, max error {finding.evidence.max_error:g})"
    else:
        tail = f" [{finding.code}]"
    note = "note: " if finding.status is Status.NOTE else ""
    return (
        (path, "bold"),
        (f"{cell}:{finding.line}:{finding.column + 1} ", ""),
        (slug, style),
        (f": {note}{visible(finding.message)}", ""),
        (tail, "dim"),
    )


def summary_line(summary: Summary, verb: Verb, *, torch_left: int = 0) -> Line:
    """Return the closing line of a run.

    Parameters
    ----------
    summary : Summary
    verb : Verb
        Says whether the changes were made or would be.
    torch_left : int
        How many names changed files still use of torch.
    """
    would = "" if verb is Verb.APPLY else "would be "
    if verb is Verb.VERIFY:
        counts = f"{count(summary.rewritten, 'site')} proven, {summary.manual} not"
        failed = f", {count(summary.errors, 'file')} failed" if summary.errors else ""
        return ((f"{count(summary.files, 'file')} looked at, {counts}{failed}", "bold"),)
    parts = [
        f"{count(summary.files, 'file')} looked at",
        f"{summary.changed} {would}changed",
        f"{count(summary.rewritten, 'site')} {would}rewritten",
        f"{summary.manual} left to you",
    ]
    if summary.notes:
        parts.append(count(summary.notes, "note"))
    if summary.errors:
        parts.append(f"{count(summary.errors, 'file')} failed")
    if torch_left:
        parts.append(f"changed files still use {count(torch_left, 'other torch name')}")
    return ((", ".join(parts), "bold"),)


def plain_printer(stream: TextIO) -> Callable[[Line], None]:
    """Return what prints a line on `stream` without colour.

    A character that the stream's encoding lacks is escaped rather than fatal.
    """
    encoding = stream.encoding or "utf-8"

    def show(line: Line) -> None:
        text = "".join(piece for piece, _ in line)
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")

    return show


def printer(stream: TextIO) -> Callable[[Line], None]:
    """Return what prints a line on `stream`: through rich on a terminal, plainly elsewhere.

    Rich is imported for a terminal only, is given text and never markup, and never wraps.
    `NO_COLOR` (https://no-color.org) set to anything but the empty string turns it off.
    """
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return plain_printer(stream)

    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, emoji=False, markup=False)

    def show(line: Line) -> None:
        console.print(Text.assemble(*line), soft_wrap=True)

    return show


def patch_printer(stream: TextIO) -> Callable[[bytes], None]:
    """Return what prints a patch on `stream`: its own bytes, but escaped on a terminal.

    A pipe or a file gets every byte, for `git apply`; a terminal gets nothing that steers it.
    """
    if not stream.isatty():

        def raw(patch: bytes) -> None:
            stream.buffer.write(patch)

        return raw

    show = printer(stream)
    styles = {"-": "red", "+": "green", "@": "cyan"}

    def escaped(patch: bytes) -> None:
        for line in patch.decode("utf-8", "backslashreplace").rstrip("\n").split("\n"):
            tabbed = "\t".join(map(visible, line.removesuffix("\r").split("\t")))
            show(((tabbed, styles.get(line[:1], "")),))

    return escaped


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
