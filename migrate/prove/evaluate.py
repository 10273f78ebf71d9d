"""A small evaluator of the expressions that stand in a call: it reads text and runs nothing.

It knows constants, `not`, `and`, `or`, conditional expressions, `is` with None, True or False,
comparisons of constants, arithmetic, tuples, lists and `float(x)`. Everything else is a free name,
known by its normalised text, that takes every value of the domain of the place where it stands.

Two kinds of free names differ. A name, an attribute or a subscript is *pure*: it has one value, and
reading it twice is as reading it once. A call, an await, a yield or a walrus is *impure*: every
evaluation is an event that both sides must have in the same order, and gives a value of its own.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from migrate.prove.domains import NUMBERS, Tensor
from migrate.prove.reading import Failed, truth

#: A free name: its text, and which of its evaluations, counted from 0 (always 0 where pure).
Key = tuple[str, int]

# No power and no shift: a literal of a few digits would fill the memory.
_ARITHMETIC: Mapping[type[ast.operator], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_SIGNS: Mapping[type[ast.unaryop], Callable[..., object]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[..., object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: operator.contains(right, left),
    ast.NotIn: lambda left, right: not operator.contains(right, left),
}
_IMPURE = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


@dataclass(slots=True)
class Evaluation:
    """One run of one side: the values of the free names, and what happened.

    Attributes
    ----------
    values : mapping of Key to object
    events : list of str
        The impure expressions in the order of their evaluation.
    """

    values: Mapping[Key, object]
    events: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def happens(self, text: str) -> Key:
        """Log an impure expression, and return the name of the value it gives this time."""
        turn = self.seen.get(text, 0)
        self.seen[text] = turn + 1
        self.events.append(text)
        return text, turn


#: An expression made ready to be evaluated.
Thunk = Callable[[Evaluation], object]


@dataclass(slots=True)
class Compiler:
    """Makes the expressions of one side ready, and collects their free names.

    Attributes
    ----------
    roles : dict of str to dict of str to None
        By text, the roles in which it stands, in order: a name of `DOMAINS`, "boolean" for a
        comparison, "absent" for what is tested and is no flag.
    turns : dict of str to int
        By text, how often it can be evaluated at most; 0 where it is pure.
    casts : bool
        Whether `labels.astype(dtype)` is read as the labels in another dtype, and not as a free
        name.
    """

    roles: dict[str, dict[str, None]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    casts: bool = False

    def expression(self, node: ast.expr, role: str, *, tested: bool = False) -> Thunk:
        """Return what evaluates `node`, whose value stands in the place of `role`.

        A conditional expression's test, and what is negated or compared with None, is a flag; its
        branches inherit. So do the operands of `and` and `or`, each but the last being `tested`.
        """
        match node:
            case ast.Constant(value=value):
                return lambda _: value
            case ast.IfExp():
                return self._conditional(node, role, tested)
            case ast.UnaryOp(op=ast.Not()):
                operand = self.expression(node.operand, "flag")
                return lambda run: not truth(operand(run))
            case ast.BoolOp():
                return self._boolean(node, role, tested)
            case ast.UnaryOp() if type(node.op) in _SIGNS and _is_number(node.operand, role):
                sign, inner = _SIGNS[type(node.op)], self.expression(node.operand, role)
                return lambda run: _computed(sign, inner(run))
            case ast.BinOp() if type(node.op) in _ARITHMETIC and _is_number(node, role):
                compute = _ARITHMETIC[type(node.op)]
                left, right = self.expression(node.left, role), self.expression(node.right, role)
                return lambda run: _computed(compute, left(run), right(run))
            case ast.Compare():
                return self._comparison(node)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if not _has_star(elements):
                thunks = [self.expression(element, role) for element in elements]
                kind = tuple if isinstance(node, ast.Tuple) else list
                return lambda run: kind(thunk(run) for thunk in thunks)
            case ast.Call(func=ast.Name(id="float"), args=[argument], keywords=[]) if not _has_star(
                [argument]
            ):
                given = self.expression(argument, role)
                return lambda run: _float(given(run))
            case ast.Call(
                func=ast.Attribute(value=operand, attr="astype"),
                args=[ast.Name(id=dtype) | ast.Attribute(attr=dtype)],
                keywords=[],
            ) if self.casts and role == "labels":
                labels = self.expression(operand, role)
                return lambda run: _cast(labels(run), dtype)
        return self._free(node, (role, "absent") if tested else (role,))

    def _conditional(self, node: ast.IfExp, role: str, tested: bool) -> Thunk:
        test = self.expression(node.test, "flag")
        then = self.expression(node.body, role, tested=tested)
        otherwise = self.expression(node.orelse, role, tested=tested)
        return lambda run: then(run) if truth(test(run)) else otherwise(run)

    def _boolean(self, node: ast.BoolOp, role: str, tested: bool) -> Thunk:
        last = len(node.values) - 1
        thunks = [
            self.expression(value, role, tested=role != "flag" and (tested or index < last))
            for index, value in enumerate(node.values)
        ]
        stops = isinstance(node.op, ast.Or)

        def run_until_known(run: Evaluation) -> object:
            for thunk in thunks[:-1]:
                value = thunk(run)
                if truth(value) is stops:
                    return value
            return thunks[-1](run)

        return run_until_known

    def _comparison(self, node: ast.Compare) -> Thunk:
        if len(node.ops) == 1:
            comparison, left, right = node.ops[0], node.left, node.comparators[0]
            if isinstance(comparison, ast.Is | ast.IsNot):
                if _is_singleton(left):
                    left, right = right, left
                if _is_singleton(right):
                    return self._identity(left, right, isinstance(comparison, ast.Is))
            elif _is_constant(node):
                compare = _COMPARISONS[type(comparison)]
                first, second = self.expression(left, "flag"), self.expression(right, "flag")
                return lambda run: _computed(compare, first(run), second(run), numbers=False)
        # Any other may give either. A domain does not hold every value that `n == 5` asks about,
        # so that computing it would find that n is never 5.
        return self._free(node, ("boolean",))

    def _identity(self, node: ast.expr, singleton: ast.expr, wanted: bool) -> Thunk:
        value, single = self.expression(node, "flag"), ast.literal_eval(singleton)
        return lambda run: (value(run) is single) is wanted

    def _free(self, node: ast.expr, roles: tuple[str, ...]) -> Thunk:
        text = ast.unparse(node)
        self.roles.setdefault(text, {}).update(dict.fromkeys(roles))
        if is_impure(node):
            self.turns[text] = self.turns.get(text, 0) + 1
            return lambda run: run.values[run.happens(text)]
        self.turns.setdefault(text, 0)
        key = (text, 0)
        return lambda run: run.values[key]


def is_impure(node: ast.expr) -> bool:
    """Whether evaluating `node` may do something, or give another value the next time."""
    return any(isinstance(part, _IMPURE) for part in ast.walk(node))


def _computed(compute: Callable[..., object], *values: object, numbers: bool = True) -> object:
    if numbers and not all(isinstance(value, (int, float)) for value in values):
        # What is a number's place: a string or None there fails in the framework if not here.
        raise Failed("TypeError", f"arithmetic on {', '.join(map(repr, values))}")
    try:
        return compute(*values)
    except (TypeError, ArithmeticError) as error:
        raise Failed(type(error).__name__, str(error)) from error


def _cast(value: object, dtype: str) -> object:
    if not isinstance(value, Tensor):
        raise Failed("AttributeError", f"{value!r} has no .astype")
    return replace(value, dtype=dtype)


def _float(value: object) -> float:
    if isinstance(value, (int, float, str, bytes)):
        try:
            return float(value)
        except (ValueError, OverflowError) as error:
            raise Failed(type(error).__name__, str(error)) from error
    raise Failed("TypeError", f"float() of {value!r}")


def _is_number(node: ast.expr, role: str) -> bool:
    """Whether arithmetic can be computed: on tensors and flags it is a free name as a whole."""
    return role in NUMBERS or _is_constant(node)


def _is_constant(node: ast.expr) -> bool:
    return all(
        isinstance(
            part,
            ast.Constant | ast.UnaryOp | ast.BinOp | ast.Compare | ast.Tuple | ast.List | ast.Load
            | ast.operator | ast.unaryop | ast.cmpop,
        )
        for part in ast.walk(node)
    )  # fmt: skip


def _is_singleton(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _has_star(nodes: list[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)
