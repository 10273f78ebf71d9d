"""Every way to write the arguments of a covered call: the sites that `test_grid` has judged.

Nothing of `migrate` is used here. What torch makes of the arguments, and which of the sites must be
rewritten, is worked out in `grid_reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

CLASS_PARAMETERS = ("weight", "size_average", "ignore_index", "reduce", "reduction")
TRIPLE = ("size_average", "reduce", "reduction")

#: By dotted path, the parameters in order.
APIS: Mapping[str, tuple[str, ...]] = {
    "torch.nn.CrossEntropyLoss": (*CLASS_PARAMETERS, "label_smoothing"),
    "torch.nn.NLLLoss": CLASS_PARAMETERS,
    "torch.nn.NLLLoss2d": CLASS_PARAMETERS,
    "torch.nn.functional.cross_entropy": (
        "input", "target", *CLASS_PARAMETERS, "label_smoothing",
    ),
    "torch.nn.functional.nll_loss": ("input", "target", *CLASS_PARAMETERS),
}  # fmt: skip

#: What each variable of a site holds when it is executed: every combination of these.
RUNTIME: Mapping[str, tuple[Any, ...]] = {
    "p": (None, True, False, 0, 1),
    "q": (None, True, False, 0, 1),
    "c": (True, False),
    "n": (1, 2),
    "m": (1, 2),
    "r": ("mean", "sum", "none"),
    # Some that torch refuses where they are in force: MindSpore must not compute with them.
    "z": ("mean", "batchmean", None, True),
    "w": (None, "positive", "with a zero"),
    "k": (-100, -1, 1),
    "s": (0, 1, 0.1, 0.0),
}

#: The parameters of every generated function; `cfg` and `t` hold the variables once more.
SIGNATURE = (*RUNTIME, "cfg", "t", "log")

#: How many values the tool gives a free name of each kind when it proves a rewrite. Only to keep
#: the generated calls cheap, and far below the number beyond which it refuses to prove.
_PROOF_VALUES = {"n==1": 2, "m==1": 2, "r": 3, "cfg.r": 3, "t['r']": 3, "w": 3, "k": 5, "s": 5}
_CHEAP = 360
#: A call by keywords costs one more proof.
_PLAIN = 36


@dataclass(frozen=True)
class Value:
    """The text of one argument.

    `names` are the variables it reads, `free` the texts of which a proof takes every value, and
    `refused` tells a literal that MindSpore does not take in a place where it always matters.
    """

    text: str
    names: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    refused: bool = False

    @property
    def impure(self) -> bool:
        return "(" in self.text.replace(" (", "")


def literal(text: str, *, refused: bool = False) -> Value:
    return Value(text, refused=refused)


def dynamic(text: str, names: str, free: str | None = None) -> Value:
    return Value(text, tuple(names.split()), tuple((free or names).split()))


def logged(name: str) -> Value:
    """Return a call that tells of its evaluation."""
    return dynamic(f"log('{name}', {name})", name)


def flags(a: str, b: str, number: str) -> tuple[Value | None, ...]:
    """Return what can stand in a legacy argument's place; None where it is left out."""
    return (
        None,
        *map(literal, ("None", "True", "False", "0", "1", "'mean'")),
        dynamic(a, a),
        dynamic(f"cfg.{a}", a, f"cfg.{a}"),
        dynamic(f"not {a}", a),
        dynamic(f"{a} and {b}", f"{a} {b}"),
        dynamic(f"{a} if {number} == 1 else {b}", f"{a} {number} {b}", f"{a} {number}==1 {b}"),
        dynamic(f"{number} == 1", number, f"{number}==1"),
        dynamic(f"t['{a}']", a, f"t['{a}']"),
        logged(a),
    )


def odd_flags(a: str, b: str) -> tuple[Value | None, ...]:
    return (
        None,
        literal("''"),
        literal("'none'"),
        dynamic(f"{a} or {b}", f"{a} {b}"),
        dynamic(f"not ({a} and {b})", f"{a} {b}"),
        dynamic(f"{a} is not None", a),
        dynamic(f"bool({a})", a),
        dynamic(f"bool(log('{a}', {a}))", a),
        dynamic(f"not log('{a}', {a})", a),
    )


def some(values: tuple[Value | None, ...], *texts: str | None) -> tuple[Value | None, ...]:
    """Return the values of these texts."""
    return tuple(value for value in values if (value.text if value else None) in texts)


SIZE_AVERAGE, REDUCE = flags("p", "q", "n"), flags("q", "p", "m")
REDUCTION = (
    None,
    *map(literal, ("'mean'", "'sum'", "'none'", "'elementwise_mean'", "None")),
    dynamic("r", "r"),
    dynamic("r if n == 1 else 'sum'", "r n", "r n==1"),
    logged("r"),
)
_ANY_WORD = dynamic("z", "z")
ODD_REDUCTION = (
    None,
    *map(literal, ("True", "0", "'batchmean'", "''")),
    dynamic("cfg.r", "r", "cfg.r"),
    dynamic("t['r']", "r", "t['r']"),
    dynamic("'sum' if c else 'mean'", "c"),
    _ANY_WORD,
)
WEIGHT = (None, literal("None"), dynamic("w", "w"), logged("w"))
IGNORE_INDEX = (
    None, *map(literal, ("-100", "-1", "1")), dynamic("k", "k"), logged("k"),
    literal("None", refused=True),
)  # fmt: skip
LABEL_SMOOTHING = (
    None, *map(literal, ("0", "1", "0.1")), dynamic("s", "s"), logged("s"),
    literal("-0.1", refused=True),
)  # fmt: skip

