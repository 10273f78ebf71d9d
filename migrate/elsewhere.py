"""Instances in other files of the project than that of their constructors."""

from __future__ import annotations

import ast

from migrate.flow import Flow
from migrate.holders import Holder
from migrate.match import Site
from migrate.places import Place
from migrate.possible import Possible
from migrate.resolve import Names
from migrate.uses import Uses


class UsesElsewhere(Uses):
    """Reads the uses of instances in another file, where every call is made positional.

    That is right for MindSpore's losses and for torch's, whatever becomes of the other
    constructors that may reach it. What is handed over is so in the file of the constructors.
    """

    def __init__(self, names: Names, home: Uses) -> None:
        flow = Flow(refusals=home.flow.refusals)
        super().__init__(names, home.sites, home.values.at(names), flow)
        self.of_file = f" of {names.shown}"

    def written(self, holder: Holder) -> set[tuple[type[ast.expr], str]]:
        """Return how a name of another file, or an attribute of its classes, is written here."""
        aliases = (place.node for _, place in self.names.places_of(holder.name))
        others = {each.asname for each in aliases if isinstance(each, ast.alias) and each.asname}
        found: set[tuple[type[ast.expr], str]] = {(ast.Name, name) for name in others}
        return found | {(ast.Name, holder.name), (ast.Attribute, holder.name)}

    def possible(self, site: Site, receiver: ast.expr) -> Possible:
        """Return all that a receiver may be, always with another loss of torch's."""
        found = self.values.possible(receiver)
        known = found.sites or found.losses or found.open
        sites = found.sites | {id(site)}
        return Possible(sites, losses=True, other=found.other or not known)

    def call(
        self, site: Site, place: Place, receiver: ast.expr, *, fresh: bool, forward: bool = False
    ) -> None:
        """Read a call, where it is one that a loss of torch's takes.

        Another would fail of it: what is called is something else of that name.
        """
        call = place.node
        assert isinstance(call, ast.Call)
        given = {keyword.arg for keyword in call.keywords} - {None}
        count = len(given) + sum(not isinstance(each, ast.Starred) for each in call.args)
        if count <= len(site.rule.source_call) and given <= set(site.rule.source_call):
            super().call(site, place, receiver, fresh=fresh, forward=forward)

    def attribute_kept(self, site: Site, holder: Holder) -> None:
        """Hand over what shares an attribute with a module of torch."""
        if self.routes.holds_torch_module(holder, ()):
            reason = f"`{holder.name}` of {self.names.shown} also holds a module of torch"
            self.flow.refuse(site, "instance-attribute", reason)


def take_along(home: Uses, other: Uses) -> None:
    """Take the calls of another file along, or hand over what reaches them."""
    path, project = other.names.path, other.names.project
    for call in other.flow.edited_calls:
        if project is not None and project.is_of_run(path):
            home.flow.calls_abroad.append((other.names, call))
            continue
        where = f"line {call.call.lineno} of {other.names.shown} calls it"
        for site in call.sites:
            reason = f"{where} in a way that has to change, and is not among the files given"
            home.flow.refuse(site, "keyword-call", reason)
