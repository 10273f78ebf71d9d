"""Loads, validates and indexes `rules/tensors/`: what moves with a loss, as data.

They are apart from the rules of the losses: a file without a covered loss is never touched, so
none of their names is a word that is searched for.
"""

# No `from __future__ import annotations`: msgspec would evaluate the strings at every start.
import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from migrate.errors import RuleError
from migrate.ruleset import Address, Name, Path_, Text
from migrate.tables import MalformedError, convert, default_directory, read

Kind = Literal["creation", "random", "filling", "method", "operation", "module", "dtype", "seed"]
Role = Literal[
    "data", "array", "size", "extent", "number", "axis", "dtype", "tensor", "device", "flag", "seed"
]

#: What a method's dotted path begins with.
METHOD = "torch.Tensor."


def _says(description: str) -> Meta:
    return Meta(description=description)


class ParameterTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One parameter of a signature."""

    name: Name
    default: Annotated[str | None, _says("A Python literal; required where it is left out.")] = None


class SideTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One API as its framework has it."""

    name: Annotated[Path_, _says("The dotted path under which it is documented.")]
    versions: Annotated[Text, _says("Those with this signature, as a PEP 440 specifier.")]
    documentation: Address
    parameters: Annotated[tuple[ParameterTable, ...], _says("The signature, in order.")] = ()
    forms: Annotated[
        tuple[tuple[Annotated[str, Meta(pattern=r"^\*?[A-Za-z_][A-Za-z0-9_]*$")], ...], ...],
        _says("What positional arguments reach, by their number; a name with * takes several."),
    ] = ()


class SourceTable(SideTable, frozen=True, forbid_unknown_fields=True):
    """One API as torch has it."""

    aliases: Annotated[tuple[Path_, ...], _says("Every other path to the same object.")] = ()
    receiver: Annotated[Path_ | None, _says("Of a filling: what creates the tensor.")] = None


class TravelTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How one source parameter reaches the target; without `to` it goes."""

    role: Annotated[Role, _says("The values that a free name here takes in a proof.")]
    to: Annotated[Name | None, _says("The target parameter it becomes.")] = None


class TensorTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One API that makes, changes or reads a tensor, and what it becomes."""

    kind: Kind
    reading: Annotated[Name, _says("What reads the call of either side: migrate/prove/tensors.py.")]
    summary: Text
    why: Text
    source: SourceTable
    target: Annotated[SideTable | None, _says("Left out where the call goes.")] = None
    travel: Annotated[dict[str, TravelTable], _says("By name, one a source parameter.")] = {}
    state: Annotated[
        dict[str, str], _says("Target parameters to be written where nothing travels to them.")
    ] = {}


@dataclass(frozen=True, slots=True)
class Signature:
    """One side of a rule.

    Attributes
    ----------
    path : str
    defaults : mapping of str to str or None
        By parameter, in order: the text of the default, None where it is required.
    forms : tuple of tuple of str
        What the positional arguments of a call reach; a form that ends in a name with a star
        takes any number there.
    """

    path: str
    defaults: Mapping[str, str | None] = field(hash=False)
    forms: tuple[tuple[str, ...], ...]
    documentation: str
    versions: str

    def form(self, count: int) -> tuple[str, ...] | None:
        """Return the parameters that `count` positional arguments reach, or None.

        `("*size",) * count` where one parameter takes them all.
        """
        if not count:
            return ()
        for form in self.forms:
            if form and form[-1].startswith("*") and count >= len(form):
                return (*form[:-1], *(form[-1:] * (count - len(form) + 1)))
            if len(form) == count:
                return form
        return None


@dataclass(frozen=True, slots=True, eq=False)
class TensorRule:
    """One API that makes, changes or reads a tensor, and what it becomes.

    Attributes
    ----------
    kind : str
        creation, random, filling (what draws into a new tensor), method, operation, module,
        dtype, seed.
    reading : str
        In `migrate.prove.tensors`, what the call gives on either side.
    source : Signature
    target : Signature or None
        None where the call goes, as `.cuda()` does.
    aliases : tuple of str
    receiver : str or None
        Of a filling, what creates the tensor.
    travel : mapping of str to TravelTable
    state : mapping of str to str
        Target parameters that are written where no argument travels to them, as Python literals.
    """

    kind: Kind
    reading: str
    source: Signature
    target: Signature | None
    aliases: tuple[str, ...]
    receiver: str | None
    travel: Mapping[str, TravelTable]
    state: Mapping[str, str]
    summary: str
    why: str

    @property
    def id(self) -> str:
        """The dotted source path: `torch.tensor`."""
        return self.source.path

    @property
    def is_method(self) -> bool:
        """Whether it is called on a tensor."""
        return self.id.startswith(METHOD)


