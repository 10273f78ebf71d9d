"""What one planned call becomes, as text."""

from __future__ import annotations

from migrate.match import Refusal
from migrate.model import Edit, Span
from migrate.resolve import Names
from migrate.splice import apply
from migrate.work import File, Work


def written(work: Work, file: File, function: str, text: str | None = None) -> str | Refusal:
    """Return what the call becomes, with `function` called."""
    assert work.made is not None
    assert work.site.call is not None
    if work.made.is_structural:
        from migrate.render import render

        return render(work.before if text is None else text, work.made, function, file.quote)
    start = file.names.start(work.site.call)
    edits = [
        Edit(Span(e.span.start - start, e.span.end - start), e.replacement)
        for e in small_edits(work, file.names, function)
    ]
    return apply(work.before, edits)


def small_edits(work: Work, names: Names, function: str) -> list[Edit]:
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
