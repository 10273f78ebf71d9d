"""Where a loss of MindSpore's meets something of torch's without being given to a function.

`total + loss` of a `torch.zeros(1)`, `losses[i] = loss` into one, `loss[mask]`, a dtype in
`loss.to(torch.float64)`, and what is asked of its class or dtype: the first ones fail when they
run, and `isinstance(loss, torch.Tensor)` says no. A tensor that goes into a loss is not looked at:
it has to become MindSpore's in any case.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.model import Status
from migrate.places import Place
from migrate.resolve import UNBOUND
from migrate.stars import is_torch
from migrate.work import File, Move

if TYPE_CHECKING:
    from migrate.connected import LossCall
    from migrate.makers import Makers
    from migrate.results import Results

#: What a tensor says of itself in words of its framework.
_OWN_WORDS = frozenset({"device", "dtype"})

#: What an index or an operand is that is no tensor, for certain.
_NO_TENSOR = (ast.Constant, ast.Slice, ast.JoinedStr)


def hand_over_mixed(file: File, results: Results, makers: Makers, status: Status) -> Iterator[Move]:
    """Yield a finding for every such place, in the order of the text."""
    met = _Met(file, results, makers, status)
    found = [move for move in map(met.at, results.around()) if move is not None]
    yield from sorted(found, key=lambda move: file.names.start(move.place.node))  # type: ignore[arg-type]


@dataclass(slots=True)
class _Met:
    file: File
    results: Results
    makers: Makers
    status: Status
    _moved: frozenset[int] | None = None

    def at(self, place: Place) -> Move | None:
        """Return what is said of an expression or a statement, if anything."""
        node = place.node
        if isinstance(node, ast.BinOp):
            return self._pair(place, place.down(node.left), place.down(node.right))
        if isinstance(node, ast.AugAssign):
            return self._pair(place, place.down(node.target), place.down(node.value))
        if isinstance(node, ast.Subscript):
            index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            down = place.down(*([node.slice] if index[0] is not node.slice else []))
            for each in index:
                found = self._pair(place, place.down(node.value), down.down(each))
                if found is not None:
                    return found
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    found = self._kept(place, place.down(target, target.value))
                    if found is not None:
                        return found
        elif isinstance(node, ast.Compare):
            return self._compared(place, node)
        elif isinstance(node, ast.Call):
            return self._called(place, node)
        return None

    # -- tensors ---------------------------------------------------------------------------------

    def _pair(self, place: Place, left: Place, right: Place) -> Move | None:
        if isinstance(left.node, _NO_TENSOR) or isinstance(right.node, _NO_TENSOR):
            return None
        for ours, theirs in ((left, right), (right, left)):
            found = self.results.of(ours)
            made = self._made(theirs) if found else None
            if made is not None:
                return self._move(found, place, _meets(ours, theirs, made))
        return None

    def _kept(self, place: Place, holder: Place) -> Move | None:
        assert isinstance(place.node, ast.Assign)
        value = place.down(place.node.value)
        found = self.results.of(value)
        made = self._made(holder) if found else None
        if made is None:
            return None
        return self._move(found, place, _meets(value, holder, made))

    def _made(self, place: Place) -> ast.Call | None:
        """Return the call that makes a tensor of torch's here, which goes into no loss."""
        return next((c for c in self.makers.of(place) if id(c) not in self._moves()), None)

    def _moves(self) -> frozenset[int]:
        """Return the calls that are MindSpore's after the rewrite, or have to be."""
        if self._moved is None:
            ours = {id(n) for m in self.file.moves if m.drafts for n in ast.walk(m.place.node)}
            for loss in self.results.by_call.values():
                values = [*loss.operands.values()]
                if isinstance(loss.place.node, ast.Call):
                    values += [loss.place.down(value) for value in loss.place.node.args]
                    values += [loss.place.down(k, k.value) for k in loss.place.node.keywords]
                ours.update(id(call) for value in values for call in self.makers.of(value))
            self._moved = frozenset(ours)
        return self._moved

    # -- words of torch --------------------------------------------------------------------------

    def _compared(self, place: Place, node: ast.Compare) -> Move | None:
        sides = [place.down(side) for side in (node.left, *node.comparators)]
        words = [word for word in map(self._word, sides) if word is not None]
        for side in sides:
            found = self._asked(side)
            if found and words:
                return self._move(found, place, _says(side, words[0]))
        for ours, theirs in ((sides[0], sides[-1]), (sides[-1], sides[0])):
            move = self._pair(place, ours, theirs) if len(sides) == 2 else None
            if move is not None:
                return move
        return None

    def _called(self, place: Place, node: ast.Call) -> Move | None:
        names = self.file.names
        scope = names.scope_of(place)
        if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            if names.lookup("isinstance", scope) != {UNBOUND} or len(node.args) != 2:
                return None
            kinds = place.down(node.args[1])
            several = isinstance(kinds.node, ast.Tuple)
            each = [kinds.down(e) for e in kinds.node.elts] if several else [kinds]  # type: ignore[attr-defined]
            words = [word for word in map(self._word, each) if word is not None]
            value = place.down(node.args[0])
            found = self.results.of(value) if words else []
            return self._move(found, place, _says(value, words[0])) if found else None
        given = [place.down(value) for value in node.args]
        given += [place.down(keyword, keyword.value) for keyword in node.keywords]
        meanings = names.resolve(node.func, scope)
        if all(map(is_torch, meanings)):
            for value in given if not self._is_edited(place) else []:
                found = self._asked(value)
                if found and isinstance(value.node, ast.Attribute):
                    return self._move(found, place, _says(value, min(meanings)))
        elif isinstance(node.func, ast.Attribute) and not any("." in m for m in meanings):
            words = [word for word in map(self._word, given) if word is not None]
            receiver = place.down(node.func, node.func.value)
            found = self.results.of(receiver) if words and not self._is_edited(place) else []
            return self._move(found, place, _says(receiver, words[0])) if found else None
        return None

    def _is_edited(self, place: Place) -> bool:
        names = self.file.names
        start, end = names.start(place.node), names.end(place.node)  # type: ignore[arg-type]
        drafts = (draft for move in self.file.moves for draft in move.drafts)
        return any(start <= draft.span.start < end for draft in drafts)

    def _word(self, place: Place) -> str | None:
        """Return what of torch's an expression names for certain."""
        if not isinstance(place.node, (ast.Name, ast.Attribute)):
            return None
        meanings = self.file.names.resolve(place.node, self.file.names.scope_of(place))
        path = min(meanings)
        return path if len(meanings) == 1 and path.startswith("torch.") else None

    def _asked(self, place: Place) -> list[LossCall]:
        """Return the losses of which an expression is the dtype, the device or the type."""
        node = place.node
        if isinstance(node, ast.Attribute) and node.attr in _OWN_WORDS:
            return self.results.of(place.down(node.value))
        if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Name):
            lookup = self.file.names.lookup(node.func.id, self.file.names.scope_of(place))
            if node.func.id == "type" and lookup == {UNBOUND}:
                return self.results.of(place.down(node.args[0]))
        return []

    def _move(self, found: list[LossCall], place: Place, message: str) -> Move:
        return self.results.said_of(found, place, "tensor-lacks", message, self.status)


def _meets(ours: Place, theirs: Place, made: ast.Call) -> str:
    return (
        f"`{ast.unparse(ours.node)}` is MindSpore's, and `{ast.unparse(theirs.node)}` a tensor of "
        f"torch's, from line {made.lineno}; make that one with MindSpore too"
    )


def _says(ours: Place, word: str) -> str:
    return (
        f"`{ast.unparse(ours.node)}` is MindSpore's, and `{word}` is of torch; "
        "use what MindSpore has for it"
    )
