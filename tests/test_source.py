"""Bytes, text, positions, trees and atomic writes, on files as they are found in the wild."""

from __future__ import annotations

import ast
import codecs
import errno
import os
import stat
import subprocess
import sys
import time
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.errors import SourceError, WriteError
from migrate.source import LineIndex, Source, decode, parse, read, write_atomically

# ------------------------------------------------------------------------------ bytes <-> text


@pytest.mark.parametrize(
    ("data", "text", "encoding", "bom"),
    [
        pytest.param(b"", "", "utf-8", False, id="empty file"),
        pytest.param(b"x = 1\n", "x = 1\n", "utf-8", False, id="plain"),
        pytest.param("é = 'ß'".encode(), "é = 'ß'", "utf-8", False, id="utf-8, no end of line"),
        pytest.param(b"\xef\xbb\xbfx = 1\n", "x = 1\n", "utf-8", True, id="byte-order mark"),
        pytest.param(b"\xef\xbb\xbf", "", "utf-8", True, id="nothing but a byte-order mark"),
        pytest.param(
            b"\xef\xbb\xbf# coding: utf8\n", "# coding: utf8\n", "utf8", True, id="mark and cookie"
        ),
        pytest.param(b"a\r\nb\r\n", "a\r\nb\r\n", "utf-8", False, id="CRLF"),
        pytest.param(b"a\rb\r", "a\rb\r", "utf-8", False, id="lone CR"),
        pytest.param(b"a\rb\nc\r\n", "a\rb\nc\r\n", "utf-8", False, id="mixed ends"),
        pytest.param(b"\x0cx\n\x0c\ty", "\x0cx\n\x0c\ty", "utf-8", False, id="form feed and tab"),
        pytest.param(
            b"# coding: latin-1\ns = '\xe9'\n",
            "# coding: latin-1\ns = 'é'\n",
            "iso-8859-1",
            False,
            id="latin-1 with a cookie",
        ),
        pytest.param(
            b"#!/usr/bin/python\r# vim: set fileencoding=cp1252 :\rs = '\x80'\r",
            "#!/usr/bin/python\r# vim: set fileencoding=cp1252 :\rs = '€'\r",
            "cp1252",
            False,
            id="cookie in the second line between lone CRs",
        ),
        pytest.param(
            b"# \xe9 -*- coding: latin-1 -*-\n",
            "# é -*- coding: latin-1 -*-\n",
            "iso-8859-1",
            False,
            id="line of the cookie is itself not UTF-8",
        ),
        pytest.param(
            b"\n\n# coding: latin-1\n",
            "\n\n# coding: latin-1\n",
            "utf-8",
            False,
            id="third line is too late for a cookie",
        ),
        pytest.param(
            b"x = 1\n# coding: latin-1\n",
            "x = 1\n# coding: latin-1\n",
            "utf-8",
            False,
            id="no cookie behind code",
        ),
        pytest.param(
            "# coding: gbk\ns = '损失'\n".encode("gbk"),
            "# coding: gbk\ns = '损失'\n",
            "gbk",
            False,
            id="gbk",
        ),
        pytest.param(
            "# coding: iso2022_jp\ns = '損失'\n".encode("iso2022_jp"),
            "# coding: iso2022_jp\ns = '損失'\n",
            "iso2022-jp",
            False,
            id="an encoding with states",
        ),
    ],
)
def test_decodes_and_gives_the_same_bytes_back(
    data: bytes, text: str, encoding: str, bom: bool
) -> None:
    source = decode(data)
    assert (source.text, source.bom) == (text, bom)
    assert codecs.lookup(source.encoding) == codecs.lookup(encoding)
    assert source.encode(source.text) == data


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        pytest.param(b"x = 1\ny = '\0'\n", "null byte", 2, id="null byte"),
        pytest.param(b"\x7fELF\x02\x01\r\r\n\0", "null byte", 3, id="binary file"),
        pytest.param("x = 1\n".encode("utf-16"), "UTF-16", None, id="UTF-16"),
        pytest.param("x = 1\n".encode("utf-32"), "UTF-16 or UTF-32", None, id="UTF-32"),
        pytest.param("x = 1\n".encode("utf-16-le"), "null byte", 1, id="UTF-16 without a mark"),
        pytest.param(
            b"\n\r\n\rs = '\xe9'\n", "0xe9 is not valid utf-8", 4, id="latin-1, no cookie"
        ),
        pytest.param(b"# coding: ascii\n\n'\xe9'", "0xe9 is not valid ascii", 3, id="not ASCII"),
        pytest.param(b"# coding: klingon\n", "unknown encoding klingon", 1, id="unknown, line 1"),
        pytest.param(b"\n# coding: klingon\n", "unknown encoding klingon", 2, id="unknown, line 2"),
        pytest.param(b"# coding: rot13\n", "unknown encoding rot13", 1, id="no text encoding"),
        pytest.param(
            b"\xef\xbb\xbf\n# coding: latin-1\n", "iso-8859-1 is declared", 2, id="mark and cookie"
        ),
        pytest.param(
            b"# coding: utf-7\ns = '+AGE-'\n", "utf-7 does not give", None, id="not reversible"
        ),
        pytest.param(
            b"# coding: utf-16-le\nx\n", "utf-16le does not give", None, id="ASCII read as Chinese"
        ),
        pytest.param(
            b"# coding: undefined\n", "undefined", None, id="codec with errors of its own"
        ),
    ],
)
def test_refuses_to_decode(data: bytes, message: str, line: int | None) -> None:
    with pytest.raises(SourceError) as caught:
        decode(data)
    assert message.replace("-", "") in caught.value.message.replace("-", "")
    assert caught.value.line == line
    assert caught.value.remedy


