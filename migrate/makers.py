"""Where torch makes what a value is, or is computed of: by names, containers, attributes, returns.

What a parameter is given is not followed: who passes it may be anyone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.places import Place
from migrate.traces import Spot, Trace, Way

if TYPE_CHECKING:
    from migrate.origins import Origins
    from migrate.reaching import Definition
    from migrate.resolve import Names
    from migrate.tensor_rules import TensorRules

#: Kinds of rules by which a tensor is made of no other.
_KINDS = frozenset({"creation", "random"})

#: What makes a tensor in torch too, and has no rule.
_OTHERS = frozenset(
    f"torch.{name}"
    for name in """
    BoolTensor DoubleTensor HalfTensor IntTensor as_tensor asarray empty empty_like eye full_like
    linspace logspace normal ones_like rand_like randint_like randn_like randperm zeros_like
    """.split()  # noqa: SIM905 (a list would take a line a name)
)


class _Any(frozenset[str]):
    """All names: nothing was looked ahead for."""

    def __contains__(self, _: object) -> bool:
        return True


class _Trace(Trace[ast.Call]):
    """A trace that ends at parameters."""

    def _defined(self, definition: Definition, way: Way) -> Iterator[Spot]:
        if not isinstance(definition.target, ast.arg):
            yield from super()._defined(definition, way)


class Makers:
    """The calls of a file that make tensors of torch's, followed back from where these are used.

    Parameters
    ----------
    names : Names
    origins : Origins
    rules : TensorRules
    """

    def __init__(self, names: Names, origins: Origins, rules: TensorRules) -> None:
        self._names = names
        paths = (path for path, rule in rules.by_path.items() if rule.kind in _KINDS)
        self._paths = _OTHERS.union(paths)
        self._trace = _Trace(names, origins, self._made_at, _Any())

    def of(self, place: Place) -> list[ast.Call]:
        """Return the calls that the value at a place may come from, each once."""
        return self._trace.of(place)

    def _made_at(self, place: Place) -> ast.Call | None:
        node = place.node
        if not isinstance(node, ast.Call):
            return None
        meanings = self._names.resolve(node.func, self._names.scope_of(place))
        return node if meanings <= self._paths else None
