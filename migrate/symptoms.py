"""What in the source tells that a rewritten call meets a difference of the catalogue.

The evidence is data, the tables `[[evidence]]` of `rules/differences/`: here an operand's value is
followed back to what makes it, and held against them. No evidence, no word.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.called import functions, given_to
from migrate.differences import Difference, Symptom, with_evidence
from migrate.functions import own_nodes
from migrate.holders import owner_of, related_classes, values_of_attribute
from migrate.match import Form, Site
from migrate.model import Rule, Status
from migrate.operands import literal
from migrate.origins import SHAPES, Origin, Origins, child
from migrate.places import Place
from migrate.resolve import UNBOUND, Names
from migrate.work import File, Move


@dataclass(frozen=True, slots=True)
class Use:
    """An operand of a call of a loss, or of its constructor.

    Attributes
    ----------
    sites : tuple of Site
        The calls of the API that it belongs to.
    role : str
        A name of `migrate.prove.domains.DOMAINS`.
    place : Place
        Of the operand.
    call : ast.Call
        That it is passed to.
    """

    sites: tuple[Site, ...]
    role: str
    place: Place
    call: ast.Call


@dataclass(frozen=True, slots=True)
class Sign:
    """One expression that tells that a use meets a difference.

    Attributes
    ----------
    difference : Difference
    symptom : Symptom
    use : Use
    place : Place
        Of the expression.
    certain : bool
        Whether the operand shows the difference on every way: each of its origins is such a sign.
    """

    difference: Difference
    symptom: Symptom
    use: Use
    place: Place
    certain: bool


def uses(file: File) -> Iterator[Use]:
    """Yield the operands of every call that is rewritten, and of every call of its instance."""
    for work in file.works:
        call = work.site.call if work.site.form is Form.CALL else None
        if work.refusal is None and call is not None:
            around = work.site.place.up()
            for argument in work.site.arguments:
                role = work.site.rule.travel[argument.parameter].domain
                keyword = () if argument.keyword is None else (argument.keyword,)
                place = child(around, *keyword, argument.value)
                yield Use((work.site,), role, place, call)
    # What a class of the user's does with its operands is its own affair.
    open_sites = {id(w.site) for w in file.works if w.refusal is None and not w.added}
    for called in file.flow.calls:
        sites = tuple(site for site in called.sites if id(site) in open_sites)
        if sites and not any(isinstance(value, ast.Starred) for value in called.call.args):
            for role, way in _operands(sites[0].rule, called.call):
                yield Use(sites, role, child(called.place, *way), called.call)


def _operands(rule: Rule, call: ast.Call) -> Iterator[tuple[str, tuple[ast.AST, ...]]]:
    """Yield the operands of an instance's call by their role."""
    # As in a proof, an instance takes the logits first and the labels second.
    roles = dict(zip(rule.source_call, ("logits", "labels"), strict=True))
    for role, value in zip(roles.values(), call.args, strict=False):
        yield role, (value,)
    for keyword in call.keywords:
        if keyword.arg in roles:
            yield roles[keyword.arg], (keyword, keyword.value)


def signs(file: File, origins: Origins | None = None) -> list[Sign]:
    """Return all evidence of the file, one for an expression and a use of it.

    Parameters
    ----------
    file : File
    origins : Origins, optional
        What is known of the file's values already.
    """
    found: list[Sign] = []
    catalogue: tuple[Difference, ...] = ()
    reader = _Reader(file.names, origins or Origins(file.names))
    for use in uses(file):
        catalogue = catalogue or with_evidence()
        for difference in catalogue:
            symptoms = [
                symptom
                for symptom in difference.evidence
                if _concerns(difference, symptom, use) and reader.may_hold(symptom)
            ]
            if symptoms:
                found += reader.signs(difference, symptoms, use)
    return found


def _concerns(difference: Difference, symptom: Symptom, use: Use) -> bool:
    """Tell whether a symptom is asked of a use: what is claimed of one target is not of another."""
    rules = symptom.rules or difference.rules
    claimed = {claim.api for claim in difference.claims}
    return symptom.role == use.role and all(
        site.rule.id in rules and site.rule.target in claimed for site in use.sites
    )