_PIECES = [
    *(b"x = 1", b"# coding: ", b"latin-1", b"utf-8", b"cp1252", b"gbk", b"#", b"'", b" ", b"\t"),
    *(b"\n", b"\r", b"\r\n", b"\x0c", b"\xef\xbb\xbf", b"\xe9", "é".encode(), "损".encode("gbk")),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12))
def test_whatever_decodes_comes_back_and_is_what_python_reads(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    try:
        source = decode(data)
        tree = parse(source.text, "x.py")
    except SourceError:
        return
    assert source.encode(source.text) == data
    # The interpreter decodes bytes itself, so it is the judge of which encoding they are in.
    assert ast.dump(tree, include_attributes=True) == ast.dump(
        ast.parse(data), include_attributes=True
    )


def test_a_new_text_keeps_encoding_and_mark() -> None:
    assert Source("", "iso-8859-1").encode("é") == b"\xe9"
    assert Source("", "utf-8", bom=True).encode("é") == b"\xef\xbb\xbf\xc3\xa9"


def test_a_new_text_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(SourceError, match="'€' cannot be written in iso-8859-1") as caught:
        Source("", "iso-8859-1").encode("a\r\nb\r€")
    assert caught.value.line == 3


def test_a_new_text_that_would_be_read_as_another_is_refused() -> None:
    # Shift JIS writes the yen sign as the byte of a backslash.
    with pytest.raises(SourceError, match="shift_jis does not give"):
        Source("", "shift_jis").encode("s = '¥n'")


# ----------------------------------------------------------------------------------- positions

_CODE = [
    *("name", "é", "变量", "ℌ", "'é'", '"\U0001f525"', "'''a\r\n é\rb'''", "1", "f(é, name)"),
    *("\\\n", "\\\r\n", "\\\r", "\x0c", "\t", "# é \x0b\x1c\x85\u2028\n", "\n", "\r\n", "\r"),
    *(" + ", " = ", "; ", "if é:\n\t", "    ", "(", ")", "'\u2028\x0c'", " "),
]


def _names_are_where_the_index_says(text: str) -> int:
    """Compare every name's slice with the tree; return how many names there are."""
    try:
        tree = parse(text, "x.py")
    except SourceError:
        return 0
    index = LineIndex(text)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    for node in names:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = index.offset(node.lineno, node.col_offset)
        end = index.offset(node.end_lineno, node.end_col_offset)
        assert unicodedata.normalize("NFKC", text[start:end]) == node.id
        line, column = index.position(start)
        assert line == node.lineno
        assert index.offset(line, len(text[start - column : start].encode())) == start
    return len(names)


@given(st.lists(st.sampled_from(_CODE), max_size=20))
def test_every_name_is_where_the_index_says(pieces: list[str]) -> None:
    _names_are_where_the_index_says("".join(pieces))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["é", "变量", "name", "ℌ"]),
            st.sampled_from(
                [" + ", "\t+\\\n", " + '\u2028é' + ", " + '''é\r\r\nß''' + ", " +\x0c"]
            ),
            st.sampled_from(["\n", "\r", "\r\n", " # \x1c\u2029é\r", "; "]),
        ),
        min_size=1,
    )
)
def test_every_name_of_a_program_is_where_the_index_says(
    statements: list[tuple[str, str, str]],
) -> None:
    text = "".join(f"{name}{operator}{name}{end}" for name, operator, end in statements)
    assert _names_are_where_the_index_says(text) == 2 * len(statements)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_python_and_the_index_agree_on_what_ends_a_line(end: str) -> None:
    text = f"a{end}b"
    assert parse(text, "").body[1].lineno == 2
    assert LineIndex(text).position(len(text) - 1) == (2, 0)


