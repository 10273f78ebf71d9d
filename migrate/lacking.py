"""What is asked of a migrated loss that MindSpore's tensors do not have: handed over.

`.detach()`, `.cpu()` and the like move where they can be edited (`migrate/moving.py`); within an
f-string, behind a walrus, or between comments they stay, and would fail when the program runs. So
would a format such as `f"{loss:.3f}"`, which torch has for a tensor of one number.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING

from migrate.connected import LossCall, loss_calls
from migrate.model import Status
from migrate.origins import place_of
from migrate.places import Place
from migrate.resolve import UNBOUND
from migrate.results import Results
from migrate.scopes import FUNCTIONS
from migrate.work import File, Move

if TYPE_CHECKING:
    from migrate.origins import Origins

#: By what torch's tensors have and MindSpore's do not, what to do (MindSpore 2.8 to 2.10; `size`
#: is a number there).
_REMEDIES = MappingProxyType(
    {
        "cpu": "leave it out",
        "cuda": "leave it out: the context chooses the device",
        "detach": "write mindspore.ops.stop_gradient(…) around the loss",
        "grad_fn": "differentiate a function with mindspore.value_and_grad",
        "is_cuda": "ask mindspore.get_context for the device",
        "requires_grad": "differentiate a function with mindspore.value_and_grad",
        "retain_grad": "differentiate a function with mindspore.value_and_grad",
        "size": "write .shape",
    }
)


def hand_over_lacking(file: File, origins: Origins) -> None:
    """Add to `file.moves` a finding for every such use of a migrated loss that stays."""
    losses = loss_calls(file)
    if losses:
        results = Results(file, origins, losses)
        file.moves += [
            *_attributes(file, results),
            *_strings(file, results, losses),
            *_formats(file, results),
        ]


def _attributes(file: File, results: Results) -> Iterator[Move]:
    names = file.names
    edited = [draft.span for move in file.moves for draft in move.drafts]
    for word in _REMEDIES:
        for offset, place in list(names.places_of(word)):
            if not _is_lacking(place, word) or any(s.start <= offset < s.end for s in edited):
                continue
            found = results.of(_receiver(place))
            if found:
                yield _move(file, found, place, _said(place, word))


def _strings(file: File, results: Results, losses: list[LossCall]) -> Iterator[Move]:
    """Yield what f-strings ask of a loss: no edit reaches into them."""
    names = file.names
    inside: dict[int, ast.JoinedStr] = {}
    # A value is followed within its scope.
    for scope in {id(node): node for node in (_scope(loss.place) for loss in losses)}.values():
        span = (names.start(scope), names.end(scope)) if isinstance(scope, FUNCTIONS) else ()
        for match in _FSTRING.finditer(names.text, *span):
            string_ = names.place_at(match.start()).node
            if isinstance(string_, ast.JoinedStr):
                nested = (node for node in ast.walk(string_) if isinstance(node, ast.JoinedStr))
                inside |= {id(node): node for node in nested}
    for string_ in inside.values():
        whole = place_of(names, string_)
        for part in string_.values if whole is not None else ():
            if not isinstance(part, ast.FormattedValue):
                continue
            assert whole is not None
            shown = Place((*whole.path, part, part.value))
            if part.format_spec is not None and part.conversion == -1:
                losses_shown = results.of(shown)
                if losses_shown:
                    yield _move(file, losses_shown, whole, _formatted(part.value))
            for place in _within(shown):
                word = place.node.attr if isinstance(place.node, ast.Attribute) else ""
                asked = results.of(_receiver(place)) if _is_lacking(place, word) else []
                if asked:
                    yield _move(file, asked, whole, _said(place, word))


#: Where an f-string may begin.
_FSTRING = re.compile(r"(?:[fF][rR]?|[rR][fF])['\"]")


def _scope(place: Place) -> ast.AST:
    """Return the innermost function around a place, or the module."""
    return next((n for n in reversed(place.path) if isinstance(n, FUNCTIONS)), place.path[0])


def _formats(file: File, results: Results) -> Iterator[Move]:
    """Yield `format(loss, ".3f")` and `"{:.3f}".format(loss)`."""
    names = file.names
    for _, place in list(names.places_of("format")):
        call = place.parent()
        if not (isinstance(call, ast.Call) and call.func is place.node):
            continue
        shown: list[ast.expr] = []
        if isinstance(place.node, ast.Name):
            own = names.lookup("format", names.scope_of(place)) == {UNBOUND}
            shown = call.args[:1] if own and len(call.args) == 2 else []
        elif isinstance(place.node, ast.Attribute):
            shown = _with_a_format(place.node.value, call)
        for value in shown:
            found = results.of(Place((*place.up().path, value)))
            if found:
                yield _move(file, found, place.up(), _formatted(value))


def _with_a_format(text: ast.expr, call: ast.Call) -> list[ast.expr]:
    """Return the positional arguments that a literal string gives a format."""
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
        return []
    try:
        fields = [f for f in string.Formatter().parse(text.value) if f[1] is not None]
    except ValueError:  # not a format
        return []
    wanted = [
        int(name) if name else at
        for at, (_, name, spec, _) in enumerate(fields)
        if _plain(name, spec)
    ]
    return [call.args[at] for at in wanted if at < len(call.args)]


def _plain(name: str | None, spec: str | None) -> bool:
    return bool(spec) and (not name or name.isdecimal())


def _is_lacking(place: Place, word: str) -> bool:
    node, parent = place.node, place.parent()
    if not (isinstance(node, ast.Attribute) and node.attr == word and word in _REMEDIES):
        return False
    is_called = isinstance(parent, ast.Call) and parent.func is node
    return isinstance(node.ctx, ast.Load) and (is_called or word != "size")


def _receiver(place: Place) -> Place:
    assert isinstance(place.node, ast.Attribute)
    return Place((*place.path, place.node.value))


def _within(place: Place) -> Iterator[Place]:
    yield place
    for inner in ast.iter_child_nodes(place.node):
        yield from _within(Place((*place.path, inner)))


def _said(place: Place, word: str) -> str:
    node = place.node
    assert isinstance(node, ast.Attribute)
    return (
        f"`{ast.unparse(node.value)}` is MindSpore's, and its tensors have no `{word}` like "
        f"torch's; {_REMEDIES[word]}"
    )


def _formatted(value: ast.expr) -> str:
    text = ast.unparse(value)
    own = text if isinstance(value, (ast.Name, ast.Attribute, ast.Call)) else f"({text})"
    return f"`{text}` is MindSpore's, and its tensors take no format; write `{own}.item()`"


def _move(file: File, found: list[LossCall], place: Place, message: str) -> Move:
    return Move(
        sites=tuple(site for loss in found for site in loss.sites),
        drafts=(),
        place=place,
        scope=file.names.scope_of(place),
        rule=found[0].sites[0].rule.id,
        code="tensor-lacks",
        message=message,
        status=Status.MANUAL,
    )
