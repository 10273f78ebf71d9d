"""Statements that go, beside others of their line, over continued lines, or all of a block."""

import ast
import io
import tokenize

import pytest

from migrate import Status, migrate_source

#: What stands below two losses, `one` and `two`, and what of it is left.
MOVED = {
    "two on a line": ("one.cuda(); two.cuda()\n", ""),
    "two on a line, and one that stays": ("one.cuda(); two.cuda(); go()\n", "go()\n"),
    "behind one that stays": ("go(); one.cuda(); two.cuda()\n", "go()\n"),
    "around one that stays": ("one.cuda(); go(); two.cuda()\n", "go()\n"),
    "a semicolon at the end": ("go(); one.cuda();\n", "go()\n"),
    "a comment behind both": ("one.cuda(); two.cuda()  # moved\n", "# moved\n"),
    "all of a block": ("if a:\n    one.cuda()\n    two.cuda()\n", "if a:\n    pass\n"),
    "all of a block on one line": ("if a: one.cuda(); two.cuda()\n", "if a: pass\n"),
    "all of an else": (
        "if a:\n    go()\nelse:\n    one.cuda(); two.cuda()\n",
        "if a:\n    go()\nelse:\n    pass\n",
    ),
    "not all of a block": (
        "if a:\n    one.cuda()\n    two.cuda()\n    go()\n",
        "if a:\n    go()\n",
    ),
    "not all of a block on one line": ("if a: one.cuda(); go()\n", "if a: go()\n"),
    "comments of a block": (
        "if a:\n    one.cuda()  # one\n    # own\n    two.cuda()  # two\n",
        "if a:\n    pass  # one\n    # own\n    # two\n",
    ),
    "a comment within": ("one.cuda(  # why\n)\ngo()\n", "# why\ngo()\n"),
    "comments within, before another": (
        "if a:\n    one.cuda(  # why\n    # and\n    ); go()\n",
        "if a:\n    # why\n    # and\n    go()\n",
    ),
    "comments within, between others": (
        "go(); one.cuda(  # why\n  # and\n); stay()\n",
        "go(); # why\n# and\nstay()\n",
    ),
    "a line that is continued": ("one.cuda(); \\\n  go()\n", "go()\n"),
    "the end of a line that is continued": ("go(); \\\n  one.cuda()\nstay()\n", "go()\nstay()\n"),
    "the middle of a line that is continued": (
        "go(); \\\none.cuda(); \\\n  two.cuda(); stay()\n",
        "go(); \\\nstay()\n",
    ),
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize(("below", "left"), MOVED.values(), ids=MOVED)
def test_a_statement_goes_and_its_neighbours_stay(below: str, left: str, end: str) -> None:
    text = f"import torch.nn as nn\none = nn.NLLLoss()\ntwo = nn.NLLLoss()\n{below}"
    after = "import mindspore\none = mindspore.nn.NLLLoss()\ntwo = mindspore.nn.NLLLoss()\n" + left
    result = migrate_source(text.replace("\n", end))
    assert result.after == after.replace("\n", end)
    assert not result.with_status(Status.MANUAL)


IMPORTS = {
    "two on a line": (
        "import torch; import torch.nn as nn\nnn.NLLLoss(), torch.nn.NLLLoss()\n",
        "import mindspore\nmindspore.nn.NLLLoss(), mindspore.nn.NLLLoss()\n",
    ),
    "two on a line, and their uses": (
        "import torch; import torch.nn as nn; a = nn.NLLLoss(), torch.nn.NLLLoss()\n",
        "import mindspore\na = mindspore.nn.NLLLoss(), mindspore.nn.NLLLoss()\n",
    ),
    "behind another": (
        "import x; import torch.nn as nn; import torch  # note\nnn.NLLLoss(), torch.nn.NLLLoss()\n",
        "import mindspore\nimport x  # note\nmindspore.nn.NLLLoss(), mindspore.nn.NLLLoss()\n",
    ),
    "a comment within, before another": (
        "from torch.nn import (  # note\n  NLLLoss); import x\nNLLLoss()\n",
        "# note\nimport x\n\nimport mindspore\nmindspore.nn.NLLLoss()\n",
    ),
    "a line that is continued": (
        "import os; \\\n  import torch.nn as nn\nnn.NLLLoss()\n",
        "import os\n\nimport mindspore\nmindspore.nn.NLLLoss()\n",
    ),
    "torch on a line that is continued": (
        "import torch.nn as nn; \\\n  a = nn.NLLLoss(); \\\n  b = 1\n",
        "import mindspore\na = mindspore.nn.NLLLoss(); \\\n  b = 1\n",
    ),
    "a use on a line that is continued": (
        "'''Doc.'''; import torch.nn as nn; \\\n  a = nn.NLLLoss()\n",
        "'''Doc.'''; import mindspore; a = mindspore.nn.NLLLoss()\n",
    ),
}


@pytest.mark.parametrize(("text", "after"), IMPORTS.values(), ids=IMPORTS)
def test_an_import_goes_and_another_comes(text: str, after: str) -> None:
    result = migrate_source(text)
    assert result.after == after
    assert not result.with_status(Status.MANUAL)


def _comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.mark.parametrize("below", [below for below, _ in MOVED.values()], ids=MOVED)
def test_nothing_but_those_statements_goes(below: str) -> None:
    text = f"import torch.nn as nn\none = nn.NLLLoss()\ntwo = nn.NLLLoss()\n{below}"
    after = str(migrate_source(text).after)
    assert _comments(after) == _comments(text)
    called = [
        ast.unparse(node) for node in ast.walk(ast.parse(after)) if isinstance(node, ast.Call)
    ]
    stays = [name for name in ("go()", "stay()") if name in below]
    assert sorted(called) == sorted(["mindspore.nn.NLLLoss()"] * 2 + stays)
