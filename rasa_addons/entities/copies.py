"""Changed copies of training examples: other values in the annotated places, and text as it is typed in haste.

A few examples an entity teach a tagger the values in them; what matters is the place where a value stands. And the
messages of a training file are better written than those of customers.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rasa_addons.entities.tagger import Span

Example = tuple[str, Sequence[Span]]

SLIP_RATE = 0.12  # of the words
LOWER_RATE = 0.5  # of the copies
BARE_RATE = 0.5  # of the copies lose their punctuation
SHORTEST_SLIP = 4  # letters

_WORD = re.compile(r"(?<![\w@.'-])[A-Za-z]+(?![\w@]|[.'-]\w)")
_PUNCTUATION = re.compile(r"[.,!?;:](?=\s|$)|['’]")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class _Piece:
    """A part of a text, annotated (`kind`) or not."""

    text: str
    kind: str | None


def with_other_values(example: Example, values: Mapping[str, Sequence[str]], rng: random.Random) -> Example:
    """The example with another value in each place: one that is known for its kind, or the same with other digits."""
    pieces = []
    for piece in _pieces(example):
        if piece.kind is None:
            pieces.append(piece)
        elif _DIGIT.search(piece.text) and not re.search(r"[^\W\d_]", piece.text):
            pieces.append(_Piece(_other_digits(piece.text, rng), piece.kind))
        else:
            pieces.append(_Piece(rng.choice(values.get(piece.kind) or [piece.text]), piece.kind))
    return _joined(pieces)


def in_haste(example: Example, rng: random.Random) -> Example:
    """The example with slips of spelling, and perhaps without capitals or punctuation."""
    lower, bare = rng.random() < LOWER_RATE, rng.random() < BARE_RATE

    def changed(text: str) -> str:
        text = _WORD.sub(lambda word: _slip(word[0], rng) if rng.random() < SLIP_RATE else word[0], text)
        text = _PUNCTUATION.sub("", text) if bare else text
        return text.lower() if lower else text

    return _joined([_Piece(changed(piece.text), piece.kind) for piece in _pieces(example)])


def values_of(examples: Sequence[Example], tables: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The values that each kind has in the examples and in the lookup table of its name, sorted."""
    known: dict[str, set[str]] = {kind: set(phrases) for kind, phrases in tables.items()}
    for text, spans in examples:
        for span in spans:
            known.setdefault(span.kind, set()).add(text[span.start : span.end])
    return {kind: sorted(phrases) for kind, phrases in known.items()}


def _slip(word: str, rng: random.Random) -> str:
    """The word with two letters swapped, one left out, doubled, or another one in its place."""
    if len(word) < SHORTEST_SLIP:
        return word
    at = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
            word[:at] + rng.choice(string.ascii_lowercase) + word[at + 1 :],
        )
    )


def _other_digits(text: str, rng: random.Random) -> str:
    """Each digit another one, the first never nought."""
    first = _DIGIT.search(text)
    return _DIGIT.sub(lambda digit: str(rng.randint(1 if first and digit.start() == first.start() else 0, 9)), text)


def _pieces(example: Example) -> list[_Piece]:
    text, spans = example
    pieces, position = [], 0
    for span in sorted(spans, key=lambda span: span.start):
        pieces += [_Piece(text[position : span.start], None), _Piece(text[span.start : span.end], span.kind)]
        position = span.end
    return [*pieces, _Piece(text[position:], None)]


def _joined(pieces: Sequence[_Piece]) -> Example:
    text, spans = "", []
    for piece in pieces:
        if piece.kind is not None and piece.text:
            spans.append(Span(len(text), len(text) + len(piece.text), piece.kind))
        text += piece.text
    return text, spans
