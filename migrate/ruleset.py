"""Loads, validates and indexes `rules/`: TOML in, frozen `Rule`s out.

The structs say what a rule file holds; `rules/schema.json` is generated from them. What a schema
cannot say (a travel to a parameter that the target lacks, one path in two files) is checked after.
"""

# No `from __future__ import annotations`: msgspec would evaluate the strings at every start.
import ast
import typing
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from migrate import roles
from migrate.errors import RuleError
from migrate.model import Dtypes, Literal_, Parameter, Rule, Travel
from migrate.tables import MalformedError, convert, default_directory, read

Kernel = Literal["cross_entropy", "nll_loss"]
Domain = Literal["weight", "flag", "integer", "reduction", "fraction", "logits", "labels"]
Conversion = Literal["float"]
Dtype = Literal["float16", "float32", "float64"]
Type = Literal["None", "bool", "int", "float", "str", "Tensor"]

#: The type names that `accepts` knows: what a literal can be, and the framework's own tensor.
TYPES: tuple[str, ...] = typing.get_args(Type)

Name = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Path_ = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
Address = Annotated[str, Meta(pattern="^https://")]
Text = Annotated[str, Meta(min_length=1)]


def _says(description: str) -> Meta:
    return Meta(description=description)


class ParameterTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One parameter of a signature, and the values that the framework takes for it."""

    name: Name
    default: Annotated[str | None, _says("A Python literal; required where it is left out.")] = None
    accepts: Annotated[tuple[Type, ...], _says("The types it takes, if not all.")] = ()
    one_of: Annotated[tuple[str, ...], _says("The values it takes, if not all.")] = ()
    otherwise: Annotated[str | None, _says("What other values silently mean.")] = None
    minimum: Annotated[float | None, _says("A smaller number is refused.")] = None
    maximum: Annotated[float | None, _says("A greater number is refused.")] = None
    finite: Annotated[bool, _says("Whether infinities and NaN are refused.")] = False


class SideTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One API as its framework has it."""

    name: Annotated[Path_, _says("The dotted path under which it is documented.")]
    versions: Annotated[Text, _says("Those with this signature, as a PEP 440 specifier.")]
    documentation: Address
    parameters: Annotated[tuple[ParameterTable, ...], _says("The signature, in order.")]
    call: Annotated[tuple[Name, ...], _says("What an instance takes when it is called.")] = ()


class SourceTable(SideTable, frozen=True, forbid_unknown_fields=True):
    """One API as torch has it."""

    aliases: Annotated[tuple[Path_, ...], _says("Every other path to the same object.")] = ()


class DtypesTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The dtypes of logits for which the target gives what torch gives."""

    indices: Annotated[tuple[Dtype, ...], _says("Beside class indices."), Meta(min_length=1)]
    probabilities: Annotated[tuple[Dtype, ...], _says("Beside class probabilities.")] = ()
    smoothed: Annotated[
        tuple[Dtype, ...], _says("Those beside class indices where the labels are smoothed too.")
    ] = ("float32", "float16")


class TargetTable(SideTable, frozen=True, forbid_unknown_fields=True):
    """One API as MindSpore has it."""

    dtypes: Annotated[
        DtypesTable | None,
        _says(
            "Those that a proof compares: float32 and float16, and float64 of indices in a "
            "function, where it is left out."
        ),
    ] = None


class TravelTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How one source parameter reaches the target: exactly one of `to` and `fold`."""

    domain: Annotated[Domain, _says("The values that a free name here takes in a proof.")]
    to: Annotated[Name | None, _says("The target parameter it becomes.")] = None
    fold: Annotated[Name | None, _says("The target parameter it is folded into.")] = None
    convert: Annotated[Conversion | None, _says("A conversion on the way.")] = None
    values: Annotated[dict[str, str], _says("Values that the target spells otherwise.")] = {}


class RuleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One source API, its target, and how its parameters travel."""

    kind: Literal["class", "function"]
    kernel: Annotated[Kernel, _says("The reference that both sides compute.")]
    summary: Annotated[str, _says("What it computes, in one sentence."), Meta(min_length=1)]
    why: Annotated[str, _says("Why a change of the name is not enough."), Meta(min_length=1)]
    source: SourceTable
    target: TargetTable
    travel: Annotated[dict[str, TravelTable], _says("By name, one for each source parameter.")]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one directory, and their indexes.

    Attributes
    ----------
    rules : tuple of Rule
        Sorted by id.
    by_path : mapping of str to Rule
        By source path and by every alias.
    words : tuple of str
        The last components of all paths, sorted: a file that holds none of them has no site.
    """

    rules: tuple[Rule, ...]
    by_path: Mapping[str, Rule] = field(hash=False, repr=False)
    words: tuple[str, ...]


@cache
def default_rules() -> RuleSet:
    """Return the rules that come with the package, loaded once.

    Raises
    ------
    RuleError
        As `load`.
    """
    return load()


def target_directory(target: str) -> Path:
    """Return the folder of the rules that come with the package and lead to a target.

    Parameters
    ----------
    target : {"mindspore", "mint"}
        `mindspore.nn` and `mindspore.ops`, which are the default, or `mindspore.mint`.
    """
    directory = default_directory()
    return directory if target == "mindspore" else directory / target


def load(directory: Path | None = None) -> RuleSet:
    """Read every `*.toml` of a directory as a rule.

    Parameters
    ----------
    directory : Path, optional
        By default the rules that come with the package: inside it in a wheel, beside it in a
        checkout.

    Returns
    -------
    RuleSet

    Raises
    ------
    RuleError
        If the directory is missing or empty, a file is malformed, or two files claim one path.
        Names the file, the key and what was expected.
    """
    directory = default_directory() if directory is None else directory
    if not directory.is_dir():
        raise RuleError(f"{directory}: no such directory", remedy="name a directory of rule files")
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise RuleError(f"{directory}: no rule in it", remedy="add a rule, one .toml file an API")
    by_path: dict[str, Rule] = {}
    claimed: dict[str, Path] = {}
    for file in files:
        try:
            rule = _read(file)
            for key, path in _paths(rule):
                if path in by_path:
                    what = f"{path!r} is claimed already, in {claimed[path]}"
                    raise MalformedError(key, what, "let one rule have it, once")
                by_path[path], claimed[path] = rule, file
        except MalformedError as error:
            raise RuleError(f"{file}: {error}", remedy=error.remedy) from error
    rules = {rule.id: rule for rule in by_path.values()}
    return RuleSet(
        rules=tuple(rules[name] for name in sorted(rules)),
        by_path=by_path,
        words=tuple(sorted({path.rpartition(".")[2] for path in by_path})),
    )


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a rule file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of torch2mindspore",
        **msgspec.json.schema(RuleTable),
    }


def _paths(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "source.name", rule.source
    for index, alias in enumerate(rule.aliases):
        yield f"source.aliases[{index}]", alias


def _read(file: Path) -> Rule:
    rule = _rule(convert(read(file), RuleTable))
    if file.name != f"{rule.id}.toml":
        what = f"{rule.id!r} does not match the name of the file"
        raise MalformedError("source.name", what, f"rename the file to {rule.id}.toml")
    if not rule.target.startswith("mindspore."):
        # How a file reaches its target rests on the import of that one package.
        what = f"{rule.target!r} is not of MindSpore"
        raise MalformedError("target.name", what, "expected a path that begins with mindspore.")
    _check_signature("source", rule.source_parameters)
    _check_signature("target", rule.target_parameters)
    _check_call(rule)
    _check_travel(rule)
    roles.check(rule)
    return rule


def _rule(table: RuleTable) -> Rule:
    return Rule(
        source=table.source.name,
        target=table.target.name,
        aliases=table.source.aliases,
        kind=table.kind,
        kernel=table.kernel,
        source_parameters=_parameters("source", table.source),
        target_parameters=_parameters("target", table.target),
        source_call=table.source.call,
        target_call=table.target.call,
        travel={name: _travel(entry) for name, entry in table.travel.items()},
        dtypes=_dtypes(table),
        summary=table.summary,
        why=table.why,
        source_documentation=table.source.documentation,
        target_documentation=table.target.documentation,
        source_versions=table.source.versions,
        target_versions=table.target.versions,
    )


def _dtypes(table: RuleTable) -> Dtypes:
    if table.target.dtypes is not None:
        return Dtypes(**asdict(table.target.dtypes))
    # mindspore.nn's classes refuse float64, and mindspore.ops' functions float64 probabilities;
    # what these smooth is of float32's precision: rules/differences/float64-smoothing.toml.
    return Dtypes(("float32", "float16", "float64")) if table.kind == "function" else Dtypes()


def _travel(entry: TravelTable) -> Travel:
    return Travel(**asdict(entry) | {"values": tuple(entry.values.items())})


def _parameters(side: str, table: SideTable) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            **asdict(entry)
            | {
                "required": entry.default is None,
                "default": _literal(f"{side}.parameters[{index}].default", entry.default),
            }
        )
        for index, entry in enumerate(table.parameters)
    )


