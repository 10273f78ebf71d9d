"""What the proof is worth: the code is broken on purpose, and what comes out wrong is not written.

`mutations` lists the breaks. A broken fold or map of the arguments makes a wrong rewrite, which the
proof must refuse. A broken reader is the proof's own yardstick: some make it refuse what is right;
the others would let something wrong pass, and are caught by a pair that no proof may let pass, and
by holding the readers against the real frameworks. A few breaks are outside of what the proof sees:
fixtures hold those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import test_readers
from frameworks import mindspore
from mutating import Mutation, apply, forget
from mutations import ARGUMENTS, BELIEVED, FOLD, READERS

from migrate import FileResult, Status, migrate_source
from migrate.model import Evidence, Rule
from migrate.prove import Disproof, Pair, prove
from migrate.ruleset import default_rules

FIXTURES = Path(__file__).parent / "fixtures"

EVERY = (*FOLD, *ARGUMENTS, *READERS)
STRICT = [each for each in EVERY if each.calls]
LENIENT = [each for each in EVERY if each.wrong]
HELD = [each for each in LENIENT if each.readers]

TEXT = """\
import torch.nn as nn
import torch.nn.functional as F


def loss(x, y, w, a, b, r, k, s, f):
    return {call}
"""


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    # What the broken code has found must not outlive it.
    forget()


def migrated(call: str) -> FileResult:
    return migrate_source(TEXT.format(call=call))


def codes(result: FileResult) -> list[str]:
    return [finding.code for finding in result.with_status(Status.MANUAL)]


def names(mutations: list[Mutation]) -> object:
    return pytest.mark.parametrize("mutation", mutations, ids=lambda each: each.name)


def test_each_part_is_broken_in_ten_ways_or_more() -> None:
    for part in (FOLD, ARGUMENTS, READERS):
        assert len({(each.module, each.right, each.wrong_code) for each in part}) >= 10
    assert len({each.name for each in EVERY}) == len(EVERY)
    assert {each.name for each in EVERY} == {each.name for each in (*STRICT, *LENIENT)}


def test_the_document_counts_them() -> None:
    text = (FIXTURES.parents[1] / "docs" / "proof.md").read_text()
    section = text.partition("## What it is worth")[2].partition("\n## ")[0]
    strict = [each for each in READERS if each.calls]
    parts = (FOLD, ARGUMENTS, strict, LENIENT, BELIEVED)
    counts = [int(count) for count in re.findall(r"^\|.*\| (\d+) \|", section, re.MULTILINE)]
    assert counts == [len(part) for part in parts]
    assert f"in {sum(counts)} ways" in section


@names(STRICT)
def test_what_a_break_gets_wrong_is_handed_over(
    mutation: Mutation, patch: pytest.MonkeyPatch
) -> None:
    for call in mutation.calls:
        right = migrated(call)
        assert right.changed, f"{call}: {codes(right)}"
        assert codes(right) == []
    apply(mutation, patch)
    for call in mutation.calls:
        wrong = migrated(call)
        assert wrong.error is None, wrong.traceback
        assert not wrong.changed, f"{call} became {wrong.after}"
        assert codes(wrong) == ["unproven"], call
        assert not wrong.with_status(Status.REWRITTEN)


def rule_of(call: str) -> Rule:
    last = call.partition("(")[0].rpartition(".")[2]
    (rule,) = (each for each in default_rules().rules if each.id.endswith(f".{last}"))
    return rule


@names(LENIENT)
def test_what_no_proof_may_let_pass_finds_a_yardstick_that_is_too_short(
    mutation: Mutation, patch: pytest.MonkeyPatch
) -> None:
    assert mutation.wrong is not None
    before, after = mutation.wrong
    pair = Pair(rule_of(before), before, after)
    assert isinstance(prove(pair), Disproof)
    apply(mutation, patch)
    assert isinstance(prove(pair), Evidence), "nothing is broken: choose another pair"


@names(HELD)
def test_the_real_frameworks_contradict_a_reader_that_is_too_lenient(
    mutation: Mutation, patch: pytest.MonkeyPatch
) -> None:
    side, path, given = mutation.readers
    rule = default_rules().by_path[path]
    if side == "keyword":
        # That the real class refuses it is what the unbroken reading says.
        ms, (x, y) = mindspore(), test_readers.tensors((4, 3))
        tensors = ms.Tensor(x), ms.Tensor(y.astype(np.int32))
        found = test_readers.real(rule.target, rule, *tensors, ms.Tensor, given)
        assert "unexpected keyword" in str(found)
        return
    shapes = {} if side == "torch" else {"shapes": test_readers.SHAPES}
    disagreements = {
        "torch": test_readers.torch_disagreements,
        "mindspore": test_readers.mindspore_disagreements,
    }[side]
    assert disagreements(rule, iter([given]), **shapes) == []
    apply(mutation, patch)
    assert disagreements(rule, iter([given]), **shapes)


@names(list(BELIEVED))
def test_what_the_proof_believes_is_held_by_a_fixture(
    mutation: Mutation, patch: pytest.MonkeyPatch
) -> None:
    folder = FIXTURES / mutation.fixture
    before = (folder / "before.py").read_text()
    right = migrate_source(before)
    after = folder / "after.py"
    assert right.after == (after.read_text() if after.exists() else before)
    apply(mutation, patch)
    wrong = migrate_source(before)
    assert wrong.after != right.after
    # If the proof has learnt to see it, it belongs to the others.
    assert "unproven" not in codes(wrong)


def test_a_break_that_no_longer_fits_the_code_is_an_error(patch: pytest.MonkeyPatch) -> None:
    for right in ("no such line", "return"):
        with pytest.raises(AssertionError, match="stands"):
            apply(Mutation("unfit", "migrate.fold", right, "pass"), patch)


def test_what_is_broken_is_whole_again() -> None:
    for mutation in EVERY:
        with pytest.MonkeyPatch.context() as patch:
            apply(mutation, patch)
    forget()
    for call in dict.fromkeys(call for each in STRICT for call in each.calls):
        assert migrated(call).changed, call
