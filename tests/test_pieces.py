"""What is parsed piece by piece, against Python's parser over the whole text."""

import ast
import random
import re
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.errors import SourceError
from migrate.model import Edit, Span
from migrate.pieces import parsed_again
from migrate.resolve import Names
from migrate.source import LineIndex, parse
from migrate.splice import apply

LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::3]


def _names(text: str) -> Names:
    return Names(ast.parse(text), text, LineIndex(text))


def _starts(tree: ast.Module) -> list[tuple[int, int, int | None]]:
    lines = []
    for node in tree.body:
        decorators = getattr(node, "decorator_list", None)
        first = decorators[0].lineno if decorators else node.lineno
        lines.append((first, node.lineno, node.end_lineno))
    return lines


def _assert_like_the_whole(text: str, edits: list[Edit]) -> None:
    after = apply(text, edits)
    try:
        whole = ast.parse(after)
    except SyntaxError:
        with pytest.raises(SourceError):
            parsed_again(_names(text), sorted(edits), after, "x.py")
        return
    names = _names(text)
    found = parsed_again(names, sorted(edits), after, "x.py").tree
    assert ast.dump(found) == ast.dump(whole)
    assert _starts(found) == _starts(whole)
    # The tree of before is as it was.
    assert ast.dump(names.tree, include_attributes=True) == ast.dump(
        ast.parse(text), include_attributes=True
    )
    touched = [edit.span for edit in edits]
    for one, other in zip(found.body, whole.body, strict=True):
        start, end = (LineIndex(after).offset(line, 0) for line in (one.lineno, one.lineno + 1))
        if any(after[start:end].strip() and span.start == start for span in touched):
            assert ast.dump(one, include_attributes=True) == ast.dump(
                other, include_attributes=True
            )


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_names_that_change_and_lines_that_come(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    generator = random.Random(len(text))
    names = [match.span() for match in re.finditer(r"\b(?:self|len|path|name)\b", text)]
    chosen = generator.sample(names, min(6, len(names)))
    edits = [Edit(Span(*span), generator.choice(["x", "y.z", "(a,\n  b)"])) for span in chosen]
    edits.append(Edit(Span(0, 0), "# one\n\nimport one\n"))
    _assert_like_the_whole(text, edits)


def test_every_place_at_which_a_statement_is_edited_is_right() -> None:
    text = "import a\n\n\n@b\ndef c():\n    return a.d\n\n\n@e\nclass F:\n    g = a.h\n"
    edits = [
        Edit(Span(0, 8), "import a\nimport mindspore"),
        Edit(Span(text.index("a.h"), text.index("a.h") + 3), "i.j.k"),
    ]
    after = apply(text, edits)
    names = parsed_again(_names(text), edits, after, "x.py")
    place = names.place_at(after.index("k"))
    assert isinstance(place.node, ast.Attribute)
    assert ast.unparse(place.node) == "i.j.k"
    place = names.place_at(after.index("mindspore"))
    assert isinstance(place.node, ast.alias)


def _bound(names: Names) -> dict[str, list[str]]:
    return {name: [b.kind for b in found] for name, found in names.module.bindings.items()}


PARTS = [
    "a = 1\n",
    "b = 2; c = 3\n",
    "d = [\n  1,\n]\n",
    "d = [\n1]; dd = 2\n",
    "d = 1; \\\ndd = 2\n",
    "d = 1; \\\n  dd = 2\n",
    "e = 1 + \\\n  2\n",
    '"""one\ntwo"""\n',
    "# a note\n",
    "\n",
    "@f\n@g(1)\ndef h(x):\n    return x\n",
    "class I:\n    j = 1\n    def k(self): return 1\n",
    "if a:\n    import l\nelse:\n    from m import n\n",
    "try:\n    o = 1\nexcept ValueError:\n    o = 2\n",
    "for p in q: r = p\n",
    "\f\ns = 1\n",
    "t = 'x\\\ny'\n",
    "from u import *\n",
    "async def v():\n    await w\n",
    "x = 1 \\\n\n",
    "  \ny = 1\n",
    "z = 'é'\n",
    "if a: b = 1; c = 2\n",
    "def gg():\n    global a, hh\n    a = hh = 1\n",
    "def ii():\n    jj = 1\n    def kk():\n        nonlocal jj\n        jj = 2\n",
]
CHANGES = ["", "1", "a", "(", "\n", "import aa\n", "pass\n", " ", "'", "x\n", "#", "\\\n", ":"]


@st.composite
def _edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = "".join(draw(st.lists(st.sampled_from(PARTS), max_size=7)))
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = text.replace("\n", ends)
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    offsets = sorted(
        draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8).filter(_is_even))
    )
    pairs = zip(offsets[::2], offsets[1::2], strict=True)
    edits = {span: Edit(Span(*span), draw(st.sampled_from(CHANGES))) for span in pairs}
    return text, list(edits.values())


def _is_even(values: list[int]) -> bool:
    return len(values) % 2 == 0


@settings(max_examples=1500)
@given(_edited())
def test_whatever_is_edited(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    try:
        ast.parse(text)
    except SyntaxError:
        return
    after = apply(text, edits)
    try:
        whole = ast.parse(after)
    except SyntaxError:
        whole = None
    try:
        names = parsed_again(_names(text), sorted(edits), after, "x.py")
    except SourceError:
        return  # more is refused here than Python refuses, and never less
    assert whole is not None
    assert ast.dump(names.tree) == ast.dump(whole)
    assert _starts(names.tree) == _starts(whole)
    same = _names(after)
    assert _bound(names) == _bound(same)
    assert [n for n in _bound(names) if names.is_rebound_from_within(n)] == [
        n for n in _bound(same) if same.is_rebound_from_within(n)
    ]


@pytest.mark.parametrize(
    "text", ["a = 1; \\\nb = 2\n", "a = 1; \\\n  b = 2\n", "\fa = 1\n\fb = 2\n", "a; b\n"]
)
@pytest.mark.parametrize("name", ["a", "b"])
def test_what_cannot_be_cut_is_parsed_as_one(text: str, name: str) -> None:
    at = text.index(name)
    edits = [Edit(Span(at, at + 1), "c")]
    found = parsed_again(_names(text), edits, apply(text, edits), "x.py").tree
    assert ast.dump(found) == ast.dump(ast.parse(apply(text, edits)))


def test_a_statement_that_does_not_parse_is_refused() -> None:
    text = "a = 1\nb = 2\n"
    edits = [Edit(Span(4, 5), "(")]
    with pytest.raises(SourceError):
        parsed_again(_names(text), edits, apply(text, edits), "x.py")
    with pytest.raises(SourceError):
        parse(apply(text, edits), "x.py")
