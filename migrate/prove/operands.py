"""Proves that what becomes of a tensor's call gives the same shape, dtype and values.

Only source text and its tree go in; nothing is run. Both sides are read by `migrate.prove.tensors`
for every value of the names in the call.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from migrate.model import Evidence
from migrate.prove.made import Array, Drawn, Dtype, Made, Unread, dtype_of, shape_of
from migrate.prove.reading import Failed
from migrate.prove.samples import DOMAINS, UNKNOWN, UNKNOWN_LOGITS, tensors
from migrate.prove.tensors import READINGS
from migrate.prove.tolerance import TOLERANCE, mismatch, ulp_error
from migrate.tensor_rules import Signature, TensorRule

#: More combinations are not sampled.
LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A call, and what is to become of it.

    Attributes
    ----------
    rule : TensorRule
    receiver : TensorRule or None
        Of a filling, the rule of what creates the tensor.
    before : ast.Call
    after : str or None
        With full dotted paths; None to ask what torch gives alone.
    known : mapping of str to tuple
        By text, the values that an expression takes.
    dtypes : mapping of str to str
        By text, the dtypes that expressions mean.
    converted : mapping of str to str
        What dtype becomes of which.
    """

    rule: TensorRule
    receiver: TensorRule | None
    before: ast.Call
    after: str | None = None
    known: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    converted: Mapping[str, str] = field(default_factory=dict)


#: What a module is called with, when it is called.
OPERAND = "operand"

Bound = dict[str, ast.expr | tuple[ast.expr, ...]]


def bind(call: ast.Call, signature: Signature) -> Bound | None:
    """Return which argument of a call reaches which parameter; None where Python would raise."""
    form = signature.form(len(call.args))
    if form is None or any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    bound: Bound = {}
    for name, value in zip(form, call.args, strict=True):
        if name.startswith("*"):
            several = bound.get(name[1:], ())
            assert isinstance(several, tuple)
            bound[name[1:]] = (*several, value)
        else:
            bound[name] = value
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in signature.defaults or keyword.arg in bound:
            return None
        bound[keyword.arg] = keyword.value
    if any(d is None and name not in bound for name, d in signature.defaults.items()):
        return None
    return bound


def bind_source(claim: Claim) -> Bound | None:
    """Return what reaches the source, the tensor it is called on being `self`."""
    bound = bind(claim.before, claim.rule.source)
    if bound is not None and claim.rule.kind == "module":
        return {OPERAND: ast.Name(OPERAND), **bound}
    if bound is None or not claim.rule.is_method:
        return bound
    assert isinstance(claim.before.func, ast.Attribute)
    operand = claim.before.func.value
    if claim.receiver is None:
        return {"self": operand, **bound}
    inner = bind(operand, claim.receiver.source) if isinstance(operand, ast.Call) else None
    return None if inner is None else {**inner, **bound}


Environment = Mapping[str, object]
Thunk = Callable[[Environment], object]


class _Side:
    """The arguments of one side, ready to be evaluated, and the names that are free in them."""

    def __init__(self, claim: Claim, domains: dict[str, tuple[object, ...]]) -> None:
        self.claim = claim
        self.domains = domains

    def argument(self, value: ast.expr | tuple[ast.expr, ...], role: str) -> Thunk:
        if isinstance(value, tuple):
            inner = "extent" if role == "size" and len(value) > 1 else role
            thunks = [self.argument(each, inner) for each in value]
            return lambda run: tuple(thunk(run) for thunk in thunks)
        text = ast.unparse(value)
        if role == "dtype":
            dtype = self.claim.dtypes.get(text) or _mindspores(text)
            if dtype is not None:
                return lambda _: Dtype(dtype)
        known = text in self.claim.known
        match value:
            case ast.Constant(value=constant) if not known:
                return lambda _: constant
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
                negative = ast.literal_eval(value)
                return lambda _: negative
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if not known:
                inner = "extent" if role == "size" else "number" if role == "data" else role
                thunks = [
                    self.argument(e, role if isinstance(e, (ast.Tuple, ast.List)) else inner)
                    for e in elements
                ]
                kind = tuple if isinstance(value, ast.Tuple) else list
                return lambda run: kind(thunk(run) for thunk in thunks)
        if not known and role not in DOMAINS and role != "tensor":
            raise Failed("LookupError", f"`{text}` is not known")
        domain = self.claim.known.get(text, DOMAINS.get(role, ()))
        if role == "number" and not known:
            # An element of a list may be a number of NumPy's.
            domain = (*domain, np.float64(1.5))
        if role == "tensor" and not known:
            reading = self.claim.rule.reading
            logits = reading.startswith("log_softmax")
            dtypes_ = UNKNOWN_LOGITS if logits else UNKNOWN
            domain = tuple(each for dtype in dtypes_ for each in tensors(dtype, reading))
        if any(isinstance(node, ast.Starred) for node in ast.walk(value)):
            raise Failed("LookupError", f"`{text}` is unpacked")
        self.domains.setdefault(text, domain)
        return lambda run: run[text]


