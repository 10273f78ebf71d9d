"""One file from text to text: match, plan, prove, follow, edit, and look at the result again.

Pure: no file is read or written here, and nothing of the user's is run. A site goes through in
this order, and is handed over at the first step that says why.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from migrate.errors import SourceError
from migrate.findings import import_findings, site_findings
from migrate.flow import DeviceCall, Flow, InstanceCall, follow
from migrate.imports import addition, reference
from migrate.left import torch_left
from migrate.match import Refusal, Site, find_sites
from migrate.model import Edit, Evidence, FileResult, Pair, Span
from migrate.removal import removals, statement_removal
from migrate.resolve import STAR, Names
from migrate.rewrite import Plan, plan
from migrate.scopes import FUNCTIONS, Scope
from migrate.source import LineIndex, parse
from migrate.splice import apply, differs_outside
from migrate.work import Called, File, Work

if TYPE_CHECKING:
    from migrate.imports import Reference
    from migrate.ruleset import RuleSet


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
    file = File(names, _quote(text), [Work(site, refusal=site.refusal) for site in sites])
    for work in file.works:
        if work.refusal is None:
            _plan(work, file)
    _follow(file)
    is_init = path.replace("\\", "/").rpartition("/")[2] == "__init__.py"
    new_text, names_after = _edited(file, is_init=is_init, path=path)
    findings = [*site_findings(file), *import_findings(file, rules, is_init=is_init)]
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


def _plan(work: Work, file: File) -> None:
    site, names = work.site, file.names
    assert site.call is not None
    work.before = names.slice(site.call)
    if not _is_the_call(work.before, site.call):
        work.refusal = Refusal("unproven", "its text cannot be cut out of the file")
        return
    callee = names.slice(site.call.func)
    if "#" in callee:
        work.refusal = Refusal("comment-in-argument", "a comment stands within the name")
        return
    try:
        made = plan(site, names)
    except RecursionError:
        made = Refusal("unproven", "an argument is nested too deeply")
    if isinstance(made, Refusal):
        work.refusal = made
        return
    work.made = made
    after = _written(work, file, site.rule.target)
    if isinstance(after, Refusal):
        work.refusal = after
        return
    work.after = after
    work.pair = _pair(made, work.before, after)
    proof = _proof(work.pair)
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


def _written(work: Work, file: File, function: str, text: str | None = None) -> str | Refusal:
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


def _small_edits(work: Work, names: Names, function: str) -> list[Edit]:
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


def _pair(
    made: Plan,
    before: str,
    after: str,
    call_before: str | None = None,
    call_after: str | None = None,
    harmless: frozenset[str] = frozenset(),
) -> Pair:
    return Pair(made.rule, before, after, call_before, call_after, made.booleans, harmless)


def _proof(pair: Pair) -> Evidence | Refusal:
    # Late: a run that finds nothing to prove needs no NumPy.
    from migrate.prove import Disproof, prove

    proof = prove(pair)
    if isinstance(proof, Disproof):
        case = f" ({proof.case})" if proof.case else ""
        return Refusal(proof.code, f"{proof.message}{case}")
    return proof


# -- what reaches what ---------------------------------------------------------------------------


def _follow(file: File) -> None:
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


def _prove_call(call: InstanceCall, work: Work, file: File) -> Refusal | None:
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
        pair = _pair(work.made, before, after, harmless=_harmless(file, work.site))
    else:
        pair = _pair(work.made, work.before, work.after, before, after)
    proof = _proof(pair)
    if isinstance(proof, Refusal):
        return proof
    others = file.called[id(call)].pairs if id(call) in file.called else ()
    file.called[id(call)] = Called(before, after, proof, (*others, pair))
    return None


def _chain_edits(site: Site, file: File, start: int) -> list[Edit]:
    edits = [
        edit
        for device in file.flow.device_calls
        if device.sites == (site,) and device.statement is None
        for edit in [_device_edit(device, file.names)]
        if edit is not None
    ]
    return [Edit(Span(e.span.start - start, e.span.end - start), e.replacement) for e in edits]


def _prove_chain(device: DeviceCall, work: Work, file: File) -> Refusal | None:
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
    proof = _proof(_pair(work.made, before, work.after, harmless=_harmless(file, work.site)))
    if isinstance(proof, Refusal):
        return proof
    return None


def _harmless(file: File, site: Site) -> frozenset[str]:
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
    kept = between.rstrip(" \t\r\n\\")  # a closing parenthesis, if anything
    start = inner + len(kept)
    return Edit(Span(start, end), "")


# -- the file ------------------------------------------------------------------------------------


def _edited(file: File, *, is_init: bool, path: str) -> tuple[str, Names]:
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
        first = min(names.start(work.site.node) for work in works)
        added = addition(names, refer.statement, first)
        if any(added.span.start > names.start(w.site.node) for w in works if _is_immediate(w)):
            reason = "no place for the import above the first use was found"
            return _all_refused(file, works, Refusal("unproven", reason))
        imports.insert(0, added)
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


def _is_immediate(work: Work) -> bool:
    """Tell whether a site is evaluated while the module is imported, for all that is known."""
    return not any(isinstance(node, (*FUNCTIONS, ast.Lambda)) for node in work.site.place.path)


def _all_refused(file: File, works: Iterable[Work], refusal: Refusal) -> tuple[str, Names]:
    for work in works:
        work.refusal = refusal
    file.flow = Flow()
    return file.names.text, file.names


def _inner_edits(file: File) -> list[Edit]:
    names = file.names
    edits: dict[Edit, None] = {}
    for call in file.flow.keyword_calls:
        edits.update(dict.fromkeys(_keyword_edits(call, names)))
    for device in file.flow.device_calls:
        edit = _device_edit(device, names)
        if edit is not None:
            edits[edit] = None
    return list(edits)


def _with_call(work: Work, file: File, function: str, edits: list[Edit]) -> list[Edit]:
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


def _gone(file: File, works: Sequence[Work]) -> list[tuple[str, Scope]]:
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
    file: File, after: Names, edits: Sequence[Edit], works: Sequence[Work], refer: Reference
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
        meanings = after.resolve(node, after.scope_of(place)) if isinstance(node, ast.expr) else ()
        # No star import is taken to bring another `mindspore`.
        if set(meanings) - {STAR} != {target}:
            return f"`{spelled}` does not reach {target} in the new text"
    return ""
