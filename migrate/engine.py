"""One file from text to text: match, plan, prove, follow, edit, and look at the result again.

Pure: no file is read or written here, and nothing of the user's is run. A site goes through in
this order, and is handed over at the first step that says why.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from migrate.annotations import settle_annotations
from migrate.casts import casts
from migrate.compose import compose
from migrate.families import moves_of, open_subclasses, plan_families
from migrate.findings import import_findings, site_findings
from migrate.instances import container_moves, follow_instances, take_claims
from migrate.left import torch_left
from migrate.match import Form, Refusal, Site, find_sites
from migrate.model import Claim, FileResult, Finding, Labels, Status
from migrate.origins import Origins
from migrate.proving import pair_of, proof_of
from migrate.resolve import Names
from migrate.rewrite import plan
from migrate.source import LineIndex, parse
from migrate.symptoms import notes, signs
from migrate.uncalled import completed, hand_over, open_uncalled, plan_uncalled, prove_kept
from migrate.work import File, Move, Work
from migrate.written import written

if TYPE_CHECKING:
    from migrate.resolve import Elsewhere
    from migrate.results import Results
    from migrate.ruleset import RuleSet
    from migrate.tensor_rules import TensorRules


def rewrite_source(
    text: str,
    *,
    path: str = "<string>",
    rules: RuleSet,
    package: str = "",
    left: bool = True,
    labels: Labels = "keep",
    project: Elsewhere | None = None,
    claims: Sequence[Claim] = (),
) -> FileResult:
    """Migrate the text of one module.

    Parameters
    ----------
    text : str
        With its own line ends; without a byte-order mark.
    path : str
        For messages, and to tell an `__init__.py`.
    rules : RuleSet
    package : str
        The dotted package that the file is in, where known: relative imports are read against it.
    left : bool
        Whether to collect `torch_left`, which walks the whole file.
    labels : {"keep", "cast"}
        Whether to cast labels where the source shows class indices that MindSpore refuses.
    project : Elsewhere, optional
        The other files of the project; `path` is then the file's own.
    claims : sequence of Claim
        The calls in this file that have to change along with constructors in others.

    Returns
    -------
    FileResult

    Raises
    ------
    SourceError
        If `text` cannot be parsed.
    """
    known = project.tree_of(path, text) if project is not None else None
    tree = parse(text, path) if known is None else known
    names = Names(tree, text, LineIndex(text), package, project, path)
    if project is not None:
        project.adopt(names)
    is_init = path.replace("\\", "/").rpartition("/")[2] == "__init__.py"
    matched = find_sites(names, rules)
    try:
        return _rewritten(
            names, matched, rules, is_init=is_init, left=left, labels=labels, claims=claims
        )
    except RecursionError:
        return _too_deep(names, matched, rules, is_init=is_init, left=left)


def _too_deep(
    names: Names, matched: Sequence[Site], rules: RuleSet, *, is_init: bool, left: bool
) -> FileResult:
    """Hand every site of a file over whose tree is deeper than Python lets functions call."""
    reason = f"the file nests deeper than Python's limit of {sys.getrecursionlimit()} calls"
    works = [Work(s, refusal=s.refusal or Refusal("unproven", reason)) for s in matched]
    file = File(names, _quote(names.text), works)
    findings = [*site_findings(file), *import_findings(file, rules, is_init=is_init)]
    return FileResult(
        names.path,
        before=names.text,
        after=names.text,
        findings=tuple(sorted(findings, key=_in_order)),
        torch_left=torch_left(names) if left else (),
    )


def _rewritten(
    names: Names,
    matched: Sequence[Site],
    rules: RuleSet,
    *,
    is_init: bool,
    left: bool,
    labels: Labels,
    claims: Sequence[Claim],
) -> FileResult:
    with_classes, families = open_subclasses(names, matched, is_init=is_init)
    sites, groups = open_uncalled(names, with_classes, rules, is_init=is_init)
    works = [Work(s, refusal=s.refusal, added=i >= len(matched)) for i, s in enumerate(sites)]
    file = File(names, _quote(names.text), works, groups=[*groups, *(f.group for f in families)])
    kept = {id(each.site) for group in groups for each in group.kept}
    own = {id(maker) for f in families if f.read.has_init for maker in f.read.makers}
    for work in works:
        if work.refusal is None:
            work.before = work.after = names.slice(work.site.node)
            work.kept = id(work.site) in kept
            if not work.kept and id(work.site) not in own:
                _plan(work, file)
    plan_families(file, families)
    for group in groups:
        refusal = prove_kept(group, file)
        if refusal is not None:
            hand_over(group, file, refusal)
    follow_instances(file)
    take_claims(file, claims)
    file.moves += container_moves(file)
    origins = Origins(names)
    settled = _move_tensors(file, origins)
    _tell_of_settled(file, origins, rules)
    _tell_differences(file, origins, settled, cast=labels == "cast")
    settle_annotations(file)
    for work in works:
        if work.refusal is None and work.made is None:
            _plan(work, file)
    file.moves += moves_of(file, families)
    new_text, names_after = compose(file, is_init=is_init, path=names.path)
    findings = [*site_findings(file), *import_findings(file, rules, is_init=is_init)]
    return FileResult(
        names.path,
        before=names.text,
        after=new_text,
        findings=tuple(sorted(findings, key=_in_order)),
        torch_left=torch_left(names_after) if left else (),
        claims=_claims(file),
    )


def _in_order(finding: Finding) -> tuple[object, ...]:
    place = (finding.line, finding.column, finding.end_line, finding.end_column)
    return (*place, finding.status, finding.code)


def _claims(file: File) -> tuple[Claim, ...]:
    """Return what the constructors that are rewritten claim of other files."""
    done = {id(work.site) for work in file.works if work.refusal is None}
    return tuple(claim for site, claim in file.claims if id(site) in done)


def _tell_differences(file: File, origins: Origins, settled: frozenset[int], *, cast: bool) -> None:
    """Add what is said of differences that the source shows, and the casts that are asked for."""
    told = [
        sign
        for sign in signs(file, origins)
        if sign.difference.id not in _SETTLED or id(sign.use.place.node) not in settled
    ]
    made = list(casts(file, told)) if cast else []
    done = {(sign.difference.id, id(sign.use.call)) for sign, _ in made}
    file.moves += [move for _, move in made]
    left = [sign for sign in told if (sign.difference.id, id(sign.use.call)) not in done]
    file.moves += notes(left)


#: The differences that are none where the operand moves with the loss.
_SETTLED = frozenset({"float64-logits", "int64-labels", "weight-array", "weight-list"})


def _move_tensors(file: File, origins: Origins) -> frozenset[int]:
    """Move the tensors around losses; return the operands of which nothing is left to tell."""
    if any(work.refusal is None for work in file.works):
        # Late: most files hold nothing that could move.
        from migrate.connected import class_calls, loss_calls, shown_calls
        from migrate.moving import move_tensors
        from migrate.results import Results
        from migrate.seeding import move_seeds
        from migrate.tensor_rules import default_tensor_rules

        rules = default_tensor_rules()
        settled = move_tensors(file, origins, rules)
        move_seeds(file, rules)
        losses = [*loss_calls(file), *class_calls(file), *shown_calls(file)]
        if losses:
            results = Results(file, origins, losses)
            file.moves += list(_asked_of(file, origins, results, rules, Status.MANUAL))
        return settled
    return frozenset()


def _asked_of(
    file: File, origins: Origins, results: Results, rules: TensorRules, status: Status
) -> Iterator[Move]:
    """Yield a finding for all that is asked of what losses of MindSpore's give, and they lack."""
    from migrate.added import hand_over_added
    from migrate.backward import hand_over_backward
    from migrate.lacking import hand_over_lacking
    from migrate.makers import Makers
    from migrate.mixing import hand_over_mixed

    yield from hand_over_backward(file, origins, rules, results, status)
    yield from hand_over_lacking(file, results, status)
    yield from hand_over_mixed(file, results, Makers(file.names, origins, rules), status)
    yield from hand_over_added(file, origins, results, status)


