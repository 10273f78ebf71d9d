"""The hooks under the real pre-commit: the first run modifies and fails, the second passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="comes with pre-commit")
pytest.importorskip("pre_commit", reason="comes with the extra `test`")

ROOT = Path(__file__).parents[1]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

TO_MIGRATE = "import torch.nn as nn\n\ncriterion = nn.CrossEntropyLoss()\n"
BY_HAND = "import torch.nn as nn\n\ncriterion = nn.NLLLoss(*arguments)\n"


class Repository:
    """A user's repository, in which pre-commit runs with a configuration."""

    def __init__(self, folder: Path, repo: dict[str, Any]) -> None:
        self.folder = folder
        # Nothing of the developer's own configuration, signing or templates.
        self.environment = os.environ | {
            "PRE_COMMIT_HOME": str(folder.parent / "pre-commit"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": "",
        }
        folder.mkdir()
        self.git("init", "-q")
        (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
        self.git("add", "-A")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, env=self.environment, check=True
        )

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text)
        self.git("add", name)
        return file

    def run(self, hook: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", hook, "--all-files", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The hooks as they are published, but running from this checkout instead of a build."""
    command = tmp_path / "bin" / "torch2mindspore"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m migrate.cli "$@"\n'
    )
    command.chmod(0o755)
    hooks = [hook | {"language": "system"} for hook in HOOKS]
    repository = Repository(tmp_path / "user", {"repo": "local", "hooks": hooks})
    repository.environment["PATH"] = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return repository


def assert_modifies_then_passes(repository: Repository) -> None:
    file = repository.write("train.py", TO_MIGRATE)
    repository.write("notes.txt", TO_MIGRATE)

    check = repository.run("torch2mindspore-check")
    assert check.returncode == 1, check
    assert "train.py:3:13 nn.CrossEntropyLoss: " in check.stdout
    assert file.read_text() == TO_MIGRATE

    first = repository.run("torch2mindspore")
    assert first.returncode == 1, first
    assert "files were modified by this hook" in first.stdout
    migrated = file.read_text()
    assert "mindspore" in migrated

    second = repository.run("torch2mindspore")
    assert second.returncode == 0, second
    assert file.read_text() == migrated
    assert repository.run("torch2mindspore-check").returncode == 0
    assert (repository.folder / "notes.txt").read_text() == TO_MIGRATE


def test_first_run_modifies_and_fails_and_the_second_passes(repository: Repository) -> None:
    assert_modifies_then_passes(repository)


def test_what_is_left_to_a_person_fails_with_its_reason(
    repository: Repository,
) -> None:
    file = repository.write("train.py", BY_HAND)
    failed = repository.run("torch2mindspore")
    assert failed.returncode == 1
    assert "files were modified" not in failed.stdout
    assert "train.py:3:13 nn.NLLLoss: " in failed.stdout
    assert file.read_text() == BY_HAND


def test_both_hooks_are_published_without_a_pool_of_their_own() -> None:
    assert [hook["id"] for hook in HOOKS] == ["torch2mindspore", "torch2mindspore-check"]
    assert all("--jobs 1" in hook["entry"] and "require_serial" not in hook for hook in HOOKS)


@pytest.mark.skipif(
    "TORCH2MINDSPORE_SLOW" not in os.environ, reason="builds and installs; set TORCH2MINDSPORE_SLOW"
)
def test_the_hook_that_pre_commit_builds_from_the_repository(tmp_path: Path) -> None:
    published = Repository(tmp_path / "published", {"repo": "local", "hooks": []})
    for name in ("migrate", "rules"):
        shutil.copytree(ROOT / name, published.folder / name)
    for name in (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, published.folder)
    published.git("add", "-A")
    published.git("commit", "-qm", "published", "--no-verify")
    published.git("tag", "v0")
    repo = {"repo": str(published.folder), "rev": "v0", "hooks": [{"id": h["id"]} for h in HOOKS]}
    assert_modifies_then_passes(Repository(tmp_path / "user", repo))
