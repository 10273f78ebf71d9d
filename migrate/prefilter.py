"""Picks, by a scan of raw bytes, the few files that can hold a covered name at all."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

_REST_OF_IDENTIFIER = re.compile(rb"[A-Za-z0-9_]*")
_IDENTIFIER_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
#: UTF-32-LE starts as UTF-16-LE does. Words hide between null bytes there, so reading must tell.
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True, slots=True)
class Prefilter:
    """Whether a file mentions one of `words` as a whole identifier: call it with the bytes.

    Holds for every encoding that keeps ASCII as it is. A non-ASCII byte ends an identifier here,
    which can only say yes too often. Not seen: names spelled with compatibility characters that
    Python folds into ASCII (a full-width letter), and encodings that disguise ASCII (UTF-7).

    Attributes
    ----------
    words : frozenset of bytes
        Any of these is a hit.
    cores : tuple of bytes
        The words that contain no other word, sorted: where none occurs, no word does.
    """

    words: frozenset[bytes]
    cores: tuple[bytes, ...]

    def __call__(self, data: bytes) -> bool:
        """Return False only where no word occurs in `data` as an identifier of its own."""
        # Measured on 2,860 files, 53 MB, of which 188 hit: one regular expression with all words
        # takes six times as long; looking for fragments that several words share (`ntropy`)
        # gains less than a tenth in searching, and loses it on the files that it lets through.
        for core in self.cores:
            at = data.find(core)
            while at >= 0:
                start = at
                while start and data[start - 1] in _IDENTIFIER_BYTES:
                    start -= 1
                rest = _REST_OF_IDENTIFIER.match(data, at)
                end = rest.end() if rest else at
                if data[start:end] in self.words:
                    return True
                at = data.find(core, end)
        return data.startswith(_WIDE_MARKS)


def compile(words: Iterable[str]) -> Prefilter:
    """Return the prefilter for the last components of the covered names.

    Raises
    ------
    ValueError
        If a word is not an ASCII identifier.
    """
    given = sorted(set(words))
    for word in given:
        if not (word.isascii() and word.isidentifier()):
            raise ValueError(f"not an ASCII identifier: {word!r}")
    cores = (word for word in given if not any(w in word for w in given if w != word))
    return Prefilter(frozenset(map(str.encode, given)), tuple(map(str.encode, cores)))
