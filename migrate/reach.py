"""Which modules a file imports, read off its bytes: no parsing, and no answer that lacks one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

# Each expression begins with a literal, for which `re` searches many times as fast: measured on
# 2,860 files, 53 MB. For `mport` it takes half as long as for `import`, by how rare an `m` is. What
# looks like an import within a string or a comment is taken for one, which does no harm.
_WORD = rb"[\w\x80-\xff]"
_ENDS = rb"(?!%b)" % _WORD
_LINE = rb"\\(?:\r\n?|\n)"  # a line that is continued


def _more(start: bytes, body: bytes) -> bytes:
    """Return what takes any number of something rare; `(?:…)*` is entered where there is none."""
    return rb"(?:(?=%b)(?:%b)+|)" % (start, body)


_GAP = rb"[ \t\f]*" + _more(rb"\\", _LINE + rb"[ \t\f]*")
_INSIDE = rb"[^)#]*" + _more(rb"#", rb"#[^\r\n]*[^)#]*")
_PLAIN = rb"[^\r\n;#\\]*" + _more(rb"\\", _LINE + rb"[^\r\n;#\\]*")
_LISTED = rb"%b(?:\((%b)|(%b))" % (_GAP, _INSIDE, _PLAIN)
# Of a module's name, which may have spaces around its dots.
_APART = rb"(?:(?<=\.)(?=[ \t\f\\])|(?=[ \t\f\\])%b\.)%b" % (_GAP, _GAP)
_IS_APART = rb"[ \t\f]+\.|[ \t\f]*\\|(?<=\.)[ \t\f]"
_REST = rb"[\w.\x80-\xff]*" + _more(
    _IS_APART, rb"%b(?!import%b)%b[\w.\x80-\xff]*" % (_APART, _ENDS, _WORD)
)
_SPACED_DOT = re.compile(rb"\s+\.\s*|\.\s+")
_COMMENT = re.compile(rb"#[^\r\n]*")

#: The module that names are imported from, what is listed in brackets, what without them.
Raw: TypeAlias = tuple[bytes, bytes, bytes]


class Imported(NamedTuple):
    """One import statement, or what looks like one within a string.

    Attributes
    ----------
    module : str
        What names are imported from, with its leading dots; empty of a plain `import a.b`.
    listed : bytes
        What stands behind `import`.
    """

    module: str
    listed: bytes

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What is imported, each with the name that it is given."""
        pairs = []
        listed = _COMMENT.sub(b"", self.listed).replace(b"\\", b" ")
        for part in _SPACED_DOT.sub(b".", listed).split(b","):
            words = part.decode("utf-8", "replace").split()
            if words:
                pairs.append((words[0], words[-1]))
        return tuple(pairs)

    @property
    def modules(self) -> Iterator[str]:
        """The modules that the statement may bind or open, each with its leading dots."""
        if self.module:
            joint = "" if self.module.endswith(".") else "."
            yield from (f"{self.module}{joint}{name}" for name, _ in self.names)
            return
        for name, _ in self.names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(len(parts), 0, -1))

    @property
    def has_star(self) -> bool:
        """Whether it imports all that there is."""
        return bool(self.module) and self.listed.strip() == b"*"


def imported(data: bytes, roots: frozenset[bytes] | None) -> tuple[Raw, ...]:
    """Return the imports in the bytes of a file that may be of the project's own modules.

    Parameters
    ----------
    data : bytes
    roots : frozenset of bytes, optional
        First components of the project's modules; relative imports count always, and without it
        all do.
    """
    names, modules, own = _patterns(roots)
    found: list[Raw] = names.findall(data)
    plain = modules.findall(data)
    if plain:
        found += ((b"", b"", each) for each in plain if own.search(each))
    return tuple(found)


@lru_cache(2)
def _patterns(roots: frozenset[bytes] | None) -> tuple[re.Pattern[bytes], ...]:
    """Return what finds `from root.a import b`, what `import root.a` or any list, what a root."""
    own = rb"(?=%b)" % _WORD
    if roots is not None:
        own = rb"(?:%b)%b" % (b"|".join(map(re.escape, sorted(roots))) or rb"(?!)", _ENDS)
    relative = rb"\.[.\s\\]{0,99}(?:(?!import%b)%b%b|)" % (_ENDS, _WORD, _REST)
    absolute = own + _REST
    names = rb"from[\s\\]{0,99}(%b|%b)[\s\\]{0,99}import%b%b" % (relative, absolute, _ENDS, _LISTED)
    several = rb"[\w.\x80-\xff \t\f]*%b," % _more(rb"\\", _LINE + rb"[\w.\x80-\xff \t\f]*")
    # A word or a dot and one space before it is what stands before that of `from a import b`.
    plain = rb"mport(?<=import)(?<![\w.\x80-\xff] import)"
    modules = plain + rb"(?=[ \t\f\\])%b((?:%b|%b)%b)" % (_GAP, own, several, _PLAIN)
    return re.compile(names), re.compile(modules), re.compile(rb"(?<![\w.])" + own)


def statement(raw: Raw) -> Imported:
    """Return an import as it is asked about; most are not, so they are kept raw."""
    module, inside, plain = raw
    if not module.isalnum():
        module = b"".join(module.replace(b"\\", b" ").split())
    return Imported(module.decode("utf-8", "replace"), inside or plain)


def importing(package: str) -> re.Pattern[bytes]:
    """Return what finds an import of a package, or from it: `from a.package.b import c`."""
    name = re.escape(os.fsencode(package))
    line = rb"\b(?:from|import)\b(?:[^\n\\]|\\\r?\n)*?\b%b\b" % name
    return re.compile(rb"%b|\bimport\s*\([^)]*\b%b\b" % (line, name))
