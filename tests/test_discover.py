"""Which files a run looks at: named, walked, ignored, linked, forbidden."""

from __future__ import annotations

import errno
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from migrate.discover import Discovery, Problem, discover
from migrate.errors import SourceError, UsageError, WriteError
from migrate.source import read, write_atomically


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, of which no folder above is a repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plant(*files: str) -> None:
    for name in files:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def ignore(folder: str, *lines: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / ".gitignore").write_text("\n".join(lines))


def names(*paths: str | Path, exclude: Sequence[str] = ()) -> list[str]:
    found = discover(paths, exclude=exclude)
    assert not found.problems
    return [file.display for file in found.files]


# --------------------------------------------------------------------------- names and suffixes


def test_a_folder_gives_python_files_sorted_and_no_stubs(tree: Path) -> None:
    plant("b.py", "a.pyw", "a/z.py", "a/a.py", "a-b.py", "n.pyi", "n.txt", "n.ipynb", "py", "B.PY")
    assert names(".") == ["a-b.py", "a.pyw", "a/a.py", "a/z.py", "b.py"]


def test_more_suffixes_can_be_asked_for(tree: Path) -> None:
    plant("a.py", "b.ipynb", "c.txt")
    found = discover(["."], suffixes=(".py", ".ipynb"))
    assert [file.display for file in found.files] == ["a.py", "b.ipynb"]


def test_a_named_file_is_taken_whatever_it_is(tree: Path) -> None:
    plant("a.txt", "stub.pyi", "no_suffix", "build/x.py", "real.py", "skip.py")
    ignore(".", "*")
    Path("link.py").symlink_to("real.py")
    named = ["a.txt", "build/x.py", "link.py", "no_suffix", "skip.py", "stub.pyi"]
    assert names(*named, exclude=["*"]) == named


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param(".", "pkg/a.py", id="the current folder"),
        pytest.param("./pkg/", "pkg/a.py", id="a leading dot and a slash at the end"),
        pytest.param("pkg//a.py", "pkg/a.py", id="a doubled slash"),
        pytest.param("pkg/../pkg", "pkg/../pkg/a.py", id="dots that a link could bend stay"),
        pytest.param("./pkg/./a.py", "pkg/a.py", id="dots inside"),
    ],
)
def test_display_is_the_path_as_the_user_would_name_it(
    tree: Path, named: str, expected: str
) -> None:
    plant("pkg/a.py")
    (found,) = discover([named]).files
    assert found.display == expected
    assert found.path.samefile("pkg/a.py")


def test_an_absolute_path_stays_absolute(tree: Path) -> None:
    plant("pkg/a.py")
    assert names(tree / "pkg") == [f"{tree.as_posix()}/pkg/a.py"]


def test_a_file_reached_twice_is_taken_once_under_the_same_name_in_any_order(tree: Path) -> None:
    plant("pkg/a.py", "pkg/b.py")
    Path("other").symlink_to("pkg")
    Path("link.py").symlink_to("pkg/b.py")
    paths = [".", "pkg", "./pkg", "pkg/a.py", tree / "pkg", "other", "link.py"]
    expected = names(*paths)
    assert len(expected) == 2
    for seed in range(10):
        random.Random(seed).shuffle(paths)
        assert names(*paths) == expected


def test_a_file_named_twice_goes_by_the_same_name_in_any_order(tree: Path) -> None:
    plant("b.py")
    Path("a.py").symlink_to("b.py")
    assert names("a.py", "b.py") == names("b.py", "a.py") == ["a.py"]


def test_a_path_that_does_not_exist_is_named_and_the_rest_is_taken(tree: Path) -> None:
    plant("a.py", "b.py")
    Path("broken").symlink_to("nowhere")
    for missing in ("no/such/folder", "a.py/b", "broken", ""):
        found = discover(["b.py", missing])
        assert [file.display for file in found.files] == ["b.py"]
        (problem,) = found.problems
        assert problem.display == (missing or "''")
        assert problem.message.startswith("does not exist: ")


def test_a_file_name_that_is_no_text_is_found_and_read(tree: Path) -> None:
    Path(os.fsdecode(b"\xff.py")).write_bytes(b"x")
    (found,) = discover(["."]).files
    assert read(found.path) == b"x"


def test_an_empty_folder_and_no_path_give_nothing(tree: Path) -> None:
    assert names(".") == []
    assert names() == []


def test_the_result_travels_to_a_worker_process(tree: Path) -> None:
    plant("a.py")
    found = discover(["."])
    assert pickle.loads(pickle.dumps(found)) == found


# ------------------------------------------------------------------------------- usual folders


