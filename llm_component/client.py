"""The client of the LLM server: answers, summaries, rewrites and embeddings. Needs no torch.

Who caches what: this client coalesces equal requests of one process and keeps grounded answers there, so that a
repeated question costs no call at all. The server's own cache serves all processes that ask it, and knows what its
model is; both keep only what depends on nothing but the question and the knowledge.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from llm_component.breaker import Breaker, BreakerOpen
from llm_component.client_errors import SERVER_FAULTS, Kind, LlmError, error_of_call, error_of_event
from llm_component.coalescing import SharedRun
from llm_component.protocol import (
    TURN_HEADER,
    Answer,
    AnswerRequest,
    Dropped,
    Passage,
    Profile,
    RephraseRequest,
    Rephrasing,
    Rewrite,
    RewriteRequest,
    Sentence,
    Summary,
    SummaryRequest,
    TokenUsage,
    Turn,
    Verdict,
)
from llm_component.sse import Event, SseError, SseParser
from llm_component.transport import Body, CallFailed, Transport
from llm_component.ttl_cache import TtlCache

# Whoever calls the server needs this module and no other; the types of the wire come with it.
__all__ = [
    "Answer",
    "AnswerRequest",
    "Dropped",
    "Kind",
    "LlmClient",
    "LlmError",
    "Passage",
    "Profile",
    "RephraseRequest",
    "Rephrasing",
    "Sentence",
    "Summary",
    "SummaryRequest",
    "TokenUsage",
    "Turn",
    "Verdict",
]

Item = Sentence | Answer
Reply = TypeVar("Reply", bound=msgspec.Struct)

# The server is given a little less time than there is, so that what it does at its deadline still arrives before ours.
MARGIN_SHARE = 0.05
LONGEST_MARGIN_SECONDS = 0.25
# Who joins an equal request that began earlier also ends with it; that may cost this share of the time, not more.
JOIN_SHARE = 0.25
# A request that had less time than this may well have missed its deadline by its own fault.
FAIR_SECONDS = 1.0
READY_SECONDS = 2.0


class _Embedding(msgspec.Struct, frozen=True):
    index: int
    embedding: list[float]


class _Embeddings(msgspec.Struct, frozen=True):
    data: list[_Embedding]


class LlmClient:
    """Asks one LLM server. For one event loop at a time; on another loop it opens connections of its own.

    Each call has a deadline that holds for everything: connecting, waiting, reading, and one retry, which happens only
    before the first byte, after a connection error, 429 or 503. A cancelled call closes its connection, by which the
    server stops generating, unless another call waits for the same answer. After repeated failures of the server no
    call is tried for a while (`Breaker`).

    Args:
        base_url: such as `http://127.0.0.1:5006`.
        secret: the server's FRONTDESK_LLM_SECRET.
        connect_seconds: time for a connection.
        cache_entries, cache_seconds: how many answers are kept, and how long.
        breaker: another one than the default of five failures within 30 s.
        clock, sleep, jitter, http: for tests.
    """

    def __init__(
        self,
        base_url: str,
        secret: str | None = None,
        *,
        connect_seconds: float = 1.0,
        cache_entries: int = 256,
        cache_seconds: float = 600.0,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._transport = Transport(
            base_url, secret, connect_seconds=connect_seconds, clock=clock, sleep=sleep, jitter=jitter, http=http
        )
        self._clock = clock
        self._breaker = breaker or Breaker(clock=clock)
        self._kept: TtlCache[Answer] = TtlCache(cache_entries, cache_seconds, clock)
        self._running: dict[bytes, tuple[float, SharedRun[Item]]] = {}  # when it began, and the run

    async def answer(
        self,
        request: AnswerRequest,
        on_sentence: Callable[[Sentence], Awaitable[None]] | None = None,
        turn_id: str | None = None,
    ) -> Answer:
        """The whole answer; `on_sentence` is awaited for each sentence as it comes. Raises `LlmError`."""
        answer: Answer | None = None
        async with aclosing(self.answer_stream(request, turn_id)) as items:
            async for item in items:
                if isinstance(item, Answer):
                    answer = item
                elif on_sentence is not None:
                    await on_sentence(item)
        if answer is None:
            raise LlmError("broken_answer", "the server's stream ended without an answer")
        return answer

    async def answer_stream(self, request: AnswerRequest, turn_id: str | None = None) -> AsyncGenerator[Item, None]:
        """The sentences as they come, then the answer.

        Equal requests at the same time are one call. An answer that rests on nothing but question and knowledge is kept
        and given again with `cached` set: verdict "answered", no history, no facts, a knowledge version.

        Raises:
            LlmError: in place of what is missing.
        """
        key = msgspec.msgpack.encode(msgspec.structs.replace(request, stream=False))
        kept = self._kept.get(key)
        if kept is not None:
            for sentence in kept.sentences:
                yield sentence
            yield msgspec.structs.replace(kept, cached=True)
            return
        began, run = self._running.get(key, (0.0, None))
        age = self._clock() - began
        if run is None or not run.joinable or age > JOIN_SHARE * request.deadline_seconds:
            run = self._begin(key, request, turn_id)
        arrived: list[Sentence] = []
        try:
            async with aclosing(run.read()) as items:
                async for item in items:
                    if isinstance(item, Sentence):
                        arrived.append(item)
                    yield item
        except LlmError as error:
            raise LlmError(error.kind, str(error), error.retry_after, tuple(arrived)) from error

    async def summarise(self, request: SummaryRequest, turn_id: str | None = None) -> Summary:
        """A summary for the person who takes over. Raises `LlmError`."""
        return await self._ask("/v1/summaries", request, Summary, request.deadline_seconds, turn_id)

    async def rephrase(self, request: RephraseRequest, turn_id: str | None = None) -> Rephrasing:
        """A template in words that fit the conversation. Raises `LlmError`."""
        return await self._ask("/v1/rephrasings", request, Rephrasing, request.deadline_seconds, turn_id)

    async def rewrite(self, request: RewriteRequest, turn_id: str | None = None) -> Rewrite:
        """A follow-up as a question that stands alone. Raises `LlmError`."""
        return await self._ask("/v1/rewrites", request, Rewrite, request.deadline_seconds, turn_id)

    async def embed(self, texts: Sequence[str], *, deadline_seconds: float = 5.0) -> list[list[float]]:
        """Normalised vectors, one for each text. Raises `LlmError`."""
        if not texts:
            return []
        found = await self._ask("/v1/embeddings", {"input": list(texts)}, _Embeddings, deadline_seconds, None)
        vectors = [each.embedding for each in sorted(found.data, key=lambda each: each.index)]
        if len(vectors) != len(texts):
            raise LlmError("broken_answer", f"{len(vectors)} vectors came for {len(texts)} texts")
        return vectors

    async def ready(self) -> bool:
        """Whether the server says that it can answer. Never raises for what the server does."""
        deadline = self._clock() + READY_SECONDS
        try:
            body = await self._transport.open("GET", "/ready", deadline=deadline, retry=False)
        except CallFailed:
            return False
        await body.aclose()
        return True

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()

    def _begin(self, key: bytes, request: AnswerRequest, turn_id: str | None) -> SharedRun[Item]:
        def ended(run: SharedRun[Item]) -> None:
            if self._running.get(key, (0.0, None))[1] is run:
                del self._running[key]
            last = run.items[-1] if run.items else None
            alone = bool(request.knowledge_version) and not request.facts and not request.history
            if alone and isinstance(last, Answer) and last.verdict == "answered":
                self._kept.put(key, last)

        run: SharedRun[Item] = SharedRun(lambda: self._items(request, turn_id), ended)
        self._running[key] = (self._clock(), run)
        return run

    async def _items(self, request: AnswerRequest, turn_id: str | None) -> AsyncGenerator[Item, None]:
        deadline = self._clock() + request.deadline_seconds
        streamed = msgspec.structs.replace(request, stream=True)
        with self._attempt(request.deadline_seconds):
            body = await self._open("/v1/answers", streamed, deadline, turn_id)
            try:
                if body.content_type == "application/json":
                    answer = msgspec.json.decode(await body.read(deadline, self._clock), type=Answer)
                    for sentence in answer.sentences:
                        yield sentence
                    yield answer
                    return
                if body.content_type != "text/event-stream":
                    said = body.content_type or "no content type"
                    raise LlmError("broken_answer", f"the server answered with {said}, not a stream")
                parser = SseParser()
                while True:
                    chunk = await body.next(max(0.0, deadline - self._clock()))
                    for event in parser.finish() if chunk is None else parser.feed(chunk):
                        item = _item_of(event)
                        if item is not None:
                            yield item
                        if isinstance(item, Answer):
                            await body.finish()
                            return
                    if chunk is None:
                        raise LlmError("broken_answer", "the server's stream ended without an answer")
            finally:
                await body.aclose()

    async def _ask(self, path: str, content: Any, reply: type[Reply], seconds: float, turn_id: str | None) -> Reply:
        deadline = self._clock() + seconds
        with self._attempt(seconds):
            body = await self._open(path, content, deadline, turn_id)
            try:
                return msgspec.json.decode(await body.read(deadline, self._clock), type=reply)
            finally:
                await body.aclose()

    async def _open(self, path: str, content: Any, deadline: float, turn_id: str | None) -> Body:
        def encoded() -> bytes:
            """The body, with the time that is left when it is sent."""
            if not isinstance(content, msgspec.Struct):
                return msgspec.json.encode(content)
            left = deadline - self._clock()
            seconds = left - min(LONGEST_MARGIN_SECONDS, MARGIN_SHARE * left)
            return msgspec.json.encode(msgspec.structs.replace(content, deadline_seconds=max(0.001, seconds)))

        headers = {TURN_HEADER: turn_id} if turn_id and turn_id.isascii() and turn_id.isprintable() else None
        return await self._transport.open("POST", path, encoded, deadline=deadline, headers=headers)

    @contextmanager
    def _attempt(self, seconds: float) -> Iterator[None]:
        """A call under the breaker; what goes wrong in it comes out as `LlmError`."""
        try:
            admission = self._breaker.admit()
        except BreakerOpen as error:
            text = f"the server failed repeatedly and is left alone for another {error.retry_after:.1f} s"
            raise LlmError("unavailable", text, error.retry_after) from error
        try:
            try:
                yield
            except CallFailed as failure:
                raise error_of_call(failure) from failure
            except (msgspec.DecodeError, UnicodeDecodeError, SseError) as error:
                raise LlmError("broken_answer", f"the server's answer cannot be read: {error}") from error
            admission.succeeded()
        except LlmError as error:
            if error.kind in SERVER_FAULTS and (error.kind != "timeout" or seconds >= FAIR_SECONDS):
                admission.failed()
            raise
        finally:
            admission.abandoned()  # without effect where something has been said above


def _item_of(event: Event) -> Item | None:
    """What an event brings; None for events of a later version. Raises `LlmError` for an error."""
    if event.name == "sentence":
        return msgspec.json.decode(event.data, type=Sentence)
    if event.name == "answer":
        return msgspec.json.decode(event.data, type=Answer)
    if event.name == "error":
        raise error_of_event(event.data)
    return None
