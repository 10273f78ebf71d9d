"""Unified diffs, in bytes, that `git apply` takes: `diff` shows exactly what `apply` writes."""

from __future__ import annotations

import os
from difflib import SequenceMatcher
from io import BytesIO

CONTEXT = 3

# The escapes of git's quote.c: what a byte becomes inside a quoted name.
_ESCAPES = {byte: b"\\%03o" % byte for byte in (*range(0x20), *range(0x7F, 0x100))}
_ESCAPES |= {
    code: b"\\%c" % letter for code, letter in zip(b'\a\b\t\n\v\f\r"\\', b'abtnvfr"\\', strict=True)
}


def unified(path: str, before: bytes, after: bytes) -> bytes:
    r"""Return the patch that turns `before` into `after`; empty where they are equal.

    Lines end at `\n` only, as in git: a carriage return or a form feed belongs to its line. The
    header is `--- a/…`, `+++ b/…` without `diff --git`, because git takes the names of such a
    patch from the folder it runs in, and those of a `diff --git` patch from the top of the
    repository.

    Parameters
    ----------
    path : str
        As the user named it; see `patch_name` for what the header shows.
    before, after : bytes
        The whole file, in its own encoding.

    Returns
    -------
    bytes
    """
    if before == after:
        return b""
    old, new = BytesIO(before).readlines(), BytesIO(after).readlines()
    pieces = [_header(b"--- ", b"a/", path), _header(b"+++ ", b"b/", path)]
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        ranges = _range(old_start, old_end), _range(new_start, new_end)
        pieces.append(b"@@ -%b +%b @@\n" % ranges)
        for tag, i, j, k, m in group:
            if tag == "equal":
                pieces += [_line(b" ", line) for line in old[i:j]]
            else:
                pieces += [_line(b"-", line) for line in old[i:j]]
                pieces += [_line(b"+", line) for line in new[k:m]]
    return b"".join(pieces)


def patch_name(path: str) -> str:
    """Return the name of `path` in a patch: relative to the working directory where it is below.

    git refuses names that are absolute or climb with `..`. A file elsewhere is named from the
    root, without the leading slash: such a patch applies from `/`.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 (Path.absolute keeps `..`)
    inside = os.path.relpath(absolute)
    if inside == os.pardir or inside.startswith(os.pardir + os.sep):
        inside = os.path.splitdrive(absolute)[1].lstrip(os.sep)
    return inside.replace(os.sep, "/")


def _header(marker: bytes, side: bytes, path: str) -> bytes:
    name = side + os.fsencode(patch_name(path))
    quoted = b"".join(_ESCAPES.get(byte, b"%c" % byte) for byte in name)
    if quoted != name:
        return marker + b'"' + quoted + b'"\n'
    # A tab ends a name that holds spaces, which could otherwise begin a date.
    return marker + name + (b"\t\n" if b" " in name else b"\n")


def _range(start: int, end: int) -> bytes:
    length = end - start
    if length == 1:
        return b"%d" % (start + 1)
    # An empty range names the line before it.
    return b"%d,%d" % (start + bool(length), length)


def _line(marker: bytes, line: bytes) -> bytes:
    if line.endswith(b"\n"):
        return marker + line
    return marker + line + b"\n\\ No newline at end of file\n"
