"""Which torch imports a rewrite left unused, and how a name is taken out of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from migrate.lines import line_start, next_line
from migrate.model import Edit, Span
from migrate.resolve import Names
from migrate.scopes import Binding, Scope
from migrate.stars import is_torch

#: What reads names out of strings: code that is run, tables of names, and doctests.
_READS_STRINGS = ("eval(", "exec(", "globals(", "locals(", "vars(", ">>>")


def removals(
    names: Names, edits: Sequence[Edit], gone: Iterable[tuple[str, Scope]], *, keep_module: bool
) -> tuple[list[Edit], list[ast.stmt]]:
    """Return what takes out the torch imports that the rewrite left unused.

    What another module of the project imports from here stays. A name of torch's that comes from
    the project's own module goes where its statement keeps another.

    Parameters
    ----------
    names : Names
    edits : sequence of Edit
        All other edits of the file.
    gone : iterable of (str, Scope)
        The names of which at least one use was rewritten, and where it stood.
    keep_module : bool
        Whether imports at the module's level are re-exports, as in an `__init__.py`.

    Returns
    -------
    edits : list of Edit
        Those of statements that keep some of their names.
    statements : list of ast.stmt
        Those that go.
    """
    unused: dict[int, tuple[ast.stmt, set[int]]] = {}
    holders: dict[tuple[str, int], tuple[str, Scope, list[Binding]]] = {}
    for name, scope in gone:
        found = names.bindings_of(name, scope)
        if found is not None:
            holders[name, id(found[1])] = (name, found[1], found[0])
    for name, holder, bindings in holders.values():
        if holder.is_class or (keep_module and holder is names.module):
            continue  # an attribute of the class or the package, which others may read
        if not all(_is_removable(names, binding, name) for binding in bindings):
            continue
        if _is_used(names, name, holder, edits):
            continue
        for binding in bindings:
            assert binding.statement is not None
            _, aliases = unused.setdefault(id(binding.statement), (binding.statement, set()))
            aliases.add(id(binding.alias))
    made: list[Edit] = []
    whole: list[ast.stmt] = []
    for statement, aliases in sorted(unused.values(), key=lambda pair: names.start(pair[0])):
        assert isinstance(statement, (ast.Import, ast.ImportFrom))
        if any(id(alias) not in aliases for alias in statement.names):
            made.extend(_without_aliases(names, statement, aliases))
        elif not _is_own(names, statement):
            # That a module of the project is imported may be what makes the file work.
            whole.append(statement)
    return made, whole


def _is_removable(names: Names, binding: Binding, name: str) -> bool:
    statement, alias = binding.statement, binding.alias
    if binding.kind != "import" or statement is None or alias is None:
        return False
    if not is_torch(binding.path) and not (
        _is_own(names, statement) and all(map(is_torch, names.lookup(name, names.module)))
    ):
        return False
    if alias.asname is not None and alias.asname == alias.name:
        return False  # `from torch import nn as nn` is the explicit form of a re-export
    if any(each is binding for each in names.module.bindings.get(name, ())) and is_exported(
        names, name
    ):
        return False
    place = names.place_at(names.start(statement))
    if any(isinstance(node, (ast.Try, ast.TryStar, ast.With)) for node in place.path):
        return False  # a guarded import asks whether torch is there; its handler is part of that
    lines = names.text[names.start(statement) : next_line(names.text, names.end(statement))]
    first_line = lines[: next_line(lines, 0)]
    at = names.start(alias)
    alias_line = names.text[line_start(names.text, at) : next_line(names.text, names.end(alias))]
    if any(re.search(r"#.*\bnoqa\b", line, re.IGNORECASE) for line in (first_line, alias_line)):
        return False
    return name not in names.exported


def _is_own(names: Names, statement: ast.stmt) -> bool:
    """Tell whether a statement imports names from a module of the project."""
    if names.project is None or not isinstance(statement, ast.ImportFrom):
        return False
    bound = (each for every in names.module.bindings.values() for each in every)
    base = next((each.imported_from for each in bound if each.statement is statement), None)
    return base is not None and names.project.is_module(base, names.path)


def is_exported(names: Names, name: str) -> bool:
    """Tell whether a name of the module's is in its `__all__`, or another file reads it there."""
    return name in names.exported or (
        names.project is not None and names.project.is_imported(names.path, name)
    )


