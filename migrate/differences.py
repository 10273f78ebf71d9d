"""Loads and validates `rules/differences/`: where an equivalent is not equivalent, as data.

No rewrite of a call can remove these differences. Each is a file: what the frameworks do, what to
do about it, and small programs that show it.
"""

# No `from __future__ import annotations`: msgspec would evaluate the strings at every start.
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from migrate.errors import RuleError
from migrate.ruleset import Path_, RuleSet, Text, default_rules
from migrate.tables import MalformedError, convert, default_directory, read

#: `mindspore` is said of what both forms meet, such as a method of Tensor.
Side = Literal["torch", "mindspore class", "mindspore function", "mindspore"]

_OUTCOME = r"(raises [A-Za-z]+|prints \S.*|died|timed out)"
Outcome = Annotated[str, Meta(pattern=f"^{_OUTCOME}( or {_OUTCOME})*$")]
Specifier = Annotated[str, Meta(pattern=r"^(==|>=|<=|>|<)\d[\d.*]*(,(==|>=|<=|>|<)\d[\d.*]*)*$")]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """What one API of one framework does, and the program that shows it.

    Attributes
    ----------
    side : {"torch", "mindspore class", "mindspore function", "mindspore"}
        The framework, and its form of the loss.
    api : str
        The dotted path of what the program uses.
    versions : str
        Those on which it was shown, as a PEP 440 specifier.
    does : str
        What happens, in one clause.
    expected : str
        What becomes of the program: `raises X`, `prints TEXT`, `died` or `timed out`; several
        joined by ` or ` where the framework itself does not always do the same. Numbers have
        three digits.
    probe : str
        The program; it needs nothing but the framework and NumPy.
    """

    side: Side
    api: Path_
    versions: Specifier
    does: Text
    expected: Outcome
    probe: Text

    def holds(self, outcome: str) -> bool:
        """Whether what became of the program is what the claim says."""
        return outcome in self.expected.split(" or ")


#: What an expression stands for in a call of a loss: a name of `migrate.prove.domains.DOMAINS`.
Role = Literal["logits", "labels", "weight"]
Word = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class Symptom(Struct, frozen=True, forbid_unknown_fields=True):
    """An expression from which the source itself tells that a difference is met.

    Attributes
    ----------
    role : {"logits", "labels", "weight"}
        What the value of the expression is used as.
    says : str
        What the expression makes, as the subject of a sentence: `labels of int64`.
    rules : tuple of str
        Those that it concerns; all of the difference if there are none.
    methods : tuple of str
        The expression calls one of these on something: `x.long()`.
    calls : tuple of str
        The expression calls one of these dotted paths: `torch.randint`.
    displays : tuple of str
        The expression is one of these displays: a `list`.
    given : tuple of str
        One argument of the call means one of these: a dotted path, `builtins.float`, a string in
        quotes, or `-inf`. Empty where every argument will do.
    without : tuple of str
        The call has none of these keywords.
    positional : int or None
        The call has at most so many positional arguments.
    first : {"integers", "floats"} or None
        The first argument is a literal sequence of such numbers.
    element : int or None
        The value is this element of what the expression gives.
    stored : bool
        The expression may also be assigned into a part of the tensor, `x[mask] = …`.
    through : tuple of str
        Methods, and functions of torch, that hand the property on; beside those that only reshape.
    cast : str or None
        The dtype that `--labels cast` gives the labels.
    """

    role: Role
    says: Text
    rules: tuple[Path_, ...] = ()
    methods: tuple[Word, ...] = ()
    calls: tuple[Path_, ...] = ()
    displays: tuple[Literal["list", "tuple"], ...] = ()
    given: tuple[Text, ...] = ()
    without: tuple[Word, ...] = ()
    positional: int | None = None
    first: Literal["integers", "floats"] | None = None
    element: int | None = None
    stored: bool = False
    through: tuple[Word, ...] = ()
    cast: Path_ | None = None


