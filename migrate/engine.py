"""One file from text to text: match, plan, prove, follow, edit, and look at the result again.

Pure: no file is read or written here, and nothing of the user's is run. A site goes through in
this order, and is handed over at the first step that says why.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from migrate.codes import CODES
from migrate.errors import SourceError
from migrate.flow import DeviceCall, Flow, InstanceCall, follow
from migrate.imports import addition, exported, reference, removals, statement_removal
from migrate.left import torch_left
from migrate.match import Refusal, Site, find_sites
from migrate.model import Edit, Evidence, FileResult, Finding, Span, Status
from migrate.resolve import Names, Scope
from migrate.rewrite import Conversion, Plan, describe, plan
from migrate.source import LineIndex, parse
from migrate.splice import apply, differs_outside

if TYPE_CHECKING:
    from migrate.imports import Reference
    from migrate.ruleset import RuleSet


@dataclass(slots=True)
class _Work:
    """What is known of one call on its way; a step that refuses it sets `refusal`."""

    site: Site
    made: Plan | None = None
    before: str = ""
    after: str = ""
    evidence: Evidence | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class _File:
    names: Names
    quote: str
    works: list[_Work]
    flow: Flow = field(default_factory=Flow)
    called: dict[int, tuple[str, str, Evidence]] = field(default_factory=dict)


def rewrite_source(
    text: str, *, path: str = "<string>", rules: RuleSet, package: str = "", left: bool = True
) -> FileResult:
    """Migrate the text of one module.

    Parameters
    ----------
    text : str
        With its own line ends; without a byte-order mark.
    path : str
        For messages, and to tell an `__init__.py`.
    rules : RuleSet
    package : str
        The dotted package that the file is in, where known: relative imports are read against it.
    left : bool
        Whether to collect `torch_left`, which walks the whole file.

    Returns
    -------
    FileResult

    Raises
    ------
    SourceError
        If `text` cannot be parsed.
    """
    names = Names(parse(text, path), text, LineIndex(text), package)
    sites = find_sites(names, rules)
    file = _File(names, _quote(text), [_Work(site, refusal=site.refusal) for site in sites])
    for work in file.works:
        if work.refusal is None:
            _plan(work, file)
    _follow(file)
    is_init = path.replace("\\", "/").rpartition("/")[2] == "__init__.py"
    new_text, names_after = _edited(file, is_init=is_init, path=path)
    findings = [*_findings(file, new_text != text), *_import_findings(file, rules, is_init)]
    findings.sort(key=lambda f: (f.line, f.column, f.end_line, f.end_column, f.status, f.code))
    return FileResult(
        path,
        before=text,
        after=new_text,
        findings=tuple(findings),
        torch_left=torch_left(names_after) if left else (),
    )


def _quote(text: str) -> str:
    """Return the quotation mark that the file prefers for its strings."""
    single, double = text.count("'"), text.count('"') - 3 * text.count('"""')
    return '"' if double > single else "'"


# -- one call ------------------------------------------------------------------------------------


def _plan(work: _Work, file: _File) -> None:
    site, names = work.site, file.names
    assert site.call is not None
    work.before = names.slice(site.call)
    if not _is_the_call(work.before, site.call):
        work.refusal = Refusal("unproven", "its text cannot be cut out of the file")
        return
    made = plan(site, names)
    if isinstance(made, Refusal):
        work.refusal = made
        return
    work.made = made
    after = _written(work, file, site.rule.target)
    if isinstance(after, Refusal):
        work.refusal = after
        return
    work.after = after
    proof = _proof(made, work.before, after)
    if isinstance(proof, Refusal):
        work.refusal = proof
    else:
        work.evidence = proof


def _is_the_call(text: str, call: ast.Call) -> bool:
    try:
        again = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return False
    return ast.dump(again) == ast.dump(call)


def _written(work: _Work, file: _File, function: str, text: str | None = None) -> str | Refusal:
    """Return what the call becomes, with `function` called."""
    assert work.made is not None
    assert work.site.call is not None
    if work.made.is_structural:
        from migrate.render import render

        return render(work.before if text is None else text, work.made, function, file.quote)
    start = file.names.start(work.site.call)
    edits = [
        Edit(Span(e.span.start - start, e.span.end - start), e.replacement)
        for e in _small_edits(work, file.names, function)
    ]
    return apply(work.before, edits)


