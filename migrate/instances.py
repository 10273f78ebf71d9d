"""The calls that instances reach, proven together with their constructors, and their edits."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from migrate.flow import DeviceCall, InstanceCall
from migrate.match import Refusal, Site
from migrate.model import Claim, Edit, Pair, Span, Status
from migrate.places import Place
from migrate.proving import pair_of, proof_of
from migrate.resolve import Names
from migrate.splice import apply
from migrate.walk import follow
from migrate.work import Called, Draft, File, Move, Spelled, Work, moved_questions, settle


def follow_instances(file: File) -> None:
    """Follow the instances until no constructor is handed over because of its uses any more."""
    while True:
        settle(file)
        open_works = {id(w.site): w for w in file.works if w.makes_instances}
        sites = [work.site for work in open_works.values()]
        file.flow = follow(file.names, sites, moved=moved_questions(file))
        refused = dict(file.flow.refusals)
        file.called = {}
        for call in file.flow.edited_calls:
            same: dict[tuple[object, ...], Pair] = {}
            for site in call.sites:
                if id(site) in open_works and id(site) not in refused:
                    proof = _prove_call(call, open_works[id(site)], file, same)
                    if isinstance(proof, Refusal):
                        refused.update({id(s): proof for s in call.sites})
        for device in file.flow.device_calls:
            for site in device.sites:
                if id(site) in open_works and id(site) not in refused and device.statement is None:
                    proof = _prove_chain(device, open_works[id(site)], file)
                    if isinstance(proof, Refusal):
                        refused[id(site)] = proof
        file.claims = []
        for names, abroad in file.flow.calls_abroad:
            for site in abroad.sites:
                if id(site) in open_works and id(site) not in refused:
                    reason = _claim(names, abroad, open_works[id(site)], file)
                    if reason is not None:
                        refused[id(site)] = reason
        if not refused:
            return
        for key, refusal in refused.items():
            open_works[key].refusal = refusal


def _claim(names: Names, call: InstanceCall, work: Work, file: File) -> Refusal | None:
    """Prove a constructor and a call in another file together, and claim the call's change."""
    edits = call_edits(call, names)
    where = f"line {call.call.lineno} of {names.shown}"
    if edits is None or work.pair is None or work.made is None or work.own_arguments:
        return Refusal("keyword-call", f"{where} calls it in a way that cannot be taken apart")
    if not edits:
        return None
    start, before = names.start(call.call), names.slice(call.call)
    after = apply(before, sorted(_shifted(edit, start) for edit in edits))
    pair = pair_of(work.made, work.before, work.after, before, after)
    proof = proof_of(pair)
    if isinstance(proof, Refusal):
        return proof
    rule = work.site.rule
    claim = Claim(names.path, start, rule, call.forward, pair, proof)
    file.claims.append((work.site, claim))
    return None


def take_claims(file: File, claims: Sequence[Claim]) -> None:
    """Add the calls of this file that constructors of other files claim to its edited calls."""
    names = file.names
    for claim in claims:
        path = names.place_at(claim.start).path
        text = claim.pair.call_before
        found = [
            i
            for i, node in enumerate(path)
            if isinstance(node, ast.Call)
            and names.start(node) == claim.start
            and names.slice(node) == text
        ]
        if not found:
            continue  # the file is not as it was; the run says so when nothing is changed
        place = Place(path[: found[0] + 1])
        call = place.node
        assert isinstance(call, ast.Call)
        here = [each for each in file.flow.edited_calls if each.call is call]
        others = file.called[id(here[0])].pairs if here else ()
        sites = here[0].sites if here else (Site(claim.rule, place, names.scope_of(place)),)
        kept = [each for each in file.flow.edited_calls if each.call is not call]
        positional = bool(call.keywords)
        edited = InstanceCall(sites, call, place, forward=claim.forward, positional=positional)
        file.flow.edited_calls = [*kept, edited]
        before, after = str(claim.pair.call_before), str(claim.pair.call_after)
        file.called[id(edited)] = Called(before, after, claim.evidence, (*others, claim.pair))


def container_moves(file: File) -> Iterator[Move]:
    """Yield what becomes of the containers of torch's that hold migrated losses."""
    names = file.names
    for container in file.flow.containers:
        function = container.call.func
        scope = names.scope_of(container.place)
        root: ast.expr = function
        while isinstance(root, ast.Attribute):
            root = root.value
        yield Move(
            tuple(container.sites),
            (
                Draft(
                    Span(names.start(function), names.end(function)), (Spelled(container.target),)
                ),
            ),
            container.place,
            scope,
            container.sites[0].rule.id,
            "container-renamed",
            f"{container.name} renamed to {container.target}: it holds migrated losses only",
            Status.NOTE,
            gone=((root.id, scope),) if isinstance(root, ast.Name) else (),
        )


