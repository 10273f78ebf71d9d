"""Bytes to text and back without losing one, text to tree, and atomic writing."""

from __future__ import annotations

import ast
import codecs
import errno
import os
import re
import stat
import warnings
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tokenize import detect_encoding

from migrate.errors import SourceError, WriteError

#: What ends a line for Python's tokenizer. Form feed, \x0b, \x1c and \u2028 do not, although
#: str.splitlines thinks so.
_LINE_END = re.compile(r"\r\n?|\n")
_LINE_END_BYTES = re.compile(rb"\r\n?|\n")
_FIRST_TWO_LINES = re.compile(rb"([^\r\n]*(?:\r\n?|\n)?)([^\r\n]*)")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

#: Python 2 at the very place of a syntax error: what it is, and what it looks like.
_PYTHON_2 = (
    ("print statement", re.compile(r"\bprint\s*[^\s(=.,)\]]")),
    ("exec statement", re.compile(r"\bexec\s*[^\s(=.,)\]]")),
    ("'except X, name'", re.compile(r"\bexcept\s+[^:#]+,\s*\w+\s*:")),
    ("backticks", re.compile(r"`[^`]+`")),
    ("'<>'", re.compile(r"<>")),
    ("octal number without 0o", re.compile(r"\b0[0-7]+\b")),
    ("long integer", re.compile(r"\b\d[\da-fA-FxX]*[lL]\b")),
    ("ur string", re.compile(r"\b[uU][rR]['\"]")),
    ("'raise X, value'", re.compile(r"\braise\s+[\w.]+(?:\([^()]*\))?,")),
)

#: A file name no real module has, so that one warning filter can tell our parsing from all else.
_PARSED_HERE = "<torch2mindspore> "
_QUIET = ("ignore", None, Warning, re.compile(re.escape(_PARSED_HERE)), 0)

_WRITE_REMEDIES = {
    errno.EACCES: "allow writing to the folder (chmod u+w) and run again",
    errno.EPERM: "allow writing to the folder and run again",
    errno.EROFS: "mount the file system for writing and run again",
    errno.ENOSPC: "free some space on the disk and run again",
    errno.EDQUOT: "free some of your quota and run again",
}


@dataclass(frozen=True, slots=True)
class Source:
    """The decoded text of a file, and what is needed to turn a text back into its bytes.

    Attributes
    ----------
    text : str
        Without the byte-order mark; line ends, form feeds and tabs exactly as in the file.
    encoding : str
        As the file declares it (PEP 263), or `"utf-8"`.
    bom : bool
        Whether the file starts with a UTF-8 byte-order mark.
    """

    text: str
    encoding: str = "utf-8"
    bom: bool = False

    def encode(self, text: str) -> bytes:
        """Return `text` as bytes in the encoding of this file, with its byte-order mark.

        Raises
        ------
        SourceError
            Where the encoding cannot express `text`, or would not read back as `text`.
        """
        try:
            data = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise SourceError(
                f"{error.object[error.start]!r} cannot be written in {self.encoding}",
                remedy="save the file as UTF-8",
                line=len(_LINE_END.findall(text, 0, error.start)) + 1,
            ) from error
        if data.decode(self.encoding) != text:
            raise _not_reversible(self.encoding)
        return codecs.BOM_UTF8 + data if self.bom else data


