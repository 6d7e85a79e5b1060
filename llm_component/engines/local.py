"""What engines that run a model in this process have in common: the bounded queue, the reader's side, drain."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from llm_component import metrics
from llm_component.engines.detokenise import CompletionText
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Overloaded,
    Piece,
    PromptStyle,
)
from llm_component.engines.jobs import Event, Job
from llm_component.engines.prepare import Prepared, prepare, refuse_adapter
from llm_component.engines.throughput import Throughput
from llm_component.models.loaded import LoadedModel

logger = logging.getLogger(__name__)


class LocalEngine(Engine):
    """The event loop's side of an engine. How jobs are run is for the subclasses to say.

    Args:
        max_waiting: requests beyond those that run; more are refused with `Overloaded`.
        copying: whether passages are tokenised for guessing ahead.
        clock: seconds; deadlines are times of the same clock.
    """

    # How much later than the deadline a reader is told by the event loop, when whoever runs the job has not told it:
    # between two short steps they do, with the text that was held back; in the middle of a long one they cannot.
    late_seconds = 0.05

    def __init__(self, *, max_waiting: int, copying: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.model_name = ""
        self.context_tokens = 0
        self._max_waiting = max_waiting
        self._copying = copying
        self._clock = clock
        self._ids = itertools.count(1)
        self._loaded: LoadedModel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._not_ready = "not started"  # why no request is taken; empty while they are
        # One thread: tokenizers are fast, but not all of them may be used by two threads at a time.
        self._tokenising: ThreadPoolExecutor | None = None
        self._preparing = 0  # requests being tokenised
        self._active = 0  # requests whose reader has not ended
        self._quiet = asyncio.Event()
        self._quiet.set()

    # For the subclasses

    @abstractmethod
    def _submit(self, job: Job) -> None:
        """Takes a job. Raises `EngineError` where it cannot. Does not block."""

    @abstractmethod
    def _cancel(self, job: Job) -> None:
        """Frees what a job holds. Does not block."""

    @abstractmethod
    def _load_state(self) -> tuple[int, int, int]:
        """Requests that wait, requests that run, and how many can run at once."""

    @property
    @abstractmethod
    def _throughput(self) -> Throughput:
        """How fast completions have ended of late."""

    def _why_not_ready(self) -> str:
        """Why no request is taken; empty while they are."""
        return self._not_ready

    def _take_model(self, loaded: LoadedModel, context_tokens: int) -> None:
        """Makes the engine ready."""
        self._loaded, self.model_name, self.context_tokens = loaded, loaded.name, context_tokens
        self._loop = asyncio.get_running_loop()
        self._tokenising = ThreadPoolExecutor(1, thread_name_prefix="llm-tokenise")
        self._not_ready = ""

    def _give_up_model(self, why: str) -> None:
        self._not_ready, self._loaded = why, None
        if self._tokenising is not None:
            self._tokenising.shutdown(wait=False, cancel_futures=True)
            self._tokenising = None

    # The interface

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the LoRA adapters that a request may ask for."""
        return () if self._loaded is None else self._loaded.adapters

    @property
    def prompt_style(self) -> PromptStyle:
        """The model's; "chat" before it is loaded."""
        return "chat" if self._loaded is None else self._loaded.prompt_style

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the whole prompt, template included. Raises `EngineUnavailable` before the model is loaded."""
        loaded = self._model()
        if loaded.source is not None:
            return loaded.source.length(message.content for message in messages)
        return len(loaded.prompt_ids(messages))

    async def drain(self, seconds: float) -> None:
        """Takes no new requests and waits until the running ones have ended, `seconds` at most."""
        self._not_ready = self._not_ready or "the server is shutting down"
        try:
            await asyncio.wait_for(self._quiet.wait(), seconds)
        except asyncio.TimeoutError:
            logger.warning("%d requests still run after %.1f s of draining", self._active, seconds)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Piece]:
        """The completion as an asynchronous generator; closing it frees its place within one step.

        Raises:
            RequestRefused: the prompt is too long, or the adapter is unknown.
            Overloaded: the queue is full, or there is no memory for this prompt.
            DeadlineExceeded: the deadline passed before the first token.
            EngineUnavailable: not loaded, draining, or failed.
        """
        loaded = self._model()
        refuse_adapter(request.adapter, loaded.adapters)
        arrived = self._clock()
        if request.deadline is not None and arrived >= request.deadline:
            raise DeadlineExceeded("the deadline had passed when the request came")
        self._refuse_when_full(arrived)
        self._active += 1
        self._quiet.clear()
        try:
            prepared = await self._prepare(loaded, request)
            inbox: asyncio.Queue[Event] = asyncio.Queue()
            job = Job(
                next(self._ids),
                request,
                prepared,
                CompletionText.of(loaded.tokenizer, (*request.sampling.stop, *loaded.chat_template.stop)),
                arrived,
                inbox.put_nowait,
                replays=loaded.kind == "encoder_decoder",
            )
            self._submit(job)
            async with aclosing(self._read(job, inbox)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._active -= 1
            if not self._active:
                self._quiet.set()

    def _model(self) -> LoadedModel:
        why = self._why_not_ready()
        if why or self._loaded is None:
            raise EngineUnavailable(why or "the model is not loaded")
        return self._loaded

    def _refuse_when_full(self, now: float) -> None:
        waiting, running, places = self._load_state()
        waiting += self._preparing
        if waiting - max(0, places - running) >= self._max_waiting:
            seconds = self._throughput.seconds_for(waiting, now)
            raise Overloaded(f"{waiting} requests wait already, {running} are running", retry_after=seconds)

    async def _prepare(self, loaded: LoadedModel, request: GenerationRequest) -> Prepared:
        left = request.seconds_left(self._clock())
        self._preparing += 1
        try:
            prepared = asyncio.get_running_loop().run_in_executor(
                self._tokenising, prepare, loaded, request, self.context_tokens, self._copying
            )
            return await asyncio.wait_for(prepared, left)
        except asyncio.TimeoutError:
            raise DeadlineExceeded("the deadline passed before the prompt was tokenised") from None
        finally:
            self._preparing -= 1

    async def _read(self, job: Job, inbox: asyncio.Queue[Event]) -> AsyncGenerator[Piece, None]:
        """Gives the reader what comes for a job; several pieces as one where it was slow."""
        timer = self._at_deadline(job)
        reader_left = True
        behind: Event | None = None
        try:
            while True:
                event = await inbox.get() if behind is None else behind
                piece, behind = _joined(event, inbox)
                if isinstance(piece, EngineError):
                    reader_left = False
                    raise piece
                reader_left = piece.finish_reason is None
                yield piece
                if piece.finish_reason is not None:
                    return
        finally:
            if timer is not None:
                timer.cancel()
            if reader_left:
                metrics.CANCELLED.inc()
            self._cancel(job)

    def _at_deadline(self, job: Job) -> asyncio.TimerHandle | None:
        left = job.request.seconds_left(self._clock())
        if left is None:
            return None
        return asyncio.get_running_loop().call_later(left + self.late_seconds, self._expire, job)

    def _expire(self, job: Job) -> None:
        """The deadline passed and nobody has said so yet. What is held back of the text is not ours to touch."""
        if job.first_token_at is None:
            job.inbox(job.at_deadline(self._clock()))
        else:
            job.inbox(Piece("", "deadline", job.usage))


def _joined(first: Event, inbox: asyncio.Queue[Event]) -> tuple[Event, Event | None]:
    """`first` with the pieces behind it as one, and the error that is behind them, if there is one."""
    while isinstance(first, Piece) and first.finish_reason is None and not inbox.empty():
        later = inbox.get_nowait()
        if isinstance(later, EngineError):
            return first, later
        first = Piece(first.text + later.text, later.finish_reason, later.usage)
    return first, None
