"""Where the value of an expression comes from, within the scope that holds its names. Read-only.

Back from a place: through assigned names, unpacked tuples, conditional expressions, a walrus,
subscripts, and methods that hand a tensor on in another shape. Forward from a value: which reads
of the name that it is assigned to see it. Parameters, attributes and the results of other calls
are where the way ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.attributes import DEVICE_METHODS, not_a_device
from migrate.holders import uses_of_name
from migrate.places import Place, occurrences
from migrate.reaching import Definition, Reaching, reaching
from migrate.resolve import Names
from migrate.scopes import COMPREHENSIONS, Scope

#: Methods of a tensor, and functions of torch, whose result holds elements of the first operand,
#: in its dtype. `.to`, `.cuda` and `.cpu` are told apart by their arguments.
SHAPES = frozenset(
    """
    clone contiguous cpu cuda detach expand expand_as flatten movedim narrow permute pin_memory
    ravel repeat reshape reshape_as requires_grad_ select squeeze squeeze_ swapaxes t transpose
    unsqueeze unsqueeze_ view view_as
    """.split()  # noqa: SIM905 (a list would take a line a name)
)

#: Where torch has its functions of tensors.
_MODULES = ("torch", "torch.nn.functional")

#: Attributes that are the same tensor, or a view of it.
_SAME = frozenset({"T", "mT", "data"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from, as far back as can be told.

    Attributes
    ----------
    expression : ast.expr
        What makes it. A name that is read here is one of which nothing else is known: a
        parameter, a loop variable, an import.
    place : Place
        Of `expression`.
    certain : bool
        Whether the value comes from here on every way.
    index : int or None
        Which element of `expression` the value is, where it was unpacked or subscripted last.
    """

    expression: ast.expr
    place: Place
    certain: bool
    index: int | None = None


