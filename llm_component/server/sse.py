"""Server-Sent Events: a response that stops when its reader goes away and shows signs of life while it waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from llm_component.server.errors import ClientGone, Fault
from llm_component.server.requests import call_of, report

HEARTBEAT = b": still here\n\n"
# A reader that takes nothing for so long holds its place for nothing.
STALLED_SECONDS = 60.0
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
)

T = TypeVar("T")


def event(data: bytes, name: str = "") -> bytes:
    """One event with `data`, a single line of JSON."""
    return (f"event: {name}\n".encode("ascii") if name else b"") + b"data: " + data + b"\n\n"


class EventStream(Response):
    """Sends `events` as they come and closes them, which cancels what they stand for, when the client goes away.

    The status goes out with the first event, so that an exception before it still gets its own status; where none
    comes within `heartbeat_seconds`, it goes out with a comment. A later exception becomes `error_event` of what it
    comes to.
    """

    def __init__(
        self,
        request: Request,
        events: AsyncIterator[bytes],
        *,
        error_event: Callable[[Fault], bytes],
        heartbeat_seconds: float,
    ) -> None:
        self.background = None
        self.status_code = 200
        self._call = call_of(request)
        self._events = events
        self._error_event = error_event
        self._heartbeat_seconds = heartbeat_seconds
        self._started = False
        self._last_write = 0.0
        self._write_lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._last_write = asyncio.get_running_loop().time()
        pump = asyncio.create_task(self._pump(send))
        others = (asyncio.create_task(until_disconnect(receive)), asyncio.create_task(self._beat(send)))
        try:
            await asyncio.wait({pump, *others}, return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                raise ClientGone
            await pump
        finally:
            for task in (pump, *others):
                task.cancel()
            await asyncio.gather(pump, *others, return_exceptions=True)
            await close(self._events)

    async def _pump(self, send: Send) -> None:
        try:
            async for item in self._events:
                await self._write(send, item)
        except Exception as error:
            if not self._started:
                raise
            await self._write(send, self._error_event(report(self._call, error)))
        await self._write(send, b"", more=False)

    async def _beat(self, send: Send) -> None:
        """Writes a comment whenever nothing was written for a while; ends where the client takes nothing any more."""
        loop = asyncio.get_running_loop()
        while True:
            silent = loop.time() - self._last_write
            if silent < self._heartbeat_seconds:
                await asyncio.sleep(self._heartbeat_seconds - silent)
                continue
            try:
                await asyncio.wait_for(self._write(send, HEARTBEAT), STALLED_SECONDS)
            except asyncio.TimeoutError:
                return

    async def _write(self, send: Send, data: bytes, *, more: bool = True) -> None:
        async with self._write_lock:
            if not self._started:
                self._started = True
                await send({"type": "http.response.start", "status": self.status_code, "headers": list(_HEADERS)})
            await send({"type": "http.response.body", "body": data, "more_body": more})
            self._last_write = asyncio.get_running_loop().time()


async def until_disconnect(receive: Receive) -> None:
    """Returns when the client has gone. The request's body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled, and `ClientGone` raised, where the client goes away before."""
    task = asyncio.create_task(work)
    watch = asyncio.create_task(until_disconnect(request.receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return await task
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def close(iterator: AsyncIterator[Any]) -> None:
    """Closes an asynchronous generator; another iterator has nothing to close."""
    end = getattr(iterator, "aclose", None)
    if end is not None:
        await end()


@contextlib.asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """`iterator`, closed at the end of the block also where a reader leaves it early."""
    try:
        yield iterator
    finally:
        await close(iterator)
