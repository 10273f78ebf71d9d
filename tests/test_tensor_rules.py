"""What the rules of tensors claim of torch and MindSpore, held against the installed ones."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from frameworks import mindspore, torch
from packaging.specifiers import SpecifierSet

from migrate import tensor_rules
from migrate.errors import RuleError
from migrate.handed import handed_on, index_of
from migrate.places import Place
from migrate.prove.made import Drawn, Dtype, Made, Unread
from migrate.prove.reading import Failed
from migrate.prove.samples import DOMAINS, UNKNOWN, tensors
from migrate.prove.tensors import READINGS
from migrate.prove.tolerance import mismatch
from migrate.ruleset import default_rules
from migrate.tensor_rules import METHOD, Signature, TensorRule, load

FOLDER = Path(__file__).resolve().parents[1] / "rules" / "tensors"
RULES = load().rules
each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])


def frameworks() -> tuple[Any, Any]:
    return torch(), mindspore()


def sides(rule: TensorRule) -> list[tuple[int, Signature]]:
    return [(0, rule.source), *([(1, rule.target)] if rule.target else [])]


def at(framework: Any, path: str) -> Any:
    return attrgetter(path.partition(".")[2])(framework)


# -- the files -----------------------------------------------------------------------------------


def test_the_schema_in_the_tree_is_the_generated_one() -> None:
    written = (FOLDER / "schema.json").read_text(encoding="utf-8")
    expected = json.dumps(tensor_rules.schema(), indent=2) + "\n"
    assert written == expected, "run scripts/generate-schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


def test_they_are_apart_from_the_rules_of_losses() -> None:
    losses = default_rules()
    assert not {rule.id for rule in RULES} & losses.by_path.keys()
    assert "tensor" not in losses.words


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('to = "input_data"', 'to = "inputs"', "travel.data.to: target has no parameter 'inputs'"),
        ('data = { role = "data", to = "input_data" }\n', "", "travel.data: a source parameter"),
        ('forms = [["data"]]', 'forms = [["dat"]]', "source.forms[0]: source has no parameter"),
        ('default = "False"', 'default = "no"', "is not a Python literal"),
        ('name = "mindspore.tensor"', 'name = "mine.tensor"', "is not of MindSpore"),
        ('name = "torch.tensor"', 'name = "torch.tensors"', "does not match the name of the file"),
        ('kind = "creation"', 'kind = "filling"', "source.receiver"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, what: str) -> None:
    text = (FOLDER / "torch.tensor.toml").read_text()
    assert old in text
    (tmp_path / "torch.tensor.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(RuleError, match=r"torch\.tensor\.toml") as caught:
        load(tmp_path)
    assert what in str(caught.value)


# -- the APIs ------------------------------------------------------------------------------------


@each_rule
def test_the_installed_versions_are_those_of_the_rule(rule: TensorRule) -> None:
    for side, signature in sides(rule):
        assert frameworks()[side].__version__.partition("+")[0] in SpecifierSet(signature.versions)


@each_rule
def test_both_apis_exist(rule: TensorRule) -> None:
    for side, signature in sides(rule):
        assert at(frameworks()[side], signature.path) is not None


@each_rule
def test_an_alias_is_the_same_object(rule: TensorRule) -> None:
    for alias in rule.aliases:
        assert at(torch(), alias) is at(torch(), rule.id)


@each_rule
def test_a_call_that_goes_has_no_counterpart(rule: TensorRule) -> None:
    if rule.target is None:
        # MindSpore's `.to` takes a dtype or the name of a device as MindSpore calls it.
        has = hasattr(mindspore().Tensor, rule.id.removeprefix(METHOD))
        assert has == (rule.id == "torch.Tensor.to")


@each_rule
def test_the_target_has_the_parameters_of_the_rule(rule: TensorRule) -> None:
    if rule.target is None or rule.kind == "dtype" or rule.reading == "size":  # no call
        return
    api = at(mindspore(), rule.target.path)
    try:
        given = inspect.signature(api).parameters
    except ValueError:
        return  # of C++: the readings below call it
    for name, default in rule.target.defaults.items():
        if not rule.is_method or not rule.target.path.startswith("mindspore.Tensor"):
            assert name in given, name
        if name in given and given[name].kind is not inspect.Parameter.VAR_POSITIONAL:
            actual = given[name].default
            if default is not None:
                assert repr(actual) == default, name


# -- the readings --------------------------------------------------------------------------------

#: What a free name may hold, and dtypes of which both frameworks make something.
DTYPES = (
    None,
    Dtype("float32"),
    Dtype("float64"),
    Dtype("float16"),
    Dtype("int32"),
    Dtype("int64"),
)
VALUES: dict[str, tuple[object, ...]] = {
    **DOMAINS,
    "dtype": DTYPES,
    "tensor": tuple(each for dtype in UNKNOWN for each in tensors(dtype)),
    "device": (None,),
    "flag": (False, True),
}
#: Roles of which a rule's module takes other values than a function.
CHANNELS: dict[str, tuple[object, ...]] = {
    "in_channels": (4, 6),
    "out_channels": (2, 4),
    "kernel_size": (3, (2, 5)),
    "stride": (1, 2, (2, 1)),
    "dilation": (1, 2),
    "groups": (1, 2),
    "group": (1, 2),
    "bias": (True, False),
    "has_bias": (True, False),
    "pad_mode": ("valid",),
}


def roles(rule: TensorRule, side: int) -> dict[str, str]:
    by_source = {name: travel.role for name, travel in rule.travel.items()}
    if side == 0:
        return by_source
    assert rule.target is not None
    return {t.to: t.role for t in rule.travel.values() if t.to is not None}


def arguments(rule: TensorRule, side: int, signature: Signature) -> Iterator[dict[str, Any]]:
    known = roles(rule, side)
    domains = {}
    for name in signature.defaults:
        role = known.get(name)
        if rule.reading == "conv2d":
            domains[name] = CHANNELS[name]
        elif role is not None and (side == 1 or rule.travel[name].to is not None):
            domains[name] = VALUES[role]
    if rule.is_method and (side == 0 or "Tensor." in signature.path):
        domains = {"self": VALUES["tensor"], **domains}
    elif rule.reading == "stop_gradient":
        domains = {"value": VALUES["tensor"]}
    elif rule.reading == "log_softmax_method":
        domains = {"logits": VALUES["tensor"], "axis": VALUES["axis"]}
    elif rule.reading == "log_softmax_module":
        domains = {"operand": VALUES["tensor"], **domains}
    for values in itertools.product(*domains.values()):
        given = dict(zip(domains, values, strict=True))
        yield {
            **{n: eval(d) for n, d in signature.defaults.items() if d is not None},
            **given,
        }


def as_theirs(framework: Any, value: Any, role: str) -> Any:
    if isinstance(value, Dtype):
        return getattr(framework, value.name)
    if role == "tensor" and isinstance(value, np.ndarray):
        return framework.tensor(value)
    return value


def called(rule: TensorRule, side: int, signature: Signature, given: dict[str, Any]) -> Made:
    framework = frameworks()[side]
    known = {"self": "tensor", "operand": "tensor", "value": "tensor"} | roles(rule, side)
    if rule.reading == "log_softmax_method":
        known["logits"] = "tensor"
    ready = {n: as_theirs(framework, v, known.get(n, "")) for n, v in given.items()}
    api = at(framework, signature.path)
    if rule.kind == "module":
        operand = ready.pop("operand", None)
        if rule.reading == "conv2d":
            operand = framework.tensor(np.zeros((1, given["in_channels"], 32, 31), np.float32))
        made = api(**ready)(operand)
        return _of(made[0] if rule.reading == "conv2d" else made)
    dropped = [n for n in ready if side == 0 and n in rule.travel and rule.travel[n].to is None]
    for name in dropped:
        del ready[name]
    receiver = (ready.pop("self"),) if "self" in ready else ()
    several = [form[-1][1:] for form in signature.forms if form and form[-1].startswith("*")]
    if several:
        return _of(api(*receiver, ready.pop(several[0]), **ready))
    if rule.reading == "size":
        dim = given["dim"]
        if side == 0:
            return np.array(api(*receiver, *([] if dim is None else [dim])), np.int64)
        shape = api.fget(*receiver)
        return np.array(shape if dim is None else shape[dim], np.int64)
    if rule.reading == "sum":
        ready = {name: value for name, value in ready.items() if value is not None}
        if {"dim", "axis"} <= ready.keys():
            del ready["axis"]
        return _of(api(*receiver, **ready))
    if rule.reading == "arange":
        numbers = (ready.pop("start"), ready.pop("end"), ready.pop("step"))
        return _of(api(*numbers, **{n: v for n, v in ready.items() if v is not None}))
    form = max(signature.forms, key=len, default=())
    positional = [ready.pop(name) for name in form]
    while positional and positional[-1] is None:
        positional.pop()
    return _of(api(*receiver, *positional, **{n: v for n, v in ready.items() if v is not None}))


def _of(made: Any) -> np.ndarray:
    return np.asarray(
        made.detach().numpy()
        if hasattr(made, "detach")
        else getattr(made, "asnumpy", lambda: made)()
    )


#: MindSpore's log_softmax was measured to be off by 29 epsilon on CPU, where its losses are by 5.
LOOSE = {"float32": 32 * 2**-23, "float16": 8 * 2**-10}


def far(actual: np.ndarray, expected: np.ndarray) -> str | None:
    near = LOOSE[expected.dtype.name]
    if actual.shape == expected.shape and np.allclose(actual, expected, rtol=near, atol=near):
        return None
    return f"{actual.tolist()} instead of {expected.tolist()}"


def agrees(expected: Made, actual: Made, *, tight: bool = True) -> str | None:
    """Say what differs between what a reading gives and what the framework does."""
    assert isinstance(actual, np.ndarray)
    if not isinstance(expected, Drawn):
        if expected.dtype.kind == "f" and actual.dtype == expected.dtype:
            return mismatch(actual, expected) if tight else far(actual, expected)
        if actual.dtype != expected.dtype or actual.shape != expected.shape:
            return f"{actual.dtype} {actual.shape} instead of {expected.dtype} {expected.shape}"
        return None if np.array_equal(actual, expected) else f"{actual} instead of {expected}"
    if (actual.dtype.name, actual.shape) != (expected.dtype, tuple(expected.shape)):
        return f"{actual.dtype} {actual.shape} instead of {expected}"
    low, high = {"uniform": (0, 1), "integers": (expected.low, expected.high)}.get(
        expected.distribution, (-np.inf, np.inf)
    )
    return None if ((low <= actual) & (actual < high)).all() else f"{actual} is not {expected}"


READ = [
    pytest.param(rule, side, signature, id=f"{('torch', 'mindspore')[side]} {rule.id}")
    for rule in RULES
    if rule.kind not in ("dtype", "filling", "seed") and rule.reading != "unset"
    if rule.id not in ("torch.Tensor.cuda", "torch.Tensor.to")  # which need a device
    for side, signature in sides(rule)
]


@pytest.mark.parametrize(("rule", "side", "signature"), READ)
def test_what_a_reading_gives_the_framework_gives(
    rule: TensorRule, side: int, signature: Signature
) -> None:
    read: Callable[..., Made] = READINGS[rule.reading][side]
    compared, wrong = 0, []
    for given in arguments(rule, side, signature):
        try:
            expected = read(given)
        except Unread:
            continue  # it is not proven then, whatever the framework does
        except Failed:
            # No program that runs on torch comes here; MindSpore may take more than it is said to.
            if side == 0:
                with pytest.raises((TypeError, ValueError, RuntimeError, IndexError)):
                    called(rule, side, signature, given)
            continue
        actual = called(rule, side, signature, given)
        if rule.reading == "item":
            actual = actual.astype(expected.dtype)  # type: ignore[union-attr]  # a Python number
        found = agrees(expected, actual, tight=not (side and "log_softmax" in rule.reading))
        compared += 1
        if found:
            wrong.append(f"{given}: {found}")
    assert compared
    assert not wrong, "\n".join(wrong[:5])


def test_moving_a_tensor_to_where_it_is_gives_the_same_tensor() -> None:
    given = torch().tensor([1.5, 2.0])
    assert given.to("cpu") is given
    assert given.to(torch().device("cpu"), non_blocking=True) is given


@pytest.mark.parametrize("reading", ["zeros", "ones", "full", "randint"])
def test_mindspore_takes_no_sequence_within_a_size(reading: str) -> None:
    rule = next(rule for rule in RULES if rule.reading == reading)
    assert rule.target is not None
    size = ([3],)
    given = {"size": size, "shape": size, "fill_value": 1, "low": 0, "high": 2, "dtype": None}
    with pytest.raises((Failed, Unread)):
        READINGS[reading][1](given)
    takes = {name: given[name] for name in rule.target.defaults if name in given}
    with pytest.raises((TypeError, RuntimeError)):
        called(rule, 1, rule.target, takes)


def test_frameworks_count_a_range_otherwise() -> None:
    given = {"start": 1, "end": 1.3, "step": 0.1}
    assert len(torch().arange(1, 1.3, 0.1)) == len(READINGS["arange"][0](given)) == 4  # type: ignore[arg-type]
    assert len(mindspore().ops.arange(1, 1.3, 0.1)) == 3
    with pytest.raises(Unread):
        READINGS["arange"][1](given)


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int32", "int64"])
def test_a_dtype_is_that_of_numpy(name: str) -> None:
    for framework in frameworks():
        made = framework.tensor(np.zeros(1, name))
        assert made.dtype == getattr(framework, name)


INDICES = ("0", "-1", "1:", ":-1", "::2", "None", "...", "..., 0", ":, 1", "..., :-1, :", ":, None")
OPERATIONS = (
    "-x",
    "x + 1",
    "1 - x",
    "x * 0.1",
    "x / 3",
    "2.5 / x",
    "x + x",
    "x - z",
    "x * z",
    "x / z",
)
COMPARISONS = ("x == z", "x != z", "x == x.long()", "x.int() == z", "1 == x", "x != -1")


@pytest.fixture(scope="module")
def fresh() -> Iterator[ProcessPoolExecutor]:
    """Give a process in which nothing else has run.

    In one that had run some thousand other tests, MindSpore 2.10 refused `x[0]` as an index that
    is no integer, though it is one.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