def notes(told: Sequence[Sign]) -> Iterator[Move]:
    """Yield what is said of each sign: a note at the expression."""
    for sign in told:
        difference = sign.difference
        site = sign.use.sites[0]
        name = ast.unparse(sign.use.call.func)
        where = f"the call of `{name}` in line {sign.use.call.lineno}"
        reach = "reach" if sign.symptom.says.split()[0].endswith("s") else "reaches"
        message = f"{sign.symptom.says} {reach} {where}: {difference.title}; {difference.remedy}"
        yield Move(
            sign.use.sites,
            (),
            sign.place,
            site.scope,
            site.rule.id,
            difference.id,
            message,
            Status.NOTE,
        )


class _Reader:
    """Holds the ways of values in one file against the symptoms."""

    def __init__(self, names: Names, origins: Origins) -> None:
        self.names = names
        self.origins = origins
        self._held: dict[int, bool] = {}

    def may_hold(self, symptom: Symptom) -> bool:
        """Tell, by its words alone, whether the file may show a symptom: most show none."""
        if id(symptom) not in self._held:
            text = self.names.text
            shown = [*symptom.methods, *(path.rpartition(".")[2] for path in symptom.calls)]
            given = [each.rpartition(".")[2].strip("'\"") for each in symptom.given]
            self._held[id(symptom)] = (
                bool(symptom.displays or symptom.stored) or any(word in text for word in shown)
            ) and (not given or "-inf" in given or any(word in text for word in given))
        return self._held[id(symptom)]

    def signs(
        self, difference: Difference, symptoms: Sequence[Symptom], use: Use
    ) -> Iterator[Sign]:
        """Yield the expressions that show the symptoms of an operand, each once."""
        shown: dict[int, tuple[Symptom, Place]] = {}
        certain = False
        for through in dict.fromkeys(symptom.through for symptom in symptoms):
            alike = [symptom for symptom in symptoms if symptom.through == through]
            ways = SHAPES | set(through)
            origins = self.origins.of(use.place, ways)
            told = {
                id(o.place.node): (s, o.place) for s in alike for o in origins if self._shows(s, o)
            }
            certain = certain or len(told) == len(origins)
            shown |= told
            for origin in self._from_afar(origins, ways):
                for symptom in alike:
                    if self._shows(symptom, origin):
                        shown.setdefault(id(origin.place.node), (symptom, origin.place))
            for place in self.origins.passed(use.place, ways):
                for symptom in alike:
                    for each in self._changed(symptom, place):
                        shown.setdefault(id(each.node), (symptom, each))
        for symptom, place in shown.values():
            yield Sign(difference, symptom, use, place, certain)

    def _from_afar(self, origins: Sequence[Origin], ways: frozenset[str]) -> list[Origin]:
        """Return the origins in other functions of the file, where the way in this scope ends.

        They are no certain ones: another file may set the attribute, or call the function.
        """
        found: list[Origin] = []
        seen = {id(origin.expression) for origin in origins}
        work = list(origins)
        while work:
            for value in self._given(work.pop()):
                place = self.names.place_of(value)
                for origin in self.origins.of(place, ways) if place is not None else ():
                    if id(origin.expression) not in seen:
                        seen.add(id(origin.expression))
                        found.append(origin)
                        work.append(origin)
        return sorted(found, key=lambda origin: self.names.start(origin.expression))

    def _given(self, origin: Origin) -> Iterator[ast.expr]:
        """Yield what an attribute, a parameter or a call is given elsewhere in the file."""
        node, place = origin.expression, origin.place
        if origin.index is not None:
            return
        if isinstance(node, ast.Attribute):
            owner = owner_of(node, place)
            if owner is not None:
                values, is_all = values_of_attribute(
                    self.names, node.attr, related_classes(self.names, owner)
                )
                yield from values if is_all and len(values) == 1 else ()
        elif isinstance(node, ast.Name):
            for definition in self.origins.definitions(place):
                if isinstance(definition.target, ast.arg):
                    yield from given_to(self.names, definition.target)
        elif isinstance(node, ast.Call):
            for function in functions(self.names, self.origins, child(place, node.func)):
                for inner in own_nodes(function):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield inner.value

    def _changed(self, symptom: Symptom, place: Place) -> Iterator[Place]:
        """Yield what changes the value in place, where it passes."""
        if isinstance(place.node, ast.Name):
            yield from self._stored(symptom, place)
        elif (
            isinstance(place.node, ast.Call)
            and isinstance(place.node.func, ast.Attribute)
            and place.node.func.attr.endswith("_")
            and self._is_shown_by(symptom, place)
        ):
            yield place

    def _stored(self, symptom: Symptom, name: Place) -> Iterator[Place]:
        """Yield what changes a part of a tensor in a way that shows the symptom."""
        for store in self.origins.stores(name):
            place = None if store.value is None else self.names.place_of(store.value)
            if place is None or store.index is not None:
                continue
            if isinstance(store.target, ast.Call):
                if self._is_shown_by(symptom, place):
                    yield place
            elif symptom.stored and self._means(place, symptom.given):
                yield place

    def _shows(self, symptom: Symptom, origin: Origin) -> bool:
        if symptom.element is not None and origin.index != symptom.element:
            return False
        node = origin.expression
        if type(node).__name__.lower() in symptom.displays:
            return True
        return isinstance(node, ast.Call) and self._is_shown_by(symptom, origin.place)

    def _is_shown_by(self, symptom: Symptom, place: Place) -> bool:
        """Tell whether a call is one of those that show the symptom."""
        call = place.node
        assert isinstance(call, ast.Call)
        if not self._calls(symptom, call, place):
            return False
        keywords = {keyword.arg for keyword in call.keywords}
        if None in keywords or keywords & set(symptom.without):
            return False
        if any(isinstance(value, ast.Starred) for value in call.args) or (
            symptom.positional is not None and len(call.args) > symptom.positional
        ):
            return False
        if symptom.first is not None and not self._begins_with(symptom.first, call, place):
            return False
        arguments = [
            *(child(place, value) for value in call.args),
            *(child(place, keyword, keyword.value) for keyword in call.keywords),
        ]
        return not symptom.given or any(self._means(each, symptom.given) for each in arguments)

    def _calls(self, symptom: Symptom, call: ast.Call, place: Place) -> bool:
        meanings = self.names.resolve(call.func, self.names.scope_of(place))
        if any("." in meaning for meaning in meanings):
            return meanings <= set(symptom.calls)
        return isinstance(call.func, ast.Attribute) and call.func.attr in symptom.methods

    def _begins_with(self, kind: str, call: ast.Call, place: Place) -> bool:
        if not call.args:
            return False
        origins = self.origins.of(child(place, call.args[0]), frozenset())
        if len(origins) != 1 or not isinstance(origins[0].expression, (ast.List, ast.Tuple)):
            return False
        known = literal(origins[0].expression)
        numbers = [] if known is None else list(_flat(known.value))
        wanted = int if kind == "integers" else (int, float)
        some = int if kind == "integers" else float
        return (
            bool(numbers)
            and all(isinstance(n, wanted) and not isinstance(n, bool) for n in numbers)
            and any(isinstance(n, some) for n in numbers)
        )

    def _means(self, place: Place, wanted: tuple[str, ...]) -> bool:
        """Tell whether an argument can mean one of these."""
        for origin in self.origins.of(place, frozenset()):
            node = origin.expression
            scope = self.names.scope_of(origin.place)
            if "-inf" in wanted and self._is_infinite(node, origin.place) == -1:
                return True
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if f"'{node.value}'" in wanted:
                    return True
            elif isinstance(node, (ast.Name, ast.Attribute)):
                meanings = self.names.resolve(node, scope)
                if isinstance(node, ast.Name) and meanings == {UNBOUND}:
                    meanings = frozenset({f"builtins.{node.id}"})
                if meanings <= set(wanted):
                    return True
        return False

    def _is_infinite(self, node: ast.expr, place: Place) -> int:
        """Return the sign of an infinity that is spelled out, and 0 of anything else.

        Of a sequence that holds one of -inf, that is -1.
        """
        if isinstance(node, (ast.List, ast.Tuple)):
            return min(
                (self._is_infinite(each, child(place, each)) for each in node.elts), default=0
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self._is_infinite(node.operand, child(place, node.operand))
        if isinstance(node, ast.Call) and node.args:
            if ast.unparse(node.func) not in ("float", "torch.tensor", "np.array"):
                return 0
            value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if not isinstance(value, str):
                return self._is_infinite(node.args[0], child(place, node.args[0]))
            spelled = value.strip().lower()
            return {"-inf": -1, "-infinity": -1}.get(spelled, int(spelled in ("inf", "infinity")))
        if isinstance(node, (ast.Name, ast.Attribute)):
            meanings = self.names.resolve(node, self.names.scope_of(place))
            return int(meanings <= {"math.inf", "numpy.inf", "torch.inf", "numpy.Inf"})
        return 0


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _flat(each)
    else:
        yield value
