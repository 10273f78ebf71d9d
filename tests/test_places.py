"""The node at a character of the text, against a walk of the whole tree."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.located import Located
from migrate.places import Place
from migrate.source import LineIndex

EVERY_KIND = '''
import a.b as c, d
from e import (f as g,
    h)

@decorated(x)
@again
class K(base, metaclass=m):
    """Doc."""
    field: "kind" = 1

    async def f(self, a, /, b: int = 1, *args: t, c, d=2, **kw) -> r:
        global q
        async with w as v, z:
            async for i in j: yield i
        else_ = {**k, "key": [*l, n[1:2, ::3]], **o}
        return await p(*s, u=1, **y)

    @property
    def g(self): return lambda a, b=1: (a if b else -a) < 3 <= 4 and not é or x.y.z

try:
    (a := 1)
    del b, c[0]
except (E, F) as e: raise G from e
else: assert x, "no"
finally: x @= 2; y: int
with open(f"{a!r:{b}} and {c}") as f, g: pass
match m:
    case [1, *rest] | {"a": A(b, c=d), **more} if cond: pass
    case None | -1 | x.y | str() as z: pass
    case _: print("é", é, [i for j in k if l for i in j], {m: n for m in o}, {*p}, (q for q in r))
'''

SINCE_3_12 = "type Alias[T: int] = list[T]\ndef f[**P, *Ts](a: P) -> Ts: ...\nclass G[T]: x: T\n"


def texts() -> Iterator[object]:
    yield pytest.param(EVERY_KIND, id="every kind of node")
    newer = sys.version_info >= (3, 12)
    marks = pytest.mark.skipif(not newer, reason="the syntax of Python 3.12")
    yield pytest.param(SINCE_3_12, id="type parameters", marks=marks)
    for path in sorted(Path(__file__).parent.parent.glob("migrate/[a-d]*.py")):
        yield pytest.param(path.read_text(encoding="utf-8"), id=path.name)


@pytest.mark.parametrize("text", list(texts()))
def test_the_node_at_a_character_is_the_innermost_that_covers_it(text: str) -> None:
    tree, lines = ast.parse(text), LineIndex(text)
    wanted: list[Place] = [Place((tree,))] * len(text)

    def visit(place: Place) -> None:
        node = place.node
        if isinstance(node, (ast.expr, ast.stmt, ast.alias, ast.keyword, ast.arg, ast.pattern)):
            first = [*getattr(node, "decorator_list", ()), node][0]
            start = lines.offset(first.lineno, first.col_offset)
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            for at in range(start, lines.offset(node.end_lineno, node.end_col_offset)):
                wanted[at] = place
        elif isinstance(node, (ast.excepthandler, getattr(ast, "type_param", ()))):
            end = lines.offset(node.end_lineno, node.end_col_offset)  # type: ignore[arg-type]
            for at in range(lines.offset(node.lineno, node.col_offset), end):
                wanted[at] = place
        if not isinstance(node, ast.JoinedStr):  # before 3.12 positions within it are wrong
            for child in ast.iter_child_nodes(node):
                visit(place.down(child))

    visit(Place((tree,)))
    # One who asks from the end to the start finds the same as one who asks for few.
    forward, backward = Located(tree, text, lines), Located(tree, text, lines)
    for at in range(len(text)):
        assert forward.place_at(at) == wanted[at], text[max(0, at - 40) : at + 1]
    for at in range(len(text) - 1, -1, -3):
        assert backward.place_at(at) == wanted[at], text[max(0, at - 40) : at + 1]


FUNCTIONS = """
def f(): pass
class K:
    @decorated
    async  def \\
        f(self): "def f()"
    def g(self):  # def f(): of the class
        if self:
            def f(): return f"def f(): {self}"
def ﬁ(): "as Python writes it: fi"
"""


def test_functions_are_found_by_their_names() -> None:
    tree, found = (
        ast.parse(FUNCTIONS),
        Located(ast.parse(FUNCTIONS), FUNCTIONS, LineIndex(FUNCTIONS)),
    )
    wanted: dict[str, list[int]] = {"h": []}
    for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            wanted.setdefault(node.name, []).append(node.lineno)
    assert {len(lines) for lines in wanted.values()} == {0, 1, 3}
    for name, lines in wanted.items():
        assert [node.lineno for node in found.functions_named(name)] == lines
