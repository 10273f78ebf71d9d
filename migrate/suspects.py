"""Calls of something unknown, of a kind that a loss of torch's takes and MindSpore's does not.

Where an instance goes a way that is not followed, one of these may be its call. Read-only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from migrate.attributes import DEVICE_METHODS
from migrate.glance import reads_any
from migrate.holders import called_name, methods, owner_of, related_classes, values_of_attribute
from migrate.places import Place
from migrate.resolve import NONE, OWN, STAR, UNBOUND, UNKNOWN, Names
from migrate.scopes import FUNCTIONS

#: The names under which torch's losses take their operands.
_OPERANDS = frozenset({"input", "target"})

#: Where such a call may stand in a text; `migrate.glance` looks at bytes. A literal stands first
#: in each, for which `re` searches many times as fast.
_GIVEN = tuple(re.compile(rf"{word}(?:\s|#.*\n)*=(?!=)") for word in sorted(_OPERANDS))
_FORWARD = re.compile(r"forward\s*\(")
_MOVED = tuple(re.compile(rf"{m}\s*\([^()]*\)\s*\(") for m in sorted(DEVICE_METHODS))
_DOT = re.compile(r"\.\s*\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A call of something unknown that would fail of MindSpore's loss.

    Attributes
    ----------
    call : ast.Call
    receiver : ast.expr
        What may be the instance.
    code : str
        Under which a constructor is handed over for it.
    does : str
        What it does, as the verb of a sentence.
    """

    call: ast.Call
    receiver: ast.expr
    code: str
    does: str

    @property
    def name(self) -> str:
        """The last name of the receiver; empty where it has none."""
        if isinstance(self.receiver, ast.Call) and called_name(self.receiver) == "getattr":
            return str(getattr((*self.receiver.args, None)[1], "value", ""))
        return str(getattr(self.receiver, "attr", getattr(self.receiver, "id", "")))


def suspects(names: Names) -> Iterator[Suspect]:
    """Yield the calls of a file that only torch's losses take, of things that may be one."""
    seen: set[int] = set()
    for start, end in sorted(_marked(names.text)):
        for offset in (start, end - 1):
            for place in _calls_at(names, offset):
                assert isinstance(place.node, ast.Call)
                if id(place.node) not in seen:
                    seen.add(id(place.node))
                    found = _suspect(names, place.node, place)
                    if found is not None:
                        yield found


def _calls_at(names: Names, offset: int) -> Iterator[Place]:
    """Yield the innermost call at an offset; of an f-string, in which none is told, all."""
    place = names.place_at(offset)
    if isinstance(place.node, ast.JoinedStr):
        yield from (place.down(n) for n in ast.walk(place.node) if isinstance(n, ast.Call))
        return
    while place.path and not isinstance(place.node, (ast.Call, ast.stmt)):
        place = Place(place.path[:-1])
    if place.path and isinstance(place.node, ast.Call):
        yield place


