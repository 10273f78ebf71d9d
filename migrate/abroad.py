"""The other files of a project in which what one file binds is read, or is given. Read-only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from migrate.holders import (
    Holder,
    foreign_bases,
    inner_scope_of,
    methods,
    owner_of,
    related_classes,
    uses_of_attribute,
    uses_of_name,
)
from migrate.parameters import field_reached, parameter
from migrate.places import Place
from migrate.resolve import UNKNOWN, Names
from migrate.scopes import FUNCTIONS, Binding, last_name
from migrate.suspects import are_suspected


def is_visible(names: Names, holder: Holder) -> bool:
    """Tell whether other files may read what a name or attribute holds."""
    return names.project is not None and (holder.owner is not None or holder.scope is names.module)


def uses_abroad(names: Names, holder: Holder) -> Iterator[tuple[Names, Place]]:
    """Yield where other files of the run read a name of a module, or an attribute of a class.

    An attribute of something unknown counts wherever the file imports the module at all, and
    wherever it is read for more than to be called at once.
    """
    project = names.project
    if project is None or not is_visible(names, holder):
        return
    if holder.owner is None:
        yield from _reads_abroad(names, holder.name)
        return
    wide = are_suspected(names)
    for other in project.readers(names.path, holder.name, attribute=holder.name, wide=wide):
        if other is not names:
            heirs = [c for c in other.classes if holder.owner.name in map(last_name, c.bases)]
            heirs += [c for c in _without(other, holder.name) if c not in heirs]
            taken = list(uses_of_attribute(other, holder.name, heirs))
            yield from ((other, place) for place, _ in taken)
            if not taken:
                project.lacks(other.path, holder.name)
    for other, base in bases_abroad(names, [holder.owner] if holder.owner is not None else []):
        if base is not None:
            found = uses_of_attribute(other, holder.name, related_classes(other, base))
            yield from ((other, place) for place, _ in found)


def _without(names: Names, attribute: str) -> list[ast.ClassDef]:
    """Return the classes that read an attribute of their own which no relative in the file sets.

    They have it from elsewhere: an heir of an heir, or a class to be mixed in.
    """
    reading: dict[ast.ClassDef, None] = {}
    setting: set[ast.ClassDef] = set()
    for _, place in names.places_of(attribute):
        node = place.node
        if isinstance(node, ast.Attribute) and node.attr == attribute:
            owner = owner_of(node, place)
            if owner is not None and isinstance(node.ctx, ast.Load):
                reading[owner] = None
            elif owner is not None:
                setting.add(owner)
    return [
        owner
        for owner in reading
        if not any(
            each in setting or attribute in inner_scope_of(names, each).bindings
            for each in related_classes(names, owner)
        )
    ]


def _may_be_heir(names: Names, heir: ast.ClassDef, owner: ast.ClassDef | None) -> bool:
    """Tell whether a class inherits from one of another file, over one more at the least.

    Those that inherit from it at once are asked by `heirs_abroad`.
    """
    todo, seen = [*bases_abroad(names, [heir])], set[int]()
    direct = {id(base) for _, base in todo}
    while todo:
        other, base = todo.pop()
        if base is owner and id(base) not in direct:
            return True
        if base is not None and id(base) not in seen:
            seen.add(id(base))
            todo += bases_abroad(other, related_classes(other, base))
    return False


def _reads_abroad(names: Names, name: str) -> Iterator[tuple[Names, Place]]:
    """Yield where other files read a name of a module, under whatever name they import it."""
    todo, seen = [(names, name)], set[tuple[Names, str]]()
    while todo:
        names, name = todo.pop()
        if names.project is None or (names, name) in seen:
            continue
        seen.add((names, name))
        module = names.project.module_of(names.path)
        ahead = []
        wide = are_suspected(names)
        for other in names.project.readers(names.path, name, attribute=name, wide=wide):
            if other is names:
                continue
            yield from ((other, place) for place in _reads(other, names, module, name))
            for _, place in list(other.places_of(name)):
                node = place.node
                if isinstance(node, ast.alias) and other.scope_of(place) is other.module:
                    # Who imports it from there may know it by another name.
                    ahead.append((other, node.asname or node.name))
        todo += reversed(ahead)


def _reads(other: Names, names: Names, module: str, name: str) -> Iterator[Place]:
    """Yield where a file reads a name of a module."""
    whole = names.project is not None and names.project.is_imported_whole(names.path)
    for _, place in list(other.places_of(name)):
        node = place.node
        if isinstance(node, ast.alias) and node.name == name:
            scope, local = other.scope_of(place), node.asname or node.name
            ours = [b for b in scope.bindings.get(local, ()) if b.alias is node]
            if any(_is_bound_in(other, binding, names) for binding in ours):
                yield from (use for use, _ in uses_of_name(other, scope, local))
        elif isinstance(node, ast.Attribute) and node.attr == name:
            meanings = other.resolve(node.value, other.scope_of(place))
            # The module itself may be what a function is given.
            given = whole and UNKNOWN in meanings and owner_of(node, place) is None
            if isinstance(node.ctx, ast.Load) and (module in meanings or given):
                yield place
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            free = other.bindings_of(name, other.scope_of(place)) is None
            if free and any(each is names for each, _ in _by_star(other, name)):
                yield place


def set_abroad(names: Names, holder: Holder) -> Iterator[tuple[Names, ast.expr | None]]:
    """Yield what other files set a name of a module, or an attribute of its class, to.

    With the names of the file; None for what is not simply assigned.
    """
    project = names.project
    if project is None or not is_visible(names, holder):
        return
    module = project.module_of(names.path)
    attribute = "" if holder.owner is None else holder.name
    for other in project.readers(names.path, holder.name, sets=holder.name, attribute=attribute):
        for _, place in list(other.places_of(holder.name)) if other is not names else ():
            node, assign = place.node, place.parent()
            if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
                continue
            meanings = other.resolve(node.value, other.scope_of(place))
            own = owner_of(node, place)
            may_be = own is None or _may_be_heir(other, own, holder.owner)
            if (module in meanings) if holder.owner is None else may_be:
                if isinstance(assign, ast.Assign) and node in assign.targets:
                    yield other, assign.value
                else:
                    yield other, None
    if project.is_set_by_name(names.path, holder.name):
        yield names, None


def _is_bound_in(other: Names, binding: Binding, names: Names) -> bool:
    """Tell whether an import is of a name of the module of `names`, or one that it hands on."""
    project = names.project
    if binding.imported_from is None or project is None:
        return False
    found = project.names(binding.imported_from, other.path)
    return found is names


def _by_star(names: Names, name: str) -> Iterator[tuple[Names, Binding]]:
    for _, base in names.module.stars:
        yield from definitions(names, base, name)


def definitions(names: Names, module: str, name: str) -> Iterator[tuple[Names, Binding]]:
    """Yield what binds `name` of another module of the project, with the names of its file."""
    if names.project is not None:
        yield from names.project.definitions(module, name, names.path)


def defined(names: Names, expression: ast.expr, place: Place) -> Iterator[tuple[Names, Binding]]:
    """Yield what a name or attribute of another module is bound by, with the names of its file."""
    scope = names.scope_of(place)
    if isinstance(expression, ast.Name):
        bound = names.bindings_of(expression.id, scope)
        if bound is None:
            yield from _by_star(names, expression.id)
        for binding in bound[0] if bound is not None else ():
            if binding.imported_from is not None and binding.alias is not None:
                yield from definitions(names, binding.imported_from, binding.alias.name)
    elif isinstance(expression, ast.Attribute) and names.project is not None:
        for meaning in sorted(names.resolve(expression.value, scope)):
            if names.project.is_module(meaning, names.path):
                yield from definitions(names, meaning, expression.attr)


def bases_abroad(
    names: Names, classes: Sequence[ast.ClassDef]
) -> Iterator[tuple[Names, ast.ClassDef | None]]:
    """Yield the classes of other files that classes inherit from; None for what is not found."""
    for base, place in foreign_bases(names, classes):
        found = [(n, b.statement) for n, b in defined(names, base, place)]
        yield from ((n, s if isinstance(s, ast.ClassDef) else None) for n, s in found)
        if not found:
            yield names, None


def classes_met(names: Names) -> Iterator[tuple[Names, ast.ClassDef]]:
    """Yield the classes of a file, and those of others that it imports at its module's level."""
    yield from ((names, owner) for owner in names.classes)
    for bindings in list(names.module.bindings.values()) if names.project is not None else ():
        for binding in bindings:
            if binding.imported_from is not None and binding.alias is not None:
                for other, each in definitions(names, binding.imported_from, binding.alias.name):
                    if isinstance(each.statement, ast.ClassDef):
                        yield other, each.statement
            elif binding.kind == "import" and names.project is not None:
                module = names.project.names(binding.path, names.path)
                if module is not None:
                    yield from ((module, owner) for owner in module.classes)


