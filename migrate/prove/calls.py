"""Takes the texts of a pair apart, and sees that they are of one form and of the rule's APIs.

An API may be spelled `getattr(module, "C")`. A class may be written as `C(…)`, with a chain
(`C(…).cuda()`), called at once (`C(…)(x, y)`), and called later (`criterion(x, y)`); a function
only as `f(x, y, …)`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migrate.model import Rule
from migrate.prove import torch_side
from migrate.sites import looked_up


class Unprovable(Exception):
    """The texts cannot be evaluated side by side; its argument says why."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parts of one side's text.

    Attributes
    ----------
    whole : ast.Call
        All of it but for the later call.
    made : ast.Call
        The constructor's call, or the function's.
    chain : tuple of ast.Call
        Calls of methods that give the instance back, innermost first.
    used : ast.Call or None
        The call of the instance, at once or later.
    later : bool
        Whether `used` stands elsewhere in the program.
    """

    whole: ast.Call
    made: ast.Call
    chain: tuple[ast.Call, ...] = ()
    used: ast.Call | None = None
    later: bool = False


def parse(text: str, later: str | None, *, is_class: bool, torch: bool = False) -> Parsed:
    """Take the text of a site apart, and that of the later call of its instance.

    A module of torch's may be called by its method `forward`, which a Cell does not have. Calling
    the module does the same, but for hooks (`torch.nn.Module.__call__`), and instances that have
    some are handed over before.

    Raises
    ------
    Unprovable
        If a text is not a call, or has a part that its kind of site cannot have.
    """
    whole = node = _call(text)
    if not is_class:
        if later is not None:
            raise Unprovable("a function has no instance that is called later")
        return Parsed(whole, node)
    if torch:
        node.func = _without_forward(node.func)
    used = None
    if isinstance(node.func, ast.Call) and not looked_up(node.func):
        node, used = node.func, node
    chain: list[ast.Call] = []
    while (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in torch_side.CHAIN
        and isinstance(node.func.value, ast.Call)
    ):
        chain.insert(0, node)
        node = node.func.value
    if later is None:
        return Parsed(whole, node, tuple(chain), used)
    if used is not None:
        raise Unprovable("an instance that is called at once has no name to be called by later")
    used = _call(later)
    if torch:
        used.func = _without_forward(used.func)
    return Parsed(whole, node, tuple(chain), used, later=True)


def _without_forward(function: ast.expr) -> ast.expr:
    forward = isinstance(function, ast.Attribute) and function.attr == "forward"
    return function.value if forward else function  # type: ignore[attr-defined]


def check(rule: Rule, before: Parsed, after: Parsed) -> None:
    """See that both sides have the same form, and call what the rule says.

    Raises
    ------
    Unprovable
        If they do not.
    """
    sources = {path.rpartition(".")[2] for path in (rule.source, *rule.aliases)}
    old, new = _last_name(before.made), _last_name(after.made)
    # A name, and one of a module of the project, may be anyone's alias; which one it is, is for the
    # resolver to know.
    alias = old not in sources
    if alias and _is_in_torch(before.made.func):
        raise Unprovable(f"before calls {old}, which is not {rule.source}")
    # `from torch.nn import NLLLoss as Loss` may have become the import of another Loss.
    kept = alias and isinstance(after.made.func, ast.Name) and new == old
    if new != rule.target.rpartition(".")[2] and not kept:
        raise Unprovable(f"after calls {new}, which is not {rule.target}")
    if after.chain:
        method = ast.unparse(after.chain[-1].func).rpartition(".")[2]
        raise Unprovable(f"after keeps .{method}(), which stays torch's")
    for call in before.chain:
        _check_move(call)
    if (before.used is None, before.later) != (after.used is None, after.later):
        raise Unprovable("only one side calls the instance")
    if before.later and before.used is not None and after.used is not None:
        one, other = ast.unparse(before.used.func), ast.unparse(after.used.func)
        if one != other:
            raise Unprovable(f"{one} is called before and {other} after")


def canonical(side: Parsed) -> tuple[str, str | None]:
    """Return the texts of a side without the name of its API, whose nodes it overwrites."""
    side.made.func = ast.Name(id="loss", ctx=ast.Load())
    later = ast.unparse(side.used) if side.later and side.used is not None else None
    return ast.unparse(side.whole), later


def _check_move(call: ast.Call) -> None:
    """Refuse a `.to()` that casts: the weight has another dtype after it."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    if any(keyword.arg == "dtype" for keyword in call.keywords) or any(
        isinstance(node, ast.Attribute) and node.attr in torch_side.DTYPES for node in values
    ):
        raise Unprovable(f".{ast.unparse(call).rpartition('.')[2]} casts the weight")


def _last_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call() if name := looked_up(call.func):
            return name
    raise Unprovable(f"{ast.unparse(call.func)} is no dotted name")


def _call(text: str) -> ast.Call:
    try:
        # Within parentheses a call may span lines as it did in the file.
        node = ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise Unprovable(f"{text!r} is not an expression: {error}") from error
    if not isinstance(node, ast.Call):
        raise Unprovable(f"{text!r} is not a call")
    return node


def _is_in_torch(function: ast.expr) -> bool:
    """Tell whether a dotted name is one of torch's by its text, as `nn.Linear` is."""
    return isinstance(function, ast.Attribute) and any(
        getattr(node, "id", getattr(node, "attr", None)) in ("torch", "nn", "F", "functional")
        for node in ast.walk(function.value)
    )
