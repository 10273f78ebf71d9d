"""Which import a rewrite needs, where it goes, and which imports the rewrite left unused."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.model import Edit, Span
from migrate.resolve import NONE, STAR, UNBOUND, Names
from migrate.scopes import Binding, Scope

if TYPE_CHECKING:
    from migrate.match import Site

_ROOT = "mindspore"

#: Names for the imported module, in order of preference, where the first is taken.
_SPELLINGS = (_ROOT, "ms", "mindspore_")


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


def reference(names: Names, sites: Sequence[Site]) -> Reference | None:
    """Choose how the file's sites name their targets.

    An import of MindSpore that stands above every site, at the module's level and on every way
    through it, is reused. Otherwise `import mindspore` is added, under another name where that one
    is taken at any site.

    Returns
    -------
    Reference or None
        None where every spelling is taken.
    """
    first = min(names.start(site.node) for site in sites)
    found: dict[str, str] = {}
    for statement in names.tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or names.end(statement) > first:
            continue
        for name, bindings in names.module.bindings.items():
            for binding in bindings:
                if (
                    binding.statement is statement
                    and binding.path.partition(".")[0] == _ROOT
                    and all(names.lookup(name, s.scope) == {binding.path} for s in sites)
                ):
                    found.setdefault(binding.path, name)
    if all(any(_covers(path, site.rule.target) for path in found) for site in sites):
        return Reference(found)
    for spelling in _SPELLINGS:
        taken = {NONE, UNBOUND, STAR, _ROOT}
        if all(names.lookup(spelling, site.scope) <= taken for site in sites) and not (
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


def addition(names: Names, statement: str) -> Edit:
    """Return the edit that adds `statement` where isort would put it.

    That is among the plain imports of third parties in the file's first block of imports; below
    the docstring and `__future__`, and above the project's own imports.
    """
    end = line_end(names.text)
    block = _first_block(names.tree)
    sections: dict[str, list[ast.stmt]] = {"first": [], "third": [], "own": []}
    for node in block:
        sections[_section(names, node)].append(node)
    plain = [node for node in sections["third"] if isinstance(node, ast.Import)]
    if sections["third"]:
        after = [node for node in plain if _key(node) < statement.split()[1]]
        if after:
            return _below(names, after[-1], f"{statement}{end}")
        return _above(names, (plain or sections["third"])[0], f"{statement}{end}")
    if sections["first"]:
        return _below(names, sections["first"][-1], f"{end}{statement}{end}")
    if sections["own"]:
        return _above(names, sections["own"][0], f"{statement}{end}{end}")
    body = names.tree.body
    if ast.get_docstring(names.tree, clean=False) is not None:
        return _below(names, body[0], f"{end}{statement}{end}")
    return _above(names, body[0], f"{statement}{end}{end}")


def line_end(text: str) -> str:
    """Return the line end that a file uses first."""
    found = re.search(r"\r\n|\r|\n", text)
    return found.group() if found else "\n"


def _first_block(tree: ast.Module) -> list[ast.stmt]:
    body = tree.body
    if ast.get_docstring(tree, clean=False) is not None:
        body = body[1:]
    block: list[ast.stmt] = []
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            block.append(node)
        elif any(_is_plain_import(n) for n in block):
            break
    return block


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


def _above(names: Names, node: ast.stmt, text: str) -> Edit:
    decorators = getattr(node, "decorator_list", None) or [node]
    start = names.start(decorators[0])
    start = _line_start(names.text, start)
    return Edit(Span(start, start), text)


def _below(names: Names, node: ast.stmt, text: str) -> Edit:
    at = _next_line(names.text, names.end(node))
    if at and names.text[at - 1] not in "\r\n":
        text = line_end(names.text) + text.removesuffix(line_end(names.text))
    return Edit(Span(at, at), text)


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _next_line(text: str, offset: int) -> int:
    found = re.compile(r"\r\n|\r|\n").search(text, offset)
    return found.end() if found else len(text)


# -- removing ----------------------------------------------------------------------------------


def removals(
    names: Names, edits: Sequence[Edit], gone: Iterable[tuple[str, Scope]], *, keep_module: bool
) -> list[Edit]:
    """Return the edits that take out torch imports which the rewrite left unused.

    Parameters
    ----------
    names : Names
    edits : sequence of Edit
        All other edits of the file.
    gone : iterable of (str, Scope)
        The names of which at least one use was rewritten, and where it stood.
    keep_module : bool
        Whether imports at the module's level are re-exports, as in an `__init__.py`.
    """
    unused: dict[int, tuple[ast.stmt, set[int]]] = {}
    holders: dict[tuple[str, int], tuple[str, Scope, list[Binding]]] = {}
    for name, scope in gone:
        found = names.bindings_of(name, scope)
        if found is not None:
            holders[name, id(found[1])] = (name, found[1], found[0])
    for name, holder, bindings in holders.values():
        if keep_module and holder is names.module:
            continue
        if not all(_is_removable(names, binding, name) for binding in bindings):
            continue
        if _is_used(names, name, holder, edits):
            continue
        for binding in bindings:
            assert binding.statement is not None
            _, aliases = unused.setdefault(id(binding.statement), (binding.statement, set()))
            aliases.add(id(binding.alias))
    made: list[Edit] = []
    for statement, aliases in sorted(unused.values(), key=lambda pair: names.start(pair[0])):
        assert isinstance(statement, (ast.Import, ast.ImportFrom))
        stay = [alias for alias in statement.names if id(alias) not in aliases]
        if stay:
            made.extend(_without_aliases(names, statement, aliases))
        else:
            made.append(statement_removal(names, statement))
    return made


def _is_removable(names: Names, binding: Binding, name: str) -> bool:
    statement, alias = binding.statement, binding.alias
    if binding.kind != "import" or statement is None or alias is None:
        return False
    if binding.path.partition(".")[0] != "torch":
        return False
    if alias.asname is not None and alias.asname == alias.name:
        return False  # `from torch import nn as nn` is the explicit form of a re-export
    place = names.place_at(names.start(statement))
    if any(isinstance(node, (ast.Try, ast.TryStar)) for node in place.path):
        return False  # a guarded import asks whether torch is there; its handler is part of that
    lines = names.text[names.start(statement) : _next_line(names.text, names.end(statement))]
    first_line = lines[: _next_line(lines, 0)]
    at = names.start(alias)
    alias_line = names.text[_line_start(names.text, at) : _next_line(names.text, names.end(alias))]
    if any(re.search(r"#.*\bnoqa\b", line, re.IGNORECASE) for line in (first_line, alias_line)):
        return False
    return name not in exported(names)


def exported(names: Names) -> frozenset[str]:
    """Return the names in the module's `__all__`."""
    if "__all__" not in names.text:
        return frozenset()
    found: set[str] = set()
    for _, place in names.places_of("__all__"):
        statement = next((n for n in reversed(place.path) if isinstance(n, ast.stmt)), None)
        for node in ast.walk(statement) if statement is not None else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def _is_used(names: Names, name: str, holder: Scope, edits: Sequence[Edit]) -> bool:
    for edit in edits:
        if name in edit.replacement and name in _names_in(edit.replacement):
            return True
    spans = sorted(edit.span for edit in edits if edit.span.start < edit.span.end)
    for offset, place in names.places_of(name):
        if any(span.start <= offset < span.end for span in spans):
            continue
        node = place.node
        if isinstance(node, (ast.Global, ast.Nonlocal, ast.JoinedStr)):
            return True
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and _is_read_by_name(place.path, node):
                return True
        elif isinstance(node, ast.Name) and node.id == name:
            found = names.bindings_of(name, names.scope_of(place))
            if found is not None and found[1] is holder:
                return True
        elif _in_type_comment(names.text, offset):
            return True
    return False