@pytest.mark.parametrize("char", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", ids=ascii)
def test_python_and_the_index_agree_on_what_ends_no_line(char: str) -> None:
    text = f"'{char}'; b"
    assert parse(text, "").body[1].lineno == 1
    assert LineIndex(text).position(len(text) - 1) == (1, 5)


@pytest.mark.parametrize(
    ("line", "column"),
    [(0, 0), (3, 0), (99, 5), (2, 99), (1, -7), (2, -7), (1, 1)],
    ids=lambda value: str(value),
)
def test_a_position_that_does_not_exist_stays_within_the_text(line: int, column: int) -> None:
    assert 0 <= LineIndex("é\nab").offset(line, column) <= 4


# --------------------------------------------------------------------------------------- trees


@pytest.mark.parametrize(
    ("text", "construct", "line"),
    [
        pytest.param("x = 1\nprint 'loss', x\n", "print statement", 2, id="print a string"),
        pytest.param("if x:\r    print x\r", "print statement", 2, id="print a name, lone CR"),
        pytest.param("for x in y: print x, y", "print statement", 1, id="print behind a colon"),
        pytest.param("print -1 % x, y z", "print statement", 1, id="print an expression"),
        pytest.param('exec "x = 1"', "exec statement", 1, id="exec"),
        pytest.param("exec code in names", "exec statement", 1, id="exec in"),
        pytest.param(
            "try:\n    x\nexcept E, e:\n    y\n",
            "except X, name",
            3,
            id="except with a comma",
            marks=pytest.mark.skipif(
                sys.version_info >= (3, 14), reason="valid again, with another meaning"
            ),
        ),
        pytest.param("x = 1; y = `x`", "backticks", 1, id="backticks"),
        pytest.param("if a <> b: pass", "<>", 1, id="not equal"),
        pytest.param("os.chmod(p, 0777)", "octal", 1, id="octal"),
        pytest.param("x = 10L", "long integer", 1, id="long"),
        pytest.param("x = 0xFFL", "long integer", 1, id="long in hexadecimal"),
        pytest.param("x = ur'a'", "ur string", 1, id="ur string"),
        pytest.param("raise E, 'a'", "raise X, value", 1, id="raise with a comma"),
    ],
)
def test_python_2_is_called_by_name(text: str, construct: str, line: int) -> None:
    with pytest.raises(SourceError, match="Python 2 code") as caught:
        parse(text, "old.py")
    assert construct in caught.value.message
    assert "convert it to Python 3 first" in caught.value.remedy
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("x = (1\n", 1, id="parenthesis left open"),
        pytest.param("a\nprint('a') b\n", 2, id="print is a call, the error is behind it"),
        pytest.param("s = '0777 <> `a`' b", 1, id="Python 2 inside a string, the error elsewhere"),
        pytest.param("raise E(a b, c)", 1, id="comma inside the parentheses of raise"),
        pytest.param("x = 08", 1, id="never an octal number"),
        pytest.param("if x:\n\ty\n        z\n", 3, id="tabs and spaces"),
        pytest.param("\ufeffx", 1, id="second byte-order mark"),
        pytest.param("a\r\nb c\r\n", 2, id="CRLF"),
    ],
)
def test_any_other_syntax_error_names_its_line_and_not_python_2(text: str, line: int) -> None:
    with pytest.raises(SourceError, match="syntax error: ") as caught:
        parse(text, "x.py")
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 2000 + "1" + ")" * 2000, id="2,000 parentheses"),
        pytest.param("-" * 50000 + "1", id="more signs than the parser's own stack"),
        pytest.param("x" + ".a" * 50000, id="50,000 attributes"),
        pytest.param(
            "\n".join(" " * n + "if x:" for n in range(200)), id="200 levels of indentation"
        ),
    ],
)
def test_too_deep_nesting_is_said_so(text: str) -> None:
    with pytest.raises(SourceError, match="too deeply nested"):
        parse(text, "x.py")


def test_null_byte_in_a_text_names_its_line() -> None:
    with pytest.raises(SourceError, match="null byte") as caught:
        parse("a\r\nb\rc = '\0'", "x.py")
    assert caught.value.line == 3


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(SourceError, match="not Python"):
        parse("x = '\ud800'", "x.py")


def test_warnings_about_user_code_reach_nobody(recwarn: pytest.WarningsRecorder) -> None:
    parse("x", "x.py")
    for action in ("always", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            parse(r"'\d'; 0x1for x in y", "x.py")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: parse(r"'\d'", "x.py"), range(50)))
    assert not recwarn.list


