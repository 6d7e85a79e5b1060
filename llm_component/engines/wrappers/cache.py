"""Answers an equal request with the reply that is there, or with the one that is just being made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import anyio

from llm_component.coalescing import SharedRun
from llm_component.engines.interface import DeadlineExceeded, Engine, GenerationRequest, Piece, Usage
from llm_component.engines.wrappers.around import EngineAround
from llm_component.engines.wrappers.pieces import pieces_of
from llm_component.metrics import REPLY_CACHE
from llm_component.ttl_cache import TtlCache

# Who joins a request that began earlier ends with it. That may cost a quarter of the time left, not more.
_SHARE_OF_TIME_LEFT = 0.25


@dataclass
class _Shared:
    run: SharedRun[Piece]
    deadline: float | None


class CacheEngine(EngineAround):
    """Keeps complete replies to requests at temperature 0 without a seed, and coalesces equal ones in flight.

    Equal means equal in everything but id and deadline. Complete means ended by "stop" or "length"; what a deadline or
    an error cut short is never kept. Of those who ask for the same at once, the first starts the engine and all get the
    same pieces; it runs on as long as anybody reads. Each reader's own deadline holds.

    Args:
        entries: replies kept; the one unused longest makes room.
        seconds: how long each is kept.
    """

    def __init__(
        self, inner: Engine, *, entries: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._kept: TtlCache[tuple[Piece, Piece]] = TtlCache(entries, seconds, clock)
        self._running: dict[GenerationRequest, _Shared] = {}

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        if request.sampling.temperature > 0 or request.sampling.seed is not None:
            async with pieces_of(self.inner, request) as pieces:
                async for piece in pieces:
                    yield piece
            return
        key = replace(request, request_id="", deadline=None)
        kept = self._kept.get(key)
        if kept is not None:
            REPLY_CACHE.labels(result="hit").inc()
            for piece in kept:
                yield piece
            return
        shared = self._running.get(key)
        joined = shared is not None and shared.run.joinable and self._fits(request.deadline, shared.deadline)
        if shared is None or not joined:
            shared = self._begin(key, request)
        REPLY_CACHE.labels(result="joined" if joined else "miss").inc()
        async with aclosing(self._read(shared, request)) as read:
            async for piece in read:
                yield piece

    def _begin(self, key: GenerationRequest, request: GenerationRequest) -> _Shared:
        def ended(run: SharedRun[Piece]) -> None:
            if self._running.get(key) is shared:
                del self._running[key]
            last = run.items[-1] if run.items else Piece("")
            if last.finish_reason in ("stop", "length"):
                self._kept.put(key, _reply(run.items))

        shared = _Shared(SharedRun(lambda: self.inner.stream(request), ended), request.deadline)
        self._running[key] = shared
        return shared

    def _fits(self, own: float | None, other: float | None) -> bool:
        """Whether a request with the deadline `own` loses little by ending with one that has `other`."""
        if other is None:
            return True
        if own is None:
            return False
        return own - other <= _SHARE_OF_TIME_LEFT * max(0.0, own - self._clock())

    async def _read(self, shared: _Shared, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """The run's pieces until it ends or the reader's deadline, if that is the earlier one, passes."""
        own = request.deadline
        bounded = own is not None and (shared.deadline is None or own < shared.deadline)
        given = 0
        items: Any = shared.run.read()
        async with aclosing(items):
            while True:
                left = max(0.0, own - self._clock()) if bounded and own is not None else None
                piece: Piece | None = None
                with anyio.move_on_after(left) as scope:
                    piece = await _next(items)
                if scope.cancelled_caught:
                    if not given:
                        raise DeadlineExceeded("the deadline passed before the first token")
                    prompt = await asyncio.to_thread(self.count_tokens, request.messages)
                    yield Piece("", "deadline", Usage(prompt, given))
                    return
                if piece is None:
                    return
                given += 1
                yield piece


async def _next(items: AsyncIterator[Piece]) -> Piece | None:
    async for piece in items:
        return piece
    return None


def _reply(pieces: list[Piece]) -> tuple[Piece, Piece]:
    """A reply as it is kept: the whole text, and the end with a prompt of which nothing has to be computed anew."""
    last = pieces[-1]
    usage = None if last.usage is None else replace(last.usage, cached_tokens=last.usage.prompt_tokens)
    return Piece("".join(piece.text for piece in pieces)), Piece("", last.finish_reason, usage)