def heirs_abroad(
    names: Names, owner: ast.ClassDef, attribute: str
) -> Iterator[tuple[Names, ast.ClassDef]]:
    """Yield the classes of other files that inherit from a class, where they hold a word."""
    if names.project is None:
        return
    near = names.project.readers(names.path, owner.name, attribute)
    far = names.project.readers(names.path, attribute, sets=attribute, attribute=attribute)
    for other in dict.fromkeys((*near, *far)):
        for each in other.classes if other is not names else ():
            if any(base is owner for _, base in bases_abroad(other, [each])):
                yield other, each


def parameters_abroad(names: Names, place: Place) -> Iterator[tuple[Names, Holder]]:
    """Yield the parameters, of functions and classes of other files, that an argument reaches."""
    call = place.parent(2 if isinstance(place.parent(), ast.keyword) else 1)
    if names.project is None or not isinstance(call, ast.Call):
        return
    for other, binding in defined(names, call.func, place):
        statement = binding.statement
        if isinstance(statement, FUNCTIONS):
            reached = parameter(other, statement, call, place, is_bound=False)
            yield from ((other, holder) for holder in reached)
        elif isinstance(statement, ast.ClassDef):
            for function in methods([statement], "__init__"):
                reached = parameter(other, function, call, place, is_bound=True)
                yield from ((other, holder) for holder in reached)
            name = field_reached(other, statement, call, place)
            if name is not None:
                yield other, Holder(name, owner=statement)


def name_of(names: Names, binding: Binding) -> str | None:
    """Return the name that a binding of a module binds."""
    for name, bindings in names.module.bindings.items():
        if any(each is binding for each in bindings):
            return name
    return None
