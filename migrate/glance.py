"""What the bytes of a file rule out, so that it need not be parsed: a parse takes a hundred times.

Each answer errs on one side only: what is told of a file may be false, what is not told cannot be.
Where quotes, comments or long lists stand in the way, a file is parsed rather than read wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

#: The name of a call whose name is not plain.
ANY = b""

#: How many bytes an argument list is followed through.
_FAR = 4000

_LETTER = rb"[\w\x80-\xff]"
#: How many more a method may stand behind the line of its object.
_NEAR = 200

_BLANK = b" \t\r\n\f\\"
_WORD = re.compile(rb"[\w\x80-\xff]+\Z")
_TOKEN = re.compile(rb"[()\[\]{}'\"#,]")
_KEYWORD = re.compile(rb"[\s\\]*([\w\x80-\xff]+)[\s\\]*=(?!=)")

# Literals stand first, for which `re` searches many times as fast.
_GIVEN = tuple(re.compile(w + rb"(?:[\s\\]|#.*\n)*=(?!=)") for w in (b"input", b"target"))
_FORWARD = re.compile(rb"forward[\s\\]*\(")
_TWICE = re.compile(rb"\)[\s\\]*\(")
_DEVICE = re.compile(rb"\.[\s\\]*(?:cpu|cuda|to)[\s\\]*\([^()]*\)[\s\\]*\Z")


def calls_of_a_loss(data: bytes) -> frozenset[bytes]:
    """Return the last names of what may be called in a way that only torch's losses know.

    With `input=` or `target=` and at most one more argument, by `.forward`, or behind `.cuda()`:
    see `migrate.suspects`. `ANY` stands for a name that is not plain.
    """
    return frozenset(_called(_with_newlines(data) if b"\r" in data else data))


def _with_newlines(data: bytes) -> bytes:
    """Return lines as Python reads them: a carriage return alone ends one as well."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _called(data: bytes) -> Iterator[bytes]:
    for given in _GIVEN:
        for match in given.finditer(data):
            opening = _opening(data, match.start())
            if opening is None:
                yield ANY
            elif opening >= 0 and _takes_operands(data, opening):
                yield from _callee(data, opening)
    for match in _FORWARD.finditer(data):
        before = data[max(0, match.start() - _FAR) : match.start()].rstrip(_BLANK)
        receiver = before[:-1].rstrip(_BLANK)
        if not before.endswith(b".") or receiver.endswith(b"super()"):
            continue
        if _takes_operands(data, match.end() - 1):
            yield _last_word(receiver)
    for match in _TWICE.finditer(data):
        before = data[max(0, match.start() - _FAR) : match.start() + 1]
        if _DEVICE.search(before) and _takes_operands(data, match.end() - 1):
            yield ANY


def _opening(data: bytes, at: int) -> int | None:
    """Return where the bracket opens in which a keyword stands at `at`.

    Negative where it is no argument of a call; None where the bytes do not tell.
    """
    before = data[max(0, at - _FAR) : at]
    if before[-1:].isalnum() or before[-1:] in (b"_", b"."):
        return -1  # another word
    depth, end, is_first = 0, len(before), True
    while end >= 0:
        line = before.rfind(b"\n", 0, end) + 1
        sign = before.find(b"#", line, end)
        code = before[line : end if sign < 0 else sign]
        if (line == 0 and at > _FAR) or (sign >= 0 and (b"'" in code or b'"' in code)):
            return None  # a sign may stand before what is looked at, or be within a string
        if is_first and code.strip(_BLANK):
            is_first = False
            if not code.rstrip(_BLANK).endswith((b"(", b",")):
                return -1
        for index in range(len(code) - 1, -1, -1):
            byte = code[index : index + 1]
            if byte in b"'\"":
                return None
            if byte in b")]}":
                depth += 1
            elif byte in b"([{":
                depth -= 1
                if depth < 0:
                    return at - len(before) + line + index if byte == b"(" else -1
        if _STATEMENT.match(code):
            return -1
        end = line - 1
    return None


#: What begins a line as no line within brackets does.
_STATEMENT = re.compile(
    rb"[ \t]*(?:(?:assert|class|def|del|elif|import|pass|raise|return|try|while|with)\b"
    rb"|else[ \t]*:)"
)


def _takes_operands(data: bytes, opening: int) -> bool:
    """Tell whether an argument list may be that of a loss: two operands, or one of a partial."""
    arguments: list[bytes] = []
    depth, start = 0, opening + 1
    for match in _TOKEN.finditer(data, start, start + _FAR):
        token = match.group()
        if token in b"'\"#":
            return True
        if token in b"([{":
            depth += 1
        elif depth and token in b")]}":
            depth -= 1
        elif not depth:
            arguments.append(data[start : match.start()].strip(_BLANK))
            start = match.end()
            if len(arguments) > 2 and arguments[2]:
                return False
            if token != b",":
                break
    else:
        return True
    given = [argument for argument in arguments if argument]
    keywords = [match.group(1) for match in map(_KEYWORD.match, given) if match is not None]
    return (
        (len(given) == 2 or (len(given) == 1 and b"partial" in data))
        and not any(argument.startswith(b"*") for argument in given)
        and set(keywords) <= {b"input", b"target"}
    )


