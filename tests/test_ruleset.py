"""`migrate.ruleset`: what it makes of the five rules, and what it says of a malformed one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import typing
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from migrate import ruleset
from migrate.errors import RuleError
from migrate.model import Parameter, Rule, Travel
from migrate.prove.domains import DOMAINS
from migrate.prove.kernel import KERNELS

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "rules"

# A rule with one of everything, of signatures that neither framework has.
GOOD = """\
kind = "class"
kernel = "nll_loss"
summary = "A sum."
why = "It is an example."

[source]
name = "torch.nn.NLLLoss"
aliases = ["torch.nn.modules.NLLLoss"]
versions = ">=1.0"
documentation = "https://example.org/torch"
call = ["input", "target"]
parameters = [
  { name = "axis" },
  { name = "size_average", default = "None" },
  { name = "reduction", default = "'mean'", one_of = ["mean", "average"] },
  { name = "reduce", default = "None" },
  { name = "weight", default = "None" },
  { name = "ignore_index", default = "-100" },
]

[target]
name = "mindspore.nn.NLLLoss"
versions = ">=2.0"
documentation = "https://example.org/mindspore"
call = ["logits", "labels"]
parameters = [
  { name = "dim", accepts = ["int"] },
  { name = "reduction", default = "'mean'", one_of = ["mean"], otherwise = "mean" },
  { name = "scale", default = "1", minimum = -1, maximum = 1.5, finite = true },
  { name = "weight", default = "None" },
  { name = "ignore_index", default = "-100" },
]