def decode(data: bytes) -> Source:
    r"""Decode the bytes of a Python file by its byte-order mark or declaration.

    The declaration is found as PEP 263 and `tokenize.detect_encoding` say, and like the
    interpreter (unlike `tokenize`) also where lines end in a lone ``\r``, and where the lines
    that are looked at hold bytes that are not UTF-8.

    Raises
    ------
    SourceError
        For a UTF-16 or UTF-32 file, a null byte, an unknown encoding, one that contradicts the
        byte-order mark, bytes that are not valid in it, and bytes that would not come back.
    """
    if data.startswith(_WIDE_MARKS):
        raise SourceError("UTF-16 or UTF-32, which Python does not read", remedy="save it as UTF-8")
    null = data.find(b"\0")
    if null >= 0:
        raise SourceError(
            "null byte",
            remedy="exclude the file if it is binary, or save it as UTF-8",
            line=_line_of(data, null),
        )
    bom = data.startswith(codecs.BOM_UTF8)
    body = data.removeprefix(codecs.BOM_UTF8)
    encoding, line = _declared(body)
    try:
        if bom and codecs.lookup(encoding).name != "utf-8":
            raise SourceError(
                f"a UTF-8 byte-order mark, but {encoding} is declared",
                remedy="correct the declaration or take the mark off",
                line=line,
            )
        source = Source(body.decode(encoding), encoding, bom)
        reversible = source.text.encode(encoding) == body
        if encoding != "utf-8":
            # UTF-16-LE turns any ASCII into Chinese and back, and its own declaration with it.
            reversible &= _declared(source.text.encode("utf-8", "replace"))[0] == encoding
    except LookupError as error:  # a codec, but from bytes to bytes: rot13, hex
        raise _unknown(encoding, line) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"byte 0x{body[error.start]:02x} is not valid {encoding}",
            remedy="save it as UTF-8, or declare its encoding in the first line: "
            "# -*- coding: latin-1 -*-",
            line=_line_of(body, error.start),
        ) from error
    except UnicodeError as error:
        raise _not_reversible(encoding) from error
    if not reversible:
        raise _not_reversible(encoding)
    return source


def _declared(body: bytes) -> tuple[str, int]:
    """Return the declared encoding, and the line that decided."""
    head = _FIRST_TWO_LINES.match(body)
    # detect_encoding insists on UTF-8 in the lines it looks at, which a declaration may deny.
    lines = [_NOT_ASCII.sub(b"?", line) for line in head.groups()] if head else []
    unread = iter(lines)
    try:
        encoding, _ = detect_encoding(lambda: next(unread, b""))
    except SyntaxError as error:
        raise _unknown(
            str(error.msg).rpartition(": ")[2], len(lines) - len(list(unread))
        ) from error
    return encoding, len(lines) - len(list(unread))


def _line_of(data: bytes, offset: int) -> int:
    return len(_LINE_END_BYTES.findall(data, 0, offset)) + 1


def _unknown(encoding: str, line: int) -> SourceError:
    return SourceError(
        f"unknown encoding {encoding}", remedy="correct the declaration in the file", line=line
    )


def _not_reversible(encoding: str) -> SourceError:
    return SourceError(
        f"{encoding} does not give the same bytes back", remedy="save the file as UTF-8"
    )