def _literal(key: str, text: str | None) -> Literal_:
    if text is None:
        return None
    try:
        return _evaluated(text)
    except (ValueError, TypeError, SyntaxError) as error:
        remedy = "write None, True, -100, 0.5 or 'mean' as in Python, all in double quotes"
        raise MalformedError(key, f"{text!r} is not a Python literal", remedy) from error


# Signatures repeat a handful of defaults.
@cache
def _evaluated(text: str) -> Literal_:
    value = ast.literal_eval(text)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(text)


def _check_signature(side: str, parameters: tuple[Parameter, ...]) -> None:
    names = [parameter.name for parameter in parameters]
    for index, parameter in enumerate(parameters):
        key = f"{side}.parameters[{index}]"
        if parameter.name in names[:index]:
            raise MalformedError(key, f"a second {parameter.name!r}", "name each once")
        if parameter.required and index and not parameters[index - 1].required:
            what = f"{parameter.name!r} is required and follows one with a default"
            raise MalformedError(key, what, "keep the order and the defaults of the signature")


def _check_call(rule: Rule) -> None:
    for side, call in (("source", rule.source_call), ("target", rule.target_call)):
        if rule.kind == "class" and not call:
            what = "the parameters when an instance is called are missing"
            raise MalformedError(f"{side}.call", what, 'add them, as in ["input", "target"]')
        if rule.kind == "function" and call:
            raise MalformedError(f"{side}.call", "a function has no instance", "remove the key")
    if len(rule.source_call) != len(rule.target_call):
        what = f"{len(rule.target_call)} names, but source.call has {len(rule.source_call)}"
        raise MalformedError("target.call", what, "name as many, in the same order")


def _check_travel(rule: Rule) -> None:
    sources = [parameter.name for parameter in rule.source_parameters]
    targets = {parameter.name: parameter for parameter in rule.target_parameters}
    for name, travel in rule.travel.items():
        key = f"travel.{name}"
        if name not in sources:
            what = f"source has no parameter {name!r}"
            raise MalformedError(key, what, f"expected one of {', '.join(sources)}")
        if (travel.to is None) == (travel.fold is None):
            what = "both to and fold" if travel.to else "neither to nor fold"
            raise MalformedError(key, what, "expected exactly one of them")
        verb, arrival = ("fold", travel.fold) if travel.to is None else ("to", travel.to)
        if arrival not in targets:
            what = f"target has no parameter {arrival!r}"
            raise MalformedError(f"{key}.{verb}", what, f"expected one of {', '.join(targets)}")
        allowed = targets[arrival].one_of
        for before, after in travel.values:
            if allowed and after not in allowed:
                what, remedy = f"target takes no {after!r}", f"expected one of {', '.join(allowed)}"
                raise MalformedError(f"{key}.values.{before}", what, remedy)
    for name in sources:
        if name not in rule.travel:
            what = "a source parameter without a travel"
            raise MalformedError(f"travel.{name}", what, "add it, with to or fold")
    arrivals = Counter(travel.to for travel in rule.travel.values())
    for name, parameter in targets.items():
        if arrivals[name] > 1:
            what = f"{arrivals[name]} source parameters have to = {name!r}"
            raise MalformedError("travel", what, "let one have it, and fold the others")
        if parameter.required and not arrivals[name]:
            what = f"nothing travels to {name!r}, which target requires"
            raise MalformedError("travel", what, "say with to which parameter becomes it")