[travel]
axis = { to = "dim", domain = "integer" }
size_average = { fold = "reduction", domain = "flag" }
reduction = { to = "reduction", domain = "reduction", convert = "float", \
values = { average = "mean" } }
reduce = { fold = "reduction", domain = "flag" }
weight = { to = "weight", domain = "weight" }
ignore_index = { to = "ignore_index", domain = "integer" }
"""


def write(folder: Path, text: str, name: str = "torch.nn.NLLLoss") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_key_reaches_the_model(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (rule,) = ruleset.load(tmp_path).rules
    assert rule == Rule(
        source="torch.nn.NLLLoss",
        target="mindspore.nn.NLLLoss",
        aliases=("torch.nn.modules.NLLLoss",),
        kind="class",
        kernel="nll_loss",
        source_parameters=(
            Parameter("axis", required=True),
            Parameter("size_average", default=None),
            Parameter("reduction", default="mean", one_of=("mean", "average")),
            Parameter("reduce", default=None),
            Parameter("weight", default=None),
            Parameter("ignore_index", default=-100),
        ),
        target_parameters=(
            Parameter("dim", required=True, accepts=("int",)),
            Parameter("reduction", default="mean", one_of=("mean",), otherwise="mean"),
            Parameter(
                "scale",
                default=1,
                minimum=-1.0,
                maximum=1.5,
                finite=True,
            ),
            Parameter("weight", default=None),
            Parameter("ignore_index", default=-100),
        ),
        source_call=("input", "target"),
        target_call=("logits", "labels"),
        travel={
            "axis": Travel("integer", to="dim"),
            "size_average": Travel("flag", fold="reduction"),
            "reduction": Travel(
                "reduction", to="reduction", convert="float", values=(("average", "mean"),)
            ),
            "reduce": Travel("flag", fold="reduction"),
            "weight": Travel("weight", to="weight"),
            "ignore_index": Travel("integer", to="ignore_index"),
        },
        summary="A sum.",
        why="It is an example.",
        source_documentation="https://example.org/torch",
        target_documentation="https://example.org/mindspore",
        source_versions=">=1.0",
        target_versions=">=2.0",
    )


def test_the_five_rules_and_their_targets() -> None:
    loaded = ruleset.load()
    assert [(rule.id, rule.target) for rule in loaded.rules] == [
        ("torch.nn.CrossEntropyLoss", "mindspore.nn.CrossEntropyLoss"),
        ("torch.nn.NLLLoss", "mindspore.nn.NLLLoss"),
        ("torch.nn.NLLLoss2d", "mindspore.nn.NLLLoss"),
        ("torch.nn.functional.cross_entropy", "mindspore.ops.cross_entropy"),
        ("torch.nn.functional.nll_loss", "mindspore.ops.nll_loss"),
    ]
    assert loaded.words == (
        "CrossEntropyLoss",
        "NLLLoss",
        "NLLLoss2d",
        "cross_entropy",
        "nll_loss",
    )


def test_a_rule_is_found_by_its_path_and_by_every_alias() -> None:
    loaded = ruleset.load()
    for rule in loaded.rules:
        for path in (rule.source, *rule.aliases):
            assert loaded.by_path[path] is rule
    assert len(loaded.by_path) == sum(1 + len(rule.aliases) for rule in loaded.rules)


def test_rules_are_sorted_by_id_and_not_by_file_name(tmp_path: Path) -> None:
    # As file names, "torch.nn.NLLLoss.toml" sorts after "torch.nn.NLLLoss.nll_loss.toml".
    write(tmp_path, GOOD)
    other = GOOD.replace("torch.nn.NLLLoss", "torch.nn.NLLLoss.nll_loss").replace(
        "modules.NLLLoss", "modules.other"
    )
    write(tmp_path, other, "torch.nn.NLLLoss.nll_loss")
    ids = [rule.id for rule in ruleset.load(tmp_path).rules]
    assert ids == ["torch.nn.NLLLoss", "torch.nn.NLLLoss.nll_loss"]


def test_default_rules_are_loaded_once() -> None:
    assert ruleset.default_rules() is ruleset.default_rules()
    assert ruleset.default_rules() == ruleset.load(RULES)


def test_rules_inside_the_package_come_first(tmp_path: Path) -> None:
    """A wheel carries `rules/` inside the package; what lies beside it is not ours there."""
    for name in ("__init__.py", "errors.py", "model.py", "roles.py", "ruleset.py", "tables.py"):
        copied = tmp_path / "migrate" / name
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes((ROOT / "migrate" / name).read_bytes())
    inside, beside = tmp_path / "migrate" / "rules", tmp_path / "rules"
    beside.mkdir()
    write(beside, GOOD)
    program = "from migrate.ruleset import default_rules; print(default_rules().rules[0].why)"

    def why() -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert why() == "It is an example."
    inside.mkdir()
    write(inside, GOOD.replace("It is an example.", "It is installed."))
    assert why() == "It is installed."


# --- A malformed rule names the file, the key, and what was expected. ---


def replaced(*words: str) -> Callable[[str], str]:
    """Return what puts every second one of `words` in the place of the one before it."""

    def change(text: str) -> str:
        for before, after in zip(words[::2], words[1::2], strict=True):
            assert before in text
            text = text.replace(before, after, 1)
        return text

    return change


MALFORMED = {
    "invalid TOML": (replaced('kind = "class"', "kind = class"), "not valid TOML", "line 1"),
    "unknown key at the top": (
        replaced("[source]", "severity = 1\n[source]"),
        "severity: unknown key",
        "kind, kernel, summary, why, source, target, travel",
    ),
    "unknown key of a side": (
        replaced("call = ", "calls = "),
        "source.calls: unknown key",
        "name, versions, documentation, parameters, call, aliases",
    ),
    "a target of another framework": (
        replaced('name = "mindspore.nn.NLLLoss"', 'name = "paddle.nn.NLLLoss"'),
        "target.name: 'paddle.nn.NLLLoss' is not of MindSpore",
        "begins with mindspore.",
    ),
    "aliases on the target": (
        replaced('name = "mindspore.nn.NLLLoss"', 'name = "mindspore.nn.NLLLoss"\naliases = []'),
        "target.aliases: unknown key",
        "name, versions, documentation, parameters, call",
    ),
    "unknown key of a parameter": (
        replaced('accepts = ["int"]', 'types = ["int"]'),
        "target.parameters[0].types: unknown key",
        "name, default, accepts, one_of, otherwise, minimum, maximum, finite",
    ),
    "unknown key of a travel": (
        replaced('domain = "flag"', 'domain = "flag", axis = 1'),
        "travel.size_average.axis: unknown key",
        "domain, to, fold, convert, values",
    ),
    "missing key at the top": (
        replaced('kind = "class"\n', ""),
        "kind: the key is missing",
        "docs/rules.md",
    ),
    "missing key of a side": (
        replaced('versions = ">=1.0"\n', ""),
        "source.versions: the key is missing",
        "docs/rules.md",
    ),
    "missing key of a parameter": (
        replaced('{ name = "axis" }', "{ }"),
        "source.parameters[0].name: the key is missing",
        "docs/rules.md",
    ),
    "missing domain": (
        replaced(', domain = "flag"', ""),
        "travel.size_average.domain: the key is missing",
        "docs/rules.md",
    ),
    "a number where text belongs": (
        replaced('"A sum."', "7"),
        "summary: Expected `str`, got `int`",
        "docs/rules.md",
    ),
    "a number where a path of travel belongs": (
        replaced('to = "dim"', "to = 7"),
        "travel.axis.to: Expected `str | null`, got `int`",
        "docs/rules.md",
    ),
    "a travel that is no table": (
        replaced('{ to = "dim", domain = "integer" }', '"dim"'),
        "travel.axis: Expected `object`, got `str`",
        "docs/rules.md",
    ),
    "a value that is no text": (
        replaced('average = "mean" }', "average = 1 }"),
        "travel.reduction.values",
        "Expected `str`, got `int`",
    ),
    "a default that is no text": (
        replaced('default = "1"', "default = 1"),
        "target.parameters[2].default",
        "Expected `str | null`, got `int`",
    ),
    "a path without a dot": (
        replaced('"torch.nn.modules.NLLLoss"', '"Sum"'),
        "source.aliases[0]",
        "matching regex",
    ),
    "unknown kind": (
        replaced('"class"', '"klass"'),
        "kind: Invalid enum value 'klass'",
        "expected one of class, function",
    ),
    "unknown kernel": (
        replaced('"nll_loss"', '"mse"'),
        "kernel: Invalid enum value 'mse'",
        "expected one of cross_entropy, nll_loss",
    ),
    "unknown domain": (
        replaced('domain = "flag"', 'domain = "flags"'),
        "travel.size_average.domain: Invalid enum value 'flags'",
        "expected one of weight, flag, integer, reduction, fraction, logits, labels",
    ),
    "unknown conversion": (
        replaced('convert = "float"', 'convert = "int"'),
        "travel.reduction.convert: Invalid enum value 'int'",
        "expected one of float",
    ),
    "unknown type": (
        replaced('accepts = ["int"]', 'accepts = ["int", "double"]'),
        "target.parameters[0].accepts[1]: Invalid enum value 'double'",
        "expected one of None, bool, int, float, str, Tensor",
    ),
    "travel of a parameter that source lacks": (
        replaced("axis = {", "axes = {"),
        "travel.axes: source has no parameter 'axes'",
        "expected one of axis, size_average, reduction",
    ),
    "travel to a parameter that target lacks": (
        replaced('to = "dim"', 'to = "axis"'),
        "travel.axis.to: target has no parameter 'axis'",
        "expected one of dim, reduction, scale",
    ),
    "fold into a parameter that target lacks": (
        replaced('fold = "reduction"', 'fold = "mode"'),
        "travel.size_average.fold: target has no parameter 'mode'",
        "expected one of dim, reduction, scale",
    ),
    "a source parameter without a travel": (
        replaced('size_average = { fold = "reduction", domain = "flag" }\n', ""),
        "travel.size_average: a source parameter without a travel",
        "with to or fold",
    ),
    "both to and fold": (
        replaced('to = "dim"', 'to = "dim", fold = "reduction"'),
        "travel.axis: both to and fold",
        "exactly one",
    ),
    "neither to nor fold": (
        replaced('to = "dim", ', ""),
        "travel.axis: neither to nor fold",
        "exactly one",
    ),
    "two parameters travel to one": (
        replaced('fold = "reduction"', 'to = "reduction"'),
        "travel: 2 source parameters have to = 'reduction'",
        "fold the others",
    ),
    "nothing travels to a required parameter": (
        replaced(
            'name = "scale", default = "1", minimum',
            'name = "size", minimum',
            '"reduction", default = "\'mean\'", one_of = ["mean"], otherwise',
            '"reduction", otherwise',
        ),
        "travel: nothing travels to 'size', which target requires",
        "say with to",
    ),
    "a value that target does not take": (
        replaced('average = "mean" }', 'average = "sum" }'),
        "travel.reduction.values.average: target takes no 'sum'",
        "expected one of mean",
    ),
    "a doubled source parameter": (
        replaced('name = "size_average", default = "None"', 'name = "axis", default = "None"'),
        "source.parameters[1]: a second 'axis'",
        "name each once",
    ),
    "a doubled target parameter": (
        replaced('name = "scale", default = "1"', 'name = "reduction", default = "1"'),
        "target.parameters[2]: a second 'reduction'",
        "name each once",
    ),
    "required after a default": (
        replaced('name = "reduction", default = "\'mean\'"', 'name = "reduction"'),
        "source.parameters[2]: 'reduction' is required and follows one with a default",
        "order",
    ),
    "a default that is a name": (
        replaced('"\'mean\'", one_of = ["mean", "average"]', '"mean"'),
        "source.parameters[2].default: 'mean' is not a Python literal",
        "write None, True, -100, 0.5 or 'mean'",
    ),
    "a default that is a list": (
        replaced('default = "1"', 'default = "[1]"'),
        "target.parameters[2].default: '[1]' is not a Python literal",
        "write None",
    ),
    "a default that does not parse": (
        replaced('default = "1"', 'default = "1 +"'),
        "target.parameters[2].default: '1 +' is not a Python literal",
        "write None",
    ),
    "a class without source call names": (
        replaced('call = ["input", "target"]\n', ""),
        "source.call: the parameters when an instance is called are missing",
        'as in ["input", "target"]',
    ),
    "a class without target call names": (
        replaced('call = ["logits", "labels"]\n', ""),
        "target.call: the parameters when an instance is called are missing",
        'as in ["input", "target"]',
    ),
    "a function with call names": (
        replaced('"class"', '"function"'),
        "source.call: a function has no instance",
        "remove the key",
    ),
    "call lists of different length": (
        replaced('call = ["logits", "labels"]', 'call = ["logits"]'),
        "target.call: 1 names, but source.call has 2",
        "as many",
    ),
    "a kernel of another loss": (
        replaced('kernel = "nll_loss"', 'kernel = "cross_entropy"'),
        "source.name: 'NLLLoss' does not compute 'cross_entropy'",
        "expected one of CrossEntropyLoss, cross_entropy",
    ),
    "a target that is another loss": (
        replaced('name = "mindspore.nn.NLLLoss"', 'name = "mindspore.nn.L1Loss"'),
        "target.name: 'L1Loss' does not compute 'nll_loss'",
        "expected one of NLLLoss, NLLLoss2d, nll_loss",
    ),
    "a loss without weight": (
        replaced(
            '  { name = "weight", default = "None" },\n',
            "",
            'weight = { to = "weight", domain = "weight" }\n',
            "",
        ),
        "source.parameters: 'weight' is missing",
        "add it in its place",
    ),
    "a target without weight": (
        replaced(
            '  { name = "weight", default = "None" },\n  { name = "ignore_index", '
            'default = "-100" },\n]\n\n[travel]',
            '  { name = "ignore_index", default = "-100" },\n]\n\n[travel]',
            'to = "weight"',
            'to = "scale"',
        ),
        "target.parameters: 'weight' is missing",
        "add it in its place",
    ),
    "a fold that torch does not do": (
        replaced('{ fold = "reduction"', '{ fold = "scale"'),
        "travel.size_average.fold: 'scale' is not what torch folds 'size_average' into",
        "expected reduction",
    ),
    "a fold of what is not folded": (
        replaced('weight = { to = "weight"', 'weight = { fold = "reduction"'),
        "travel.weight: 'weight' is folded",
        "fold size_average and reduce only",
    ),
    "a flag that is not folded": (
        replaced('reduce = { fold = "reduction"', 'reduce = { to = "scale"'),
        "travel.reduce: 'reduce' is not folded",
        "fold size_average and reduce only",
    ),
    "values that no program passes": (
        replaced('to = "weight", domain = "weight"', 'to = "weight", domain = "integer"'),
        "travel.weight.domain: 'integer' is not what 'weight' holds",
        "expected weight",
    ),
    "two parameters change places": (
        replaced(
            'to = "weight"',
            'to = "ignore_index"',
            'index = { to = "ignore_index"',
            'index = { to = "weight"',
        ),
        "travel.weight.to: 'weight' becomes 'ignore_index'",
        "expected weight",
    ),
    "one operand": (
        replaced('call = ["input", "target"]', 'call = ["input"]', ', "labels"]', "]"),
        "source.call: 1 operands, and a loss has two",
        "name the logits, then the labels",
    ),
    "operands in each other's place": (
        replaced('call = ["logits", "labels"]', 'call = ["labels", "logits"]'),
        "target.call: 'labels' stands where the logits do",
        "expected one of input, inputs, logits",
    ),
    "an operand among the arguments of a class": (
        replaced('to = "dim", domain = "integer"', 'to = "dim", domain = "logits"'),
        "travel.axis.domain: 'axis' does not hold the logits",
        "keep it for the operands",
    ),
    "a file that is not named after the rule": (
        replaced('name = "torch.nn.NLLLoss"', 'name = "torch.nn.NLLLoss2d"'),
        "source.name: 'torch.nn.NLLLoss2d' does not match the name of the file",
        "rename the file to torch.nn.NLLLoss2d.toml",
    ),
    "an alias that is the name": (
        replaced('"torch.nn.modules.NLLLoss"', '"torch.nn.NLLLoss"'),
        "source.aliases[0]: 'torch.nn.NLLLoss' is claimed already",
        "let one rule have it",
    ),
}


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [pytest.param(*case, id=name) for name, case in MALFORMED.items()],
)
def test_a_malformed_rule_names_file_key_and_expectation(
    tmp_path: Path, change: Callable[[str], str], key: str, expected: str
) -> None:
    file = write(tmp_path, change(GOOD))
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{file}: {key}")
    assert expected in said


def test_invalid_toml_carries_its_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace('why = "It', "why = It"))
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    assert caught.value.line == 4


def test_a_path_in_two_files_names_both(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD)
    other = GOOD.replace('name = "torch.nn.NLLLoss"', 'name = "torch.nn.NLLLoss2d"')
    second = write(tmp_path, other, "torch.nn.NLLLoss2d")
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{second}: source.aliases[0]: 'torch.nn.modules.NLLLoss'")
    assert str(first) in said


def test_a_source_that_is_an_alias_elsewhere_names_both(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD.replace("torch.nn.modules.NLLLoss", "torch.nn.NLLLoss2d"))
    other = GOOD.replace("torch.nn.NLLLoss", "torch.nn.NLLLoss2d").replace(
        "torch.nn.modules.NLLLoss", "torch.nn.modules.NLLLoss2d"
    )
    second = write(tmp_path, other, "torch.nn.NLLLoss2d")
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{second}: source.name: 'torch.nn.NLLLoss2d'")
    assert str(first) in said


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "torch.nn.NLLLoss.toml"
    file.write_bytes(b'why = "caf\xe9"\n')
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    assert str(caught.value) == f"{file}: not UTF-8 at byte 10: save the file as UTF-8"


def test_a_rule_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "torch.nn.NLLLoss.toml"
    folder.mkdir()
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    assert str(caught.value).startswith(f"{folder}: Is a directory: ")


def test_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        ruleset.load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: no rule in it: add a rule, one .toml file an API"


def test_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(RuleError) as caught:
        ruleset.load(missing)
    said = str(caught.value)
    assert said == f"{missing}: no such directory: name a directory of rule files"


# --- The schemas and the vocabularies. ---


def test_the_schema_in_the_tree_is_the_generated_one() -> None:
    written = (RULES / "schema.json").read_text(encoding="utf-8")
    assert written == json.dumps(ruleset.schema(), indent=2) + "\n", "run scripts/generate-schema"


@pytest.mark.parametrize("name", ["schema.json", "report.schema.json"])
def test_a_schema_is_itself_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((RULES / name).read_text("utf-8")))


@pytest.mark.parametrize("file", sorted(RULES.glob("*.toml")), ids=lambda file: file.stem)
def test_a_rule_satisfies_the_schema(file: Path) -> None:
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads((RULES / "schema.json").read_text("utf-8")))


@pytest.mark.parametrize("file", sorted(RULES.glob("*.toml")), ids=lambda file: file.stem)
def test_a_rule_points_editors_to_the_schema(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith("#:schema ./schema.json\n")


def test_the_vocabularies_are_those_of_the_proof() -> None:
    assert set(typing.get_args(ruleset.Domain)) == set(DOMAINS)
    assert set(typing.get_args(ruleset.Kernel)) == set(KERNELS)
