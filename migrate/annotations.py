"""Annotations that name an API: they say what a value is, and move when that has moved."""

from __future__ import annotations

import ast
import re

from migrate.attributes import MODULE_ATTRIBUTES
from migrate.holders import uses_of_name
from migrate.match import Form, Refusal, Site, is_annotation
from migrate.places import Place
from migrate.scopes import FUNCTIONS
from migrate.work import File, Work

#: What reads annotations when the program runs, and acts on them.
_READERS = re.compile(
    r"\b(?:get_type_hints|__annotations__|signature|singledispatch|singledispatchmethod|pydantic|"
    r"beartype|typeguard|typechecked|typer|fire|dispatch|attrs?|NamedTuple|TypedDict|msgspec)\b"
)

#: Decorators that do not look at annotations; `dataclass` asks for their presence alone.
_PLAIN = frozenset(
    """abstractmethod cached_property classmethod dataclass no_grad override property staticmethod
    """.split()  # noqa: SIM905 (a list would take a line a name)
)


def settle_annotations(file: File) -> None:
    """Lift the refusal of every annotation whose value has moved, or needs no edit to move."""
    refusals: list[tuple[Work, Refusal | None]] = []
    for work in file.works:
        site = work.site
        if (
            work.refusal is not None
            and work.refusal.code == "reference"
            and site.form is Form.NAME
            and (site.undecided or site.quoted is not None)
            and is_annotation(site.place)
        ):
            refusals.append((work, _refusal(work, file)))
    for work, refusal in refusals:
        # Of one API all annotations of a file move, or none.
        other = next((w for w, r in refusals if r and w.site.rule is work.site.rule), None)
        if refusal is None and other is not None:
            reason = f"the annotation in line {other.site.node.lineno} is handed over"
            refusal = Refusal("reference", reason)
        work.refusal = refusal


def _refusal(work: Work, file: File) -> Refusal | None:
    names, site = file.names, work.site
    if _READERS.search(names.text):
        return Refusal("reference", "the file reads annotations when it runs")
    for node in site.place.path:
        for decorator in getattr(node, "decorator_list", ()):
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = str(getattr(function, "attr", getattr(function, "id", "")))
            if name not in _PLAIN:
                return Refusal("reference", f"`@{name}` may read its annotations")
    others = [
        w
        for w in file.works
        if w.site.rule is site.rule and not w.site.note and not is_annotation(w.site.place)
    ]
    stays = next((w for w in others if w.refusal is not None), None)
    if stays is not None:
        line = stays.site.node.lineno
        return Refusal("reference", f"line {line} of this file is handed over, and stays torch's")
    parameter = _parameter(site.place)
    if parameter is None:
        return None if others else Refusal("reference", "what it annotates comes from elsewhere")
    return _parameter_refusal(parameter, site, file)


def _parameter(place: Place) -> tuple[ast.arg, Place] | None:
    """Return the parameter that an annotation is of, and the place of its function."""
    for index in range(len(place.path) - 1, 1, -1):
        node = place.path[index]
        if isinstance(node, ast.arg):
            return node, Place(place.path[: index - 1])
    return None


def _parameter_refusal(parameter: tuple[ast.arg, Place], site: Site, file: File) -> Refusal | None:
    """Return which use of a parameter would have to change with the value, if any."""
    argument, around = parameter
    names = file.names
    function = around.node
    if not isinstance(function, FUNCTIONS):
        return Refusal("reference", "what it annotates is not followed")
    followed = {id(call.call) for call in file.flow.edited_calls}
    followed |= {id(call.call) for call in file.flow.device_calls}
    of_class = re.search(r"\b[Tt]ype\b|Callable", ast.unparse(argument.annotation or argument))
    scope = names.inner_scope(function, names.scope_of(around))
    for use, _ in uses_of_name(names, scope, argument.arg):
        parent, outer = use.parent(), use.parent(2)
        line = getattr(parent, "lineno", argument.lineno)
        if isinstance(use.node, ast.JoinedStr):
            return Refusal("reference", f"line {line} uses `{argument.arg}` inside an f-string")
        if isinstance(parent, ast.Call) and parent.func is use.node:
            given = bool(parent.keywords) or bool(of_class and parent.args)
            if given and id(parent) not in followed:
                reason = f"line {line} calls `{argument.arg}` with arguments that would change"
                return Refusal("reference", reason)
        if (
            isinstance(parent, ast.Attribute)
            and parent.attr in MODULE_ATTRIBUTES
            and id(outer) not in followed
        ):
            return Refusal("reference", f"line {line} uses `.{parent.attr}` of `{argument.arg}`")
    return None