@dataclass(frozen=True, slots=True)
class TensorRules:
    """The rules of tensors, and their indexes.

    Attributes
    ----------
    rules : tuple of TensorRule
        Sorted by id.
    by_path : mapping of str to TensorRule
        Functions, classes and dtypes, by source path and alias.
    methods : mapping of str to TensorRule
        By the method's name.
    """

    rules: tuple[TensorRule, ...]
    by_path: Mapping[str, TensorRule] = field(hash=False, repr=False)
    methods: Mapping[str, TensorRule] = field(hash=False, repr=False)

    @property
    def draws(self) -> frozenset[str]:
        """The ids of the rules whose results a generator draws."""
        return frozenset(rule.id for rule in self.rules if rule.kind in ("random", "filling"))


@cache
def default_tensor_rules() -> TensorRules:
    """Return the rules that come with the package, loaded once.

    Raises
    ------
    RuleError
        As `load`.
    """
    return load()


def load(directory: Path | None = None) -> TensorRules:
    """Read every `*.toml` of a directory as a rule of tensors.

    Raises
    ------
    RuleError
        If the directory is empty, a file is malformed, or two files claim one path. Names the
        file, the key and what was expected.
    """
    directory = default_directory() / "tensors" if directory is None else directory
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise RuleError(f"{directory}: no rule in it", remedy="name a folder of tensors' rules")
    by_path: dict[str, TensorRule] = {}
    for file in files:
        try:
            rule = _read(file)
            for path in (rule.id, *rule.aliases):
                if path in by_path:
                    what = f"{path!r} is claimed already, by {by_path[path].id}"
                    raise MalformedError("source", what, "let one rule have it, once")
                by_path[path] = rule
        except MalformedError as error:
            raise RuleError(f"{file}: {error}", remedy=error.remedy) from error
    rules = {rule.id: rule for rule in by_path.values()}
    return TensorRules(
        rules=tuple(rules[name] for name in sorted(rules)),
        by_path={path: rule for path, rule in by_path.items() if not rule.is_method},
        methods={path.removeprefix(METHOD): r for path, r in by_path.items() if r.is_method},
    )


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a tensor rule's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of torch2mindspore for a tensor that moves with a loss",
        **msgspec.json.schema(TensorTable),
    }


def _read(file: Path) -> TensorRule:
    table = convert(read(file), TensorTable)
    source = _signature("source", table.source)
    target = None if table.target is None else _signature("target", table.target)
    if file.name != f"{source.path}.toml":
        what = f"{source.path!r} does not match the name of the file"
        raise MalformedError("source.name", what, f"rename the file to {source.path}.toml")
    if target is not None and not target.path.startswith("mindspore."):
        what = f"{target.path!r} is not of MindSpore"
        raise MalformedError("target.name", what, "expected a path that begins with mindspore.")
    for name in source.defaults:
        if name not in table.travel:
            what = "a source parameter without a travel"
            raise MalformedError(f"travel.{name}", what, "add it, with its role")
    for name, travel in table.travel.items():
        if name not in source.defaults:
            expected = f"expected one of {', '.join(source.defaults)}"
            raise MalformedError(f"travel.{name}", f"source has no parameter {name!r}", expected)
        if travel.to is not None and (target is None or travel.to not in target.defaults):
            what = f"target has no parameter {travel.to!r}"
            expected = f"expected one of {', '.join(target.defaults if target else ())}"
            raise MalformedError(f"travel.{name}.to", what, expected)
    for name in table.state:
        if target is None or name not in target.defaults:
            what = f"target has no parameter {name!r}"
            raise MalformedError(f"state.{name}", what, "name one of target.parameters")
    if (table.kind == "filling") != (table.source.receiver is not None):
        what = "only a filling has one, and needs it"
        raise MalformedError("source.receiver", what, "name what creates the tensor, or nothing")
    return TensorRule(
        table.kind,
        table.reading,
        source,
        target,
        table.source.aliases,
        table.source.receiver,
        table.travel,
        table.state,
        table.summary,
        table.why,
    )


def _signature(side: str, table: SideTable) -> Signature:
    defaults = {parameter.name: parameter.default for parameter in table.parameters}
    for index, parameter in enumerate(table.parameters):
        if parameter.default is None:
            continue
        try:
            ast.literal_eval(parameter.default)
        except (ValueError, SyntaxError) as error:
            key = f"{side}.parameters[{index}].default"
            what = f"{parameter.default!r} is not a Python literal"
            raise MalformedError(key, what, "write it as in Python, in double quotes") from error
    for index, form in enumerate(table.forms):
        for name in form:
            if name.lstrip("*") not in defaults:
                what = f"{side} has no parameter {name!r}"
                expected = f"expected one of {', '.join(defaults)}"
                raise MalformedError(f"{side}.forms[{index}]", what, expected)
    forms = table.forms or tuple(
        tuple(list(defaults)[:count]) for count in range(len(defaults) + 1)
    )
    return Signature(table.name, defaults, forms, table.documentation, table.versions)
