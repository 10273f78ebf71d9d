"""What may stand around a function or class of the file: decorators, bases and metaclasses."""

from __future__ import annotations

import ast

from migrate.resolve import OWN, UNBOUND, Names
from migrate.scopes import FUNCTIONS, Scope

#: Decorators that call the function with what they were called with, and hold nothing back.
_PLAIN_DECORATORS = frozenset({"abstractmethod", "classmethod", "no_grad", "staticmethod"})

#: Bases that read no attribute of a class that inherits from them.
_PLAIN_BASES = frozenset({"torch.nn.Module", "abc.ABC", "typing.Protocol"})


def may_call(names: Names, owner: ast.ClassDef) -> str:
    """Return why something around a class may call what the class holds, or nothing."""
    place = names.place_at(names.start(owner))
    scope = names.scope_of(place)
    plain = _PLAIN_BASES | {OWN}
    for base in owner.bases:
        meanings = names.resolve(base, scope)
        is_object = meanings == {UNBOUND} and ast.unparse(base) == "object"
        if not (meanings <= plain or is_object):
            return f"inherits from `{ast.unparse(base)}`, which may call it"
    if owner.keywords or any(not is_plain(d) for d in owner.decorator_list):
        return "has a decorator or a metaclass, which may call it"
    return ""


def is_plain(decorator: ast.expr) -> bool:
    """Tell whether a decorator calls the function with what it was called with, and only that."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return str(getattr(decorator, "attr", getattr(decorator, "id", ""))) in _PLAIN_DECORATORS


def is_entered(names: Names, name: str, scope: Scope) -> bool:
    """Tell whether calling a name enters one function or class of this file, and only that."""
    bound = names.bindings_of(name, scope)
    if bound is None or len(bound[0]) != 1:
        return False
    statement = bound[0][0].statement
    decorators = getattr(statement, "decorator_list", ())
    if any(not is_plain(decorator) for decorator in decorators):
        return False
    if isinstance(statement, FUNCTIONS):
        return True
    if not isinstance(statement, ast.ClassDef) or statement.keywords:
        return False
    methods = [node for node in statement.body if isinstance(node, FUNCTIONS)]
    named = {method.name: method for method in methods}
    return "__new__" not in named and "__init__" in named and not named["__init__"].decorator_list
