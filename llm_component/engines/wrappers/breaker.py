"""Stops asking an engine that keeps failing, and tries again after a while with a single request."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from llm_component.breaker import Breaker, BreakerOpen, State
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineStatus,
    EngineUnavailable,
    GenerationRequest,
    Piece,
    UpstreamFailed,
)
from llm_component.engines.wrappers.around import EngineAround
from llm_component.engines.wrappers.pieces import pieces_of
from llm_component.metrics import BREAKER_OPEN

# A request that had less time than this to begin with may well have missed its deadline by its own fault.
FAIR_SECONDS = 1.0


class BreakerEngine(EngineAround):
    """Refuses with `EngineUnavailable` and `retry_after` while the breaker is open.

    What counts as a failure of the engine: `UpstreamFailed`, `EngineUnavailable`, and `DeadlineExceeded` where the
    request came with at least a second. What does not: `RequestRefused` (the request's fault), `Overloaded` (it is
    busy, not broken) and a reader who goes away.
    """

    def __init__(
        self, inner: Engine, breaker: Breaker | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(inner)
        self._breaker = breaker or Breaker(clock=clock, on_change=_show)
        self._clock = clock

    def status(self) -> EngineStatus:
        """Not ready while the breaker is open; an open breaker that may be tried again is ready."""
        inner = self.inner.status()
        wait = self._breaker.retry_after()
        if self._breaker.state == "open" and wait > 0:
            return replace(inner, ready=False, reason=inner.reason or _open_text(wait))
        return inner

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        left = request.seconds_left(self._clock())
        try:
            admission = self._breaker.admit()
        except BreakerOpen as error:
            raise EngineUnavailable(_open_text(error.retry_after), error.retry_after) from error
        some = False
        try:
            async with pieces_of(self.inner, request) as pieces:
                async for piece in pieces:
                    some = True
                    if piece.finish_reason in ("stop", "length"):
                        admission.succeeded()
                    yield piece
        except (UpstreamFailed, EngineUnavailable):
            admission.failed()
            raise
        except DeadlineExceeded:
            if left is None or left >= FAIR_SECONDS:
                admission.failed()
            raise
        except GeneratorExit:
            if some:  # a reader who has enough: so far the engine did what was asked
                admission.succeeded()
            raise
        finally:
            admission.abandoned()  # without effect where something has been said above


def _open_text(seconds: float) -> str:
    return f"the model server failed repeatedly and is left alone for another {seconds:.0f} s"


def _show(state: State) -> None:
    BREAKER_OPEN.set(0 if state == "closed" else 1)
