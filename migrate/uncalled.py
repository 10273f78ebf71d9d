"""Uses of an API that are no calls of it: which may move, with what else, and on what proof.

A reference moves only together with everything that shares its way, or not at all; and every call
that reaches it must mean the same on both sides as it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from migrate.asked import constructors_of
from migrate.match import Form, Refusal, Site, bind, is_annotation
from migrate.model import Evidence, Pair
from migrate.places import Place
from migrate.proving import proof_of
from migrate.references import follow_value
from migrate.resolve import NONE, Names
from migrate.rewrite import Plan, plan
from migrate.trails import Trail, grouped
from migrate.walk import follow
from migrate.work import File, Group, Kept, Work, moved_questions

if TYPE_CHECKING:
    from migrate.model import Rule
    from migrate.ruleset import RuleSet


def open_uncalled(
    names: Names, sites: Sequence[Site], rules: RuleSet, *, is_init: bool
) -> tuple[list[Site], list[Group]]:
    """Lift the refusal of every use that may move, and say what it moves with.

    Parameters
    ----------
    names : Names
    sites : sequence of Site
        All of a file.
    rules : RuleSet
    is_init : bool
        Whether what the module binds is there for others to import.

    Returns
    -------
    list of Site
        The same uses, in the same order.
    list of Group
        What is all rewritten or all handed over.
    """
    followed = [s for s in sites if s.undecided and _is_reference(s)]
    trails = [follow_value(names, site, is_init=is_init) for site in followed]
    lifted: dict[int, Site] = {}
    groups: list[Group] = []
    for trails_of_group in grouped(trails):
        found = _Opening(names, sites, rules, trails_of_group).run()
        if isinstance(found, Group):
            groups.append(found)
            lifted.update((id(old), new) for old, new in found.lifted)
        else:
            for trail in trails_of_group:
                refusal = trail.refusal or found
                lifted[id(trail.site)] = replace(trail.site, refusal=refusal, undecided=False)
    return [lifted.get(id(site), site) for site in sites], groups


def _is_reference(site: Site) -> bool:
    return (
        site.form in (Form.NAME, Form.PARTIAL)
        and site.refusal is not None
        and site.refusal.code == "reference"
        and site.quoted is None
        and not is_annotation(site.place)
    )


class _Opening:
    """One group on its way to be opened."""

    def __init__(
        self, names: Names, sites: Sequence[Site], rules: RuleSet, trails: Sequence[Trail]
    ) -> None:
        self.names = names
        self.rules = rules
        self.trails = trails
        self.by_call = {id(site.call): site for site in sites if site.call is not None}
        self.open_calls = [s for s in sites if s.refusal is None and s.call is not None]
        self.lifted: list[tuple[Site, Site]] = []

    def run(self) -> Group | Refusal:
        """Return the group, or why all of it is handed over."""
        for trail in self.trails:
            if trail.refusal is not None:
                line = trail.site.node.lineno
                return Refusal("reference", f"it goes with line {line}, which is handed over")
        now = {id(t.site): replace(t.site, refusal=None, undecided=False) for t in self.trails}
        self.lifted += [(t.site, now[id(t.site)]) for t in self.trails]
        reached: dict[int, tuple[Place, list[Site]]] = {}
        for trail in self.trails:
            for place in trail.calls:
                reached.setdefault(id(place.node), (place, []))[1].append(now[id(trail.site)])
        kept: list[Kept] = []
        for place, values in reached.values():
            refusal = self._open_call(place, values, kept)
            if refusal is not None:
                return refusal
        asked: list[ast.Call] = []
        also: list[Site] = []
        for trail in self.trails:
            for call in trail.asked:
                found = constructors_of(self.names, call, self.open_calls)
                if isinstance(found, Refusal):
                    return found
                asked.append(call.node)  # type: ignore[arg-type]
                also += found
        sites = [*(new for _, new in self.lifted), *also]
        return Group(tuple(sites), tuple(kept), tuple(self.lifted), tuple(asked))

    def _open_call(self, place: Place, values: list[Site], kept: list[Kept]) -> Refusal | None:
        call = place.node
        assert isinstance(call, ast.Call)
        site = self.by_call.get(id(call))
        if site is None:
            kept += [Kept(value, place) for value in values]
            return None
        scope = self.names.scope_of(place)
        where = f"line {call.lineno}"
        if site.refusal is None or site.refusal.code not in ("assigned-alias", "ambiguous-name"):
            return Refusal("reference", f"{where} calls it, and is handed over")
        meanings = self.names.resolve(call.func, scope) - {NONE}
        reached = {value.rule.id for value in values}
        if {r.id for m in meanings if (r := self.rules.by_path.get(m))} != reached or any(
            meaning not in self.rules.by_path for meaning in meanings
        ):
            return Refusal("reference", f"{where} calls it, or something else")
        plain = not any(value.form is Form.PARTIAL for value in values)
        if len(reached) == 1 and plain and self._is_assigned_only(call.func, place):
            bound = bind(call, site.rule.source_parameters)
            if isinstance(bound, Refusal):
                return Refusal("reference", f"in {where} {bound.reason}")
            new = replace(site, arguments=bound, refusal=None, undecided=False, form=Form.THROUGH)
            self.lifted.append((site, new))
            return None
        new = replace(site, refusal=None, undecided=False, form=Form.THROUGH)
        self.lifted.append((site, new))
        kept += [Kept(value, place, new) for value in values]
        return None

    def _is_assigned_only(self, function: ast.expr, place: Place) -> bool:
        """Tell whether a name can hold nothing but what this group moves."""
        if not isinstance(function, ast.Name):
            return False
        bound = self.names.bindings_of(function.id, self.names.scope_of(place))
        if bound is None or bound[1].is_class:
            return False
        return all(binding.kind == "value" for binding in bound[0])


# -- proofs --------------------------------------------------------------------------------------


def plan_uncalled(work: Work) -> Refusal | None:
    """Plan a use of which nothing but the name changes, and prove the API itself."""
    rule = work.site.rule
    work.made = Plan(rule, (), (), {})
    old, new = (f"{path}({{}})" for path in (rule.source, rule.target))
    arguments = ("", "")
    if rule.kind == "function":
        arguments = tuple(
            ", ".join(f"{name(p)}=given_{p}" for p in rule.travel if _is_required(rule, p))
            for name in (str, lambda p: str(rule.travel[p].to))
        )  # type: ignore[assignment]
    work.pair = Pair(rule, old.format(arguments[0]), new.format(arguments[1]))
    proof = proof_of(work.pair)
    if isinstance(proof, Refusal):
        return proof
    work.evidence = proof
    return None


def _is_required(rule: Rule, parameter: str) -> bool:
    return any(p.required for p in rule.source_parameters if p.name == parameter)


def completed(work: Work, text: str, *, after: bool) -> str:
    """Return what partial or `Class.__init__` calls, as a call of the API itself.

    Parameters
    ----------
    work : Work
    text : str
        `partial(nn.NLLLoss, size_average=False)`, before or after the rewrite.
    after : bool
        Of a function, the operands that a later call passes are added, by the names of this side.
    """
    site, rule = work.site, work.site.rule
    call = _parsed(text)
    path = rule.target if after else rule.source
    keywords = list(call.keywords)
    given = {argument.parameter for argument in site.arguments}
    for parameter in rule.source_parameters:
        if parameter.required and parameter.name not in given:
            name = rule.travel[parameter.name].to if after else parameter.name
            keywords.append(ast.keyword(name, ast.Name(f"given_{parameter.name}", ast.Load())))
    args = call.args[site.lead :]
    return ast.unparse(ast.Call(ast.parse(path, mode="eval").body, args, keywords))


def _parsed(text: str) -> ast.Call:
    call = ast.parse(f"({text}\n)", mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def prove_kept(group: Group, file: File) -> Refusal | None:
    """Prove every call that reaches a reference of the group and is not edited.

    Adds the evidence to the works of the reference and, where it is a site, of the call.
    """
    works = {id(work.site): work for work in file.works}
    for kept in group.kept:
        work = works[id(kept.value)]
        if work.refusal is not None:
            return work.refusal
        site = _called_site(kept, file.names)
        if isinstance(site, Refusal):
            line = kept.place.node.lineno  # type: ignore[attr-defined]
            return Refusal("reference", f"line {line} calls it, where {site.reason}")
        pair = _kept_pair(kept, work)
        proof = proof_of(pair)
        where = f"line {site.node.lineno} calls it"
        if isinstance(proof, Refusal):
            return Refusal("reference", f"{where}, and {proof.reason}")
        made = plan(site, file.names)
        if isinstance(made, Refusal):
            return Refusal("reference", f"{where}, and {made.reason}")
        if kept.value.form is Form.NAME and _changes(made):
            return Refusal("reference", f"{where} with arguments that would have to change")
        reason = _instance(site, file)
        if reason:
            return Refusal("reference", f"{where}, and {reason}")
        _add(work, proof, pair)
        if kept.site is not None:
            through = works[id(kept.site)]
            through.made = Plan(kept.site.rule, (), (), {})
            _add(through, proof, pair)
    return None


def _add(work: Work, proof: Evidence, pair: Pair) -> None:
    known = work.evidence or Evidence(0, 0.0)
    work.evidence = Evidence(
        known.cases + proof.cases, max(known.max_error, proof.max_error), proof.by
    )
    work.more = (*work.more, pair)


def _changes(made: Plan) -> bool:
    return made.is_structural or any(
        entry.keyword is not None
        and entry.source is not None
        and entry.keyword != made.arguments[entry.source].parameter
        for entry in made.entries
    )


def _called_site(kept: Kept, names: Names) -> Site | Refusal:
    """Return the call as a site of the API, with the arguments of partial before its own."""
    call = kept.place.node
    assert isinstance(call, ast.Call)
    rule = kept.value.rule
    whole = _merged(kept.value.call, call) if kept.value.form is Form.PARTIAL else call
    bound = bind(whole, rule.source_parameters)
    if isinstance(bound, Refusal):
        return bound
    callee = Place((*kept.place.path, call.func))
    return Site(rule, callee, names.scope_of(kept.place), call, bound, form=Form.THROUGH)


def _merged(partial: ast.Call | None, call: ast.Call) -> ast.Call:
    """Return the call that calling what partial made comes to."""
    assert partial is not None
    later = {keyword.arg for keyword in call.keywords}
    keywords = [keyword for keyword in partial.keywords if keyword.arg not in later]
    args = [*partial.args[1:], *call.args]
    return ast.Call(partial.args[0], args, [*keywords, *call.keywords])


def _kept_pair(kept: Kept, work: Work) -> Pair:
    call = kept.place.node
    assert isinstance(call, ast.Call)
    rule = work.site.rule

    def spelled(path: str, partial: str) -> str:
        whole = _merged(_parsed(partial), call) if kept.value.form is Form.PARTIAL else call
        function = ast.parse(path, mode="eval").body
        return ast.unparse(ast.Call(function, whole.args, whole.keywords))

    booleans = work.made.booleans if work.made is not None else frozenset()
    return Pair(
        rule,
        spelled(rule.source, work.before),
        spelled(rule.target, work.after),
        booleans=booleans,
    )


def _instance(site: Site, file: File) -> str:
    """Return what is done with the instance of a kept call that would need an edit, if anything."""
    if site.rule.kind != "class":
        return ""
    others = [work.site for work in file.works if work.makes_instances]
    flow = follow(file.names, [*others, site], moved_questions(file))
    refusal = flow.refusals.get(id(site))
    if refusal is not None:
        return refusal.reason
    calls = [*flow.edited_calls, *(call for _, call in flow.calls_abroad)]
    edited = [*(c.sites for c in calls), *(d.sites for d in flow.device_calls)]
    if any(site in sites for sites in edited):
        return "its instance is called by keywords or moved to a device"
    return ""


def hand_over(group: Group, file: File, refusal: Refusal) -> None:
    """Hand over what was lifted for a group: each reference with the reason."""
    works = {id(work.site): work for work in file.works}
    for old, new in group.lifted:
        through = new.form is Form.THROUGH
        works[id(new)].refusal = old.refusal if through else refusal
