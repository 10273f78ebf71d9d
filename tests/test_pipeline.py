"""One boundary that catches, writes that never lose an edit, the same answer for any workers."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from migrate import pipeline, workers
from migrate.discover import Discovery, Problem, discover
from migrate.errors import RuleError, SourceError
from migrate.model import FileResult, Status
from migrate.pipeline import (
    FileMigration,
    migrate_bytes,
    migrate_file,
    migrate_paths,
    migrate_source,
)

TO_MIGRATE = "import torch.nn as nn\n\ncriterion = nn.CrossEntropyLoss()\n"
BY_HAND = "import torch.nn as nn\n\ncriterion = nn.NLLLoss(*arguments)\n"
UNRELATED = "import torch\n\nx = torch.ones(3)\n"
BROKEN = "from torch.nn import NLLLoss\n\nx = (\n"
BROKEN_UNRELATED = "x = (\n"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())


def stub(monkeypatch: pytest.MonkeyPatch, migrate: Callable[[str, str], FileResult | None]) -> None:
    """Put `migrate(text, path)` in the engine's place; None answers that nothing changes."""

    def engine(text: str, *, path: str, **_options: object) -> FileResult:
        return migrate(text, path) or FileResult(path, text, text)

    monkeypatch.setattr(pipeline, "migrate_source", engine)


def test_source_is_migrated_and_a_second_run_changes_nothing() -> None:
    first = migrate_source(TO_MIGRATE)
    assert first.changed
    assert [each.status for each in first.findings] == [Status.REWRITTEN]
    assert first.after is not None
    assert not migrate_source(first.after).changed


def test_source_raises_where_file_answers(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        migrate_source(BROKEN)
    assert caught.value.line == 3
    write(tmp_path, {"a.py": BROKEN})
    result = migrate_file(str(tmp_path / "a.py"))
    assert result.error == f"line 3: {caught.value}"
    assert result.traceback is None
    assert not result.changed


@pytest.mark.parametrize("text", [UNRELATED, BROKEN_UNRELATED], ids=["parses", "does not parse"])
def test_a_file_without_a_covered_word_is_not_even_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    stub(monkeypatch, lambda text, path: pytest.fail("the engine was asked"))
    write(tmp_path, {"a.py": text})
    path = str(tmp_path / "a.py")
    assert migrate_file(path) == FileMigration(path)


def test_an_unexpected_error_keeps_its_traceback_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_b(text: str, path: str) -> None:
        if path.endswith("b.py"):
            raise ZeroDivisionError("a defect")

    stub(monkeypatch, fail_on_b)
    write(tmp_path, dict.fromkeys(["a.py", "b.py", "c.py"], TO_MIGRATE))
    a, b, c = migrate_paths([str(tmp_path)])
    assert (a.error, c.error) == (None, None)
    assert b.error is not None
    assert b.error.startswith("unexpected ZeroDivisionError: a defect: please report it")
    assert b.traceback is not None
    assert "fail_on_b" in b.traceback


def test_an_interrupt_is_not_taken_for_a_file_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(text: str, path: str) -> None:
        raise KeyboardInterrupt

    stub(monkeypatch, interrupt)
    write(tmp_path, {"a.py": TO_MIGRATE})
    with pytest.raises(KeyboardInterrupt):
        migrate_file(str(tmp_path / "a.py"))


def test_a_file_that_an_editor_saved_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.py"

    def save_meanwhile(text: str, path: str) -> FileResult:
        file.write_text("precious = 1\n")
        return FileResult(path, text, "migrated\n")

    stub(monkeypatch, save_meanwhile)
    file.write_text(TO_MIGRATE)
    result = migrate_file(str(file), write=True)
    assert result.error == "the file changed while it was migrated: run again"
    assert not result.changed
    assert file.read_text() == "precious = 1\n"


def test_only_write_writes(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(TO_MIGRATE)
    dry = migrate_file(str(file))
    assert file.read_text() == TO_MIGRATE == dry.before
    assert migrate_file(str(file), write=True) == dry
    assert file.read_bytes() == dry.new != dry.old


def test_what_is_left_to_a_person_is_left_untouched(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(BY_HAND)
    stamp = file.stat()
    result = migrate_file(str(file), write=True)
    assert [each.status for each in result.findings] == [Status.MANUAL]
    assert file.read_text() == BY_HAND
    # Not replaced by an equal file either: build systems go by the time.
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)


def test_a_file_that_cannot_be_written_has_an_error_and_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(TO_MIGRATE)
    file.chmod(0o444)
    result = migrate_file(str(file), write=True)
    assert result.error is not None
    assert "read-only" in result.error
    assert not result.changed
    assert file.read_text() == TO_MIGRATE


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        pytest.param(
            ("# coding: latin-1\n# café\n" + TO_MIGRATE).encode("latin-1"),
            b"# coding: latin-1\n# caf\xe9\n",
            id="latin-1",
        ),
        pytest.param(codecs.BOM_UTF8 + TO_MIGRATE.encode(), codecs.BOM_UTF8, id="byte-order mark"),
        pytest.param(TO_MIGRATE.replace("\n", "\r\n").encode(), b"", id="CRLF"),
    ],
)
def test_the_bytes_are_in_the_encoding_of_the_file(data: bytes, kept: bytes) -> None:
    result = migrate_bytes(data)
    assert result.error is None
    assert result.old == data
    assert result.new.startswith(kept)
    assert b"mindspore" in result.new
    assert result.new.count(b"\r\n") == (result.new.count(b"\n") if b"\r\n" in data else 0)


