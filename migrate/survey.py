"""One pass over the bytes of a run: which files to look into, and who imports what.

A file that uses a covered API under another name, which a module of the project exports, holds no
covered word: it is found from there, by who imports that module.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from migrate.errors import MigrateError
from migrate.glance import attributes
from migrate.importers import Importers
from migrate.prefilter import Prefilter
from migrate.prefilter import compile as prefilter_of
from migrate.project import Project
from migrate.reach import Imported, Raw, imported, statement
from migrate.source import bytes_of, read
from migrate.surroundings import FEW

if TYPE_CHECKING:
    from migrate.ruleset import RuleSet
    from migrate.scopes import Binding


class Scanned(NamedTuple):
    """What the bytes of one file tell.

    Attributes
    ----------
    mentions : bool
        Whether it holds a covered word, or could not be read, which is for reading to report.
    renames : bool
        Whether it may give a covered API another name.
    imports : tuple of Raw
        What it may import of the project.
    """

    mentions: bool = False
    renames: bool = False
    imports: tuple[Raw, ...] = ()


Scan: TypeAlias = Callable[[Sequence[str]], list[Scanned]]
Scans: TypeAlias = Callable[[Scan, Sequence[str]], Iterable[Scanned]]


def survey(
    files: Sequence[str], rules: RuleSet, scans: Scans | None = None
) -> tuple[list[str], Project]:
    """Return the files that can hold a use of a covered API, in their order, and their project.

    Parameters
    ----------
    files : sequence of str
    rules : RuleSet
    scans : callable, optional
        Applies a scan to all files, piece by piece, and returns its answers in their order; in
        this process if not given.
    """
    project = Project.of(files)
    # A script knows of the packages beside it, though none of them be in the run.
    roots = project.layout.roots(files) if len(files) > FEW else None
    found = (scans or _at_once)(partial(scan, words=rules.words, roots=roots), files)
    scanned = dict(zip(files, found, strict=True))
    if len(files) <= FEW:
        scanned |= _outside(scanned, project, rules)
    hits = [file for file, each in scanned.items() if each.mentions]
    statements = {file: each.imports for file, each in scanned.items() if each.imports}
    renaming = [file for file, each in scanned.items() if each.renames]
    words, asked = _words(renaming, statements, project, rules)
    index = Importers.of(statements, modules=dict.fromkeys([*hits, *asked]))
    mine = set(files)
    if len(scanned) > len(mine):
        index = index.within(mine)
        words = {file: each for file, each in words.items() if file in mine}
        statements = {file: each for file, each in statements.items() if file in mine}
    chosen = [file for file in files if scanned[file].mentions or file in words]
    return chosen, Project(files, index, words, statements, project.layout)


def _at_once(scan: Scan, files: Sequence[str]) -> Iterable[Scanned]:
    return scan(files)


def scan(
    files: Sequence[str], *, words: tuple[str, ...], roots: frozenset[bytes] | None
) -> list[Scanned]:
    """Read files and tell what their bytes tell; one that cannot be read counts as a hit."""
    return [_scanned(file, words, roots) for file in files]


def _scanned(file: str, words: tuple[str, ...], roots: frozenset[bytes] | None) -> Scanned:
    try:
        data = read(file)
    except MigrateError:
        return Scanned(mentions=True)
    return _told(data, words, roots)


def _told(data: bytes, words: tuple[str, ...], roots: frozenset[bytes] | None) -> Scanned:
    return Scanned(*looked_for(data, words), imported(data, roots))


def looked_for(data: bytes, words: tuple[str, ...]) -> tuple[bool, bool]:
    """Tell whether bytes hold one of some words, and whether they may give it another name."""
    words_of = prefilter(words)
    mentions = words_of(data)
    return mentions, mentions and _renames(data, words_of)


@cache
def prefilter(words: tuple[str, ...]) -> Prefilter:
    """Return the byte scan for some words."""
    return prefilter_of(words)


_BEHIND = re.compile(rb"(\w*)(?:[ \t\f]|\\\r?\n)*(as\b|\()?")


def _renames(data: bytes, words: Prefilter) -> bool:
    """Tell whether a line may give a covered API another name: `as X`, `X = it`, or in brackets."""
    for core in words.cores:
        outermost = _Outermost(data)
        at = data.find(core)
        while at >= 0:
            found = _BEHIND.match(data, at)
            before = data[data.rfind(b"\n", 0, at) + 1 : at]
            if found is not None and found.group(1) in words.words:
                behind = found.group(2)
                another = behind == b"as" or (
                    behind is None and (b"=" in before or _DOTTED.fullmatch(before) is not None)
                )
                if another and outermost(at):
                    return True
            at = data.find(core, at + len(core))
    return False


class _Outermost:
    """Tells of places, in their order, whether no function and no class is around them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._last = (-1, True)

    def __call__(self, at: int) -> bool:
        data, (asked, answer) = self._data, self._last
        line = data.rfind(b"\n", 0, at)
        # Back to where the last answer holds, and no further: a file may be one long table.
        while line > asked and data[line + 1 : line + 2] in b" \t\r\n#)]}":
            line = data.rfind(b"\n", 0, line)
        if line > asked or asked < 0:
            answer = not data.startswith((b"def ", b"class ", b"async "), line + 1)
        self._last = (at, answer)
        return answer


#: What stands on the line before a name that is all there is on it.
_DOTTED = re.compile(rb"[ \t(\[]*(?:\w+\.)+")


