"""Instances whose way is lost, where a call of something unknown may be their call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from migrate.flow import Flow
from migrate.match import Site
from migrate.resolve import Names
from migrate.suspects import Suspect, suspects, suspects_abroad, takes_any
from migrate.uses import Uses

#: What reads names and attributes that only running it shows.
_TABLES = ("__dict__", "vars(", "globals(", "locals(", "attrgetter", "__getattr")
_READS_TABLES = re.compile(r"__dict__|\b(?:vars|globals|locals)\(|attrgetter|__getattr")


def hand_over_escaped(
    uses: Uses,
    escaped: Sequence[Site],
    visible: Mapping[str, Sequence[Site]],
    abroad: Mapping[str, Uses],
) -> None:
    """Hand over what escapes, where a call of something unknown may be its call.

    Parameters
    ----------
    uses : Uses
        In the file of the constructors, once all that can be followed was.
    escaped : sequence of Site
        Those whose instance got where it is not followed.
    visible : mapping of str to sequence of Site
        Those whose instance other files may take, by the name that it has here.
    abroad : mapping of str to Uses
        In the other files that were followed, by their path.
    """
    names, flow = uses.names, uses.flow
    if not uses.sites:
        return
    if any(word in names.text for word in _TABLES) and _READS_TABLES.search(names.text):
        escaped = uses.sites
    for suspect in suspects(names):
        if id(suspect.call) not in uses.classified:
            found = uses.values.possible(suspect.receiver)
            where = f"line {suspect.call.lineno} {suspect.does}"
            for site in uses.sites_of(found):
                flow.refuse(site, suspect.code, f"{where} on a way that was not followed")
            if found.other or found.open or not (found.sites or found.losses):
                _refuse_all(flow, escaped, suspect, where)
    if not escaped and not visible:
        return
    project, every = names.project, list(chain.from_iterable(visible.values()))
    by_any_name = every and project is not None and project.is_read_by_any_name(names.path)
    for other, suspect in suspects_abroad(names, () if escaped or by_any_name else visible):
        sites = [*escaped, *visible.get(suspect.name, ())]
        # What is called by `.forward` is a model nearly always: not on such a chance alone.
        if suspect.code == "keyword-call" and (by_any_name or takes_any(other)):
            sites += every
        if sites and not _is_edited(uses, abroad.get(other.path), other, suspect):
            where = f"line {suspect.call.lineno} of {other.shown} {suspect.does}"
            _refuse_all(flow, sites, suspect, where)


def _refuse_all(flow: Flow, sites: Sequence[Site], suspect: Suspect, where: str) -> None:
    for site in sites:
        flow.refuse(site, suspect.code, f"it is passed on, and {where}")


def _is_edited(uses: Uses, elsewhere: Uses | None, names: Names, suspect: Suspect) -> bool:
    """Tell whether a call in another file changes all the same, for a loss that is seen."""
    found = uses.values.at(names).possible(suspect.receiver)
    if found.losses and not found.other:
        return True
    calls = elsewhere.flow.edited_calls if elsewhere is not None else ()
    return any(each.call is suspect.call for each in calls)
