"""All edits of a file into its new text, and the look at the result before anything is written."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from migrate.departing import departures
from migrate.errors import SourceError
from migrate.flow import Flow
from migrate.imports import Need, addition, reference
from migrate.instances import call_edits, device_edit
from migrate.match import Form, Refusal
from migrate.model import Edit, Span
from migrate.pieces import parsed_again
from migrate.places import Place
from migrate.removal import removals
from migrate.resolve import STAR, Names
from migrate.scopes import FUNCTIONS, Scope
from migrate.splice import apply, differs_outside
from migrate.work import File, Spelled, Work
from migrate.written import Spell, api_span, small_edits, written

if TYPE_CHECKING:
    from migrate.imports import Reference


def compose(file: File, *, is_init: bool, path: str) -> tuple[str, Names]:
    """Return the text after all edits, and its names; the old ones where it would not hold.

    Every work and every move that is not refused is written; where the result does not parse,
    differs from the old tree beside the edits, or does not reach its targets, all are refused.

    Parameters
    ----------
    file : File
    is_init : bool
        Whether imports at the module's level are re-exports, as in an `__init__.py`.
    path : str
        For messages.
    """
    names = file.names
    works = [w for w in file.works if w.refusal is None]
    refused = file.refused
    file.moves = [m for m in file.moves if refused.isdisjoint(map(id, m.sites))]
    edited = file.flow.edited_calls or any(move.drafts for move in file.moves)
    if not works and not edited:
        return names.text, names
    named = [work for work in works if work.site.form is not Form.THROUGH]
    needs = [*(_need(work, names) for work in named), *_moved_needs(file)]
    refer = reference(names, needs) if needs else None
    if needs and refer is None:
        reason = "mindspore, ms and mindspore_ all mean something else here"
        return _all_refused(file, works, Refusal("name-clash", reason))
    edits = _inner_edits(file, refer)
    for work in sorted(works, key=lambda w: len(w.before)):
        assert refer is not None
        edits = _with_call(work, file, refer.spell, edits)
    leaving = [d.statement for d in file.flow.device_calls if d.statement is not None]
    others = [*edits, *departures(names, leaving)]
    imports, unused = removals(names, others, _gone(file, works), keep_module=is_init)
    # All at once: two that stand on one line go as one.
    imports += departures(names, [*leaving, *unused])
    if refer is not None and refer.statement is not None:
        added = addition(names, refer.statement, min(need.start for need in needs))
        if any(added.span.start > need.start for need in needs if _is_immediate(names, need)):
            reason = "no place for the import above the first use was found"
            return _all_refused(file, works, Refusal("unproven", reason))
        imports.insert(0, added)
    every = sorted([*edits, *imports])
    text = apply(names.text, every)
    try:
        after = parsed_again(names, every, text, path)
    except SourceError as error:
        return _all_refused(file, works, Refusal("unproven", f"the result does not parse: {error}"))
    reason = differs_outside(names, after, every)
    if not reason and refer is not None:
        reason = _not_reached(names, after, every, needs, refer)
    if reason:
        return _all_refused(file, works, Refusal("unproven", reason))
    return text, after


def _need(work: Work, names: Names) -> Need:
    site = work.site
    target = site.rule.target
    if isinstance(site.callee, ast.Call):
        target = target.rpartition(".")[0]  # getattr takes the module
    quoted = site.quoted is not None
    return Need(api_span(site, names).start, site.scope, target, quoted)


def _moved_needs(file: File) -> Iterator[Need]:
    for move in file.moves:
        for draft in move.drafts:
            for part in draft.parts:
                if isinstance(part, Spelled):
                    yield Need(draft.span.start, move.scope, part.path)


def _is_immediate(names: Names, need: Need) -> bool:
    """Tell whether a place is evaluated while the module is imported, for all that is known."""
    path = names.place_at(need.start).path
    return not any(isinstance(node, (*FUNCTIONS, ast.Lambda)) for node in path)


def _all_refused(file: File, works: Iterable[Work], refusal: Refusal) -> tuple[str, Names]:
    for work in works:
        work.refusal = refusal
    file.flow = Flow()
    file.moves = []
    return file.names.text, file.names


def _inner_edits(file: File, refer: Reference | None) -> list[Edit]:
    """Return the edits of the instances' calls, and of what moves along."""
    names = file.names
    edits: dict[Edit, None] = {}
    for call in file.flow.edited_calls:
        edits.update(dict.fromkeys(call_edits(call, names) or ()))
    for device in file.flow.device_calls:
        edit = device_edit(device, names) if device.statement is None else None
        if edit is not None:
            edits[edit] = None
    for draft in [draft for move in file.moves for draft in move.drafts]:
        parts = [
            refer.spell(p.path) if refer and isinstance(p, Spelled) else p for p in draft.parts
        ]
        edits[Edit(draft.span, "".join(map(str, parts)))] = None
    return list(edits)


def _with_call(work: Work, file: File, spell: Spell, edits: list[Edit]) -> list[Edit]:
    """Add the edits of one call to those of the calls within it."""
    assert work.made is not None
    if not work.made.is_structural:
        return [*edits, *small_edits(work, file.names, spell)]
    start, end = file.names.start(work.site.node), file.names.end(work.site.node)
    within = [e for e in edits if start <= e.span.start and e.span.end <= end]
    moved = [Edit(Span(e.span.start - start, e.span.end - start), e.replacement) for e in within]
    text = written(work, file, spell, apply(work.before, moved))
    assert isinstance(text, str)
    return [*(e for e in edits if e not in within), Edit(Span(start, end), text)]


def _gone(file: File, works: Sequence[Work]) -> list[tuple[str, Scope]]:
    """Return the names of which the edits take away a use."""
    gone: list[tuple[str, Scope]] = []
    for work in works:
        if work.site.form is Form.THROUGH:
            continue
        root: ast.expr = work.site.quoted or work.site.callee
        if isinstance(root, ast.Call):
            root = root.args[0]
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            gone.append((root.id, work.site.scope))
    gone += [pair for move in file.moves for pair in move.gone]
    for device in file.flow.device_calls:
        scope = file.names.scope_of(device.place)
        for value in [*device.call.args, *(k.value for k in device.call.keywords)]:
            gone += [(n.id, scope) for n in ast.walk(value) if isinstance(n, ast.Name)]
    return gone


def _not_reached(
    names: Names, after: Names, edits: Sequence[Edit], needs: Iterable[Need], refer: Reference
) -> str:
    """Return what is wrong where a rewritten place does not reach its target in the new text."""
    for need in needs:
        start, target = need.start, need.target
        if need.quoted:
            continue
        at = start + sum(
            len(e.replacement) - (e.span.end - e.span.start)
            for e in edits
            if e.span.end <= start and e.span != Span(start, start)
        )
        if any(e.span.start < start < e.span.end for e in edits):
            continue  # within a call that was rendered as a whole, and is looked at itself
        spelled = refer.spell(target)
        place = after.place_at(after.text.index(spelled, at) + len(spelled) - 1)
        if not _reaches(after, place, target):
            return f"`{spelled}` does not reach {target} in the new text"
    return ""


def _reaches(after: Names, place: Place, target: str) -> bool:
    node = place.node
    meanings = after.resolve(node, after.scope_of(place)) if isinstance(node, ast.expr) else ()
    # No star import is taken to bring another `mindspore`.
    return set(meanings) - {STAR} == {target}
