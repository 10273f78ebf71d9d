"""What one planned use of an API becomes, as text."""

from __future__ import annotations

import ast
from collections.abc import Callable

from migrate.match import Form, Refusal
from migrate.model import Edit, Span
from migrate.resolve import Names
from migrate.sites import Site
from migrate.splice import apply
from migrate.work import File, Work

#: Gives the expression for a dotted path of MindSpore, as the file imports it.
Spell = Callable[[str], str]


def written(work: Work, file: File, spell: Spell, text: str | None = None) -> str | Refusal:
    """Return what the use becomes, where `spell` names what it reaches.

    Parameters
    ----------
    work : Work
    file : File
    spell : callable
    text : str or None
        Its text with the sites inside it already rewritten; None for that of the file.
    """
    assert work.made is not None
    site, names = work.site, file.names
    start = names.start(site.node)
    if work.made.is_structural:
        from migrate.render import render

        assert site.call is not None
        api = _applied(names, site.callee, callee_edits(site, names, spell))
        function = site.call.func
        called = {
            Form.METHOD: f"{api}.{getattr(function, 'attr', '')}",
            Form.PARTIAL: names.slice(function),
        }.get(site.form, api)
        given = work.before if text is None else text
        first = api if site.form is Form.PARTIAL else None
        return render(given, work.made, called, file.quote, lead=site.lead, first=first)
    edits = [
        Edit(Span(e.span.start - start, e.span.end - start), e.replacement)
        for e in small_edits(work, names, spell)
    ]
    return apply(work.before, edits)


def small_edits(work: Work, names: Names, spell: Spell) -> list[Edit]:
    """Return the edits of a use of which only names change."""
    assert work.made is not None
    edits = callee_edits(work.site, names, spell)
    for entry in work.made.entries:
        assert entry.source is not None
        argument = work.made.arguments[entry.source]
        if argument.keyword is not None and entry.keyword != argument.parameter:
            start = names.start(argument.keyword)
            edits.append(Edit(Span(start, start + len(argument.parameter)), str(entry.keyword)))
    return edits


def callee_edits(site: Site, names: Names, spell: Spell) -> list[Edit]:
    """Return the edits of the name itself: of its module and its string under getattr."""
    node, target = site.callee, site.rule.target
    if site.form is Form.THROUGH:
        return []
    if isinstance(node, ast.Call):
        module, _, name = target.rpartition(".")
        edits = [Edit(_span(names, node.args[0]), spell(module))]
        old = node.args[1]
        assert isinstance(old, ast.Constant)
        if old.value != name:
            quote = names.slice(old)[-1]
            edits.append(Edit(_span(names, old), f"{quote}{name}{quote}"))
        return edits
    return [Edit(api_span(site, names), spell(target))]


def api_span(site: Site, names: Names) -> Span:
    """Return where the API is named: of getattr the module, of a string what it holds."""
    node = site.callee
    if isinstance(node, ast.Call):
        return _span(names, node.args[0])
    if site.quoted is None:
        return _span(names, node)
    assert site.quoted.end_col_offset is not None
    inside = names.start(node) + 1
    return Span(inside + site.quoted.col_offset, inside + site.quoted.end_col_offset)


def _span(names: Names, node: ast.expr) -> Span:
    return Span(names.start(node), names.end(node))


def _applied(names: Names, node: ast.expr, edits: list[Edit]) -> str:
    start = names.start(node)
    moved = [Edit(Span(e.span.start - start, e.span.end - start), e.replacement) for e in edits]
    return apply(names.slice(node), moved)
