"""`torch.manual_seed` goes along where nothing of torch is left in the file for it to seed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from migrate.match import Site
from migrate.model import Span
from migrate.places import Place, below
from migrate.prove.operands import Claim
from migrate.resolve import Names
from migrate.scopes import SCOPES, Scope, is_inside
from migrate.stars import is_torch
from migrate.tensor_edits import Wish, rewriting, rewritten
from migrate.work import File, Move

if TYPE_CHECKING:
    from migrate.tensor_rules import TensorRule, TensorRules

_SEED = "torch.manual_seed"


def move_seeds(file: File, rules: TensorRules) -> None:
    """Add to `file.moves` the seeds of draws that have moved.

    A seed stays while anything else of torch's is left that it may seed; and beside NumPy, whose
    generator MindSpore's seed sets as well.
    """
    names = file.names
    if "manual_seed" not in names.text or re.search(r"\bnumpy\b", names.text):
        return
    draws = [m for m in file.moves if m.rule in rules.draws]
    seeds = [Place((*path[:-1],)) for path in _calls(file)]
    if not draws or not seeds or _is_left(file, seeds):
        return
    sites: tuple[Site, ...] = tuple(dict.fromkeys(site for move in draws for site in move.sites))
    rule = rules.by_path[_SEED]
    made = [rewriting(Wish(names, seed, _claim(seed, rule), None, file.quote)) for seed in seeds]
    proven = [each for each in made if not isinstance(each, str)]
    if len(proven) < len(made):
        return  # all seeds or none
    for place, each in zip(seeds, proven, strict=True):
        call, scope = _call(place), names.scope_of(place)
        root: ast.expr = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        file.moves.append(
            Move(
                sites=sites,
                drafts=each.drafts,
                place=place,
                scope=scope,
                rule=rule.id,
                code="operand",
                message=f"{rule.id} becomes mindspore.set_seed; the numbers drawn differ",
                before=names.slice(call),
                after=rewritten(names, call, each.drafts),
                evidence=each.evidence,
                gone=((root.id, scope),) if isinstance(root, ast.Name) else (),
            )
        )


def _call(place: Place) -> ast.Call:
    assert isinstance(place.node, ast.Call)
    return place.node


def _claim(place: Place, rule: TensorRule) -> Claim:
    return Claim(rule, None, _call(place))


def _calls(file: File) -> Iterator[tuple[ast.AST, ...]]:
    """Yield the ways to the calls of the seed that are statements of their own."""
    for _, place in file.names.places_of("manual_seed"):
        call, statement = place.parent(), place.parent(2)
        if not (isinstance(call, ast.Call) and call.func is place.node):
            continue
        if not isinstance(statement, ast.Expr) or len(call.args) != 1 or call.keywords:
            continue
        if file.names.resolve(call.func, file.names.scope_of(place)) == {_SEED}:
            yield place.path


def _is_left(file: File, seeds: list[Place]) -> bool:
    """Tell whether something else of torch's is used after all moves."""
    names = file.names
    edited = [draft.span for move in file.moves for draft in move.drafts]
    edited += [
        Span(names.start(work.site.call.func), names.end(work.site.call.func))
        for work in file.works
        if work.refusal is None and work.site.call is not None
    ]
    own = {id(_call(place).func) for place in seeds}
    if names.module.stars:
        return True
    for node, scope in _reads(names):
        if id(node) in own:
            continue
        at = names.start(node)
        if any(span.start <= at < span.end for span in edited):
            continue
        if any(is_torch(meaning) for meaning in names.resolve(node, scope)):
            return True
    return False


def _reads(names: Names) -> Iterator[tuple[ast.Name | ast.Attribute, Scope]]:
    """Yield every outermost name or dotted name that a file reads, with its scope."""
    stack: list[tuple[ast.AST, Scope]] = [(names.tree, names.module)]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node.ctx, ast.Load):
                yield node, scope
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            if not isinstance(root, ast.Name):
                stack.append((root, scope))
            continue
        inner = scope
        if node is not names.tree and isinstance(node, SCOPES):
            inner = names.inner_scope(node, scope)
        if inner is scope:
            stack += [(child, scope) for child in below(node)]
            continue
        for child in below(node):
            inside = is_inside(node, child, (node, child))
            stack.append((child, inner if inside else scope))
