"""Into which names of a file a value may get: a quick look ahead, by their words alone.

Whoever asks where values come from asks of each `.size()` in a file. Most of them are of nothing
that a loss ever got into, which their words tell at once. One word too many does no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TypeAlias

from migrate.cells import ADDS, ADDS_ALL
from migrate.holders import called_name, inner_scope_of
from migrate.places import Place
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS, Scope

#: Methods by which an instance is called.
CALLED = ("forward", "construct", "__call__")

#: Methods and attributes of a tensor that give no tensor.
NO_TENSOR = frozenset(
    """
    asnumpy count data_ptr device dim dtype element_size get_device index is_contiguous is_cuda
    is_floating_point is_leaf item itemsize keys layout names nbytes ndim ndimension nelement numel
    numpy register_hook requires_grad shape size storage storage_offset stride tolist
    """.split()  # noqa: SIM905 (a list would take a line a name)
)

#: Attributes that are the same tensor.
SAME = frozenset({"T", "mT", "data"})

#: Builtins that give no tensor.
_NO_TENSOR = frozenset({"bool", "float", "int", "isinstance", "len", "print", "repr", "str"})

#: What a method calls its object.
_OWN = frozenset({"cls", "self"})


class _What(Enum):
    """What a word stands for."""

    VALUE = "the value"
    INSTANCE = "an object that gives the value when it is called"
    CLASS = "the class of such objects"


#: What a name stands for, the name, and the scope within the module that it is local to; None for
#: a name of the module, and for an attribute of anything.
_Word: TypeAlias = tuple[_What, str, Scope | None]


def spread(names: Names, starts: Iterable[Place], words: Iterable[str] = ()) -> frozenset[str]:
    """Return the names and attributes that may hold what the starts, or the words, give.

    Parameters
    ----------
    names : Names
    starts : iterable of Place
        Of expressions, and of parameters.
    words : iterable of str
        Of classes and functions of a framework, of which every call counts as a start.
    """
    known: dict[_Word, None] = {}
    work: list[_Word] = []
    for word in words:
        work += [(_What.VALUE, word, None), (_What.CLASS, word, None)]
    for start in starts:
        if isinstance(start.node, ast.arg):
            function = start.node if len(start.path) < 3 else start.path[-3]
            work += [(_What.VALUE, start.node.arg, _inner(names, function))]
        else:
            work += _onward(names, start, _What.VALUE)
    while work:
        word_ = work.pop()
        if word_ not in known:
            known[word_] = None
            work += _further(names, word_)
    return frozenset(text for _, text, _ in known)


def _further(names: Names, word: _Word) -> Iterator[_Word]:
    """Yield where what a word stands for gets from its uses."""
    what, text, local = word
    if local is not None:
        start, end = names.start(local.node), names.end(local.node)  # type: ignore[arg-type]
        for _, place in names.places_of(text, start, end):
            if isinstance(place.node, ast.Name) and _home(names, place) is local:
                yield from _of_word(names, place, what)
        return
    for _, place in names.places_of(text):
        if isinstance(place.node, ast.Attribute) or (
            isinstance(place.node, ast.Name) and _home(names, place) is None
        ):
            yield from _of_word(names, place, what)
        elif isinstance(place.node, ast.alias) and place.node.asname is not None:
            yield what, place.node.asname, None
        elif what is _What.CLASS and isinstance(place.node, ast.ClassDef):
            yield from _own_calls(names, place)


def _home(names: Names, place: Place) -> Scope | None:
    """Return the scope within the module that a name is local to."""
    assert isinstance(place.node, ast.Name)
    found = names.bindings_of(place.node.id, names.scope_of(place))
    local = found is not None and found[1] is not names.module and not found[1].is_class
    return found[1] if found is not None and local else None


def _inner(names: Names, function: ast.AST) -> Scope | None:
    return inner_scope_of(names, function) if isinstance(function, FUNCTIONS) else None


def _defined(names: Names, place: Place) -> Scope | None:
    """Return the scope that the name of a function or class is local to."""
    scope = names.scope_of(place)
    return None if scope is names.module or scope.is_class else scope


def is_touched(place: Place, words: frozenset[str], starts: Iterable[int] = ()) -> bool:
    """Tell whether an expression holds one of the words, or one of the nodes by their `id`."""
    return any(
        getattr(node, "id", None) in words
        or getattr(node, "attr", None) in words
        or id(node) in starts
        for node in ast.walk(place.node)
    )


def _of_word(names: Names, place: Place, what: _What) -> Iterator[_Word]:
    """Yield where what a word stands for gets from one of its uses."""
    parent = place.parent()
    if what is _What.CLASS:
        if isinstance(parent, ast.ClassDef):
            yield _What.CLASS, parent.name, _defined(names, place.up())
        elif isinstance(parent, ast.Call) and parent.func is place.node:
            yield from _of_word(names, place.up(), _What.INSTANCE)
    elif what is _What.INSTANCE:
        up = place
        if isinstance(parent, ast.Attribute) and parent.attr in CALLED:
            up, parent = place.up(), place.parent(2)
        if isinstance(parent, ast.Call) and parent.func is up.node:
            yield from _onward(names, up.up(), _What.VALUE)
        else:
            yield from _onward(names, up, _What.INSTANCE)
    else:
        yield from _onward(names, place, what)


def _onward(names: Names, place: Place, what: _What) -> Iterator[_Word]:
    """Yield the words that the value at a place may get to, in its own statement."""
    for at in range(len(place.path) - 2, -1, -1):
        node, inner = place.path[at], place.path[at + 1]
        if isinstance(node, ast.Attribute):
            called = isinstance(place.path[at - 1], ast.Call)
            if node.attr not in SAME and (not called or node.attr in NO_TENSOR):
                # What else an object holds is known by the attribute's own name.
                return
        elif isinstance(node, ast.Call) and inner is not node.func:
            if called_name(node) in _NO_TENSOR:
                return
            yield from ((what, *word) for word in _taken(names, node))
            if isinstance(inner, ast.keyword) and inner.arg is not None:
                yield what, inner.arg, None
        elif isinstance(node, (ast.Compare, ast.If, ast.While, ast.Assert)):
            return
        yield from (
            (what, *word) for target in _bound(node, inner) for word in _held(names, target)
        )
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
            yield from _given_back(names, place, at, what)
        if isinstance(node, ast.stmt):
            return


def _bound(node: ast.AST, inner: ast.AST) -> Iterator[ast.expr]:
    """Yield what a node assigns its part `inner` to."""
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        if inner is node.iter:
            yield from _written(node.target)
    elif isinstance(node, ast.withitem):
        if node.optional_vars is not None:
            yield from _written(node.optional_vars)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _written(target)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
        yield from _written(node.target)


def _written(target: ast.expr) -> Iterator[ast.expr]:
    """Yield what holds a value that is assigned: of `self.losses[0]` the `self.losses`."""
    while isinstance(target, (ast.Subscript, ast.Starred)):
        target = target.value
    if isinstance(target, (ast.Name, ast.Attribute)):
        yield target
    elif isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _written(each)


def _held(names: Names, target: ast.expr) -> Iterator[tuple[str, Scope | None]]:
    """Yield the name or attribute of a target, with the scope that it is local to."""
    if isinstance(target, ast.Attribute):
        yield target.attr, None
    elif isinstance(target, ast.Name):
        place = names.place_of(target)
        yield target.id, None if place is None else _home(names, place)


def _taken(names: Names, call: ast.Call) -> Iterator[tuple[str, Scope | None]]:
    """Yield the parameters that a call's arguments may reach, and the container they are put in."""
    name = called_name(call)
    if isinstance(call.func, ast.Attribute) and name in ADDS.keys() | ADDS_ALL:
        for target in _written(call.func.value):
            yield from _held(names, target)
    for function in names.functions_named(name):
        given = function.args
        every = (*given.posonlyargs, *given.args, *given.kwonlyargs)
        scope = _inner(names, function)
        yield from ((argument.arg, scope) for argument in every if argument.arg not in _OWN)


def _given_back(names: Names, place: Place, at: int, what: _What) -> Iterator[_Word]:
    """Yield under what words the function around a place is called."""
    for index in range(at, 0, -1):
        function = place.path[index]
        if isinstance(function, FUNCTIONS):
            around = Place(place.path[: index + 1])
            owner = place.path[index - 1]
            if not (isinstance(owner, ast.ClassDef) and function.name in CALLED):
                yield what, function.name, _defined(names, around)
            elif what is _What.VALUE:
                yield _What.CLASS, owner.name, _defined(names, around.up())
            return


def _own_calls(names: Names, owner: Place) -> Iterator[_Word]:
    """Yield where the calls of its own `forward` get to within a class."""
    node = owner.node
    assert isinstance(node, ast.ClassDef)
    start, end = names.start(node), names.end(node)
    for word in CALLED:
        for _, place in names.places_of(word, start, end):
            if isinstance(place.node, ast.Attribute):
                yield from _onward(names, place, _What.VALUE)
