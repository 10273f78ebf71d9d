"""A site, how its API is used there, and the binding of a call's arguments."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from migrate.places import Place
from migrate.scopes import Scope

if TYPE_CHECKING:
    from migrate.model import Parameter, Rule


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a site is handed over.

    Attributes
    ----------
    code : str
        A key of `migrate.codes.CODES`, which holds the remedy.
    reason : str
        What stands in the way at this very place, without a full stop.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call, bound to the parameter that it reaches.

    Attributes
    ----------
    parameter : str
        The source parameter.
    value : ast.expr
    keyword : ast.keyword or None
        None where it is passed by position.
    """

    parameter: str
    value: ast.expr
    keyword: ast.keyword | None = None


class Form(StrEnum):
    """How an API is used at a site."""

    CALL = "call"  # nn.NLLLoss(w)
    THROUGH = "through"  # Loss(w), of a name whose value moves, or super().__init__(w)
    PARTIAL = "partial"  # partial(nn.NLLLoss, w)
    METHOD = "method"  # nn.NLLLoss.__init__(self, w)
    NAME = "name"  # anything else


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One place where a rule's API is used.

    Attributes
    ----------
    rule : Rule
    place : Place
        The name or attribute that means the API, or the call of getattr that looks it up.
    scope : Scope
        Where it is evaluated.
    call : ast.Call or None
        The call of it, or of partial; None for a use that is neither.
    arguments : tuple of Argument
        In source order; empty where there is no call or it is refused.
    refusal : Refusal or None
        Why the site is handed over, where matching alone can tell.
    note : bool
        The site may not be torch's at all: reported as a note, without a claim.
    form : Form
    undecided : bool
        It is refused only until `migrate.uncalled` has seen what becomes of the value.
    quoted : ast.expr or None
        The name within an annotation that is a string, parsed from the string alone.
    """

    rule: Rule
    place: Place
    scope: Scope
    call: ast.Call | None = None
    arguments: tuple[Argument, ...] = ()
    refusal: Refusal | None = None
    note: bool = False
    form: Form = Form.CALL
    undecided: bool = False
    quoted: ast.expr | None = None

    @property
    def node(self) -> ast.expr | ast.alias:
        """The call where there is one, else the name, string or import."""
        return self.call or self.place.node  # type: ignore[return-value]

    @property
    def shown(self) -> ast.expr | ast.alias:
        """What a finding points to: the call, but within partial and `__init__` the name."""
        return self.callee if self.lead else self.node

    @property
    def callee(self) -> ast.expr:
        """What means the API: the node that is replaced where only names change."""
        assert isinstance(self.place.node, ast.expr)
        return self.place.node

    @property
    def lead(self) -> int:
        """How many arguments of the call are not the API's: that of partial, or `self`."""
        return int(self.form in (Form.PARTIAL, Form.METHOD))


def looked_up(node: ast.AST) -> str:
    """Return the name in `getattr(module, "name")`, or nothing where `node` is no such call."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) in (2, 3)
        and not node.keywords
        and isinstance(name := node.args[1], ast.Constant)
        and isinstance(name.value, str)
    ):
        return name.value
    return ""


def bind(
    call: ast.Call, parameters: tuple[Parameter, ...], *, lead: int = 0, complete: bool = True
) -> tuple[Argument, ...] | Refusal:
    """Bind the arguments of `call` to `parameters`, or say why that cannot be done.

    Parameters
    ----------
    call : ast.Call
    parameters : tuple of Parameter
    lead : int
        How many positional arguments stand before those for `parameters`.
    complete : bool
        Whether every required argument must be there.

    Returns
    -------
    tuple of Argument or Refusal
        The arguments in source order.
    """
    positional = call.args[lead:]
    for value in positional:
        if isinstance(value, ast.Starred):
            return Refusal("star-arguments", f"`*{ast.unparse(value.value)}` hides its arguments")
    for keyword in call.keywords:
        if keyword.arg is None:
            return Refusal("star-keywords", f"`**{ast.unparse(keyword.value)}` hides its arguments")
    if len(positional) > len(parameters):
        return Refusal(
            "too-many-arguments",
            f"{len(positional)} positional arguments are given and {len(parameters)} can be taken",
        )
    bound = [
        Argument(parameter.name, value)
        for parameter, value in zip(parameters, positional, strict=False)
    ]
    known = {parameter.name for parameter in parameters}
    taken = {argument.parameter for argument in bound}
    for keyword in call.keywords:
        name = str(keyword.arg)
        if name not in known:
            return Refusal("unknown-keyword", f"there is no parameter `{name}`")
        if name in taken:
            return Refusal("doubled-argument", f"`{name}` is given by position and by name")
        taken.add(name)
        bound.append(Argument(name, keyword.value, keyword))
    missing = [p.name for p in parameters if p.required and p.name not in taken]
    if missing and complete:
        return Refusal("missing-argument", f"`{missing[0]}` is missing")
    return tuple(bound)