def _tell_of_settled(file: File, origins: Origins, rules: RuleSet) -> None:
    """Note what is still asked of losses that were MindSpore's before, as after a first run."""
    names = file.names
    if "mindspore" not in names.text:
        return
    from migrate.results import Settled
    from migrate.tensor_rules import default_tensor_rules

    # Of two with one target the first: NLLLoss, and not the deprecated NLLLoss2d.
    by_target = {rule.target: rule for rule in reversed(rules.rules)}
    results = Settled(file, origins, by_target)
    told = {(id(move.place.node), move.code) for move in file.moves}
    file.moves += [
        move
        for move in _asked_of(file, origins, results, default_tensor_rules(), Status.NOTE)
        if (id(move.place.node), move.code) not in told
    ]


def _quote(text: str) -> str:
    """Return the quotation mark that the file prefers for its strings."""
    single, double = text.count("'"), text.count('"') - 3 * text.count('"""')
    return '"' if double > single else "'"


# -- one call ------------------------------------------------------------------------------------


def _plan(work: Work, file: File) -> None:
    site, names = work.site, file.names
    work.before = names.slice(site.node)
    try:
        is_cut_out = _is_the_node(work.before, site.node)
    except RecursionError:
        work.refusal = Refusal("unproven", "an argument is nested too deeply")
        return
    if not is_cut_out:
        work.refusal = Refusal("unproven", "its text cannot be cut out of the file")
        return
    if "#" in names.slice(site.callee):
        work.refusal = Refusal("comment-in-argument", "a comment stands within the name")
        return
    if site.call is None:
        work.refusal = plan_uncalled(work)
        if work.refusal is None:
            work.after = str(written(work, file, str))
        return
    try:
        made = plan(site, names)
    except RecursionError:
        made = Refusal("unproven", "an argument is nested too deeply")
    if isinstance(made, Refusal):
        work.refusal = made
        return
    work.made = made
    after = written(work, file, str)
    if isinstance(after, Refusal):
        work.refusal = after
        return
    work.after = after
    work.pair = pair_of(made, work.before, after)
    if site.lead or (isinstance(site.callee, ast.Attribute) and site.form is Form.THROUGH):
        texts = completed(work, work.before, after=False), completed(work, after, after=True)
        work.pair = pair_of(made, *texts)
    proof = proof_of(work.pair)
    if isinstance(proof, Refusal):
        work.refusal = proof
    else:
        work.evidence = proof


def _is_the_node(text: str, node: ast.AST) -> bool:
    try:
        again = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return False
    return ast.dump(again) == ast.dump(node)
