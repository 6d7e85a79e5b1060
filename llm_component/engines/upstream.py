"""The engine that passes prompts on to any OpenAI-compatible server: vLLM, llama.cpp's server, OpenAI."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import httpx
import msgspec

from llm_component import metrics
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineStatus,
    FinishReason,
    GenerationRequest,
    Message,
    Piece,
    RequestRefused,
    UpstreamFailed,
    Usage,
)
from llm_component.engines.occupancy import Occupancy
from llm_component.engines.upstream_server import TIMER_SECONDS, UpstreamServer
from llm_component.engines.upstream_wire import (
    MOST_STOP_STRINGS,
    ChatReader,
    StopCutter,
    body_of,
    estimate_tokens,
    refused_field,
    said_by,
)
from llm_component.sse import Event, SseError, SseParser
from llm_component.transport import Body, CallFailed, Transport

logger = logging.getLogger(__name__)

GRACE_SECONDS = 1.0  # for usage and [DONE] after the finish reason
_FIELDS_A_SERVER_REFUSES = 6  # tries in which one field after the other is left out
_VERSION = re.compile(r"/v\d+[a-z0-9]*$")


class UpstreamEngine(Engine):
    """Streams from `/v1/chat/completions` of another server.

    It is one attempt at one server: how many requests run at once, and what happens when the server keeps failing, is
    for the wrappers.

    Args:
        url: the server's base URL; `/v1` is added where it has no version in its path.
        model: the name to ask for; empty: the first that `/v1/models` lists.
        key: sent as Bearer; stands in no log and no error.
        context_tokens: prompt and completion together; 0: what the server says, else 4,096.
        connect_seconds: time for a connection.
        first_token_seconds: time from sending to the first text.
        silence_seconds: longest pause in a stream.
        total_seconds: limit of requests that come without a deadline.
        clock, sleep, jitter, http: for tests.
    """

    def __init__(
        self,
        url: str,
        model: str = "",
        key: str = "",
        *,
        context_tokens: int = 0,
        connect_seconds: float = 2.0,
        first_token_seconds: float = 10.0,
        silence_seconds: float = 10.0,
        total_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        url = url.rstrip("/")
        if not _VERSION.search(httpx.URL(url).path):
            url += "/v1"
        self._transport = Transport(
            url,
            key.strip(),
            connect_seconds=connect_seconds,
            clock=clock,
            sleep=sleep,
            jitter=jitter,
            http=http,
            on_retry=lambda reason: metrics.RETRIES.labels(reason).inc(),
        )
        self._server = UpstreamServer(self._transport, model, context_tokens, clock)
        self._where = self._server.where
        self._first_token_seconds = first_token_seconds
        self._silence_seconds = silence_seconds
        self._total_seconds = total_seconds
        self._clock = clock
        self._refused: set[str] = set()  # fields that this server does not take
        self._occupancy = Occupancy()

    @property
    def model_name(self) -> str:  # type: ignore[override]
        """The model's name where it is known."""
        return self._server.model or "upstream"

    @property
    def context_tokens(self) -> int:  # type: ignore[override]
        """Prompt and completion together: what the settings or the server say, else 4,096."""
        return self._server.context_tokens

    @property
    def adapters(self) -> tuple[str, ...]:
        """Models that the server lists with ours as their parent, as vLLM lists LoRA adapters."""
        return self._server.adapters

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate that is too high rather than too low; see `estimate_tokens`."""
        return estimate_tokens(messages)

    def status(self) -> EngineStatus:
        """Ready once the server has answered, and not while the last thing known is that it failed to.

        Asked while it is not ready, it has the server looked at again in the background, every 5 s at most.
        """
        if self._server.fault and not self._occupancy.draining:
            self._server.look_again()
        reason = "shutting down" if self._occupancy.draining else self._server.fault
        return EngineStatus(ready=not reason, reason=reason, running=self._occupancy.running)

    async def start(self) -> None:
        """Asks for the models. A server that is down is no error: it is asked again when it is needed."""
        await self._server.look()

    async def drain(self, seconds: float) -> None:
        """Takes no new requests and waits for the running ones."""
        await self._occupancy.drain(seconds)

    async def close(self) -> None:
        """Closes all connections, which ends what the server still does for us."""
        await self._server.close()
        await self._transport.aclose()

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`. Closing it closes the connection, by which servers notice that nobody reads."""
        with self._occupancy.place():
            started = self._clock()
            deadline = request.deadline if request.deadline is not None else started + self._total_seconds
            if deadline <= started:
                raise DeadlineExceeded("the deadline passed before the upstream was asked")
            await self._server.know_model(deadline)
            if request.adapter is not None and request.adapter not in self._server.adapters:
                await self._server.look(deadline)
            if request.adapter is not None and request.adapter not in self._server.adapters:
                raise RequestRefused(f"the upstream has no adapter {request.adapter!r}")
            body = await self._open(request, deadline)
            self._server.fault = ""
            try:
                async with aclosing(self._pieces(body, request, started, deadline)) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                await body.aclose()

    async def _pieces(
        self, body: Body, request: GenerationRequest, started: float, deadline: float
    ) -> AsyncGenerator[Piece, None]:
        reader = ChatReader(self._where)
        cutter = StopCutter(request.sampling.stop[MOST_STOP_STRINGS:])
        if body.content_type == "application/json":
            text = reader.take_whole(await self._read(body, deadline))
            if text := cutter.feed(text) + cutter.finish():
                yield Piece(text)
            yield self._last(reader, request, reader.finish or "stop")
            return
        if body.content_type != "text/event-stream":
            raise UpstreamFailed(f"{self._where} answered with {body.content_type or 'no content type'}, not a stream")
        parser = SseParser()
        first_token_by = started + self._first_token_seconds
        while not reader.done and not cutter.stopped and not (reader.finish and reader.usage):
            left = deadline - self._clock()
            if reader.finish:
                patience = GRACE_SECONDS
            else:
                patience = self._silence_seconds if reader.chunks else first_token_by - self._clock()
            try:
                chunk = await body.next(max(0.0, min(left, patience)))
            except CallFailed as failure:
                if failure.reason == "timeout" and reader.finish:
                    break
                if failure.reason == "timeout" and left <= patience:
                    if not reader.chunks:
                        raise DeadlineExceeded(f"{self._where} sent no text before the deadline") from failure
                    if held := cutter.finish():
                        yield Piece(held)
                    yield self._last(reader, request, "deadline")
                    return
                raise self._server.failed(failure) from failure
            for event in self._events(parser, chunk):
                if text := cutter.feed(reader.take(event)):
                    yield Piece(text)
                if cutter.stopped:
                    break
            if chunk is None:
                break
        if not (reader.done or reader.finish or cutter.stopped):
            raise UpstreamFailed(f"{self._where} ended its answer half-way")
        if held := cutter.finish():
            yield Piece(held)
        yield self._last(reader, request, "stop" if cutter.stopped else reader.finish or "stop")
        if not cutter.stopped:
            await body.finish()

    def _events(self, parser: SseParser, chunk: bytes | None) -> list[Event]:
        try:
            return parser.finish() if chunk is None else parser.feed(chunk)
        except SseError as error:
            raise UpstreamFailed(f"{self._where} sent a stream that cannot be read: {error}") from error

    def _last(self, reader: ChatReader, request: GenerationRequest, reason: FinishReason) -> Piece:
        # Without the server's count: our estimate of the prompt, and its portions of text, mostly one token each.
        usage = reader.usage or Usage(self.count_tokens(request.messages), reader.chunks)
        return Piece("", reason, usage)

    async def _read(self, body: Body, deadline: float) -> bytes:
        try:
            return await body.read(deadline, self._clock)
        except CallFailed as failure:
            raise self._server.failed(failure) from failure

    async def _open(self, request: GenerationRequest, deadline: float) -> Body:
        """The open answer. Fields that the server refuses are left out, now and from now on."""
        headers = {"Accept": "text/event-stream"}
        if request.request_id.isascii() and request.request_id.isprintable() and request.request_id:
            headers["X-Request-Id"] = request.request_id
        for _ in range(_FIELDS_A_SERVER_REFUSES):
            wire = body_of(request, self._server.model, self._refused)
            content = msgspec.json.encode(wire)
            try:
                return await self._transport.open(
                    "POST",
                    "/chat/completions",
                    lambda content=content: content,  # type: ignore[misc]
                    deadline=deadline,
                    first_byte_seconds=self._first_token_seconds,
                    headers=headers,
                )
            except CallFailed as failure:
                field = refused_field(said_by(failure.body), wire) if failure.status in (400, 422) else None
                if field is None:
                    raise self._server.failed(failure, request, self._clock() >= deadline - TIMER_SECONDS) from failure
                self._refused.add(field)
                metrics.FIELDS_LEFT_OUT.labels(field).inc()
                logger.warning("%s does not take %s; requests to it do without", self._where, field)
        raise UpstreamFailed(f"{self._where} refuses one field after the other: {', '.join(sorted(self._refused))}")