@pytest.mark.parametrize(
    "folder",
    [
        *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", "node_modules", "build", "dist"),
        *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "torch.egg-info"),
    ],
)
def test_a_usual_folder_is_skipped_in_a_walk_and_walked_when_named(tree: Path, folder: str) -> None:
    plant(f"pkg/{folder}/sub/a.py", "pkg/b.py")
    assert names(".") == ["pkg/b.py"]
    assert names(f"pkg/{folder}") == [f"pkg/{folder}/sub/a.py"]


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_an_environment_is_known_by_what_it_holds(tree: Path, mark: str) -> None:
    plant(f"any/{mark}", "any/lib/site-packages/torch/a.py", "venv/a.py", "env/a.py")
    assert names(".") == ["env/a.py", "venv/a.py"]
    assert names("any") == ["any/lib/site-packages/torch/a.py"]
    assert names("any/lib/site-packages/torch") == ["any/lib/site-packages/torch/a.py"]


def test_files_called_like_usual_folders_and_folders_called_like_files(tree: Path) -> None:
    plant("builder/a.py", "x.py/b.py", "my-build/c.py")
    Path("dist").write_text("")
    assert names(".") == ["builder/a.py", "my-build/c.py", "x.py/b.py"]


# ------------------------------------------------------------------------------------ excluding


def test_exclude_is_relative_to_each_named_folder(tree: Path) -> None:
    plant("a/tests/x.py", "a/b.py", "a/deep/tests/x.py", "b/tests/x.py")
    assert names("a", "b", exclude=["/tests/"]) == ["a/b.py", "a/deep/tests/x.py"]


def test_the_last_exclude_that_matches_wins(tree: Path) -> None:
    plant("a_pb2.py", "b_pb2.py", "c.py")
    assert names(".", exclude=["*_pb2.py", "!b_pb2.py"]) == ["b_pb2.py", "c.py"]


def test_exclude_can_bring_back_what_all_others_leave_out(tree: Path) -> None:
    plant("build/a.py", "env/pyvenv.cfg", "env/b.py", "gen/c.py", "dist/d.py")
    ignore(".", "gen/")
    assert names(".", exclude=["!build/", "!env/", "!gen/"]) == [
        "build/a.py",
        "env/b.py",
        "gen/c.py",
    ]


@pytest.mark.parametrize("pattern", ["!", "a\\", "[b-a]"])
def test_an_exclude_that_is_no_pattern_is_an_error(tree: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="is no pattern") as caught:
        discover(["."], exclude=["ok", pattern])
    assert repr(pattern) in caught.value.message


@pytest.mark.parametrize("pattern", ["", "#a", "/", "  ", "[a"])
def test_an_exclude_that_says_nothing_is_an_error(tree: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="matches nothing"):
        discover(["."], exclude=[pattern])


# ----------------------------------------------------------------------------------- .gitignore


def test_gitignore_holds_without_a_repository_and_below(tree: Path) -> None:
    plant("a.py", "gen/b.py", "sub/gen/c.py", "sub/d.py")
    ignore("sub", "gen/")
    assert names(".") == ["a.py", "gen/b.py", "sub/d.py"]


def test_gitignore_above_the_named_folder_holds_up_to_the_repository(tree: Path) -> None:
    plant("repo/src/pkg/a.py", "repo/src/pkg/gen_b.py", "repo/src/pkg/c.py")
    Path("repo/.git").mkdir()
    ignore(".", "a.py")
    ignore("repo", "gen_*.py", "/src/pkg/c.py")
    assert names("repo/src/pkg") == ["repo/src/pkg/a.py"]
    ignore("repo/src", "a.py", "!gen_b.py")
    assert names("repo/src/pkg") == ["repo/src/pkg/gen_b.py"]


def test_gitignore_above_is_not_asked_outside_a_repository(tree: Path) -> None:
    plant("sub/a.py")
    ignore(".", "a.py")
    assert names("sub") == ["sub/a.py"]


def test_a_named_folder_that_is_ignored_is_walked_by_its_own_rules(tree: Path) -> None:
    plant("out/gen/a.py", "out/gen/b.py", "out/c.py")
    Path(".git").mkdir()
    ignore(".", "out/", "a.py")
    ignore("out/gen", "b.py")
    assert names(".") == []
    assert names("out") == ["out/c.py", "out/gen/a.py"]
    assert names("out/gen") == ["out/gen/a.py"]


@pytest.mark.parametrize("is_file", [False, True], ids=["repository", "worktree"])
def test_a_repository_within_keeps_its_own_rules(tree: Path, is_file: bool) -> None:
    plant("sub/a.py", "sub/b.py")
    ignore(".", "a.py")
    ignore("sub", "b.py")
    git = Path("sub/.git")
    git.write_text("gitdir: elsewhere") if is_file else git.mkdir()
    assert names(".") == ["sub/a.py"]
    assert names("sub") == ["sub/a.py"]


