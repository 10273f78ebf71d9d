"""APIs that getattr looks up, by a string or by something that only running the program shows."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.places import Place
from migrate.resolve import UNBOUND, Names
from migrate.scopes import FUNCTIONS, Scope
from migrate.sites import Form, Refusal, Site, looked_up

if TYPE_CHECKING:
    from migrate.model import Rule
    from migrate.ruleset import RuleSet

#: What ties a name to losses: `getattr(nn, config.loss)`, and not `getattr(nn, activation)`.
_OF_LOSSES = re.compile(r"loss|criteri|objective|entropy|nll", re.IGNORECASE)


#: What replaces an attribute that it is given by its name: setattr, mock's patch and patch.object.
_REPLACERS = frozenset({"setattr", "patch", "object"})

#: Methods of a dict that take a key first.
_OF_A_DICT = frozenset({"get", "pop", "setdefault", "__setitem__"})


def replaces(place: Place) -> bool:
    """Tell whether the string at a place is given to what replaces that of which it is the path."""
    parent = place.parent()
    return isinstance(parent, ast.Call) and _last_name(parent.func) in _REPLACERS


def is_lookup(names: Names, call: ast.Call, rule: Rule, scope: Scope, rules: RuleSet) -> bool:
    """Tell whether a call is getattr of this API of a module of torch, and of nothing else."""
    name = looked_up(call)
    if not name or names.lookup("getattr", scope) != {UNBOUND}:
        return False
    return {rules.by_path.get(f"{m}.{name}") for m in names.resolve(call.args[0], scope)} == {rule}


def holders_asked(place: Place) -> Iterator[tuple[ast.expr, bool]]:
    """Yield what the string or keyword at a place may name an attribute of.

    And whether it replaces it: `vars(nn)["NLLLoss"] = mine`, `patch.multiple(nn, NLLLoss=mine)`.
    """
    node, parent = place.node, place.parent()
    if isinstance(parent, ast.Subscript) and parent.slice is node:
        held = _held_by(parent.value)
        if held is not None:
            yield held, not isinstance(parent.ctx, ast.Load)
    elif isinstance(parent, ast.Call):
        method = _last_name(parent.func)
        held = _held_by(parent.func.value) if isinstance(parent.func, ast.Attribute) else None
        if isinstance(node, ast.keyword):
            if method == "multiple" and parent.args:
                yield parent.args[0], True
            elif method == "update" and held is not None:
                yield held, True
            return
        if held is not None and method in _OF_A_DICT:
            yield held, method != "get"
        for holder, string in itertools.pairwise(parent.args):
            if string is node:
                # As an attribute of the module, which may be one of the project's.
                yield holder, method in _REPLACERS


def _held_by(namespace: ast.expr) -> ast.expr | None:
    """Return `nn` of `vars(nn)` and of `nn.__dict__`."""
    if isinstance(namespace, ast.Attribute) and namespace.attr == "__dict__":
        return namespace.value
    if isinstance(namespace, ast.Call) and len(namespace.args) == 1:
        return namespace.args[0] if _last_name(namespace.func) == "vars" else None
    return None


def variable_lookups(names: Names, rules: RuleSet) -> Iterator[Site]:
    """Yield each getattr of a module of torch by a name that is no literal.

    Handed over where the code around it speaks of losses, a note elsewhere: most such calls look
    for an activation or a layer.
    """
    if "getattr" not in names.text:
        return
    for _, place in names.places_of("getattr"):
        call, scope = place.parent(), names.scope_of(place)
        if (
            not isinstance(call, ast.Call)
            or call.func is not place.node
            or len(call.args) not in (2, 3)
            or _is_read(names, call.args[1])
            or names.lookup("getattr", scope) != {UNBOUND}
        ):
            continue
        module = names.resolve(call.args[0], scope)
        found = [
            path
            for path in sorted(rules.by_path)
            if path.rpartition(".")[0] in module and _may_be(call.args[1], path)
        ]
        if found:
            rule = rules.by_path[found[0]]
            apis = " or ".join(path.rpartition(".")[2] for path in found)
            reason = f"`{ast.unparse(call.args[1])}` may name {apis}"
            tied = bool(_OF_LOSSES.search(_around(place.up())))
            yield Site(
                rule,
                place.up(),
                scope,
                refusal=Refusal("getattr", reason),
                note=not tied,
                form=Form.NAME,
            )


def _is_read(names: Names, name: ast.expr) -> bool:
    """Tell whether a name is a string in one piece, which is found by what it says."""
    return isinstance(name, ast.Constant) and str(name.value) in names.slice(name)


def _may_be(name: ast.expr, path: str) -> bool:
    """Tell whether an f-string can spell the last name of a path, by its literal beginning."""
    if isinstance(name, ast.Constant):
        return name.value == path.rpartition(".")[2]
    if not isinstance(name, ast.JoinedStr) or not name.values:
        return True
    first = name.values[0]
    start = first.value if isinstance(first, ast.Constant) else ""
    return path.rpartition(".")[2].startswith(str(start))


def _around(place: Place) -> str:
    """Return the text of the statement and the names of the functions around a call."""
    said = []
    for node in place.path:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            said.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr, ast.Call)):
            said.append(ast.unparse(node))
    return " ".join(said)


def _last_name(function: ast.expr) -> str:
    return str(getattr(function, "id", getattr(function, "attr", "")))
