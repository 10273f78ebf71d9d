"""Calls that nobody would write: random arguments, expressions, layout and comments.

Each is migrated, and what it was and what it has become are executed with modules in the place of
torch and MindSpore that only record. The one of torch reads the legacy arguments as documented,
and is held to the real torch on some of the examples; the one of MindSpore is as strict as it is.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pytest
from frameworks import torch
from grid import APIS
from grid_reading import REDUCTIONS, effective
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.pipeline import migrate_source

pytestmark = pytest.mark.filterwarnings("ignore:.*with a literal:SyntaxWarning")

FLAGS = (None, True, False, 0, 1)
NAMES = ("a", "b", "c")
PARAMETERS = ("x", "y", "w", *NAMES, "tick")


# -- what records in the place of a framework ----------------------------------------------------


def torch_reading(
    weight: Any = None,
    size_average: Any = None,
    ignore_index: Any = -100,
    reduce: Any = None,
    reduction: Any = "mean",
    label_smoothing: Any = 0.0,
) -> tuple[Any, ...]:
    """Return the settings in force, as the documentation of torch has them."""
    reduction = effective(size_average, reduce, reduction)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    reduction = "mean" if reduction == "elementwise_mean" else reduction
    return weight, ignore_index, reduction, float(label_smoothing)


def mindspore_reading(
    weight: Any = None,
    ignore_index: Any = -100,
    reduction: Any = "mean",
    label_smoothing: Any = 0.0,
) -> tuple[Any, ...]:
    """Return the settings, or raise what MindSpore raises of a type or value it does not take."""
    if type(ignore_index) is not int or type(label_smoothing) is not float:
        raise TypeError(f"{ignore_index!r} must be an int and {label_smoothing!r} a float")
    if type(reduction) is not str or reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be mean, sum or none, not {reduction!r}")
    return weight, ignore_index, reduction, label_smoothing


def torch_class(*args: Any, **kwargs: Any) -> Callable[..., Any]:
    read = torch_reading(*args, **kwargs)
    return lambda input, target: (input, target, *read)


def mindspore_class(*args: Any, **kwargs: Any) -> Callable[..., Any]:
    read = mindspore_reading(*args, **kwargs)
    return lambda logits, labels: (logits, labels, *read)


def function(reading: Callable[..., Any], first: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        operands = list(args[:2])
        operands += [kwargs.pop(name) for name in (first, "target")[len(operands) :]]
        return (*operands, *reading(*args[2:], **kwargs))

    return call


_torch_function = function(torch_reading, "input")
STANDING_IN = {
    "torch": SimpleNamespace(
        nn=SimpleNamespace(
            CrossEntropyLoss=torch_class,
            NLLLoss=torch_class,
            NLLLoss2d=torch_class,
            functional=SimpleNamespace(cross_entropy=_torch_function, nll_loss=_torch_function),
        )
    ),
    "mindspore": SimpleNamespace(
        nn=SimpleNamespace(CrossEntropyLoss=mindspore_class, NLLLoss=mindspore_class),
        ops=SimpleNamespace(
            cross_entropy=function(mindspore_reading, "input"),
            nll_loss=function(mindspore_reading, "inputs"),
        ),
    ),
}


def outcome(text: str, values: Mapping[str, Any], modules: Mapping[str, Any]) -> tuple[Any, str]:
    """Execute `site` of a module; return what it gives or that it raises, and its ticks."""

    def import_(name: str, _globals: object, _locals: object, wanted: object, _level: int) -> Any:
        root, _, rest = name.partition(".")
        return attrgetter(rest)(modules[root]) if wanted and rest else modules[root]

    ticks: list[object] = []

    def tick(value: object) -> object:
        ticks.append(value)
        return value

    scope: dict[str, Any] = {"__builtins__": {"float": float, "__import__": import_}}
    exec(compile(text, "<site>", "exec"), scope)
    try:
        result = scope["site"](*values.values(), tick)
    except (TypeError, ValueError):
        result = "raised"
    return result, repr(ticks)


# -- random calls --------------------------------------------------------------------------------

LEAVES = ("a", "b", "c", "a", "b", "c", "None", "True", "False", "0", "1", "'mean'")
SEPARATORS = ("", "", "", "", " ", " ", "  ", "\t", "\n", "\n        ", " \\\n ")
COMMENTS = ("# note", "#: a, b) or 'c", '# reduction="sum"', "#")


@dataclass(frozen=True)
class Example:
    """A module with one `site`, and the text of the call in it."""

    api: str
    text: str
    call: str

    @property
    def pure(self) -> bool:
        return "tick" not in self.call

    @property
    def comments(self) -> list[str]:
        return comments_of(self.text)


def comments_of(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sorted(token.string for token in tokens if token.type == tokenize.COMMENT)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> ast.expr:
    """Nodes, not texts: parentheses are where precedence wants them, and nowhere else."""
    kind = draw(st.sampled_from(("leaf", "leaf", "not", "and", "or", "if", "is", "==", "tick")))
    if depth == 0 or kind == "leaf":
        return ast.parse(draw(st.sampled_from(LEAVES)), mode="eval").body
    one = draw(expressions(depth=depth - 1))
    if kind == "not":
        return ast.UnaryOp(ast.Not(), one)
    if kind == "is":
        operator = draw(st.sampled_from((ast.Is(), ast.IsNot())))
        return ast.Compare(one, [operator], [ast.Constant(None)])
    if kind == "tick":
        return ast.Call(ast.Name("tick", ast.Load()), [one], [])
    other = draw(expressions(depth=depth - 1))
    if kind == "==":
        return ast.Compare(one, [ast.Eq()], [other])
    if kind == "if":
        return ast.IfExp(one, other, draw(expressions(depth=depth - 1)))
    return ast.BoolOp(ast.And() if kind == "and" else ast.Or(), [one, other])


flags = expressions().map(ast.unparse)
reductions = st.sampled_from(("'mean'", "'sum'", "'none'", "'elementwise_mean'")) | st.builds(
    "'sum' if {} else 'none'".format,
    expressions(depth=1).map(lambda node: f"({ast.unparse(node)})"),
)
ARGUMENTS: Mapping[str, st.SearchStrategy[str]] = {
    "weight": st.sampled_from(("w", "None", "tick(w)")),
    "size_average": flags,
    "ignore_index": st.sampled_from(("-100", "-1", "1", "- 1")),
    "reduce": flags,
    "reduction": reductions,
    "label_smoothing": st.sampled_from(("0", "1", "0.1", "1e-1", "True", "a or 0.5")),
}


@st.composite
def laid_out(draw: st.DrawFn, call: str) -> str:
    """Spread the tokens of a call over lines, with comments and other quotes between them."""
    tokens = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(call).readline)
        if token.string.strip()
    ]
    comments = draw(st.booleans())
    written = ""
    for index, token in enumerate(tokens):
        between = ""
        if "(" in tokens[:index]:
            between = draw(st.sampled_from(SEPARATORS))
            if comments and draw(st.integers(0, 11)) == 0:
                comment = draw(st.sampled_from(COMMENTS))
                between = f"  {comment} {index}\n{' ' * draw(st.integers(0, 9))}"
        words = index > 0 and _is_word(token) and (_is_word(tokens[index - 1]))
        # LibCST cannot parse `not(a if b else c)`: a test of its own below.
        beside = index > 0 and {token, tokens[index - 1]} & {"not", "and", "or", "if", "else", "is"}
        if not between and (words or (beside and {token, tokens[index - 1]} & {"(", ")"})):
            between = " "
        if token[0] == "'" and draw(st.booleans()):
            token = draw(st.sampled_from(('"{}"', '"""{}"""', "u'{}'"))).format(token[1:-1])
        written += between + token
    return written


def _is_word(token: str) -> bool:
    return token[0].isalnum() or token[0] in "_'"


@st.composite
def examples(draw: st.DrawFn) -> Example:
    api = draw(st.sampled_from(list(APIS)))
    is_class = "functional" not in api
    given = {
        name: draw(ARGUMENTS[name])
        for name in APIS[api]
        if name in ARGUMENTS and draw(st.booleans())
    }
    if not is_class:
        given |= {"input": "x", "target": "y"}
    fitting = next((i for i, name in enumerate(APIS[api]) if name not in given), len(APIS[api]))
    positional = draw(st.integers(0, fitting))
    texts = {
        name: f"({text})" if draw(st.integers(0, 5)) == 0 else text for name, text in given.items()
    }
    order = [name for name in APIS[api] if name in given]
    rest = draw(st.permutations(order[positional:]))
    written = [texts[name] for name in order[:positional]]
    written += [f"{name}={texts[name]}" for name in rest]
    header, function = draw(
        st.sampled_from(
            (
                ("import torch", api),
                ("from torch import nn", api.removeprefix("torch.")),
                (f"import {api.rpartition('.')[0]} as F", f"F.{api.rpartition('.')[2]}"),
            )
        )
    )
    comma = draw(st.sampled_from(("", ","))) if written else ""
    call = draw(laid_out(f"{function}({', '.join(written)}{comma})"))
    operands = "(x, y)" if is_class else ""
    signature = ", ".join(PARAMETERS)
    return Example(
        api, f"{header}\n\n\ndef site({signature}):\n    return {call}{operands}\n", call
    )


def every_value(*operands: Any) -> Iterator[dict[str, Any]]:
    for values in product(FLAGS, repeat=len(NAMES)):
        yield dict(zip(PARAMETERS[:-1], (*operands, *values), strict=True))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(examples())
def test_any_call_keeps_its_meaning_and_its_comments(example: Example) -> None:
    result = migrate_source(example.text)
    found = [f for f in result.findings if f.status != "note"]
    assert len(found) == 1
    if found[0].status == "manual":
        assert result.after == example.text
        if example.pure:
            assert found[0].code == "comment-in-argument"
        else:
            assert found[0].code in ("comment-in-argument", "side-effect")
        assert found[0].code != "comment-in-argument" or example.comments
        return
    after = str(result.after)
    assert comments_of(after) == example.comments
    for values in every_value("x", "y", "w"):
        was = outcome(example.text, values, STANDING_IN)
        # By representation, because 0 equals False and 0.0.
        assert repr(outcome(after, values, STANDING_IN)) == repr(was), (after, values)


@pytest.mark.parametrize(
    "written",
    ["not(a if b else c)", "a and(b if c else a)", "(a if b else c)or b", "(a if b else c)is None"],
)
def test_a_word_beside_a_conditional_in_parentheses_is_no_error(written: str) -> None:
    # LibCST refuses to parse these, and Python does not.
    header = f"import torch\n\n\ndef site({', '.join(PARAMETERS)}):\n"
    text = f"{header}    return torch.nn.NLLLoss(size_average={written})(x, y)\n"
    result = migrate_source(text)
    (finding,) = result.findings
    if finding.status == "manual":
        assert result.after == text
        return
    for values in every_value("x", "y", "w"):
        was = outcome(text, values, STANDING_IN)
        assert repr(outcome(str(result.after), values, STANDING_IN)) == repr(was), values


@settings(max_examples=40, deadline=None, derandomize=True)
@given(examples())
def test_what_stands_in_for_torch_reads_a_call_as_torch_does(example: Example) -> None:
    x = torch().linspace(-3, 2, 20).reshape(4, 5)
    y, w = torch().tensor([0, 1, 2, 4]), torch().tensor([0.5, 1.0, 2.0, 0.25, 1.5])
    loss = getattr(
        torch().nn.functional,
        "nll_loss" if "NLL" in example.api or "nll" in example.api else "cross_entropy",
    )
    for values in every_value(x, y, w):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            actual, ticks = outcome(example.text, values, {"torch": torch()})
        read, ticks_read = outcome(example.text, values, STANDING_IN)
        if isinstance(read, str) or isinstance(actual, str):
            assert read == actual
            continue
        weight, ignore_index, reduction, smoothing = read[2:]
        options = {"label_smoothing": smoothing} if "label_smoothing" in APIS[example.api] else {}
        expected = loss(x, y, weight, ignore_index=ignore_index, reduction=reduction, **options)
        assert torch().equal(actual, expected)
        assert ticks == ticks_read
