"""A file on its way from text to text: what each step has found out for the next."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.flow import Flow
from migrate.match import Form, Refusal, Site
from migrate.model import Claim, Evidence, Pair, Span, Status
from migrate.places import Place
from migrate.resolve import Names
from migrate.rewrite import Plan
from migrate.scopes import Scope


@dataclass(slots=True)
class Work:
    """What is known of one use on its way; a step that refuses it sets `refusal`.

    `more` holds the pairs of calls that reach it and stay as they are; such a call is `kept`.
    One that is `added`, such as `super().__init__()`, is no use of the API by its name, and
    reported only where it changes. A class of the user's may take arguments of its own.
    What is `said` is added to the message.
    """

    site: Site
    made: Plan | None = None
    before: str = ""
    after: str = ""
    evidence: Evidence | None = None
    pair: Pair | None = None
    more: tuple[Pair, ...] = ()
    kept: bool = False
    added: bool = False
    own_arguments: bool = False
    said: str = ""
    refusal: Refusal | None = None

    @property
    def makes_instances(self) -> bool:
        """Whether it is a planned call whose instances are to be followed."""
        planned = self.refusal is None and self.made is not None and not self.kept
        calls_base = isinstance(self.site.callee, ast.Attribute)
        through = self.site.form is Form.THROUGH and not calls_base
        return planned and (self.site.form is Form.CALL or through)


@dataclass(frozen=True, slots=True)
class Called:
    """A call of instances: its texts, and one proof with each constructor that may reach it."""

    before: str
    after: str
    evidence: Evidence
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Spelled:
    """A dotted path of MindSpore, to be written as the file imports it."""

    path: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An edit that may name MindSpore, made before it is known how the file spells it.

    Attributes
    ----------
    span : Span
        An empty one inserts.
    parts : tuple of str or Spelled
        The replacement; the full path stands for a `Spelled` in reports.
    """

    span: Span
    parts: tuple[str | Spelled, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """Something other than a site's own call that is rewritten because sites are.

    A cast of an operand, a class that inherits from a loss, a tensor that flows into one: each
    has an edit or several and one finding, and goes where its sites go.

    Attributes
    ----------
    sites : tuple of Site
        Those that it moves with: it is dropped if any of them is handed over.
    drafts : tuple of Draft
    place : Place
        What the finding shows.
    scope : Scope
        In which the new names are evaluated.
    rule, code, message : str
        Of the finding.
    status : Status
    before, after : str
        The text of the place, and what it becomes.
    evidence : Evidence or None
        None for a note.
    pairs : tuple of Pair
    gone : tuple of (str, Scope)
        The names of which the drafts take away a use.
    """

    sites: tuple[Site, ...]
    drafts: tuple[Draft, ...]
    place: Place
    scope: Scope
    rule: str
    code: str
    message: str
    status: Status = Status.REWRITTEN
    before: str = ""
    after: str | None = None
    evidence: Evidence | None = None
    pairs: tuple[Pair, ...] = ()
    gone: tuple[tuple[str, Scope], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A call that reaches a reference, and stays as it is.

    Attributes
    ----------
    value : Site
        The reference, or the partial.
    place : Place
        Of the call.
    site : Site or None
        The call as a site, where its name can be told to mean an API.
    """

    value: Site
    place: Place
    site: Site | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Uses of APIs of which all are rewritten, or all handed over.

    Attributes
    ----------
    sites : tuple of Site
    kept : tuple of Kept
    lifted : tuple of (Site, Site)
        The uses as they were matched, and without their refusals.
    asked : tuple of ast.Call
        The calls of isinstance among them.
    code : str
        Under which a member is handed over because another one is.
    """

    sites: tuple[Site, ...]
    kept: tuple[Kept, ...] = ()
    lifted: tuple[tuple[Site, Site], ...] = ()
    asked: tuple[ast.Call, ...] = ()
    code: str = "reference"


@dataclass(slots=True)
class File:
    """One file, with the quotation mark for new strings and the evidence by instance call.

    Where a class moves, `given` holds the places that are MindSpore's tensors then: the parameters
    of its `forward`, and what its base computes.
    """

    names: Names
    quote: str
    works: list[Work]
    flow: Flow = field(default_factory=Flow)
    called: dict[int, Called] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    claims: list[tuple[Site, Claim]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    given: list[tuple[tuple[Site, ...], Place]] = field(default_factory=list)

    @property
    def refused(self) -> frozenset[int]:
        """The `id` of every site that is handed over."""
        return frozenset(id(work.site) for work in self.works if work.refusal is not None)


def settle(file: File) -> None:
    """Hand over the rest of every group of which something is handed over."""
    works = {id(work.site): work for work in file.works}
    again = True
    while again:
        again = False
        for group in file.groups:
            members = [works[id(site)] for site in group.sites]
            refused = next((work for work in members if work.refusal is not None), None)
            for work in members if refused is not None else ():
                if work.refusal is None:
                    assert refused is not None
                    assert refused.refusal is not None
                    work.refusal = _with(work, refused, group.code)
                    again = True


def _with(work: Work, refused: Work, code: str) -> Refusal:
    line = refused.site.node.lineno
    assert refused.refusal is not None
    reason = f"it moves with line {line}, where {refused.refusal.reason}"
    return Refusal(code if work.site.form is not Form.THROUGH else "assigned-alias", reason)


def moved_questions(file: File) -> frozenset[int]:
    """Return the `id` of every isinstance that moves with the constructors it asks about."""
    works = {id(work.site): work for work in file.works}
    return frozenset(
        id(call)
        for group in file.groups
        if all(works[id(site)].refusal is None for site in group.sites)
        for call in group.asked
    )
