"""A file on its way from text to text: what each step has found out for the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.flow import Flow
from migrate.match import Refusal, Site
from migrate.model import Evidence
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
    refusal: Refusal | None = None


@dataclass(slots=True)
class File:
    """One file, with the quotation mark for new strings and the evidence by instance call."""

    names: Names
    quote: str
    works: list[Work]
    flow: Flow = field(default_factory=Flow)
    called: dict[int, tuple[str, str, Evidence]] = field(default_factory=dict)
