"""What is said of every site of a file, once all is decided."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.codes import CODES
from migrate.flow import InstanceCall
from migrate.model import Finding, Status
from migrate.resolve import Names
from migrate.rewrite import Conversion, describe
from migrate.work import File, Work

if TYPE_CHECKING:
    from migrate.ruleset import RuleSet


def site_findings(file: File) -> Iterator[Finding]:
    """Yield what became of every site, and of every call of an instance."""
    names = file.names
    for work in file.works:
        if work.added and (work.refusal is not None or work.before == work.after):
            continue
        if work.refusal is not None:
            yield _refused(work, names)
        else:
            yield _rewritten(work, names)
    for call in file.flow.edited_calls:
        called = file.called[id(call)]
        rule = call.sites[0].rule
        status, code, message = _call_changes(call)
        edited = status is Status.REWRITTEN
        yield replace(
            _finding(names, call.call, rule.id, status, code, message),
            before=called.before,
            after=called.after if edited else None,
            evidence=called.evidence,
            pairs=called.pairs,
        )
    for device in file.flow.device_calls:
        assert isinstance(device.call.func, ast.Attribute)
        message = f"`.{device.call.func.attr}(…)` removed: {CODES['device-removed'].remedy}"
        rule = device.sites[0].rule
        yield _finding(names, device.call, rule.id, Status.NOTE, "device-removed", message)
    for move in file.moves:
        assert isinstance(move.place.node, (ast.expr, ast.alias, ast.stmt))
        finding = _finding(names, move.place.node, move.rule, move.status, move.code, move.message)
        yield replace(
            finding,
            before=move.before or finding.before,
            after=move.after,
            evidence=move.evidence,
            pairs=move.pairs,
        )


def _call_changes(call: InstanceCall) -> tuple[Status, str, str]:
    """Return what happens to an instance's call: a status, a code, and all of it in words."""
    said, kept = [], ", ".join(call.sites[0].rule.target_call)
    if call.call.keywords and call.positional:
        said.append(("call-positional", "keywords taken out, as another loss may be called here"))
    elif call.call.keywords and not call.sites[0].rule.keeps_call:
        said.append(("call-keywords", f"keywords renamed: {kept}"))
    if call.forward:
        said.append(("call-forward", "`.forward` taken out: a Cell is called itself"))
    if not said:
        words = f"keywords stay: {kept} are MindSpore's here too"
        return Status.NOTE, "keywords-kept", words
    return Status.REWRITTEN, said[0][0], "; ".join(words for _, words in said)


def _refused(work: Work, names: Names) -> Finding:
    assert work.refusal is not None
    site = work.site
    code = CODES[work.refusal.code]
    message = f"{work.refusal.reason}; {code.remedy}"
    status = Status.NOTE if site.note else Status.MANUAL
    finding = _finding(names, site.shown, site.rule.id, status, code.id, message)
    return replace(finding, pairs=() if work.pair is None else (work.pair,))


def _rewritten(work: Work, names: Names) -> Finding:
    assert work.made is not None
    converts = any(isinstance(entry.value, Conversion) for entry in work.made.entries)
    code = "folded" if work.made.folds else "converted" if converts else "renamed"
    rule = work.site.rule
    message = describe(work.made)
    if work.before == work.after:
        code = "called-through"
        targets = sorted({pair.rule.target for pair in work.more}) or [rule.target]
        message = f"what it calls was renamed to {' or '.join(targets)}; its arguments stay"
    elif work.added:
        code = "subclass-call"
    elif work.more:
        calls = "call stays" if len(work.more) == 1 else "calls stay"
        message += f"; {len(work.more)} {calls} as written"
    if work.said:
        message += f"; {work.said}"
    return replace(
        _finding(names, work.site.shown, rule.id, Status.REWRITTEN, code, message),
        before=work.before,
        after=work.after,
        evidence=work.evidence,
        pairs=(*(() if work.pair is None else (work.pair,)), *work.more),
    )


def _finding(
    names: Names,
    node: ast.expr | ast.alias | ast.stmt,
    rule: str,
    status: Status,
    code: str,
    message: str,
) -> Finding:
    line, column = names.lines.position(names.start(node))
    end_line, end_column = names.lines.position(names.end(node))
    return Finding(
        rule, status, code, line, column, end_line, end_column, message, names.slice(node)
    )


def import_findings(file: File, rules: RuleSet, *, is_init: bool) -> Iterator[Finding]:
    """Report imports of an API that no site of the file accounts for."""
    names = file.names
    used = {
        id(binding.alias)
        for work in file.works
        if isinstance(work.site.place.node, ast.Name)
        for found in [names.bindings_of(work.site.place.node.id, work.site.scope)]
        if found is not None
        for binding in found[0]
    }
    words = (*rules.words, *(names.project.words_of(names.path) if names.project else ()))
    places = [place for word in words for _, place in names.places_of(word)]
    # `NLLLoss as NLLLoss` is one import in two words.
    for place in {id(place.node): place for place in places}.values():
        alias, statement = place.node, place.parent()
        if not isinstance(alias, ast.alias) or not isinstance(statement, ast.ImportFrom):
            continue
        scope = names.scope_of(place)
        name = alias.asname or alias.name
        path = next((m for m in names.lookup(name, scope) if m in rules.by_path), None)
        if path is None:
            continue
        rule = rules.by_path[path]
        redundant = alias.asname == alias.name
        at_top = scope is names.module
        if at_top and (is_init or redundant or name in names.exported):
            message = f"`{name}` is exported from here; {CODES['re-export'].remedy}"
            yield _finding(names, alias, rule.id, Status.MANUAL, "re-export", message)
        elif id(alias) not in used:
            message = f"`{name}` is not used here; {CODES['unused-import'].remedy}"
            yield _finding(names, alias, rule.id, Status.NOTE, "unused-import", message)
