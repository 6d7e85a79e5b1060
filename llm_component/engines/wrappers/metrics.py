"""Times and counts for engines that have no figures of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from llm_component import metrics
from llm_component.engines.interface import Engine, EngineError, GenerationRequest, Piece
from llm_component.engines.wrappers.around import EngineAround
from llm_component.engines.wrappers.pieces import pieces_of

PLACE = "engine"


class MetricsEngine(EngineAround):
    """Records time to first token, time per token, tokens, failures by kind and cancellations.

    How many are running and waiting is in `status()`, from which `/metrics` takes it.

    The time a request waits in wrappers inside of this one counts towards its first token.
    """

    def __init__(self, inner: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(inner)
        self._clock = clock

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        arrived = self._clock()
        first: float | None = None
        ended = False
        try:
            async with pieces_of(self.inner, request) as pieces:
                async for piece in pieces:
                    if first is None and piece.text:
                        first = self._clock()
                        metrics.TIME_TO_FIRST_TOKEN.observe(first - arrived)
                    if piece.finish_reason is not None:
                        ended = True
                        self._count(piece, first)
                    yield piece
        except EngineError as error:
            metrics.FAILURES.labels(place=PLACE, kind=error.kind).inc()
            raise
        except (GeneratorExit, asyncio.CancelledError):
            if not ended:
                metrics.CANCELLED.inc()
            raise

    def _count(self, last: Piece, first: float | None) -> None:
        usage = last.usage
        if usage is None:
            return
        metrics.PROMPT_TOKENS.inc(usage.prompt_tokens)
        metrics.CACHED_TOKENS.inc(usage.cached_tokens)
        metrics.GENERATED_TOKENS.inc(usage.completion_tokens)
        if first is not None and usage.completion_tokens > 1:
            metrics.TIME_PER_TOKEN.observe((self._clock() - first) / (usage.completion_tokens - 1))
