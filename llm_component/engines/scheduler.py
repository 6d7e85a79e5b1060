"""The thread that owns a decoder: admits waiting rows, steps the running ones, hands their text to the event loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from llm_component import metrics
from llm_component.decoding.interface import Decoder, DecoderStats, OutOfMemory, RowStep
from llm_component.engines.admission import Admission
from llm_component.engines.health import DecoderHealth
from llm_component.engines.interface import EngineError, EngineUnavailable, Overloaded, Piece
from llm_component.engines.jobs import Event, Job
from llm_component.engines.throughput import Throughput
from llm_component.engines.waiting import WaitingJobs
from llm_component.models.loaded import LoadedModel

logger = logging.getLogger(__name__)

CLOSED = "the engine was closed"
SQUEEZED_SHARE = 4  # a step without room gives up the places of a quarter of the rows, the youngest
RETRY_AFTER_FAILURE = 1.0  # seconds

Load = Callable[[], tuple[LoadedModel, Decoder]]


class Scheduler:
    """Runs a decoder on a thread of its own, which also loads it: everything of the device stays on one thread.

    `submit`, `cancel` and `stop` may be called from any thread; the rest of the state is the worker's.

    Args:
        deliver: takes all events of a step at once; called on the worker thread.
        clock: seconds; deadlines are times of the same clock.
        admit_tokens: prompt tokens computed between two steps, at least one row; 0: by device.
    """

    def __init__(
        self,
        load: Load,
        deliver: Callable[[list[tuple[Job, Event]]], None],
        clock: Callable[[], float],
        admit_tokens: int = 0,
    ) -> None:
        self._load = load
        self._deliver = deliver
        self._clock = clock
        self._admit_tokens = admit_tokens
        self._queue = WaitingJobs()
        self._running: dict[int, Job] = {}
        self._outbox: list[tuple[Job, Event]] = []
        self._squeezed = False  # a step had no room for its only row, and none has succeeded since
        self._admission: Admission | None = None
        self._health: DecoderHealth | None = None
        self.stats = DecoderStats()
        self.broken = ""  # why no request can be taken any more
        self.throughput = Throughput()
        self._thread = threading.Thread(target=self._main, name="llm-scheduler", daemon=True)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Requests being generated."""
        return len(self._running)

    def start(self, loaded: Callable[[tuple[LoadedModel, Decoder] | Exception], None]) -> None:
        """Starts the thread, which loads and then calls `loaded` with what it has or why it has not."""
        self._loaded = loaded
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the queue. Raises `EngineUnavailable` where none is taken any more."""
        self._queue.put(job)

    def cancel(self, job: Job) -> None:
        """Takes a job out of the queue; a running one loses its place before the next step."""
        self._queue.cancel(job)

    def stop(self) -> None:
        """Asks the thread to end after the step it is in."""
        self._queue.close(CLOSED)

    def join(self) -> None:
        """Waits until the thread has ended. Blocks: not for the event loop."""
        if self._thread.ident is not None:
            self._thread.join()

    # Everything below runs on the worker thread.

    def _main(self) -> None:
        try:
            loaded, decoder = self._load()
        except Exception as error:  # noqa: BLE001  whatever loading raises is reported to whoever started it
            self._loaded(error)
            return
        self._admission = Admission(decoder, self._admit_tokens, loaded.device.type)
        self._health = DecoderHealth(decoder, loaded.pad_token_id)
        self._loaded((loaded, decoder))
        try:
            self._work(decoder)
        except Exception as error:
            logger.exception("the scheduler ended")
            metrics.FAILURES.labels("scheduler", type(error).__name__).inc()
            self.broken = f"the scheduler ended: {error}"
        finally:
            said = EngineUnavailable(self.broken or CLOSED)
            left = self._queue.close(str(said))
            self._end_running(said)
            self._outbox.extend((job, said) for job in left)
            self._queue.take(left)
            self._hand_out()
            self._gauges()

    def _work(self, decoder: Decoder) -> None:
        while self._queue.wait(lambda: bool(self._running)):
            try:
                self._turn(decoder)
            except Exception as error:  # noqa: BLE001  a decoder can raise anything: a kernel, a driver, a model's code
                self._recover(error)
            self._hand_out()
            self._gauges()
            if self.broken:
                break
        decoder.clear()

    def _turn(self, decoder: Decoder) -> None:
        """Lets go what need not run any more, admits what has room, steps once."""
        self._let_go(decoder)
        self._admit(decoder)
        self._hand_out()  # first tokens do not wait for the step
        if self._running:
            self._step(decoder)
        self._note(decoder.stats())

    def _note(self, stats: DecoderStats) -> None:
        before, self.stats = self.stats, stats
        if stats.kv_tokens_total:
            metrics.KV_USE.set(stats.kv_tokens_used / stats.kv_tokens_total)
        guessed, accepted = stats.guessed_tokens - before.guessed_tokens, stats.accepted_tokens - before.accepted_tokens
        if guessed > 0:
            metrics.GUESSED_TOKENS.labels("accepted").inc(max(0, accepted))
            metrics.GUESSED_TOKENS.labels("rejected").inc(max(0, guessed - accepted))

    def _let_go(self, decoder: Decoder) -> None:
        now = self._clock()
        for job in [job for job in self._running.values() if job.cancelled or job.expired(now)]:
            decoder.release(job.id)
            self._leave(job, None if job.cancelled else job.at_deadline(now))
        self._outbox.extend((job, job.at_deadline(now)) for job in self._queue.take_expired(now))

    def _admit(self, decoder: Decoder) -> None:
        assert self._admission is not None
        queue = self._queue.all()
        chosen = self._admission.choose(queue, len(self._running))
        if not chosen:
            if queue and not self._running and self._admission.waits_in_vain(queue[0]):
                self._refuse(queue[0])
            return
        now = self._clock()
        try:
            steps = decoder.admit([job.row() for job in chosen])
        except OutOfMemory as error:
            logger.warning("no room for %d more rows beside %d: %s", len(chosen), len(self._running), error)
            metrics.OUT_OF_MEMORY.inc()
            if self._admission.failed(chosen, len(self._running)):
                self._refuse(chosen[0])
            return
        except Exception as error:  # noqa: BLE001  as above; the rows that run are as they were
            self._isolate(decoder, chosen, error)
            return
        self._admission.succeeded()
        self._queue.take(chosen)
        for job in chosen:
            self._running[job.id] = job
            job.admitted(now)
        self._take(decoder, steps)

    def _isolate(self, decoder: Decoder, chosen: list[Job], error: Exception) -> None:
        """The decoder failed in admitting: several rows are tried again one by one; a lone one is at fault and ends."""
        assert self._admission is not None
        logger.exception("the decoder failed in admitting %d rows beside %d", len(chosen), len(self._running))
        metrics.FAILURES.labels("decoder", type(error).__name__).inc()
        for job in chosen:
            decoder.release(job.id)
        if len(chosen) > 1:
            self._admission.one_by_one(chosen)
            return
        self._queue.take(chosen)
        said = f"the decoder failed on this prompt: {type(error).__name__}: {error}"
        self._outbox.append((chosen[0], EngineError(said)))
        if not self._running:  # else their next step says whether the decoder still works
            self._note_failure(said)

    def _refuse(self, job: Job) -> None:
        """Ends a waiting job for which there is no room although nothing runs."""
        self._queue.take([job])
        tokens = len(job.row().prompt)
        self._outbox.append((job, Overloaded(f"the device has no memory for a prompt of {tokens} tokens")))

    def _step(self, decoder: Decoder) -> None:
        assert self._health is not None
        metrics.BATCH_SIZE.observe(len(self._running))
        try:
            steps = decoder.step()
        except OutOfMemory as error:
            logger.warning("no room for a step of %d rows: %s", len(self._running), error)
            metrics.OUT_OF_MEMORY.inc()
            self._make_room(decoder)
            return
        self._squeezed = False
        self._health.worked()
        self._take(decoder, steps)

    def _make_room(self, decoder: Decoder) -> None:
        """Puts the youngest rows back into the queue, to be continued when there is room."""
        assert self._admission is not None
        youngest = sorted(self._running.values(), key=lambda job: job.id)[
            -max(1, len(self._running) // SQUEEZED_SHARE) :
        ]
        if len(youngest) == len(self._running):
            if self._squeezed:
                for job in youngest:
                    decoder.release(job.id)
                    self._leave(job, Overloaded("the device has no memory to go on with this completion"))
                return
            self._squeezed = True
        for job in youngest:
            decoder.release(job.id)
            del self._running[job.id]
            job.gave_up_place()
        if not self._running:
            decoder.clear()
        self._admission.hold(bool(self._running))
        self._queue.put_back(youngest)

    def _take(self, decoder: Decoder, steps: list[RowStep]) -> None:
        assert self._health is not None
        now = self._clock()
        for step in steps:
            job = self._running.get(step.row_id)
            if job is None:
                continue
            event: Piece | EngineError
            try:
                event = self._event(job, step, now)
            except Exception as error:
                # A tokenizer that cannot decode one row's tokens is no reason to end the others.
                logger.exception("the tokens of a row cannot be made text")
                metrics.FAILURES.labels("detokenise", type(error).__name__).inc()
                event = EngineError(f"the completion cannot be decoded: {type(error).__name__}: {error}")
            if isinstance(event, EngineError) or event.finish_reason is not None:
                if not step.ended:
                    decoder.release(job.id)
                self._health.worked()
                self._leave(job, event)
            elif event.text:
                self._outbox.append((job, event))

    @staticmethod
    def _event(job: Job, step: RowStep, now: float) -> Piece:
        """What a row's reader gets after a step; without text where there is nothing to give yet."""
        text = job.take(step.token_ids, now, step.cached_tokens)
        if step.ended or job.text.stopped:
            return job.last_piece(text, "length" if step.at_limit else "stop", now)
        return Piece(text)

    def _leave(self, job: Job, event: Event | None) -> None:
        """A running job is over; its reader gets `event`, if there still is one."""
        self._running.pop(job.id, None)
        if self._admission is not None:
            self._admission.place_freed()
        self.throughput.ended(self._clock())
        if event is not None:
            self._outbox.append((job, event))

    def _recover(self, error: Exception) -> None:
        """Ends what ran, empties the decoder, and goes on where it still works."""
        logger.exception("the decoder failed")
        metrics.FAILURES.labels("decoder", type(error).__name__).inc()
        said = f"the decoder failed: {type(error).__name__}: {error}"
        self._end_running(EngineUnavailable(said, RETRY_AFTER_FAILURE))
        self._note_failure(said)

    def _note_failure(self, said: str) -> None:
        assert self._health is not None
        self._health.failed(said)
        self.broken = self._health.broken

    def _end_running(self, error: EngineError) -> None:
        for job in list(self._running.values()):
            self._leave(job, error)

    def _hand_out(self) -> None:
        if self._outbox:
            events, self._outbox = self._outbox, []
            self._deliver(events)

    def _gauges(self) -> None:
        metrics.RUNNING.set(len(self._running))
        metrics.WAITING.set(len(self._queue))
