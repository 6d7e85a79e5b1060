"""What the server holds while it runs: the engine, what answers are checked with, and how far loading has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from llm_component.encoder import EncoderError
from llm_component.engines.interface import Engine, EngineError, EngineUnavailable
from llm_component.metrics import FAILURES
from llm_component.protocol import (
    Answer,
    AnswerRequest,
    RephraseRequest,
    Rephrasing,
    Rewrite,
    RewriteRequest,
    Sentence,
    Summary,
    SummaryRequest,
)
from llm_component.server.embeddings.protocol import Encoder
from llm_component.server.errors import ApiError
from llm_component.settings import Settings, SettingsError

Phase = Literal["loading", "ready", "failed"]
RETRY_SECONDS = 5.0  # what clients are told to wait for while the model loads or the server stops
NO_MODEL_NOTE = "No generation model is configured: answers quote the passages."
log = logging.getLogger(__name__)


class Pipeline(Protocol):
    """What answers questions from passages: sentences, then one whole answer."""

    def stream(
        self, request: AnswerRequest, *, request_id: str = "", arrived: float | None = None
    ) -> AsyncIterator[Sentence | Answer]:
        """Raises `EngineError` only where not even a quotation is possible.

        Args:
            arrived: when the request arrived, a time of `time.monotonic()`; None: now.
        """


@dataclass(frozen=True)
class Grounding:
    """The encoder and what rests on it: grounded answers, summaries, rephrasings and rewrites."""

    encoder: Encoder | None = None
    pipeline: Pipeline | None = None
    summarise: Callable[[Engine | None, SummaryRequest], Awaitable[Summary]] | None = None
    rephrase: Callable[[Engine | None, RephraseRequest], Awaitable[Rephrasing]] | None = None
    rewrite: Callable[[Engine | None, RewriteRequest], Awaitable[Rewrite]] | None = None


class ServerState:
    """Owned by one event loop.

    Args:
        engine: None where no generation model is configured.
        load_grounding: loads the encoder and makes the pipeline; blocking, called on a thread.
        on_failure: called with the sentence that says why, where loading has failed for good.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine | None,
        *,
        grounding: Grounding,
        load_grounding: Callable[[], Grounding] | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.grounding = grounding
        self.phase: Phase = "loading"
        self.reason = "The model is being loaded."
        self.draining = False
        self.running = 0
        self._load_grounding = load_grounding
        self._on_failure = on_failure
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._loaded = asyncio.Event()

    # Loading

    async def load(self) -> None:
        """Loads the encoder, then starts the engine; what went wrong stands in `reason`, never raised."""
        try:
            if self._load_grounding is not None:
                self.grounding = await asyncio.to_thread(self._load_grounding)
            if self.engine is not None:
                await self._start(self.engine)
        except Exception as error:  # noqa: BLE001  whatever it was, the server must be able to say so
            self._failed(error)
        else:
            self.phase, self.reason = "ready", "" if self.engine is not None else NO_MODEL_NOTE
            log.info("ready", extra={"model": self.model_name, "note": self.reason})
        self._loaded.set()

    async def wait_loaded(self) -> None:
        """Returns once loading is over, whether it came to anything or not."""
        await self._loaded.wait()

    async def _start(self, engine: Engine) -> None:
        """Starts the engine, again and again where it says that another try makes sense."""
        while True:
            try:
                await engine.start()
                return
            except EngineError as error:
                if error.retry_after is None:
                    raise
                self.reason = str(error)
                FAILURES.labels("server", "start").inc()
                log.warning("engine not started, trying again", extra={"reason": self.reason})
                await asyncio.sleep(error.retry_after)

    def _failed(self, error: Exception) -> None:
        self.phase, self.reason = "failed", str(error) or type(error).__name__
        FAILURES.labels("server", "load").inc()
        # Errors whose sentence says what to do need no trace; for the others it is all there is to go by.
        told = isinstance(error, (EngineError, EncoderError, SettingsError))
        log.error("loading failed", extra={"reason": self.reason}, exc_info=None if told else error)
        if self._on_failure is not None:
            self._on_failure(self.reason)

    # What requests ask for

    @property
    def model_name(self) -> str | None:
        """The name of the generation model; None where there is none, or not yet."""
        return self.engine.model_name if self.engine is not None and self.phase == "ready" else None

    def generation_engine(self) -> Engine:
        """The engine. Raises `EngineUnavailable` where there is none that could complete a prompt now."""
        if self.engine is None:
            raise EngineUnavailable("No generation model is configured on this server.")
        if self.phase != "ready":
            raise EngineUnavailable(self.reason, RETRY_SECONDS if self.phase == "loading" else None)
        return self.engine

    def encoder(self) -> Encoder:
        """The sentence encoder. Raises `EngineUnavailable` where it is not there."""
        if self.grounding.encoder is None:
            raise self._missing("sentence encoder")
        return self.grounding.encoder

    def pipeline(self) -> Pipeline:
        """What answers questions. Raises `EngineUnavailable` where it is not there."""
        if self.grounding.pipeline is None or self.phase != "ready":
            raise self._missing("answer pipeline")
        return self.grounding.pipeline

    async def summarise(self, request: SummaryRequest) -> Summary:
        """Raises `EngineUnavailable` where the server is not that far."""
        if self.grounding.summarise is None or self.phase != "ready":
            raise self._missing("summary")
        return await self.grounding.summarise(self.engine, request)

    async def rephrase(self, request: RephraseRequest) -> Rephrasing:
        """Raises `EngineUnavailable` where the server is not that far."""
        if self.grounding.rephrase is None or self.phase != "ready":
            raise self._missing("rephrasing")
        return await self.grounding.rephrase(self.engine, request)

    async def rewrite(self, request: RewriteRequest) -> Rewrite:
        """Raises `EngineUnavailable` where the server is not that far."""
        if self.grounding.rewrite is None or self.phase != "ready":
            raise self._missing("rewriting of questions")
        return await self.grounding.rewrite(self.engine, request)

    def _missing(self, what: str) -> EngineUnavailable:
        if self.phase == "loading":
            return EngineUnavailable(self.reason, RETRY_SECONDS)
        return EngineUnavailable(self.reason if self.phase == "failed" else f"This server has no {what}.")

    # Requests that run, and the end

    def enter(self) -> None:
        """Counts a request in. Raises `ApiError` 503 while the server stops."""
        if self.draining:
            raise ApiError(503, "The server is stopping.", "unavailable", retry_after=RETRY_SECONDS)
        self.running += 1
        self._idle.clear()

    def leave(self) -> None:
        """Counts a request out."""
        self.running -= 1
        if not self.running:
            self._idle.set()

    async def drain(self, seconds: float, grace_seconds: float = 2.0) -> bool:
        """Refuses new requests and waits for the running ones; what is left after `seconds` is ended with an error.

        Returns whether all of them could end by themselves.
        """
        self.draining = True
        log.info("draining", extra={"running": self.running, "drain_seconds": seconds})
        ended = await self._wait_idle(seconds)
        if not ended:
            log.warning("requests ended by the server's stop", extra={"running": self.running})
            FAILURES.labels("server", "drain").inc()
        await self.close()
        await self._wait_idle(grace_seconds)
        return ended

    async def _wait_idle(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Ends the engine, once."""
        if self._closed or self.engine is None:
            return
        self._closed = True
        await self.engine.close()
