"""Source, file, paths: pure, then reading and writing, then many.

`migrate_source` raises; `migrate_file` catches, once, and its answer says what went wrong;
`migrate_paths` answers for every file in the order of their names, however many workers it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from heapq import merge
from operator import attrgetter
from pathlib import Path

from migrate.discover import discover, package_of
from migrate.errors import MigrateError, WriteError
from migrate.model import Claim, FileResult, Labels
from migrate.project import Project
from migrate.ruleset import RuleSet, default_rules, load
from migrate.source import decode, read, write_atomically
from migrate.survey import prefilter, survey
from migrate.workers import in_processes, processes_for, scans, workers


@dataclass(frozen=True, slots=True)
class FileMigration(FileResult):
    """A result and the bytes of its texts, in the file's own encoding.

    Attributes
    ----------
    old, new : bytes
        The file as it was and as it will be; empty where nothing changes.
    """

    old: bytes = b""
    new: bytes = b""


def migrate_source(
    text: str,
    *,
    path: str = "<string>",
    rules: RuleSet | None = None,
    package: str = "",
    left: bool = True,
    labels: Labels = "keep",
    project: Project | None = None,
    claims: Sequence[Claim] = (),
) -> FileResult:
    """Migrate one module, in memory.

    Parameters
    ----------
    text : str
        The source, with its own line ends and without a byte-order mark.
    path : str
        What messages call it.
    rules : RuleSet, optional
        The packaged rules if not given.
    package : str
        The dotted package of the module, against which its relative imports are read; without
        one, a relative import is of something unknown that is not torch.
    left : bool
        Whether to collect what the result still uses of torch, which costs a walk of the file.
    labels : {"keep", "cast"}
        Whether to cast labels to int32 where the source shows class indices that MindSpore would
        refuse.
    project : Project, optional
        The other files of the project, for what is imported from them; `path` is then the file's.
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
    # Late: LibCST and NumPy take longer to import than most runs need to find nothing to do.
    from migrate.engine import rewrite_source

    rules = default_rules() if rules is None else rules
    return rewrite_source(
        text, path=path, rules=rules, package=package, left=left, labels=labels, project=project,
        claims=claims,
    )  # fmt: skip


def migrate_bytes(
    data: bytes,
    *,
    path: str = "-",
    rules: RuleSet | None = None,
    left: bool = True,
    labels: Labels = "keep",
    project: Project | None = None,
) -> FileMigration:
    """Migrate the bytes of one file; never raises.

    Parameters
    ----------
    data : bytes
        The whole file, with its byte-order mark and coding comment if it has them.
    path : str
        What messages call it.
    rules : RuleSet, optional
        The packaged rules if not given.
    left : bool
        Whether to collect what the result still uses of torch.
    labels : {"keep", "cast"}
        As in `migrate_source`.
    project : Project, optional
        The other files of the project, for what is imported from them.

    Returns
    -------
    FileMigration
        With `error` set if the file could not be processed.
    """
    rules = default_rules() if rules is None else rules
    return _at_boundary(path, lambda: _migrate(data, path, rules, left, labels, project))


def migrate_file(
    path: str,
    *,
    write: bool = False,
    rules: RuleSet | None = None,
    left: bool = True,
    labels: Labels = "keep",
    project: Project | None = None,
    claims: Sequence[Claim] = (),
) -> FileMigration:
    """Migrate one file on disk; never raises.

    Parameters
    ----------
    path : str
    write : bool
        Whether to write the result back.
    rules : RuleSet, optional
        The packaged rules if not given.
    left : bool
        Whether to collect what the result still uses of torch.
    labels : {"keep", "cast"}
        As in `migrate_source`.
    project : Project, optional
        The other files of the project; those around the file if not given.
    claims : sequence of Claim
        The calls in this file that have to change along with constructors in others.

    Returns
    -------
    FileMigration
        With `error` set if the file could not be read, processed or written; it is then as it
        was.
    """
    rules = default_rules() if rules is None else rules

    def work() -> FileMigration:
        around = survey([path], rules)[1] if project is None else project
        migration = _migrate(read(path), path, rules, left, labels, around, claims)
        return _write(migration) if write else migration

    return _at_boundary(path, work)


def migrate_paths(
    paths: Sequence[str],
    *,
    write: bool = False,
    exclude: Sequence[str] = (),
    jobs: int = 1,
    rules_directory: Path | None = None,
    left: bool = True,
    labels: Labels = "keep",
) -> Iterator[FileMigration]:
    """Migrate files and folders.

    Parameters
    ----------
    paths : sequence of str
        Files and folders; see `migrate.discover`.
    write : bool
        Whether to write the results back.
    exclude : sequence of str
        Patterns, as in `.gitignore`, of what to leave out.
    jobs : int
        How many processes work; 0 for as many as are worth it on this machine. With 1, all
        happens here. With more, the calling script needs its `if __name__ == "__main__"`.
    rules_directory : Path, optional
        Where the rules are, if not the packaged ones.
    left : bool
        Whether to collect what each file still uses of torch.
    labels : {"keep", "cast"}
        As in `migrate_source`.

    Returns
    -------
    iterator of FileMigration
        One for each file that was looked at and each path that could not be, sorted by path,
        the same for every `jobs`.

    Raises
    ------
    RuleError, UsageError
        At once, before the first file is read: if a rule file is malformed or a pattern cannot
        be understood.
    """
    rules = default_rules() if rules_directory is None else load(rules_directory)
    found = discover(paths, exclude=exclude)
    failed = [FileMigration(each.display, error=each.message) for each in found.problems]
    files = [each.display for each in found.files]
    one = partial(migrate_file, rules=rules, left=left, labels=labels)
    answers = _migrated(files, one, rules, jobs)
    return merge(_all_written(answers) if write else answers, failed, key=attrgetter("path"))


