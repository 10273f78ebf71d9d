"""The calls that instances reach, proven together with their constructors, and their edits."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.flow import DeviceCall, InstanceCall, follow
from migrate.match import Refusal, Site
from migrate.model import Edit, Pair, Span
from migrate.proving import pair_of, proof_of
from migrate.removal import statement_removal
from migrate.resolve import Names
from migrate.splice import apply
from migrate.work import Called, File, Work


def follow_instances(file: File) -> None:
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
    pair = paired_call(call, work, file)
    proof = proof_of(pair)
    if isinstance(proof, Refusal):
        return proof
    before, after = pair.call_before or pair.before, pair.call_after or pair.after
    others = file.called[id(call)].pairs if id(call) in file.called else ()
    file.called[id(call)] = Called(before, after, proof, (*others, pair))
    return None


def paired_call(
    call: InstanceCall, work: Work, file: File, more: Sequence[Edit] = (), *, indices: bool = False
) -> Pair:
    """Return a constructor and one call of its instance, before and after, for a proof.

    Parameters
    ----------
    call : InstanceCall
    work : Work
        Of one of its constructors.
    file : File
    more : sequence of Edit
        Those within the call that do more than rename its keywords.
    indices : bool
        As in `Pair`.
    """
    assert work.made is not None
    start = file.names.start(call.call)
    before = file.names.slice(call.call)
    edits = [_shifted(edit, start) for edit in (*keyword_edits(call, file.names), *more)]
    if not call.at_once:
        after = apply(before, sorted(edits))
        return pair_of(work.made, work.before, work.after, before, after, indices=indices)
    # The constructor stands within the call: `nn.NLLLoss()(input=x, target=y)`.
    place = before.index(work.before)
    made = Edit(Span(place, place + len(work.before)), work.after)
    after = apply(before, sorted([*edits, *_chain_edits(work.site, file, start), made]))
    return pair_of(work.made, before, after, harmless=_harmless(file, work.site), indices=indices)


def _shifted(edit: Edit, by: int) -> Edit:
    return Edit(Span(edit.span.start - by, edit.span.end - by), edit.replacement)


def _chain_edits(site: Site, file: File, start: int) -> list[Edit]:
    edits = [
        edit
        for device in file.flow.device_calls
        if device.sites == (site,) and device.statement is None
        for edit in [device_edit(device, file.names)]
        if edit is not None
    ]
    return [_shifted(edit, start) for edit in edits]


def _prove_chain(device: DeviceCall, work: Work, file: File) -> Refusal | None:
    assert work.made is not None
    if device_edit(device, file.names) is None:
        return Refusal("chained-call", "the layout of the chained call cannot be taken apart")
    inner: ast.expr = device.call
    while isinstance(inner, ast.Call) and inner is not work.site.call:
        assert isinstance(inner.func, ast.Attribute)
        inner = inner.func.value
    if inner is not work.site.call:
        return None  # a call on a name that holds the instance
    before = file.names.slice(device.call)
    proof = proof_of(pair_of(work.made, before, work.after, harmless=_harmless(file, work.site)))
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


def keyword_edits(call: InstanceCall, names: Names) -> list[Edit]:
    """Return the edits that rename the keywords of an instance's call."""
    rule = call.sites[0].rule
    renamed = dict(zip(rule.source_call, rule.target_call, strict=True))
    edits = []
    for keyword in call.call.keywords:
        assert keyword.arg is not None
        start = names.start(keyword)
        edits.append(Edit(Span(start, start + len(keyword.arg)), renamed[keyword.arg]))
    return edits


def device_edit(device: DeviceCall, names: Names) -> Edit | None:
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
