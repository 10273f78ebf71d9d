"""Classes that inherit from a loss: what moves with each, all of it or none."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from migrate.functions import own_nodes
from migrate.match import Refusal, Site
from migrate.model import Edit, Evidence, Span
from migrate.places import Place
from migrate.removal import is_exported
from migrate.resolve import Names
from migrate.rewrite import Plan
from migrate.scopes import FUNCTIONS
from migrate.spelled import reads_names
from migrate.splice import apply
from migrate.stars import is_torch
from migrate.subclasses import Subclass, read_subclass
from migrate.work import Draft, File, Group, Move, Work


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A class that inherits from a loss, with the group that moves with it."""

    read: Subclass
    group: Group


def open_subclasses(
    names: Names, sites: Sequence[Site], *, is_init: bool
) -> tuple[list[Site], list[Family]]:
    """Lift the refusal of every class that can move, and add the calls that move with it.

    Parameters
    ----------
    names : Names
    sites : sequence of Site
        All of a file, as they were matched.
    is_init : bool
        Whether what the module binds is there for others to import.

    Returns
    -------
    list of Site
        With the calls of the base's constructor and of the class, in no order.
    list of Family
    """
    replaced: dict[int, Site] = {}
    added: list[Site] = []
    families: list[Family] = []
    known = frozenset(path for s in sites for path in (s.rule.source, *s.rule.aliases))
    for site in sites:
        node = site.place.parent()
        if site.refusal is None or site.refusal.code != "subclass" or not site.undecided:
            continue
        assert isinstance(node, ast.ClassDef)
        loose = reads_names(names, site.scope)
        others = is_init or loose or is_exported(names, node.name)
        base = replace(site, refusal=None, undecided=False)
        read = read_subclass(names, base, exported=others, known=known)
        inside = [s for s in sites if s is not site and not s.note and node in s.place.path]
        if isinstance(read, Subclass):
            read = _without_refused(read, inside)
        if isinstance(read, Refusal):
            replaced[id(site)] = replace(site, refusal=read, undecided=False)
            for each in inside:
                if each.refusal is None or each.undecided:
                    reason = f"class {node.name} around it is handed over"
                    refusal = Refusal("subclass", reason)
                    replaced[id(each)] = replace(
                        each, refusal=refusal, arguments=(), undecided=False
                    )
            continue
        own = {id(init.place.node): init for init in read.inits}
        for each in inside:
            if id(each.place.node) in own:
                replaced[id(each)] = own.pop(id(each.place.node))
        replaced[id(site)] = base
        added += [*own.values(), *read.makers]
        within = [each for each in inside if each.refusal is None]
        members = (base, *read.inits, *read.makers, *within)
        families.append(Family(read, Group(members, code="subclass")))
    return [*(replaced.get(id(site), site) for site in sites), *added], families


def _without_refused(read: Subclass, inside: Sequence[Site]) -> Subclass | Refusal:
    inits = {id(init.place.node) for init in read.inits}
    for site in inside:
        if site.refusal is not None and id(site.place.node) not in inits:
            return Refusal("subclass", f"line {site.node.lineno}: {site.refusal.reason}")
    return read


def plan_families(file: File, families: Sequence[Family]) -> None:
    """Say what a class still uses of torch, and what proves the calls of it.

    Where it takes arguments of its own, that is the proof of its base's constructor.
    """
    works = {id(work.site): work for work in file.works}
    for family in families:
        read = family.read
        left = _torch_in(file.names, read.node, family)
        if left:
            works[id(read.base)].said = f"{read.node.name} still uses {', '.join(left)}"
        file.given += ((family.group.sites, place) for place in _tensors(file.names, read))
        if not read.has_init:
            continue
        first = works[id(read.inits[0])]
        for maker in read.makers:
            work = works[id(maker)]
            work.made = Plan(maker.rule, (), (), {})
            work.before = work.after = file.names.slice(maker.node)
            work.own_arguments = True
            work.pair, work.evidence, work.refusal = first.pair, first.evidence, first.refusal


def _tensors(names: Names, read: Subclass) -> Iterator[Place]:
    """Yield what MindSpore's tensors are in a class that moves: operands, and the base's loss."""
    if read.forward is None:
        return
    function = read.forward.node
    assert isinstance(function, FUNCTIONS)
    arguments = [*function.args.posonlyargs, *function.args.args]
    for argument in arguments[1:3]:
        yield read.forward.down(function.args, argument)
    for node in own_nodes(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "forward"
            and isinstance(node.func.value, ast.Call)
            and ast.unparse(node.func.value.func) == "super"
        ):
            place = names.place_of(node)
            if place is not None:
                yield place


def moves_of(file: File, families: Sequence[Family]) -> list[Move]:
    """Return what is renamed in each class that moves."""
    works = {id(work.site): work for work in file.works}
    found = []
    for family in families:
        read = family.read
        if not read.renames or any(works[id(s)].refusal for s in family.group.sites):
            continue
        drafts = tuple(Draft(span, (new,)) for span, new in sorted(read.renames.items()))
        found.append(_move(file.names, family, drafts, works))
    return found


def _move(names: Names, family: Family, drafts: tuple[Draft, ...], works: dict[int, Work]) -> Move:
    read = family.read
    place = read.forward or read.base.place.up()
    start, end = _header(names, place.node)
    edits = [
        (d.span, str(d.parts[0])) for d in drafts if start <= d.span.start and d.span.end <= end
    ]
    shifted = [Edit(Span(s.start - start, s.end - start), new) for s, new in edits]
    before = names.text[start:end]
    evidence = [work.evidence for s in family.group.sites if (work := works[id(s)]).evidence]
    total = Evidence(sum(e.cases for e in evidence), max(e.max_error for e in evidence))
    said = "`forward` becomes `construct`"
    parameters = [new for _, new in edits if new != "construct"]
    if parameters:
        said += f", its parameters {' and '.join(parameters)}"
    return Move(
        family.group.sites,
        drafts,
        place,
        read.base.scope,
        read.base.rule.id,
        "construct",
        said,
        before=before,
        after=apply(before, shifted),
        evidence=total,
    )


def _header(names: Names, node: ast.AST) -> tuple[int, int]:
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    start = names.start(node)
    end = names.text.rindex(":", start, names.start(node.body[0])) + 1
    return start, end


def _torch_in(names: Names, node: ast.ClassDef, family: Family) -> list[str]:
    """Return what the class still uses of torch, by its dotted names."""
    moved = {id(site.place.node) for site in family.group.sites}
    found: set[str] = set()
    stack: list[ast.AST] = [node]
    while stack:
        inner = stack.pop()
        if id(inner) in moved:
            continue
        if isinstance(inner, (ast.Name, ast.Attribute)):
            if any(id(part) in moved for part in ast.walk(inner)):
                continue
            scope = names.scope_of(names.place_at(names.end(inner) - 1))
            paths = {m for m in names.resolve(inner, scope) if is_torch(m)}
            if paths:
                found |= paths
                continue
        stack.extend(ast.iter_child_nodes(inner))
    return sorted(found)
