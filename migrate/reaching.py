"""Which assignments of a name a read of it may see, within the scope that holds the name.

A forward analysis of the statements of one scope, one name at a time: what was assigned last on
each way to the read. Branches join, loops go around, a handler may be entered from anywhere in
its `try`. Read-only; where a way cannot be told, all assignments reach.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from migrate.places import below
from migrate.scopes import COMPREHENSIONS, FUNCTIONS, parameters_of


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One thing that gives a name its value.

    Attributes
    ----------
    target : ast.AST
        What binds: the name in an assignment, a parameter, a name of an import.
    value : ast.expr or None
        The expression of an assignment; None where it is a parameter, a loop variable, an
        import, an augmented assignment and the like.
    index : int or None
        Which element of `value`, where it is unpacked.
    within : bool
        Whether only a part of what the name holds is changed, and the definition before stays:
        `x[i] = value`, or a method in place, `x.fill_(1)`, whose call is then the value.
    """

    target: ast.AST
    value: ast.expr | None = None
    index: int | None = None
    within: bool = False


#: The definitions that may hold at a point; empty where the point is not reached, or unbound.
_State = frozenset[Definition]

_NOWHERE: _State = frozenset()


@dataclass(slots=True)
class Reaching:
    """What was found out of one name in one scope.

    Attributes
    ----------
    every : dict of int to Definition
        By the `id` of the target, in the order of the text.
    reads : dict of int to (ast.Name, frozenset of Definition)
        By the `id` of each name that is read while the scope itself runs. What a function within
        it reads, at whatever time, is not among them.
    """

    every: dict[int, Definition] = field(default_factory=dict)
    reads: dict[int, tuple[ast.Name, _State]] = field(default_factory=dict)


def reaching(name: str, scope: ast.AST, lines: Sequence[int] | None = None) -> Reaching:
    """Follow `name` through the statements of a module, a class or a function that holds it.

    Parameters
    ----------
    name : str
    scope : ast.AST
    lines : sequence of int, optional
        Those on which the name stands, sorted: expressions without one are not entered.
    """
    walk = _Walk(name, lines)
    state = _NOWHERE
    if isinstance(scope, (*FUNCTIONS, ast.Lambda)):
        for parameter in parameters_of(scope.args):
            if parameter.arg == name:
                state = walk.bound(parameter)
    if isinstance(scope, ast.Lambda):
        walk.expression(scope.body, state)
    elif isinstance(scope, (ast.Module, ast.ClassDef, *FUNCTIONS)):
        walk.block(scope.body, state)
    return walk.found


#: Statements behind which the next one runs: without the name, they change nothing.
_GO_ON = frozenset({ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Assert, ast.Pass})

#: Expressions that are more than their parts, one after the other.
_BRANCHING = (ast.JoinedStr, ast.NamedExpr, ast.IfExp, ast.BoolOp, ast.Lambda, *COMPREHENSIONS)


