"""Who imports a module: an index of the import statements of many files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from migrate.layout import Layout
from migrate.reach import Imported, Raw, imported, statement
from migrate.source import bytes_of


@dataclass(frozen=True, slots=True)
class Importers:
    """The import statements of the files of a run, by a name that stands in them.

    Attributes
    ----------
    by_name : dict of str to tuple of (str, Imported)
        By the last component of each module that a statement may import, the file and the
        statement; with that of its package before it, where `others` is asked.
    others : dict of bytes to list of (str, Raw)
        By the last component of what names are imported from, the statements in which is looked
        what `by_name` lacks, when it is asked about: to take all of them apart takes longer.
    packages : dict of str to list of (str, Imported, bool)
        By the `__init__.py` of a package, what `statements` gave of it.
    """

    by_name: dict[str, tuple[tuple[str, Imported], ...]]
    others: Mapping[bytes, list[tuple[str, Raw]]] = field(default_factory=dict)
    packages: dict[str, list[tuple[str, Imported, bool]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, statements: Mapping[str, tuple[Raw, ...]], modules: Iterable[str] | None = None
    ) -> Importers:
        """Return the index of what files import.

        Parameters
        ----------
        statements : mapping of str to tuple of Raw
            By path.
        modules : iterable of str, optional
            The files of the modules that will be asked about; all if not given.
        """
        if modules is None:
            others: dict[bytes, list[tuple[str, Raw]]] = {}
            for path, imports in statements.items():
                for raw in imports:
                    others.setdefault(_last(raw), []).append((path, raw))
            return cls({}, others)
        paths = [os.path.abspath(module) for module in modules]  # noqa: PTH100
        asked = {last_component(path) for path in paths}
        # `from package import module` is looked at where the package can be that of one.
        holders = {last_component(_package_of(path)) for path in paths}
        found: dict[str, list[tuple[str, Imported]]] = {}
        targets, packages = _encoded(asked), _encoded(holders)
        # By what names are imported from, which many files share: whether it may be one of the
        # modules; None where it may be the package of one.
        known: dict[bytes, bool | None] = {}
        for path, imports in statements.items():
            for raw in imports:
                base = raw[0]
                if base not in known:
                    last = _last(raw)
                    known[base] = (
                        not last or last in targets or (None if last in packages else False)
                    )
                may = known[base]
                if may is False:
                    continue
                if may is None and targets.isdisjoint(_WORDS.findall(raw[1] or raw[2])):
                    continue
                for name in _names(raw, path, holders):
                    if name in asked:
                        found.setdefault(name, []).append((path, statement(raw)))
        return cls({name: tuple(dict.fromkeys(every)) for name, every in found.items()})

    def named(self, path: str) -> tuple[tuple[str, Imported], ...]:
        """Return the statements that may import the module in a file, by its name."""
        name = last_component(path)
        if not self.others:
            return self.by_name.get(name, ())
        holder = last_component(_package_of(path))
        key = f"{holder}.{name}"
        if key not in self.by_name:
            # Of dots alone, and of `import a.b`, the last component does not stand there.
            word = os.fsencode(name)
            near = dict.fromkeys((word, os.fsencode(holder), b""))
            is_package = path.endswith("/__init__.py")  # dots alone may stand for one
            self.by_name[key] = tuple(
                dict.fromkeys(
                    (importer, statement(raw))
                    for last in near
                    for importer, raw in self.others.get(last, ())
                    if last == word
                    or word in (raw[1] or raw[2])
                    or (is_package and raw[0] and not last)
                    if last == word or name in _names(raw, importer, None)
                )
            )
        return self.by_name[key]

    @classmethod
    def of_files(
        cls, files: Iterable[str], layout: Layout, beside: Iterable[str] = ()
    ) -> Importers:
        """Return the index of some files, each of which is read; they may import those `beside`."""
        files = tuple(files)
        roots = layout.roots((*files, *beside))
        return cls.of({file: tuple(imported(bytes_of(file), roots)) for file in files})

    def within(self, files: Collection[str]) -> Importers:
        """Return the index without the statements of other files than `files`."""
        kept = {n: tuple(e for e in every if e[0] in files) for n, every in self.by_name.items()}
        return Importers(kept)

    def importers(self, path: str, layout: Layout) -> tuple[str, ...]:
        """Return the files that import the module in the file `path`, or names from it, sorted."""
        found: dict[str, None] = {}
        for importer, taking, is_from in self.statements(path, layout):
            found[importer] = None
            if os.path.basename(importer) == "__init__.py":  # noqa: PTH119
                handed = {own for _, own in taking.names} if is_from else set()
                stars = taking.has_star
                if importer not in self.packages:
                    # One package hands on what many modules have.
                    self.packages[importer] = list(self.statements(importer, layout))
                for further, again, takes in self.packages[importer]:
                    taken = {name for name, _ in again.names}
                    if not takes or again.has_star or stars or taken & handed:
                        found[further] = None
        return tuple(sorted(found))

    def statements(self, path: str, layout: Layout) -> Iterator[tuple[str, Imported, bool]]:
        """Yield the statements that import a module, each with its file.

        And whether it is names from the module that are imported, rather than the module itself.
        """
        target = os.path.abspath(path)  # noqa: PTH100
        for importer, each in self.named(target):
            own = importer.rpartition("/")[2] == target.rpartition("/")[2]
            if own and os.path.abspath(importer) == target:  # noqa: PTH100
                continue
            if each.module and layout.locate(each.module, importer) == target:
                yield importer, each, True
            elif any(layout.locate(module, importer) == target for module in each.modules):
                yield importer, each, False

    def reads(self, path: str, name: str, layout: Layout) -> bool:
        """Tell whether a file imports `name` from the module in the file `path`, or may read it."""
        word = re.escape(name.encode())
        attribute = re.compile(rb"(\w*)[\s\\]*\.[\s\\]*%b\b|[\"']%b[\"']" % (word, word))
        for importer, taking, is_from in self.statements(path, layout):
            if not is_from:
                found = attribute.findall(bytes_of(importer))
                if any(owner not in _TORCH_OWN for owner in found):
                    return True
            elif any(taken in (name, "*") for taken, _ in taking.names):
                return True
        return False


#: Whose attributes a name of torch is everywhere: `torch.nn`, `nn.functional`.
_TORCH_OWN = frozenset({b"torch", b"nn"})


def last_component(path: str) -> str:
    """Return the last component of the dotted name of a file."""
    folder, _, file = path.rpartition("/")
    return folder.rpartition("/")[2] if file == "__init__.py" else file.partition(".")[0]


def _last(raw: Raw) -> bytes:
    """Return the last component of what names are imported from; empty where there is none."""
    return raw[0].rpartition(b".")[2].strip(_SPACE)


#: What may stand around the dots of a module's name.
_SPACE = b" \t\f\r\n\\"

_WORDS = re.compile(rb"[\w\x80-\xff]+")


def _encoded(names: Iterable[str]) -> frozenset[bytes]:
    return frozenset(map(os.fsencode, names))


def _package_of(path: str) -> str:
    folder, _, file = path.rpartition("/")
    return f"{folder.rpartition('/')[0] if file == '__init__.py' else folder}/__init__.py"


def _names(raw: Raw, path: str, holders: Collection[str] | None) -> Iterator[str]:
    """Yield the last components of what a statement may import; submodules where asked for."""
    base = raw[0]
    if not base:
        for module, _ in statement(raw).names:
            yield from module.split(".")
        return
    last = _last(raw).decode("utf-8", "replace")
    if not last:
        folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
        for _ in range(base.count(b".") - 1):
            folder = os.path.dirname(folder)  # noqa: PTH120
        last = os.path.basename(folder)  # noqa: PTH119
    yield last
    if holders is None or last in holders:
        for name, _ in statement(raw).names:
            yield name