class Difference(Struct, frozen=True, forbid_unknown_fields=True):
    """One difference between the frameworks that no rewrite of a call removes."""

    id: Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", description="As the file's name.")]
    title: Annotated[str, Meta(min_length=1, description="What it is, in one line.")]
    rules: Annotated[tuple[Path_, ...], Meta(min_length=1, description="The rules it concerns.")]
    why: Annotated[str, Meta(min_length=1, description="What lies behind it.")]
    remedy: Annotated[str, Meta(min_length=1, description="What to do, in one clause.")]
    claims: Annotated[tuple[Claim, ...], Meta(min_length=1, description="What each side does.")]
    evidence: Annotated[
        tuple[Symptom, ...], Meta(description="What in the source tells that it is met.")
    ] = ()


def load(directory: Path | None = None, rules: RuleSet | None = None) -> dict[str, Difference]:
    """Read every `*.toml` of a directory as a difference.

    Parameters
    ----------
    directory : Path, optional
        By default the one that comes with the package.
    rules : RuleSet, optional
        Those that an entry may concern, by default those that come with the package.

    Returns
    -------
    dict of str to Difference
        By id, sorted.

    Raises
    ------
    RuleError
        If the directory is missing or empty, or a file is malformed. Names the file, the key and
        what was expected.
    """
    directory = default_directory() / "differences" if directory is None else directory
    rules = default_rules() if rules is None else rules
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise RuleError(f"{directory}: no difference in it", remedy="name a folder of differences")
    return _loaded(files, rules)


@cache
def with_evidence() -> tuple[Difference, ...]:
    """Return the packaged differences that the source can tell of, by id.

    Only their files are parsed: a run over a tree needs no other.

    Raises
    ------
    RuleError
        If one is malformed.
    """
    files = sorted((default_directory() / "differences").glob("*.toml"))
    told = [file for file in files if b"\n[[evidence]]\n" in file.read_bytes()]
    return tuple(_loaded(told, default_rules()).values())


def _loaded(files: Sequence[Path], rules: RuleSet) -> dict[str, Difference]:
    loaded = {}
    for file in files:
        try:
            loaded[file.stem] = _difference(file, rules)
        except MalformedError as error:
            raise RuleError(f"{file}: {error}", remedy=error.remedy) from error
    return loaded


def _difference(file: Path, rules: RuleSet) -> Difference:
    difference = convert(read(file), Difference)
    if file.name != f"{difference.id}.toml":
        what = f"{difference.id!r} does not match the name of the file"
        raise MalformedError("id", what, f"rename the file to {difference.id}.toml")
    kinds = {rule.id: rule.kind for rule in rules.rules}
    sides = {claim.side for claim in difference.claims}
    for index, claim in enumerate(difference.claims):
        framework = claim.side.partition(" ")[0]
        if claim.api.partition(".")[0] != framework:
            what = f"{claim.api!r} is none of {framework}"
            raise MalformedError(f"claims[{index}].api", what, f"expected {framework}.…")
    for index, rule in enumerate(difference.rules):
        if rule not in kinds:
            what, remedy = f"no rule {rule!r}", f"expected one of {', '.join(kinds)}"
            raise MalformedError(f"rules[{index}]", what, remedy)
        for side in ("torch", f"mindspore {kinds[rule]}"):
            if side not in sides and side.partition(" ")[0] not in sides:
                what = f"no claim of the side {side!r}, which {rule} needs"
                raise MalformedError("claims", what, "add one, with its probe")
    for index, symptom in enumerate(difference.evidence):
        key = f"evidence[{index}]"
        for rule in symptom.rules:
            if rule not in difference.rules:
                what, remedy = f"{rule!r} is not concerned", "expected some of the rules above"
                raise MalformedError(f"{key}.rules", what, remedy)
        if not (symptom.methods or symptom.calls or symptom.displays):
            what = "nothing that an expression could be"
            raise MalformedError(key, what, "expected methods, calls or displays")
    return difference


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a difference's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A difference of torch2mindspore",
        **msgspec.json.schema(Difference),
    }
