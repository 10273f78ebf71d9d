"""`scripts/corpus` passes on a sound tool, and fails for every way in which one can be unsound."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = [sys.executable, "-P", "-m", "migrate.cli"]

SOUND = {
    "train.py": (
        "import torch.nn as nn\n"
        "from torch.nn.functional import nll_loss as loss\n\n\n"
        "criterion = nn.CrossEntropyLoss()\n"
        "kinds = [nn.NLLLoss]\n"
        "value = loss(x, y)\n"
    ),
    "shadowed.py": "from torch.nn import functional as F\n\n\ndef f(F):\n    F.nll_loss(1, 2)\n",
    "latin.py": "# -*- coding: latin-1 -*-\r\nfrom torch.nn import *\r\ns = 'é'; c = NLLLoss()\r\n",
    "plain.py": "print('nothing of torch')\n",
    "old.py": "from torch.nn import NLLLoss\nprint NLLLoss\n",
}

#: A tool that does as ours does, but for one thing.
WRAPPER = """
import json, os, subprocess, sys
from pathlib import Path
verb = sys.argv[1]
done = subprocess.run({tool!r} + sys.argv[1:], capture_output=True)
out, status = done.stdout, done.returncode
def site(report, name):
    return next((f, s) for f in report["files"] for s in f["findings"] if name in s["before"])
def edited(change):
    report = json.loads(out)
    change(report)
    return json.dumps(report).encode()
{break_}
sys.stdout.buffer.write(out)
sys.exit(status)
"""


def make(folder: Path) -> Path:
    for name, text in SOUND.items():
        (folder / name).write_bytes(text.encode("latin-1"))
    return folder


def corpus(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "corpus"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return make(folder)


def test_sound_tool_passes_and_the_tree_is_as_it_was(tree: Path, tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    marks = "<!-- table: written by scripts/corpus -->", "<!-- end of table -->"
    document.write_text(f"above\n{marks[0]}\nold\n{marks[1]}\nbelow\n")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tree.iterdir()}

    done = corpus(str(tree), "--command", shlex.join(TOOL), "--markdown", str(document))

    assert done.returncode == 0, done.stderr
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tree.iterdir()} == before
    cells = done.stdout.splitlines()[2].strip("| ").split(" | ")
    # Files, lines, covered; sites: two constructors, one function, one reference, and the call
    # on a parameter, which is a note; the import in old.py does not parse.
    assert cells[:14] == [
        *("tree", "5", "18", "4", "5", "2", "1", "1", "1"),
        *("3", "1: reference 1", "1", "1", cells[13]),
    ]
    text = document.read_text()
    assert text.startswith(f"above\n{marks[0]}\n\n| tree |")
    assert text.endswith(f"|\n\n{marks[1]}\nbelow\n")
    assert "old" not in text


BROKEN = [
    pytest.param(
        """
if verb == "check":
    sys.stderr.write("Traceback (most recent call last):")
    def change(report):
        file, reference = site(report, "nn.NLLLoss")
        file["findings"].remove(reference)
        site(report, "loss(x")[1].update(column=3)
        site(report, "nn.CrossEntropyLoss()")[1].update(evidence=None)
        next(f for f in report["files"] if f["error"]).update(error=None)
        report["summary"].update(files=4)
    out = edited(change)
    status ^= 1
""",
        [
            "train.py:6:9: torch.nn.NLLLoss is missing in the report",
            "train.py:7:3: rewritten, and nothing here says it is torch's",
            "train.py:5:12: rewritten without evidence",
            "old.py: does not parse, and no error is reported",
            "4 files were looked at, of 5",
            "check: exit status",
            "check: a traceback",
            "apply: reports other than check",
        ],
        id="a report that is wrong",
    ),
    pytest.param(
        """
