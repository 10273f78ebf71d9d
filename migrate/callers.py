"""What calls give to parameters and take from functions, in one file. Read-only."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import TypeAlias

from migrate.abroad import uses_abroad
from migrate.cells import Way, element
from migrate.functions import argument_of, default_of, is_private, mark_name, own_nodes
from migrate.holders import Holder, plain_uses, related_classes
from migrate.parameters import field_order
from migrate.possible import ANYTHING, NOTHING, OPEN, Part
from migrate.resolve import Names
from migrate.scopes import FUNCTIONS

_Ask: TypeAlias = Callable[[ast.expr, Way], Part]


class Callers:
    """Answers what functions of one file are given, and give.

    Parameters
    ----------
    names : Names
    ask : callable
        Asks what an expression may be on a way, for `Values` to answer.
    at : callable
        The same of another file.
    """

    def __init__(self, names: Names, ask: _Ask, at: Callable[[Names], _Ask]) -> None:
        self._names = names
        self._ask = ask
        self._at = at

    def returned(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        way: Way,
        *,
        decorated: bool = False,
    ) -> Part:
        """Return what a call of a function of the file may give."""
        harmless = {"staticmethod", "classmethod", "lru_cache", "cache"}
        marks = {mark_name(mark) for mark in function.decorator_list}
        if (marks - harmless and not decorated) or isinstance(function, ast.AsyncFunctionDef):
            return ANYTHING
        found = NOTHING
        for node in own_nodes(function):
            if isinstance(node, ast.Return) and node.value is not None:
                found |= self._ask(node.value, way)
            elif isinstance(node, ast.Yield):
                rest = element(way)
                if rest is None or node.value is None:
                    return ANYTHING
                found |= self._ask(node.value, rest)
            elif isinstance(node, ast.YieldFrom):
                found |= self._ask(node.value, way)
        return found

    def passed(self, function: ast.AST, name: str, way: Way) -> Part:
        """Return what the calls of a function of this file, and its default, give a parameter."""
        found = NOTHING
        assert isinstance(function, (*FUNCTIONS, ast.Lambda))
        default = default_of(function.args, name)
        if default is not None:
            found |= self._ask(default, way)
        marks = getattr(function, "decorator_list", ())
        if isinstance(function, ast.Lambda):
            return found | ANYTHING
        if marks and {ast.unparse(mark) for mark in marks} - {"staticmethod", "classmethod"}:
            return found | ANYTHING
        place = self._names.place_of(function)
        if place is None:
            return ANYTHING
        owner = place.parent()
        outer = self._names.scope_of(place)
        listed = [*function.args.posonlyargs, *function.args.args]
        index = next((i for i, arg in enumerate(listed) if arg.arg == name), None)
        if index is None and name not in {arg.arg for arg in function.args.kwonlyargs}:
            return ANYTHING  # no parameter, but what an `except` or a `match` binds
        if isinstance(owner, ast.ClassDef):
            if not any(ast.unparse(mark) == "staticmethod" for mark in marks):
                if index == 0:
                    return ANYTHING  # self
                index = None if index is None else index - 1
            return found | self._passed_to_method(function, owner, name, index, way)
        kept = Holder(function.name, scope=outer)
        return found | self._arguments(kept, name, index, way, is_open=not is_private(place))

    def _passed_to_method(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        owner: ast.ClassDef,
        name: str,
        index: int | None,
        way: Way,
    ) -> Part:
        place = self._names.place_of(owner)
        if place is None:
            return ANYTHING
        if function.name != "__init__":
            kept = Holder(function.name, owner=owner)
            hidden = function.name.startswith("_") and not function.name.startswith("__")
            return self._arguments(kept, name, index, way, is_open=not hidden)
        found = NOTHING
        for each in related_classes(self._names, owner):
            if each is not owner and any(
                isinstance(n, FUNCTIONS) and n.name == "__init__" for n in each.body
            ):
                # A subclass's own __init__ calls this one by super().
                found |= OPEN
            spot = self._names.place_of(each)
            if spot is None:
                return ANYTHING
            bound = self._names.bindings_of(each.name, self._names.scope_of(spot))
            if bound is None:
                return ANYTHING
            kept = Holder(each.name, scope=bound[1])
            found |= self._arguments(kept, name, index, way, is_open=not is_private(spot))
        return found

    def _arguments(
        self, kept: Holder, name: str, index: int | None, way: Way, *, is_open: bool
    ) -> Part:
        """Return what the calls of `kept` pass for one parameter."""
        found = OPEN if is_open else NOTHING
        here = ((self._names, use) for use in plain_uses(self._names, kept))
        for names, use in itertools.chain(here, uses_abroad(self._names, kept)):
            parent = use.parent()
            if isinstance(parent, ast.Call) and parent.func is use.node:
                given = argument_of(parent, name, index)
                if isinstance(given, ast.expr):
                    there = self._ask if names is self._names else self._at(names)
                    found |= there(given, way)
                elif given:
                    return found | ANYTHING
            elif not isinstance(parent, (ast.ClassDef, ast.Expr)):
                found |= OPEN  # handed on, to be called elsewhere
        return found

    def field(self, owner: ast.ClassDef, name: str, way: Way) -> Part:
        """Return what the constructor's calls give a field of a dataclass."""
        place = self._names.place_of(owner)
        bound = (
            None
            if place is None
            else self._names.bindings_of(owner.name, self._names.scope_of(place))
        )
        if place is None or bound is None:
            return ANYTHING
        listed = field_order(self._names, owner)
        if listed is None:
            return ANYTHING
        index = listed.index(name)
        kept = Holder(owner.name, scope=bound[1])
        return self._arguments(kept, name, index, way, is_open=not is_private(place))
