"""Patches against the real `git apply`; lines against a terminal; documents against the schema."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.model import Evidence, FileResult, Finding, Status
from migrate.report import document, text
from migrate.report.diff import patch_name, unified
from migrate.report.summary import Summary, Verb

RULE = "torch.nn.NLLLoss"


def finding(status: Status = Status.REWRITTEN, **changes: object) -> Finding:
    values: dict[str, object] = {
        "rule": RULE,
        "status": status,
        "code": "rewritten" if status is Status.REWRITTEN else "star-arguments",
        "line": 41,
        "column": 7,
        "end_line": 41,
        "end_column": 20,
        "message": "size_average=flag folded into reduction",
        "before": "nn.NLLLoss(size_average=flag)",
        "evidence": Evidence(12, 0.0) if status is Status.REWRITTEN else None,
    }
    return Finding(**(values | changes))  # type: ignore[arg-type]


def git(*arguments: str, cwd: Path, stdin: bytes) -> None:
    # Outside any repository and any configuration, as a bare patch tool.
    environment = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(cwd.parent)}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(cwd), "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, input=stdin, capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace") + repr(stdin)


def assert_applies(folder: Path, name: str, before: bytes, after: bytes) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(before)
    patch = unified(str(file), before, after)
    git("apply", "--check", "-", cwd=folder, stdin=patch)
    git("apply", "-", cwd=folder, stdin=patch)
    assert file.read_bytes() == after
    git("apply", "--check", "-R", "-", cwd=folder, stdin=patch)


BODY = b"".join(b"line %d\n" % i for i in range(40))
TEXTS = [
    pytest.param(b"a\nb\n", b"a\nc\n", id="plain"),
    pytest.param(b"a", b"b", id="no newline at either end"),
    pytest.param(b"a\nb", b"a\nb\n", id="newline added at the end"),
    pytest.param(b"a\nb\n", b"a\nb", id="newline lost at the end"),
    pytest.param(b"x\n" + BODY + b"y", b"x2\n" + BODY + b"y", id="last line far from the hunk"),
    pytest.param(b"x\n" + b"y", b"x2\n" + b"y", id="last line without end as context"),
    pytest.param(b"a\r\nb\r\n", b"a\r\nc\r\n", id="CRLF"),
    pytest.param(b"a\r\nb\nc\r\n", b"a\r\nx\nc\r\n", id="mixed ends"),
    pytest.param(b"a\rb\rc\n", b"a\rX\rc\n", id="lone CR"),
    pytest.param(b"a\r", b"b\r", id="lone CR at the end"),
    pytest.param(b"a\n\x0c\nb\n", b"a\n\x0c\nc\n", id="form feed"),
    pytest.param(
        b"a\x0bb\x1cc\n\xc2\x85x\n", b"a\x0bb\x1cd\n\xc2\x85y\n", id="what splitlines cuts"
    ),
    pytest.param(b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n", id="byte-order mark"),
    pytest.param("# café\na\n".encode("latin-1"), "# café\nb\n".encode("latin-1"), id="latin-1"),
    pytest.param("# é\na\n".encode(), "# é\nb\n".encode(), id="utf-8"),
    pytest.param(BODY, b"import x\n" + BODY.replace(b"line 30", b"line X"), id="two hunks"),
    pytest.param(b"", b"a\n", id="from empty"),
    pytest.param(b"-- a/x\n++ b/x\n@@ -1 +1 @@\n", b"-- b/x\n@@ -1 +1 @@\n", id="like a patch"),
    pytest.param(b"\\ No newline\na\n", b"\\ No newline\nb\n", id="like the marker"),
    pytest.param(b"a \t \nb\n", b"a \t \nb \n", id="spaces at the end"),
]
NAMES = ["a.py", "a b.py", 'a"b.py', "a\\b.py", "café/日本.py", "a\tb.py", "a\nb.py", "x/ y /z.py"]
NAMES += ["-.py", "a/b/a.py", "old\x7f.py", "a 2024-01-01 00:00:00.py", os.fsdecode(b"l\xe9.py")]


@pytest.mark.parametrize(("before", "after"), TEXTS)
def test_git_applies_the_patch_to_the_byte_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes, after: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_applies(tmp_path, "a.py", before, after)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_git_finds_the_file_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_applies(tmp_path, name, b"a\nb\n", b"a\nc\n")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize(
    ("before", "after"), [(b"", b"a\n"), (b"a\n", b"b\n")], ids=["from empty", "one line"]
)
def test_the_patch_is_the_one_that_git_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: bytes, after: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(before)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # the developer may prefer other patches
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-A"], check=True)
    file.write_bytes(after)
    printed = subprocess.run(["git", "diff"], capture_output=True, check=True).stdout
    # All but the two lines `diff --git` and `index`.
    assert unified(name, before, after) == printed.split(b"\n", 2)[2]


LINE = st.sampled_from(
    [b"a", b"b", b"", b"\r", b"a\r", b"\x0c", b"-", b"+", b"@@", b"\\ No", b"\xff"]
)
LINES = st.lists(LINE, max_size=14)


@given(LINES, LINES, st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_git_applies_any_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: list[bytes], new: list[bytes], end: bool
) -> None:
    before, after = b"\n".join(old) + b"\n" * end, b"\n".join(new) + b"x"
    if before == after:
        return
    monkeypatch.chdir(tmp_path)
    assert_applies(tmp_path, "a.py", before, after)


def test_a_patch_is_taken_in_the_subfolder_that_it_was_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    folder = tmp_path / "src"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "a.py").write_bytes(b"a\n")
    patch = unified("a.py", b"a\n", b"b\n")
    subprocess.run(["git", "apply"], cwd=folder, input=patch, check=True)
    assert (folder / "a.py").read_bytes() == b"b\n"


def test_no_difference_is_no_patch() -> None:
    assert unified("a.py", b"a\n", b"a\n") == b""


def test_the_header_holds_no_time() -> None:
    assert unified("a.py", b"a\n", b"b\n") == b"--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("./x/../a.py", "a.py", id="dots are resolved"),
        pytest.param("../other/a.py", "{root}/other/a.py", id="a sibling is named from the root"),
        pytest.param("/{root}/here/a.py", "a.py", id="absolute below the working directory"),
        pytest.param("..a.py", "..a.py", id="dots that begin a name"),
    ],
)
def test_patch_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    root = str(tmp_path).lstrip("/")
    assert patch_name(path.format(root=root)) == name.format(root=root)


def plain(lines: list[text.Line]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


def test_a_finding_is_one_line_that_editors_can_follow() -> None:
    result = FileResult("train.py", "a", "b", (finding(),))
    # Column 7 from 0 is the eighth character, which every editor calls 8.
    assert plain(list(text.file_lines(result))) == [
        "train.py:41:8 nn.NLLLoss: size_average=flag folded into reduction (12 cases, max error 0)"
    ]


@pytest.mark.parametrize(
    ("item", "line"),
    [
        pytest.param(
            finding(Status.MANUAL, message="call has *args: write the arguments out"),
            "f:41:8 nn.NLLLoss: call has *args: write the arguments out [star-arguments]",
            id="by hand, with its code",
        ),
        pytest.param(
            finding(Status.NOTE, message="m"),
            "f:41:8 nn.NLLLoss: note: m [star-arguments]",
            id="note",
        ),
        pytest.param(
            finding(cell=3, message="m"),
            "f:cell 3:41:8 nn.NLLLoss: m (12 cases, max error 0)",
            id="notebook cell",
        ),
    ],
)
def test_line_of(item: Finding, line: str) -> None:
    assert plain(list(text.file_lines(FileResult("f", "a", "a", (item,))))) == [line]


def test_what_is_left_of_torch_is_named_on_demand_and_for_changed_files_only() -> None:
    changed = FileResult("f", "a", "b", torch_left=("torch.nn.Linear", "torch.optim.SGD"))
    same = FileResult("f", "a", "a", torch_left=("torch.nn.Linear",))
    expected = ["f still uses torch.nn.Linear, torch.optim.SGD"]
    assert plain(list(text.file_lines(changed, verbose=True))) == expected
    assert plain(list(text.file_lines(changed))) == []
    assert plain(list(text.file_lines(same, verbose=True))) == []


HOSTILE = "\x1b[31m\x1b]0;t\x07 \x9b31m \r\n\t \u202e \u2028 \ud800 \x7f \u200b"


@pytest.mark.parametrize("place", ["path", "message", "error"])
def test_no_control_character_of_a_user_reaches_the_terminal(place: str) -> None:
    message = HOSTILE if place == "message" else "m"
    result = FileResult(
        HOSTILE if place == "path" else "f",
        findings=(finding(message=message),),
        error=HOSTILE if place == "error" else None,
    )
    for line in plain(list(text.file_lines(result))):
        assert line.isprintable(), ascii(line)
        line.encode("utf-8")
    assert "\\x1b[31m" in "".join(plain(list(text.file_lines(result))))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


LONG: text.Line = (("[bold]not markup[/] :smile: " + "x " * 200, "bold green"),)


def test_a_terminal_gets_colour_and_no_markup_and_no_wrapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    text.printer(stream)(LONG)
    assert stream.getvalue().startswith("\x1b[1;32m[bold]not markup[/] :smile: x x")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("NO_COLOR", "1", id="NO_COLOR"),
        pytest.param("TERM", "dumb", id="dumb terminal"),
    ],
)
def test_a_terminal_without_colour(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    text.printer(stream)(LONG)
    assert stream.getvalue() == LONG[0][0] + "\n"


def test_a_pipe_gets_the_plain_line_and_never_rich() -> None:
    code = (
        "import io, sys; from migrate.report import text\n"
        "text.printer(io.TextIOWrapper(io.BytesIO(), 'ascii'))((('é', 'bold'),))\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_that_lacks_a_character_gets_its_escape() -> None:
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, "ascii")
    text.printer(stream)((("é", ""),))
    stream.flush()
    assert data.getvalue() == b"\\xe9\n"


RESULTS = (
    FileResult("a.py", "x", "y", (finding(), finding(Status.MANUAL))),
    FileResult("b.py", "x", "x", (finding(Status.MANUAL), finding(Status.NOTE))),
    FileResult("c.py", error="line 3: invalid syntax: correct it"),
)


def test_summary_counts() -> None:
    assert Summary.of(RESULTS, files=9) == Summary(9, 1, 1, 2, 1, 1)


@pytest.mark.parametrize(
    ("summary", "diff", "apply", "check"),
    [
        pytest.param(Summary(files=3), 0, 0, 0, id="clean"),
        pytest.param(Summary(changed=1, rewritten=1), 1, 0, 1, id="to change"),
        pytest.param(Summary(manual=1), 0, 1, 1, id="left to a person"),
        pytest.param(Summary(notes=1), 0, 0, 0, id="notes do not count"),
        pytest.param(Summary(errors=1), 2, 2, 2, id="a file failed"),
        pytest.param(Summary(changed=1, manual=1, errors=1), 3, 3, 3, id="all of it"),
    ],
)
def test_exit_status(summary: Summary, diff: int, apply: int, check: int) -> None:
    # What apply leaves to a person, verify has not proven.
    expected = {Verb.DIFF: diff, Verb.APPLY: apply, Verb.CHECK: check, Verb.VERIFY: apply}
    assert {verb: summary.exit_status(verb) for verb in Verb} == expected


def test_summary_line_says_whether_it_was_done() -> None:
    summary = Summary(files=9, changed=1, rewritten=2, manual=1, notes=1, errors=1)
    assert plain([text.summary_line(summary, Verb.CHECK, torch_left=2)]) == [
        "9 files looked at, 1 would be changed, 2 sites would be rewritten, 1 left to you, 1 note, "
        "1 file failed, changed files still use 2 other torch names"
    ]
    assert "1 changed, 2 sites rewritten" in plain([text.summary_line(summary, Verb.APPLY)])[0]


def test_document_has_the_keys_of_the_design_in_order() -> None:
    data = document.report(RESULTS, Summary.of(RESULTS, files=9))
    assert list(data) == ["version", "summary", "files"]
    assert list(data["summary"].items()) == [
        ("files", 9),
        ("changed", 1),
        ("rewritten", 1),
        ("manual", 2),
        ("notes", 1),
        ("errors", 1),
    ]
    assert list(data["files"][0]) == ["path", "changed", "error", "torch_left", "findings"]
    assert list(data["files"][0]["findings"][0]) == [
        *("rule", "status", "code", "line", "column", "end_line", "end_column", "cell"),
        *("message", "before", "after", "evidence"),
    ]
    assert data["files"][0]["findings"][0]["evidence"] == {
        "cases": 12,
        "max_error": 0.0,
        "by": "kernel",
    }


@pytest.mark.parametrize("error", [float("nan"), float("inf"), -float("inf")])
def test_document_never_holds_what_json_lacks(error: float) -> None:
    results = (FileResult("a\ud800", "x", "y", (finding(evidence=Evidence(1, error)),)),)
    data = document.dump(document.report(results, Summary()))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    loaded = json.loads(data, parse_constant=refuse)
    assert loaded["files"][0]["findings"][0]["evidence"]["max_error"] is None
    assert data.isascii()