def _prove_call(
    call: InstanceCall, work: Work, file: File, same: dict[tuple[object, ...], Pair]
) -> Refusal | None:
    """Prove a constructor and one call of its instance together.

    What is proven of a constructor is added to `same`, for those that are written alike.
    """
    booleans = None if work.made is None else work.made.booleans
    alike = (work.site.rule.id, work.before, work.after, booleans, work.own_arguments)
    if alike in same:
        known = file.called[id(call)]
        file.called[id(call)] = replace(known, pairs=(*known.pairs, same[alike]))
        return None
    if call_edits(call, file.names) is None:
        reason = f"the layout around `.forward` in line {call.call.lineno} cannot be taken apart"
        return Refusal("instance-attribute", reason)
    if work.own_arguments and (call.at_once or work.pair is None):
        return Refusal("keyword-call", f"line {call.call.lineno} calls it at once")
    pair = paired_call(call, work, file)
    proof = proof_of(pair)
    if isinstance(proof, Refusal):
        return proof
    before, after = pair.call_before or pair.before, pair.call_after or pair.after
    others = file.called[id(call)].pairs if id(call) in file.called else ()
    file.called[id(call)] = Called(before, after, proof, (*others, pair))
    if not (call.at_once or work.own_arguments):
        same[alike] = pair
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
    edits = [_shifted(edit, start) for edit in (*(call_edits(call, file.names) or ()), *more)]
    if not call.at_once:
        after = apply(before, sorted(edits))
        made = work.before, work.after
        if work.own_arguments and work.pair is not None:
            made = work.pair.before, work.pair.after
        return pair_of(work.made, *made, before, after, indices=indices)
    # The constructor stands within the call: `nn.NLLLoss()(input=x, target=y)`.
    place = before.index(work.before)
    constructor = Edit(Span(place, place + len(work.before)), work.after)
    after = apply(before, sorted([*edits, *_chain_edits(work.site, file, start), constructor]))
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
    if device.statement is None and device_edit(device, file.names) is None:
        return Refusal("chained-call", "the layout of the chained call cannot be taken apart")
    if work.own_arguments:
        return None  # what it is constructed with was proven at its base
    inner: ast.expr = device.call
    while isinstance(inner, ast.Call) and inner is not work.site.call:
        if not isinstance(inner.func, ast.Attribute):
            return None  # a call of a function that gives the instance
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


def call_edits(call: InstanceCall, names: Names) -> list[Edit] | None:
    """Return the edits of an instance's call: of its keywords, and of `.forward`.

    Returns
    -------
    list of Edit or None
        None where the layout around `.forward` cannot be taken apart.
    """
    edits = _positional(call, names) if call.positional else _renamed(call, names)
    if call.forward:
        assert isinstance(call.call.func, ast.Attribute)
        without = _without(names, call.call.func, names.end(call.call.func))
        return None if without is None else [*edits, without]
    return edits


def _renamed(call: InstanceCall, names: Names) -> list[Edit]:
    rule = call.sites[0].rule
    renamed = dict(zip(rule.source_call, rule.target_call, strict=True))
    edits = []
    for keyword in call.call.keywords:
        assert keyword.arg is not None
        start = names.start(keyword)
        if renamed[keyword.arg] != keyword.arg:
            edits.append(Edit(Span(start, start + len(keyword.arg)), renamed[keyword.arg]))
    return edits


def _positional(call: InstanceCall, names: Names) -> list[Edit]:
    """Return the edits that give the arguments in the order of the signature, without keywords."""
    order = call.sites[0].rule.source_call
    given = sorted(call.call.keywords, key=lambda keyword: order.index(str(keyword.arg)))
    edits = []
    for place, keyword in zip(call.call.keywords, given, strict=True):
        value, end = names.text.index("=", names.start(keyword)) + 1, names.end(keyword)
        while names.text[value] in " \t":
            value += 1
        if place is keyword:
            edits.append(Edit(Span(names.start(keyword), value), ""))
        else:
            span = Span(names.start(place), names.end(place))
            edits.append(Edit(span, names.text[value:end]))
    return edits


def device_edit(device: DeviceCall, names: Names) -> Edit | None:
    """Return the edit that takes `.cuda(…)` off an expression, or None for a strange layout."""
    assert isinstance(device.call.func, ast.Attribute)
    return _without(names, device.call.func, names.end(device.call))


def _without(names: Names, attribute: ast.Attribute, end: int) -> Edit | None:
    """Return the edit that takes out an attribute and what follows it up to `end`."""
    inner = names.end(attribute.value)
    start = names.end(attribute) - len(attribute.attr)
    dot = names.text.rfind(".", inner, start)
    if dot < 0 or names.text[dot + 1 : start].strip(" \t\\\r\n"):
        return None
    between = names.text[inner:dot]
    if "#" in between or "#" in names.text[start:end]:
        return None
    kept = between.rstrip(" \t\r\n\\")  # a closing parenthesis, if anything
    return Edit(Span(inner + len(kept), end), "")