class Origins:
    """The origins of values in one file; what is found of a name is kept.

    Parameters
    ----------
    names : Names
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._reaching: dict[tuple[int, str], Reaching] = {}
        self._standing: dict[str, list[int]] = {}
        self._known: dict[
            tuple[int, frozenset[str]], tuple[tuple[Origin, ...], tuple[Place, ...]]
        ] = {}

    # -- back ------------------------------------------------------------------------------------

    def of(self, place: Place, through: frozenset[str] = SHAPES) -> tuple[Origin, ...]:
        """Return where the value of the expression at `place` may come from.

        Parameters
        ----------
        place : Place
            Of an expression.
        through : frozenset of str
            The methods, and functions of torch by their last name, that hand their operand on:
            `x.view(-1).long()` comes from itself, and with "long" among them from `x`.

        Returns
        -------
        tuple of Origin
            In the order of the text, never empty. Of several, none is certain.
        """
        return self._traced(place, through)[0]

    def passed(self, place: Place, through: frozenset[str] = SHAPES) -> tuple[Place, ...]:
        """Return every place that the value at `place` passes on its way, itself first."""
        return self._traced(place, through)[1]

    def _traced(
        self, place: Place, through: frozenset[str]
    ) -> tuple[tuple[Origin, ...], tuple[Place, ...]]:
        key = (id(place.node), through)
        if key not in self._known:
            found: dict[tuple[int, int | None], tuple[Place, int | None]] = {}
            seen: dict[tuple[int, int | None], Place] = {}
            self._trace(place, through, found, seen)
            ends = sorted(found.values(), key=lambda end: self._names.start(_expression(end[0])))
            origins = tuple(Origin(_expression(p), p, len(ends) == 1, at) for p, at in ends)
            self._known[key] = origins, tuple(seen.values())
        return self._known[key]

    def _trace(
        self,
        place: Place,
        through: frozenset[str],
        found: dict[tuple[int, int | None], tuple[Place, int | None]],
        seen: dict[tuple[int, int | None], Place],
    ) -> None:
        """Fill `found` with where the value comes from, and `seen` with all that it passes."""
        todo: list[tuple[Place, int | None]] = [(place, None)]
        while todo:
            place, index = todo.pop()
            key = (id(place.node), index)
            if key in seen:
                continue
            seen[key] = place
            onward = list(self._back(place, index, through))
            ends_here = not onward
            if isinstance(place.node, ast.Name):
                # One assignment that tells nothing is an origin beside those that do.
                ends_here = not onward or len(onward) < len(self.definitions(place))
            if ends_here:
                found[key] = (place, index)
            todo += reversed(onward)

    def _back(
        self, place: Place, index: int | None, through: frozenset[str]
    ) -> Iterator[tuple[Place, int | None]]:
        """Yield the places one step back; none where the way ends."""
        node = place.node
        if isinstance(node, ast.NamedExpr):
            yield child(place, node.value), index
        elif isinstance(node, ast.IfExp):
            yield child(place, node.body), index
            yield child(place, node.orelse), index
        elif isinstance(node, ast.BoolOp):
            for value in node.values:
                yield child(place, value), index
        elif isinstance(node, (ast.Tuple, ast.List)):
            if (
                index is not None
                and -len(node.elts) <= index < len(node.elts)
                and not any(isinstance(element, ast.Starred) for element in node.elts)
            ):
                yield child(place, node.elts[index]), None
        elif isinstance(node, ast.Subscript):
            # Of `batch["labels"]`, nothing is known that is known of the batch; and of an element
            # of an element, nothing that is known of the whole.
            position = _constant(node.slice)
            if index is None and not isinstance(position, str):
                yield child(place, node.value), position
        elif isinstance(node, ast.Attribute):
            if node.attr in _SAME:
                yield child(place, node.value), index
        elif isinstance(node, ast.Call):
            operand = self.handed_on(place, through)
            if operand is not None:
                yield operand, index
        elif isinstance(node, ast.Name):
            yield from self._assigned(place, index)

    def _assigned(self, place: Place, index: int | None) -> Iterator[tuple[Place, int | None]]:
        for definition in self.definitions(place):
            if definition.value is None or (index is not None and definition.index is not None):
                continue
            place_of_value = self._names.place_of(definition.value)
            if place_of_value is not None:
                yield place_of_value, index if definition.index is None else definition.index

    def handed_on(self, place: Place, through: frozenset[str] = SHAPES) -> Place | None:
        """Return the operand that the call at `place` hands on, or None."""
        call = place.node
        assert isinstance(call, ast.Call)
        scope = self._names.scope_of(place)
        meanings = self._names.resolve(call.func, scope)
        if meanings <= {f"{module}.{name}" for module in _MODULES for name in through}:
            starred = not call.args or isinstance(call.args[0], ast.Starred)
            casts = any(keyword.arg in (None, "dtype") for keyword in call.keywords)
            return (
                None if starred or (casts and "to" not in through) else child(place, call.args[0])
            )
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in through | {"to"}:
            return None
        if any("." in meaning for meaning in meanings):
            return None  # a function of another module
        # Who passes through `.to` itself does not mind a cast.
        moves = call.func.attr in DEVICE_METHODS - (through & {"to"})
        if moves and not_a_device(self._names, call.func.attr, call, scope) is not None:
            return None
        return child(place, call.func, call.func.value)

    def definitions(self, place: Place) -> tuple[Definition, ...]:
        """Return what the name that is read at `place` may have been assigned, in text order.

        A name of another scope, or one that a function reads of the scope around it, may hold
        whatever it is ever assigned; one that is not bound in this file has no definition.
        """
        node = place.node
        assert isinstance(node, ast.Name)
        bound = self._names.bindings_of(node.id, self._names.scope_of(place))
        if bound is None:
            return ()
        bindings, scope = bound
        definitions = [d for d in self._seen(node, scope) if not d.within]
        every = [d for d in self._reached(node.id, scope).every.values() if not d.within]
        if (
            len(bindings) > len(every)  # `global` in some function, or `del`
            or self._names.is_rebound_from_within(node.id)
            or isinstance(scope.node, COMPREHENSIONS)
        ):
            definitions.append(Definition(node))
        return tuple(definitions)

    def stores(self, place: Place) -> tuple[Definition, ...]:
        """Return what may have changed a part of what the name read at `place` holds."""
        node = place.node
        assert isinstance(node, ast.Name)
        bound = self._names.bindings_of(node.id, self._names.scope_of(place))
        return () if bound is None else tuple(d for d in self._seen(node, bound[1]) if d.within)

    def is_changed(self, place: Place) -> bool:
        """Tell whether what the name read at `place` holds is changed in place anywhere."""
        node = place.node
        assert isinstance(node, ast.Name)
        bound = self._names.bindings_of(node.id, self._names.scope_of(place))
        every = self._reached(node.id, bound[1]).every.values() if bound is not None else ()
        for definition in every:
            target = definition.target
            found = self._names.place_of(target) if isinstance(target, ast.expr) else None
            if definition.within or (
                found is not None and isinstance(found.parent(), ast.AugAssign)
            ):
                return True
        return False

    def is_added_to(self, definition: Definition, place: Place) -> bool:
        """Tell whether `x += 1` and the like change in place what a definition of a name gave.

        Parameters
        ----------
        definition : Definition
        place : Place
            Of a read of that name, or of the name in its assignment.
        """
        name = place.node
        assert isinstance(name, ast.Name)
        bound = self._names.bindings_of(name.id, self._names.scope_of(place))
        reads = self._reached(name.id, bound[1]).reads.values() if bound is not None else ()
        return any(isinstance(r.ctx, ast.Store) and definition in seen for r, seen in reads)

    def _seen(self, node: ast.Name, scope: Scope) -> list[Definition]:
        found = self._reached(node.id, scope)
        every = list(found.every.values())
        read = found.reads.get(id(node))
        return every if read is None else [each for each in every if each in read[1]]

    # -- forward ---------------------------------------------------------------------------------

    def readers(self, definition: Definition, place: Place) -> tuple[Place, ...]:
        """Return which reads of a name may see one definition of it, in the order of the text.

        Parameters
        ----------
        definition : Definition
            One of those that `definitions` gave.
        place : Place
            Of a read of that name, or of the name in its assignment.

        Returns
        -------
        tuple of Place
            Of the names that are read. A function within the scope sees every definition.
        """
        name = place.node
        assert isinstance(name, ast.Name)
        bound = self._names.bindings_of(name.id, self._names.scope_of(place))
        if bound is None:
            return ()
        scope = bound[1]
        found = self._reached(name.id, scope)
        places = []
        for each, _ in uses_of_name(self._names, scope, name.id):
            known = found.reads.get(id(each.node))
            if isinstance(each.node, ast.Name) and (known is None or definition in known[1]):
                places.append(each)
        return tuple(places)

    def _reached(self, name: str, scope: Scope) -> Reaching:
        key = (id(scope.node), name)
        if key not in self._reaching:
            self._reaching[key] = reaching(name, scope.node, self._lines(name))
        return self._reaching[key]

    def _lines(self, name: str) -> list[int] | None:
        text = self._names.text
        if not text.isascii():
            return None  # Python folds other spellings into the name
        if name not in self._standing:
            position = self._names.lines.position
            found = [position(at)[0] for at in occurrences(text, name, 0, len(text))]
            self._standing[name] = found
        return self._standing[name]


def child(place: Place, *nodes: ast.AST) -> Place:
    """Return the place of a node below `place`, by the nodes on the way to it."""
    return Place((*place.path, *nodes))


def _constant(node: ast.expr) -> int | str | None:
    """Return a literal index, `-1` included."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str):
        return value
    return sign * value if type(value) is int else None


def _expression(place: Place) -> ast.expr:
    assert isinstance(place.node, ast.expr)
    return place.node
