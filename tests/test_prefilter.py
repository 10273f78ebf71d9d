"""The byte scan that picks files: sound, and exact on whole ASCII identifiers."""

from __future__ import annotations

import ast
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate import prefilter
from migrate.errors import SourceError
from migrate.source import parse

WORDS = ("CrossEntropyLoss", "NLLLoss", "NLLLoss2d", "cross_entropy", "nll_loss")
mentions = prefilter.compile(WORDS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"nn.CrossEntropyLoss()", id="attribute"),
        pytest.param(b"nn.NLLLoss2d()", id="word that contains another word"),
        pytest.param(b"NLLLoss2dim = NLLLoss", id="whole word behind a longer name"),
        pytest.param(b"nll_loss", id="the file is the word"),
        pytest.param(b"my_nll_loss, nll_loss2, nll_loss\n", id="third occurrence counts"),
        pytest.param(b"f'{F.cross_entropy(x, y)}'", id="inside an f-string"),
        pytest.param(b"type='CrossEntropyLoss'", id="inside a string"),
        pytest.param("é.cross_entropy".encode(), id="after a non-ASCII name"),
        pytest.param("s = 'é'; nll_loss".encode("latin-1"), id="latin-1"),
        pytest.param("損失 = nll_loss".encode("shift_jis"), id="shift-jis"),
        pytest.param("損失 = nll_loss".encode("iso2022_jp"), id="iso-2022-jp"),
        pytest.param(b"\xef\xbb\xbfnll_loss", id="after a byte-order mark"),
        pytest.param(b"x\rnll_loss\ry", id="lone CR"),
        pytest.param("x = 1".encode("utf-16"), id="UTF-16 is for reading to refuse"),
        pytest.param("x = 1".encode("utf-32"), id="UTF-32 is for reading to refuse"),
        pytest.param(b"\xfe\xff\0x", id="UTF-16-BE"),
        pytest.param(b"\0\0\xfe\xff\0\0\0x", id="UTF-32-BE"),
    ],
)
def test_takes(data: bytes) -> None:
    assert mentions(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"import torch\n", id="no loss at all"),
        pytest.param(b"sigmoid_cross_entropy_loss(x)", id="inside a longer name"),
        pytest.param(b"nn.BCELoss(); nn.NLLLoss3d()", id="longer name at its start"),
        pytest.param(b"_nll_loss, nll_loss_, 2nll_loss, nll_loss2", id="every neighbour"),
        pytest.param(b"NLLLoss2d2 NLLLoss2dd", id="longer than the longer word"),
        pytest.param(b"Cross_Entropy CROSS_ENTROPY crossentropyloss", id="other case"),
        pytest.param(b"cross_entrop", id="cut off by the end of the file"),
    ],
)
def test_leaves(data: bytes) -> None:
    assert not mentions(data)


@given(st.lists(st.sampled_from([*WORDS, "_", "2", "d", "x", ".", " ", "\n", "é", "L"])))
def test_agrees_with_a_regular_expression_on_every_neighbourhood(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    expected = re.search(rb"(?<![A-Za-z0-9_])(?:%s)(?![A-Za-z0-9_])" % _alternatives(), data)
    assert mentions(data) == (expected is not None)


def _alternatives() -> bytes:
    return "|".join(sorted(WORDS, reverse=True)).encode()


@given(st.lists(st.sampled_from([*WORDS, "a", "é", "_", "x.", "1if ", " else "]), min_size=1))
def test_never_leaves_a_file_in_which_python_sees_a_word(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        tree = parse(text, "x.py")
    except SourceError:
        return
    names = {getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree)}
    if names & set(WORDS):
        assert mentions(text.encode())


def test_only_words_that_contain_no_other_are_searched() -> None:
    assert mentions.cores == (b"CrossEntropyLoss", b"NLLLoss", b"cross_entropy", b"nll_loss")


def test_order_and_repetition_of_the_words_do_not_matter() -> None:
    assert prefilter.compile([*reversed(WORDS), *WORDS]) == mentions


def test_travels_to_a_worker_process() -> None:
    assert pickle.loads(pickle.dumps(mentions))(b"nll_loss")


def test_no_words_take_no_file() -> None:
    assert not prefilter.compile([])(b"nll_loss")


@pytest.mark.parametrize("word", ["", "torch.nn", "é", "2d"])
def test_refuses_a_word_that_is_no_ascii_identifier(word: str) -> None:
    with pytest.raises(ValueError, match="not an ASCII identifier"):
        prefilter.compile([word])
