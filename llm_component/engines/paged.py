"""The engine of transformers' continuous batching: paged key-value cache, causal models, from transformers 5.8 on.

What it cannot do is refused or left out: a seed (one random stream serves all requests), LoRA adapters, guessing
ahead. At temperature 0 the likeliest token is taken by sampling from the likeliest alone; where two have exactly the
same score, chance decides between them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from llm_component import metrics
from llm_component.engines.choice import why_not_paged
from llm_component.engines.health import FAILURES_IN_A_ROW
from llm_component.engines.interface import (
    EngineError,
    EngineStatus,
    EngineUnavailable,
    GenerationRequest,
    Piece,
    RequestRefused,
)
from llm_component.engines.jobs import Event, Job
from llm_component.engines.local import LocalEngine
from llm_component.engines.paged_manager import started_manager, stop_manager, vocabulary_of, why_dead
from llm_component.engines.scheduler import RETRY_AFTER_FAILURE
from llm_component.engines.throughput import Throughput
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings

logger = logging.getLogger(__name__)

ROWS = {"cuda": 128, "cpu": 8}  # requests at once where FRONTDESK_LLM_MAX_ROWS does not say


class PagedEngine(LocalEngine):
    """Runs causal models by transformers' continuous batching.

    Args:
        load: loads the model; runs on a thread.
        settings: `max_waiting` and `max_rows` of it.
        clock: seconds; deadlines are times of the same clock.
    """

    late_seconds = 0.0  # results come on the event loop, so the text is the event loop's at any time

    def __init__(
        self,
        load: Callable[[], LoadedModel],
        *,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(max_waiting=settings.max_waiting, copying=False, clock=clock)
        self._load = load
        self._settings = settings
        self._rows = 0
        self._vocabulary = 0
        self._manager: Any = None
        self._jobs: dict[int, Job] = {}
        self._seen: dict[int, int] = {}  # tokens of a job that were taken, its end token included
        self._ended = Throughput()
        self._failures = 0
        self._restarting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Loads the model and starts transformers' thread. Raises `EngineUnavailable` where either cannot be done."""
        if self._manager is not None:
            raise EngineUnavailable("the engine runs already")
        self._not_ready = "the model is being loaded"
        starting = asyncio.get_running_loop().run_in_executor(None, self._start)
        try:
            loaded, manager = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_stop_late)
            raise
        except Exception as error:
            self._not_ready = str(error)
            raise EngineUnavailable(str(error)) from error
        self._manager = manager
        self._take_model(loaded, loaded.context_tokens)

    def _start(self) -> tuple[LoadedModel, Any]:
        import transformers

        why = why_not_paged("causal", (), transformers.__version__)
        if why:  # said before minutes are spent on loading
            raise EngineUnavailable(why)
        loaded = self._load()
        why = why_not_paged(loaded.kind, loaded.adapters, transformers.__version__)
        if why:
            raise EngineUnavailable(why)
        device = loaded.device.type
        self._rows = self._settings.max_rows or ROWS.get(device, ROWS["cpu"])
        self._vocabulary = vocabulary_of(loaded)
        return loaded, started_manager(loaded, self._rows)

    async def close(self) -> None:
        """Ends what still runs with `EngineUnavailable`, ends transformers' thread, forgets the model."""
        manager, self._manager = self._manager, None
        self._give_up_model("the engine is closed")
        self._end_all(EngineUnavailable("the engine was closed"))
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        if manager is not None:
            await asyncio.get_running_loop().run_in_executor(None, stop_manager, manager)

    def status(self) -> EngineStatus:
        """The engine's state. How full the key-value cache is, transformers does not tell across threads."""
        why = self._why_not_ready()
        waiting, running, _ = self._load_state()
        return EngineStatus(not why, why, running, waiting + self._preparing)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Piece]:
        """See `LocalEngine.stream`. A seed is refused at a temperature above 0, where it would mean something."""
        if request.sampling.temperature > 0 and request.sampling.seed is not None:
            raise RequestRefused("the paged engine takes no seed; leave it out, or set FRONTDESK_LLM_ENGINE=batch")
        pieces = super().stream(request)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]

    def _submit(self, job: Job) -> None:
        sampling, manager = job.request.sampling, self._manager
        greedy = sampling.temperature <= 0
        self._jobs[job.id], self._seen[job.id] = job, 0
        manager.register_result_handler(_name(job), lambda output: self._take(job, output))
        accepted = manager.add_request(
            list(job.prepared.prompt),
            request_id=_name(job),
            max_new_tokens=job.prepared.max_tokens,
            streaming=True,
            temperature=1.0 if greedy else float(sampling.temperature),
            top_p=1.0 if greedy else float(sampling.top_p),
            top_k=1 if greedy else min(sampling.top_k or self._vocabulary, self._vocabulary),
        )
        if accepted is None:
            self._forget(job)
            self._check_alive()
            raise EngineUnavailable("transformers' generation thread takes no requests", RETRY_AFTER_FAILURE)
        self._gauges()

    def _cancel(self, job: Job) -> None:
        if job.id in self._jobs and self._manager is not None:
            self._manager.cancel_request(_name(job))
        self._forget(job)

    def _load_state(self) -> tuple[int, int, int]:
        running = sum(job.first_token_at is not None for job in self._jobs.values())
        return len(self._jobs) - running, running, self._rows

    @property
    def _throughput(self) -> Throughput:
        return self._ended

    def _expire(self, job: Job) -> None:
        if job.id in self._jobs:
            self._leave(job, job.at_deadline(self._clock()), cancel=True)

    def _take(self, job: Job, output: Any) -> None:
        """Called on the event loop with all tokens of a request so far."""
        if job.id not in self._jobs or self._loaded is None:
            return
        now = self._clock()
        if output.error is not None:
            said = f"transformers' continuous batching failed: {output.error}"
            metrics.FAILURES.labels("paged", "request").inc()
            self._leave(job, EngineUnavailable(said, RETRY_AFTER_FAILURE))
            self._check_alive()
            return
        tokens = output.generated_tokens[self._seen[job.id] :]
        self._seen[job.id] += len(tokens)
        finished = output.is_finished()
        at_end = bool(finished and tokens and tokens[-1] in self._loaded.end_token_ids)
        if job.first_token_at is None:
            job.admitted(now)  # when it left transformers' own queue is not told; the first token stands for that
        text = job.take(tokens[:-1] if at_end else tokens, now)
        if finished or job.text.stopped:
            self._failures = 0
            self._leave(job, job.last_piece(text, "stop" if at_end else "length", now), cancel=not finished)
        elif text:
            job.inbox(Piece(text))
        self._gauges()

    def _leave(self, job: Job, event: Event, cancel: bool = False) -> None:
        if cancel and self._manager is not None:
            self._manager.cancel_request(_name(job))
        self._forget(job)
        job.inbox(event)

    def _forget(self, job: Job) -> None:
        if self._jobs.pop(job.id, None) is None:
            return
        self._seen.pop(job.id, None)
        self._ended.ended(self._clock())
        router = getattr(self._manager, "output_router", None)
        if router is not None:  # a cancelled request has no result, so its handler would stay for ever
            router.result_handlers.pop(_name(job), None)
        self._gauges()

    def _end_all(self, error: EngineError) -> None:
        for job in list(self._jobs.values()):
            self._leave(job, error)

    def _check_alive(self) -> None:
        """Starts transformers' thread anew where it died; the third time in a row, no more."""
        why = why_dead(self._manager)
        if not why or self._restarting is not None or self._loaded is None:
            return
        self._failures += 1
        self._not_ready = f"continuous batching failed: {why}"
        logger.error("%s (%d in a row)", self._not_ready, self._failures)
        metrics.FAILURES.labels("paged", "thread").inc()
        self._end_all(EngineUnavailable(self._not_ready, RETRY_AFTER_FAILURE))
        if self._failures < FAILURES_IN_A_ROW:
            self._restarting = asyncio.get_running_loop().create_task(self._restart(self._loaded))

    async def _restart(self, loaded: LoadedModel) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, stop_manager, self._manager)
            self._manager = await loop.run_in_executor(None, started_manager, loaded, self._rows)
            self._not_ready = ""
        except Exception as error:
            logger.exception("continuous batching does not start again")
            self._not_ready = f"continuous batching does not start again: {error}; restart the server"
        finally:
            self._restarting = None

    def _gauges(self) -> None:
        waiting, running, _ = self._load_state()
        metrics.WAITING.set(waiting)
        metrics.RUNNING.set(running)


def _name(job: Job) -> str:
    return f"job-{job.id}"


def _stop_late(starting: asyncio.Future[tuple[LoadedModel, Any]]) -> None:
    """Nobody waits for the start any more: what it has started is ended on a thread."""
    if not starting.cancelled() and starting.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, stop_manager, starting.result()[1])
