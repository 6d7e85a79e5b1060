"""One piece of work for all who ask for the same at the same time: what it gives is handed to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class SharedRun(Generic[Item]):
    """Runs an asynchronous generator in a task of its own; readers get all its items, whenever they join.

    A reader may leave at any time. The run goes on for the others and is cancelled when the last has left, so that
    nobody pays for what nobody reads. The run must have a reader before the event loop gets its turn.

    Args:
        source: starts the work.
        on_end: called once with the run when it has ended, in whatever way.
    """

    def __init__(
        self, source: Callable[[], AsyncIterator[Item]], on_end: Callable[[SharedRun[Item]], None] | None = None
    ) -> None:
        self.items: list[Item] = []
        self.error: Exception | None = None
        self.complete = False  # ended by itself, without an error
        self._source = source
        self._on_end = on_end
        self._readers = 0
        self._ended = False
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    @property
    def joinable(self) -> bool:
        """Whether a further reader on this event loop would be served."""
        return not self._ended and self._loop is asyncio.get_running_loop()

    async def read(self) -> AsyncGenerator[Item, None]:
        """All items from the first on. Raises what the work raised."""
        self._readers += 1
        place = 0
        try:
            while True:
                while place < len(self.items):
                    item = self.items[place]
                    place += 1
                    yield item
                if self._ended:
                    if self.error is not None:
                        raise self.error
                    if not self.complete:  # the event loop is being shut down
                        raise asyncio.CancelledError
                    return
                await self._changed.wait()
        finally:
            self._readers -= 1
            if self._readers == 0 and not self._ended:
                self._end()
                self._task.cancel()
                # The work's own clean-up (a connection, a place in a queue) is over when the last reader is gone.
                await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            source: Any = self._source()
            async with aclosing(source):
                async for item in source:
                    self.items.append(item)
                    self._wake()
            self.complete = True
        except Exception as error:  # noqa: BLE001  it is raised where it belongs: in the readers
            self.error = error
        finally:
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            if self._on_end is not None:
                self._on_end(self)
            self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
