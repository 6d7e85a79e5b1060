"""The HTTP connections of the server: what a stranger can make it keep in memory, and for how long."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# A client that has not sent a request line and its headers within this time is not going to.
HEAD_SECONDS = 30.0
MOST_HEAD_BYTES = 32 * 1024  # uvicorn's faster parser has no such limit and would keep whatever comes


class BoundedConnection(H11Protocol):
    """Closes a connection on which a request's headers are not whole in time, be it the first request or a later one;
    more header bytes than allowed get status 400."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Also watches the head of a further request: its first byte ends uvicorn's own wait for it."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _awaits_head(self) -> bool:
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.conn.their_state is h11.IDLE

    def _watch_head(self) -> None:
        """Gives a head `HEAD_SECONDS` from its first byte on, however its other bytes come."""
        if not self._awaits_head():
            self._stop_watching()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_watching(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        if self._awaits_head() and not self.transport.is_closing():
            self.transport.close()