def _mindspores(text: str) -> str | None:
    name = text.removeprefix("mindspore.")
    return name if name != text and name in ("bool_", *_DTYPES) else None


_DTYPES = ("float16", "float32", "float64", "int32", "int64", "uint8")


def _ready(side: _Side, bound: Bound, signature: Signature, roles: Mapping[str, str]) -> Thunk:
    thunks: dict[str, Thunk] = {}
    for name, default in signature.defaults.items():
        if name not in bound:
            literal = None if default is None else ast.literal_eval(default)
            thunks[name] = lambda _, literal=literal: literal  # type: ignore[misc]
    for name, value in bound.items():
        if roles.get(name, "tensor") != "device":
            thunks[name] = side.argument(value, roles.get(name, "tensor"))
    return lambda run: {name: thunk(run) for name, thunk in thunks.items()}


def outcomes(claim: Claim) -> Iterator[tuple[Made, Made | Failed | None]]:
    """Yield what torch gives of a call, and MindSpore of what becomes of it, where torch does.

    Raises
    ------
    Failed, Unread
        If a side cannot be read.
    """
    rule = claim.rule
    domains: dict[str, tuple[object, ...]] = {}
    side = _Side(claim, domains)
    bound = bind_source(claim)
    if bound is None:
        raise Failed("TypeError", "torch does not take these arguments")
    roles = {name: travel.role for name, travel in rule.travel.items()}
    if claim.receiver is not None:
        roles |= {name: travel.role for name, travel in claim.receiver.travel.items()}
    source = _ready(side, bound, rule.source, roles)
    target = None if claim.after is None else _target(claim, side, bound)
    read_source, read_target = READINGS[rule.reading]
    if rule.reading == "to_long" and claim.converted.get("int64") == "int32":
        read_target = READINGS["to_int"][1]  # `_target` sees that this is what is called
    count = 1
    for domain in domains.values():
        count *= len(domain)
    if count > LIMIT:
        raise Failed("LookupError", "it has too many names")
    for values in itertools.product(*domains.values()):
        run = dict(zip(domains, values, strict=True))
        try:
            expected = read_source(source(run))  # type: ignore[arg-type]
        except Failed:
            continue  # torch raises: no program that runs comes here
        if target is None:
            yield expected, None
            continue
        try:
            yield expected, read_target(target(_converted(run, claim)))  # type: ignore[arg-type]
        except Failed as failure:
            yield expected, failure


def _converted(run: Mapping[str, object], claim: Claim) -> Environment:
    """Return the values after the flow has moved: tensors have their new dtypes."""
    operands = _operands(claim)
    return {
        text: value.astype(claim.converted.get(value.dtype.name, value.dtype.name))
        if text in operands and isinstance(value, np.ndarray)
        else value
        for text, value in run.items()
    }


def _operands(claim: Claim) -> frozenset[str]:
    bound = bind_source(claim) or {}
    return frozenset(
        ast.unparse(value)
        for name, value in bound.items()
        if isinstance(value, ast.expr)
        and (name == "self" or getattr(claim.rule.travel.get(name), "role", "") == "tensor")
    )


def _target(claim: Claim, side: _Side, bound: Bound) -> Thunk:
    rule = claim.rule
    assert claim.after is not None
    after = ast.parse(f"({claim.after}\n)", mode="eval").body
    operand = bound.get("self")
    if isinstance(operand, ast.expr) and ast.unparse(after) == ast.unparse(operand):
        # The call goes; what it was called on stays.
        thunk = side.argument(after, "tensor")
        parameters = ("self", *(rule.target.defaults if rule.target is not None else ()))
        return lambda run: dict.fromkeys(parameters, thunk(run))
    if rule.reading == "size":
        return _shape(claim, side, after)
    if rule.target is None or not isinstance(after, ast.Call):
        raise Failed("LookupError", "the text of the call cannot be taken apart")
    made = bind(after, rule.target)
    if made is None:
        raise Failed("TypeError", "MindSpore does not take these arguments")
    if rule.kind == "module":
        made = {OPERAND: ast.Name(OPERAND), **made}
    if rule.is_method and rule.target.path.startswith("mindspore.Tensor."):
        assert isinstance(after.func, ast.Attribute)
        cast = rule.reading == "to_long" and claim.converted.get("int64") == "int32"
        if after.func.attr != ("int" if cast else rule.target.path.rpartition(".")[2]):
            raise Failed("LookupError", f"`.{after.func.attr}()` is called")
        made = {"self": after.func.value, **made}
    travels = [*(claim.receiver.travel.values() if claim.receiver else ()), *rule.travel.values()]
    roles = {"dtype": "dtype"}
    roles |= {travel.to: travel.role for travel in travels if travel.to is not None}
    return _ready(side, made, rule.target, roles)