def _small_edits(work: _Work, names: Names, function: str) -> list[Edit]:
    """Return the edits of a call of which only names change."""
    assert work.made is not None
    assert work.site.call is not None
    node = work.site.call.func
    edits = [Edit(Span(names.start(node), names.end(node)), function)]
    for entry in work.made.entries:
        assert entry.source is not None
        argument = work.made.arguments[entry.source]
        if argument.keyword is not None and entry.keyword != argument.parameter:
            start = names.start(argument.keyword)
            edits.append(Edit(Span(start, start + len(argument.parameter)), str(entry.keyword)))
    return edits


def _proof(
    made: Plan,
    before: str,
    after: str,
    call_before: str | None = None,
    call_after: str | None = None,
    harmless: frozenset[str] = frozenset(),
) -> Evidence | Refusal:
    # Late: a run that finds nothing to prove needs no NumPy.
    from migrate.prove import Disproof, Pair, prove

    proof = prove(Pair(made.rule, before, after, call_before, call_after, made.booleans, harmless))
    if isinstance(proof, Disproof):
        case = f" ({proof.case})" if proof.case else ""
        return Refusal("unproven", f"{proof.message}{case}")
    return proof


# -- what reaches what ---------------------------------------------------------------------------


def _follow(file: _File) -> None:
    """Follow the instances until no constructor is handed over because of its uses any more."""
    while True:
        open_works = {id(w.site): w for w in file.works if w.refusal is None and w.made is not None}
        file.flow = follow(file.names, [work.site for work in open_works.values()])
        refused = dict(file.flow.refusals)
        file.called = {}
        for call in file.flow.keyword_calls:
            for site in call.sites:
                if id(site) in open_works and id(site) not in refused:
                    proof = _prove_call(call, open_works[id(site)], file)
                    if isinstance(proof, Refusal):
                        refused.update({id(s): proof for s in call.sites})
        for device in file.flow.device_calls:
            for site in device.sites:
                if id(site) in open_works and id(site) not in refused and device.statement is None:
                    proof = _prove_chain(device, open_works[id(site)], file)
                    if isinstance(proof, Refusal):
                        refused[id(site)] = proof
        if not refused:
            return
        for key, refusal in refused.items():
            open_works[key].refusal = refusal


def _prove_call(call: InstanceCall, work: _Work, file: _File) -> Refusal | None:
    """Prove a constructor and one call of its instance together."""
    assert work.made is not None
    names = file.names
    start = names.start(call.call)
    before = names.slice(call.call)
    edits = [
        Edit(Span(e.span.start - start, e.span.end - start), e.replacement)
        for e in _keyword_edits(call, names)
    ]
    after = apply(before, edits)
    if call.at_once:
        # The constructor stands within the call: `nn.NLLLoss()(input=x, target=y)`.
        place = before.index(work.before)
        shifted = apply(before, [*edits, Edit(Span(place, place + len(work.before)), work.after)])
        chain = _chain_edits(work.site, file, start)
        after = (
            apply(
                before,
                [*edits, *chain, Edit(Span(place, place + len(work.before)), work.after)],
            )
            if chain
            else shifted
        )
        proof = _proof(work.made, before, after, harmless=_harmless(file, work.site))
    else:
        proof = _proof(work.made, work.before, work.after, before, after)
    if isinstance(proof, Refusal):
        return proof
    file.called[id(call)] = (before, after, proof)
    return None


def _chain_edits(site: Site, file: _File, start: int) -> list[Edit]:
    edits = [
        edit
        for device in file.flow.device_calls
        if device.sites == (site,) and device.statement is None
        for edit in [_device_edit(device, file.names)]
        if edit is not None
    ]
    return [Edit(Span(e.span.start - start, e.span.end - start), e.replacement) for e in edits]


def _prove_chain(device: DeviceCall, work: _Work, file: _File) -> Refusal | None:
    assert work.made is not None
    if _device_edit(device, file.names) is None:
        return Refusal("chained-call", "the layout of the chained call cannot be taken apart")
    inner: ast.expr = device.call
    while isinstance(inner, ast.Call) and inner is not work.site.call:
        assert isinstance(inner.func, ast.Attribute)
        inner = inner.func.value
    if inner is not work.site.call:
        return None  # a call on a name that holds the instance
    before = file.names.slice(device.call)
    proof = _proof(work.made, before, work.after, harmless=_harmless(file, work.site))
    if isinstance(proof, Refusal):
        return proof
    return None


