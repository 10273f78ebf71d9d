"""Where values come from, and who reads them: expected by reading the programs."""

import ast
import textwrap

import pytest

from migrate.origins import Origins, child
from migrate.places import Place
from migrate.resolve import Names
from migrate.source import LineIndex, parse


def names_of(text: str) -> Names:
    return Names(parse(text, "<test>"), text, LineIndex(text))


def operand(names: Names) -> Place:
    """Return the place of the argument of the only call of `use`."""
    place = next(p for _, p in names.places_of("use") if isinstance(p.parent(), ast.Call))
    call = place.up()
    assert isinstance(call.node, ast.Call)
    return child(call, call.node.args[0])


def origins(text: str, **options: frozenset[str]) -> list[str]:
    """Return the origins of what `use` is given, `~` before one that is not certain."""
    names = names_of(textwrap.dedent(text))
    return [
        ("" if o.certain else "~")
        + ast.unparse(o.expression)
        + ("" if o.index is None else f" #{o.index}")
        for o in Origins(names).of(operand(names), **options)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("use(a.long())", ["a.long()"], id="itself"),
        pytest.param("x = f()\nuse(x)", ["f()"], id="a name"),
        pytest.param("x = f()\nx = g()\nuse(x)", ["g()"], id="the last assignment"),
        pytest.param("x = f()\nuse(x)\nx = g()", ["f()"], id="not a later one"),
        pytest.param("x = f()\ny = x\nuse(y)", ["f()"], id="a name of a name"),
        pytest.param("x = f()\ny = x\nx = g()\nuse(y)", ["f()"], id="as it was then"),
        pytest.param("x = x.long()\nuse(x)", ["x.long()"], id="of itself"),
        pytest.param("x, y = f(), g()\nuse(y)", ["g()"], id="a tuple"),
        pytest.param("x, y = f()\nuse(y)", ["f() #1"], id="an unpacked call"),
        pytest.param("x, *y = f()\nuse(y)", ["y"], id="a starred target"),
        pytest.param("x = f()\nuse(x[1])", ["f() #1"], id="a subscript"),
        pytest.param("x = f()\nuse(x[:, 1])", ["f()"], id="a slice"),
        pytest.param("x = f()\nuse(x['a'])", ["x['a']"], id="a key"),
        pytest.param("x = f()\nuse(x[0][1])", ["x[0] #1"], id="twice"),
        pytest.param("x = f(), g()\nuse(x[-1])", ["g()"], id="an element of a tuple"),
        pytest.param("use(f() if c else g())", ["~f()", "~g()"], id="a conditional expression"),
        pytest.param("use(a or f())", ["~a", "~f()"], id="or"),
        pytest.param("g(x := f())\nuse(x)", ["f()"], id="a walrus"),
        pytest.param("use(x := f())", ["f()"], id="a walrus itself"),
        pytest.param(
            "x = f()\nif c:\n    x = g()\nuse(x)", ["~f()", "~g()"], id="one branch assigns"
        ),
        pytest.param(
            "if c:\n    x = f()\nelse:\n    x = g()\nuse(x)", ["~f()", "~g()"], id="both assign"
        ),
        pytest.param(
            "if c:\n    x = f()\nelse:\n    raise E\nuse(x)", ["f()"], id="the other branch ends"
        ),
        pytest.param(
            "x = f()\nfor i in a:\n    use(x)\n    x = g()", ["~f()", "~g()"], id="around a loop"
        ),
        pytest.param("x = f()\nfor i in a:\n    x = g()\n    use(x)", ["g()"], id="within a round"),
        pytest.param(
            "x = f()\nwhile True:\n    x = g()\n    if c:\n        break\nuse(x)",
            ["g()"],
            id="a loop left by break alone",
        ),
        pytest.param(
            "x = f()\nfor i in a:\n    if c:\n        x = g()\n        continue\n    x = h()\n"
            "use(x)",
            ["~f()", "~g()", "~h()"],
            id="continue",
        ),
        pytest.param(
            "try:\n    x = f()\n    x = g()\nexcept E:\n    use(x)",
            ["~f()", "~g()"],
            id="a handler is entered from anywhere",
        ),
        pytest.param(
            "x = f()\ntry:\n    x = g()\nfinally:\n    h()\nuse(x)", ["g()"], id="after finally"
        ),
        pytest.param("def k(x):\n    use(x)", ["x"], id="a parameter"),
        pytest.param(
            "def k(x):\n    if c:\n        x = f()\n    use(x)",
            ["~f()", "~x"],
            id="a parameter, perhaps",
        ),
        pytest.param("for x in a:\n    use(x)", ["x"], id="a loop variable"),
        pytest.param("x = f()\nx += 1\nuse(x)", ["x"], id="an augmented assignment"),
        pytest.param("with f() as x:\n    use(x)", ["x"], id="with"),
        pytest.param("[use(x) for x in f()]", ["x"], id="a comprehension's own name"),
        pytest.param("x = f()\n[use(x) for y in x]", ["f()"], id="a name around a comprehension"),
        pytest.param("import x\nuse(x)", ["x"], id="an import"),
        pytest.param("use(x)", ["x"], id="an unbound name"),
        pytest.param("use(self.x)", ["self.x"], id="an attribute"),
        pytest.param("x = f()\ndel x\nx = g()\nuse(x)", ["~g()", "~x"], id="deleted: not certain"),
        pytest.param("x = f()\ndef k():\n    use(x)", ["f()"], id="a name of the scope around"),
        pytest.param(
            "x = f()\ndef k():\n    use(x)\nx = g()", ["~f()", "~g()"], id="read at any time"
        ),
        pytest.param(
            "x = f()\ndef k():\n    global x\n    x = g()\nuse(x)",
            ["~f()", "~x"],
            id="assigned through global",
        ),
        pytest.param(
            "match a:\n    case 1:\n        x = f()\n    case x:\n        pass\nuse(x)",
            ["~f()", "~x"],
            id="match",
        ),
    ],
)
def test_origins_of_names(text: str, expected: list[str]) -> None:
    assert origins(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("use(f().view(-1))", ["f()"], id="a method that keeps the elements"),
        pytest.param("x = f()\nuse(x.view(-1)[0].T)", ["f() #0"], id="a chain"),
        pytest.param("use(x.long().view(-1))", ["x.long()"], id="a cast ends the way"),
        pytest.param("use(x.sum())", ["x.sum()"], id="another method ends the way"),
        pytest.param("use(f().to(device))", ["f()"], id="to a device"),
        pytest.param("use(f().cuda(non_blocking=True))", ["f()"], id="cuda"),
        pytest.param("use(f().to(other))", ["f().to(other)"], id="to something"),
        pytest.param("use(f().to(device, torch.long))", ["f().to(device, torch.long)"], id="cast"),
        pytest.param("import torch\nuse(torch.flatten(f()))", ["f()"], id="a function of torch"),
        pytest.param(
            "import numpy as np\nuse(np.transpose(f()))",
            ["np.transpose(f())"],
            id="a function of numpy",
        ),
    ],
)
def test_origins_through_calls(text: str, expected: list[str]) -> None:
    assert origins(text) == expected


def test_who_asks_says_what_is_passed_through() -> None:
    assert origins("use(f().long().view(-1))", through=frozenset({"long", "view"})) == ["f()"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("x = f()\na(x)\nx = g()\nb(x)", [2], id="until it is assigned again"),
        pytest.param("x = f()\nif c:\n    x = g()\nb(x)", [4], id="on one branch"),
        pytest.param("x = f()\ndef k():\n    return x", [3], id="a function within"),
        pytest.param("x = f()\ndef k(x):\n    return x", [], id="another x"),
        pytest.param("x = f()\nx[0] = 1\nx.y = 2", [2, 3], id="a store into it reads it"),
    ],
)
def test_readers_of_a_definition(text: str, expected: list[int]) -> None:
    names = names_of(text)
    first = next(place for _, place in names.places_of("x"))
    found = Origins(names)
    definition = next(iter(found._reached("x", names.module).every.values()))
    lines = [place.node.lineno for place in found.readers(definition, first)]  # type: ignore[attr-defined]
    assert lines == expected
