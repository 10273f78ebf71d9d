"""A file on its way from text to text: what each step has found out for the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.flow import Flow
from migrate.match import Refusal, Site
from migrate.model import Evidence, Pair, Span, Status
from migrate.places import Place
from migrate.resolve import Names
from migrate.rewrite import Plan
from migrate.scopes import Scope


@dataclass(slots=True)
class Work:
    """What is known of one call on its way; a step that refuses it sets `refusal`."""

    site: Site
    made: Plan | None = None
    before: str = ""
    after: str = ""
    evidence: Evidence | None = None
    pair: Pair | None = None
    refusal: Refusal | None = None


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


@dataclass(slots=True)
class File:
    """One file, with the quotation mark for new strings and the evidence by instance call."""

    names: Names
    quote: str
    works: list[Work]
    flow: Flow = field(default_factory=Flow)
    called: dict[int, Called] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
