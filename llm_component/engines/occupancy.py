"""Who is being served: counted, and waited for when an engine drains."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from llm_component.engines.interface import EngineUnavailable


class Occupancy:
    """Counts running requests on one event loop and keeps new ones out once draining has begun."""

    def __init__(self) -> None:
        self.running = 0
        self.draining = False
        self._idle: asyncio.Event | None = None

    @contextmanager
    def place(self) -> Iterator[None]:
        """Held while a request runs. Raises `EngineUnavailable` when draining."""
        if self.draining:
            raise EngineUnavailable("the server is shutting down and takes no new requests")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            if self.running == 0 and self._idle is not None:
                self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Takes no new ones and waits for the running ones, `seconds` at most."""
        self.draining = True
        if self.running:
            self._idle = asyncio.Event()
            with anyio.move_on_after(seconds):
                await self._idle.wait()
