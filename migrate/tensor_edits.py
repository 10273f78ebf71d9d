"""What becomes of one call that makes, changes or reads a tensor: its edits, proven."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrate.arguments import Layout, layout
from migrate.flow import DeviceCall
from migrate.instances import device_edit
from migrate.model import Edit, Evidence, Span
from migrate.operands import is_pure
from migrate.places import Place
from migrate.prove.operands import Claim, bind_source, prove
from migrate.resolve import Names
from migrate.splice import apply
from migrate.work import Draft, Spelled

if TYPE_CHECKING:
    from migrate.tensor_rules import TensorRule


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The edits of one call, and the evidence for them."""

    drafts: tuple[Draft, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that is to be rewritten, and what is wanted of it.

    Attributes
    ----------
    names : Names
    place : Place
        Of the call.
    claim : Claim
        Without `after`.
    dtype : str or None
        The one that the result is to have, by its name in NumPy, where that is known.
    quote : str
        The quotation mark for new strings.
    only_read : bool
        Whether nothing but the numbers of the result is read, so that no gradient passes.
    """

    names: Names
    place: Place
    claim: Claim
    dtype: str | None
    quote: str
    only_read: bool = False


class Stays(Exception):
    """A call cannot be rewritten; its argument says why."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the arguments are set down where a rewrite can choose."""

    wrapped: bool = False
    stated: bool = False


def rewriting(wish: Wish) -> Rewriting | str:
    """Return what becomes of a call, or why it stays."""
    reason = "it cannot be taken apart"
    for form in _forms(wish):
        try:
            drafts = merged(_drafts(wish, form))
        except Stays as why:
            return str(why)
        after = rewritten(wish.names, wish.claim.before, drafts)
        proof = prove(replace(wish.claim, after=after))
        if isinstance(proof, Evidence):
            return Rewriting(tuple(drafts), proof)
        reason = proof
    return reason


def _forms(wish: Wish) -> Iterator[_Form]:
    """Yield the forms to try, the shortest first: what is not equal is not written."""
    rules = [wish.claim.rule, *([wish.claim.receiver] if wish.claim.receiver else [])]
    travels = [travel for rule in rules for travel in rule.travel.values()]
    targets = [rule.target for rule in rules if rule.target is not None]
    can_state = wish.dtype is not None and any("dtype" in t.defaults for t in targets)
    for stated in (False, True) if can_state else (False,):
        yield _Form(stated=stated)
        if any(travel.role == "size" for travel in travels):
            yield _Form(wrapped=True, stated=stated)


def said(rule: TensorRule, drafts: tuple[Draft, ...]) -> str:
    """Return in one clause what becomes of one call."""
    target = None if rule.target is None else rule.target.path
    if not rule.is_method:
        return f"{rule.id} becomes {target}"
    name = f"`.{rule.id.rpartition('.')[2]}(…)`"
    if target is None or all(draft.parts == ("",) for draft in drafts):
        return f"{name} goes"
    if rule.reading == "size":
        return f"{name} becomes `.shape`"
    own = target.startswith("mindspore.Tensor.")
    new = f"`.{target.rpartition('.')[2]}(…)`" if own else target
    return f"{name} has other names for its arguments" if new == name else f"{name} becomes {new}"


def merged(drafts: Sequence[Draft]) -> list[Draft]:
    """Join what is inserted at one place, in the order given: edits are sorted by their text."""
    inserted: dict[Span, Draft] = {}
    others: list[Draft] = []
    for draft in drafts:
        if draft.span.start < draft.span.end:
            others.append(draft)
        elif draft.span in inserted:
            first = inserted[draft.span]
            inserted[draft.span] = replace(first, parts=(*first.parts, *draft.parts))
        else:
            inserted[draft.span] = draft
    return [*inserted.values(), *others]


def rewritten(names: Names, call: ast.Call, drafts: Sequence[Draft]) -> str:
    """Return the text of a call after edits, with full paths."""
    start = names.start(call)
    edits = [
        Edit(
            Span(draft.span.start - start, draft.span.end - start),
            "".join(part if isinstance(part, str) else part.path for part in draft.parts),
        )
        for draft in drafts
    ]
    return apply(names.slice(call), edits)


def _inserted(at: int, *parts: str | Spelled) -> Draft:
    return Draft(Span(at, at), parts)


def _drafts(wish: Wish, form: _Form) -> list[Draft]:
    claim, rule = wish.claim, wish.claim.rule
    if rule.target is None or (rule.reading == "stop_gradient" and wish.only_read):
        return [_without_call(wish)]
    if claim.receiver is not None:
        return _filled(wish, claim.receiver, form)
    laid = _laid_out(wish.names, claim.before)
    if rule.reading == "size":
        return _sized(wish, laid)
    arguments = _Arguments(wish, claim.before, rule, laid)
    return [*_renamed(wish, laid), *arguments.drafts(form)]


def _laid_out(names: Names, call: ast.Call) -> Layout:
    laid = layout(names, call)
    if laid is None:
        raise Stays("the text of its arguments cannot be taken apart")
    return laid


def _without_call(wish: Wish) -> Draft:
    names, call = wish.names, wish.claim.before
    scope = names.scope_of(wish.place)
    for value in [*call.args, *(keyword.value for keyword in call.keywords)]:
        if not is_pure(value, names, scope):
            raise Stays(f"`{ast.unparse(value)}` would not be evaluated")
    edit = device_edit(DeviceCall((), call, wish.place), names)
    if edit is None:
        raise Stays("its layout cannot be taken apart")
    return Draft(edit.span, ("",))


def _renamed(wish: Wish, laid: Layout) -> list[Draft]:
    """Return the edits of what is called: a path, a method's name, or a method that wraps."""
    names, call, rule = wish.names, wish.claim.before, wish.claim.rule
    assert rule.target is not None
    target = rule.target.path
    if not rule.is_method:
        return [Draft(Span(names.start(call.func), names.end(call.func)), (Spelled(target),))]
    assert isinstance(call.func, ast.Attribute)
    end = names.end(call.func)
    word = Span(end - len(call.func.attr), end)
    if target.startswith("mindspore.Tensor."):
        name = target.rpartition(".")[2]
        if rule.reading == "to_long" and wish.dtype == "int32":
            name = "int"  # of labels
        return [] if name == call.func.attr else [Draft(word, (name,))]
    inner = names.end(call.func.value)
    dot = names.text.rfind(".", inner, word.start)
    if dot < 0 or "#" in names.text[inner : laid.opening]:
        raise Stays("its layout cannot be taken apart")
    kept = inner + len(names.text[inner:dot].rstrip())  # a closing parenthesis, if anything
    # Behind the first argument, which was the receiver, stand the others.
    return [
        _inserted(names.start(call), Spelled(target), "("),
        Draft(Span(kept, laid.opening), (", " if laid.arguments else "",)),
    ]


def _sized(wish: Wish, laid: Layout) -> list[Draft]:
    """Return the edits of `x.size()` and `x.size(0)`: `x.shape` is no call, but has an index."""
    names, call = wish.names, wish.claim.before
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    start, end = names.end(call.func), names.end(call)
    inner = names.slice(values[0]) if values else ""
    if len(values) > 1 or "#" in names.text[start:end]:
        raise Stays("its layout cannot be taken apart")
    index = f"[{inner}]" if values else ""
    return [Draft(Span(start - len("size"), end), (f"shape{index}",))]


def _filled(wish: Wish, receiver: TensorRule, form: _Form) -> list[Draft]:
    """Return the edits of `torch.empty(size, dtype=…).random_(from, to)`: one call of a draw."""
    names, claim = wish.names, wish.claim
    rule, call = claim.rule, claim.before
    assert rule.target is not None
    assert isinstance(call.func, ast.Attribute)
    inner = call.func.value
    assert isinstance(inner, ast.Call)
    bound = bind_source(claim)
    if bound is None or not inner.args:
        raise Stays("its arguments cannot be taken apart")
    scope = names.scope_of(wish.place)
    bounds: list[str] = []
    for name, default in rule.source.defaults.items():
        value = bound.get(name)
        if isinstance(value, ast.expr) and not is_pure(value, names, scope):
            raise Stays(f"`{name}` would be evaluated earlier")
        bounds.append(names.slice(value) if isinstance(value, ast.expr) else str(default))
    laid = _laid_out(names, inner)
    function = Span(names.start(inner.func), names.end(inner.func))
    return [
        Draft(function, (Spelled(rule.target.path),)),
        # In front of the parenthesis of a size that is gathered.
        _inserted(laid.arguments[0].start, f"{', '.join(bounds)}, "),
        *_Arguments(wish, inner, receiver, laid).drafts(form),
        _without_call(wish),
    ]


@dataclass(frozen=True, slots=True)
class _Arguments:
    """The edits of the arguments of one call of a rule."""

    wish: Wish
    call: ast.Call
    rule: TensorRule
    laid: Layout

    def drafts(self, form: _Form) -> list[Draft]:
        names, rule = self.wish.names, self.rule
        reached = rule.source.form(len(self.call.args))
        if reached is None:
            raise Stays("torch does not take so many arguments")
        ordered: list[tuple[str, ast.expr | ast.keyword]] = [
            *(
                (name.lstrip("*"), value)
                for name, value in zip(reached, self.call.args, strict=True)
            ),
            *((str(keyword.arg), keyword) for keyword in self.call.keywords),
        ]
        made: list[Draft] = []
        end: int | None = None
        arrived: set[str | None] = set()
        for span, (index, (name, node)) in zip(
            self.laid.arguments,
            enumerate(sorted(ordered, key=lambda pair: names.start(pair[1]))),
            strict=True,
        ):
            travel = rule.travel.get(name)
            if travel is None:
                raise Stays(f"there is no parameter `{name}`")
            value = node.value if isinstance(node, ast.keyword) else node
            if travel.to is None:
                made.append(self._without(index, name, value))
                continue
            end = span.end
            arrived.add(travel.to)
            if travel.role == "dtype":
                made.append(self._dtype(value))
            if isinstance(node, ast.keyword) and travel.to != name:
                at = names.start(node)
                made.append(Draft(Span(at, at + len(name)), (travel.to,)))
        made += self._placed(reached, form)
        return [*made, *self._stated(form, end, arrived)]

    def _without(self, index: int, name: str, value: ast.expr) -> Draft:
        wish = self.wish
        if not is_pure(value, wish.names, wish.names.scope_of(wish.place)):
            raise Stays(f"`{name}` would go, and may have a side effect")
        cut = self.laid.without(index)
        if cut is None:
            raise Stays("a comment would be lost")
        return Draft(cut, ("",))

    def _dtype(self, value: ast.expr) -> Draft:
        span = Span(self.wish.names.start(value), self.wish.names.end(value))
        if isinstance(value, ast.Constant) and value.value is None:
            return Draft(span, ("None",))
        if self.wish.dtype is None or ast.unparse(value) not in self.wish.claim.dtypes:
            raise Stays(f"the dtype `{ast.unparse(value)}` is not known")
        return Draft(span, (Spelled(f"mindspore.{self.wish.dtype}"),))

    def _stated(self, form: _Form, end: int | None, arrived: set[str | None]) -> Iterator[Draft]:
        """Yield what is written that torch has as a default."""
        wanted = {
            name: (text.replace("'", self.wish.quote),)
            for name, text in self.rule.state.items()
            if name not in arrived
        }
        parts: dict[str, tuple[str | Spelled, ...]] = dict(wanted)
        if form.stated:
            if "dtype" in arrived:
                raise Stays("the dtype that it states is another one")
            parts["dtype"] = (Spelled(f"mindspore.{self.wish.dtype}"),)
        for name, value in parts.items():
            if end is None:
                raise Stays("nothing of its arguments is left")
            yield _inserted(end, f", {name}=", *value)

    def _placed(self, reached: tuple[str, ...], form: _Form) -> Iterator[Draft]:
        """Yield what positional arguments need: those before them, and a tuple around them."""
        target = self.rule.target
        assert target is not None
        if not reached:
            return
        missing = self._missing(reached[0].lstrip("*"))
        if missing:
            yield _inserted(self.laid.arguments[0].start, f"{', '.join(missing)}, ")
        size = [i for i, n in enumerate(reached) if self.rule.travel[n.lstrip("*")].role == "size"]
        takes_several = any(name.startswith("*") for each in target.forms for name in each)
        if size and not takes_several and (len(size) > 1 or form.wrapped):
            yield _inserted(self.laid.arguments[size[0]].start, "(")
            yield _inserted(self.laid.arguments[size[-1]].end, ")" if len(size) > 1 else ",)")

    def _missing(self, first: str) -> list[str]:
        """Return the defaults of what stands before the first positional argument in the target."""
        target = self.rule.target
        assert target is not None
        arrival = self.rule.travel[first].to
        if arrival is None or any(f and f[0].lstrip("*") == arrival for f in target.forms):
            return []
        order = list(target.defaults)
        source = {travel.to: name for name, travel in self.rule.travel.items()}
        defaults = self.rule.source.defaults
        missing = [n for n in order[: order.index(arrival)] if n in source]
        return [str(defaults[source[name]]) for name in missing]