class _Walk:
    def __init__(self, name: str, lines: Sequence[int] | None) -> None:
        self.name = name
        self.lines = lines
        self.found = Reaching()
        self.breaks: list[_State] = []
        self.continues: list[_State] = []
        # One set for each `try` around: all that may hold when its handler is entered.
        self.raised: list[set[Definition]] = []

    # -- definitions and reads -------------------------------------------------------------------

    def bound(
        self,
        target: ast.AST,
        value: ast.expr | None = None,
        index: int | None = None,
        *,
        within: bool = False,
    ) -> _State:
        known = self.found.every.setdefault(id(target), Definition(target, value, index, within))
        for states in self.raised:
            states.add(known)
        return frozenset({known})

    def _read(self, node: ast.Name, state: _State) -> None:
        before = self.found.reads.get(id(node), (node, _NOWHERE))[1]
        self.found.reads[id(node)] = (node, before | state)

    def target(
        self, target: ast.AST, value: ast.expr | None, state: _State, index: int | None = None
    ) -> _State:
        """Bind what an assignment binds, and read what it reads: the `x` of `x[i] = 1`."""
        if isinstance(target, ast.Name):
            return self.bound(target, value, index) if target.id == self.name else state
        if isinstance(target, ast.Starred):
            return self.target(target.value, None, state)
        if isinstance(target, (ast.Tuple, ast.List)):
            starred = any(isinstance(element, ast.Starred) for element in target.elts)
            parts: Sequence[ast.expr] | None = None
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                parts = value.elts
            for at, element in enumerate(target.elts):
                if starred or index is not None or value is None:
                    state = self.target(element, None, state)
                elif parts is None:
                    state = self.target(element, value, state, at)
                else:
                    part = None if isinstance(parts[at], ast.Starred) else parts[at]
                    state = self.target(element, part, state)
            return state
        state = self.expression(target, state)
        if isinstance(target, ast.Subscript) and self._is_held(target.value):
            return state | self.bound(target, value, index, within=True)
        return state

    def _is_held(self, node: ast.expr) -> bool:
        """Tell whether an expression is the name, or a part of what it holds."""
        while isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value
        return isinstance(node, ast.Name) and node.id == self.name

    def expression(self, node: ast.AST, state: _State) -> _State:
        """Record what an expression reads, in the order of its evaluation."""
        # Sums and chains of calls may be thousands deep, and hand the state on from part to part.
        todo = [node]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Name):
                if node.id == self.name and isinstance(node.ctx, ast.Load):
                    self._read(node, state)
            elif isinstance(node, ast.expr) and not self._stands_in(node):
                continue
            elif isinstance(node, _BRANCHING) or self._is_change(node):
                state = self._branching(node, state)
            else:
                todo += reversed(below(node))
        return state

    def _is_change(self, node: ast.AST) -> bool:
        """Tell whether a call has torch's mark of what changes a tensor in place."""
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr.endswith("_")
            and not node.func.attr.startswith("_")
            and self._is_held(node.func.value)
        )

    def _branching(self, node: ast.AST, state: _State) -> _State:
        """Record what an expression reads of which parts may not be evaluated, or bind."""
        if isinstance(node, ast.JoinedStr):
            # Before Python 3.12 positions within it are wrong.
            lines, self.lines = self.lines, None
            state = self._children(below(node), state)
            self.lines = lines
            return state
        if isinstance(node, ast.NamedExpr):
            return self.target(node.target, node.value, self.expression(node.value, state))
        if isinstance(node, ast.IfExp):
            state = self.expression(node.test, state)
            return self.expression(node.body, state) | self.expression(node.orelse, state)
        if isinstance(node, ast.BoolOp):
            reached = [state := self.expression(value, state) for value in node.values]
            return _NOWHERE.union(*reached)
        if isinstance(node, ast.Lambda):
            # Its body runs later, and sees whatever holds then.
            return self._children([*node.args.defaults, *node.args.kw_defaults], state)
        if isinstance(node, COMPREHENSIONS):
            parts = [part for g in node.generators for part in (g.iter, *g.ifs)]
            shown = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            # The body may run no time, or after itself.
            once = self._children([*parts, *shown], state)
            return state | self._children([*parts, *shown], state | once)
        assert isinstance(node, ast.Call)
        state = self._children(below(node), state)
        return state | self.bound(node, node, within=True)

    def _stands_in(self, node: ast.expr | ast.stmt) -> bool:
        """Tell whether the name can stand on one of the lines of a node."""
        if self.lines is None:
            return True
        at = bisect_left(self.lines, node.lineno)
        return at < len(self.lines) and self.lines[at] <= (node.end_lineno or node.lineno)

    def _children(self, nodes: Iterable[ast.AST | None], state: _State) -> _State:
        for node in nodes:
            if node is not None:
                state = self.expression(node, state)
        return state

    # -- statements ------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt], state: _State) -> _State:
        for statement in body:
            state = self.statement(statement, state)
        return state

    def statement(self, node: ast.stmt, state: _State) -> _State:
        if node.__class__ in _GO_ON and not self._stands_in(node):
            return state
        match node:
            case ast.Assign():
                state = self.expression(node.value, state)
                for target in node.targets:
                    state = self.target(target, node.value, state)
            case ast.AnnAssign():
                if node.value is not None:
                    state = self.expression(node.value, state)
                    state = self.target(node.target, node.value, state)
            case ast.AugAssign():
                state = self.expression(node.value, state)
                if isinstance(node.target, ast.Name) and node.target.id == self.name:
                    self._read(node.target, state)
                state = self.target(node.target, None, state)
            case ast.If():
                ends = self.block(node.body, state := self.expression(node.test, state))
                while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                    node = node.orelse[0]  # an `elif`, of which there may be hundreds
                    ends |= self.block(node.body, state := self.expression(node.test, state))
                state = ends | self.block(node.orelse, state)
            case ast.For() | ast.AsyncFor() | ast.While():
                state = self._loop(node, state)
            case ast.Try() | ast.TryStar():
                state = self._try(node, state)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    state = self.expression(item.context_expr, state)
                    if item.optional_vars is not None:
                        state = self.target(item.optional_vars, None, state)
                state = self.block(node.body, state)
            case ast.Match():
                state = self._match(node, state)
            case ast.Break():
                self.breaks.append(state)
                return _NOWHERE
            case ast.Continue():
                self.continues.append(state)
                return _NOWHERE
            case ast.Return() | ast.Raise():
                self._children(below(node), state)
                return _NOWHERE
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                state = self._definition(node, state)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    if (alias.asname or alias.name.partition(".")[0]) == self.name:
                        state = self.bound(alias)
            case ast.Delete():
                removed = any(isinstance(t, ast.Name) and t.id == self.name for t in node.targets)
                state = _NOWHERE if removed else self._children(node.targets, state)
            case _:
                state = self._children(below(node), state)
        return state

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: _State) -> _State:
        breaks, continues = self.breaks, self.continues
        self.breaks, self.continues = [], []
        if not isinstance(node, ast.While):
            state = self.expression(node.iter, state)
        head, end = state, state
        # Each round adds definitions that reach the head; the second adds all that are left.
        for _ in range(2):
            head = end = head | end | _NOWHERE.union(*self.continues)
            if isinstance(node, ast.While):
                head = end = self.expression(node.test, head)
            else:
                end = self.target(node.target, None, head)
            end = self.block(node.body, end)
        leaves = head | end | _NOWHERE.union(*self.continues)
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            leaves = _NOWHERE
        leaves = self.block(node.orelse, leaves) | _NOWHERE.union(*self.breaks)
        self.breaks, self.continues = breaks, continues
        return leaves

    def _try(self, node: ast.Try | ast.TryStar, state: _State) -> _State:
        anywhere = set(state)
        self.raised.append(anywhere)
        ends = self.block(node.orelse, self.block(node.body, state))
        entered = frozenset(anywhere)
        for handler in node.handlers:
            caught = entered if handler.type is None else self.expression(handler.type, entered)
            if handler.name == self.name:
                caught = self.bound(handler)
            ends |= self.block(handler.body, caught)
        self.raised.pop()
        if node.finalbody:
            # It is entered from anywhere, but what follows it only from the ends.
            self.block(node.finalbody, ends | frozenset(anywhere))
            ends = self.block(node.finalbody, ends)
        return ends

    def _match(self, node: ast.Match, state: _State) -> _State:
        state = self.expression(node.subject, state)
        ends = state
        for case in node.cases:
            taken = state
            for pattern in ast.walk(case.pattern):
                if self.name in (getattr(pattern, "name", None), getattr(pattern, "rest", None)):
                    taken = self.bound(pattern)
            if case.guard is not None:
                taken = self.expression(case.guard, taken)
            ends |= self.block(case.body, taken)
        return ends

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, state: _State
    ) -> _State:
        now: list[ast.AST | None] = [*node.decorator_list]
        if isinstance(node, ast.ClassDef):
            now += [*node.bases, *node.keywords]
        else:
            now += [*node.args.defaults, *node.args.kw_defaults]
        state = self._children(now, state)
        return self.bound(node) if node.name == self.name else state
