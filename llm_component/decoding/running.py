"""A row that is being completed, and what its new tokens come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llm_component.decoding.guessing import Guesser
from llm_component.decoding.interface import Row, RowStep
from llm_component.decoding.sampling import Draws, is_greedy


@dataclass(eq=False)
class RunningRow:
    """A row, its tokens so far and its random numbers. `length`: tokens whose keys and values are held."""

    row: Row
    slot: int = 0
    length: int = 0
    output: list[int] = field(default_factory=list)
    draws: Draws | None = None
    guesser: Guesser | None = None

    @classmethod
    def start(cls, row: Row, slot: int = 0) -> RunningRow:
        """A row before its first token."""
        return cls(row, slot, len(row.prompt), draws=None if is_greedy(row.sampling) else Draws(row.sampling.seed))

    def take(self, tokens: Sequence[int], end_tokens: frozenset[int], cached: int = 0) -> RowStep:
        """Appends new tokens up to an end token or the row's limit; says what is to be passed on."""
        taken: list[int] = []
        ended = at_limit = False
        for token in tokens:
            if token in end_tokens:
                ended = True
                break
            taken.append(token)
            if len(self.output) + len(taken) >= self.row.max_tokens:
                ended = at_limit = True
                break
        self.output += taken
        if self.draws is not None:
            self.draws.use()
        if self.guesser is not None:
            self.guesser.extend(taken)
        return RowStep(self.row.id, tuple(taken), ended, at_limit, cached)
