"""Which of the tensors around migrated losses move with them, and as which edits."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from migrate.connected import Flow, Node, loss_calls
from migrate.covered import CASTS, OF_SHAPES
from migrate.given import values_of
from migrate.handed import COMPARED, index_of
from migrate.match import Refusal, Site
from migrate.model import Evidence
from migrate.places import Place
from migrate.prove.made import Array
from migrate.prove.operands import Claim, arrays, dtypes, ranks
from migrate.prove.samples import tensors
from migrate.sharing import may_change
from migrate.shown import is_multiplied, looks_names_up
from migrate.tensor_edits import Rewriting, Wish, merged, rewriting, rewritten, said
from migrate.tensors import flows, results
from migrate.work import Draft, File, Move

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.resolve import Names
    from migrate.scopes import Scope
    from migrate.tensor_rules import TensorRules


#: A flow through more subscripts and operations than these stays.
_MANY = 100


def move_tensors(file: File, origins: Origins, rules: TensorRules) -> frozenset[int]:
    """Add to `file.moves` what goes with the losses: whole flows, each call of them proven.

    Returns
    -------
    frozenset of int
        The `id` of each operand that now is made in a dtype that MindSpore takes.
    """
    losses = loss_calls(file)
    settled: set[int] = set()
    by_text = looks_names_up(file.names)
    for flow in flows(file.names, losses, origins, rules) if not by_text else ():
        if not flow.nodes or flow.reason:
            continue
        moves = list(_Mover(file.names, origins, rules, flow, file.quote).moves())
        file.moves += moves
        if moves:
            settled.update(_made_here(flow))
    for flow in results(file.names, losses, origins, rules):
        # What a loss gives is MindSpore's already, so that each of its readings stands for itself.
        file.moves += _Mover(file.names, origins, rules, flow, file.quote).moves(each=True)
    return frozenset(settled)


def _made_here(flow: Flow) -> Iterator[int]:
    for loss in flow.losses.values():
        for place in loss.operands.values():
            if id(place.node) in flow.nodes or flow.sources.get(id(place.node)):
                yield id(place.node)


#: Readings of what shares the memory of an array in torch, where MindSpore copies some.
_SHARES = frozenset({"float_tensor", "from_numpy", "long_tensor"})

#: The dtypes of a tensor are not asked for over more calls than these that follow in the text.
_DEEP = 20


@dataclass(slots=True)
class _Mover:
    """The edits of one flow."""

    names: Names
    origins: Origins
    rules: TensorRules
    flow: Flow
    quote: str
    known: dict[int, frozenset[str] | None] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)

    def moves(self, *, each: bool = False) -> Iterator[Move]:
        """Yield the moves of all nodes; none if one of them stays, unless `each` is on its own."""
        found: dict[int, tuple[Node, Rewriting]] = {}
        why = None if each else self._is_handed_otherwise()
        if why is not None:
            self.flow.reason = why
            return
        for node in sorted(self.flow.nodes.values(), key=lambda n: self.names.start(_call(n))):
            self._dtypes(node)
        for key, node in self.flow.nodes.items():
            made = self._rewriting(node)
            if isinstance(made, Rewriting):
                found[key] = (node, made)
            elif not each:
                self.flow.reason = f"line {_line(node)}: {made}"
                return
        yield from self._grouped(found)

    def _is_handed_otherwise(self) -> str | None:
        """Say which index or operation MindSpore may read otherwise, or None."""
        strict = any(loss.needs_int32 for loss in self.flow.losses.values())
        taken = {"float32", "float64"} if strict else {"float32"}
        if len(self.flow.handed) > _MANY:
            return "it is computed in too many steps"
        for expression in self.flow.handed.values():
            where = f"line {expression.lineno}: `{ast.unparse(expression)}`"
            made = self._values_of(expression, ())
            if made is None or any(not array.size for array in made):
                return f"{where} is of a tensor that is not known"
            if isinstance(expression, ast.Compare):
                sides = [self._dtypes_of(s, set()) for s in self.flow.sources[id(expression)]]
                if any(side is None or not side <= COMPARED for side in sides):
                    return f"{where} compares what may not be integers"
            elif not isinstance(expression, ast.Subscript):
                dtypes_ = self._dtypes_of(expression, set())
                if dtypes_ is None or len(dtypes_) != 1 or not dtypes_ <= taken:
                    return f"{where} is not computed in float32"
        return None

    def _values_of(self, expression: ast.expr, seen: tuple[int, ...]) -> list[Array] | None:
        """Return a tensor of each shape that torch may give here, or None where one is unknown."""
        if id(expression) in seen:
            return None
        node = self.flow.nodes.get(id(expression))
        if node is not None:
            return None if node.module is not None else arrays(self._claim(node))
        sources = self.flow.sources.get(id(expression))
        made = [self._values_of(each, (*seen, id(expression))) for each in sources or ()]
        if not made or any(each is None for each in made):
            return None
        every = [array for each in made for array in each or ()]
        if isinstance(expression, ast.Subscript):
            index = index_of(expression)
            try:
                return [array[index] for array in every]
            except IndexError:
                return None
        if id(expression) in self.flow.handed and len(made) == 2:
            try:
                every = [a + b for a, b in itertools.product(made[0] or (), made[1] or ())]
            except ValueError:  # torch does not broadcast them either
                return None
        return [a == a for a in every] if isinstance(expression, ast.Compare) else every

    # -- one call --------------------------------------------------------------------------------

    def _rewriting(self, node: Node) -> Rewriting | str:
        why = self._is_used_otherwise(node)
        if why is not None:
            return why
        if node.module is not None:
            # Its constructor is proven, for every tensor that it can be called with.
            return Rewriting((), Evidence(0, 0.0))
        claim = self._claim(node)
        given = self._dtypes(node)
        if given is None and node.rule.kind in ("creation", "random", "filling"):
            return "its dtype cannot be told"
        wanted, converted = self._wanted(node, given)
        if isinstance(wanted, Refusal):
            return wanted.reason
        ends = self.flow.ends(_call(node))
        wish = Wish(
            self.names,
            node.place,
            replace(claim, converted=converted),
            wanted,
            self.quote,
            only_read=bool(ends) and ends <= {"reads", "shows"},
        )
        return rewriting(wish)

    def _is_used_otherwise(self, node: Node) -> str | None:
        """Say what a proof of the call alone does not see, or None."""
        if node.rule.reading in _SHARES:
            for place in _arguments(node.place):
                changed = may_change(self.names, self.origins, place)
                if changed is not None:
                    return f"`{changed}` may be changed, and share its memory"
        assigned = node.place.parent()
        if node.rule.reading == "numpy" and isinstance(assigned, ast.Assign):
            for target in assigned.targets:
                if isinstance(target, ast.Name) and self.origins.is_changed(
                    node.place.up().down(target)
                ):
                    return f"`{target.id}` is changed, and may share its memory"
        if node.rule.reading == "size" and is_multiplied(self.names, node.place):
            return "a tuple has no numel(), which torch's size has"
        if node.rule.reading.startswith("argmax"):
            of = self._dtypes_of(node.operands[0].node, set())  # type: ignore[arg-type]
            if of is not None and "float64" in of:
                return "in float32 another element may be the largest"
        if node.module is not None and node.rule.reading == "conv2d":
            inner = node.operands[0].node
            for source in [inner, *self.flow.sources.get(id(inner), ())]:
                made = self.flow.nodes.get(id(source))
                if made is not None and made.module is None and ranks(self._claim(made)) - {4}:
                    return "MindSpore convolves no image without a batch"
        return None

    def _wanted(
        self, node: Node, given: frozenset[str] | None
    ) -> tuple[str | Refusal | None, Mapping[str, str]]:
        """Return the dtype that the result is to have, and what becomes of which on the way."""
        strict = any(loss.needs_int32 for loss in self.flow.losses.values())
        converted: dict[str, str] = {"float64": "float32"} if strict else {}
        ends = self.flow.ends(_call(node), through=self._keeps_its_dtype)
        labels = "labels" in ends
        if labels and given is not None and "int64" in given:
            only = ends <= {"labels", "shows"}
            taken = all(loss.takes_int32 for loss in self.flow.losses.values())
            if only and taken and (strict or self._states_dtype(node)):
                converted["int64"] = "int32"
            elif strict:
                return Refusal("unproven", "labels of int64 are used for something else"), {}
        if given is None or len(given) != 1:
            return None, converted
        (one,) = given
        return converted.get(one, one), converted

    def _keeps_its_dtype(self, expression: ast.expr) -> bool:
        """Tell whether an expression gives its tensor in the dtype of what goes into it."""
        node = self.flow.nodes.get(id(expression))
        return node is None or node.rule.reading not in CASTS

    def _states_dtype(self, node: Node) -> bool:
        """Tell whether a dtype is written where the labels are made, or on their way."""
        values = [k.value for k in _call(node).keywords if k.arg == "dtype"]
        if node.receiver is not None and isinstance(_call(node).func, ast.Attribute):
            made = _call(node).func.value  # type: ignore[attr-defined]
            values += [k.value for k in made.keywords if k.arg == "dtype"]
        return bool(values)

    def _claim(self, node: Node) -> Claim:
        call = _call(node)
        known: dict[str, tuple[object, ...]] = {}
        own: dict[str, str] = {}
        scope = self.names.scope_of(node.place)
        for each in ast.walk(call):
            if isinstance(each, (ast.Name, ast.Attribute)):
                rules = {self.rules.by_path.get(m) for m in self.names.resolve(each, scope)}
                rule = rules.pop() if len(rules) == 1 else None
                if rule is not None and rule.kind == "dtype":
                    own[ast.unparse(each)] = rule.reading
        operands = {id(operand.node) for operand in node.operands}
        for place in _arguments(node.place):
            if id(place.node) in operands:
                continue
            known.update(values_of(self.names, self.origins, place))
        for operand in node.operands:
            assert isinstance(operand.node, ast.expr)
            of = self._dtypes_of(operand.node, set())
            if of is not None:
                reading = node.rule.reading
                if reading in OF_SHAPES:
                    known[ast.unparse(operand.node)] = tuple(
                        self._values_of(operand.node, ()) or ()
                    )
                    continue
                known[ast.unparse(operand.node)] = tuple(
                    tensor for dtype in sorted(of) for tensor in tensors(dtype, reading)
                )
        return Claim(node.rule, node.receiver, call, known=known, dtypes=own)

    def _dtypes(self, node: Node) -> frozenset[str] | None:
        """Return the dtypes that a call may give in torch, or None; asked in the text's order."""
        if id(node) not in self.known:
            if id(node) in self.asked or len(self.asked) > _DEEP:
                return None  # it comes back to itself, or from further down
            self.asked.add(id(node))
            try:
                self.known[id(node)] = self._dtypes_now(node)
            finally:
                self.asked.discard(id(node))
        return self.known[id(node)]

    def _dtypes_now(self, node: Node) -> frozenset[str] | None:
        if node.module is not None:
            inner = node.operands[0].node
            assert isinstance(inner, ast.expr)
            of_operand = self._dtypes_of(inner, set())
            return frozenset({"float32"}) if node.rule.reading == "conv2d" else of_operand
        return dtypes(self._claim(node)) or None

    def _dtypes_of(self, expression: ast.expr, seen: set[int]) -> frozenset[str] | None:
        """Return the dtypes that a tensor of the flow may have in torch, or None."""
        if id(expression) in seen:
            return frozenset()
        seen.add(id(expression))
        if isinstance(expression, ast.Compare):
            return frozenset({"bool"})
        if id(expression) in self.flow.nodes:
            return self._dtypes(self.flow.nodes[id(expression)])
        sources = self.flow.sources.get(id(expression))
        if not sources:
            return None
        every = [self._dtypes_of(source, seen) for source in sources]
        return None if None in every else frozenset().union(*filter(None, every))

    # -- all of them -----------------------------------------------------------------------------

    def _grouped(self, found: dict[int, tuple[Node, Rewriting]]) -> Iterator[Move]:
        """Join the edits of calls that stand within one another: one finding for the whole."""
        outer: dict[int, list[tuple[Node, Rewriting]]] = {}
        for node, made in sorted(found.values(), key=lambda pair: len(pair[0].place.path)):
            within = next((key for key in map(id, node.place.path) if key in outer), None)
            outer.setdefault(within or id(node.place.node), []).append((node, made))
        sites = tuple(site for loss in self.flow.losses.values() for site in loss.sites)
        for group in outer.values():
            drafts = merged([draft for _, made in group for draft in made.drafts])
            if drafts:
                yield self._move(group, drafts, sites)

    def _move(
        self, group: list[tuple[Node, Rewriting]], drafts: list[Draft], sites: tuple[Site, ...]
    ) -> Move:
        place = group[0][0].place
        scope = self.names.scope_of(place)
        call = _call(group[0][0])
        evidence = replace(
            group[0][1].evidence,
            cases=sum(made.evidence.cases for _, made in group),
            max_error=max(made.evidence.max_error for _, made in group),
        )
        return Move(
            sites=sites,
            drafts=tuple(drafts),
            place=place,
            scope=scope,
            rule=group[0][0].rule.id,
            code="operand",
            message=self._message(group),
            before=self.names.slice(call),
            after=rewritten(self.names, call, drafts),
            evidence=evidence,
            gone=tuple(self._gone(call, drafts, scope)),
        )

    def _message(self, group: list[tuple[Node, Rewriting]]) -> str:
        parts: dict[str, None] = {}
        for node, made in group:
            rule = node.rule
            if not made.drafts:
                continue
            parts[said(rule, made.drafts)] = None
            given = self._dtypes(node)
            _, converted = self._wanted(node, given)
            makes = rule.kind in ("creation", "random", "filling") or rule.reading == "to_long"
            for one in sorted(given or ()):
                if one in converted and makes:
                    why = "float64-logits" if one == "float64" else "int64-labels"
                    parts[f"{one} becomes {converted[one]} (see {why})"] = None
            if any(keyword.arg == "requires_grad" for keyword in _call(node).keywords):
                parts["requires_grad goes: MindSpore differentiates functions"] = None
        return "; ".join(parts)

    def _gone(
        self, call: ast.Call, drafts: list[Draft], scope: Scope
    ) -> Iterator[tuple[str, Scope]]:
        for node in ast.walk(call):
            if isinstance(node, ast.Name):
                at = self.names.start(node)
                if any(draft.span.start <= at < draft.span.end for draft in drafts):
                    yield node.id, scope


def _call(node: Node) -> ast.Call:
    assert isinstance(node.place.node, ast.Call)
    return node.place.node


def _line(node: Node) -> int:
    return _call(node).lineno


def _arguments(place: Place) -> Iterator[Place]:
    """Yield the places of the arguments of a call, and of the elements of those that are lists."""
    call = place.node
    assert isinstance(call, ast.Call)
    stack = [Place((*place.path, value)) for value in call.args]
    stack += [Place((*place.path, keyword, keyword.value)) for keyword in call.keywords]
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        inner = Place((*place.path, call.func, call.func.value))
        yield from _arguments(inner)
    while stack:
        each = stack.pop()
        if isinstance(each.node, (ast.Tuple, ast.List)):
            stack += [Place((*each.path, element)) for element in each.node.elts]
        yield each
