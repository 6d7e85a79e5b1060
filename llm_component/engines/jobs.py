"""One request on its way through an engine: its tokens so far, its text, its times, and what its reader gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from llm_component import metrics
from llm_component.decoding.interface import Row
from llm_component.engines.detokenise import CompletionText
from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    FinishReason,
    GenerationRequest,
    Piece,
    Usage,
)
from llm_component.engines.prepare import Prepared

Event = Piece | EngineError  # what a reader gets; an error, or a piece with a finish reason, is the last
_SEED_RANGE = 2**32


@dataclass(eq=False)
class Job:
    """A request in an engine. Its text and tokens are written by one thread alone.

    Args:
        id: rises with the time of arrival; the decoder's row has the same.
        arrived: when the request came to the engine, in seconds of the engine's clock.
        replays: it cannot be continued from its tokens (an encoder-decoder's prompt is the encoder's input), so it
            starts again and drops what was out already; with a fixed seed the same tokens come.
    """

    id: int
    request: GenerationRequest
    prepared: Prepared
    text: CompletionText
    arrived: float
    inbox: Callable[[Event], None]  # called on the event loop
    replays: bool = False
    cancelled: bool = False  # set from any thread; whoever runs the row releases it
    cached_tokens: int = 0
    admitted_at: float | None = None
    first_token_at: float | None = None
    _to_drop: int = 0  # tokens of a replay that were out already
    _row: Row | None = field(default=None, repr=False)

    @property
    def generated(self) -> list[int]:
        """Token ids of the completion so far."""
        return self.text.token_ids

    @property
    def usage(self) -> Usage:
        """Tokens until now."""
        return Usage(len(self.prepared.prompt), len(self.generated), self.cached_tokens)

    def expired(self, now: float) -> bool:
        """Whether the deadline has passed."""
        return self.request.deadline is not None and now >= self.request.deadline

    def row(self) -> Row:
        """The row for the decoder: from the prompt, and, after it gave up its place, from its tokens so far."""
        if self._row is None:
            prepared, done = self.prepared, len(self.generated)
            row = Row(
                self.id,
                prepared.prompt,
                prepared.sampling,
                prepared.max_tokens,
                prepared.copy_from,
                prepared.adapter,
            )
            if done and not self.replays:
                row = replace(
                    row,
                    prompt=(*prepared.prompt, *self.generated),
                    sampling=replace(prepared.sampling, seed=_seed_after(prepared.sampling.seed, done)),
                    max_tokens=prepared.max_tokens - done,
                )
            self._row = row
        return self._row

    def admitted(self, now: float) -> None:
        """Notes that it runs. The time in the queue is the time until it ran first."""
        if self.admitted_at is None:
            self.admitted_at = now
            metrics.QUEUE_SECONDS.observe(now - self.arrived)
            metrics.PROMPT_TOKENS.inc(len(self.prepared.prompt))

    def gave_up_place(self) -> None:
        """Notes that its row was released and will have to be admitted again."""
        self._row = None
        self._to_drop = len(self.generated) if self.replays else 0

    def take(self, token_ids: Sequence[int], now: float, cached_tokens: int = 0) -> str:
        """Takes new tokens. Returns the text that may go out after them."""
        if self._to_drop:
            dropped = min(self._to_drop, len(token_ids))
            self._to_drop -= dropped
            token_ids = token_ids[dropped:]
        if self.first_token_at is None:
            self.first_token_at = now
            self.cached_tokens = cached_tokens
            metrics.TIME_TO_FIRST_TOKEN.observe(now - self.arrived)
            metrics.CACHED_TOKENS.inc(cached_tokens)
        before = len(self.generated)
        text = self.text.push(token_ids)
        metrics.GENERATED_TOKENS.inc(len(self.generated) - before)
        return text

    def last_piece(self, text: str, reason: FinishReason, now: float) -> Piece:
        """The last piece: `text`, what was held back, and the usage."""
        later = len(self.generated) - 1
        if self.first_token_at is not None and later > 0:
            metrics.TIME_PER_TOKEN.observe((now - self.first_token_at) / later)
        return Piece(text + self.text.finish(), "stop" if self.text.stopped else reason, self.usage)

    def at_deadline(self, now: float) -> Event:
        """What its reader gets at the deadline: the text so far, or the error where there is no token yet."""
        if self.first_token_at is None:
            return DeadlineExceeded(f"no token within {now - self.arrived:.1f} s, which is when the deadline passed")
        return self.last_piece("", "deadline", now)


def _seed_after(seed: int | None, tokens: int) -> int | None:
    """Another seed for the rest of a completion, or its first random numbers would come a second time."""
    return None if seed is None else (seed + 0x9E3779B1 * tokens) % _SEED_RANGE
