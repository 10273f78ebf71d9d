"""Bad input of every kind in one tree: each has its message, and the rest is unharmed.

A folder without permission is in test_discover.py: that takes a process without root's rights.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = "import torch.nn as nn\n\ncriterion = nn.NLLLoss(size_average=False)\n"
MIGRATED = "import mindspore\n\ncriterion = mindspore.nn.NLLLoss(reduction='sum')\n"
ROOT = Path(__file__).parents[1]


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


FILLER = (b"x = 1  # " + b"filler " * 13 + b"\n") * (5 * 2**20 // 101)

#: What is read and migrated, with its bytes before and after.
FINE: dict[str, tuple[bytes, bytes]] = {
    "good.py": (GOOD.encode(), MIGRATED.encode()),
    "crlf.py": (crlf(GOOD), crlf(MIGRATED)),
    "bom.py": (b"\xef\xbb\xbf" + GOOD.encode(), b"\xef\xbb\xbf" + MIGRATED.encode()),
    "no_end.py": (GOOD.rstrip().encode(), MIGRATED.rstrip().encode()),
    "form_feed.py": (b"\x0c\n" + GOOD.encode(), b"\x0c\n" + MIGRATED.encode()),
    "latin.py": (
        b"# -*- coding: latin-1 -*-\n" + GOOD.encode() + b"# caf\xe9\n",
        b"# -*- coding: latin-1 -*-\n" + MIGRATED.encode() + b"# caf\xe9\n",
    ),
    "tabs.py": (
        b"import torch.nn as nn\n\ndef f():\n\treturn nn.NLLLoss()\n",
        b"import mindspore\n\ndef f():\n\treturn mindspore.nn.NLLLoss()\n",
    ),
    "big.py": (
        GOOD.encode() + FILLER,
        MIGRATED.encode() + FILLER,
    ),
}

#: What cannot be processed, with its bytes and a part of the message.
BAD: dict[str, tuple[bytes, str]] = {
    "python2.py": (GOOD.encode() + b"print criterion\n", "line 4: Python 2"),
    "null.py": (GOOD.encode() + b"\0", "null byte"),
    "undeclared.py": (b"# caf\xe9\n" + GOOD.encode(), "not valid utf-8"),
    "binary.py": (bytes(range(256)) + b" NLLLoss ", "null byte"),
    "nested.py": (GOOD.encode() + b"x = " + b"(" * 2000 + b")" * 2000, "too deeply nested"),
    "broken.py": (GOOD.encode() + b"def\n", "line 4: "),
}


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "migrate.cli", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, (data, _) in (FINE | BAD).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "empty.py").touch()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "around.py").symlink_to(tmp_path / "around.py")
    (tmp_path / "read_only.py").write_text(GOOD)
    (tmp_path / "read_only.py").chmod(0o444)
    return tmp_path


def test_each_has_its_message_and_the_rest_is_migrated(tree: Path) -> None:
    done = run("apply", "--format", "json", ".", "no/such/folder", cwd=tree)
    assert done.returncode == 2, done.stderr
    errors = {f["path"]: f["error"] for f in json.loads(done.stdout)["files"] if f["error"]}
    expected = {name: part for name, (_, part) in BAD.items()}
    expected["no/such/folder"] = "does not exist"
    expected["read_only.py"] = "read-only"
    assert errors.keys() == expected.keys()
    for name, part in expected.items():
        assert part in errors[name], (name, errors[name])
        assert ": " in errors[name], "says what to do"
    for name, (_, after) in FINE.items():
        assert (tree / name).read_bytes() == after, name
    for name, (before, _) in BAD.items():
        assert (tree / name).read_bytes() == before, name
    assert (tree / "read_only.py").read_text() == GOOD
    assert (tree / "empty.py").read_bytes() == b""
    assert (tree / "loop").is_symlink()
    assert not list(tree.glob("*.tmp*")) + list(tree.glob(".*tmp*"))


def test_a_second_run_changes_nothing(tree: Path) -> None:
    run("apply", ".", cwd=tree)
    before = {path: path.read_bytes() for path in tree.glob("*.py") if path.is_file()}
    done = run("apply", ".", cwd=tree)
    assert done.returncode == 2
    assert before == {path: path.read_bytes() for path in tree.glob("*.py") if path.is_file()}
