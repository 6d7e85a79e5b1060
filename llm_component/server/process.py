"""The server as a process: its socket, its signals, and how it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from llm_component.engines.interface import Engine
from llm_component.server.app import make_app
from llm_component.server.connections import MOST_HEAD_BYTES, BoundedConnection
from llm_component.server.state import Grounding, ServerState
from llm_component.settings import PREFIX, Settings, SettingsError

BACKLOG = 2048
# Longer than HTTP clients keep idle connections (httpx 5 s), so that none is used while the server closes it.
KEEP_ALIVE_SECONDS = 75
# What is left after the drain, such as a thread that still loads a model, is not waited for any longer than this.
EXIT_SECONDS = 5.0
EXIT_WRONG_CONFIGURATION = 2
# How long a thread that checks or tokenises may keep the event loop waiting for its turn; Python's 5 ms add up where
# hundreds of connections each want one.
SWITCH_SECONDS = 0.001
log = logging.getLogger(__name__)


def refuse_open_port(settings: Settings) -> None:
    """Raises `SettingsError` where other machines could reach the server and nothing would ask who they are."""
    if settings.secret or settings.allow_open or _is_loopback(settings.host):
        return
    raise SettingsError(
        f"{PREFIX}HOST={settings.host} lets other machines in: set {PREFIX}SECRET, which they must then send, or "
        f"{PREFIX}ALLOW_OPEN=true where something else keeps strangers out"
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `SettingsError` where there is none to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {_why(error)}") from None


def serve(
    settings: Settings,
    engine: Engine | None,
    load_grounding: Callable[[], Grounding],
    *,
    on_listening: Callable[[], None] = lambda: None,
) -> str:
    """Serves until a signal ends it, then returns ""; or returns the sentence that says why loading failed.

    SIGTERM and SIGINT: new requests get 503, running ones may end within `settings.drain_seconds`. A second signal
    ends the process at once.

    Raises:
        SettingsError: the address cannot be listened on, or not without a secret.
    """
    refuse_open_port(settings)
    listener = listen(settings.host, settings.port)
    sys.setswitchinterval(SWITCH_SECONDS)
    failures: list[str] = []

    def failed(reason: str) -> None:
        failures.append(reason)
        server.should_exit = True
        _leave_within(EXIT_SECONDS, EXIT_WRONG_CONFIGURATION)

    app = make_app(settings, engine, load_grounding=load_grounding, on_failure=failed)
    server = DrainingServer(app, settings)
    log.info("listening", extra={"host": settings.host, "port": settings.port})
    on_listening()
    server.run(sockets=[listener])
    log.info("stopped")
    return failures[0] if failures else ""


class DrainingServer(uvicorn.Server):
    """A uvicorn server that first lets its requests end; uvicorn itself would close its port at the first signal."""

    def __init__(self, app: Starlette, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedConnection,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self._state: ServerState = app.state.server
        self._drain_seconds = settings.drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._signalled:
            self._begin_drain()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called on SIGTERM and SIGINT, between two steps of the main thread."""
        if self._signalled:
            os._exit(128 + sig)
        self._signalled = True
        if self._loop is not None and self.started:
            self._loop.call_soon_threadsafe(self._begin_drain)

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._state.drain(self._drain_seconds)
        finally:
            self.should_exit = True
            _leave_within(EXIT_SECONDS, 0)


def _leave_within(seconds: float, status: int) -> None:
    """Ends the process with `status` if it has not ended by itself by then."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()


def _why(error: OSError) -> str:
    """The system's own words; Python adds the address to them, in some versions."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
