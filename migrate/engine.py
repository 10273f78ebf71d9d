"""One file from text to text: match, plan, prove, follow, edit, and look at the result again.

Pure: no file is read or written here, and nothing of the user's is run. A site goes through in
this order, and is handed over at the first step that says why.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from migrate.casts import casts
from migrate.compose import compose
from migrate.findings import import_findings, site_findings
from migrate.instances import container_moves, follow_instances
from migrate.left import torch_left
from migrate.match import Refusal, find_sites
from migrate.model import FileResult, Labels
from migrate.proving import pair_of, proof_of
from migrate.resolve import Names
from migrate.rewrite import plan
from migrate.source import LineIndex, parse
from migrate.symptoms import notes, signs
from migrate.work import File, Work
from migrate.written import written

if TYPE_CHECKING:
    from migrate.ruleset import RuleSet


def rewrite_source(
    text: str,
    *,
    path: str = "<string>",
    rules: RuleSet,
    package: str = "",
    left: bool = True,
    labels: Labels = "keep",
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

    Returns
    -------
    FileResult

    Raises
    ------
    SourceError
        If `text` cannot be parsed.
    """
    names = Names(parse(text, path), text, LineIndex(text), package)
    sites = find_sites(names, rules)
    file = File(names, _quote(text), [Work(site, refusal=site.refusal) for site in sites])
    for work in file.works:
        if work.refusal is None:
            _plan(work, file)
    follow_instances(file)
    file.moves += container_moves(file)
    _tell_differences(file, cast=labels == "cast")
    is_init = path.replace("\\", "/").rpartition("/")[2] == "__init__.py"
    new_text, names_after = compose(file, is_init=is_init, path=path)
    findings = [*site_findings(file), *import_findings(file, rules, is_init=is_init)]
    findings.sort(key=lambda f: (f.line, f.column, f.end_line, f.end_column, f.status, f.code))
    return FileResult(
        path,
        before=text,
        after=new_text,
        findings=tuple(findings),
        torch_left=torch_left(names_after) if left else (),
    )


def _tell_differences(file: File, *, cast: bool) -> None:
    """Add what is said of differences that the source shows, and the casts that are asked for."""
    told = signs(file)
    made = list(casts(file, told)) if cast else []
    done = {(sign.difference.id, id(sign.use.call)) for sign, _ in made}
    file.moves += [move for _, move in made]
    left = [sign for sign in told if (sign.difference.id, id(sign.use.call)) not in done]
    file.moves += notes(left)


def _quote(text: str) -> str:
    """Return the quotation mark that the file prefers for its strings."""
    single, double = text.count("'"), text.count('"') - 3 * text.count('"""')
    return '"' if double > single else "'"


# -- one call ------------------------------------------------------------------------------------


def _plan(work: Work, file: File) -> None:
    site, names = work.site, file.names
    assert site.call is not None
    work.before = names.slice(site.call)
    if not _is_the_call(work.before, site.call):
        work.refusal = Refusal("unproven", "its text cannot be cut out of the file")
        return
    callee = names.slice(site.call.func)
    if "#" in callee:
        work.refusal = Refusal("comment-in-argument", "a comment stands within the name")
        return
    try:
        made = plan(site, names)
    except RecursionError:
        made = Refusal("unproven", "an argument is nested too deeply")
    if isinstance(made, Refusal):
        work.refusal = made
        return
    work.made = made
    after = written(work, file, site.rule.target)
    if isinstance(after, Refusal):
        work.refusal = after
        return
    work.after = after
    work.pair = pair_of(made, work.before, after)
    proof = proof_of(work.pair)
    if isinstance(proof, Refusal):
        work.refusal = proof
    else:
        work.evidence = proof


def _is_the_call(text: str, call: ast.Call) -> bool:
    try:
        again = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return False
    return ast.dump(again) == ast.dump(call)
