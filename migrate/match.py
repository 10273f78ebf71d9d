"""Which sites a file holds, of which rule, with which arguments. Read-only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.lookups import holders_asked, is_lookup, replaces, variable_lookups
from migrate.places import Place
from migrate.resolve import NONE, STAR, UNBOUND, UNKNOWN, Meanings, Names
from migrate.scopes import Scope
from migrate.sites import Argument, Form, Refusal, Site, bind
from migrate.stars import is_other_framework

if TYPE_CHECKING:
    from migrate.model import Rule
    from migrate.ruleset import RuleSet

__all__ = ["Argument", "Form", "Refusal", "Site", "bind", "find_sites"]

#: Names under which torch's modules are imported everywhere. A parameter or an unbound name that
#: is spelled so is worth a note; any other is somebody's own object.
_CUSTOMARY = frozenset({"nn", "F", "torch", "functional", "th"})

#: An assignment to an attribute that torch's modules have.
_ASSIGNED = re.compile(r"\.\s*(nn|functional|modules|loss)\s*=(?!=)")

_UNCALLED = "it is used here without being called"

#: Names under which torch's own modules hold the modules of the covered APIs.
_MODULE_ALIASES = frozenset({"F", "functional", "loss", "modules", "nn"})


def find_sites(names: Names, rules: RuleSet) -> list[Site]:
    """Return every use of a covered API in a file, in the order of the file."""
    sites: dict[int, Site] = {}
    seen: set[str] = set()
    words = set(rules.words)
    if names.project is not None:
        words.update(names.project.words_of(names.path))
    while words - seen:
        # A name bound to the API (`import … as CE`, `CE = nn.CrossEntropyLoss`) is one more word.
        fresh = words - seen
        seen |= fresh
        for word, place in [(w, p) for w in sorted(fresh) for _, p in names.places_of(w)]:
            site = _site_at(names, place, word, rules)
            if site is not None and id(site.place.node) not in sites:
                sites[id(site.place.node)] = site
                words.update(_new_names(site))
            elif isinstance(place.node, ast.alias) and place.node.asname:
                words.add(place.node.asname)
    for site in variable_lookups(names, rules):
        sites.setdefault(id(site.place.node), site)
    found = sorted(sites.values(), key=lambda site: (names.start(site.node), names.end(site.node)))
    return _without_patched(names, found)


def _new_names(site: Site) -> list[str]:
    parent = site.place.parent()
    if site.call is None and isinstance(parent, ast.Assign):
        return [target.id for target in parent.targets if isinstance(target, ast.Name)]
    return []


def _without_patched(names: Names, sites: list[Site]) -> list[Site]:
    """Hand over every site of an API that the file itself assigns to."""
    patched = {
        s.rule.id: s.node.lineno for s in sites if s.refusal and s.refusal.code == "assigned-api"
    }
    for path, line in _assigned_modules(names):
        patched.update(
            (site.rule.id, line)
            for site in sites
            if any(p.startswith(f"{path}.") for p in (site.rule.source, *site.rule.aliases))
        )
    asked = {s.rule.id: s.node.lineno for s in sites if _is_compared(s)}
    sites = [
        site
        if site.rule.id not in asked or not _is_open(site)
        else replace(
            site,
            arguments=(),
            undecided=False,
            refusal=Refusal("reference", f"line {asked[site.rule.id]} compares with the class"),
        )
        for site in sites
    ]
    return [
        site
        if site.rule.id not in patched or not _is_open(site)
        else replace(
            site,
            arguments=(),
            undecided=False,
            refusal=Refusal(
                "assigned-api",
                f"line {patched[site.rule.id]} of this file assigns to {site.rule.id}",
            ),
        )
        for site in sites
    ]


def _is_open(site: Site) -> bool:
    return site.refusal is None or site.undecided


def _is_compared(site: Site) -> bool:
    """Tell whether a class is compared with that of some instance, or looked up by it."""
    parent = site.place.parent()
    if site.rule.kind != "class":
        return False
    if isinstance(parent, ast.Dict):
        return site.place.node in parent.keys
    return isinstance(parent, (ast.Compare, ast.MatchClass))


def _assigned_modules(names: Names) -> Iterator[tuple[str, int]]:
    """Yield the modules of torch that the file assigns to, such as `nn.functional = mine`."""
    for match in _ASSIGNED.finditer(names.text):
        node = names.place_at(match.start(1)).node
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            scope = names.scope_of(names.place_at(match.start(1)))
            yield from (
                (meaning, node.lineno)
                for meaning in sorted(names.resolve(node, scope))
                if meaning.startswith("torch.")
            )


def _site_at(names: Names, place: Place, word: str, rules: RuleSet) -> Site | None:
    node = place.node
    if isinstance(node, ast.Name) and node.id == word:
        return _named(names, place, node, rules)
    if isinstance(node, ast.Attribute) and node.attr == word:
        return _named(names, place, node, rules)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _in_string(names, place, node.value, rules)
    if isinstance(node, ast.keyword) and node.arg == word:
        scope = names.scope_of(place)
        for rule, _ in _looked_up(names, place, word, scope, rules):
            return _replaced(rule, place.up(), scope)
    if isinstance(node, ast.JoinedStr):
        reason = "it stands inside an f-string"
        return _among(names, place, node, rules, "inside-f-string", reason)
    return None


def _named(
    names: Names, place: Place, node: ast.Name | ast.Attribute, rules: RuleSet
) -> Site | None:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return None  # a binding, which resolving reads
    scope = names.scope_of(place)
    meanings = names.resolve(node, scope)
    covered = sorted({rules.by_path[m].id for m in meanings if m in rules.by_path})
    if not covered:
        return _uncovered(names, place, scope, node, meanings, rules)
    rule = rules.by_path[covered[0]]
    others = sorted(m for m in meanings if m not in rules.by_path and m != NONE)
    if others or len(covered) > 1:
        what = " or ".join([*covered, *map(_described, others)])
        return _refused(rule, place, scope, "ambiguous-name", f"the name can mean {what} here")
    return _classified(names, rule, place, scope, node)


def _described(meaning: str) -> str:
    return {
        UNKNOWN: "a value that only running the program shows",
        STAR: "whatever a star import brings",
        UNBOUND: "nothing at all",
    }.get(meaning, "something that this file defines" if meaning.startswith("<") else meaning)


def _uncovered(
    names: Names,
    place: Place,
    scope: Scope,
    node: ast.Name | ast.Attribute,
    meanings: Meanings,
    rules: RuleSet,
) -> Site | None:
    """Return what to say of a covered word that does not mean a covered API, if anything."""
    word = node.id if isinstance(node, ast.Name) else node.attr
    rule = next((r for r in rules.rules if r.source.rpartition(".")[2] == word), None)
    if rule is None:
        return None  # an alias's own name, `CE`, which is nothing here
    parent = place.parent()
    called = isinstance(parent, ast.Call) and parent.func is node
    torch_paths = sorted(m for m in meanings if m.startswith("torch."))
    if torch_paths:
        # torch.functional.F.nll_loss is the covered function by another way, and
        # torch.ops.aten.nll_loss another function.
        note = torch_paths[0].split(".")[-2] not in _MODULE_ALIASES
        reason = f"{torch_paths[0]} is not covered by a rule"
        return _refused(rule, place, scope, "other-path", reason, note=note)
    if all(map(names.knows, meanings)):
        return None  # something of the project's own
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if STAR in meanings and called:
        return _refused(
            rule, place, scope, "star-import", f"`{word}` may come from a star import of this file"
        )
    holder = _last_name(node.value) if isinstance(node, ast.Attribute) else ""
    customary = isinstance(root, ast.Name) and root is not node and root.id in _CUSTOMARY
    # `from common import nn` may well hand torch's on.
    bound = names.lookup(root.id, scope) if customary and isinstance(root, ast.Name) else ()
    foreign = {
        path
        for path in bound
        if path.rpartition(".")[2] in _CUSTOMARY and "." in path and not is_other_framework(path)
    }
    if (
        called
        and (customary or holder in _CUSTOMARY)
        and (meanings & {UNKNOWN, UNBOUND} or foreign)
    ):
        what = "a value that is not known here" if UNKNOWN in meanings else "not bound in this file"
        if foreign:
            what = f"imported from elsewhere, as {min(foreign)}"
        reason = f"`{ast.unparse(root if customary else node.value)}` is {what}"  # type: ignore[union-attr]
        return _refused(rule, place, scope, "unknown-name", reason, note=True)
    return None


def _classified(
    names: Names, rule: Rule, place: Place, scope: Scope, node: ast.Name | ast.Attribute | ast.Call
) -> Site:
    parent = place.parent()
    if not isinstance(node, ast.Call) and not isinstance(node.ctx, ast.Load):
        return _refused(rule, place, scope, "assigned-api", f"{rule.id} itself is assigned to here")
    if _is_scripted(names, place):
        reason = "the code around it is compiled by torch.jit"
        return _refused(rule, place, scope, "torchscript", reason)
    if isinstance(parent, ast.Call) and parent.func is node:
        if not isinstance(node, ast.Call) and names.is_assigned(node, scope):
            reason = f"`{ast.unparse(node)}` was assigned {rule.id}, and other values may reach it"
            refusal = Refusal("assigned-alias", reason)
            return Site(
                rule, place, scope, parent, refusal=refusal, form=Form.THROUGH, undecided=True
            )
        bound = bind(parent, rule.source_parameters)
        if isinstance(bound, Refusal):
            return Site(rule, place, scope, parent, refusal=bound)
        return Site(rule, place, scope, parent, bound)
    if isinstance(parent, ast.ClassDef) and node in parent.bases:
        refusal = Refusal("subclass", f"class {parent.name} inherits from it")
        return Site(rule, place, scope, refusal=refusal, form=Form.NAME, undecided=True)
    refusal = Refusal("reference", _UNCALLED)
    if (
        isinstance(parent, ast.Call)
        and parent.args
        and parent.args[0] is node
        and names.resolve(parent.func, scope) == {"functools.partial"}
    ):
        bound = bind(parent, rule.source_parameters, lead=1, complete=False)
        if isinstance(bound, Refusal):
            return Site(rule, place, scope, parent, refusal=bound, form=Form.PARTIAL)
        return Site(rule, place, scope, parent, bound, refusal, form=Form.PARTIAL, undecided=True)
    return Site(rule, place, scope, refusal=refusal, form=Form.NAME, undecided=True)


def _is_scripted(names: Names, place: Place) -> bool:
    """Tell whether torch.jit compiles the function or class around a call, or is given it."""
    if "jit" not in names.text:
        return False
    for index, node in enumerate(place.path):
        scope = names.scope_of(Place(place.path[: index + 1]))
        marks: list[ast.expr] = [*getattr(node, "decorator_list", ()), *getattr(node, "bases", ())]
        if isinstance(node, ast.Call) and index < len(place.path) - 2:
            marks.append(node.func)
        if any(m.startswith("torch.jit.") for mark in marks for m in names.resolve(mark, scope)):
            return True
    return False


def _refused(
    rule: Rule, place: Place, scope: Scope, code: str, reason: str, *, note: bool = False
) -> Site:
    parent = place.parent()
    call = parent if isinstance(parent, ast.Call) and parent.func is place.node else None
    return Site(rule, place, scope, call, refusal=Refusal(code, reason), note=note)


def _in_string(names: Names, place: Place, value: str, rules: RuleSet) -> Site | None:
    scope = names.scope_of(place)
    parent = place.parent()
    if value in rules.by_path:
        rule = rules.by_path[value]
        if replaces(place):
            return _replaced(rule, place, scope)
        reason = f"the string '{value}' names a torch API, and what reads it is not known"
        return _refused(rule, place, scope, "string-path", reason, note=True)
    for rule, is_replaced in _looked_up(names, place, value, scope, rules):
        if isinstance(parent, ast.Call) and is_lookup(names, parent, rule, scope, rules):
            return _classified(names, rule, place.up(), scope, parent)
        if is_replaced:
            return _replaced(rule, place, scope)
        return _refused(rule, place, scope, "getattr", f"{rule.id} is looked up by its name")
    if not is_annotation(place):
        return None
    try:
        expression = ast.parse(value, mode="eval").body
    except SyntaxError:
        return None
    found = _among(names, place, expression, rules, "reference", _UNCALLED)
    apis = [
        node
        for node in ast.walk(expression)
        if isinstance(node, (ast.Name, ast.Attribute))
        and names.resolve(node, scope) & rules.by_path.keys()
    ]
    plain = names.slice(place.node)[1:-1] == value == value.strip()  # type: ignore[arg-type]
    if found is None or len(apis) != 1 or not plain or not value.isascii():
        return found
    if names.resolve(apis[0], scope) - rules.by_path.keys():
        return found
    return replace(found, form=Form.NAME, quoted=apis[0])


def _looked_up(
    names: Names, place: Place, value: str, scope: Scope, rules: RuleSet
) -> Iterator[tuple[Rule, bool]]:
    """Yield the APIs that a string or keyword speaks of, and whether it replaces them."""
    for holder, is_replaced in holders_asked(place):
        attribute = ast.Attribute(holder, value, ast.Load())
        for meaning in sorted(names.resolve(attribute, scope)):
            if meaning in rules.by_path:
                yield rules.by_path[meaning], is_replaced


def _replaced(rule: Rule, place: Place, scope: Scope) -> Site:
    return _refused(rule, place, scope, "assigned-api", f"{rule.id} itself is replaced here")


def _last_name(function: ast.expr) -> str:
    return str(getattr(function, "id", getattr(function, "attr", "")))


def is_annotation(place: Place) -> bool:
    """Tell whether a node stands in the annotation of a parameter, a name or a result."""
    for inner, outer in zip(reversed(place.path), reversed(place.path[:-1]), strict=False):
        if inner is getattr(outer, "annotation", None) or inner is getattr(outer, "returns", None):
            return True
        if not isinstance(outer, (ast.Subscript, ast.Tuple, ast.BinOp, ast.List)):
            return False
    return False


def _among(
    names: Names, place: Place, root: ast.AST, rules: RuleSet, code: str, reason: str
) -> Site | None:
    """Hand over the first use of an API below `root`, whose positions cannot be trusted."""
    scope = names.scope_of(place)
    for node in ast.walk(root):
        if isinstance(node, (ast.Name, ast.Attribute)):
            for meaning in sorted(names.resolve(node, scope)):
                if meaning in rules.by_path:
                    return _refused(rules.by_path[meaning], place, scope, code, reason)
    return None
