"""A file on its way from text to text: what each step has found out for the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.flow import Flow
from migrate.match import Refusal, Site
from migrate.model import Evidence, Pair
from migrate.resolve import Names
from migrate.rewrite import Plan


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


@dataclass(slots=True)
class File:
    """One file, with the quotation mark for new strings and the evidence by instance call."""

    names: Names
    quote: str
    works: list[Work]
    flow: Flow = field(default_factory=Flow)
    called: dict[int, Called] = field(default_factory=dict)
