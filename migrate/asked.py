"""What `isinstance(loss, nn.NLLLoss)` asks about: the constructors, where nothing else is asked."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from migrate.attributes import DEVICE_METHODS
from migrate.holders import owner_of, related_classes, values_of_attribute, values_of_name
from migrate.match import Refusal, Site
from migrate.places import Place
from migrate.resolve import UNBOUND, Names


def question_at(names: Names, site: Site, place: Place) -> Place | None:
    """Return the isinstance that names the class of a site at `place`, alone or in a tuple."""
    if place.node is not site.place.node or site.rule.kind == "function":
        return None
    outer = place.up() if isinstance(place.parent(), ast.Tuple) else place
    call = outer.parent()
    if (
        isinstance(call, ast.Call)
        and len(call.args) == 2
        and call.args[1] is outer.node
        and isinstance(call.func, ast.Name)
        and call.func.id == "isinstance"
        and names.lookup("isinstance", names.scope_of(place)) == {UNBOUND}
    ):
        return outer.up()
    return None


def constructors_of(
    names: Names, asked: Place, constructors: Sequence[Site]
) -> list[Site] | Refusal:
    """Return the constructors of all that an isinstance can ask about.

    Parameters
    ----------
    names : Names
    asked : Place
        Of the call of isinstance.
    constructors : sequence of Site
        Those that are to be rewritten.

    Returns
    -------
    list of Site or Refusal
        A refusal where it may be given anything else: torch's losses from elsewhere would no
        longer be recognised.
    """
    call = asked.node
    assert isinstance(call, ast.Call)
    where = f"line {call.lineno} asks"
    if any(site.rule.source.endswith("2d") for site in constructors):
        # Both become one class: an NLLLoss would be taken for an NLLLoss2d.
        return Refusal("reference", f"{where} for one of two classes that become one")
    values = _values(names, call.args[0], asked)
    by_call = {id(site.call): site for site in constructors}
    found: list[Site] = []
    for value in values or ():
        while (
            isinstance(value, ast.Call)
            and id(value) not in by_call
            and isinstance(value.func, ast.Attribute)
            and value.func.attr in DEVICE_METHODS
        ):
            value = value.func.value
        if id(value) in by_call:
            found.append(by_call[id(value)])
        elif not _is_other(names, value):
            return Refusal("reference", f"{where} about something that this file does not make")
    if not found:
        return Refusal("reference", f"{where} about something that this file does not make")
    return found


def _values(names: Names, asked: ast.expr, place: Place) -> list[ast.expr] | None:
    if isinstance(asked, ast.Name):
        bound = names.bindings_of(asked.id, names.scope_of(place))
        if bound is None or bound[1].is_class:
            return None
        values, pure = values_of_name(names, bound[1], asked.id)
        return values if pure else None
    if isinstance(asked, ast.Attribute):
        owner = owner_of(asked, Place((*place.path, asked)))
        if owner is None:
            return None
        values, pure = values_of_attribute(names, asked.attr, related_classes(names, owner))
        return values if pure else None
    return None


def _is_other(names: Names, value: ast.expr) -> bool:
    """Tell whether a value is None, or an instance of another class of torch.nn."""
    if isinstance(value, ast.Constant):
        return value.value is None
    if not isinstance(value, ast.Call):
        return False
    scope = names.scope_of(names.place_at(names.start(value)))
    meanings = names.resolve(value.func, scope)
    return all(m.startswith("torch.nn.") and m.count(".") == 2 for m in meanings)