def test_gitignore_with_a_mark_crlf_and_lines_git_passes_over(tree: Path) -> None:
    plant("a.py", "b.py", "c.py", "[d.py")
    Path(".gitignore").write_bytes(b"\xef\xbb\xbfa.py\r\n\r\n# c.py\r\n[d\r\n\xff\r\nb.py")
    assert names(".") == ["[d.py", "c.py"]


def test_a_gitignore_that_is_no_file_is_passed_over(tree: Path) -> None:
    plant("a.py", "link/b.py", "fifo/c.py", "folder/.gitignore/d.py")
    Path("rules").write_text("*")
    Path("link/.gitignore").symlink_to("../rules")
    os.mkfifo("fifo/.gitignore")
    os.mkfifo(".gitignore")
    Path(".git").mkdir()
    assert names(".") == ["a.py", "fifo/c.py", "folder/.gitignore/d.py", "link/b.py"]
    assert names("folder") == ["folder/.gitignore/d.py"]


_PATTERNS = [
    *("*", "*/", "*.py", "!*.py", "!*/", "a", "b", "a/", "!a/", "/a", "!/a", "a/b", "a/*", "!a/b"),
    *("**/b", "a/**", "!b/", "!a", "b.py", "!b.py", "/b.py", "a/b.py", "!a/b.py", "**/b/", "/*"),
    *("/*/", "!/a/", "**", "a*", "[ab]", "[!a]", "?", "!b", "/a/*", "!/a/b", "\\a", "a/**/b.py"),
    *("[a", "# x", "", "!", "/", "**/", "!**/", "***", "a**", "**a", "b/*.py", "a b", "a ", "a\\ "),
    *("[]a]", "[^b]", "a\\", "\\*", "a[/]b", "/**/a", "**/a/**", "!a/**"),
    *("a//b", "//", "b\\.py", "[\\a]", "\\!a", "a/**b", "\\#"),
    *("*/b", "*/*", "*/b/", "*/*/*", "?*/b", "[a-b].py", "[--b]", "[!-a]"),
    *("[[:alpha:]b", "[a-[:alpha:]]", "[^]b]", "[]-a]"),
]


