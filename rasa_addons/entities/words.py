"""Splits a message into the words that carry entity labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

# An address as one word; a figure with its decimals; a word, its apostrophe's part apart ("kettle", "'s"); a sign.
_WORD = re.compile(r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+|\d+(?:[.,]\d+)+(?!\w)|['’]?\w+|[^\w\s]")


@dataclass(frozen=True)
class Word:
    """A word and where it stands: `text[start:end]` of the message."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """Words and signs in order.

    Finer than white space, so that a label can begin or end at a sign: "#1043", "kettle/toaster", "(£45)".
    """
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]