def _names_in(replacement: str) -> set[str]:
    try:
        tree = ast.parse(replacement.strip())
    except SyntaxError:  # a keyword or a fragment of a list holds no name of a module
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_read_by_name(path: tuple[ast.AST, ...], node: ast.Constant) -> bool:
    """Tell whether a string is an annotation, or the code of `eval`, `exec` or `cast`."""
    for inner, outer in zip(reversed(path), reversed(path[:-1]), strict=False):
        if inner in (getattr(outer, "annotation", None), getattr(outer, "returns", None)):
            return True
        if isinstance(outer, ast.Call):
            called = getattr(outer.func, "id", getattr(outer.func, "attr", ""))
            return called in ("eval", "exec", "cast", "TypeVar", "ForwardRef")
        if isinstance(outer, ast.stmt):
            return False
    return False


def _in_type_comment(text: str, offset: int) -> bool:
    line = text[_line_start(text, offset) : offset]
    return re.search(r"#\s*type:", line) is not None


def statement_removal(names: Names, statement: ast.stmt) -> Edit:
    """Return the edit that takes out a simple statement, with its line where it stands alone.

    A statement that is all of its block becomes `pass`. A comment on its line stays.
    """
    text = names.text
    start, end = names.start(statement), names.end(statement)
    if _is_only_child(names, statement):
        return Edit(Span(start, end), "pass")
    line, after = _line_start(text, start), _next_line(text, end)
    before_it, behind_it = text[line:start], text[end:after]
    following = re.match(r"[ \t\f]*;[ \t\f]*", behind_it)
    if following and behind_it[following.end() :].strip() and behind_it[following.end()] != "#":
        return Edit(Span(start, end + following.end()), "")
    if before_it.strip(" \t\f\ufeff"):  # something stands before it on the line: `a; b`
        separator = re.search(r"[ \t\f]*;[ \t\f]*$", before_it)
        begin = start - len(separator.group()) if separator else start
        return Edit(Span(begin, end + (following.end() if following else 0)), "")
    if behind_it.strip(" \t\f;\r\n"):  # a comment
        gap = re.match(r"[ \t\f;]*", behind_it)
        return Edit(Span(start, end + (gap.end() if gap else 0)), "")
    return Edit(Span(line, after), "")