def _harmless(file: _File, site: Site) -> frozenset[str]:
    """Return the texts of the device arguments that following has found to be without effect."""
    return frozenset(
        ast.unparse(value)
        for device in file.flow.device_calls
        if site in device.sites
        for value in [*device.call.args, *(k.value for k in device.call.keywords)]
    )


def _keyword_edits(call: InstanceCall, names: Names) -> list[Edit]:
    rule = call.sites[0].rule
    renamed = dict(zip(rule.source_call, rule.target_call, strict=True))
    edits = []
    for keyword in call.call.keywords:
        assert keyword.arg is not None
        start = names.start(keyword)
        edits.append(Edit(Span(start, start + len(keyword.arg)), renamed[keyword.arg]))
    return edits


def _device_edit(device: DeviceCall, names: Names) -> Edit | None:
    """Return the edit that takes `.cuda(…)` off an expression, or None for a strange layout."""
    assert isinstance(device.call.func, ast.Attribute)
    if device.statement is not None:
        return statement_removal(names, device.statement)
    inner, end = names.end(device.call.func.value), names.end(device.call)
    attribute = names.end(device.call.func) - len(device.call.func.attr)
    dot = names.text.rfind(".", inner, attribute)
    if dot < 0 or names.text[dot + 1 : attribute].strip(" \t\\\r\n"):
        return None
    between = names.text[inner:dot]
    if "#" in between or "#" in names.text[attribute:end]:
        return None
    start = inner + len(between.rstrip()) if between.strip() else inner
    return Edit(Span(start, end), "")


# -- the file ------------------------------------------------------------------------------------


def _edited(file: _File, *, is_init: bool, path: str) -> tuple[str, Names]:
    """Return the text after all edits; the old one where the result would not hold."""
    names = file.names
    works = [w for w in file.works if w.refusal is None]
    if not works:
        return names.text, names
    refer = reference(names, [work.site for work in works])
    if refer is None:
        reason = "mindspore, ms and mindspore_ all mean something else here"
        return _all_refused(file, works, Refusal("name-clash", reason))
    edits = _inner_edits(file)
    spells: dict[int, str] = {}
    for work in sorted(works, key=lambda w: len(w.before)):
        spells[id(work)] = refer.spell(work.site.rule.target)
        edits = _with_call(work, file, spells[id(work)], edits)
    imports = removals(names, edits, _gone(file, works), keep_module=is_init)
    if refer.statement is not None:
        imports.insert(0, addition(names, refer.statement))
    every = sorted([*edits, *imports])
    text = apply(names.text, every)
    try:
        tree = parse(text, path)
    except SourceError as error:
        return _all_refused(file, works, Refusal("unproven", f"the result does not parse: {error}"))
    after = Names(tree, text, LineIndex(text), names.package)
    reason = differs_outside(names, after, every) or _not_reached(file, after, every, works, refer)
    if reason:
        return _all_refused(file, works, Refusal("unproven", reason))
    return text, after


def _all_refused(file: _File, works: Iterable[_Work], refusal: Refusal) -> tuple[str, Names]:
    for work in works:
        work.refusal = refusal
    file.flow = Flow()
    return file.names.text, file.names


def _inner_edits(file: _File) -> list[Edit]:
    names = file.names
    edits: dict[Edit, None] = {}
    for call in file.flow.keyword_calls:
        edits.update(dict.fromkeys(_keyword_edits(call, names)))
    for device in file.flow.device_calls:
        edit = _device_edit(device, names)
        if edit is not None:
            edits[edit] = None
    return list(edits)


def _with_call(work: _Work, file: _File, function: str, edits: list[Edit]) -> list[Edit]:
    """Add the edits of one call to those of the calls within it."""
    assert work.made is not None
    assert work.site.call is not None
    if not work.made.is_structural:
        return [*edits, *_small_edits(work, file.names, function)]
    start, end = file.names.start(work.site.call), file.names.end(work.site.call)
    within = [e for e in edits if start <= e.span.start and e.span.end <= end]
    moved = [Edit(Span(e.span.start - start, e.span.end - start), e.replacement) for e in within]
    text = _written(work, file, function, apply(work.before, moved))
    assert isinstance(text, str)
    return [*(e for e in edits if e not in within), Edit(Span(start, end), text)]