def _migrated(
    files: list[str], one: Callable[..., FileMigration], rules: RuleSet, jobs: int
) -> Iterator[FileMigration]:
    """Yield the answer for every file, in their order: all are scanned, some are looked into."""
    processes = processes_for(jobs, len(files))
    with ExitStack() as stack:
        if processes > 1:
            pool = stack.enter_context(workers(processes))
            chosen, project = survey(files, rules, partial(scans, pool))
            one = partial(one, project=project)
            answers = in_processes(chosen, one, _died, processes, pool=pool)
        else:
            chosen, project = survey(files, rules)
            answers = map(partial(one, project=project), chosen)
        found = {answer.path: answer for answer in answers}
        found |= _settled(found, files, partial(one, project=project))
        yield from (found.get(file) or FileMigration(file) for file in files)


def _settled(
    found: Mapping[str, FileMigration], files: Sequence[str], one: Callable[..., FileMigration]
) -> dict[str, FileMigration]:
    """Return the answers again of files whose calls change along with constructors in others.

    And, where such a call could not be changed, of the constructors' files: as errors, since
    the two are written together or not at all.
    """
    claimed: dict[str, list[tuple[str, Claim]]] = {}
    for answer in found.values():
        for claim in answer.claims:
            claimed.setdefault(os.path.abspath(claim.path), []).append((answer.path, claim))  # noqa: PTH100
    again: dict[str, FileMigration] = {}
    for file in files if claimed else ():
        wanted = claimed.get(os.path.abspath(file), ())  # noqa: PTH100
        if not wanted:
            continue
        claims = sorted({claim.start: claim for _, claim in wanted}.items())
        answer = one(file, claims=tuple(claim for _, claim in claims))
        again[file] = answer
        done = sum(finding.code in _TAKEN_ALONG for finding in answer.findings)
        for origin, claim in wanted if done < len(claims) else ():
            what = f"a call in {file} has to change along and could not be changed"
            remedy = f"pass the operands of {claim.pair.call_before} by position"
            again[origin] = FileMigration(origin, error=f"{what}: {remedy}")
    return again


#: What is found of a call that changes along with a constructor in another file.
_TAKEN_ALONG = frozenset({"call-positional", "call-forward"})


def _all_written(answers: Iterable[FileMigration]) -> Iterator[FileMigration]:
    """Write once every answer is known: what a name means is read in files that are as they were.

    So an interrupt while they are looked into leaves all as it was, too. A constructor is written
    after the calls in other files that change along with it, which are right for torch's as well:
    where one of them cannot be written, neither is the constructor.
    """
    done: dict[str, FileMigration] = {}
    every = list(answers)
    for answer in sorted(every, key=lambda each: bool(each.claims)):
        failed = next((c.path for c in answer.claims if _has_failed(done, c.path)), None)
        if failed is not None and answer.changed:
            what = f"a call in {failed} has to change along, and the file could not be written"
            done[answer.path] = FileMigration(answer.path, error=f"{what}: see there")
        else:
            done[answer.path] = _at_boundary(answer.path, partial(_write, answer))
    yield from (done[answer.path] for answer in every)


def _has_failed(done: Mapping[str, FileMigration], path: str) -> bool:
    wanted = os.path.abspath(path)  # noqa: PTH100
    return any(
        os.path.abspath(each) == wanted and answer.error is not None  # noqa: PTH100
        for each, answer in done.items()
    )


def _at_boundary(path: str, work: Callable[[], FileMigration]) -> FileMigration:
    """Catch, once and here only: a file that fails is an answer too, and the run goes on."""
    try:
        return work()
    except MigrateError as error:
        where = "" if error.line is None else f"line {error.line}: "
        return FileMigration(path, error=f"{where}{error}")
    except Exception as error:  # noqa: BLE001 (a defect of ours must not stop the other files)
        import traceback

        what = f"unexpected {type(error).__name__}: {error}"
        remedy = "please report it with the traceback and, if you may, the file"
        return FileMigration(path, error=f"{what}: {remedy}", traceback=traceback.format_exc())


def _died(path: str) -> FileMigration:
    what = "the process that worked on it died, out of memory or stack"
    remedy = "leave the file out, and please report it"
    return FileMigration(path, error=f"{what}: {remedy}")


def _migrate(
    data: bytes,
    path: str,
    rules: RuleSet,
    left: bool,
    labels: Labels,
    project: Project | None,
    claims: Sequence[Claim] = (),
) -> FileMigration:
    words = rules.words if project is None else (*rules.words, *project.words_of(path))
    if not claims and not prefilter(words)(data):
        return FileMigration(path)
    source = decode(data)
    result = migrate_source(
        source.text, path=path, rules=rules, left=left, labels=labels, project=project,
        package=package_of(path), claims=claims,
    )  # fmt: skip
    known = {field.name: getattr(result, field.name) for field in fields(result)}
    if result.after is None or not result.changed:
        return FileMigration(**known)
    return FileMigration(**known, old=data, new=source.encode(result.after))


def _write(migration: FileMigration) -> FileMigration:
    if migration.changed:
        # Parsing and proving take long enough for an editor to save the file meanwhile.
        if read(migration.path) != migration.old:
            raise WriteError("the file changed while it was migrated", remedy="run again")
        write_atomically(migration.path, migration.new)
    return migration
