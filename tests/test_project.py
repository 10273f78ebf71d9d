"""Names across the files of a project: each case beside the one that looks the same and is not."""

from __future__ import annotations

import ast
import itertools
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from migrate.codemod import MigrateTorchLosses
from migrate.pipeline import migrate_file, migrate_paths
from migrate.project import Project
from migrate.reach import imported, statement
from migrate.resolve import Names
from migrate.ruleset import default_rules
from migrate.source import LineIndex
from migrate.survey import scan, survey

INIT = {"p/__init__.py": ""}
TORCH_NN = "import torch.nn as nn\n"
SUM = "mindspore.nn.CrossEntropyLoss(None, reduction='sum')"


@dataclass(frozen=True)
class Case:
    """The files of a project; what `p/b.py` becomes, or the codes that it is handed over with."""

    files: dict[str, str]
    after: str | None = None
    codes: tuple[str, ...] = ()


def use(imports: str, call: str) -> str:
    return f"{imports}\n\ndef f():\n    return {call}\n"


CASES = {
    "a module that hands nn on": Case(
        {**INIT, "p/a.py": TORCH_NN, "p/b.py": use("from .a import nn\n", "nn.NLLLoss()")},
        use("import mindspore\n\nfrom .a import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "a module that hands another framework's nn on": Case(
        {
            **INIT,
            "p/a.py": "import mindspore.nn as nn\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
    ),
    "an absolute import": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import NLLLoss\n",
            "p/b.py": use("from p.a import NLLLoss\n", "NLLLoss()"),
        },
        use("import mindspore\n\nfrom p.a import NLLLoss\n", "mindspore.nn.NLLLoss()"),
    ),
    "an absolute import of the user's own class": Case(
        {
            **INIT,
            "p/a.py": "class NLLLoss:\n    pass\n",
            "p/b.py": use("from p.a import NLLLoss\n", "NLLLoss()"),
        },
    ),
    "another name, that the byte scan does not know": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import CrossEntropyLoss as CE\n",
            "p/b.py": use("from .a import CE\n", "CE(None, False)"),
        },
        use("import mindspore\n\nfrom .a import CE\n", SUM),
    ),
    "that other name, of the user's own": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import CrossEntropyLoss as C\nclass CE(C):\n    pass\n",
            "p/b.py": use("from .a import CE\n", "CE(None, False)"),
        },
    ),
    "another name over two modules, given again": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import CrossEntropyLoss as CE\n",
            "p/c.py": "from .a import CE as Loss\n",
            "p/b.py": use("from .c import Loss as L\n", "L()"),
        },
        use(
            "import mindspore\n\nfrom .c import Loss as L\n",
            "mindspore.nn.CrossEntropyLoss()",
        ),
    ),
    "an attribute of a module": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import CrossEntropyLoss as CE\n",
            "p/b.py": use("import p.a as L\n", "L.CE()"),
        },
        use("import mindspore\n\nimport p.a as L\n", "mindspore.nn.CrossEntropyLoss()"),
    ),
    "an attribute of a module that lacks it": Case(
        {**INIT, "p/a.py": "", "p/b.py": use("import p.a as L\n", "L.NLLLoss()")},
    ),
    "through the package's __init__": Case(
        {
            "p/__init__.py": "from .a import CE\n",
            "p/a.py": "from torch.nn import CrossEntropyLoss as CE\n",
            "p/b.py": use("import p\n", "p.CE(None, False)"),
        },
        use("import mindspore\n\nimport p\n", SUM),
    ),
    "a star import": Case(
        {**INIT, "p/a.py": TORCH_NN, "p/b.py": use("from .a import *\n", "nn.NLLLoss()")},
        use("import mindspore\n\nfrom .a import *\n", "mindspore.nn.NLLLoss()"),
    ),
    "a star import of another name": Case(
        {
            "p/__init__.py": "from .a import *\n",
            "p/a.py": "from torch.nn import CrossEntropyLoss as CE\n",
            "p/b.py": use("from . import *\n", "CE(None, False)"),
        },
        use("import mindspore\n\nfrom . import *\n", SUM),
    ),
    "a star import that __all__ keeps it from": Case(
        {
            **INIT,
            "p/a.py": "__all__ = ['x']\nfrom torch.nn import NLLLoss\nx = 1\n",
            "p/b.py": use("from .a import *\n", "NLLLoss()"),
        },
    ),
    "a star import of an underscored name": Case(
        {
            **INIT,
            "p/a.py": "import torch.nn as _nn\n",
            "p/b.py": use("from .a import *\n", "_nn.NLLLoss()"),
        },
    ),
    "a star import of the user's own class": Case(
        {
            **INIT,
            "p/a.py": "class NLLLoss:\n    pass\n",
            "p/b.py": use("from .a import *\n", "NLLLoss()"),
        },
    ),
    "a star import below torch's that brings the same": Case(
        {
            **INIT,
            "p/a.py": TORCH_NN,
            "p/b.py": use("from torch import nn\nfrom .a import *\n", "nn.NLLLoss()"),
        },
        use("import mindspore\nfrom .a import *\n", "mindspore.nn.NLLLoss()"),
    ),
    "a star import below torch's that brings another": Case(
        {
            **INIT,
            "p/a.py": "import mindspore.nn as nn\n",
            "p/b.py": use("from torch import nn\nfrom .a import *\n", "nn.NLLLoss()"),
        },
        codes=("ambiguous-name",),
    ),
    "a star import of what cannot be told": Case(
        {
            **INIT,
            "p/a.py": "__all__ = list(globals())\nfrom torch.nn import NLLLoss\n",
            "p/b.py": use("from .a import *\n", "NLLLoss()"),
        },
        codes=("star-import",),
    ),
    "modules that import each other": Case(
        {
            **INIT,
            "p/a.py": "from .b import *\nfrom .c import *\nimport torch.nn as nn\n",
            "p/c.py": "from .a import *\nfrom .b import *\n",
            "p/b.py": use("from .a import *\nfrom .c import *\n", "nn.NLLLoss()"),
        },
        use("import mindspore\n\nfrom .a import *\nfrom .c import *\n", "mindspore.nn.NLLLoss()"),
    ),
    "modules that import each other, each asked about": Case(
        {
            **INIT,
            "p/a.py": "import torch.nn as nn\nfrom .c import *\n",
            "p/c.py": "from .a import *\n",
            "p/b.py": use(
                "from .a import nn as n\nfrom .c import nn\n", "n.NLLLoss(), nn.NLLLoss()"
            ),
        },
        use(
            "import mindspore\n\nfrom .a import nn as n\nfrom .c import nn\n",
            "mindspore.nn.NLLLoss(), mindspore.nn.NLLLoss()",
        ),
    ),
    "modules that have a name from each other only": Case(
        {
            **INIT,
            "p/a.py": "from .c import nn\n",
            "p/c.py": "from .a import nn\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
        codes=("unknown-name",),
    ),
    "modules that make a name from each other": Case(
        {
            **INIT,
            "p/a.py": "from . import c\nnn = c.nn.nn\n",
            "p/c.py": "from . import a\nnn = a.nn.nn\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
        codes=("unknown-name",),
    ),
    "a name that is None where torch is missing": Case(
        {
            **INIT,
            "p/a.py": "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
        use("import mindspore\n\nfrom .a import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "a name with two meanings": Case(
        {
            **INIT,
            "p/a.py": "from torch import nn\nif x:\n    from mlx import nn\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
        codes=("ambiguous-name",),
    ),
    "a class with two meanings": Case(
        {
            **INIT,
            "p/a.py": (
                "from torch.nn import NLLLoss\nif x:\n    class NLLLoss(NLLLoss):\n        pass\n"
            ),
            "p/b.py": use("from .a import NLLLoss\n", "NLLLoss()"),
        },
        codes=("ambiguous-name",),
    ),
    "a name that is assigned": Case(
        {
            **INIT,
            "p/a.py": TORCH_NN + "Loss = nn.NLLLoss\n",
            "p/b.py": use("from .a import Loss\n", "Loss()"),
        },
        codes=("assigned-alias",),
    ),
    "a module that is assigned": Case(
        {
            **INIT,
            "p/a.py": TORCH_NN + "F = nn.functional\n",
            "p/b.py": use("from .a import F\n", "F.nll_loss(x, y)"),
        },
        use("import mindspore\n\nfrom .a import F\n", "mindspore.ops.nll_loss(x, y)"),
    ),
    "a module that is missing": Case(
        {**INIT, "p/b.py": use("from .a import nn\n", "nn.NLLLoss()")}, codes=("unknown-name",)
    ),
    "a module that does not parse": Case(
        {**INIT, "p/a.py": "import (", "p/b.py": use("from .a import nn\n", "nn.NLLLoss()")},
        codes=("unknown-name",),
    ),
    "a module that puts something else in its place": Case(
        {
            **INIT,
            "p/a.py": TORCH_NN + "import sys\nsys.modules[__name__] = Lazy()\n",
            "p/b.py": use("from .a import nn\n", "nn.NLLLoss()"),
        },
        codes=("unknown-name",),
    ),
    "a submodule": Case(
        {
            **INIT,
            "p/functional.py": "from torch.nn.functional import *\n",
            "p/b.py": use("from . import functional as F\n", "F.nll_loss(x, y)"),
        },
        use("import mindspore\n\nfrom . import functional as F\n", "mindspore.ops.nll_loss(x, y)"),
    ),
    "a submodule of the user's own": Case(
        {
            **INIT,
            "p/functional.py": "def nll_loss(x, y):\n    return x\n",
            "p/b.py": use("from . import functional as F\n", "F.nll_loss(x, y)"),
        },
    ),
    "a submodule, or what the package binds by its name": Case(
        {
            "p/__init__.py": "from torch.nn import functional\n",
            "p/functional.py": "",
            "p/b.py": use("import p\n", "p.functional.nll_loss(x, y)"),
        },
        codes=("ambiguous-name",),
    ),
    "a module by the name of its function": Case(
        {
            "p/__init__.py": "from .nll_loss import nll_loss\n",
            "p/nll_loss.py": "from torch.nn.functional import nll_loss\n",
            "p/b.py": use("from .nll_loss import nll_loss\n", "nll_loss(x, y)"),
        },
        use("import mindspore\n\nfrom .nll_loss import nll_loss\n", "mindspore.ops.nll_loss(x, y)"),
    ),
    "a package without __init__, by a relative import": Case(
        {"p/a.py": TORCH_NN, "p/b.py": use("from .a import nn\n", "nn.NLLLoss()")},
        use("import mindspore\n\nfrom .a import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "a script beside another": Case(
        {"p/a.py": TORCH_NN, "p/b.py": use("from a import nn\n", "nn.NLLLoss()")},
        use("import mindspore\nfrom a import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "a script, and a module by that name in another folder": Case(
        {"q/a.py": TORCH_NN, "p/b.py": use("from a import nn\n", "nn.NLLLoss()")},
        codes=("unknown-name",),
    ),
    "a package in src": Case(
        {
            "pyproject.toml": "",
            "src/m/__init__.py": "from torch import nn\n",
            "p/b.py": use("from m import nn\n", "nn.NLLLoss()"),
        },
        use("import mindspore\nfrom m import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "a folder called torch": Case(
        {
            "p/torch/__init__.py": "",
            "p/torch/nn.py": "from mlx.nn import NLLLoss\n",
            "p/b.py": use("import torch.nn\n", "torch.nn.NLLLoss()"),
        },
        use("import mindspore\n", "mindspore.nn.NLLLoss()"),
    ),
    "a name of a statement that keeps another goes": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import NLLLoss as N\nx = 1\n",
            "p/b.py": use("from .a import N, x\n", "N(ignore_index=x)"),
        },
        use("import mindspore\n\nfrom .a import x\n", "mindspore.nn.NLLLoss(ignore_index=x)"),
    ),
    "a name of a statement that others import from here stays": Case(
        {
            **INIT,
            "p/a.py": "from torch.nn import NLLLoss as N\nx = 1\n",
            "p/b.py": use("from .a import N, x\n", "N(ignore_index=x)"),
            "p/c.py": "from .b import N\n",
        },
        use("import mindspore\n\nfrom .a import N, x\n", "mindspore.nn.NLLLoss(ignore_index=x)"),
    ),
    "torch's import that another module takes stays": Case(
        {
            **INIT,
            "p/b.py": use("from torch import nn\n", "nn.NLLLoss()"),
            "p/c.py": "from .b import nn\nlayer = nn.Linear(1, 1)\n",
        },
        use("import mindspore\nfrom torch import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "torch's import that another module reads stays": Case(
        {
            **INIT,
            "p/b.py": use("from torch import nn\n", "nn.NLLLoss()"),
            "p/c.py": "from p import b\nlayer = b.nn.Linear(1, 1)\n",
        },
        use("import mindspore\nfrom torch import nn\n", "mindspore.nn.NLLLoss()"),
    ),
    "an alias that another module takes stays": Case(
        {
            **INIT,
            "p/b.py": use(TORCH_NN + "Loss = nn.NLLLoss\n", "Loss()"),
            "p/c.py": "from .b import Loss\n",
        },
        codes=("reference", "assigned-alias"),
    ),
    "an alias that no other module takes goes": Case(
        {
            **INIT,
            "p/b.py": use(TORCH_NN + "Loss = nn.NLLLoss\n", "Loss()"),
            "p/c.py": "from .b import f\n",
        },
        use("import mindspore\nLoss = mindspore.nn.NLLLoss\n", "Loss()"),
    ),
    "torch's import beside a module that takes another name goes": Case(
        {
            **INIT,
            "p/b.py": use("from torch import nn\n", "nn.NLLLoss()"),
            "p/c.py": "from torch import nn\nfrom .b import f\nlayer = nn.Linear(1, 1)\n",
        },
        use("import mindspore\n", "mindspore.nn.NLLLoss()"),
    ),
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in CASES.items()])
@pytest.mark.parametrize("named", ["p/b.py", "."])
def test_a_name_means_what_it_means_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, case.files)
    results = {result.path: result for result in migrate_paths([named])}
    result = results["p/b.py"]
    assert result.error is None
    if case.after is None:
        assert not result.changed, result.after
        assert tuple(f.code for f in result.findings) == case.codes
        return
    assert result.after == case.after
    # Written, it is what it was said to be, and there is nothing more to do.
    list(migrate_paths([named], write=True))
    assert Path("p/b.py").read_text() == case.after
    assert not any(again.changed for again in migrate_paths([named]))


TREE = {
    "p/__init__.py": "from .losses import CE, Own\n",
    "p/losses.py": (
        "from torch.nn import CrossEntropyLoss as CE\n\n\nclass Own(CE):\n    pass\n\n\n"
        "def make():\n    return CE()\n"
    ),
    "p/compat.py": use("import torch.nn.functional as F\n", "F.nll_loss(x, y)"),
    "p/b.py": use("from p import CE, Own\n", "CE(), Own()"),
    "p/sub/__init__.py": "",
    "p/sub/c.py": use("from ..compat import *\n", "F.cross_entropy(x, y)"),
    "p/sub/d.py": use("from .. import compat, losses\n", "losses.CE(), compat.F.nll_loss(x, y)"),
}
AFTER = {
    "p/losses.py": (
        "import mindspore\nfrom torch.nn import CrossEntropyLoss as CE\n\n\n"
        "class Own(CE):\n    pass\n\n\n"
        "def make():\n    return mindspore.nn.CrossEntropyLoss()\n"
    ),
    "p/compat.py": use(
        "import mindspore\nimport torch.nn.functional as F\n", "mindspore.ops.nll_loss(x, y)"
    ),
    "p/b.py": use(
        "import mindspore\n\nfrom p import Own\n", "mindspore.nn.CrossEntropyLoss(), Own()"
    ),
    "p/sub/c.py": use(
        "import mindspore\n\nfrom ..compat import *\n", "mindspore.ops.cross_entropy(x, y)"
    ),
    "p/sub/d.py": use(
        "import mindspore\n\nfrom .. import compat, losses\n",
        "mindspore.nn.CrossEntropyLoss(), mindspore.ops.nll_loss(x, y)",
    ),
}


def test_each_order_of_the_files_and_each_number_of_workers_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for jobs in (1, 4):
        folder = tmp_path / str(jobs)
        # More than a worker takes at once, so that there are several.
        write(folder, TREE | {f"q/m{i:03}.py": TREE["p/b.py"] for i in range(70)})
        monkeypatch.chdir(folder)
        results = {r.path: r for r in migrate_paths(["."], write=True, jobs=jobs)}
        for name, text in (TREE | AFTER).items():
            assert Path(name).read_text() == text
        assert [f.code for f in results["p/__init__.py"].findings] == ["re-export"]
    changing = [name for name in TREE if name in AFTER]
    for order in (*itertools.islice(itertools.permutations(changing), 0, None, 17), changing[::-1]):
        write(folder, TREE)
        for name in order:
            migrate_file(name, write=True)
        for name, text in (TREE | AFTER).items():
            assert Path(name).read_text() == text, order


def test_the_command_says_what_the_library_does(tmp_path: Path) -> None:
    write(tmp_path, TREE)
    command = [sys.executable, "-m", "migrate.cli", "check", "p"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "p/b.py:5:12" in done.stderr + done.stdout
    assert {p: (tmp_path / p).read_text() for p in TREE} == TREE


def test_the_codemod_does_what_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TREE)
    for name in ("p/sub/d.py", "p/b.py"):
        context = CodemodContext(filename=str(tmp_path / name))
        module = cst.parse_module(TREE[name])
        assert MigrateTorchLosses(context).transform_module(module).code == AFTER[name]


@pytest.mark.parametrize(
    ("line", "renames"),
    [
        ("Loss = nn.NLLLoss", True),
        ("from torch.nn import NLLLoss as Loss", True),
        ("if x:\n    Loss = nn.NLLLoss", True),
        ("Loss = (\n    nn.NLLLoss\n)", True),
        ("Loss = nn.NLLLoss()", False),
        ("def f():\n    x = 1\n    Loss = nn.NLLLoss", False),
        ("from torch.nn import NLLLoss", False),
        ("def f():\n    a = nn.NLLLoss\nLoss = nn.NLLLoss", True),
        ("my_NLLLoss = nn.NLLLoss2", False),
    ],
)
def test_what_may_give_an_api_another_name(tmp_path: Path, line: str, renames: bool) -> None:
    (tmp_path / "a.py").write_text(f"import torch.nn as nn\n{line}\n# nll_loss\n")
    words = default_rules().words
    assert scan([str(tmp_path / "a.py")], words=words, roots=None)[0].renames is renames


RUN = """
import mindspore
import numpy as np
from p.b import loss
x = mindspore.Tensor(np.array([[1.0, 2.0, 0.5], [0.2, 0.1, 3.0]], np.float32))
y = mindspore.Tensor(np.array([0, 2], np.int32))
print(f"{float(loss(x, y)):.5f}")
"""


def test_a_migrated_project_computes_under_mindspore_what_it_did_under_torch(
    tmp_path: Path,
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("mindspore")
    files = {
        "p/__init__.py": "from .a import CE\n",
        "p/a.py": "try:\n    from torch.nn import CrossEntropyLoss as CE\nexcept ImportError:\n"
        "    CE = None\n",
        "p/b.py": "from . import CE\n\n\ndef loss(x, y):\n    return CE(None, False)(x, y)\n",
    }
    write(tmp_path, files)
    assert [r.path for r in migrate_paths([str(tmp_path)], write=True) if r.changed] == [
        str(tmp_path / "p/b.py")
    ]
    command = [sys.executable, "-c", RUN]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    x = torch.tensor([[1.0, 2.0, 0.5], [0.2, 0.1, 3.0]])
    wanted = torch.nn.CrossEntropyLoss(reduction="sum")(x, torch.tensor([0, 2]))
    assert float(done.stdout) == pytest.approx(float(wanted), abs=1e-5)


# -- the index -------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TREE)
    return Project.of(sorted(TREE))


def test_modules_and_files(project: Project) -> None:
    assert [project.module_of(path) for path in ("p/__init__.py", "p/sub/c.py")] == ["p", "p.sub.c"]
    assert project.path_of("p.sub") == str(Path.cwd() / "p/sub/__init__.py")
    assert project.path_of("p.none") is None
    names = project.names("p.losses")
    assert names is not None
    assert sorted(names.module.bindings) == ["CE", "Own", "make"]


@pytest.mark.parametrize(
    ("module", "importers"),
    [
        # p/b.py has CE from the package, which has it from there.
        ("p.losses", ("p/__init__.py", "p/b.py", "p/sub/d.py")),
        ("p.compat", ("p/sub/c.py", "p/sub/d.py")),
        ("p.sub.c", ()),
    ],
)
def test_importers(project: Project, module: str, importers: tuple[str, ...]) -> None:
    assert project.importers(module) == importers
    _, surveyed = survey(sorted(TREE), default_rules())
    if importers:  # what a survey keeps is who imports a module that can hold a site
        assert pickle.loads(pickle.dumps(surveyed)).importers(module) == importers


def test_a_survey_finds_the_files_with_a_use_and_no_other(project: Project) -> None:
    write(Path(), {"p/e.py": "from .b import f\nCE = 1\n", "p/g.py": "CE = 2\n"})
    chosen, surveyed = survey([*sorted(TREE), "p/e.py", "p/g.py"], default_rules())
    assert set(chosen) == {*TREE} - {"p/sub/__init__.py"}
    assert surveyed.words_of("p/b.py") == ("CE",)
    assert surveyed.words_of("p/g.py") == ()


def test_no_file_is_read_until_it_is_asked_about(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.source.read", lambda path: pytest.fail(f"{path} was read"))
    again = pickle.loads(pickle.dumps(project))
    assert again.module_of("p/b.py") == "p.b"
    assert again.path_of("p.compat") is not None
    with pytest.raises(pytest.fail.Exception):
        again.names("p.compat")


def test_modules_are_forgotten_where_memory_is_short(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = project.names("p.losses")
    assert project.names("p.losses") is first
    monkeypatch.setattr("migrate.project._KEPT", 1)
    compat = project.names("p.compat")
    assert compat is not None
    assert project.names("p.losses") is first, "trees that are compared must stay the same"
    project.adopt(compat)
    assert project.names("p.compat") is compat
    assert project.names("p.losses") is not first


def test_a_tree_that_another_file_has_asked_for_is_used_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = project.names("p.compat")
    assert names is not None
    assert project.tree_of("p/compat.py", names.text) is names.tree
    assert project.tree_of("p/compat.py", names.text + "\n") is None, "the file has changed"
    assert project.tree_of("p/losses.py", TREE["p/losses.py"]) is None, "nobody has asked"
    # Where memory is short, what nobody but itself has asked for is forgotten first.
    own = ("p/losses.py", "p/b.py")
    room = len(names.text) + max(len(TREE[path]) for path in own)
    monkeypatch.setattr("migrate.project._KEPT", room)
    for path in own:
        text = TREE[path]
        project.adopt(Names(ast.parse(text), text, LineIndex(text), "p", project, path))
    assert project.tree_of("p/losses.py", TREE["p/losses.py"]) is None
    assert project.names("p.compat") is names


@pytest.mark.parametrize(
    "text",
    [
        "from . import x",
        "from .import x",
        "from.a import(b)",
        "from . . a import b as c, d",
        "from a \\\n import \\\n b, \\\n c",
        "x=1; import a.b as c",
        "if x: from a.b import (\n c, # d\n e as f,\n)\n",
        "from a import*",
        "import a, b.c as d, e",
        "from .importer import q",
        "from\ta\timport\tb",
        "def f():\n\timport a\n\tfrom .. import (a)\n",
        "# unused-import\nimport a\r\nimport é\n",
        "# the import\nfrom .a import b\n",
        "from é.à import ü as ö",
        "import a, b",
        "\ufeffimport a",
        "if 1: import a\nelse: import b",
        "if 1:\n  pass; import a, b",
        "x = 1 \\\n\nimport a",
        "def é(): import a",
        "def f():\n    import a\n    return a",
        "from a  import  b, c",
        "\fimport a as b\nif 1:\n\timport c",
        "from .\\\nimport a",
        "from a import (\n b,  # (see there)\n c, # and ) d\n e,\n)\n",
        "from a . b. c .d import e",
        "from .a . b import c",
        "import a . b as c, d. e",
        "import x, \\\n  a.b",
        "import\\\n a",
        "import a \\\n .b as c",
    ],
)
def test_the_scan_of_imports_sees_what_python_sees(text: str) -> None:
    seen = {
        (each.module, pair)
        for each in map(statement, imported(text.encode(), None))
        for pair in each.names
    }
    for node in ast.walk(ast.parse(text.encode())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            plain = isinstance(node, ast.Import)
            module = "" if plain else "." * node.level + (node.module or "")
            for alias in node.names:
                assert (module, (alias.name, alias.asname or alias.name)) in seen


def test_the_scan_of_imports_leaves_what_is_not_of_the_project() -> None:
    text = (
        b"import torch\nimport a.b, torch\nfrom torch import nn\nfrom ab import c\nfrom .a import d"
    )
    every = map(statement, imported(text, frozenset({b"a"})))
    found = [(each.module, each.names) for each in every]
    assert found == [(".a", (("d", "d"),)), ("", (("a.b", "a.b"), ("torch", "torch")))]


OF_ONE_FILE = {
    "a name": ("from p.a import Loss", "Loss"),
    "a module": ("from p import a", "a.Loss"),
    "a module by its whole name": ("import p.a", "p.a.Loss"),
    "a module under another name": ("import p.a as q", "q.Loss"),
    "a module with a second name": ("from p import a as q\nr = q", "r.Loss"),
    "a module in brackets": ("from p import a\nr = (a)", "r.Loss"),
    "getattr": ("from p import a", 'getattr(a, "Loss")'),
    "a module that another hands on": ("from p.hub import a", "a.Loss"),
    "the package": ("import p.hub", "p.hub.a.Loss"),
    "a star": ("from p.star import *", "Loss"),
    "an import beside one in a docstring": (
        '"""\n>>> from p import (\n...     a,\n... )\n"""\nfrom p.a import Loss', "Loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("taken", "call"), OF_ONE_FILE.values(), ids=OF_ONE_FILE)
@pytest.mark.parametrize("name", ["Loss", "Other"])
def test_of_a_run_of_one_file_the_modules_that_it_takes_names_from_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str, call: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/a.py": "from torch.nn import NLLLoss as Loss\n\nOther = dict\n",
            "p/hub.py": "from . import a\n",
            "p/star.py": "from p.a import *\n",
            "p/user.py": f"{taken}\n\nvalue = {call}()\n".replace("Loss", name),
        },
    )
    (result,) = migrate_paths(["p/user.py"])
    assert [f.rule for f in result.findings] == (["torch.nn.NLLLoss"] if name == "Loss" else [])


#: Where a file stands, what it imports a name by, and the marks of the project.
SCRIPTS = {
    "beside a package": ("run.py", "p.a", ""),
    "in a folder of its own": ("scripts/run.py", "p.a", "setup.cfg"),
    "beside src": ("tests/test_a.py", "s.a", "pyproject.toml"),
    "beside a folder without __init__": ("run.py", "n.a", ""),
    "in a package": ("p/b.py", "n.m.a", "pyproject.toml"),
    "beside a module": ("run.py", "a", ""),
}


@pytest.mark.parametrize(("script", "module", "mark"), SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("name", ["Loss", "Other"])
def test_a_file_alone_is_told_of_as_in_a_run_of_all(
    tmp_path: Path, script: str, module: str, mark: str, name: str
) -> None:
    own = "from torch.nn import NLLLoss as Loss\n\nOther = dict\n"
    folders = ("", "p/", "src/s/", "n/", "n/m/")
    files = {f"{folder}a.py": own for folder in folders}
    files |= {"p/__init__.py": "", "src/s/__init__.py": "", mark or "README": ""}
    write(tmp_path, {**files, script: f"from {module} import {name}\n\nvalue = {name}()\n"})
    whole = {result.path: result for result in migrate_paths([str(tmp_path)])}
    path = str(tmp_path / script)
    (alone,) = migrate_paths([path])
    assert alone == whole[path]
    assert [f.rule for f in alone.findings] == (["torch.nn.NLLLoss"] if name == "Loss" else [])


@pytest.mark.parametrize("statement", ["from n.q.a import CE", "from n.q import a\nCE = a.CE"])
def test_what_a_package_in_a_folder_without_init_exports_stays(
    tmp_path: Path, statement: str
) -> None:
    text = "from torch import nn\n\nCE = nn.CrossEntropyLoss\nCE()\n"
    files = {"n/q/__init__.py": "", "n/q/a.py": text, "pyproject.toml": ""}
    write(tmp_path, {**files, "tests/test_a.py": f"{statement}\nCE(None, False)\n"})
    (result,) = migrate_paths([str(tmp_path / "n/q/a.py")])
    assert not result.changed
    write(tmp_path, {"tests/test_a.py": "from m.q.a import CE\n"})
    (result,) = migrate_paths([str(tmp_path / "n/q/a.py")])
    assert result.changed


@pytest.mark.parametrize(
    ("taken", "stays"),
    [
        ("from p . a import nn", True),
        ("from p.a import (\n  x,  # (see there)\n  nn,\n)", True),
        ("import p.a\n(p.a).nn", True),
        ("import p.a\ngetattr(p.a, 'nn')", True),
        ("import p.a\nprint(torch.nn)", False),
        ("from p . a import x", False),
    ],
)
def test_what_another_file_takes_in_any_spelling_stays(
    tmp_path: Path, taken: str, stays: bool
) -> None:
    text = "from torch import nn\n\nx = nn.NLLLoss()\n"
    write(tmp_path, {"p/__init__.py": "", "p/a.py": text, "p/b.py": f"{taken}\n"})
    after = {result.path: result.after for result in migrate_paths([str(tmp_path)])}
    assert ("from torch import nn" in str(after[str(tmp_path / "p/a.py")])) == stays