def _is_only_child(names: Names, statement: ast.stmt) -> bool:
    parent = names.place_at(names.start(statement))
    for node in reversed(parent.path):
        for part in ("body", "orelse", "finalbody"):
            block = getattr(node, part, None)
            if isinstance(block, list) and statement in block:
                return len(block) == 1 and not isinstance(node, ast.Module)
    return False


def _without_aliases(
    names: Names, statement: ast.Import | ast.ImportFrom, gone: set[int]
) -> list[Edit]:
    """Return the edits that take the aliases in `gone` out of a list that keeps others."""
    text = names.text
    edits = []
    aliases = statement.names
    last_kept = max(i for i, alias in enumerate(aliases) if id(alias) not in gone)
    for index, alias in enumerate(aliases):
        if id(alias) not in gone:
            continue
        start, end = names.start(alias), names.end(alias)
        if index > last_kept:
            # From behind the one before it; a trailing comma after the last one stays.
            begin = names.end(aliases[index - 1])
            if "#" in text[begin:start]:
                begin = start
                end = _past_comma(text, end)
            edits.append(Edit(Span(begin, end), ""))
            continue
        following = names.start(aliases[index + 1])
        comma = _past_comma(text, end)
        between = text[comma:following]
        if not re.search(r"[\r\n]", between):
            edits.append(Edit(Span(start, following), ""))
        elif "#" in between or "\\" in between:
            edits.append(Edit(Span(start, following if "#" not in between else comma), ""))
        elif text[_line_start(text, start) : start].strip():
            # Others stand before it on the line, and the next one on a line of its own.
            begin = len(text[:start].rstrip(" \t"))
            edits.append(Edit(Span(begin, comma), ""))
        else:
            edits.append(Edit(Span(start, following), ""))
    return edits


def _past_comma(text: str, end: int) -> int:
    found = re.compile(r"\s*,").match(text, end)
    return found.end() if found else end
