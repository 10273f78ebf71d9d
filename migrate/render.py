"""A planned call as text, through LibCST: the one place that builds code.

Only the call itself is parsed. Its comments, line breaks, quotes and the spacing around `=` are
LibCST's to keep; the white space around an argument that goes is merged into its neighbour's.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from migrate import fold
from migrate.match import Refusal
from migrate.rewrite import Conversion

if TYPE_CHECKING:
    from migrate.rewrite import Entry, Plan

_LINE_END = re.compile(r"\r\n|\r|\n")


def render(
    text: str, plan: Plan, function: str, quote: str, *, lead: int = 0, first: str | None = None
) -> str | Refusal:
    """Return the call `text` as `plan` has it.

    Parameters
    ----------
    text : str
        The call as it stands in the file, or with sites inside its arguments already rewritten.
    plan : Plan
        Made for the same call.
    function : str
        What is called now, such as `mindspore.nn.NLLLoss`.
    quote : str
        The quotation mark for strings that are new.
    lead : int
        How many arguments stand before those of the plan: `partial(nn.NLLLoss, …)` has one.
    first : str or None
        What the first of these becomes.

    Returns
    -------
    str or Refusal
        A refusal where a comment or a line end would be lost.
    """
    ends = set(_LINE_END.findall(text))
    if len(ends) > 1:
        return Refusal("mixed-line-ends", "the lines of this call end in different ways")
    # Within parentheses a call may span lines wherever it stood.
    try:
        node = cst.parse_expression(f"({_LINE_END.sub(chr(10), text)})")
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        # Of valid Python, LibCST refuses a conditional in parentheses right behind a keyword.
        reason = "LibCST cannot read it, as where `not(a if b else c)` lacks a space"
        return Refusal("unreadable-call", reason)
    call = cst.ensure_type(node, cst.Call)
    call = call.with_changes(lpar=call.lpar[1:], rpar=call.rpar[:-1])
    if first is not None:
        api = call.args[0].with_changes(value=cst.parse_expression(first))
        call = call.with_changes(args=[api, *call.args[1:]])
    made = _arranged(call, plan, quote, lead).with_changes(
        func=cst.parse_expression(function), whitespace_after_func=call.whitespace_after_func
    )
    if "#" in text and _comments(call) != _comments(made):
        return Refusal("comment-in-argument", "a comment stands inside an argument that goes")
    written = cst.Module([]).code_for_node(made)
    return _LINE_END.sub(next(iter(ends)), written) if ends else written


def _comments(node: cst.CSTNode) -> Counter[str]:
    return Counter(cst.ensure_type(c, cst.Comment).value for c in m.findall(node, m.Comment()))


def _arranged(call: cst.Call, plan: Plan, quote: str, lead: int) -> cst.Call:
    """Return `call` with the arguments that go, come or change."""
    old = list(call.args[lead:])
    kept = {entry.source: entry for entry in plan.entries if entry.source is not None}
    args: list[cst.Arg] = list(call.args[:lead])
    before = call.whitespace_before_args
    for index, arg in enumerate(old):
        last = index == len(old) - 1
        if index in kept:
            args.append(_argument(arg, kept[index], old, plan, quote))
        elif not args:
            space = _after(arg)
            # Without comments, what follows takes the place of what goes, on its line.
            before = _merged(before, space, last=last) if last or _comment_nodes(space) else before
        elif last:
            args[-1] = _closing(args[-1], arg)
        else:
            args[-1] = _with_after(args[-1], _merged(_after(args[-1]), _after(arg), last=False))
    for position, entry in enumerate(plan.entries):
        if entry.source is None:
            args = _inserted(args, lead + position, entry, old, plan, quote)
    return call.with_changes(args=args, whitespace_before_args=before)


def _argument(arg: cst.Arg, entry: Entry, old: list[cst.Arg], plan: Plan, quote: str) -> cst.Arg:
    value = _value(arg.value, entry, old, plan, quote)
    if entry.keyword is None:
        return arg.with_changes(value=value)
    if arg.keyword is not None:
        return arg.with_changes(value=value, keyword=cst.Name(entry.keyword))
    return arg.with_changes(value=value, keyword=cst.Name(entry.keyword), equal=_tight_equal())


def _value(
    value: cst.BaseExpression, entry: Entry, old: list[cst.Arg], plan: Plan, quote: str
) -> cst.BaseExpression:
    if entry.value is None:
        return value
    if isinstance(entry.value, Conversion):
        if entry.value.function:
            return cst.Call(cst.Name(entry.value.function), [cst.Arg(value)])
        if entry.value.text.startswith("'"):
            return _string(entry.value.text[1:-1], _quote_of(value) or quote)
        return cst.parse_expression(entry.value.text)
    quotes = [_quote_of(arg.value) for arg in old]
    quote = next((q for q in quotes if q), quote)
    operands = {
        name: _operand(old[index].value, negated=name in plan.negated)
        for name, index in plan.operands.items()
    }
    return _outcome(entry.value, operands, quote)


def _operand(value: cst.BaseExpression, *, negated: bool) -> cst.BaseExpression:
    return cst.ensure_type(value, cst.UnaryOperation).expression if negated else value


def _outcome(
    outcome: fold.Outcome, operands: dict[str, cst.BaseExpression], quote: str
) -> cst.BaseExpression:
    if isinstance(outcome, fold.Text):
        return _string(str(outcome.value), quote)
    if isinstance(outcome, fold.Use):
        return operands[outcome.operand]
    then = _outcome(outcome.then, operands, quote)
    otherwise = _outcome(outcome.otherwise, operands, quote)
    return cst.IfExp(
        test=_in_test(_test(outcome, operands)),
        body=_in_test(then),
        orelse=_parenthesised(otherwise) if isinstance(otherwise, cst.NamedExpr) else otherwise,
    )


def _test(choice: fold.Choice, operands: dict[str, cst.BaseExpression]) -> cst.BaseExpression:
    first = operands[choice.operands[0]]
    if choice.test is fold.Test.TRUE:
        return first
    if choice.test is fold.Test.UNTRUE:
        return _not(first)
    if choice.test is fold.Test.FALSE:
        return _and(_compared(first, cst.IsNot()), _not(first))
    tests = [_compared(operands[name], cst.Is()) for name in choice.operands]
    return tests[0] if len(tests) == 1 else _and(*tests)


#: What binds less tightly than the place allows, by the grammar of expressions.
_BELOW_TEST = (cst.IfExp, cst.Lambda, cst.NamedExpr)
_BELOW_NOT = (*_BELOW_TEST, cst.BooleanOperation)


def _below_comparison(node: cst.BaseExpression) -> bool:
    return isinstance(node, (*_BELOW_NOT, cst.Comparison)) or (
        isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)
    )


def _in_test(node: cst.BaseExpression) -> cst.BaseExpression:
    return _parenthesised(node) if isinstance(node, _BELOW_TEST) else node


def _not(node: cst.BaseExpression) -> cst.BaseExpression:
    inner = _parenthesised(node) if isinstance(node, _BELOW_NOT) else node
    return cst.UnaryOperation(cst.Not(), inner)


def _and(left: cst.BaseExpression, right: cst.BaseExpression) -> cst.BaseExpression:
    return cst.BooleanOperation(left, cst.And(), right)


def _compared(node: cst.BaseExpression, operator: cst.BaseCompOp) -> cst.BaseExpression:
    left = _parenthesised(node) if _below_comparison(node) else node
    return cst.Comparison(left, [cst.ComparisonTarget(operator, cst.Name("None"))])


def _parenthesised(node: cst.BaseExpression) -> cst.BaseExpression:
    if node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _string(value: str, quote: str) -> cst.SimpleString:
    return cst.SimpleString(f"{quote}{value}{quote}")


def _quote_of(value: cst.BaseExpression) -> str | None:
    if isinstance(value, cst.SimpleString) and value.quote in ("'", '"'):
        return value.quote
    return None


def _tight_equal() -> cst.AssignEqual:
    none = cst.SimpleWhitespace("")
    return cst.AssignEqual(whitespace_before=none, whitespace_after=none)


# -- white space around arguments that go or come ----------------------------------------------


def _after(arg: cst.Arg) -> cst.BaseParenthesizableWhitespace:
    """Return the white space behind an argument and its comma."""
    if isinstance(arg.comma, cst.Comma):
        return _merged(arg.whitespace_after_arg, arg.comma.whitespace_after, last=True)
    return arg.whitespace_after_arg


def _with_after(arg: cst.Arg, space: cst.BaseParenthesizableWhitespace) -> cst.Arg:
    if isinstance(arg.comma, cst.Comma):
        return arg.with_changes(comma=arg.comma.with_changes(whitespace_after=space))
    return arg.with_changes(whitespace_after_arg=space)


def _closing(previous: cst.Arg, gone: cst.Arg) -> cst.Arg:
    """Return `previous` as the last argument, with a trailing comma only if `gone` had one."""
    space = _merged(_after(previous), _after(gone), last=True)
    if isinstance(gone.comma, cst.Comma):
        return _with_after(previous, space)
    return previous.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=space)


def _merged(
    first: cst.BaseParenthesizableWhitespace,
    second: cst.BaseParenthesizableWhitespace,
    *,
    last: bool,
) -> cst.BaseParenthesizableWhitespace:
    """Return one white space for two, with the comments of both, each on its line."""
    comments = [c.value for s in (first, second) for c in _comment_nodes(s)]
    if not comments:
        wraps = "\n" in _code(second) and "\n" not in _code(first)
        return second if last or wraps else first
    if not _comment_nodes(second):
        return first if not last or "\n" not in _code(second) else _indented_as(first, second)
    if not _comment_nodes(first) and "\n" not in _code(first):
        return second
    assert isinstance(second, cst.ParenthesizedWhitespace)
    base = first if isinstance(first, cst.ParenthesizedWhitespace) else second
    lines = [
        cst.EmptyLine(indent=True, whitespace=base.last_line, comment=comment)
        for comment in _comment_nodes(second)
    ]
    end = second if last else base
    return base.with_changes(
        empty_lines=[*base.empty_lines, *lines], indent=end.indent, last_line=end.last_line
    )


def _indented_as(
    first: cst.BaseParenthesizableWhitespace, second: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    """Return `first`, ending in a line that is indented as `second` ends."""
    if not (
        isinstance(first, cst.ParenthesizedWhitespace)
        and isinstance(second, cst.ParenthesizedWhitespace)
    ):
        return first
    return first.with_changes(indent=second.indent, last_line=second.last_line)


def _comment_nodes(space: cst.BaseParenthesizableWhitespace) -> list[cst.Comment]:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return []
    found = [space.first_line.comment, *(line.comment for line in space.empty_lines)]
    return [comment for comment in found if comment is not None]


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _inserted(
    args: list[cst.Arg], position: int, entry: Entry, old: list[cst.Arg], plan: Plan, quote: str
) -> list[cst.Arg]:
    """Insert a new keyword argument, spaced like its neighbours."""
    value = _value(cst.Name("None"), entry, old, plan, quote)
    new = cst.Arg(value, keyword=cst.Name(str(entry.keyword)), equal=_tight_equal())
    if position < len(args):
        between = args[position - 1].comma if position else cst.MaybeSentinel.DEFAULT
        comma = between if isinstance(between, cst.Comma) else _comma()
        if _comment_nodes(comma.whitespace_after):
            comma = comma.with_changes(whitespace_after=_bare(comma.whitespace_after))
        return [*args[:position], new.with_changes(comma=comma), *args[position:]]
    if not args:
        return [new]
    previous = args[-1]
    before = args[-2].comma if len(args) > 1 else None
    space = (
        _bare(before.whitespace_after)
        if isinstance(before, cst.Comma)
        else cst.SimpleWhitespace(" ")
    )
    # What follows the old last argument now follows the new one, but for its comments.
    after = _after(previous)
    if _comment_nodes(after):
        space = _indented_as(after, space)
    ends = _bare(after)
    if isinstance(previous.comma, cst.Comma):
        new = new.with_changes(comma=previous.comma.with_changes(whitespace_after=ends))
    else:
        new = new.with_changes(whitespace_after_arg=ends)
    comma = before if isinstance(before, cst.Comma) else _comma()
    kept = previous.with_changes(
        comma=comma.with_changes(whitespace_after=space),
        whitespace_after_arg=cst.SimpleWhitespace(""),
    )
    return [*args[:-1], kept, new]


def _bare(space: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """Return `space` without its comments, which stay where they were."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return space
    return space.with_changes(
        first_line=space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace("")),
        empty_lines=[],
    )


def _comma() -> cst.Comma:
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
