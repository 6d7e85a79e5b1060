"""Guesses a row's next tokens from text that it probably copies: its prompt, given passages, its own output.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding), with an index in place of a
search: the longest n-gram that the text ends with is looked up, and what followed it last time is the guess. The model
checks all guessed tokens in one forward; wrong ones cost that forward's extra width, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONGEST_GUESS = 10  # tokens
LONGEST_MATCH = 4  # tokens that have to agree, at most ...
SHORTEST_MATCH = 2  # ... and at least; single tokens match by chance
SHORTEST_GUESS = 3
MISSES_IN_A_ROW = 3  # wholly wrong guesses after which the row rests
FIRST_REST = 8  # tokens without a guess; doubled each time up to ...
LONGEST_REST = 128
_BORDER = -1  # between texts; no token has it


class Guesser:
    """The index of one row, and how well its guesses have done.

    Args:
        prompt: the row's prompt.
        copy_from: token ids that the completion will probably copy from; may be empty.
        output: the completion so far.
    """

    def __init__(self, prompt: Sequence[int], copy_from: Sequence[int], output: Iterable[int]) -> None:
        self._text: list[int] = []
        self._indices: dict[int, dict[tuple[int, ...], int]] = {
            size: {} for size in range(SHORTEST_MATCH, LONGEST_MATCH + 1)
        }
        self._length = LONGEST_GUESS
        self._misses = 0
        self._rest = 0
        self._next_rest = FIRST_REST
        # Latest wins: the output before the passages before the prompt.
        self.extend(prompt)
        if copy_from:
            self.extend((_BORDER,))
            self.extend(copy_from)
            self.extend((_BORDER,))
        self.extend(output)

    def extend(self, tokens: Iterable[int]) -> None:
        """The row's text goes on with `tokens`."""
        text = self._text
        for token in tokens:
            end = len(text)
            for size, index in self._indices.items():
                if end >= size:
                    index[tuple(text[end - size :])] = end
            text.append(token)
            if self._rest:
                self._rest -= 1

    def guess(self, limit: int) -> list[int]:
        """The next tokens, `limit` at most; an empty list where nothing matches or the row rests."""
        limit = min(limit, self._length)
        if self._rest or limit <= 0:
            return []
        text = self._text
        for size in range(min(LONGEST_MATCH, len(text)), SHORTEST_MATCH - 1, -1):
            start = self._indices[size].get(tuple(text[-size:]))
            if start is None:
                continue
            found = text[start : start + limit]
            if _BORDER in found:
                found = found[: found.index(_BORDER)]
            if found:
                return found
        return []

    def learn(self, guessed: int, accepted: int) -> None:
        """How many of the guessed tokens the model agreed with."""
        if accepted:
            self._misses = 0
            self._next_rest = FIRST_REST
            self._length = LONGEST_GUESS if accepted == guessed else max(SHORTEST_GUESS, accepted + 2)
            return
        self._misses += 1
        self._length = SHORTEST_GUESS
        if self._misses >= MISSES_IN_A_ROW:
            self._misses = 0
            self._rest = self._next_rest
            self._next_rest = min(2 * self._next_rest, LONGEST_REST)


def accepted_prefix(guess: Sequence[int], chosen: Sequence[int]) -> int:
    """How many of the guessed tokens are what the model chose; `chosen` has one token more than `guess`."""
    for place, token in enumerate(guess):
        if chosen[place] != token:
            return place
    return len(guess)