def _shape(claim: Claim, side: _Side, after: ast.expr) -> Thunk:
    """Return the arguments of `x.shape` and `x.shape[0]`, which are no calls."""
    index = after.slice if isinstance(after, ast.Subscript) else None
    shape = after.value if isinstance(after, ast.Subscript) else after
    if not isinstance(shape, ast.Attribute) or shape.attr != "shape":
        raise Failed("LookupError", f"`{ast.unparse(after)}` is no shape")
    tensor = side.argument(shape.value, "tensor")
    if index is None:
        return lambda run: {"self": tensor(run), "dim": None}
    dim = side.argument(index, "axis")

    def one(run: Environment) -> object:
        if dim(run) is None:
            raise Failed("TypeError", "a shape has no index None")
        return {"self": tensor(run), "dim": dim(run)}

    return one


def prove(claim: Claim) -> Evidence | str:
    """Compare what torch gives of a call with what MindSpore gives of what becomes of it.

    Returns
    -------
    Evidence or str
        Why it is not proven.
    """
    cases, error = 0, 0.0
    try:
        for expected, actual in outcomes(claim):
            if isinstance(actual, Failed):
                return f"MindSpore raises {actual.kind} ({actual.message})"
            assert actual is not None
            found = _compare(expected, actual, claim.converted)
            if isinstance(found, str):
                return found
            cases, error = cases + 1, max(error, found)
    except Failed as failure:
        return failure.message
    except Unread as unread:
        return str(unread)
    return Evidence(cases, error) if cases else "torch gives no tensor here"


def _compare(expected: Made, actual: Made, converted: Mapping[str, str]) -> float | str:
    dtype = converted.get(dtype_of(expected), dtype_of(expected))
    if dtype_of(actual) != dtype:
        return f"dtype {dtype_of(actual)} instead of {dtype}"
    if tuple(shape_of(actual)) != tuple(shape_of(expected)):
        return f"shape {shape_of(actual)} instead of {shape_of(expected)}"
    if isinstance(expected, Drawn) or isinstance(actual, Drawn):
        if not isinstance(expected, Drawn) or not isinstance(actual, Drawn):
            return "a draw instead of values"
        same = (expected.distribution, expected.low, expected.high) == (
            actual.distribution,
            actual.low,
            actual.high,
        )
        return 0.0 if same else "drawn from something else"
    if actual.dtype in TOLERANCE:
        wanted = expected.astype(actual.dtype)
        return mismatch(actual, wanted) or ulp_error(actual, wanted)
    if not np.array_equal(actual.astype(np.int64), expected.astype(np.int64)):
        return f"{actual.tolist()} instead of {expected.tolist()}"
    return 0.0


def dtypes(claim: Claim) -> frozenset[str]:
    """Return the dtypes that torch gives the tensor of a call; none where it cannot be read."""
    try:
        return frozenset(dtype_of(made) for made, _ in outcomes(claim))
    except (Failed, Unread):
        return frozenset()


def ranks(claim: Claim) -> frozenset[int]:
    """Return how many dimensions torch gives the tensor of a call; none where it cannot be read."""
    try:
        return frozenset(len(shape_of(made)) for made, _ in outcomes(claim))
    except (Failed, Unread):
        return frozenset()


def arrays(claim: Claim) -> list[Array] | None:
    """Return a tensor of each shape and dtype that torch gives of a call; None if it is unread."""
    try:
        found = {(tuple(shape_of(m)), dtype_of(m)): m for m, _ in outcomes(claim)}
    except (Failed, Unread):
        return None
    return [
        np.zeros(made.shape, made.dtype) if isinstance(made, Drawn) else made
        for made in found.values()
    ] or None