def _callee(data: bytes, opening: int) -> Iterator[bytes]:
    """Yield the last name of what is called; nothing where the brackets are not those of a call."""
    before = data[max(0, opening - _FAR) : opening].rstrip(_BLANK)
    name = _WORD.search(before)
    if name is None:
        if before.endswith((b")", b"]")):
            yield ANY
        return
    if not before[: name.start()].rstrip(_BLANK).endswith((b"def", b"class")):
        yield name.group()


def _last_word(before: bytes) -> bytes:
    name = _WORD.search(before)
    return ANY if name is None else name.group()


def attributes(data: bytes, dotted: str = "") -> frozenset[str]:
    """Return the names that may be taken from a module, or from anything at all.

    Parameters
    ----------
    data : bytes
    dotted : str
        The name by which the file knows the module, perhaps with dots in it.
    """
    found = _taken_from(data, dotted) if dotted else None
    if found is None:
        found = set(_TAKEN.findall(data))
    if b"getattr" in data:
        found.update(_QUOTED.findall(data))
    return frozenset(name.decode("utf-8", "replace") for name in found)


def _taken_from(data: bytes, dotted: str) -> set[bytes] | None:
    """Return what is taken from one name; None where it may have others."""
    names: set[bytes] = set()
    for match in _dotted(dotted).finditer(data):
        if match.group(1):
            names.add(match.group(2))
        elif b"import" not in data[data.rfind(b"\n", 0, match.start()) + 1 : match.start()]:
            return None
    return names


@lru_cache(256)
def _dotted(name: str) -> re.Pattern[bytes]:
    parts = [re.escape(part.encode()) for part in name.split(".")]
    return re.compile(
        rb"(?<![\w\x80-\xff.])%b(?!%b)([\s\\]*\.[\s\\]*(%b+))?"
        % (rb"[\s\\]*\.[\s\\]*".join(parts), _LETTER, _LETTER)
    )


_TAKEN = re.compile(rb"\.[\s\\]*([A-Za-z_\x80-\xff][\w\x80-\xff]*)")
_QUOTED = re.compile(rb"['\"]([\w\x80-\xff]+)['\"]")


def may_hand_on(data: bytes, name: str) -> bool:
    """Tell whether an attribute `name` may be read for more than a plain call of it.

    `migrate.suspects` finds what calls it by keywords; by `**`, it does not.
    """
    return _handed_on(name).search(data) is not None


@lru_cache(64)
def _handed_on(name: str) -> re.Pattern[bytes]:
    return re.compile(
        rb"\.[\s\\]*%b(?!%b|[ \t\f]*=(?!=)|[ \t\f]*\((?![^\n]*\*\*))"
        % (re.escape(name.encode()), _LETTER)
    )


def may_use(data: bytes, name: str) -> bool:
    """Tell whether an attribute `name` may be put to a use that MindSpore's loss does not know.

    Moved, set, asked for its class, called by `forward` or with `**`, or given to a call with the
    keywords of one: on its line, or by a name that it is assigned to.
    """
    for read in _handed_on(name).finditer(data):
        start = data.rfind(b"\n", 0, read.start()) + 1
        line = data.find(b"\n", read.end())
        end = len(data) if line < 0 else line
        if _used(name).search(data, start, end + _NEAR):
            return True
        local = _assigned(name).search(data, start, end + 1)
        if local is not None and _used_as(local.group(1)).search(data, local.end(), end + _FAR):
            return True
    return False


_USE = (
    rb"%b[\s\\]*(?:\.[\s\\]*(?!item\b|backward\b|detach\b|size\b|shape\b|mean\b|sum\b)\w"
    rb"|\([^\n]*\*\*|[^\n]*\b(?:input|target)[ \t]*=(?!=))|(?:isinstance|partial)\([^\n]*%b\b"
)


@lru_cache(64)
def _used(name: str) -> re.Pattern[bytes]:
    attribute = rb"\.[\s\\]*" + re.escape(name.encode())
    return re.compile(_USE % (attribute, attribute))


@lru_cache(64)
def _used_as(name: bytes) -> re.Pattern[bytes]:
    local = rb"\b" + re.escape(name)
    return re.compile(_USE % (local, local))


@lru_cache(64)
def _assigned(name: str) -> re.Pattern[bytes]:
    attribute = re.escape(name.encode())
    return re.compile(rb"(%b+)[ \t]*:?=[^\n=]*\.%b[ \t]*[)\r\n]" % (_LETTER, attribute))


def may_set_by_name(data: bytes, name: str) -> bool:
    """Tell whether an attribute may be set by what is given its name: `setattr`, `patch`."""
    if b"setattr" not in data and b"patch" not in data:
        return False
    return any(data[m.start() - 1 : m.start()] in b"'\"." for m in _quoted(name).finditer(data))