def test_a_result_that_the_encoding_lacks_is_an_error_before_anything_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stub(monkeypatch, lambda text, path: FileResult(path, text, text + "日"))
    result = migrate_bytes(b"# coding: latin-1\n" + TO_MIGRATE.encode())
    assert result.error is not None
    assert "latin-1" in result.error or "iso-8859-1" in result.error


def test_paths_come_sorted_with_the_silent_and_the_failed(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": TO_MIGRATE, "a/z.py": UNRELATED, "c.py": BROKEN})
    os.mkfifo(tmp_path / "bb.fifo")
    results = list(migrate_paths([str(tmp_path / "bb.fifo"), str(tmp_path)]))
    assert [Path(each.path).name for each in results] == ["z.py", "b.py", "bb.fifo", "c.py"]
    assert [each.error is None for each in results] == [True, True, False, False]
    assert results[0] == FileMigration(results[0].path)


def test_what_discovery_could_not_look_at_is_among_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.py": UNRELATED, "c.py": UNRELATED})
    found = discover([str(tmp_path)])
    problem = Problem(str(tmp_path / "b"), "cannot be read: give yourself permission")
    monkeypatch.setattr(pipeline, "discover", lambda *_, **__: Discovery(found.files, (problem,)))
    _, b, _ = migrate_paths([str(tmp_path)])
    assert (b.path, b.error) == (problem.display, problem.message)


def test_excluded_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": TO_MIGRATE, "vendor/z.py": TO_MIGRATE})
    results = list(migrate_paths([str(tmp_path)], exclude=["vendor/"]))
    assert [Path(each.path).name for each in results] == ["b.py"]


TREE = {f"p{i % 3}/m{i:02}.py": (TO_MIGRATE, BY_HAND, UNRELATED, BROKEN)[i % 4] for i in range(40)}


def test_workers_answer_the_same_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = tmp_path / "one", tmp_path / "three"
    answers = []
    for jobs, tree in zip((1, 3), trees, strict=True):
        write(tree, TREE)
        # Relative, so that workers must find themselves in the right folder.
        monkeypatch.chdir(tree)
        answers.append(list(migrate_paths(["."], write=True, jobs=jobs)))
    assert answers[0] == answers[1]
    assert len(answers[0]) == 40
    assert sum(each.changed for each in answers[0]) == 10
    for name in TREE:
        assert (trees[0] / name).read_bytes() == (trees[1] / name).read_bytes()


def die_on(culprit: str, path: str) -> FileMigration:
    if path == culprit:
        os._exit(1)
    return FileMigration(path)


def test_a_file_that_kills_its_worker_is_the_only_one_without_an_answer() -> None:
    files = [f"{i:03}" for i in range(40)]
    results = list(workers.in_processes(files, partial(die_on, "035"), pipeline._died, 2))
    assert [each.path for each in results] == files
    assert [each.path for each in results if each.error] == ["035"]


@pytest.mark.parametrize(
    ("asked", "files", "cores", "processes"),
    [
        pytest.param(1, 9999, 8, 1, id="one is one"),
        pytest.param(4, 9999, 8, 4, id="as asked"),
        pytest.param(4, 33, 8, 2, id="never more than there are chunks"),
        pytest.param(0, 9999, 8, 8, id="0 is every core"),
        pytest.param(0, 100, 8, 1, id="0 is one where a pool does not pay"),
    ],
)
def test_number_of_processes(
    monkeypatch: pytest.MonkeyPatch, asked: int, files: int, cores: int, processes: int
) -> None:
    monkeypatch.setattr(workers, "_cores", lambda: cores)
    assert workers.processes_for(asked, files) == processes


def test_one_job_needs_no_multiprocessing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": UNRELATED})
    code = (
        "import sys; from migrate.pipeline import migrate_paths\n"
        f"assert len(list(migrate_paths([{str(tmp_path)!r}]))) == 1\n"
        "sys.exit(bool({'multiprocessing', 'concurrent.futures'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_malformed_rules_are_refused_before_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "torch.x.toml").write_text("kind = 1\n")
    with pytest.raises(RuleError):
        migrate_paths([str(tmp_path)], rules_directory=tmp_path)