def _gone(file: _File, works: Sequence[_Work]) -> list[tuple[str, Scope]]:
    """Return the names of which the edits take away a use."""
    gone: list[tuple[str, Scope]] = []
    for work in works:
        root: ast.expr = work.site.call.func  # type: ignore[union-attr]
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            gone.append((root.id, work.site.scope))
    for device in file.flow.device_calls:
        scope = file.names.scope_of(device.place)
        for value in [*device.call.args, *(k.value for k in device.call.keywords)]:
            gone += [(n.id, scope) for n in ast.walk(value) if isinstance(n, ast.Name)]
    return gone


def _not_reached(
    file: _File, after: Names, edits: Sequence[Edit], works: Sequence[_Work], refer: Reference
) -> str:
    """Return what is wrong where a rewritten call does not reach its target in the new text."""
    for work in works:
        assert work.site.call is not None
        start = file.names.start(work.site.call.func)
        target = work.site.rule.target
        at = start + sum(
            len(e.replacement) - (e.span.end - e.span.start)
            for e in edits
            if e.span.end <= start and e.span != Span(start, start)
        )
        nested = next((e for e in edits if e.span.start < start < e.span.end), None)
        if nested is not None:
            continue  # within a call that was rendered as a whole, and is looked at itself
        spelled = refer.spell(target)
        place = after.place_at(after.text.index(spelled, at) + len(spelled) - 1)
        node = place.node
        if not isinstance(node, ast.expr) or after.resolve(node, after.scope_of(place)) != {target}:
            return f"`{spelled}` does not reach {target} in the new text"
    return ""


# -- findings ------------------------------------------------------------------------------------


def _findings(file: _File, changed: bool) -> Iterable[Finding]:
    names = file.names
    for work in file.works:
        if work.refusal is not None:
            yield _refused(work, names)
        else:
            yield _rewritten(work, names)
    if not changed:
        return
    for call in file.flow.keyword_calls:
        before, after, evidence = file.called[id(call)]
        rule = call.sites[0].rule
        message = f"keywords renamed: {', '.join(rule.target_call)}"
        yield replace(
            _finding(names, call.call, rule.id, Status.REWRITTEN, "call-keywords", message),
            before=before,
            after=after,
            evidence=evidence,
        )
    for device in file.flow.device_calls:
        assert isinstance(device.call.func, ast.Attribute)
        message = f"`.{device.call.func.attr}(…)` removed: {CODES['device-removed'].remedy}"
        rule = device.sites[0].rule
        yield _finding(names, device.call, rule.id, Status.NOTE, "device-removed", message)


def _refused(work: _Work, names: Names) -> Finding:
    assert work.refusal is not None
    site = work.site
    code = CODES[work.refusal.code]
    message = f"{work.refusal.reason}; {code.remedy}"
    status = Status.NOTE if site.note else Status.MANUAL
    return _finding(names, site.node, site.rule.id, status, code.id, message)


def _rewritten(work: _Work, names: Names) -> Finding:
    assert work.made is not None
    converts = any(isinstance(entry.value, Conversion) for entry in work.made.entries)
    code = "folded" if work.made.folds else "converted" if converts else "renamed"
    rule = work.site.rule
    message = describe(work.made)
    return replace(
        _finding(names, work.site.node, rule.id, Status.REWRITTEN, code, message),
        before=work.before,
        after=work.after,
        evidence=work.evidence,
    )


def _finding(
    names: Names, node: ast.expr | ast.alias, rule: str, status: Status, code: str, message: str
) -> Finding:
    line, column = names.lines.position(names.start(node))
    end_line, end_column = names.lines.position(names.end(node))
    return Finding(
        rule, status, code, line, column, end_line, end_column, message, names.slice(node)
    )


def _import_findings(file: _File, rules: RuleSet, is_init: bool) -> Iterable[Finding]:
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
    for _, place in (found for word in rules.words for found in names.places_of(word)):
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
        if at_top and (is_init or redundant or name in exported(names)):
            message = f"`{name}` is exported from here; {CODES['re-export'].remedy}"
            yield _finding(names, alias, rule.id, Status.MANUAL, "re-export", message)
        elif id(alias) not in used:
            message = f"`{name}` is not used here; {CODES['unused-import'].remedy}"
            yield _finding(names, alias, rule.id, Status.NOTE, "unused-import", message)
