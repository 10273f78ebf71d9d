"""Which import a rewrite needs, and where it goes."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.lines import is_beside, line_end, line_start, next_line
from migrate.model import Edit, Span
from migrate.resolve import STAR, UNBOUND, Names

if TYPE_CHECKING:
    from migrate.scopes import Scope

_ROOT = "mindspore"

#: Names for the imported module, in order of preference, where the first is taken.
_SPELLINGS = (_ROOT, "ms", "mindspore_")


@dataclass(frozen=True, slots=True)
class Need:
    """A place that is to name something of MindSpore.

    Attributes
    ----------
    start : int
        The character at which the expression begins that will hold the name.
    scope : Scope
        Where the name is evaluated.
    target : str
        The dotted path.
    quoted : bool
        Whether the expression stands in a string: an annotation.
    """

    start: int
    scope: Scope
    target: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """How a file reaches MindSpore.

    Attributes
    ----------
    names : dict of str to str
        By dotted module path, the name it is bound to: `{"mindspore": "ms"}`.
    statement : str or None
        The import to add; None where the file has one already.
    """

    names: dict[str, str]
    statement: str | None = None

    def spell(self, target: str) -> str:
        """Return the expression for a dotted target path in this file."""
        module, rest = target, ""
        while module not in self.names:
            module, _, last = module.rpartition(".")
            rest = f".{last}{rest}"
        return self.names[module] + rest


def reference(names: Names, needs: Sequence[Need]) -> Reference | None:
    """Choose how the places of a file name their targets.

    An import of MindSpore that stands above every place, at the module's level and on every way
    through it, is reused. Otherwise `import mindspore` is added, under another name where that one
    is taken at any place.

    Returns
    -------
    Reference or None
        None where every spelling is taken.
    """
    first = min(need.start for need in needs)
    found: dict[str, str] = {}
    for statement in names.tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or names.end(statement) > first:
            continue
        for name, bindings in names.module.bindings.items():
            for binding in bindings:
                if (
                    binding.statement is statement
                    and binding.path.partition(".")[0] == _ROOT
                    and all(names.lookup(name, n.scope) == {binding.path} for n in needs)
                ):
                    found.setdefault(binding.path, name)
    if all(any(_covers(path, need.target) for path in found) for need in needs):
        return Reference(found)
    for spelling in _SPELLINGS:
        taken = {UNBOUND, STAR, _ROOT}
        if all(names.lookup(spelling, need.scope) <= taken for need in needs) and not (
            names.lookup(spelling, names.module) - taken
        ):
            alias = "" if spelling == _ROOT else f" as {spelling}"
            return Reference({_ROOT: spelling}, f"import {_ROOT}{alias}")
    return None


def _covers(module: str, target: str) -> bool:
    # A module is used, and not a class taken out of it: `from mindspore.nn import NLLLoss` may
    # be patched or re-exported by the file on its own account.
    return target.startswith(f"{module}.")


# -- adding ------------------------------------------------------------------------------------


#: What must stay in the first two lines: the interpreter and the encoding (PEP 263).
_FIRST_LINES = re.compile(r"#!|[ \t\f]*#.*?coding[:=]")


def addition(names: Names, statement: str, first: int) -> Edit:
    """Return the edit that adds `statement` where isort would put it.

    That is among the plain imports of third parties in the block of imports that torch stands in;
    below the docstring and `__future__`, and above the project's own imports.

    Parameters
    ----------
    names : Names
    statement : str
        `import mindspore`, perhaps with a name of its own.
    first : int
        Where the first use of it stands.
    """
    end = line_end(names.text)
    block = _block(names, first)
    sections: dict[str, list[ast.stmt]] = {"first": [], "third": [], "own": []}
    for node in block:
        sections[_section(names, node)].append(node)
    plain = [node for node in sections["third"] if isinstance(node, ast.Import)]
    if sections["third"]:
        after = [node for node in plain if _key(node) < statement.split()[1]]
        if after:
            return _below(names, after[-1], f"{statement}{end}", first)
        return _above(names, (plain or sections["third"])[0], f"{statement}{end}", first)
    if sections["first"]:
        return _below(names, sections["first"][-1], f"{end}{statement}{end}", first)
    if sections["own"]:
        return _above(names, sections["own"][0], f"{statement}{end}{end}", first)
    body = names.tree.body
    if ast.get_docstring(names.tree, clean=False) is not None:
        return _below(names, body[0], f"{end}{statement}{end}", first)
    above = _above(names, body[0], f"{statement}{end}{end}", first)
    header = len(names.text[: above.span.start].rstrip())
    if header and next_line(names.text, header) < above.span.start:
        # Below a comment at the top, in front of the blank lines that follow it.
        at = next_line(names.text, header)
        return Edit(Span(at, at), f"{end}{statement}{end}")
    definition = isinstance(body[0], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return Edit(above.span, above.replacement + (end if definition else ""))


def _block(names: Names, first: int) -> list[ast.stmt]:
    """Return the run of imports to add to: the first with torch in it, or the first of all.

    isort sorts each run for itself, and a run ends at any other statement. Empty where all runs
    come too late for the first use.
    """
    runs: list[list[ast.stmt]] = [[]]
    body = names.tree.body
    for node in body[1:] if ast.get_docstring(names.tree, clean=False) is not None else body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            runs[-1].append(node)
        elif runs[-1]:
            runs.append([])
    early = [run for run in runs if run and names.start(run[0]) < first]
    for run in early:
        if any(_key(n).partition(".")[0] == "torch" for n in run):
            return run
    plain = [run for run in early if any(map(_is_plain_import, run))]
    return next(iter(plain or early), [])


def _is_plain_import(node: ast.stmt) -> bool:
    return not (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _section(names: Names, node: ast.stmt) -> str:
    if isinstance(node, ast.ImportFrom) and node.level:
        return "own"
    root = _key(node).partition(".")[0]
    if root == "__future__" or root in sys.stdlib_module_names:
        return "first"
    return "own" if names.package and root == names.package.partition(".")[0] else "third"


def _key(node: ast.stmt) -> str:
    """Return what isort sorts an import statement by."""
    if isinstance(node, ast.Import):
        return node.names[0].name.lower()
    assert isinstance(node, ast.ImportFrom)
    return (node.module or "").lower()


def _above(names: Names, node: ast.stmt, text: str, use: int) -> Edit:
    """Put `text` above a statement and the comment that stands directly on it."""
    decorators = getattr(node, "decorator_list", None) or [node]
    start = line_start(names.text, names.start(decorators[0]))
    body, at = names.tree.body, names.tree.body.index(node)
    if at and is_beside(names.text, names.end(body[at - 1]), names.start(node)):
        # Behind a docstring or a `__future__` import on the same line.
        if use < _behind_line(names, node):
            at = names.start(node)
            return Edit(Span(at, at), f"{text.strip()}; ")
        return _below(names, node, line_end(names.text) + text, use)
    first = start
    while start:
        above = line_start(names.text, start - 1 - names.text.endswith("\r\n", 0, start))
        line = names.text[above:start]
        if _FIRST_LINES.match(line):
            start = first  # the comment is the file's, and not the import's
            break
        if not line.lstrip().startswith("#"):
            break
        start = above
    return Edit(Span(start, start), text)


def _below(names: Names, node: ast.stmt, text: str, use: int) -> Edit:
    """Put `text` below the line of a statement, or right behind it where that line uses it."""
    at = _behind_line(names, node)
    if use < at:
        return Edit(Span(names.end(node), names.end(node)), f"; {text.strip()}")
    if at and names.text[at - 1] not in "\r\n":
        text = line_end(names.text) + text.removesuffix(line_end(names.text))
    return Edit(Span(at, at), text)


def _behind_line(names: Names, node: ast.stmt) -> int:
    """Return where the line below begins that a statement of the module stands on, with others."""
    text, body = names.text, names.tree.body
    for other in body[body.index(node) + 1 :]:
        if not is_beside(text, names.end(node), names.start(other)):
            break
        node = other
    return next_line(text, names.end(node))