HANDED = [*(f"x[{index}]" for index in INDICES), *OPERATIONS, *COMPARISONS]


@pytest.mark.parametrize("expression", HANDED)
def test_what_is_handed_on_as_it_is_written_is_the_same(
    fresh: ProcessPoolExecutor, expression: str
) -> None:
    assert fresh.submit(compared, expression).result()


def compared(expression: str) -> int:
    """Compare an expression in both frameworks, and return on how many tensors."""
    place = Place((ast.parse(expression, mode="eval").body,))
    assert handed_on(place)
    count = 0
    dtypes: tuple[str, ...] = UNKNOWN if "[" in expression else ("float32",)
    if isinstance(place.node, ast.Compare):
        dtypes = ("int64", "int32", "bool")
    for x in (each for dtype in dtypes for each in tensors(dtype)):
        given = [
            {"x": f.tensor(x), "z": f.tensor((x[:1] if x.ndim else x) + 1)} for f in frameworks()
        ]
        try:
            expected = _of(eval(expression, given[0]))
        except (IndexError, TypeError):
            continue
        if isinstance(place.node, ast.Subscript):
            assert np.array_equal(x[index_of(place.node)], expected)
        assert agrees(expected, _of(eval(expression, given[1]))) is None
        count += 1
    return count


@pytest.mark.parametrize(
    "expression",
    [
        "x[i]",
        "x[True]",
        "x[[0]]",
        "x[0, i]",
        "x[i:]",
        "x ** 2",
        "x @ z",
        "~x",
        "-1",
        "x % 2",
        "x // 2",
        "x == 1.5",
        "x < z",
        "x is z",
        "x == z == x",
    ],
)
def test_nothing_else_is_handed_on(expression: str) -> None:
    assert handed_on(Place((ast.parse(expression, mode="eval").body,))) == ()


def test_numbers_meet_other_floats_in_another_precision() -> None:
    """So that arithmetic is followed in float32 alone."""
    theirs, ours = (f.tensor(np.array([60000], np.float16)) * 1e-8 for f in frameworks())
    assert theirs.item() > 0
    assert ours.item() == 0


@pytest.mark.parametrize("shape", [(-1,), (-1, 3), (2, -1), (2, -1, 3), (-2, 3), (5, -1), (-1, -1)])
@pytest.mark.parametrize("name", ["view", "reshape"])
def test_one_extent_may_be_left_open(name: str, shape: tuple[int, ...]) -> None:
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    read = READINGS["reshaped"][0]
    spreads = [{"self": given, "shape": shape}, {"self": given, "shape": (shape,)}]
    theirs, ours = (f.tensor(given) for f in frameworks())
    for spread in spreads:
        try:
            expected = read(spread)
        except Failed:
            with pytest.raises(RuntimeError):
                getattr(theirs, name)(*spread["shape"])
            continue
        assert agrees(expected, _of(getattr(theirs, name)(*spread["shape"]))) is None
        assert agrees(expected, _of(getattr(ours, name)(*spread["shape"]))) is None