def _is_used(names: Names, name: str, holder: Scope, edits: Sequence[Edit]) -> bool:
    for edit in edits:
        if name in edit.replacement and name in _names_in(edit.replacement):
            return True
    spans = sorted(edit.span for edit in edits if edit.span.start < edit.span.end)
    # Such a file may read any of its names by a string; an import too many does no harm.
    loose = any(sign in names.text for sign in _READS_STRINGS)
    for offset, place in names.places_of(name):
        if any(span.start <= offset < span.end for span in spans):
            continue
        node = place.node
        if isinstance(node, (ast.Global, ast.Nonlocal, ast.JoinedStr)):
            return True
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and (loose or _is_read_by_name(place.path, node)):
                return True
        elif isinstance(node, ast.Name) and node.id == name:
            # Where it is bound once more, a class body may do so for itself.
            stored = isinstance(node.ctx, ast.Store)
            if not stored and _reads(names, name, names.scope_of(place), holder):
                return True
        elif _in_type_comment(names.text, offset):
            return True
    return False


def _reads(names: Names, name: str, scope: Scope, holder: Scope) -> bool:
    found = names.bindings_of(name, scope)
    if found is None or found[1] is holder:
        return found is not None
    # In `nn = nn` of a class body the right side is the outer name.
    outer = found[1].parent
    return found[1].is_class and outer is not None and _reads(names, name, outer, holder)


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
        if isinstance(outer, ast.Subscript) and inner is outer.slice:
            # `Optional["torch.Tensor"]`, and not `modules["torch"]`
            generic = getattr(outer.value, "id", getattr(outer.value, "attr", ""))
            if generic[:1].isupper() or generic in ("dict", "list", "set", "tuple", "type"):
                return True
        if isinstance(outer, ast.stmt):
            return False
    return False


def _in_type_comment(text: str, offset: int) -> bool:
    line = text[line_start(text, offset) : offset]
    return re.search(r"#\s*type:", line) is not None


def _without_aliases(
    names: Names, statement: ast.Import | ast.ImportFrom, gone: set[int]
) -> list[Edit]:
    """Return the edits that take the aliases in `gone` out of a list that keeps others."""
    aliases = statement.names
    edits: list[Edit] = []
    index = 0
    while index < len(aliases):
        end = index
        while end < len(aliases) and id(aliases[end]) in gone:
            end += 1
        if end > index:
            edits += _without_run(names, statement, index, end)
        index = end + 1
    return edits


def _without_run(
    names: Names, statement: ast.Import | ast.ImportFrom, first: int, end: int
) -> list[Edit]:
    """Return the edits that take out neighbours, of which at least one alias is no part."""
    text, aliases = names.text, statement.names
    run = aliases[first:end]
    start = names.start(run[0])
    comma = _past_comma(text, names.end(run[-1]))
    behind = text[comma : next_line(text, comma)]
    if "#" in text[start:comma] or behind.lstrip().startswith("#"):
        return [_around_comments(names, statement, alias) for alias in run]
    if end == len(aliases):
        # From behind the one before; a trailing comma, and what follows, stays.
        begin = names.end(aliases[first - 1])
        if "#" in text[begin:start]:
            return [_around_comments(names, statement, alias) for alias in run]
        return [Edit(Span(begin, names.end(run[-1])), "")]
    following = names.start(aliases[end])
    if "#" in text[comma:following]:
        return [_around_comments(names, statement, alias) for alias in run]
    beside = first > 0 and names.end(aliases[first - 1]) > line_start(text, start)
    if beside and re.search(r"[\r\n]", text[comma:following]):
        # Others stand before them on the line, and the next one on a line of its own.
        return [Edit(Span(len(text[:start].rstrip(" \t")), comma), "")]
    return [Edit(Span(start, following), "")]


def _around_comments(
    names: Names, statement: ast.Import | ast.ImportFrom, alias: ast.alias
) -> Edit:
    """Return the removal of one alias in a list with comments, each of which stays in its line."""
    text = names.text
    start = names.start(alias)
    comma = _past_comma(text, names.end(alias))
    line, below = line_start(text, start), next_line(text, comma)
    rest = text[comma:below]
    if text[line:start].strip():
        return Edit(Span(len(text[:start].rstrip(" \t")), comma), "")
    if not rest.strip() and line > names.start(statement):
        return Edit(Span(line, below), "")
    return Edit(Span(start, comma + len(rest) - len(rest.lstrip(" \t"))), "")


def _past_comma(text: str, end: int) -> int:
    found = re.compile(r"\s*,").match(text, end)
    return found.end() if found else end
