"""Where the arguments of a call stand in the text, so that one can go, come or be wrapped."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass

from migrate.lines import line_start, next_line
from migrate.model import Span
from migrate.resolve import Names

_SPACE = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of a call's arguments, in the order of the text.

    Attributes
    ----------
    opening : int
        The offset behind the opening parenthesis.
    arguments : tuple of Span
        Each with the parentheses that are its own, without spaces and comments around it.
    commas : tuple of int
        The offsets of the commas behind the arguments; one more than needed where one trails.
    comments : tuple of int
        Where comments stand among them.
    text : str
        Of the file.
    """

    opening: int
    arguments: tuple[Span, ...]
    commas: tuple[int, ...]
    comments: tuple[int, ...]
    text: str

    def without(self, index: int) -> Span | None:
        """Return the span to cut so that an argument goes, or None if a comment would go too."""
        for span in (self._cut(index), self._lines(index)):
            if span is not None and not any(span.start <= c < span.end for c in self.comments):
                return span
        return None

    def _lines(self, index: int) -> Span | None:
        """Return the lines of an argument that has them for itself, with its comma."""
        span = self.arguments[index]
        start = line_start(self.text, span.start)
        behind = self.commas[index] + 1 if index < len(self.commas) else span.end
        end = next_line(self.text, behind)
        alone = not (self.text[start : span.start].strip() or self.text[behind:end].strip())
        return Span(start, end) if alone else None

    def _cut(self, index: int) -> Span:
        span = self.arguments[index]
        if index:
            span = Span(self.commas[index - 1], span.end)
        elif len(self.arguments) > 1:
            span = Span(span.start, self.arguments[1].start)
        elif self.commas:
            span = Span(span.start, self.commas[0] + 1)
        return span


def layout(names: Names, call: ast.Call) -> Layout | None:
    """Lay out the arguments of a call, or return None where its text cannot be taken apart."""
    start = names.end(call.func)
    text = names.text[start : names.end(call)]
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    depth, opening = 0, start
    commas: list[int] = []
    comments: list[int] = []
    pieces: list[list[Span]] = [[]]
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    for token in tokens:
        at = start + starts[token.start[0] - 1] + token.start[1]
        behind = start + starts[token.end[0] - 1] + token.end[1]
        if token.type == tokenize.COMMENT:
            comments.append(at)
        if token.type in _SPACE or token.type == tokenize.ENDMARKER:
            continue
        if not depth and token.string != "(":
            return None  # the closing parenthesis of the name
        if token.string in (")", "]", "}"):
            depth -= 1
        if depth == 1 and token.string == ",":
            commas.append(at)
            pieces.append([])
        elif depth:
            pieces[-1].append(Span(at, behind))
        elif token.string == "(":
            opening = behind
        if token.string in ("(", "[", "{"):
            depth += 1
    spans = tuple(Span(piece[0].start, piece[-1].end) for piece in pieces if piece)
    if len(spans) != len(call.args) + len(call.keywords):
        return None
    return Layout(opening, spans, tuple(commas), tuple(comments), names.text)
