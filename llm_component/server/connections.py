"""The HTTP connections of the server: what a stranger can make it keep in memory, and for how long."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# A client that has not sent a request line and its headers within this time is not going to.
HEAD_SECONDS = 30.0
MOST_HEAD_BYTES = 32 * 1024  # uvicorn's faster parser has no such limit and would keep whatever comes


class BoundedConnection(H11Protocol):
    """Closes a connection on which no request has begun in time; more header bytes than allowed get status 400."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()