def _marked(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where such a call may be told by."""
    for given in _GIVEN:
        for match in given.finditer(text):
            before = text[match.start() - 1 : match.start()]
            if not (before.isalnum() or before in ("_", ".")):
                yield match.span()
    for called in (_FORWARD, *_MOVED):
        for match in called.finditer(text):
            dot = _DOT.search(text, max(0, match.start() - 200), match.start())
            if dot is not None:
                yield dot.start(), match.end()


def suspects_abroad(names: Names, called: Collection[str]) -> Iterator[tuple[Names, Suspect]]:
    """Yield those of the other files of the project, in the order of their paths.

    Parameters
    ----------
    names : Names
    called : collection of str
        The last names of the receivers that are asked about; all, where it is empty, and in a
        file that reads attributes by names that only running it shows.
    """
    project = names.project
    wanted = [name.encode() for name in called]
    for path in list(project.callers(names.path, wanted)) if project is not None else ():
        assert project is not None
        other = project.tree_in(path)
        if other is not None and other is not names:
            for each in suspects(other):
                if not called or each.name in called or takes_any(other):
                    yield other, each


def are_suspected(names: Names) -> bool:
    """Tell whether any file of the project calls something unknown with `input=` or `target=`.

    Where none does, it does not matter where an instance gets that is not followed. What is called
    by `.forward` is a model nearly always, and every project has one.
    """
    project = names.project
    if project is None:
        return False
    if project.suspected is None:
        found = (project.names_in(path) for path in list(project.callers(names.path)))
        project.suspected = any(
            suspect.code == "keyword-call"
            for each in found
            if each is not None
            for suspect in suspects(each)
        )
    return project.suspected


def takes_any(names: Names) -> bool:
    """Tell whether a file reads attributes whose names only running it shows."""
    return _takes_any(names.text)


@lru_cache(4)
def _takes_any(text: str) -> bool:
    return reads_any(text.encode("utf-8", "replace"))


def _suspect(names: Names, call: ast.Call, place: Place) -> Suspect | None:
    given, count = {k.arg for k in call.keywords}, len(call.args) + len(call.keywords)
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    if starred or not given <= _OPERANDS:
        return None
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "forward":
        what = f"calls `.forward` of `{ast.unparse(function.value)}`"
        found = Suspect(call, function.value, "instance-attribute", what)
    elif given:
        what = f"calls `{ast.unparse(function)}` with `input=` or `target=`"
        found = Suspect(call, function, "keyword-call", what)
    elif isinstance(function, ast.Call) and called_name(function) in DEVICE_METHODS:
        assert isinstance(function.func, ast.Attribute)
        what = f"calls `{ast.unparse(function)}`, and what that gives"
        found = Suspect(call, function.func.value, "instance-attribute", what)
    else:
        return None
    # The other operand may have gone into a partial.
    if count != 2 and not (count == 1 and _is_partial(names, found.receiver, place)):
        return None
    return found if _is_unknown(names, found.receiver, place) else None


def _is_partial(names: Names, function: ast.expr, place: Place) -> bool:
    bound = names.bindings_of(getattr(function, "id", ""), names.scope_of(place))
    return bound is not None and any(
        isinstance(binding.value, ast.Call) and called_name(binding.value) == "partial"
        for binding in bound[0]
    )


def _is_unknown(names: Names, function: ast.expr, place: Place) -> bool:
    scope = names.scope_of(place)
    if isinstance(function, ast.Call):
        if called_name(function) in ("super", "partial"):
            return called_name(function) == "partial"
        meanings = names.resolve(function.func, scope)
        return bool(meanings & {UNKNOWN, STAR, UNBOUND}) or any(
            _is_function(names, meaning, called_name(function)) for meaning in meanings
        )
    meanings = names.resolve(function, scope)
    if NONE in meanings:
        # What another file may have set it to, unless None stands for a torch that is missing.
        return not any(meaning.startswith("torch.") for meaning in meanings)
    if isinstance(function, ast.Attribute) and meanings == {UNKNOWN}:
        owner = owner_of(function, place)
        if owner is not None:
            family = related_classes(names, owner)
            values, pure = values_of_attribute(names, function.attr, family)
            return not pure or _is_any_unknown(names, values, place)
    if isinstance(function, ast.Name) and meanings == {UNKNOWN}:
        if _is_self(function, place):
            return False
        bound = names.bindings_of(function.id, scope)
        return _is_any_unknown(names, [b.value for b in bound[0]] if bound else [None], place)
    if isinstance(function, ast.Attribute) and OWN in meanings:
        return not _is_method(names, function)
    return bool(meanings & {UNKNOWN, STAR, UNBOUND})


def _is_function(names: Names, meaning: str, name: str) -> bool:
    """Tell whether something is a function of the project: it may give anything."""
    if meaning == OWN:
        return bool(names.functions_named(name))
    module, _, own = meaning.rpartition(".")
    found = names.project.definitions(module, own, names.path) if names.project and module else ()
    return any(isinstance(binding.statement, FUNCTIONS) for _, binding in found)


def _is_method(names: Names, function: ast.Attribute) -> bool:
    """Tell whether an attribute may be a method of a class of the file, called on the class."""
    name = getattr(function.value, "id", "")
    classes = [each for each in names.classes if each.name == name]
    return next(methods(classes, function.attr), None) is not None


def _is_any_unknown(names: Names, values: Sequence[ast.expr | None], place: Place) -> bool:
    return not values or any(
        not isinstance(value, ast.Call) or _is_unknown(names, value, place) for value in values
    )


def _is_self(name: ast.Name, place: Place) -> bool:
    """Tell whether a name is the instance of the class around it."""
    return owner_of(ast.Attribute(name, "", ast.Load()), place) is not None