def test_other_warnings_still_arrive() -> None:
    parse("x", "x.py")
    with pytest.warns(DeprecationWarning, match="ours"):
        warnings.warn("ours", DeprecationWarning, stacklevel=1)
    with pytest.warns((SyntaxWarning, DeprecationWarning), match="invalid escape"):
        ast.parse(r"'\d'", "x.py")


def test_the_filter_is_put_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each time it is, the interpreter forgets which warnings it has shown already.
    parse("x", "x.py")
    monkeypatch.delattr(warnings, "filterwarnings")
    parse("x", "y.py")


def test_warnings_reach_nobody_in_a_fresh_interpreter() -> None:
    code = r"from migrate.source import parse; parse('\'\\d\'; x = 1if y else 2', 'x.py')"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_five_megabytes_in_bounded_time() -> None:
    text = ("é = f(a, b)  # 变量\r\n" + "total = total + first * second\n" * 9) * 17_500
    data = text.encode()
    assert len(data) > 5_000_000
    started = time.perf_counter()
    source = decode(data)
    assert source.encode(source.text) == data
    index = LineIndex(source.text)
    last = len(source.text) - len("second\n")
    assert source.text[index.offset(*index.position(last)) :] == "second\n"
    # Twenty times what it takes on a laptop; a quadratic step would take minutes.
    assert time.perf_counter() - started < 5


# ------------------------------------------------------------------------- reading and writing


def test_reads_bytes_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    for data in (b"", b"\r\n\x0c\xff\0", b"x" * 3_000_000):
        file.write_bytes(data)
        assert read(file) == data


def test_reads_a_file_that_the_system_makes_up() -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("no /proc")
    assert status.stat().st_size == 0
    assert read(status).startswith(b"Name:")


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")
    with pytest.raises(SourceError, match="not a regular file"):
        read(tmp_path / "a.py")
    with pytest.raises(WriteError, match="not a regular file"):
        write_atomically(tmp_path / "a.py", b"")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("", "not a regular file", id="folder"),
        pytest.param("none.py", "No such file", id="no such file"),
        pytest.param("loop.py", "symbolic link", id="link to itself"),
    ],
)
def test_what_cannot_be_read_or_written_says_why(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    with pytest.raises(SourceError, match=message):
        read(tmp_path / name)
    with pytest.raises(WriteError, match=message):
        write_atomically(tmp_path / name, b"")


def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="not a regular file"):
        read(os.devnull)


def _only(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o4711], ids=oct)
def test_writing_keeps_the_mode_and_leaves_nothing_behind(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    file.chmod(mode)
    write_atomically(file, b"new\r\n")
    assert file.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert _only(tmp_path) == ["a.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_writing_keeps_the_owner(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    os.chown(file, 1234, 5678)
    write_atomically(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 5678)


def test_writing_goes_on_where_the_owner_may_not_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    (tmp_path / "a.py").write_bytes(b"old")
    write_atomically(tmp_path / "a.py", b"new")
    assert (tmp_path / "a.py").read_bytes() == b"new"


def test_writing_through_a_link_replaces_the_file_and_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "a.py"
    real.write_bytes(b"old")
    link = tmp_path / "link.py"
    link.symlink_to("real/a.py")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert not real.is_symlink()


def test_writing_parts_a_hard_link(tmp_path: Path) -> None:
    (tmp_path / "cache.py").write_bytes(b"old")
    (tmp_path / "a.py").hardlink_to(tmp_path / "cache.py")
    write_atomically(tmp_path / "a.py", b"new")
    assert (tmp_path / "cache.py").read_bytes() == b"old"


def test_writing_takes_a_name_of_full_length(tmp_path: Path) -> None:
    file = tmp_path / ("a" * 252 + ".py")
    file.write_bytes(b"old")
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"


def test_a_read_only_file_is_refused_even_for_root(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    file.chmod(0o444)
    with pytest.raises(WriteError, match="read-only") as caught:
        write_atomically(file, b"new")
    assert "chmod u+w" in caught.value.remedy
    assert file.read_bytes() == b"old"
    assert _only(tmp_path) == ["a.py"]


@pytest.mark.parametrize("call", ["mkstemp", "fchmod", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "mount"), (errno.EIO, "run again")],
    ids=["disk full", "read-only file system", "disk error"],
)
def test_a_failure_at_any_step_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, remedy: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    monkeypatch.setattr(f"tempfile.{call}" if call == "mkstemp" else f"os.{call}", fail)
    with pytest.raises(WriteError, match=os.strerror(number)) as caught:
        write_atomically(file, b"new")
    assert remedy in caught.value.remedy
    assert file.read_bytes() == b"old"
    assert _only(tmp_path) == ["a.py"]


def test_an_interruption_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a.py").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.py", b"new")
    assert _only(tmp_path) == ["a.py"]
    assert (tmp_path / "a.py").read_bytes() == b"old"
