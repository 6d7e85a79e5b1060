"""Stands before the language model's server, so that a test can take it away or put another in its place."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65536


class Switchboard:
    """Passes connections on to `port`, byte by byte; `None` refuses them. Serves in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._target: int | None = port
        self._started = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="switchboard", daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connected, LOOPBACK, 0), self._loop)
        self._server = server.result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """What Rasa and the action server are told."""
        return f"http://{LOOPBACK}:{self.port}"

    @contextlib.contextmanager
    def leading_to(self, port: int | None) -> Iterator[None]:
        """Connections go elsewhere while the block runs, or, with None, are broken off at once."""
        before = self._target
        self._switch(port)
        try:
            yield
        finally:
            self._switch(before)

    def _switch(self, port: int | None) -> None:
        async def switch() -> None:
            self._target = port
            for writer in list(self._open):  # connections that are kept alive lead to the old place
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(switch(), self._loop).result(10)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._target is None:
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
            self._open.add(back)
            try:
                ways = [asyncio.ensure_future(_pass_on(*way)) for way in ((reader, back), (there, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
            finally:
                self._open.discard(back)
                back.transport.abort()
        except OSError:
            return  # nobody listens there: the caller's connection ends
        finally:
            self._open.discard(writer)
            writer.close()

    def close(self) -> None:
        """Ends listening and all connections."""
        self._switch(None)

        async def stop() -> None:
            self._server.close()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
