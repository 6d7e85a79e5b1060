"""Bounds how many requests run at once and how many wait; more are refused at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import anyio

from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineStatus,
    EngineUnavailable,
    GenerationRequest,
    Overloaded,
    Piece,
)
from llm_component.engines.wrappers.around import EngineAround
from llm_component.engines.wrappers.pieces import pieces_of
from llm_component.metrics import QUEUE_SECONDS

RETRY_AFTER_SECONDS = 1.0  # what those who are refused are told; about the time of a short answer


class LimitEngine(EngineAround):
    """Lets `running` requests through and has `waiting` more wait, first come, first served.

    For engines without a queue of their own. A request whose deadline passes while it waits leaves the queue.

    Raises:
        Overloaded: at once, when the queue is full.
        DeadlineExceeded: when the deadline passes in the queue.
        EngineUnavailable: to those who wait when draining begins, and to all after that.
    """

    def __init__(
        self, inner: Engine, *, running: int, waiting: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(inner)
        self._limit = max(1, running)
        self._most_waiting = waiting
        self._clock = clock
        self._running = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._draining = False

    def status(self) -> EngineStatus:
        """The engine's state with those who wait here."""
        inner = self.inner.status()
        return replace(inner, waiting=inner.waiting + len(self._queue))

    async def drain(self, seconds: float) -> None:
        """Turns away those who wait, then drains the engine."""
        self._draining = True
        for place in self._queue:
            if not place.done():
                place.set_exception(_shutting_down())
        await self.inner.drain(seconds)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`; waits for its turn first."""
        arrived = self._clock()
        await self._enter(request)
        try:
            QUEUE_SECONDS.observe(self._clock() - arrived)
            async with pieces_of(self.inner, request) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._leave()

    async def _enter(self, request: GenerationRequest) -> None:
        if self._draining:
            raise _shutting_down()
        if self._running < self._limit:
            self._running += 1
            return
        if len(self._queue) >= self._most_waiting:
            raise Overloaded(
                f"{self._running} requests are running and {len(self._queue)} are waiting", RETRY_AFTER_SECONDS
            )
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        left = request.seconds_left(self._clock())
        entered = False
        try:
            with anyio.move_on_after(None if left is None else max(0.0, left)):
                await place
                entered = True
        finally:
            if place in self._queue:
                self._queue.remove(place)
            if not entered and place.done() and not place.cancelled() and place.exception() is None:
                self._leave()  # the turn came together with the end of the wait: the next one gets it
        if not entered:
            raise DeadlineExceeded("the deadline passed while the request waited for its turn")

    def _leave(self) -> None:
        """Hands the place to the one who has waited longest."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1


def _shutting_down() -> EngineUnavailable:
    return EngineUnavailable("the server is shutting down and takes no new requests")
