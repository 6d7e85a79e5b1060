"""Perplexity per token and per word: of running text, of replies given their source, and masked (pseudo-perplexity).

    perplexity = exp(−(sum of log-probabilities) / (number of tokens, or of words))

Tokens differ between models, words do not: models with different tokenizers are compared per word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llm_component.evaluation import likelihood

MASKED_WINDOW = 128  # tokens of a piece whose tokens are masked one by one


@dataclass(frozen=True)
class Perplexity:
    """`nats` is the negative sum of natural log-probabilities over `tokens` tokens, which make up `words` words."""

    nats: float
    tokens: int
    words: int

    @property
    def per_token(self) -> float:
        """NaN where nothing was scored."""
        return math.exp(self.nats / self.tokens) if self.tokens else math.nan

    @property
    def per_word(self) -> float:
        """NaN where nothing was scored."""
        return math.exp(self.nats / self.words) if self.words else math.nan

    def __add__(self, other: Perplexity) -> Perplexity:
        return Perplexity(self.nats + other.nats, self.tokens + other.tokens, self.words + other.words)


NOTHING = Perplexity(0.0, 0, 0)


def windows(length: int, window: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Cuts `length` tokens into overlapping windows: (start, end, first position that is scored in this window).

    Each position is scored once, and from the second window on with at least `window - stride` tokens before it.

    Raises:
        ValueError: the stride is not between 1 and the window's length.
    """
    if not 0 < stride <= window:
        raise ValueError(f"a stride of {stride} tokens does not fit windows of {window}")
    scored = 0
    start = 0
    while scored < length:
        end = min(start + window, length)
        yield start, end, scored
        scored = end
        start += stride


def of_text(model: Any, tokenizer: Any, texts: Sequence[str], *, window: int, stride: int) -> Perplexity:
    """Of running text under a causal model, each text by itself.

    The beginning token stands before each text where the tokenizer has one; where it has none, a text's first token
    has nothing before it and is not scored.
    """
    begin = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    pad = _pad(tokenizer)
    total = NOTHING
    for text in texts:
        ids = [*begin, *_ids(tokenizer, text)]
        cuts = list(windows(len(ids), window, stride))
        found = likelihood.causal(model, [ids[start:end] for start, end, _ in cuts], pad=pad)
        # Position p of a window stands at p - 1 of its log-probabilities; position 0 has none.
        values = [
            value
            for (start, _end, first), row in zip(cuts, found, strict=True)
            for value in row[max(0, first - start - 1) :]
        ]
        total += Perplexity(-sum(values), len(values), len(text.split()))
    return total


def of_replies(
    model: Any,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    texts: Sequence[str],
    *,
    pad: int,
    encoder_decoder: bool,
) -> list[Perplexity]:
    """Of each target given its source; `texts` are the targets as text, whose words are counted."""
    if encoder_decoder:
        found = likelihood.written(model, sources, targets, pad=pad)
    else:
        rows = [[*source, *target] for source, target in zip(sources, targets, strict=True)]
        found = [
            row[len(source) - 1 :] for row, source in zip(likelihood.causal(model, rows, pad=pad), sources, strict=True)
        ]
    return [Perplexity(-sum(row), len(row), len(text.split())) for row, text in zip(found, texts, strict=True)]


def of_masked_text(model: Any, tokenizer: Any, texts: Sequence[str], *, window: int = MASKED_WINDOW) -> Perplexity:
    """Pseudo-perplexity under a masked language model: each token masked alone, given all others (Salazar et al. 2020).

    Long texts are cut into pieces of `window` tokens. It compares with other pseudo-perplexities only.
    """
    total = NOTHING
    room = window - tokenizer.num_special_tokens_to_add()
    for text in texts:
        ids = _ids(tokenizer, text)
        rows = []
        for start in range(0, len(ids), room):
            rows.append(framed(tokenizer, ids[start : start + room]))
        found = likelihood.masked(
            model,
            [row for row, _ in rows],
            [places for _, places in rows],
            mask_id=tokenizer.mask_token_id,
            pad=_pad(tokenizer),
        )
        values = [value for row in found for value in row]
        total += Perplexity(-sum(values), len(values), len(text.split()))
    return total


def framed(tokenizer: Any, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """`ids` between the tokenizer's special tokens, and the positions at which they stand then."""
    before, after = frame(tokenizer)
    row = [*before, *ids, *after]
    return row, list(range(len(before), len(before) + len(ids)))


def frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a text."""
    probe = _ids(tokenizer, "a")
    whole = list(tokenizer("a")["input_ids"])
    for start in range(len(whole) - len(probe) + 1):
        if whole[start : start + len(probe)] == probe:
            return whole[:start], whole[start + len(probe) :]
    raise ValueError("the tokenizer does not keep a text's tokens together between its special ones")


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])


def _pad(tokenizer: Any) -> int:
    """Any id will do: what is filled up is masked."""
    return int(tokenizer.pad_token_id or 0)
