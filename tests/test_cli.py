"""The command line as a process: what goes to which stream, with which exit status."""

from __future__ import annotations

import gc
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from migrate import cli, pipeline

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "rules" / "report.schema.json").read_text())

TO_MIGRATE = b"import torch.nn as nn\n\ncriterion = nn.CrossEntropyLoss()\n"
BY_HAND = b"import torch.nn as nn\n\ncriterion = nn.NLLLoss(*arguments)\n"
CLEAN = b"x = 1\n"
BROKEN = b"from torch.nn import NLLLoss\n\nx = (\n"
ALL = {"a.py": TO_MIGRATE, "b.py": BY_HAND, "c.py": CLEAN, "d.py": BROKEN}


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Undo what `main` does to a process that it takes for its own."""
    yield
    gc.enable()


def environment(**changes: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    return kept | {"PYTHONPATH": str(ROOT)} | changes


def run(
    *arguments: str, cwd: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "migrate.cli", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment() if env is None else env,
        check=False,
    )


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("name", "diff", "apply", "check"),
    [
        pytest.param("a.py", 1, 0, 1, id="to change"),
        pytest.param("b.py", 0, 1, 1, id="left to a person"),
        pytest.param("c.py", 0, 0, 0, id="clean"),
        pytest.param("d.py", 2, 2, 2, id="does not parse"),
        pytest.param(".", 3, 3, 3, id="all of these"),
    ],
)
def test_exit_status_of_each_verb(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    diff: int,
    apply: int,
    check: int,
) -> None:
    write(tmp_path, ALL)
    monkeypatch.chdir(tmp_path)
    # In this process: the streams do not matter here, and a process a verb takes a second.
    assert (cli.main(["diff", name]), cli.main(["check", name])) == (diff, check)
    assert contents(tmp_path) == ALL
    assert cli.main(["apply", name]) == apply


def test_git_applies_what_diff_prints_and_has_what_apply_writes(tmp_path: Path) -> None:
    latin = b"# coding: latin-1\n# caf\xe9\r\n" + TO_MIGRATE.replace(b"\n", b"\r\n")[:-2]
    files = {"a.py": TO_MIGRATE, "caf\xe9 1.py": latin, "m.py": b"\xef\xbb\xbf" + TO_MIGRATE}
    patched, applied = tmp_path / "patched", tmp_path / "applied"
    write(patched, files)
    write(applied, files)
    diff = run("diff", ".", cwd=patched)
    assert contents(patched) == files
    subprocess.run(["git", "apply"], cwd=patched, input=diff.stdout, check=True)
    done = run("apply", ".", cwd=applied)
    assert done.returncode == 0, done.stdout
    assert contents(patched) == contents(applied)
    assert all(b"mindspore" in data for data in contents(applied).values())

    again = run("apply", ".", cwd=applied)
    assert contents(patched) == contents(applied)
    assert b"3 files looked at, 0 changed" in again.stdout
    assert run("diff", ".", cwd=applied).stdout == b""


def test_text_goes_to_standard_error_when_output_carries_a_diff(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    diff = run("diff", ".", cwd=tmp_path)
    assert diff.stdout.startswith(b"--- a/a.py\n+++ b/a.py\n@@ ")
    lines = diff.stderr.decode().splitlines()
    assert lines[0].startswith("a.py:3:13 nn.CrossEntropyLoss: ")
    assert lines[1].startswith("b.py:3:13 nn.NLLLoss: ")
    assert lines[2].startswith("d.py: error: line 3: ")
    assert lines[3].startswith("4 files looked at, 1 would be changed, 1 site would be rewritten")
    assert len(lines) == 4

    check = run("check", ".", cwd=tmp_path)
    assert check.stdout == diff.stderr
    assert check.stderr == b""


def test_standard_input_goes_through_every_verb(tmp_path: Path) -> None:
    applied = run("apply", "-", cwd=tmp_path, stdin=TO_MIGRATE)
    assert applied.returncode == 0
    assert b"mindspore" in applied.stdout
    assert applied.stderr.startswith(b"-:3:13 nn.CrossEntropyLoss: ")

    diff = run("diff", "-", cwd=tmp_path, stdin=TO_MIGRATE)
    (tmp_path / "-").write_bytes(TO_MIGRATE)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=diff.stdout, check=True)
    assert (tmp_path / "-").read_bytes() == applied.stdout
    assert diff.returncode == 1

    check = run("check", "-", cwd=tmp_path, stdin=TO_MIGRATE)
    assert check.stdout == diff.stderr
    assert check.returncode == 1


@pytest.mark.parametrize(
    ("data", "status"), [pytest.param(BROKEN, 2, id="broken"), pytest.param(CLEAN, 0, id="clean")]
)
def test_a_filter_hands_on_what_it_cannot_change(tmp_path: Path, data: bytes, status: int) -> None:
    done = run("apply", "-", cwd=tmp_path, stdin=data)
    assert (done.stdout, done.returncode) == (data, status)


@pytest.mark.parametrize("verb", ["diff", "apply", "check"])
def test_document_is_valid_and_alone_on_standard_output(tmp_path: Path, verb: str) -> None:
    write(tmp_path, ALL)
    done = run(verb, "--format", "json", ".", cwd=tmp_path)
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert done.stderr == b""
    assert document["summary"] == {
        "files": 4,
        "changed": 1,
        "rewritten": 1,
        "manual": 1,
        "notes": 0,
        "errors": 1,
    }
    by_path = {file["path"]: file for file in document["files"]}
    assert list(by_path) == ["a.py", "b.py", "d.py"]
    (found,) = by_path["a.py"]["findings"]
    # From 0 in the document, from 1 in the text.
    assert (found["line"], found["column"], found["rule"]) == (3, 12, "torch.nn.CrossEntropyLoss")
    assert by_path["d.py"]["error"].startswith("line 3: ")


def test_a_path_that_does_not_exist_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": TO_MIGRATE})
    done = run("apply", "a.py", "missing.py", cwd=tmp_path)
    assert done.returncode == 2
    assert b"missing.py: error: does not exist: check the spelling" in done.stdout
    assert b"mindspore" in (tmp_path / "a.py").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        pytest.param(["check"], "try `torch2mindspore check .`", id="no path"),
        pytest.param(["check", "-", "a.py"], "alone", id="standard input beside a path"),
        pytest.param(["apply", "-", "--format", "json"], "check -", id="source and document"),
        pytest.param(["check", "--rules", "missing", "."], "missing", id="no such rules"),
        pytest.param(["check", "--jobs", "-1", "."], "--jobs", id="negative jobs"),
        pytest.param(["chekc", "."], "chekc", id="no such verb"),
        pytest.param(["explain", "nn.NLLoss"], "nn.NLLLoss", id="near to an API"),
        pytest.param(["explain", "star-argument"], "star-arguments", id="near to a code"),
        pytest.param(["explain", "int64-label"], "int64-labels", id="near to a difference"),
        pytest.param(["explain", "zzzzzzzz"], "torch2mindspore rules", id="near to nothing"),
    ],
)
def test_wrong_usage_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    output = capfd.readouterr()
    assert hint in output.err
    assert output.out == ""


def test_verbose_names_what_is_left_of_torch(tmp_path: Path) -> None:
    left = b"import torch.nn as nn\n\nmodel = nn.Linear(2, 3)\ncriterion = nn.NLLLoss()\n"
    write(tmp_path, {"a.py": left})
    told = run("check", "-v", ".", cwd=tmp_path).stdout
    assert b"a.py still uses torch.nn.Linear\n" in told
    assert b"changed files still use 1 other torch name" in told
    assert b"still use" not in run("check", ".", cwd=tmp_path).stdout


def test_exclude_may_be_repeated(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": TO_MIGRATE, "b/x.py": TO_MIGRATE, "c/x.py": TO_MIGRATE})
    done = run("check", ".", "--exclude", "b/", "--exclude", "c/", cwd=tmp_path)
    assert b"1 file looked at" in done.stdout


def test_no_byte_of_output_depends_on_hash_seed_or_workers(tmp_path: Path) -> None:
    for index in range(40):
        write(tmp_path, {f"{index:02}.py": list(ALL.values())[index % 4]})
    outputs = [
        run("check", ".", "-v", "--jobs", jobs, cwd=tmp_path, env=environment(PYTHONHASHSEED=seed))
        for jobs, seed in (("1", "1"), ("2", "2"))
    ]
    assert outputs[0].stdout == outputs[1].stdout
    assert outputs[0].stdout.count(b"\n") == 31
    assert {done.returncode for done in outputs} == {3}


@pytest.mark.parametrize("verb", ["check", "apply"])
def test_a_reader_that_goes_away_is_no_error_and_stops_no_write(tmp_path: Path, verb: str) -> None:
    write(tmp_path, {"a.py": TO_MIGRATE, "b.py": TO_MIGRATE})
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "migrate.cli", verb, "."],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    for data in contents(tmp_path).values():
        assert (b"mindspore" in data) == (verb == "apply")


def test_an_interrupt_says_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "migrate_source", interrupt)
    write(tmp_path, {"a.py": TO_MIGRATE})
    assert cli.main(["check", str(tmp_path)]) == 130
    assert capfd.readouterr().err.count("\n") == 1


LATE = {"libcst", "numpy", "rich", "multiprocessing", "torch", "mindspore", "migrate.engine"}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--version"], id="version"),
        pytest.param(["--help"], id="help"),
        pytest.param(["apply", "."], id="nothing to do"),
        pytest.param(["rules"], id="rules"),
    ],
)
def test_start_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    write(tmp_path, {"a.py": CLEAN})
    code = (
        "import sys; from migrate.cli import main\n"
        f"assert main({arguments}) == 0\n"
        f"sys.exit(repr({LATE} & set(sys.modules)) if {LATE} & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_rules_lists_every_rule(tmp_path: Path) -> None:
    files = sorted((ROOT / "rules").glob("*.toml"))
    output = run("rules", cwd=tmp_path).stdout.decode()
    assert [line.split(" -> ")[0] for line in output.splitlines() if " -> " in line] == [
        file.stem for file in files
    ]
    document = json.loads(run("rules", "--format", "json", cwd=tmp_path).stdout)
    assert [rule["source"] for rule in document["rules"]] == [file.stem for file in files]


def test_explain_an_api(tmp_path: Path) -> None:
    output = run("explain", "nn.NLLLoss", cwd=tmp_path).stdout.decode()
    for part in ("torch.nn.NLLLoss\n", "Why\n", "NLLLoss(size_average=False)", "mindspore.nn"):
        assert part in output
    # torch's size_average=False is the sum.
    assert "reduction='sum'" in output or 'reduction="sum"' in output
    assert "size_average  None     folded into reduction" in output
    assert "https://" in output


@pytest.mark.parametrize(
    "name", ["torch.nn.functional.nll_loss", "nn.functional.nll_loss", "nll_loss"]
)
def test_explain_takes_the_names_that_people_use(
    capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert cli.main(["explain", name, "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["kind"], document["name"]) == ("rule", "torch.nn.functional.nll_loss")


def test_explain_a_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "star-arguments", "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["kind"] == "code"
    assert all(document[part] for part in ("what", "why", "example", "remedy"))
    assert cli.main(["explain", "star-arguments"]) == 0
    assert document["remedy"].strip().splitlines()[0] in capfd.readouterr().out


def test_a_terminal_sees_colour_and_no_escape_of_the_source(tmp_path: Path) -> None:
    evil = b"# \x1b]0;owned\x07 \xe2\x80\xae\n" + TO_MIGRATE
    write(tmp_path, {"a\x1b[2J.py": evil})
    main, terminal = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "migrate.cli", "diff", "."],
        cwd=tmp_path,
        stdout=terminal,
        stderr=terminal,
        env=environment(TERM="xterm-256color"),
        check=False,
    )
    os.close(terminal)
    output = b""
    while True:
        try:
            output += os.read(main, 65536)
        except OSError:
            break
    os.close(main)
    assert b"\x1b[32m+" in output
    assert b"\\x1b]0;owned\\x07" in output
    assert not [bad for bad in (b"\x1b]0;", b"\x1b[2J", b"\xe2\x80\xae") if bad in output]


def test_a_path_that_is_no_text_in_a_locale_without_utf_8(tmp_path: Path) -> None:
    write(tmp_path, {os.fsdecode(b"l\xe9.py"): TO_MIGRATE})
    env = environment(LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    done = run("check", ".", cwd=tmp_path, env=env)
    assert done.stdout.startswith(b"l\\udce9.py:3:13 nn.CrossEntropyLoss: ")
    assert json.loads(run("check", ".", "--format", "json", cwd=tmp_path, env=env).stdout)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_file_of_the_user_is_ever_run(tmp_path: Path, jobs: str) -> None:
    # The standard library's names, which a process that starts in this folder would find first.
    marker = tmp_path.parent / f"{tmp_path.name}-was-run"
    trap = f"open({str(marker)!r}, 'w').close()\nimport torch.nn as nn\nnn.NLLLoss()\n".encode()
    names = ["selectors", "signal", "struct", "socket", "threading", "libcst", "numpy", "click"]
    write(tmp_path, {f"{name}.py": trap for name in names})
    write(tmp_path, {f"m{i}.py": TO_MIGRATE for i in range(80)})
    # As the installed command starts: a script elsewhere, and no -P, which workers would inherit.
    launcher = tmp_path.parent / f"{tmp_path.name}-launcher" / "torch2mindspore"
    launcher.parent.mkdir()
    launcher.write_text(
        "import sys\nfrom migrate.cli import main\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n"
    )
    command = [sys.executable, str(launcher), "apply", "--jobs", jobs, "."]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"88 sites rewritten" in done.stdout
    assert not marker.exists()
