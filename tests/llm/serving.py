"""What the server's tests share: an engine that does what a test says, and ways to run the application."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import numpy as np
import uvicorn
from starlette.applications import Starlette

from llm_component.engines.interface import (
    Engine,
    EngineStatus,
    FinishReason,
    GenerationRequest,
    Message,
    Piece,
    Usage,
)
from llm_component.server.connections import MOST_HEAD_BYTES, BoundedConnection
from llm_component.server.process import listen
from llm_component.settings import Settings

PATIENCE = 60.0  # seconds until a test that waits for another thread or process gives up


class DirectedEngine(Engine):
    """Gives `texts`; before each of them it waits for a permit where `held` is set.

    An exception among `texts` is raised in its place.
    """

    model_name = "directed"
    context_tokens = 2048

    def __init__(
        self,
        texts: Sequence[str | Exception] = ("Hello", ", you"),
        *,
        finish: FinishReason = "stop",
        held: bool = False,
        adapters: tuple[str, ...] = (),
        usage: Usage | None = None,
        start_errors: Sequence[Exception] = (),
    ) -> None:
        self.texts = texts
        self.finish: FinishReason = finish
        self.held = held
        self.usage = usage or Usage(7, 2, 3)
        self.requests: list[GenerationRequest] = []
        self.begun = threading.Event()
        self.cancelled = threading.Event()
        self.said_status = EngineStatus(True)
        self.closed = False
        self._adapters = adapters
        self._start_errors = list(start_errors)
        self._permits: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def adapters(self) -> tuple[str, ...]:
        return self._adapters

    async def start(self) -> None:
        if self._start_errors:
            raise self._start_errors.pop(0)

    async def close(self) -> None:
        self.closed = True

    def permit(self, pieces: int = 1) -> None:
        """Lets so many pieces go; from any thread."""
        assert self._loop is not None and self._permits is not None
        for _ in range(pieces):
            self._loop.call_soon_threadsafe(self._permits.release)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Piece]:
        self.requests.append(request)
        self._loop = asyncio.get_running_loop()
        self._permits = asyncio.Semaphore(0)
        self.begun.set()
        try:
            for text in self.texts:
                if self.held:
                    await self._permits.acquire()
                if isinstance(text, Exception):
                    raise text
                yield Piece(text)
            yield Piece("", self.finish, self.usage)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def status(self) -> EngineStatus:
        return self.said_status


class LetterEncoder:
    """Vectors by first letters; as quick as an encoder can be."""

    name = "letters"
    dimension = 4
    max_tokens = 16

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[ord(text[0]), len(text), 1.0, 0.0] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


def settings(**values: object) -> Settings:
    """Settings for a test, without a look at the environment."""
    return Settings(**values)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def in_process(app: Starlette, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app` without a network, once its loading is over."""
    async with app.router.lifespan_context(app):
        await app.state.server.wait_loaded()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
            yield client


@contextlib.contextmanager
def running(app: Starlette) -> Iterator[str]:
    """`app` under uvicorn in a thread, as `serve` runs it; gives its base URL once it is ready."""
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_ready(url)
        yield url
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def wait_ready(url: str, seconds: float = PATIENCE) -> None:
    """Returns when `/ready` says 200. The port must be listened on already."""
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        for _ in range(int(seconds / 0.05)):
            response = client.get(f"{url}/ready")
            if response.status_code == 200:
                return
            assert response.json()["state"] != "failed", response.text
            threading.Event().wait(0.05)
    raise AssertionError(f"{url} did not get ready")


def chat_body(**fields: object) -> dict[str, object]:
    """A valid body of a chat completion."""
    return {"model": "", "messages": [{"role": "user", "content": "Where is my parcel?"}], **fields}


def raw_post(url: str, path: str, body: bytes, *headers: str) -> socket.socket:
    """Sends a POST and gives the open socket."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    lines = [f"POST {path} HTTP/1.1", "Host: server", "Content-Type: application/json", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode("ascii") + body)
    return connection