@pytest.fixture
def listed_by_git(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A repository full of files called a and b, and what git says is not ignored there."""
    if shutil.which("git") is None:
        pytest.skip("git is the judge here")
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CEILING_DIRECTORIES"):
        monkeypatch.delenv(variable, raising=False)
    for folder in _FOLDERS:
        plant(f"{folder}/a.py", f"{folder}/b.py", f"{folder}/a b.py", f"{folder}/[a.py")
    subprocess.run(["git", "init", "-q"], check=True)

    def listed() -> list[str]:
        settings = ["-c", "core.excludesFile=", "-c", "core.ignoreCase=false"]
        command = ["git", *settings, "ls-files", "-zo", "--exclude-standard", "--", "*.py"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return sorted(output.split("\0")[:-1])

    return listed


_FOLDERS = [".", "a", "b", "a/a", "a/b", "b/a", "b/b", "a/b/a", "a ", "!a", "*"]


def test_each_pattern_means_what_it_means_to_git(listed_by_git: Callable[[], list[str]]) -> None:
    for pattern in _PATTERNS:
        ignore(".", *(["*.py"] if pattern.startswith("!") else []), pattern)
        assert names(".") == listed_by_git(), pattern


@pytest.mark.parametrize("seed", range(40))
def test_patterns_together_mean_what_they_mean_to_git(
    listed_by_git: Callable[[], list[str]], seed: int
) -> None:
    choose = random.Random(seed)
    for folder in [".", *choose.sample(_FOLDERS[1:], 3)]:
        ignore(folder, *choose.choices(_PATTERNS, k=choose.randint(1, 5)))
    assert names(".") == listed_by_git()


# --------------------------------------------------------------------- links and special files


def test_links_inside_a_walk_are_not_followed(tree: Path) -> None:
    plant("pkg/a.py", "outside/b.py")
    Path("pkg/loop").symlink_to(".")
    Path("pkg/up").symlink_to("..")
    Path("pkg/away").symlink_to("../outside")
    Path("pkg/away.py").symlink_to("../outside/b.py")
    Path("pkg/within.py").symlink_to("a.py")
    Path("pkg/broken.py").symlink_to("nowhere")
    Path("pkg/self.py").symlink_to("self.py")
    assert names("pkg") == ["pkg/a.py"]


def test_a_named_link_is_followed(tree: Path) -> None:
    plant("pkg/a.py")
    Path("link").symlink_to("pkg")
    assert names("link") == ["link/a.py"]


def test_a_fifo_is_skipped_in_a_walk_and_refused_by_reading_when_named(tree: Path) -> None:
    os.mkfifo("a.py")
    assert names(".") == []
    (found,) = discover(["a.py"]).files
    with pytest.raises(SourceError, match="not a regular file"):
        read(found.path)


# ----------------------------------------------------------------------------------- forbidden


def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_rest_goes_on(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("a/x.py", "b/y.py", "c/z.py")
    listing = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path).name in ("b", "named"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    Path("named").mkdir()
    found = discover([".", "named"])
    assert [file.display for file in found.files] == ["a/x.py", "c/z.py"]
    assert [problem.display for problem in found.problems] == ["b", "named"]
    assert "Permission denied: give yourself permission" in found.problems[0].message


def test_a_named_link_to_itself_is_a_problem(tree: Path) -> None:
    plant("a.py")
    Path("loop.py").symlink_to("loop.py")
    found = discover(["loop.py", "a.py"])
    assert [file.display for file in found.files] == ["a.py"]
    assert found.problems[0].display == "loop.py"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        path.chmod(0o700)
    shutil.rmtree(folder)


def unprivileged(function: Callable[[], object]) -> object:
    """Return what `function` returns or raises for a user whom permissions bind."""
    if os.geteuid() != 0:
        try:
            return function()
        except Exception as error:  # noqa: BLE001
            return error
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                result = function()
            except Exception as error:  # noqa: BLE001
                result = error
            os.write(sending, pickle.dumps(result))
        finally:
            os._exit(0)
    os.close(sending)
    with open(receiving, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def test_permissions_for_an_unprivileged_user_when_walking(shared: Path) -> None:
    for name in ("open/a.py", "shut/b.py", "shut/sub/c.py", "unread/d.py"):
        (shared / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / name).write_text("")
    (shared / "unread" / ".gitignore").write_text("d.py")
    (shared / "unread" / ".gitignore").chmod(0)
    (shared / "shut").chmod(0)
    found = unprivileged(lambda: discover([shared, shared / "shut" / "sub"]))
    assert isinstance(found, Discovery)
    assert [file.path.name for file in found.files] == ["a.py", "d.py"]
    remedy = "cannot be read: Permission denied: give yourself permission, or exclude it"
    assert found.problems == (
        Problem(f"{shared}/shut", remedy),
        Problem(f"{shared}/shut/sub", remedy),
        Problem(f"{shared}/unread/.gitignore", remedy),
    )


def test_permissions_for_an_unprivileged_user_when_reading_and_writing(shared: Path) -> None:
    file = shared / "locked" / "a.py"
    file.parent.mkdir()
    file.write_bytes(b"old")
    file.chmod(0o666)
    file.parent.chmod(0o555)
    error = unprivileged(lambda: write_atomically(file, b"new"))
    assert isinstance(error, WriteError)
    assert "Permission denied" in error.message
    assert "allow writing to the folder" in error.remedy

    file.parent.chmod(0o777)
    file.chmod(0)
    error = unprivileged(lambda: read(file))
    assert isinstance(error, SourceError)
    assert "Permission denied" in error.message
    assert file.stat().st_size == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of somebody else")
def test_a_file_of_somebody_else_is_not_replaced_in_a_folder_open_to_all(shared: Path) -> None:
    file = shared / "a.py"
    file.write_bytes(b"old")
    file.chmod(0o644)
    error = unprivileged(lambda: write_atomically(file, b"new"))
    assert isinstance(error, WriteError)
    assert "read-only" in error.message
    assert file.read_bytes() == b"old"
    assert [path.name for path in shared.iterdir()] == ["a.py"]


# --------------------------------------------------------------------------------- start and cost


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; import migrate.source, migrate.discover, migrate.prefilter; "
        "heavy = {'libcst', 'numpy', 'pathspec', 'rich', 'click', 'tempfile'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_folder_of_many_files_takes_no_more_than_a_few_listings(tree: Path) -> None:
    for number in range(3000):
        Path(f"{number}.py").touch()
    started = time.perf_counter()
    assert len(discover(["."]).files) == 3000
    elapsed = time.perf_counter() - started
    started = time.perf_counter()
    with os.scandir(".") as entries:
        sum(entry.is_file() for entry in entries)
    # Measured: four to six times. One stat a file would be far more than thirty.
    assert elapsed < 30 * (time.perf_counter() - started) + 0.01
