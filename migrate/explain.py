"""The pages of `explain` and `rules`: a document first, its text from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from textwrap import indent
from typing import Any

from msgspec.structs import asdict

from migrate import __version__
from migrate.codes import CODES, Code
from migrate.differences import Difference, load
from migrate.errors import UsageError
from migrate.model import Parameter, Rule
from migrate.report.text import visible_lines
from migrate.ruleset import RuleSet
from migrate.tensor_rules import TensorRule, default_tensor_rules

Document = dict[str, Any]


def page(name: str, rules: RuleSet) -> Document:
    """Return the page of a code, of an API or of a difference between the frameworks.

    Parameters
    ----------
    name : str
        A finding's code; an API by any of its dotted paths, with or without `torch.`, or by its
        last component where one rule has it; the id of a difference in the catalogue; or a
        tensor's API with a rule, `torch.tensor` or `Tensor.long`.
    rules : RuleSet

    Returns
    -------
    dict
        Plain data for JSON; `page_text` prints it.

    Raises
    ------
    UsageError
        If nothing has that name; says which names are near.
    RuleError
        If the catalogue of differences is malformed.
    """
    if name in CODES:
        return _code_page(CODES[name])
    names = _names(rules)
    if name in names:
        return _rule_page(names[name], rules)
    differences = load()
    if name in differences:
        return _difference_page(differences[name])
    tensors = {rule.id: rule for rule in default_tensor_rules().rules}
    tensors |= {path.removeprefix("torch."): rule for path, rule in tensors.items()}
    if name in tensors:
        return _tensor_page(tensors[name])
    near = get_close_matches(name, [*CODES, *names, *differences, *tensors], n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(near)}?" if near else "`torch2mindspore rules` lists APIs"
    raise UsageError(f"{name!r} is no code, no API with a rule and no difference", remedy=remedy)


def rules_document(rules: RuleSet) -> Document:
    """Return the list of rules, with where each stands, as plain data for JSON."""
    return {
        "version": __version__,
        "rules": [
            {
                "source": rule.source,
                "target": rule.target,
                "kind": rule.kind,
                "summary": rule.summary,
                "aliases": list(rule.aliases),
                "proof": rule.kernel,
                "torch": rule.source_versions,
                "mindspore": rule.target_versions,
            }
            for rule in rules.rules
        ],
    }


def rules_text(document: Document) -> str:
    """Return the list of rules as text."""
    lines = []
    for rule in document["rules"]:
        stands = f"torch {rule['torch']}, mindspore {rule['mindspore']}"
        lines += [
            f"{rule['source']} -> {rule['target']}",
            f"    {rule['summary']}",
            f"    proven against the {rule['proof']} kernel; {stands}",
        ]
    return visible_lines("\n".join(lines)) + "\n"


def page_text(document: Document) -> str:
    """Return a page as text: a title, then a heading and a body for each part."""
    parts = [document["name"], "=" * len(document["name"])]
    for heading in _HEADINGS:
        body = document.get(heading)
        if body:
            title = heading.replace("_", " ").capitalize()
            parts += ["", title, "-" * len(title), _BODIES.get(heading, str.strip)(body)]
    if document.get("documentation"):
        parts += ["", *document["documentation"]]
    return visible_lines("\n".join(parts)) + "\n"


def _names(rules: RuleSet) -> dict[str, Rule]:
    """Every name under which a rule is found: whole paths, without `torch.`, last components."""
    names = dict(rules.by_path)
    names |= {path.removeprefix("torch."): rule for path, rule in rules.by_path.items()}
    last: dict[str, set[str]] = {}
    for path, rule in rules.by_path.items():
        last.setdefault(path.rpartition(".")[2], set()).add(rule.id)
    names |= {name: rules.by_path[ids.pop()] for name, ids in last.items() if len(ids) == 1}
    return names


def _code_page(code: Code) -> Document:
    return {
        "version": __version__,
        "kind": "code",
        "name": code.id,
        "what": code.title,
        "why": code.why,
        "example": code.example,
        "remedy": code.remedy,
    }


def _rule_page(rule: Rule, rules: RuleSet) -> Document:
    return {
        "version": __version__,
        "kind": "rule",
        "name": rule.id,
        "what": rule.summary,
        "why": rule.why,
        "example": _example(rule, rules),
        "parameters": [_parameter(rule, parameter) for parameter in rule.source_parameters],
        "use_instead": _signature(rule.target, rule.target_parameters),
        "documentation": [
            address for address in (rule.source_documentation, rule.target_documentation) if address
        ],
    }


def _tensor_page(rule: TensorRule) -> Document:
    target = rule.target
    return {
        "version": __version__,
        "kind": "tensor",
        "name": rule.id,
        "what": rule.summary,
        "why": rule.why,
        "parameters": [
            {
                "name": name,
                "default": default,
                "becomes": rule.travel[name].to or "nothing: it goes",
            }
            for name, default in rule.source.defaults.items()
        ],
        "use_instead": target.path if target is not None else "nothing: the call goes",
        "documentation": [side.documentation for side in (rule.source, target) if side is not None],
    }


def _difference_page(difference: Difference) -> Document:
    return {
        "version": __version__,
        "kind": "difference",
        "name": difference.id,
        "what": difference.title,
        "why": difference.why,
        "concerns": list(difference.rules),
        "remedy": difference.remedy,
        "claims": [asdict(claim) for claim in difference.claims],
    }


def _example(rule: Rule, rules: RuleSet) -> dict[str, str]:
    """Migrate the shortest module that uses the rule, with a folded argument where it has one."""
    from migrate.pipeline import migrate_source

    module, _, name = rule.source.rpartition(".")
    needed = [parameter.name for parameter in rule.source_parameters if parameter.required]
    folded = [f"{each}=False" for each, travel in rule.travel.items() if travel.fold][:1]
    left = "criterion" if rule.kind == "class" else "loss"
    call = f"{left} = {name}({', '.join(needed + folded)})"
    before = f"from {module} import {name}\n\n{call}\n"
    return {"before": before, "after": migrate_source(before, rules=rules).after or before}


def _parameter(rule: Rule, parameter: Parameter) -> dict[str, Any]:
    travel = rule.travel[parameter.name]
    becomes = travel.to or f"folded into {travel.fold}"
    return {
        "name": parameter.name,
        "default": None if parameter.required else repr(parameter.default),
        "becomes": becomes + (f", as {travel.convert}" if travel.convert else ""),
    }


def _signature(name: str, parameters: tuple[Parameter, ...]) -> str:
    written = (
        each.name if each.required else f"{each.name}={each.default!r}" for each in parameters
    )
    return f"{name}({', '.join(written)})"


def _example_text(example: str | Mapping[str, str]) -> str:
    if isinstance(example, str):
        return example.strip("\n")
    return f"# before\n{example['before']}\n# after\n{example['after']}".rstrip()


def _parameters_text(parameters: list[dict[str, Any]]) -> str:
    rows = [("torch", "default", "mindspore")]
    rows += [(each["name"], each["default"] or "", each["becomes"]) for each in parameters]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{a:{first}}  {b:{second}}  {c}".rstrip() for a, b, c in rows)


def _claims_text(claims: list[dict[str, str]]) -> str:
    """Each side: what it does, and the program that was seen to show it."""
    return "\n\n".join(
        f"{each['side']}: {each['api']} {each['versions']}\n"
        f"{each['does']}; shown by a program that {each['expected']}:\n\n"
        f"{indent(each['probe'].strip(), '    ')}"
        for each in claims
    )


_HEADINGS = ("what", "why", "example", "parameters", "use_instead", "concerns", "remedy", "claims")

_BODIES: Mapping[str, Callable[[Any], str]] = {
    "example": _example_text,
    "parameters": _parameters_text,
    "concerns": "\n".join,
    "claims": _claims_text,
}
