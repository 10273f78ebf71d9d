"""The catalogue of differences as Markdown: a section an entry, and the table by version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from migrate.differences import Claim, Difference

#: What became of each claim's probe, by version.
Measured = Mapping[str, Mapping[tuple[str, int], str]]


def mindspore_claims(catalogue: Mapping[str, Difference]) -> dict[tuple[str, int], Claim]:
    """Return the claims on MindSpore, by the id of their entry and their place in it."""
    return {
        (entry.id, index): claim
        for entry in catalogue.values()
        for index, claim in enumerate(entry.claims)
        if claim.side != "torch"
    }


def sections(catalogue: Mapping[str, Difference]) -> str:
    """Return a section for each entry."""
    return "\n\n".join(_section(entry) for entry in catalogue.values())


def _section(entry: Difference) -> str:
    rows = [["API", "versions", "what it does", "the probe"]]
    rows += [
        [f"`{claim.api}`", f"`{claim.versions}`", claim.does, claim.expected]
        for claim in entry.claims
    ]
    concerned = ", ".join(f"`{rule.removeprefix('torch.')}`" for rule in entry.rules)
    parts = [
        f"### {entry.id}",
        f"**{entry.title}.** {entry.why}",
        f"What to do: {entry.remedy}.",
        f"Concerns {concerned}.",
        _table(rows),
    ]
    return "\n\n".join(parts)


def table(catalogue: Mapping[str, Difference], measured: Measured) -> str:
    """Return what became of every probe on every version; what no claim says stands in bold."""
    rows = [["difference", "API", *measured]]
    for (name, index), claim in mindspore_claims(catalogue).items():
        cells = [
            said if as_claimed(claim, version, said := told[name, index]) else f"**{said}**"
            for version, told in measured.items()
        ]
        rows.append([f"[{name}](#{name})", f"`{claim.api}`", *cells])
    return _table(rows)


def as_claimed(claim: Claim, version: str, outcome: str) -> bool:
    """Whether the claim holds where it says so, and does not where it does not."""
    from packaging.specifiers import SpecifierSet

    return claim.holds(outcome) == SpecifierSet(claim.versions).contains(version)


def put(document: str, part: str, text: str) -> str:
    """Return the document with `text` between the markers of `part`."""
    begin, end = f"<!-- {part}: generated -->", f"<!-- end of {part} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
