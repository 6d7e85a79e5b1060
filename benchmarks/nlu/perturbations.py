"""Messages as customers also write them: with typing mistakes, without capitals or punctuation, with pasted parts.

Every change keeps the annotated spans on the words they stood on, whatever happened to these words. Figures, email
addresses and postcodes are never mistyped: with another order number a message means another order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

WORDINGS = Path(__file__).with_name("perturbations.yml")
TYPO_RATE = 0.15  # of the words that can be mistyped; at least one a message
SHORTEST_TYPO = 4  # letters: a slip makes another word of a shorter one
EMOJI_MOST = 2

_WORD = re.compile(r"(?<![\w@.'-])[A-Za-z]+(?![\w@]|[.'-]\w)")
# Stops, commas, question marks and apostrophes, but none inside a figure or an address ("1.7", "a@example.com").
_PUNCTUATION = re.compile(r"""(?<!\d)[.,](?![\w@])|(?<=\d)[.,](?!\w)|[!?;:"…]|['’]""")
_ADDRESS = re.compile(r"\S+@\S+")
_SPACE = re.compile(r"(?<=\S)\s+(?=\S)")
# Neighbours on a British keyboard, from left to right and to the rows above and below.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

Span = tuple[int, int, str]
Edit = tuple[int, int, str]  # replace text[start:end]


@dataclass(frozen=True)
class Annotated:
    """A message and its spans."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Wordings:
    """What is pasted before and after a message, and the emoji strewn into it."""

    greetings: Sequence[str]
    signatures: Sequence[str]
    emoji: Sequence[str]

    @classmethod
    def read(cls, part: str) -> Wordings:
        """The wordings of `dev` or `test`, which share none."""
        return cls(**yaml.safe_load(WORDINGS.read_text(encoding="utf-8"))[part])


Perturbation = Callable[[Annotated, random.Random, Wordings], Annotated]


def edited(message: Annotated, edits: Sequence[Edit]) -> Annotated:
    """The message after replacements that do not overlap; a span keeps what is put inside it, not what is put beside.

    Raises:
        ValueError: two edits overlap.
    """
    ordered = sorted(edits)
    if any(left[1] > right[0] for left, right in pairwise(ordered)):
        raise ValueError(f"Edits of {message.text!r} overlap: {ordered}")
    parts, position = [], 0
    for start, end, new in ordered:
        parts += [message.text[position:start], new]
        position = end
    text = "".join([*parts, message.text[position:]])
    spans = tuple(
        (_moved(start, ordered, True), _moved(end, ordered, False), kind) for start, end, kind in message.spans
    )
    return Annotated(text, spans)


def _moved(position: int, edits: Sequence[Edit], is_start: bool) -> int:
    """Where a boundary of a span lies after the edits; what is inserted at the boundary stays outside."""
    shift = 0
    for start, end, new in edits:
        if end < position or (end == position and (is_start or end > start)):
            shift += len(new) - (end - start)
    return position + shift


def typos(message: Annotated, rng: random.Random, _: Wordings) -> Annotated:
    """Letters swapped, left out, doubled, or hit beside the right key."""
    words = [match for match in _WORD.finditer(message.text) if len(match[0]) >= SHORTEST_TYPO]
    if not words:
        return message
    chosen = [word for word in words if rng.random() < TYPO_RATE] or [rng.choice(words)]
    return edited(message, [(word.start(), word.end(), mistyped(word[0], rng)) for word in chosen])


def mistyped(word: str, rng: random.Random) -> str:
    """The word with one slip behind its first letter; a word of at least two different letters is never unchanged."""
    while True:
        at = rng.randrange(1, len(word))
        kind = rng.choice(("swap", "drop", "double", "neighbour"))
        if kind == "swap" and at + 1 < len(word):
            new = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif kind == "drop":
            new = word[:at] + word[at + 1 :]
        elif kind == "double":
            new = word[: at + 1] + word[at:]
        else:
            new = word[:at] + rng.choice(_neighbours(word[at])) + word[at + 1 :]
        if new != word:
            return new


def _neighbours(letter: str) -> str:
    lower = letter.lower()
    row = next(index for index, letters in enumerate(_ROWS) if lower in letters)
    column = _ROWS[row].index(lower)
    near = "".join(
        letters[max(0, column - 1) : column + 2]
        for letters in _ROWS[max(0, row - 1) : row + 2]
        if column <= len(letters)
    )
    return "".join(other for other in near if other != lower)


def lower_case(message: Annotated, _: random.Random, __: Wordings) -> Annotated:
    """All in small letters; each letter alone, so that the length stays."""
    return Annotated("".join(c.lower() if len(c.lower()) == 1 else c for c in message.text), message.spans)


def no_punctuation(message: Annotated, _: random.Random, __: Wordings) -> Annotated:
    """Without stops, commas, question marks, quotation marks and apostrophes."""
    kept = [match.span() for match in _ADDRESS.finditer(message.text)]
    edits = [
        (match.start(), match.end(), "")
        for match in _PUNCTUATION.finditer(message.text)
        if not any(start <= match.start() < end - 1 for start, end in kept)
    ]
    return edited(message, edits)


def pasted(message: Annotated, rng: random.Random, wordings: Wordings) -> Annotated:
    """As in a letter: a greeting before, a signature after."""
    end = len(message.text)
    return edited(message, [(0, 0, rng.choice(wordings.greetings)), (end, end, rng.choice(wordings.signatures))])


def emoji(message: Annotated, rng: random.Random, wordings: Wordings) -> Annotated:
    """One or two emoji between words or at the end, with a space or without; none within a span."""
    places = [
        match.start()
        for match in _SPACE.finditer(message.text)
        if not any(start < match.start() < end for start, end, _ in message.spans)
    ] + [len(message.text)]
    chosen = rng.sample(places, min(len(places), rng.randint(1, EMOJI_MOST)))
    return edited(message, [(at, at, rng.choice(("", " ")) + rng.choice(wordings.emoji)) for at in chosen])


PERTURBATIONS: Mapping[str, Perturbation] = {
    "typos": typos,
    "lower_case": lower_case,
    "no_punctuation": no_punctuation,
    "pasted": pasted,
    "emoji": emoji,
}