class LineIndex:
    """Turns the positions of `ast` into character offsets of a text, and offsets into positions.

    Lines are found on first use. A position that does not exist gives some offset within the
    text: before Python 3.12 `ast` reports such positions inside f-strings, and whoever slices
    compares the slice before using it.
    """

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] = []

    def _lines(self) -> list[int]:
        if not self._starts:
            if "\r" in self._text:
                self._starts = [0, *(end.end() for end in _LINE_END.finditer(self._text))]
            else:
                # A quarter of the time that the expression takes.
                lengths = [len(line) + 1 for line in self._text.split("\n")]
                self._starts = list(accumulate(lengths[:-1], initial=0))
        return self._starts

    def offset(self, line: int, utf8_column: int) -> int:
        """Return the character offset of line `line`, from 1, byte `utf8_column`, from 0."""
        starts = self._lines()
        if not 0 < line <= len(starts):
            return len(self._text)
        start = starts[line - 1]
        column = max(utf8_column, 0)
        if not self._text.isascii():
            text = self._text[start : starts[line] if line < len(starts) else None]
            if not text.isascii():
                column = len(text.encode()[:column].decode(errors="ignore"))
        return min(start + column, len(self._text))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line, from 1, and the column in characters, from 0, of an offset."""
        starts = self._lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1]


def parse(text: str, path: str) -> ast.Module:
    """Parse a module, without the warnings that its own author should see.

    Parameters
    ----------
    text : str
        Decoded text, without byte-order mark.
    path : str
        Named in the traceback of an unexpected error.

    Raises
    ------
    SourceError
        Where Python cannot parse it, with the line where known; Python 2 is called by name.
    """
    # catch_warnings swaps a list that all threads share. This filter is put in once instead and
    # stays, and matches nothing but what is parsed right here.
    if not warnings.filters or warnings.filters[0] != _QUIET:
        warnings.filterwarnings("ignore", module=_QUIET[3].pattern)
    try:
        return ast.parse(text, _PARSED_HERE + path)
    except SyntaxError as error:
        raise _explained(error, text) from error
    except (RecursionError, MemoryError) as error:
        raise SourceError(
            "too deeply nested for Python's parser", remedy="split the expression"
        ) from error
    except ValueError as error:  # null bytes before Python 3.11.4, lone surrogates
        if "\0" in text:
            raise _null_byte(text) from error
        raise SourceError(f"not Python: {error}", remedy="correct the file") from error


def _null_byte(text: str) -> SourceError:
    line = len(_LINE_END.findall(text, 0, text.index("\0"))) + 1
    return SourceError("null byte", remedy="remove it", line=line)


def _explained(error: SyntaxError, text: str) -> SourceError:
    if "\0" in text:
        return _null_byte(text)
    if error.msg.startswith("too many"):
        return SourceError(
            f"too deeply nested for Python's parser ({error.msg})",
            remedy="split the expression",
            line=error.lineno,
        )
    at = (error.offset or 1) - 1
    for construct, pattern in _PYTHON_2:
        for found in pattern.finditer(error.text or ""):
            if found.start() <= at < found.end():
                return SourceError(
                    f"Python 2 code ({construct})",
                    remedy="convert it to Python 3 first, for instance with 2to3",
                    line=error.lineno,
                )
    return SourceError(
        f"syntax error: {error.msg}",
        remedy="correct it, or run under the Python version that the file is written for",
        line=error.lineno,
    )


def read(path: str | Path) -> bytes:
    """Read a regular file; never blocks on a FIFO or device.

    Raises
    ------
    SourceError
        Where there is no such file, it is not a regular one, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SourceError("not a regular file", remedy="name a Python file or a folder")
            data = os.read(descriptor, status.st_size + 1)
            if len(data) != status.st_size:  # it grew, shrank, or is one that the system makes up
                data += b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SourceError(
            f"cannot be read: {error.strerror}", remedy="check the path and its permissions"
        ) from error
    return data


def bytes_of(path: str | Path) -> bytes:
    """Return the bytes of a file, none where it cannot be read."""
    try:
        return read(path)
    except SourceError:
        return b""


def write_atomically(path: str | Path, data: bytes) -> None:
    """Replace the content of an existing file: a reader sees the old bytes or the new, never a mix.

    A temporary file beside it is written through to the disk and takes its place. Mode is kept,
    and owner where permitted. A symbolic link stays one, and the file it leads to is replaced. A
    hard link is parted from its siblings, which keep the old bytes: installers link packages
    into a cache that must not change.

    Raises
    ------
    WriteError
        Where the file is read-only, even for a user whom the system would let through, and for
        every failure of the file system. The file is as it was, and the temporary one is gone.
    """
    # Costs milliseconds, and most runs write nothing.
    import tempfile

    try:
        real = os.path.realpath(path, strict=True)
        status = os.stat(real)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):
            raise WriteError("not a regular file", remedy="name a Python file or a folder")
        if not status.st_mode & 0o222 or not os.access(real, os.W_OK):
            raise WriteError(
                "the file is read-only", remedy="make it writable (chmod u+w) and run again"
            )
        descriptor, temporary = tempfile.mkstemp(
            prefix=".torch2mindspore-",
            suffix=".tmp",
            dir=os.path.dirname(real),  # noqa: PTH120
        )
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                # After the owner, whose change clears bits of the mode.
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
                os.fsync(descriptor)
            os.replace(temporary, real)  # noqa: PTH105
        finally:
            with suppress(OSError):  # gone already, unless something failed
                os.unlink(temporary)  # noqa: PTH108
    except OSError as error:
        remedy = _WRITE_REMEDIES.get(error.errno or 0, "the file is unchanged; run again")
        raise WriteError(f"cannot be written: {error.strerror}", remedy=remedy) from error