def _outside(
    scanned: Mapping[str, Scanned], project: Project, rules: RuleSet
) -> dict[str, Scanned]:
    """Return what the modules tell that files of the run import and the run does not hold.

    And those from which such a module takes the very names that are imported from it; to follow
    every import of each would lead through the whole package. Of a module that is taken as a whole,
    those are wanted that the files of the run may take as attributes of it.
    """
    known = {os.path.abspath(file): each for file, each in scanned.items()}  # noqa: PTH100
    run = frozenset(known)
    data = cache(bytes_of)
    words = cache(lambda path: frozenset(_WORD.findall(data(path))))
    anything = cache(lambda: frozenset().union(*(attributes(data(file)) for file in run)))
    found: dict[str, Scanned] = {}
    seen: set[tuple[str, str | None]] = set()
    todo: list[tuple[str, frozenset[str] | None]] = [(file, None) for file in known]
    while todo:
        file, wanted = todo.pop()
        for raw in known[file].imports:
            if wanted is not None and not _may_take(raw, wanted):
                continue
            for module, names, name in _taken(statement(raw), wanted):
                path = project.layout.locate(module, file)
                if path is None or path.endswith("/"):
                    continue
                if name:
                    names = attributes(data(file), name) if file in run else anything()
                fresh: frozenset[str] | None = None
                if names is None:
                    is_new = (path, None) not in seen
                    seen.add((path, None))
                else:
                    # A star may bring a name from anywhere; few modules hold it.
                    fresh = frozenset(
                        name
                        for name in names
                        if (path, name) not in seen and name.encode() in words(path)
                    )
                    is_new = bool(fresh)
                    seen.update((path, name) for name in names)
                if path not in known and is_new:
                    known[path] = found[path] = _told(data(path), rules.words, None)
                if is_new:
                    todo.append((path, fresh))
    return found


def _may_take(raw: Raw, wanted: frozenset[str]) -> bool:
    """Tell, without taking the statement apart, whether it can import one of some names."""
    listed = raw[1] or raw[2]
    return b"*" in listed or not wanted.isdisjoint(_NAME.findall(listed.decode("utf-8", "replace")))


_NAME = re.compile(r"\w+")
_WORD = re.compile(rb"[\w\x80-\xff]+")


def _taken(
    taking: Imported, wanted: frozenset[str] | None
) -> Iterator[tuple[str, frozenset[str] | None, str]]:
    """Yield the modules that a statement takes wanted names from, each with those names there.

    None stands for all names. Where it may be the module itself that is taken, the name by which
    the file knows it stands behind.
    """
    if taking.module and taking.has_star:
        yield taking.module, wanted, ""
    elif taking.module:
        pairs = [(own, new) for own, new in taking.names if wanted is None or new in wanted]
        if pairs:
            yield taking.module, frozenset(own for own, _ in pairs), ""
            joint = "" if taking.module.endswith(".") else "."
            yield from (
                (f"{taking.module}{joint}{own}", None, new)
                for own, new in pairs
                if own.isidentifier()  # in a docstring, `...` may stand before it
            )
    elif wanted is None:
        for own, new in taking.names:
            yield own, None, new
            parts = own.split(".") if own == new else []
            for end in range(1, len(parts)):
                yield ".".join(parts[:end]), None, ".".join(parts[:end])


def _words(
    renaming: Sequence[str], statements: Mapping[str, tuple[Raw, ...]], project: Project,
    rules: RuleSet,
) -> tuple[dict[str, tuple[str, ...]], list[str]]:  # fmt: skip
    """Return the words under which modules export a covered API, by the files that may use them.

    From each module that gives an API another name, on to those that import it from there. And the
    modules that have been looked into.
    """
    words: dict[str, set[str]] = {}
    handed: dict[str, set[str]] = {}  # by file, the names by which it hands such a module on
    looked: dict[str, None] = {}
    todo = sorted(renaming)
    while todo:
        exported = {
            file: found
            for file in todo
            if (found := _exported(file, words.get(file, set()), project, rules)) or file in handed
        }
        looked |= dict.fromkeys(exported)
        index = Importers.of(statements, modules=exported)
        further: dict[str, None] = {}
        for file, found in exported.items():
            for importer, taking, is_from in index.statements(file, project.layout):
                taken, own = set(found), {name for name, _ in taking.names}
                modules = own & handed.get(file, set())
                if is_from and not taking.has_star:
                    taken &= own
                if not is_from or taking.has_star or modules:
                    # Of a module that comes along with it, anything may be taken.
                    taken |= words[file] if file in handed else set()
                    names = {new for name, new in taking.names if not is_from or name in modules}
                    names |= handed.get(file, set()) if taking.has_star else set()
                    if not names <= handed.get(importer, set()):
                        handed.setdefault(importer, set()).update(names)
                        further[importer] = None
                if not taken <= words.get(importer, set()):
                    further[importer] = None
                if taken or importer in handed:
                    words.setdefault(importer, set()).update(taken)
        todo = sorted(further)
    return {file: tuple(sorted(each)) for file, each in words.items() if each}, list(looked)


def _exported(file: str, words: set[str], project: Project, rules: RuleSet) -> set[str]:
    """Return the names, other than covered words, by which a module hands a covered API on."""
    names = project.names_in(os.path.abspath(file))  # noqa: PTH100
    if names is None:
        return set()
    known = words.union(rules.words)
    plausible = {
        name
        for name, bindings in names.module.bindings.items()
        if any(_leads_to(binding, known) for binding in bindings)
    }
    if names.module.stars:
        plausible |= words
    return {
        name
        for name in sorted(plausible - set(rules.words))
        if names.lookup(name, names.module) & rules.by_path.keys()
    }


def _leads_to(binding: Binding, words: set[str]) -> bool:
    if binding.alias is not None:
        return binding.alias.name in words
    return binding.value is not None and any(
        getattr(node, "id", getattr(node, "attr", None)) in words
        for node in ast.walk(binding.value)
    )
