"""Measures how many tokens of a text an encoder really reads, which its settings may overstate."""

from __future__ import annotations

import numpy as np

from knowledge_base.encoder import Encoder

FILLER = "one "
LAST_WORDS = (" sun", " oil")
# Vectors of length 1 whose components all differ by less are the same vector: batches of other shapes round otherwise.
SAME_VECTOR = 1e-5
FEWEST_TOKENS = 16


class TokenBudgetError(ValueError):
    """An encoder reads too little of a text to be of use; the message says how much."""


def measured_max_tokens(encoder: Encoder) -> int:
    """The tokens up to which a change at the end of a text changes its vector, at most what the encoder claims.

    Two texts of n tokens that differ in the last word only have different vectors if all n tokens are read. Where that
    holds at the claimed length it is taken at its word, otherwise the largest such n is found by halving. Raises
    `TokenBudgetError`.
    """
    claimed = encoder.max_tokens
    if _reads(encoder, claimed):
        return claimed
    reads, too_many = FEWEST_TOKENS, claimed
    if not _reads(encoder, reads):
        raise TokenBudgetError(f"{encoder.name} does not even read {FEWEST_TOKENS} tokens; use another encoder")
    while too_many - reads > 1:
        middle = (reads + too_many) // 2
        if _reads(encoder, middle):
            reads = middle
        else:
            too_many = middle
    return reads


def _reads(encoder: Encoder, tokens: int) -> bool:
    """Whether the encoder reads the last word of a text of this many tokens."""
    one, other = (_text(encoder, tokens, word) for word in LAST_WORDS)
    vectors = encoder.encode([one, other])
    return bool(np.abs(vectors[0] - vectors[1]).max() > SAME_VECTOR)


def _text(encoder: Encoder, tokens: int, last: str) -> str:
    """The longest text of at most `tokens` tokens that is filler up to its last word."""
    shortest, too_long = 0, tokens + 1
    while too_long - shortest > 1:
        middle = (shortest + too_long) // 2
        if encoder.count_tokens(FILLER * middle + last) <= tokens:
            shortest = middle
        else:
            too_long = middle
    return FILLER * shortest + last
