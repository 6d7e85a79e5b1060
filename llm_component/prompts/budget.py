"""Finds how much fits into a budget of tokens with few counts, because each count tokenizes a whole prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llm_component.engines.interface import Message

CountTokens = Callable[[Sequence[Message]], int]


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest n of 0..most for which `fits(n)` holds, given that it holds for all smaller ones; `fits(0)` is taken
    for granted. Asks for `most` first, because mostly everything fits; then at most log2(most) times.
    """
    if most <= 0 or fits(most):
        return max(most, 0)
    low, high = 0, most  # low fits, high does not
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def output_tokens(wanted: int, context_tokens: int) -> int:
    """Tokens kept free for the completion: what the request wants, but no more than a third of the context."""
    return max(1, min(wanted, context_tokens // 3))
