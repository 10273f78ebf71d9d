"""The catalogue of differences is true on the installed frameworks, and cannot rot unseen."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import asdict, replace
from packaging.specifiers import SpecifierSet

from migrate import cli, differences
from migrate.codes import CODES
from migrate.differences import Claim, Difference
from migrate.errors import RuleError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "rules" / "differences"
sys.path.insert(0, str(ROOT / "scripts"))

import catalogue  # noqa: E402
import probes  # noqa: E402

CATALOGUE = differences.load()
GOOD = """\
id = "a-difference"
title = "A difference"
rules = ["torch.nn.NLLLoss"]
why = "It is an example."
remedy = "mind it"

[[claims]]
side = "torch"
api = "torch.nn.NLLLoss"
versions = "==2.13.*"
does = "prints"
expected = "prints 1"
probe = "print(1)"

[[claims]]
side = "mindspore class"
api = "mindspore.nn.NLLLoss"
versions = ">=2.7,<2.11"
does = "raises"
expected = "raises TypeError or died"
probe = "print(1 + '')"
"""

EVIDENCE = """
[[evidence]]
role = "labels"
says = "labels of int64"
rules = ["torch.nn.NLLLoss2d"]
methods = ["long"]
"""


# --- The probes, on the installed frameworks. ---


def observed(framework: str) -> Iterator[tuple[str, Claim, str]]:
    """Run all probes of a framework; what may kill its process runs in one of its own."""
    claims = [
        (entry.id, claim)
        for entry in CATALOGUE.values()
        for claim in entry.claims
        if claim.side.startswith(framework)
    ]
    for deadly in (False, True):
        chosen = [(name, claim) for name, claim in claims if ("died" in claim.expected) == deadly]
        sources = [claim.probe for _, claim in chosen]
        told = probes.outcomes(sys.executable, sources, limit=300, alone=deadly)
        for (name, claim), outcome in zip(chosen, told, strict=True):
            yield name, claim, outcome


def turned(expected: str) -> list[str]:
    """Return what a claim would expect if it said the contrary: another outcome of each kind."""
    if expected.startswith("raises "):
        return ["prints 0", "raises IndexError" if "Index" not in expected else "raises KeyError"]
    contrary = {"nan": "0", "True": "False", "[]": "['train']"}
    other = re.sub(
        r"\d+|nan|True|\[\]|'.*'",
        lambda found: str(int(found[0]) + 1) if found[0].isdigit() else contrary.get(found[0], ""),
        expected,
    )
    return ["raises TypeError", other]


# One test a framework, so that parallel workers do not run all the probes once each.
@pytest.mark.parametrize("framework", ["torch", "mindspore"])
def test_every_probe_shows_what_its_claim_says_and_not_the_contrary(framework: str) -> None:
    installed, wrong = version(framework), []
    for name, claim, outcome in observed(framework):
        said = f"{name}: {claim.api} {claim.versions}: {outcome}"
        if not claim.holds(outcome):
            wrong.append(f"{said}, not {claim.expected}")
        if not SpecifierSet(claim.versions).contains(installed):
            wrong.append(f"{said}, and this is {installed}")
        for contrary in turned(claim.expected):
            if replace(claim, expected=contrary).holds(outcome):
                wrong.append(f"{said} would show the contrary too, {contrary}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.id)
def test_some_side_does_what_another_does_not(entry: Difference) -> None:
    """An entry where all sides agree is no difference, but for a tensor that each must make."""
    shown = {claim.expected for claim in entry.claims}
    makes_its_own_tensor = entry.id in ("weight-array", "weight-list")
    assert (len(shown) == 1) == makes_its_own_tensor


def test_a_process_that_dies_or_hangs_hurts_no_other_probe() -> None:
    dies = "import os\nos._exit(1)"
    hangs = "import time\ntime.sleep(60)"
    programs = ["print(0.12345, [2])", dies, "raise KeyError", hangs, "print('after')"]
    told = probes.outcomes(sys.executable, programs, limit=5)
    assert told == ["prints 0.123 [2]", "died", "raises KeyError", "timed out", "prints after"]
    assert probes.outcomes(sys.executable, programs, limit=5, alone=True) == told


def test_what_native_code_prints_is_no_answer() -> None:
    program = "import os\nos.write(1, b'noise')\nos.write(2, b'noise')\nprint(float('nan'))"
    assert probes.outcomes(sys.executable, [program], limit=30) == ["prints nan"]


# --- The files. ---


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.id)
def test_an_entry_satisfies_the_schema_and_its_probes_parse(entry: Difference) -> None:
    document = tomllib.loads((FOLDER / f"{entry.id}.toml").read_text("utf-8"))
    jsonschema.validate(document, json.loads((FOLDER / "schema.json").read_text("utf-8")))
    for claim in entry.claims:
        ast.parse(claim.probe)
        assert claim.side.partition(" ")[0] in claim.probe


def test_the_schema_in_the_tree_is_the_generated_one() -> None:
    written = (FOLDER / "schema.json").read_text("utf-8")
    assert written == json.dumps(differences.schema(), indent=2) + "\n", "scripts/generate-schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


def test_no_difference_takes_the_name_of_a_code() -> None:
    assert not CATALOGUE.keys() & CODES.keys()


def _without(line: str) -> Callable[[str], str]:
    return lambda text: text.replace(line, "")


def _with(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(_without('title = "A difference"\n'), "title: the key is missing", id="key"),
        pytest.param(
            _with("why", "whi"), "whi: unknown key: expected one of id, title", id="spelling"
        ),
        pytest.param(
            _with('side = "torch"', 'side = "tensorflow"'),
            "claims[0].side: Invalid enum value 'tensorflow': "
            "expected one of torch, mindspore class, mindspore function, mindspore",
            id="side",
        ),
        pytest.param(
            _with('does = "prints"', 'do = "prints"'),
            "claims[0].do: unknown key: expected one of side, api",
            id="key of a claim",
        ),
        pytest.param(_with("prints 1", "prints"), "claims[0].expected: Expected `str`", id="text"),
        pytest.param(_with("or died", "or lived"), "claims[1].expected: Expected", id="outcome"),
        pytest.param(_with("<2.11", "to 2.11"), "claims[1].versions: Expected", id="versions"),
        pytest.param(
            _with('["torch.nn.NLLLoss"]', '["torch.nn.NLLoss"]'),
            "rules[0]: no rule 'torch.nn.NLLoss': expected one of torch.nn.CrossEntropyLoss",
            id="rule",
        ),
        pytest.param(
            _with('api = "mindspore.nn', 'api = "torch.nn'),
            "claims[1].api: 'torch.nn.NLLLoss' is none of mindspore: expected mindspore.…",
            id="API of the other framework",
        ),
        pytest.param(
            _with("mindspore class", "mindspore function"),
            "claims: no claim of the side 'mindspore class', which torch.nn.NLLLoss needs",
            id="no claim on the class",
        ),
        pytest.param(
            lambda text: text.partition('[[claims]]\nside = "mindspore')[0],
            "claims: no claim of the side 'mindspore class'",
            id="no claim on MindSpore",
        ),
        pytest.param(_with("a-diff", "A-diff"), "id: Expected `str` matching", id="capital"),
        pytest.param(
            _with("a-diff", "b-diff"), "id: 'b-difference' does not match the name", id="name"
        ),
        pytest.param(_with("title =", "title"), "not valid TOML", id="syntax"),
        pytest.param(
            lambda text: f'{text}\n[[evidence]]\nrole = "labels"\nsays = "labels"\n',
            "evidence[0]: nothing that an expression could be: expected methods, calls or displays",
            id="evidence of nothing",
        ),
        pytest.param(
            lambda text: f"{text}{EVIDENCE}".replace("NLLLoss2d", "CrossEntropyLoss"),
            "evidence[0].rules: 'torch.nn.CrossEntropyLoss' is not concerned",
            id="evidence for another rule",
        ),
        pytest.param(
            lambda text: f"{text}{EVIDENCE}".replace('"labels"', '"label"', 1),
            "evidence[0].role: Invalid enum value 'label': expected one of logits, labels, weight",
            id="role",
        ),
    ],
)
def test_a_malformed_difference_names_file_key_and_expectation(
    tmp_path: Path, spoil: Callable[[str], str], told: str
) -> None:
    file = tmp_path / "a-difference.toml"
    file.write_text(GOOD, "utf-8")
    assert list(differences.load(tmp_path)) == ["a-difference"]
    spoilt = spoil(GOOD)
    assert spoilt != GOOD
    file.write_text(spoilt, "utf-8")
    with pytest.raises(RuleError) as caught:
        differences.load(tmp_path)
    assert str(caught.value).startswith(f"{file}: ")
    assert told in str(caught.value)


def test_a_folder_without_a_difference_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no difference in it"):
        differences.load(tmp_path)


# --- The pages. ---


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.id)
def test_explain_prints_all_of_an_entry(
    capfd: pytest.CaptureFixture[str], entry: Difference
) -> None:
    assert cli.main(["explain", entry.id]) == 0
    page = capfd.readouterr().out
    for part in (entry.id, entry.title, entry.why, entry.remedy, *entry.rules):
        assert part.strip() in page
    for claim in entry.claims:
        assert f"{claim.side}: {claim.api} {claim.versions}\n{claim.does}; shown by" in page
        assert claim.expected in page
        assert all(line in page for line in claim.probe.splitlines())


def test_explain_an_entry_as_a_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "int64-labels", "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["kind"], document["name"]) == ("difference", "int64-labels")
    assert document["claims"] == [asdict(claim) for claim in CATALOGUE["int64-labels"].claims]


def test_the_sections_of_the_document_are_those_of_the_catalogue() -> None:
    text = (ROOT / "docs" / "differences.md").read_text("utf-8")
    fresh = catalogue.put(text, "sections", catalogue.sections(CATALOGUE))
    assert fresh == text, "run scripts/probe-versions"
    assert f"### {next(iter(CATALOGUE))}\n" in text


def test_every_claim_on_mindspore_stands_in_the_measured_table_as_it_is_claimed() -> None:
    text = (ROOT / "docs" / "differences.md").read_text("utf-8")
    head, _, *rows = re.findall(r"^\|.*\|$", text.partition("## The differences")[0], re.MULTILINE)
    versions = [cell.strip() for cell in head.split("|")[3:-1]]
    assert version("mindspore") in versions
    told: dict[str, dict[tuple[str, int], str]] = {each: {} for each in versions}
    claims = catalogue.mindspore_claims(CATALOGUE)
    for key, row in zip(claims, rows, strict=True):
        cells = [cell.strip().strip("*") for cell in row.split("|")[3:-1]]
        for each, cell in zip(versions, cells, strict=True):
            told[each][key] = cell
            assert catalogue.as_claimed(claims[key], each, cell), (key, each, cell)
    assert catalogue.table(CATALOGUE, told) in text, "run scripts/probe-versions VERSION…"