if verb == "apply":
    os.utime("plain.py", (1, 1))
    os.chmod("train.py", 0o600)
    text = Path("train.py").read_text().replace("mindspore.ops.nll_loss", "loss")
    Path("train.py").write_text(text + "from torch.nn.functional import nll_loss as loss\\n")
    Path("latin.py").write_text("def")
""",
        [
            "plain.py: touched, and not reported as changed",
            "train.py: its mode changed",
            "train.py: 2 uses of torch's after apply, and not 1",
            "latin.py: does not parse after apply",
            "a second run touches files",
            "diff: not empty after apply",
        ],
        id="files that are written wrongly",
    ),
    pytest.param(
        """
if verb == "check":
    Path("plain.py").write_text("")
if verb == "diff":
    out = out.replace(b"+import mindspore", b"+import  mindspore")
""",
        [
            "check: wrote into the tree",
            "train.py: diff with git apply gives other bytes than apply",
        ],
        id="a check that writes, and a diff that is not what apply writes",
    ),
    pytest.param(
        """
if verb == "diff":
    out = out.replace(b" import torch", b" imp torch").replace(b"-import torch", b"-imp torch")
""",
        ["git apply: error:"],
        id="a diff that git does not take",
    ),
]


@pytest.mark.parametrize(("break_", "complaints"), BROKEN)
def test_unsound_tool_fails(tree: Path, tmp_path: Path, break_: str, complaints: list[str]) -> None:
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(WRAPPER.format(tool=TOOL, break_=break_))
    done = corpus(str(tree), "--command", shlex.join([sys.executable, str(wrapper)]))
    assert done.returncode == 1, done.stdout + done.stderr
    missing = [complaint for complaint in complaints if complaint not in done.stderr]
    assert not missing, done.stderr


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import torch as t\nt.nn.NLLLoss()", [(2, 0)], id="module under another name"),
        pytest.param("def f():\n import torch.nn as n\n n.NLLLoss", [(3, 1)], id="in a function"),
        pytest.param("from torch import nn\nF = nn.functional\nF.nll_loss", [(3, 0)], id="alias"),
        pytest.param("from torch.nn import *\nNLLLoss()", [(2, 0)], id="star import"),
        pytest.param("import torch\nx = 'é', torch.nn.NLLLoss", [(2, 9)], id="behind an umlaut"),
        pytest.param("import torch\nf'{torch.nn.NLLLoss}'", [(2, 0)], id="in an f-string"),
        pytest.param("import torch\n(torch.nn.NLLLoss)()", [(2, 0)], id="parenthesised"),
        pytest.param(
            "from torch import nn\n@d(nn.NLLLoss)\ndef f(nn=nn.NLLLoss): nn.NLLLoss",
            [(2, 3), (3, 9)],
            id="decorator and default, but not the parameter",
        ),
        pytest.param(
            "class C:\n from torch.nn import NLLLoss as L\n a = L\n def f(self): L",
            [(3, 5)],
            id="class body, but not its methods",
        ),
        pytest.param("from .nn import NLLLoss\nNLLLoss", [(2, 0)], id="relative, within torch"),
        pytest.param("from ..nn import NLLLoss\nNLLLoss", [], id="relative, out of the package"),
        pytest.param("from mine import NLLLoss\nNLLLoss()", [], id="not somebody else's"),
        pytest.param("from mindspore import nn\nnn.NLLLoss()", [], id="not another framework's"),
        pytest.param("import torch\ntorch.ops.aten.nll_loss()", [], id="not another path"),
    ],
)
def test_independent_reading(source: str, expected: list[tuple[int, int]]) -> None:
    program = (
        "import sys, json; from torch_uses import Reading\n"
        "found = Reading(sys.stdin.buffer.read(), 'torch').uses()\n"
        "print(json.dumps(sorted((u.line, u.column) for u in found)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "scripts",
        input=source.encode(),
        capture_output=True,
        check=True,
    )
    assert [tuple(place) for place in json.loads(done.stdout)] == expected
