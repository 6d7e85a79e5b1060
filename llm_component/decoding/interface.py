"""The interface between the scheduler and a model: rows are admitted, stepped and released on one thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from llm_component.engines.interface import Sampling


@dataclass(frozen=True)
class Row:
    """A prompt that a decoder is to complete.

    Args:
        prompt: token ids with all special tokens; for an encoder-decoder the encoder's input.
        max_tokens: of the completion; prompt and completion fit the context.
        copy_from: token ids that the completion will probably copy from, for guessing ahead.
        adapter: the LoRA adapter; None: the model as it is.
    """

    id: int
    prompt: tuple[int, ...]
    sampling: Sampling
    max_tokens: int
    copy_from: tuple[int, ...] = ()
    adapter: str | None = None


@dataclass(frozen=True)
class RowStep:
    """What one step gave a row: its new tokens (several where guesses came true), and whether the row has ended.

    A row ends with an end token, which is not among `token_ids`, or at `max_tokens`. An ended row is released already.
    `cached_tokens` is set in a row's first step: how much of its prompt was not computed anew.
    """

    row_id: int
    token_ids: tuple[int, ...]
    ended: bool = False
    at_limit: bool = False  # it ended at max_tokens, not with an end token
    cached_tokens: int = 0


@dataclass(frozen=True)
class DecoderStats:
    """What a decoder holds now, and what its guessing ahead has come to since it was made."""

    rows: int = 0
    kv_tokens_used: int = 0
    kv_tokens_total: int = 0
    guessed_tokens: int = 0
    accepted_tokens: int = 0


class OutOfMemory(RuntimeError):
    """The device has no room for these rows now. The decoder's other rows are as they were."""


class Decoder(ABC):
    """Runs rows through a model. Not thread-safe: one worker thread owns it.

    The tokens of a row at temperature 0 do not depend on which other rows run beside it, up to rounding: see
    docs/llm.md for where floating point forbids more.
    """

    max_rows: int
    context_tokens: int

    @abstractmethod
    def room_for(self, rows: Sequence[Row]) -> int:
        """How many of `rows`, from the first on, can be admitted now."""

    @abstractmethod
    def admit(self, rows: Sequence[Row]) -> list[RowStep]:
        """Computes the prompts and gives each row's first token.

        Raises:
            OutOfMemory: nothing was admitted; the running rows are as they were. After any other exception, too.
        """

    @abstractmethod
    def step(self) -> list[RowStep]:
        """Computes the next token or tokens of every running row; an empty list where none runs.

        Raises:
            OutOfMemory: nothing was computed; all rows are as they were, and fewer of them may fit.
        """

    @abstractmethod
    def release(self, row_id: int) -> None:
        """Forgets a row, which frees its place at once. A row that is not there is no error."""

    @abstractmethod
    def clear(self) -> None:
        """Forgets all rows and everything cached, for example after the device failed."""

    @abstractmethod
    def stats(self) -> DecoderStats:
        """What it holds now. May be called from any thread."""