#: Shape of the logits, dtype, and whether the target holds class probabilities.
Bundle = tuple[tuple[int, ...], str, bool]

#: One in seven is float16. Probabilities only where no label is ignored: torch refuses them beside
#: one that is.
INDICES: tuple[Bundle, ...] = (
    ((4, 5), "float32", False), ((2, 5, 3), "float32", False), ((5,), "float32", False),
    ((2, 5, 3), "float32", False), ((5,), "float32", False), ((4, 5), "float32", False),
    ((4, 5), "float16", False),
)  # fmt: skip
PROBABILITIES: tuple[Bundle, ...] = (
    ((4, 5), "float32", True), ((2, 5, 3), "float32", True), ((5,), "float32", True),
    ((4, 5), "float16", True),
)  # fmt: skip
BUNDLES = tuple(dict.fromkeys((*INDICES, *PROBABILITIES)))

OPERANDS = ("x, y", "input=x, target=y", "target=y, input=x", "x, target=y")
WAYS = ("at once", "local", "attribute")


@dataclass(frozen=True)
class Site:
    """One generated call: which arguments, how they are passed, and how its result is used.

    `arguments` are pairs of a keyword (empty where by position) and a text, as they are written;
    `values` are the legacy and other arguments by parameter, without those left out.
    """

    number: int
    api: str
    values: Mapping[str, Value]
    arguments: tuple[tuple[str, str], ...]
    way: str
    operands: str
    bundle: int
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        used = {name for value in self.values.values() for name in value.names}
        object.__setattr__(self, "names", tuple(name for name in RUNTIME if name in used))

    @property
    def is_class(self) -> bool:
        return "functional" not in self.api

    @property
    def ignore_index(self) -> str:
        """The text of the label that is ignored: a number, or `k`."""
        value = self.values.get("ignore_index")
        return "-100" if value is None else "k" if value.names else value.text

    def call(self, function: str) -> str:
        written = (f"{keyword}={text}" if keyword else text for keyword, text in self.arguments)
        return f"{function}({', '.join(written)})"

    def source(self, function: str) -> str:
        """Return the definition of `site_N`, which computes the loss of x and y."""
        call, name = self.call(function), f"site_{self.number}"
        head = f"def {name}(x, y, {', '.join(SIGNATURE)}):\n"
        if self.way == "global":
            return f"loss_{self.number} = {call}\n\n\n" + (
                f"def {name}(x, y):\n    return loss_{self.number}({self.operands})\n"
            )
        if self.way == "local":
            used = f"loss({self.operands})" if self.is_class else "loss"
            return f"{head}    loss = {call}\n    return {used}\n"
        if self.way == "attribute":
            rest = ", ".join(SIGNATURE)
            return (
                f"class Model_{self.number}:\n"
                f"    def __init__(self, {rest}):\n        self.loss_{self.number} = {call}\n\n"
                f"    def forward(self, x, y):\n"
                f"        return self.loss_{self.number}({self.operands})\n\n\n"
                f"{head}    return Model_{self.number}({rest}).forward(x, y)\n"
            )
        return f"{head}    return {call}({self.operands})\n" if self.is_class else (
            f"{head}    return {call}\n"
        )  # fmt: skip


# -- the sites -----------------------------------------------------------------------------------


def sites() -> list[Site]:
    """Return the whole grid, without doubles, in an order that does not change."""
    found: dict[tuple[object, ...], Site] = {}
    for turn, (api, style, values, way) in enumerate(_cells()):
        site = _site(len(found), turn, api, style, values, way)
        found.setdefault((site.api, site.arguments, way), site)
    return list(found.values())