@lru_cache(64)
def _quoted(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"%b['\"]" % re.escape(name.encode()))


def sets_any(data: bytes) -> bool:
    """Tell whether attributes may be set whose names only running it shows."""
    return (b"setattr" in data and _SETS.search(data) is not None) or (
        any(word in data for word in (b"__dict__", b"vars")) and _WRITES.search(data) is not None
    )


def reads_any(data: bytes) -> bool:
    """Tell whether attributes may be read whose names only running it shows."""
    return (b"getattr" in data and _GETS.search(data) is not None) or any(
        word in data and table.search(data) is not None for word, table in _TABLES
    )


def imports_any(data: bytes, _: str = "") -> bool:
    """Tell whether modules may be imported whose names only running it shows."""
    return any(word in data for word in (b"import_module", b"__import__", b"instantiate")) and (
        _IMPORTS.search(data) is not None
    )


def reads_any_of_others(data: bytes) -> bool:
    """Tell the same of attributes of anything but `self`."""
    return reads_any(data) and reads_any(_OWN.sub(b"(0, '',", data))


# What is plain is a name with dots and indices, and a quoted name behind it.
_PLAIN = rb"[\s\\]*(?![\w.\[\]'\"]+[\s\\]*,[\s\\]*['\"]\w*['\"][\s\\]*[,)])"
_SETS = re.compile(rb"setattr(?:__)?[\s\\]*\(" + _PLAIN)
_GETS = re.compile(rb"getattr(?:ibute__|__)?[\s\\]*\(" + _PLAIN)
_IMPORTS = re.compile(
    rb"(?:import_module|__import__)[\s\\]*\([\s\\]*(?!['\"])|\binstantiate[\s\\]*\("
)
_OWN = re.compile(rb"\([\s\\]*self[\s\\]*,|\bself\.__dict__")
_WRITES = re.compile(rb"(?:vars\([^()]*\)|__dict__)\s*(?:\.update|\.setdefault|\[|=[^=]|\|=)")
_TABLES = (
    (b"__dict__", re.compile(rb"__dict__")),
    (b"vars", re.compile(rb"\bvars\(")),
    (b"globals", re.compile(rb"\bglobals\(\)\s*(?:\[|\.)")),
    (b"attrgetter", re.compile(rb"attrgetter")),
)


def may_set(data: bytes, name: str) -> bool:
    """Tell whether an attribute `name` of something may be assigned, bound or deleted."""
    return any(_is_target(data, *match.span()) for match in _attribute(name).finditer(data))


@lru_cache(64)
def _attribute(name: str) -> re.Pattern[bytes]:
    """Return what finds an attribute where it is not called, and nothing is taken from it."""
    return re.compile(rb"\.[\s\\]*%b(?!%b|[ \t\f]*[(.\[])" % (re.escape(name.encode()), _LETTER))


def _is_target(data: bytes, start: int, end: int) -> bool:
    close = data.find(b"\n", end)
    rest = data[end : len(data) if close < 0 else close].lstrip(b" \t\f")
    if _ASSIGNS.match(rest):
        # Only in brackets a name stands on another line than its dot, and there is no assignment.
        attribute = data[start:end]
        return b"\n" not in attribute or b"\\" in attribute
    if b"\\" in rest or b"=" in rest.replace(b"==", b""):
        return True
    before = _before_receiver(data[data.rfind(b"\n", 0, start) + 1 : start])
    if before is None:
        return True
    word = _WORD.search(before)
    if word is not None:
        return word.group() in _BEFORE_TARGETS
    if before.endswith(b"("):
        # An argument, unless the brackets are none of a call.
        word = _WORD.search(before[:-1].rstrip())
        return word is None or word.group() in _BEFORE_TARGETS
    # What stands behind an operator is read, be it the sign of an assignment: none follows.
    return not before.endswith(_OPERATORS)


def _before_receiver(line: bytes) -> bytes | None:
    """Return what stands on a line before the expression at its end; None where that is unsure."""
    while True:
        name = _RECEIVER.search(line)
        if name is not None:
            return line[: name.start()].rstrip()
        depth = 0
        for index in range(len(line) - 1, -1, -1):
            byte = line[index : index + 1]
            if byte in b"'\"#":
                return None
            depth += (byte in b")]}") - (byte in b"([{")
            if depth <= 0:
                break
        if not line or depth or not line.endswith((b")", b"]")):
            return None
        line = line[:index]


_RECEIVER = re.compile(rb"[\w\x80-\xff]+(?:\.[\w\x80-\xff]+)*\Z")
_ASSIGNS = re.compile(rb"=(?!=)|:|[-+*/%@&|^<>]{1,2}=")
_BEFORE_TARGETS = frozenset({b"del", b"for", b"as", b"in"})
_OPERATORS = tuple(bytes([byte]) for byte in b"=+-/%@&|^<>~")
