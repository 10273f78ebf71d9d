"""Proofs: what is right is proven, and its twin that is wrong in one place is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import migrate.prove as door
from migrate.model import Evidence, Rule
from migrate.prove import LIMIT, Disproof, Pair, prove
from migrate.ruleset import default_rules

BY_PATH = default_rules().by_path
CE = BY_PATH["torch.nn.CrossEntropyLoss"]
NLL = BY_PATH["torch.nn.NLLLoss"]
NLL2D = BY_PATH["torch.nn.NLLLoss2d"]
F_CE = BY_PATH["torch.nn.functional.cross_entropy"]
F_NLL = BY_PATH["torch.nn.functional.nll_loss"]

SUM = "'sum' if flag is not None and not flag else 'mean'"
NONE = "'none' if flag is not None and not flag else 'mean'"
MIXED = "'sum' if (not a or b) is not None and not (not a or b) else 'mean'"
ALL_NAMES = (
    "F.cross_entropy(x, y, w, sa, ii, red, r, ls)",
    "ops.cross_entropy(x, y, w, ii, r if sa is None and red is None else "
    "'none' if red is not None and not red else 'sum' if sa is not None and not sa else 'mean', "
    "float(ls))",
)


def twins(rule: Rule, before: str, right: str, wrong: str, id: str) -> object:
    return pytest.param(rule, before, right, wrong, id=id)


TWINS = [
    twins(NLL, "nn.NLLLoss(size_average=False)", "nn.NLLLoss(reduction='sum')",
          "nn.NLLLoss(reduction='mean')", "sum and mean swapped"),
    twins(NLL, "nn.NLLLoss(reduce=False)", "nn.NLLLoss(reduction='none')",
          "nn.NLLLoss(reduction='sum')", "none and sum swapped"),
    twins(NLL, "nn.NLLLoss(weight=w)", "nn.NLLLoss(weight=w)",
          "nn.NLLLoss()", "weight dropped"),
    twins(NLL, "nn.NLLLoss(w, flag)", f"nn.NLLLoss(w, reduction={SUM})",
          f"nn.NLLLoss(flag, reduction={SUM})", "another weight"),
    twins(NLL, "nn.NLLLoss(w, None, 255)", "nn.NLLLoss(w, 255)",
          "nn.NLLLoss(w, None, 255)", "positions not shifted"),
    twins(CE, "nn.CrossEntropyLoss(w, None, n)", "nn.CrossEntropyLoss(w, ignore_index=n)",
          "nn.CrossEntropyLoss(w)", "ignore_index dropped"),
    twins(CE, "nn.CrossEntropyLoss(ignore_index=n)", "nn.CrossEntropyLoss(ignore_index=n)",
          "nn.CrossEntropyLoss(ignore_index=-1)", "another ignore_index"),
    twins(CE, "nn.CrossEntropyLoss(ignore_index=n - 1)", "nn.CrossEntropyLoss(ignore_index=n - 1)",
          "nn.CrossEntropyLoss(ignore_index=n)", "arithmetic dropped"),
    twins(NLL, "nn.NLLLoss(size_average=flag)", f"nn.NLLLoss(reduction={SUM})",
          "nn.NLLLoss(reduction='sum' if not flag else 'mean')", "None forgotten"),
    twins(NLL, "nn.NLLLoss(size_average=flag)", f"nn.NLLLoss(reduction={SUM})",
          "nn.NLLLoss(reduction='sum' if flag is False else 'mean')", "identity for truth: 0"),
    twins(NLL, "nn.NLLLoss(reduce=flag)", f"nn.NLLLoss(reduction={NONE})",
          "nn.NLLLoss(reduction='mean' if flag is True or flag is None else 'none')",
          "identity for truth: a string"),
    twins(NLL, "nn.NLLLoss(size_average=not a or b)", f"nn.NLLLoss(reduction={MIXED})",
          "nn.NLLLoss(reduction=" + MIXED.replace("not (not a or b)", "not not a or b") + ")",
          "parentheses lost"),
    twins(NLL, "nn.NLLLoss(size_average=flag)", f"nn.NLLLoss(reduction={SUM})",
          f"nn.NLLLoss(reduction={SUM.replace('not flag', 'not float(flag)')})",
          "a flag may be a string"),
    twins(NLL, "nn.NLLLoss(size_average=not a or b)", f"nn.NLLLoss(reduction={MIXED})",
          "nn.NLLLoss(reduction='mean' if not a or b else 'sum')", "an operand may be None"),
    twins(NLL, "nn.NLLLoss(size_average=False, reduce=red)",
          "nn.NLLLoss(reduction='sum' if red is None or red else 'none')",
          "nn.NLLLoss(reduction='sum' if red else 'none')", "size_average given, reduce None"),
    twins(NLL, "nn.NLLLoss(reduction=r, size_average=flag)",
          f"nn.NLLLoss(reduction=r if flag is None else {SUM})",
          f"nn.NLLLoss(reduction={SUM})", "reduction holds where both are None"),
    twins(NLL, "nn.NLLLoss(size_average=True, reduction='sum')", "nn.NLLLoss(reduction='mean')",
          "nn.NLLLoss(reduction='sum')", "reduction is ignored beside size_average"),
    twins(NLL, "nn.NLLLoss(size_average=None, reduction='sum')", "nn.NLLLoss(reduction='sum')",
          "nn.NLLLoss()", "size_average=None is no size_average"),
    twins(NLL, "nn.NLLLoss(reduction='elementwise_mean')", "nn.NLLLoss(reduction='mean')",
          "nn.NLLLoss(reduction='elementwise_mean')", "torch's old word for mean"),
    twins(NLL, "nn.NLLLoss(reduction=r or 'sum')", "nn.NLLLoss(reduction=r or 'sum')",
          "nn.NLLLoss(reduction=r)", "what is tested may be None"),
    twins(NLL, "nn.NLLLoss(size_average=mode == 'train')",
          "nn.NLLLoss(reduction='mean' if mode == 'train' else 'sum')",
          "nn.NLLLoss(reduction='sum' if mode == 'train' else 'mean')",
          "a comparison may give either"),
    twins(CE, "nn.CrossEntropyLoss(label_smoothing=0)", "nn.CrossEntropyLoss(label_smoothing=0.0)",
          "nn.CrossEntropyLoss(label_smoothing=0)", "int label_smoothing"),
    twins(CE, "nn.CrossEntropyLoss(label_smoothing=eps)",
          "nn.CrossEntropyLoss(label_smoothing=float(eps))",
          "nn.CrossEntropyLoss(label_smoothing=eps)", "label_smoothing that may be an int"),
    twins(F_CE, "F.cross_entropy(x, y, label_smoothing=1 - eps)",
          "ops.cross_entropy(x, y, label_smoothing=float(1 - eps))",
          "ops.cross_entropy(x, y, label_smoothing=float(eps))", "label_smoothing computed"),
    twins(CE, "nn.CrossEntropyLoss(label_smoothing=-1)", "nn.CrossEntropyLoss()",
          "nn.CrossEntropyLoss(label_smoothing=-1.0)", "negative label_smoothing is none in torch"),
    twins(F_CE, "F.cross_entropy(x, y)", "ops.cross_entropy(x, y)",
          "ops.cross_entropy(y, x)", "operands swapped"),
    twins(F_CE, "F.cross_entropy(target=y, input=x)", "ops.cross_entropy(target=y, input=x)",
          "ops.cross_entropy(y, x)", "keywords lost"),
    twins(F_NLL, "F.nll_loss(input=x, target=y)", "ops.nll_loss(inputs=x, target=y)",
          "ops.nll_loss(input=x, target=y)", "input is inputs"),
    twins(F_NLL, "F.nll_loss(x, y, None, None, 1)", "ops.nll_loss(x, y, None, 1)",
          "ops.nll_loss(x, y, None, None, 1)", "functional positions not shifted"),
    twins(F_NLL, "F.nll_loss(x, y, reduce=False)", "ops.nll_loss(x, y, reduction='none')",
          "ops.nll_loss(x, y, reduction='elementwise_mean')", "a word that is nearly none"),
    twins(F_NLL, "F.nll_loss(x, y)", "ops.nll_loss(x, y)",
          "ops.nll_loss(x, y, label_smoothing=0.1)", "smoothing that torch has not"),
    twins(F_NLL, "F.nll_loss(x, y, ignore_index=1)", "ops.nll_loss(x, y, ignore_index=1)",
          "ops.nll_loss(x, y, ignore_index=True)", "a bool that is 1"),
    twins(F_CE, "F.cross_entropy(x, x)", "ops.cross_entropy(x, x)",
          "ops.cross_entropy(x, z)", "one tensor is both"),
    twins(F_CE, "F.cross_entropy(x if a else z, y)", "ops.cross_entropy(x if a else z, y)",
          "ops.cross_entropy(z if a else x, y)", "conditional operand"),
    twins(NLL, "nn.NLLLoss(f(), size_average=not g())",
          "nn.NLLLoss(f(), reduction='sum' if g() else 'mean')",
          "nn.NLLLoss(reduction='sum' if g() else 'mean', weight=f())", "order of f and g changed"),
    twins(NLL, "nn.NLLLoss(size_average=not f())", "nn.NLLLoss(reduction='sum' if f() else 'mean')",
          "nn.NLLLoss(reduction='sum' if f() and f() else 'mean')", "f evaluated twice"),
    twins(F_CE, "F.cross_entropy(x, y, reduction=f())", "ops.cross_entropy(x, y, reduction=f())",
          "ops.cross_entropy(x, y)", "f lost"),
    twins(F_CE, "F.cross_entropy(f(), f())", "ops.cross_entropy(f(), f())",
          "ops.cross_entropy(target=f(), input=f())", "each evaluation of f is its own"),
    twins(CE, "nn.CrossEntropyLoss(f() if a else None)", "nn.CrossEntropyLoss(f() if a else None)",
          "nn.CrossEntropyLoss((f(), f())[0] if a else None)", "f where it was not"),
    twins(CE, "nn.CrossEntropyLoss().cuda()", "nn.CrossEntropyLoss()",
          "nn.CrossEntropyLoss().cuda()", "move that MindSpore has not"),
    twins(CE, "nn.CrossEntropyLoss(w).to(device).cuda(self.rank)", "nn.CrossEntropyLoss(w)",
          "nn.CrossEntropyLoss()", "chain and weight"),
    twins(CE, "nn.CrossEntropyLoss()(x, y)", "nn.CrossEntropyLoss()(x, y)",
          "nn.CrossEntropyLoss()(y, x)", "called at once, swapped"),
    twins(CE, "nn.CrossEntropyLoss()(target=y, input=x)",
          "nn.CrossEntropyLoss()(labels=y, logits=x)",
          "nn.CrossEntropyLoss()(labels=y, input=x)", "input left for logits"),
    twins(CE, "nn.CrossEntropyLoss().cuda()(x, y)", "nn.CrossEntropyLoss()(x, y)",
          "nn.CrossEntropyLoss()(x, x)", "called at once after a move"),
    twins(NLL2D, "nn.NLLLoss2d(w, False)", "mindspore.nn.NLLLoss(w, reduction='sum')",
          "mindspore.nn.NLLLoss2d(w, reduction='sum')", "the deprecated name goes"),
    twins(NLL, "nn.NLLLoss()", "mindspore.nn.NLLLoss()",
          "mindspore.nn.CrossEntropyLoss()", "another API"),
    twins(NLL, "Loss(w)", "Loss(w)",
          "Other(w)", "an alias of the import stays"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "before", "right", "wrong"), TWINS)
def test_the_right_one_is_proven_and_the_wrong_one_is_not(
    rule: Rule, before: str, right: str, wrong: str
) -> None:
    proof = prove(Pair(rule, before, right))
    assert isinstance(proof, Evidence), proof
    assert proof.cases >= 8
    assert proof.max_error == 0.0
    assert isinstance(prove(Pair(rule, before, wrong)), Disproof)


@pytest.mark.parametrize(
    ("before", "right", "wrong"),
    [
        pytest.param("c(x, y)", "c(x, y)", "c(y, x)", id="swapped"),
        pytest.param("c(input=x, target=y)", "c(logits=x, labels=y)", "c(input=x, target=y)",
                     id="keywords kept"),
        pytest.param("c(target=y, input=x)", "c(labels=y, logits=x)", "c(labels=x, logits=y)",
                     id="keywords mixed up"),
        pytest.param("self.c(x, target=f())", "self.c(x, labels=f())", "self.c(f(), labels=x)",
                     id="another order"),
        pytest.param("c(x, y)", "c(x, y)", "d(x, y)", id="another instance"),
        pytest.param("g().c(x, y)", "g().c(x, y)", "c(x, y)", id="another receiver"),
        pytest.param("c(x, y)", "c(x, y)", None, id="one side only"),
    ],
)  # fmt: skip
def test_a_later_call_must_travel_with_its_constructor(
    before: str, right: str, wrong: str | None
) -> None:
    made = (CE, "nn.CrossEntropyLoss()", "nn.CrossEntropyLoss()")
    assert isinstance(prove(Pair(*made, before, right)), Evidence)
    assert isinstance(prove(Pair(*made, before, wrong)), Disproof)


@pytest.mark.parametrize(
    ("rule", "before", "after", "message"),
    [
        pytest.param(CE, "nn.CrossEntropyLoss(*a)", "nn.CrossEntropyLoss(*a)", "starred",
                     id="starred argument"),
        pytest.param(CE, "nn.CrossEntropyLoss(**k)", "nn.CrossEntropyLoss(**k)", "starred",
                     id="double star"),
        pytest.param(F_CE, *(text.replace("(x,", "(x if one_more else z,") for text in ALL_NAMES),
                     "too many free names", id="too many free names"),
        pytest.param(CE, "nn.CrossEntropyLoss()(x, y)", "nn.CrossEntropyLoss()", "only one side",
                     id="called on one side only"),
        pytest.param(CE, "nn.CrossEntropyLoss(reduction='bogus')",
                     "nn.CrossEntropyLoss(reduction='bogus')", "no loss", id="both always raise"),
        pytest.param(CE, "nn.CrossEntropyLoss([1.0, 2.0])", "nn.CrossEntropyLoss([1.0, 2.0])",
                     "no loss", id="a list is no weight"),
        pytest.param(CE, "nn.CrossEntropyLoss(weight=w, foo=1)", "nn.CrossEntropyLoss(weight=w)",
                     "only one side raises", id="unknown keyword"),
        pytest.param(CE, "nn.CrossEntropyLoss(w, weight=w)", "nn.CrossEntropyLoss(w)",
                     "only one side raises", id="given twice"),
        pytest.param(F_CE, "F.cross_entropy(x)", "ops.cross_entropy(x, y)",
                     "only one side raises", id="missing argument"),
        pytest.param(NLL, "nn.NLLLoss(w, None, 1, None, 'sum', 2)", "nn.NLLLoss(w, 1, 'sum')",
                     "only one side raises", id="too many arguments"),
        pytest.param(F_NLL, "F.nll_loss(x, x)", "ops.nll_loss(x, x)", "no loss",
                     id="probabilities for indices"),
        pytest.param(NLL, "nn.NLLLoss(w).to(torch.half)", "nn.NLLLoss(w)", "casts",
                     id="chain that casts"),
        pytest.param(NLL, "nn.NLLLoss(w).to(pick())", "nn.NLLLoss(w)", "calls in the arguments",
                     id="chain with a side effect"),
        pytest.param(NLL, "nn.NLLLoss(", "nn.NLLLoss()", "not an expression", id="no Python"),
        pytest.param(NLL, "nn.NLLLoss", "nn.NLLLoss", "not a call", id="no call"),
        pytest.param(NLL, "nn.BCELoss()", "nn.NLLLoss()", "BCELoss", id="another source"),
        pytest.param(NLL, f"nn.NLLLoss({'-' * 900}w)", f"nn.NLLLoss({'-' * 900}w)", "nested",
                     id="nested too deeply"),
        pytest.param(NLL, "losses[0]()", "nn.NLLLoss()", "dotted", id="no name"),
    ],
)  # fmt: skip
def test_what_cannot_be_proven_says_why(rule: Rule, before: str, after: str, message: str) -> None:
    # MindSpore raises the limit for the whole process, where it has been imported before.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        found = prove(Pair(rule, before, after))
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(found, Disproof)
    assert message in found.message


def test_a_side_effect_must_not_move_to_the_later_call() -> None:
    found = prove(
        Pair(
            NLL,
            "nn.NLLLoss(size_average=True if f() else None)",
            "nn.NLLLoss()",
            "c(x, y)",
            "c(x if f() else x, y)",
        )
    )
    assert isinstance(found, Disproof)
    assert found.message == "the calls in the arguments differ"


def test_a_disproof_names_the_values_and_both_readings() -> None:
    after = "nn.NLLLoss(w, reduction='mean' if size_average else 'sum')"
    found = prove(Pair(NLL, "nn.NLLLoss(w, size_average)", after))
    assert isinstance(found, Disproof)
    assert "size_average=None" in found.case
    assert "torch computes with reduction='mean'" in found.case
    assert "MindSpore computes with reduction='sum'" in found.case


def test_a_name_that_is_known_to_be_a_bool_is_never_none() -> None:
    texts = (
        "nn.NLLLoss(size_average=self.flag)",
        "nn.NLLLoss(reduction='mean' if self.flag else 'sum')",
    )
    assert isinstance(prove(Pair(NLL, *texts)), Disproof)
    assert isinstance(prove(Pair(NLL, *texts, booleans=frozenset({"self.flag"}))), Evidence)
    assert isinstance(prove(Pair(NLL, *texts, booleans=frozenset({"flag"}))), Disproof)


def test_every_value_of_every_name_is_counted() -> None:
    # 8 tensor cases for indices of a class, 3 weights, 5 indices to ignore.
    found = prove(Pair(NLL, "nn.NLLLoss(w, None, n)", "nn.NLLLoss(w, n)"))
    assert found == Evidence(8 * 3 * 5, 0.0)


def test_eight_free_names_are_within_the_limit() -> None:
    # 3 weights, 6 flags twice, 5 integers, 3 reductions, 5 fractions.
    assert LIMIT >= 3 * 6 * 6 * 5 * 3 * 5
    assert isinstance(prove(Pair(F_CE, *ALL_NAMES)), Evidence)
    assert isinstance(prove(Pair(F_CE, ALL_NAMES[0], ALL_NAMES[1].replace("float", ""))), Disproof)


@pytest.mark.parametrize("place", ["weight", "size_average", "reduction"])
def test_nothing_of_the_text_is_run(place: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    evil = f"__import__('os').system('touch {trace}')"
    right = {
        "weight": f"nn.NLLLoss(weight={evil})",
        "size_average": f"nn.NLLLoss(reduction='mean' if {evil} else 'sum')",
        "reduction": f"nn.NLLLoss(reduction={evil})",
    }
    found = prove(Pair(NLL, f"nn.NLLLoss({place}={evil})", right[place]))
    # A call may give None, so only the one whose fold does not ask for it is wrong.
    assert isinstance(found, Disproof if place == "size_average" else Evidence)
    assert not trace.exists()


@pytest.mark.parametrize("text", ["9**9**9**9", "1 << 10**12", "'a' * 10**12", "10**10**10 % 7"])
def test_a_short_text_cannot_take_long(text: str) -> None:
    started = time.perf_counter()
    prove(Pair(NLL, f"nn.NLLLoss(ignore_index={text})", f"nn.NLLLoss(ignore_index={text})"))
    assert time.perf_counter() - started < 2


def test_equal_pairs_are_proven_once_however_they_are_spelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door.prove.cache_clear()
    door._prove.cache_clear()
    for before, after in (
        ("nn.NLLLoss(w, reduction='sum')", "mindspore.nn.NLLLoss(w, reduction='sum')"),
        ('torch.nn.NLLLoss( w,reduction = "sum" )', "ms.nn.NLLLoss(w, reduction='sum')"),
        ("Alias(\n  w, # weights\n  reduction='sum')", "NLLLoss(w, reduction='sum')"),
    ):
        assert isinstance(prove(Pair(NLL, before, after, booleans=frozenset({before}))), Evidence)
    assert door._prove.cache_info().misses == 1


def test_a_proof_is_quick() -> None:
    prove(Pair(NLL, "nn.NLLLoss()", "mindspore.nn.NLLLoss()"))
    pairs = [Pair(CE, f"n{i}.CrossEntropyLoss()", "m.nn.CrossEntropyLoss()") for i in range(100)]
    started = time.perf_counter()
    for pair in pairs:
        assert isinstance(prove(pair), Evidence)
    # Measured: 15 ms, of which 2 are the first.
    assert time.perf_counter() - started < 1


def test_domains_can_be_had_without_numpy() -> None:
    code = (
        "import sys, migrate.prove.domains as d; sys.exit('numpy' in sys.modules or not d.DOMAINS)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


# --- Any legacy arguments, folded by truth table ---

LITERALS = {"None": None, "True": True, "False": False, "0": 0, "1": 1, "'none'": "none"}
REDUCTIONS = ("mean", "sum", "none")
Row = tuple[str, str]


def states(text: str) -> tuple[str, ...]:
    """Which of None, true and untrue the operand can be."""
    if text not in LITERALS:
        return ("none", "true", "untrue")
    value = LITERALS[text]
    return ("none",) if value is None else ("true",) if value else ("untrue",)


def table(size_average: str, reduce: str, reduction: str) -> dict[Row, str]:
    """The legacy arguments as torch documents them, row by row."""
    found = {}
    for row in product(states(size_average), states(reduce)):
        averages, reduces = (state != "untrue" for state in row)
        if row == ("none", "none"):
            found[row] = reduction
        else:
            found[row] = repr("none" if not reduces else "mean" if averages else "sum")
    return found


def spelled(rows: dict[Row, str], size_average: str, reduce: str) -> str:
    """One conditional a row."""
    tests = {"none": "({0} is None)", "true": "({0})", "untrue": "({0} is not None and not {0})"}
    *first, last = rows.items()
    arms = "".join(
        f"{value} if {tests[row[0]].format(size_average)} and {tests[row[1]].format(reduce)} else "
        for row, value in first
    )
    return arms + last[1]


operands = st.sampled_from([*LITERALS, "a", "self.b", "cfg['c']"])


@settings(max_examples=150, deadline=None)
@given(
    rule=st.sampled_from([CE, NLL, NLL2D, F_CE, F_NLL]),
    size_average=operands,
    reduce=operands,
    reduction=st.sampled_from(["'mean'", "'sum'", "'none'", "r", "self.r"]),
    data=st.data(),
)
def test_a_fold_is_proven_if_and_only_if_every_row_of_its_table_is_right(
    rule: Rule, size_average: str, reduce: str, reduction: str, data: st.DataObject
) -> None:
    tensors = "x, y, " if rule.kind == "function" else ""
    source, target = (path.rpartition(".")[2] for path in (rule.source, rule.target))
    before = (
        f"{source}({tensors}reduce={reduce}, size_average={size_average}, reduction={reduction})"
    )
    rows = table(size_average, reduce, reduction)
    if size_average == reduce:
        # One name in both places is in one state.
        rows = {row: value for row, value in rows.items() if row[0] == row[1]}
    after = f"{target}({tensors}reduction={spelled(rows, size_average, reduce)})"
    assert isinstance(prove(Pair(rule, before, after)), Evidence), after

    row = data.draw(st.sampled_from(sorted(rows)))
    wrong = data.draw(
        st.sampled_from([text for text in map(repr, REDUCTIONS) if text != rows[row]])
    )
    after = f"{target}({tensors}reduction={spelled({**rows, row: wrong}, size_average, reduce)})"
    assert isinstance(prove(Pair(rule, before, after)), Disproof), after