def _cells() -> Iterator[tuple[str, str, dict[str, Value | None], str | None]]:
    turn = 0
    for api in APIS:
        # The full product of the three legacy arguments; the others take turns.
        styles = ("positional", "keyword")
        for one, two, three, style in product(SIZE_AVERAGE, REDUCE, REDUCTION, styles):
            turn += 1
            yield api, style, _with_others(api, (one, two, three), turn), None
        few = (None, "None", "False", "'mean'")
        for triple in product(
            some(SIZE_AVERAGE, *few, "p", "not p", "log('p', p)"),
            some(REDUCE, *few, "q", "not q", "m == 1"),
            some(REDUCTION, None, "'sum'", "r", "'elementwise_mean'"),
        ):
            turn += 1
            yield api, "mixed", _with_others(api, triple, turn), None
        odd = odd_flags("q", "p")
        for triple in product(odd_flags("p", "q"), (None, odd[2], odd[4], odd[8]), ODD_REDUCTION):
            turn += 1
            style = (*styles, "mixed")[turn % 3]
            yield api, style, _with_others(api, triple, turn), None
        # The full product of the other arguments, beside a few legacy ones.
        legacy: tuple[dict[str, Value | None], ...] = (
            {},
            {"size_average": literal("False")},
            {"reduce": dynamic("q", "q")},
            {"size_average": logged("p"), "reduction": literal("'sum'")},
            {"size_average": dynamic("p", "p"), "reduction": _ANY_WORD},
        )
        smoothing = LABEL_SMOOTHING if "label_smoothing" in APIS[api] else (None,)
        for given, weight, ignore, smooth in product(legacy, WEIGHT, IGNORE_INDEX, smoothing):
            turn += 1
            others = {"weight": weight, "ignore_index": ignore, "label_smoothing": smooth}
            yield api, (*styles, "mixed")[turn % 3], {**given, **others}, None
        if "functional" in api:
            continue
        # Constructed when the module is imported, of names that it imports.
        for triple in product(
            some(SIZE_AVERAGE, *few, "p", "cfg.p", "log('p', p)"),
            some(REDUCE, *few, "q", "not q"),
            some(REDUCTION, None, "'none'", "r"),
        ):
            turn += 1
            given = dict(zip(TRIPLE, triple, strict=True))
            yield api, (*styles, "mixed")[turn % 3], given, "global"


def _with_others(api: str, triple: tuple[Value | None, ...], turn: int) -> dict[str, Value | None]:
    """Add the other arguments, each in turn and as a name only where few other names are."""
    scattered = turn * 7919 + turn // 29
    choices = {
        "weight": WEIGHT[scattered % 3],
        "ignore_index": IGNORE_INDEX[scattered // 3 % 5],
        "label_smoothing": LABEL_SMOOTHING[scattered // 15 % 5],
    }
    instead = {"weight": WEIGHT[1], "ignore_index": IGNORE_INDEX[2], "label_smoothing": None}
    values: dict[str, Value | None] = dict(zip(TRIPLE, triple, strict=True))
    for name, value in choices.items():
        if name in APIS[api]:
            values[name] = value
            alone = sum(bool(other and other.names) for other in values.values()) <= 2
            if value and value.free and _combinations(values) > (_CHEAP if alone else _PLAIN):
                values[name] = instead[name]
    return values


def _combinations(values: Mapping[str, Value | None]) -> int:
    count = 1
    for text in {text for value in values.values() if value for text in value.free}:
        count *= _PROOF_VALUES.get(text, 6)
    return count


def _site(
    number: int,
    turn: int,
    api: str,
    style: str,
    given: Mapping[str, Value | None],
    way: str | None,
) -> Site:
    if style == "positional" and (given.get("size_average") or given.get("reduce")):
        # Or the legacy arguments could not be passed by position.
        given = {**given, "weight": given.get("weight") or literal("None")}
        if given.get("size_average"):
            given["ignore_index"] = given.get("ignore_index") or literal("-100")
    values = {name: value for name, value in given.items() if value and name in APIS[api]}
    if api.endswith("nll_loss") and values.get("reduction") == _ANY_WORD:
        # mindspore.ops.nll_loss checks nothing, and takes any other word for 'none'.
        values["reduction"] = dynamic("r", "r")
    arguments = _arranged(api, values, style, turn)
    ignored = values.get("ignore_index")
    negative = ignored is None or ignored.text.startswith("-")
    bundles: tuple[Bundle, ...] = INDICES
    if negative and APIS[api][-1] == "label_smoothing":
        bundles = (*INDICES, *PROBABILITIES)
    return Site(
        number, api, values, arguments,
        way or WAYS[turn // 4 % (3 if "functional" not in api else 2)],
        OPERANDS[turn % 4 if _combinations(values) <= _PLAIN else 0],
        BUNDLES.index(bundles[turn % len(bundles)]),
    )  # fmt: skip


def _arranged(
    api: str, values: Mapping[str, Value], style: str, turn: int
) -> tuple[tuple[str, str], ...]:
    """Return the arguments as they are written: by position as far as `style` has it."""
    texts = {name: value.text for name, value in values.items()}
    if "input" in APIS[api]:
        texts |= {"input": "x", "target": "y"}
    order = [name for name in APIS[api] if name in texts]
    fitting = next((i for i, name in enumerate(APIS[api]) if name not in texts), len(APIS[api]))
    operands = 2 if "input" in texts else 0
    by_position = {
        "positional": fitting,
        "keyword": operands * (turn % 2),
        "mixed": min(fitting, turn % 4 + operands),
    }[style]
    rest = order[by_position:]
    if style != "positional" and rest:
        start = turn % len(rest)
        rest = rest[start:] + rest[:start]
        if turn // 3 % 2:
            rest.reverse()
    return (
        *(("", texts[name]) for name in order[:by_position]),
        *((name, texts[name]) for name in rest),
    )
