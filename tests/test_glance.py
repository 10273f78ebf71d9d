"""What the bytes of a file rule out, against what Python's own parser sees in it."""

import ast
import re
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.glance import ANY, calls_of_a_loss, may_set

LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))


def _stored(tree: ast.AST) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
    }


@lru_cache(None)
def _stored_in(path: Path) -> set[str]:
    return _stored(ast.parse(path.read_bytes()))


def _last_name(receiver: ast.expr) -> bytes:
    name = getattr(receiver, "attr", getattr(receiver, "id", None))
    return ANY if name is None else str(name).encode()


def _called(tree: ast.AST) -> Iterator[bytes]:
    """Yield what is called as a loss, read off the tree."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) + len(node.keywords) != 2:
            continue
        keywords = {keyword.arg for keyword in node.keywords}
        if any(isinstance(a, ast.Starred) for a in node.args) or not keywords <= OPERANDS:
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "forward":
            if not (isinstance(function.value, ast.Call) and not function.value.args):
                yield _last_name(function.value)
        elif keywords:
            yield _last_name(function)


OPERANDS = {"input", "target"}


@pytest.mark.parametrize(
    "name", ["name", "args", "value", "closed", "loss", "_lock", "pos", "file"]
)
def test_every_attribute_that_is_set_is_seen(name: str) -> None:
    seen = {path for path in LIBRARY if may_set(path.read_bytes(), name)}
    true = {path for path in LIBRARY if name in _stored_in(path)}
    assert true <= seen
    # And it rules out: of the files that hold the attribute at all, not every one is left.
    holding = {path for path in LIBRARY if f".{name}" in path.read_text("utf-8", "replace")}
    assert len(seen) < len(holding) or not holding


#: Keywords and methods of the standard library, put in place of those of a loss.
RENAMED = {
    r"\bkey(?=\s*=)": "input",
    r"\bfile(?=\s*=)": "target",
    r"\bdefault(?=\s*=)": "input",
    r"\bname(?=\s*=)": "target",
    r"\.(?:append|add_argument|join|replace)(?=\()": ".forward",
}


def test_every_call_of_a_loss_is_seen() -> None:
    calls, ruled_out = 0, 0
    for path in LIBRARY:
        text = path.read_text("utf-8", "replace")
        for pattern, by in RENAMED.items():
            text = re.sub(pattern, by, text)
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue  # a keyword twice
        true, seen = set(_called(tree)), calls_of_a_loss(text.encode())
        calls += len(true)
        ruled_out += bool(re.search(r"\b(?:input|target)\s*=(?!=)|\.forward\(", text)) and not seen
        assert true <= seen or ANY in seen, path
    assert calls > 100
    assert ruled_out > 20


@pytest.mark.parametrize(
    "target",
    [
        "{} = 1",
        "{}: int = 1",
        "{} += 1",
        "{} //= 1",
        "a, {} = b",
        "{}, a = b",
        "({},\n a) = b",
        "[a, {}] = b",
        "a = {}, b = c",
        "a = (b,\n {}) = c",
        "for {} in a: pass",
        "for a, {} in b: pass",
        "with a as {}: pass",
        "with a as (b, {}): pass",
        "del {}",
        "del a, {}",
        "if a: {} = 1",
        "x = 1; {} = 2",
        "{} = \\\n 1",
        "*{}, a = b",
        "[a for {} in b]",
    ],
)
@pytest.mark.parametrize("receiver", ["self.loss", "a.b.loss", "a().loss", "a[0].loss", "a . loss"])
def test_a_target_is_seen(target: str, receiver: str) -> None:
    text = target.format(receiver)
    assert "loss" in _stored(ast.parse(text))
    assert may_set(text.encode(), "loss")


@pytest.mark.parametrize(
    "text",
    [
        "x = a.loss\n",
        "return a.loss, b\n",
        "f(\n    loss=a.loss,\n)\n",
        "a.loss(x)\n",
        "a.loss.b = 1\n",
        "a.loss[0] = 1\n",
        "a.losses = 1\n",
        "if a.loss == b and a.loss\n",
        "x = y + a.loss\n",
    ],
)
def test_what_only_reads_is_not(text: str) -> None:
    assert not may_set(text.encode(), "loss")


ARGUMENTS = st.lists(
    st.sampled_from(
        ["x", "input=x", "target=f(y, z)", "input = (x)", "*x", "**x", "weight=w", "'a,b'",
         "[1, 2]", "target\\\n=y", "\n# input=\ninput=x", "dim=1"],
    ),
    max_size=4,
)  # fmt: skip
CALLEES = ["crit", "self.crit", "f()", "f()[0]", "crit.forward", "f(1).forward", "crit.cuda()"]


@settings(max_examples=500)
@given(ARGUMENTS, st.sampled_from(CALLEES), st.sampled_from(["{}", "g({}, a, b)", "x = [\n{}]"]))
def test_a_call_in_any_form_is_seen(arguments: list[str], callee: str, around: str) -> None:
    text = around.format(f"{callee}({', '.join(arguments)})") + "\n"
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    seen = calls_of_a_loss(text.encode())
    assert set(_called(tree)) <= seen or ANY in seen


@pytest.mark.parametrize(
    "text",
    [
        "crit(\n    # the output, (see there\n    input=x,\n    target=y,\n)\n",
        "crit(  # the loss\n    input=x, target=y)\n",
        "crit(x,  # 'input'\n\n    # and\n    target=y)\n",
        "crit(x,  # see (a\n    target=y)\n",
        "f('#', crit(input=x, target=y))\n",
        "crit(x if a\n    else b, target=y)\n",
    ],
)
def test_a_call_between_comments_is_seen(text: str) -> None:
    assert set(_called(ast.parse(text))) == {b"crit"}
    assert calls_of_a_loss(text.encode()) & {b"crit", ANY}


@pytest.mark.parametrize(
    "text",
    [
        "f(x)\n# a note, and\ntarget = x\n",
        "def f(a,\n      b):\n    # one (two,\n    input = a\n",
        "f(a)\nfor b, target in a:\n    pass\n",
    ],
)
def test_an_assignment_is_no_call(text: str) -> None:
    assert not calls_of_a_loss(text.encode())


def test_a_definition_is_no_call() -> None:
    assert not calls_of_a_loss(b"def f(x, input=1):\n    input = x\nclass A(B, input=2): pass\n")


def test_a_call_with_more_than_two_operands_is_none_of_a_loss() -> None:
    assert not calls_of_a_loss(b"f(input=x, target=y, weight=z)\nmodel.forward(a, b, c)\n")


def test_the_method_of_a_base_class_is_none_of_a_loss() -> None:
    assert not calls_of_a_loss(b"super().forward(x, y)\n")
