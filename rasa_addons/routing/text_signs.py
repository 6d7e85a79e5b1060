"""What can be read off the letters of a message: question words, length, numbers, gibberish."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_QUESTION_WORDS = "how|what|whats|what's|when|where|why|which|who|whose"
_STARTS_AS_QUESTION = re.compile(
    rf"^\W*(?:(?:and|but|so|ok|okay|hi|hello|hey|please|sorry)\W+)*(?:{_QUESTION_WORDS})\b", re.IGNORECASE
)
_HAS_QUESTION_WORD = re.compile(rf"\b(?:{_QUESTION_WORDS})\b", re.IGNORECASE)
_STARTS_WITH_VERB = re.compile(
    r"^\W*(?:(?:and|but|so|ok|okay|hi|hello|hey|please|sorry)\W+)*"
    r"(?:can|could|do|does|did|is|are|will|would|should|may|must|has|have)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|im|i've|ive|i'd|my|me|mine|we|our)\b", re.IGNORECASE)
_ADDRESSES_BOT = re.compile(r"\b(?:you|your|you're|u|ur)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(r"\b(?:it|its|it's|this|that|they|them|these|those|one)\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]+")
_REPEATED = re.compile(r"(.)\1{3,}")

ORDER_NUMBER = re.compile(r"(?<![\w£$€.,])#?\d{4,5}(?![\w.]\d|\d)")
CODE = re.compile(r"(?<!\d)(?:\d[ -]?){5}\d(?!\d)")
EMAIL = re.compile(r"\S+@\S+|\bat\b.+\bdot\b", re.IGNORECASE)
POSTCODE = re.compile(r"\b[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}\b", re.IGNORECASE)
AMOUNT = re.compile(
    r"[£$€]\s?\d|\d\s?(?:quid|pounds?|p\b|gbp)|\b(?:under|over|about|around|max|up to)\W+\d", re.IGNORECASE
)
NUMBER = re.compile(r"\d")

SIGNS = (
    "asks",
    "question_word",
    "question_verb",
    "question_mark",
    "length",
    "one_word",
    "few_words",
    "long",
    "first_person",
    "addresses_bot",
    "points_back",
    "letters",
    "foreign_letters",
    "repetition",
    "same_words",
    "order_number",
    "code",
    "email",
    "postcode",
    "amount",
    "number",
)


def plain(text: str) -> str:
    """Lower case, straight apostrophes, single spaces."""
    return _SPACE.sub(" ", text.replace("’", "'")).strip().lower()


def text_signs(text: str) -> list[float]:
    """The values of `SIGNS` for a message, each between 0 and about 1."""
    said = plain(text)
    words = said.split()
    letters = [character for character in said if character.isalpha()]
    characters = max(1, len(said.replace(" ", "")))
    return [
        float(bool(_STARTS_AS_QUESTION.search(said))),
        float(bool(_HAS_QUESTION_WORD.search(said))),
        float(bool(_STARTS_WITH_VERB.search(said))),
        float(said.endswith("?")),
        min(1.0, np.log1p(len(words)) / 4),
        float(len(words) <= 1),
        float(2 <= len(words) <= 4),
        float(len(words) > 15),
        float(bool(_FIRST_PERSON.search(said))),
        float(bool(_ADDRESSES_BOT.search(said))),
        float(bool(_POINTS_BACK.search(said))),
        len(letters) / characters,
        sum(not character.isascii() for character in letters) / characters,
        float(bool(_REPEATED.search(said))),
        1 - len(set(words)) / max(1, len(words)),
        *(float(bool(pattern.search(said))) for pattern in (ORDER_NUMBER, CODE, EMAIL, POSTCODE, AMOUNT, NUMBER)),
    ]


@dataclass(frozen=True)
class LetterModel:
    """How usual the sequences of letters are: log2 probabilities of a letter after two others, from training texts.

    A keyboard mash scores far below words, slips of spelling a little. `table` is `(27, 27, 27)`: the letters a to z
    and the edge of a word; counts are smoothed by adding a half.
    """

    table: np.ndarray

    @classmethod
    def fit(cls, texts: Sequence[str]) -> LetterModel:
        counts = np.full((27, 27, 27), 0.5)
        for word in {word for text in texts for word in _words(text)}:
            for first, second, third in _triples(word):
                counts[first, second, third] += 1
        return cls(np.log2(counts / counts.sum(axis=2, keepdims=True)).astype(np.float32))

    def scores(self, text: str) -> tuple[float, float]:
        """Mean and worst over the words: a word scores its letters' mean log2 probability; 0 where there are none."""
        words = [
            float(np.mean([self.table[triple] for triple in _triples(word)])) for word in _words(text) if len(word) > 1
        ]
        return (sum(words) / len(words), min(words)) if words else (0.0, 0.0)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(plain(text)) if word.isascii()]


def _triples(word: str) -> list[tuple[int, int, int]]:
    letters = [26, 26, *(ord(letter) - ord("a") for letter in word), 26]
    return list(zip(letters, letters[1:], letters[2:], strict=False))
