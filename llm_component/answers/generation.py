"""One generated answer: reads the engine's stream, cuts it into sentences, lets through those that pass the checks."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from llm_component.answers.abstention import Abstention, Repetitions
from llm_component.answers.deadline import Clock, Deadline, DeadlinePassed
from llm_component.answers.visible import foreign_markup, visible
from llm_component.checks.sentences import SentenceSplitter
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    FinishReason,
    GenerationRequest,
    Piece,
    Usage,
)
from llm_component.metrics import FAILURES, SENTENCES
from llm_component.prompts.hygiene import cut_middle, data
from llm_component.prompts.templates import system_of
from llm_component.protocol import AnswerRequest, Dropped, Passage, Sentence

log = logging.getLogger(__name__)
T = TypeVar("T")

CLOSE_SECONDS = 1.0  # an engine frees a cancelled request within one step
# Characters of the question that the checks look at. What they find in it only lets a sentence repeat it (an order
# number), so that less of it is never less safe; and their time grows faster than its length.
MOST_QUESTION = 500
MOST_SENTENCE = 600  # characters; what is longer is no sentence for a customer
PLACE = "answers"  # the label of failures that are counted here
# Checks are Python for the greater part, and threads of Python take turns: with more of them the event loop would get
# its turn so seldom that answers miss their deadlines under load.
_CHECK_THREADS = ThreadPoolExecutor(2, thread_name_prefix="llm-checks")
# Drops that leave nothing out of the answer.
HARMLESS = frozenset({"repeated"})
# Ends with a full stop and a citation mark: certainly a whole sentence, also where the text was cut off behind it.
_CERTAINLY_WHOLE = re.compile(r"(?:[.!?…][\"'”’)]*\s*(?:\[[\d\s,;]+\]\s*)+|\[[\d\s,;]+\]\s*[.!?…])\Z")


class ExaminedSentence(Protocol):
    """What the gate says of one sentence; see `checks.gate.Examined`."""

    @property
    def text(self) -> str: ...
    @property
    def citations(self) -> list[int]: ...
    @property
    def support(self) -> float: ...
    @property
    def passed(self) -> bool: ...
    @property
    def reason(self) -> str: ...


class SentenceGate(Protocol):
    """The checks of one answer; see `checks.gate.Gate`."""

    def examine(self, raw_sentence: str) -> ExaminedSentence:
        """Blocking, some 15 ms."""


class AnswerChecks(Protocol):
    """Makes gates; see `checks.gate.Checks`. Safe to use from several threads."""

    def gate(
        self, question: str, passages: Sequence[Passage], facts: Mapping[str, str], system_prompt: str
    ) -> SentenceGate:
        """Blocking: encodes the passages."""


class CheckFailed(RuntimeError):
    """The checks broke down; without them nothing generated may be shown."""


@dataclass(frozen=True)
class _Raw:
    """A sentence as generated. `whole` is false where the generation may have ended within it."""

    joint: str
    text: str
    whole: bool = True


@dataclass(frozen=True)
class _End:
    """The end of the generation."""

    finish_reason: FinishReason | None
    error: EngineError | None = None


class Generation:
    """Generates one answer. `sentences` gives what passed; the attributes hold the rest once it has ended.

    Attributes:
        reason: why it ended early or says nothing: a kind of engine error, "deadline", "length", "leak", "loop",
            "model_abstained", "check_failed"; empty where the model came to its end.
        error: the engine's error, where there was one.
    """

    def __init__(
        self,
        engine: Engine,
        generation_request: GenerationRequest,
        request: AnswerRequest,
        checks: AnswerChecks,
        *,
        deadline: Deadline,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._generation_request = generation_request
        self._request = request
        self._checks = checks
        self._deadline = deadline
        self._clock = clock
        self._abstention = Abstention(request.profile.abstention)
        self._sources = [*(f"{each.url}\n{each.text}\n{each.quote}" for each in request.passages)]
        self._sources += [request.profile.support_contact, request.profile.shop_name]
        self._repetitions = Repetitions()
        self.shown: list[Sentence] = []
        self.dropped: list[Dropped] = []
        self.reason = ""
        self.error: EngineError | None = None
        self.usage: Usage | None = None
        self.first_token_at: float | None = None

    @property
    def lost(self) -> bool:
        """Whether something that belonged to the answer was held back."""
        return any(each.reason not in HARMLESS for each in self.dropped)

    async def sentences(self) -> AsyncGenerator[Sentence, None]:
        """The sentences that passed, each as soon as it has. Closing it cancels the engine's request."""
        queue: asyncio.Queue[_Raw | _End] = asyncio.Queue()
        gate = asyncio.ensure_future(self._in_thread(self._make_gate))
        reader = asyncio.ensure_future(self._read(queue))
        try:
            while True:
                item = await self._next(queue)
                if isinstance(item, _End):
                    self._ended(item)
                    return
                sentence = await self._examined(item, gate)
                if sentence is not None:
                    self.shown.append(sentence)
                    yield sentence
                elif self.reason:
                    return
        except DeadlinePassed:
            self.reason = "deadline"
            FAILURES.labels(PLACE, "deadline").inc()
        except CheckFailed:
            self.reason = "check_failed"
            FAILURES.labels(PLACE, "check_failed").inc()
        finally:
            await self._cancelled(reader)
            _forgotten(gate)

    async def _next(self, queue: asyncio.Queue[_Raw | _End]) -> _Raw | _End:
        """What the engine's reader put into `queue`. Raises `DeadlinePassed` where the time is over first."""
        task = asyncio.ensure_future(queue.get())
        try:
            return await self._deadline.wait(task)
        finally:
            task.cancel()

    async def _read(self, queue: asyncio.Queue[_Raw | _End]) -> None:
        """Puts the generated sentences into `queue`, then one `_End`."""
        splitter = SentenceSplitter()
        last: Piece | None = None
        error: EngineError | None = None
        try:
            async with aclosing(self._engine.stream(self._generation_request)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if self.first_token_at is None and piece.text:
                        self.first_token_at = self._clock()
                    last = piece
                    for joint, text in splitter.feed(visible(piece.text)):
                        queue.put_nowait(_Raw(joint, text))
        except EngineError as caught:
            error = caught
        except Exception as caught:  # an engine's defect costs this answer its end, not the customer the answer
            log.error("engine broke down", extra={"type": type(caught).__name__})
            log.debug("engine broke down", exc_info=caught)
            error = EngineError(f"the engine broke down: {type(caught).__name__}")
        finish_reason = last.finish_reason if last is not None and error is None else None
        self.usage = last.usage if last is not None else None
        rest = splitter.finish()
        for index, (joint, text) in enumerate(rest):
            ended = finish_reason == "stop" or index < len(rest) - 1
            queue.put_nowait(_Raw(joint, text, whole=ended or _CERTAINLY_WHOLE.search(text) is not None))
        queue.put_nowait(_End(finish_reason, error))

    def _ended(self, end: _End) -> None:
        if end.error is not None:
            self.error = end.error
            self.reason = "deadline" if isinstance(end.error, DeadlineExceeded) else end.error.kind
            FAILURES.labels(PLACE, self.reason).inc()
        elif end.finish_reason != "stop":
            self.reason = end.finish_reason or EngineError.kind

    async def _examined(self, raw: _Raw, gate: asyncio.Future[SentenceGate]) -> Sentence | None:
        """The sentence as it may be shown, or None; sets `reason` where the answer must end here."""
        if not raw.whole:
            self._drop("cut", raw.text)
            return None
        if self._abstention.matches(raw.text):
            self._drop("model_abstained", raw.text)
            self.reason = "model_abstained"
            return None
        if self._repetitions.again(raw.text):
            self._drop("repeated", raw.text)
            if self._repetitions.looping(raw.text):
                self.reason = "loop"
            return None
        if len(raw.text) > MOST_SENTENCE:
            self._drop("too_long", raw.text)
            return None
        if foreign_markup(raw.text, self._sources):
            self._drop("markup", raw.text)
            return None
        examined = await self._examination(raw.text, gate)
        if examined.passed:
            SENTENCES.labels("passed").inc()
            return Sentence(
                examined.text, list(examined.citations), examined.support, (raw.joint or " ") if self.shown else ""
            )
        if examined.reason == "no_claim":  # "I hope this helps": nothing to check and nothing to miss
            SENTENCES.labels("no_claim").inc()
            return None
        self._drop(examined.reason, raw.text, examined.support)
        if examined.reason == "leak":
            self.reason = "leak"
        return None

    async def _examination(self, text: str, gate: asyncio.Future[SentenceGate]) -> ExaminedSentence:
        checking: asyncio.Future[ExaminedSentence] | None = None
        try:
            ready = await self._deadline.wait(gate)
            checking = asyncio.ensure_future(self._in_thread(lambda: ready.examine(text)))
            return await self._deadline.wait(checking)
        except DeadlinePassed:
            self._drop("late", text)
            raise
        finally:
            if checking is not None:
                _forgotten(checking)

    def _drop(self, reason: str, text: str, support: float = 0.0) -> None:
        SENTENCES.labels(reason).inc()
        self.dropped.append(Dropped(reason, support))
        log.debug("sentence held back", extra={"reason": reason, "support": support, "text": text})

    def _make_gate(self) -> SentenceGate:
        request = self._request
        system = system_of(self._generation_request.messages)
        question = cut_middle(data(request.question), MOST_QUESTION)
        facts = dict(request.facts)
        if request.profile.support_contact:  # as good as a fact: sentences may give it
            facts["our contact"] = request.profile.support_contact
        return self._checks.gate(question, request.passages, facts, system)

    async def _cancelled(self, reader: asyncio.Future[None]) -> None:
        """Cancels the engine's request; an engine that does not let go does not hold the answer up."""
        reader.cancel()
        _, pending = await asyncio.wait({reader}, timeout=CLOSE_SECONDS)
        if pending:
            FAILURES.labels(PLACE, "not_cancelled").inc()
            log.warning("engine does not let go", extra={"request": self._generation_request.request_id})

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(_CHECK_THREADS, contextvars.copy_context().run, work)
        except Exception as error:
            log.error("check failed", extra={"type": type(error).__name__})
            log.debug("check failed", exc_info=error)
            raise CheckFailed(type(error).__name__) from error


def _forgotten(task: asyncio.Future[T]) -> None:
    """Nobody asks for a thread's work any more: not begun, it never is; begun, it ends by itself."""
    task.cancel()
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
