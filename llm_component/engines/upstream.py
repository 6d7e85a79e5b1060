"""The engine that passes prompts on to any OpenAI-compatible server: vLLM, llama.cpp's server, OpenAI."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import msgspec

from llm_component import metrics
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    EngineStatus,
    EngineUnavailable,
    FinishReason,
    GenerationRequest,
    Message,
    Piece,
    RequestRefused,
    UpstreamFailed,
    Usage,
)
from llm_component.engines.occupancy import Occupancy
from llm_component.engines.upstream_wire import (
    MOST_STOP_STRINGS,
    ChatReader,
    StopCutter,
    body_of,
    error_of,
    estimate_tokens,
    refused_field,
    said_by,
)
from llm_component.sse import Event, SseError, SseParser
from llm_component.transport import Body, CallFailed, Transport

logger = logging.getLogger(__name__)

# Where neither the settings nor the server say how long a prompt may be: what llama.cpp's server has by default.
UNKNOWN_CONTEXT_TOKENS = 4096
MODELS_SECONDS = 5.0  # time for /v1/models
PROBE_SECONDS = 5.0  # between two looks whether a server that was down is back
GRACE_SECONDS = 1.0  # for usage and [DONE] after the finish reason
TIMER_SECONDS = 0.005  # a timer that ends so much before the deadline ends at the deadline
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
        self._where = f"the upstream {self._transport.shown_url}"
        self._model = model  # empty until it is known
        self.model_name = model or "upstream"
        self.context_tokens = context_tokens or UNKNOWN_CONTEXT_TOKENS
        self._context_is_set = context_tokens > 0
        self._first_token_seconds = first_token_seconds
        self._silence_seconds = silence_seconds
        self._total_seconds = total_seconds
        self._clock = clock
        self._adapters: tuple[str, ...] = ()
        self._refused: set[str] = set()  # fields that this server does not take
        self._fault = f"{self._where} has not been asked yet"  # why it is not ready; "" when it is
        self._probed = -PROBE_SECONDS
        self._probing: asyncio.Task[None] | None = None
        self._occupancy = Occupancy()

    @property
    def adapters(self) -> tuple[str, ...]:
        """Models that the server lists with ours as their parent, as vLLM lists LoRA adapters."""
        return self._adapters

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate that is too high rather than too low; see `estimate_tokens`."""
        return estimate_tokens(messages)

    def status(self) -> EngineStatus:
        """Ready once the server has answered, and not while the last thing known is that it failed to.

        Asked while it is not ready, it has the server looked at again in the background, every 5 s at most.
        """
        if self._fault and not self._occupancy.draining:
            self._probe_again()
        reason = "shutting down" if self._occupancy.draining else self._fault
        return EngineStatus(ready=not reason, reason=reason, running=self._occupancy.running)

    async def start(self) -> None:
        """Asks for the models. A server that is down is no error: it is asked again when it is needed."""
        await self._look()

    async def drain(self, seconds: float) -> None:
        """Takes no new requests and waits for the running ones."""
        await self._occupancy.drain(seconds)

    async def close(self) -> None:
        """Closes all connections, which ends what the server still does for us."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        await self._transport.aclose()

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`. Closing it closes the connection, by which servers notice that nobody reads."""
        with self._occupancy.place():
            started = self._clock()
            deadline = request.deadline if request.deadline is not None else started + self._total_seconds
            if deadline <= started:
                raise DeadlineExceeded("the deadline passed before the upstream was asked")
            await self._know_model(deadline)
            if request.adapter is not None and request.adapter not in self._adapters:
                await self._look(deadline)
            if request.adapter is not None and request.adapter not in self._adapters:
                raise RequestRefused(f"the upstream has no adapter {request.adapter!r}")
            body = await self._open(request, deadline)
            self._fault = ""
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
                raise self._failed(failure) from failure
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
            raise self._failed(failure) from failure

    async def _open(self, request: GenerationRequest, deadline: float) -> Body:
        """The open answer. Fields that the server refuses are left out, now and from now on."""
        headers = {"Accept": "text/event-stream"}
        if request.request_id.isascii() and request.request_id.isprintable() and request.request_id:
            headers["X-Request-Id"] = request.request_id
        for _ in range(_FIELDS_A_SERVER_REFUSES):
            wire = body_of(request, self._model, self._refused)
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
                    raise self._failed(failure, request, self._clock() >= deadline - TIMER_SECONDS) from failure
                self._refused.add(field)
                metrics.FIELDS_LEFT_OUT.labels(field).inc()
                logger.warning("%s does not take %s; requests to it do without", self._where, field)
        raise UpstreamFailed(f"{self._where} refuses one field after the other: {', '.join(sorted(self._refused))}")

    def _failed(
        self, failure: CallFailed, request: GenerationRequest | None = None, at_deadline: bool = False
    ) -> EngineError:
        """The engine error for a call that failed; the status remembers what further requests would meet as well."""
        error: EngineError
        if failure.reason == "status":
            said = said_by(failure.body)
            adapter = request is not None and request.adapter is not None
            error = error_of(failure.status, said, self._where, self._model, adapter, failure.retry_after)
        elif failure.reason == "unreachable":
            error = EngineUnavailable(str(failure), retry_after=PROBE_SECONDS)
        elif failure.reason == "timeout" and at_deadline:
            return DeadlineExceeded(f"{self._where} gave no answer before the deadline")
        else:
            error = UpstreamFailed(str(failure))
        if isinstance(error, EngineUnavailable):
            self._fault = str(error)
        return error

    async def _know_model(self, deadline: float) -> None:
        """Asks for the model's name where it is needed and not known. Raises `EngineError`."""
        if self._model:
            return
        await self._look(deadline)
        if not self._model:
            if self._clock() >= deadline - TIMER_SECONDS:
                raise DeadlineExceeded(f"{self._where} did not name its models before the deadline")
            raise EngineUnavailable(self._fault, retry_after=PROBE_SECONDS)

    def _probe_again(self) -> None:
        due = self._clock() - self._probed >= PROBE_SECONDS
        if due and (self._probing is None or self._probing.done()):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # asked from outside of the event loop: nothing can be started from here
                return
            self._probing = loop.create_task(self._look())

    async def _look(self, deadline: float | None = None) -> None:
        """Asks `/v1/models`: is the server there, what is the model called, how long may a prompt be."""
        self._probed = self._clock()
        until = self._probed + MODELS_SECONDS
        until = until if deadline is None else min(until, deadline)
        try:
            body = await self._transport.open("GET", "/models", deadline=until, retry=False)
            try:
                content = msgspec.json.decode(await body.read(until, self._clock))
            finally:
                await body.aclose()
            self._learn(content["data"])
            self._fault = ""
        except CallFailed as failure:
            if failure.status == 404 and self._model:
                self._fault = ""  # some servers list no models; it is there, and the name is set
            else:
                self._fault = str(self._failed(failure))
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
            self._fault = f"{self._where} gave no list of models at /models ({type(error).__name__})"
        if self._fault:
            logger.warning("%s", self._fault)

    def _learn(self, models: list[dict[str, Any]]) -> None:
        by_name = {each["id"]: each for each in models}
        if not by_name:
            raise LookupError("an empty list")
        if not self._model:
            self._model = self.model_name = next(iter(by_name))
            logger.info("%s: using its model %s", self._where, self._model)
        elif self._model not in by_name:
            logger.warning("%s lists no model %s, only: %s", self._where, self._model, ", ".join(by_name)[:300])
        self._adapters = tuple(name for name, each in by_name.items() if each.get("parent") == self._model)
        if not self._context_is_set:
            entry = by_name.get(self._model, {})
            meta = entry.get("meta") or {}
            said = entry.get("max_model_len") or entry.get("context_tokens") or meta.get("n_ctx")
            if isinstance(said, int) and said > 0:
                self.context_tokens = said
            else:
                logger.info(
                    "%s gives no context length; %d tokens are assumed (FRONTDESK_LLM_CONTEXT_TOKENS)",
                    self._where,
                    self.context_tokens,
                )
