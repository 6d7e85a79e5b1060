"""The engine of our own scheduler: many requests, one decoder, text as it comes."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable

from llm_component.decoding.interface import Decoder
from llm_component.engines.interface import EngineStatus, EngineUnavailable
from llm_component.engines.jobs import Event, Job
from llm_component.engines.local import LocalEngine
from llm_component.engines.scheduler import Load, Scheduler
from llm_component.engines.throughput import Throughput
from llm_component.models.loaded import LoadedModel

logger = logging.getLogger(__name__)

Loaded = tuple[LoadedModel, Decoder] | Exception  # what loading came to


class BatchEngine(LocalEngine):
    """Runs any decoder of ours; every transformers version, causal models and encoder-decoders alike.

    Args:
        load: loads the model and makes its decoder. Runs on the scheduler's thread.
        max_waiting: requests beyond those that run; more are refused with `Overloaded`.
        speculation: whether rows get their passages' tokens for guessing ahead.
        admit_tokens: prompt tokens computed between two steps, at least one row; 0: by device.
        clock: seconds; deadlines are times of the same clock.
    """

    def __init__(
        self,
        load: Load,
        *,
        max_waiting: int,
        speculation: bool = True,
        admit_tokens: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(max_waiting=max_waiting, copying=speculation, clock=clock)
        self._load = load
        self._admit_tokens = admit_tokens
        self._scheduler: Scheduler | None = None
        self._max_rows = 0
        self._nothing_ended = Throughput()

    async def start(self) -> None:
        """Loads the model without holding up the event loop. Raises `EngineUnavailable` where it cannot be loaded."""
        if self._scheduler is not None:
            raise EngineUnavailable("the engine runs already")
        self._not_ready = "the model is being loaded"
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Loaded] = loop.create_future()

        def loaded(result: Loaded) -> None:
            loop.call_soon_threadsafe(_settle, outcome, result)

        self._scheduler = Scheduler(self._load, self._deliver, self._clock, self._admit_tokens)
        self._scheduler.start(loaded)
        try:
            result = await outcome
        except asyncio.CancelledError:
            self._scheduler.stop()
            raise
        if isinstance(result, Exception):
            self._scheduler, self._not_ready = None, str(result)
            raise EngineUnavailable(str(result)) from result
        model, decoder = result
        self._max_rows = decoder.max_rows
        self._take_model(model, min(model.context_tokens, decoder.context_tokens))

    async def close(self) -> None:
        """Ends what still runs with `EngineUnavailable`, ends the thread, forgets the model."""
        scheduler, self._scheduler = self._scheduler, None
        on_gpu = self._loaded is not None and self._loaded.device.type == "cuda"
        self._give_up_model("the engine is closed")
        if scheduler is None:
            return
        scheduler.stop()
        await asyncio.get_running_loop().run_in_executor(None, scheduler.join)
        del scheduler
        if on_gpu:
            await asyncio.get_running_loop().run_in_executor(None, _give_back_memory)

    def status(self) -> EngineStatus:
        """The engine's state after the last step."""
        why, scheduler = self._why_not_ready(), self._scheduler
        if scheduler is None:
            return EngineStatus(False, why)
        return EngineStatus(
            not why,
            why,
            scheduler.running,
            scheduler.waiting + self._preparing,
            scheduler.stats.kv_tokens_used,
            scheduler.stats.kv_tokens_total,
        )

    def _why_not_ready(self) -> str:
        return self._not_ready or (self._scheduler.broken if self._scheduler is not None else "")

    def _submit(self, job: Job) -> None:
        if self._scheduler is None:
            raise EngineUnavailable("the engine is closed")
        self._scheduler.submit(job)

    def _cancel(self, job: Job) -> None:
        if self._scheduler is not None:
            self._scheduler.cancel(job)

    def _load_state(self) -> tuple[int, int, int]:
        assert self._scheduler is not None
        return self._scheduler.waiting, self._scheduler.running, self._max_rows

    @property
    def _throughput(self) -> Throughput:
        return self._scheduler.throughput if self._scheduler is not None else self._nothing_ended

    def _deliver(self, events: list[tuple[Job, Event]]) -> None:
        """Called on the scheduler's thread, once a step."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_hand_over, events)
        except RuntimeError:  # the loop was closed before the engine
            logger.warning("%d events have nobody to read them: the event loop is closed", len(events))


def _settle(future: asyncio.Future[Loaded], result: Loaded) -> None:
    if not future.done():  # else nobody waits any more
        future.set_result(result)


def _hand_over(events: list[tuple[Job, Event]]) -> None:
    for job, event in events:
        job.inbox(event)


def _give_back_memory() -> None:
    import torch

    gc.collect()
    torch.cuda.empty_cache()
