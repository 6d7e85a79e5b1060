"""From a question with its passages to a checked answer, streamed by sentence and never later than the deadline."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from llm_component.answers.cache import AnswerCache, cache_key
from llm_component.answers.course import Course, generation_request, log_answer
from llm_component.answers.deadline import Clock, Deadline, DeadlinePassed, Sleep
from llm_component.answers.flights import Flights
from llm_component.answers.generation import PLACE, AnswerChecks, Generation
from llm_component.answers.quotation import has_text, has_words, quotation
from llm_component.engines.interface import Engine, EngineError, RequestRefused
from llm_component.metrics import ANSWER_CACHE, ANSWERS, FAILURES, TIME_TO_FIRST_SENTENCE
from llm_component.prompts.builder import AnswerPrompt, fit
from llm_component.prompts.fitting import fitted
from llm_component.prompts.grounded import grounded_answer
from llm_component.protocol import Answer, AnswerRequest, Sentence, TokenUsage, Verdict

log = logging.getLogger(__name__)


class AnswerPipeline:
    """Answers questions from passages. For one event loop.

    Args:
        engine: None where no model is set: then the best passage is quoted.
        cache: None: nothing is kept, and equal requests under way are not shared.
        clock, sleep: seconds of `time.monotonic()`, which engines' deadlines are in; tests replace both.
    """

    def __init__(
        self,
        engine: Engine | None,
        checks: AnswerChecks,
        *,
        cache: AnswerCache | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._checks = checks
        self._cache = cache
        self._clock = clock
        self._sleep = sleep
        self._flights: Flights[Sentence | Answer] = Flights()

    def stream(
        self, request: AnswerRequest, *, request_id: str = "", arrived: float | None = None
    ) -> AsyncGenerator[Sentence | Answer, None]:
        """Sentences that passed the checks, each as soon as it has, then one `Answer`. Closing it cancels the request.

        Args:
            request_id: goes to the engine and into log lines.
            arrived: when the request arrived, a time of the clock; None: now.

        Raises:
            RequestRefused: the request itself is at fault: an empty question, an unknown adapter. All other failures
                end in an `Answer` whose `reason` names them.
        """
        course = Course(request, request_id, self._clock() if arrived is None else arrived)
        key = None
        if self._cache is not None and self._engine is not None:
            key = cache_key(request, self._engine.model_name)
        return self._counted(course, self._answer(course) if key is None else self._shared(course, key))

    async def _counted(
        self, course: Course, items: AsyncGenerator[Sentence | Answer, None]
    ) -> AsyncGenerator[Sentence | Answer, None]:
        """`items`, with the metrics and the log line of the answer."""
        async with aclosing(items):
            async for item in items:
                if isinstance(item, Answer):
                    ANSWERS.labels(item.verdict).inc()
                    if item.verdict in ("answered", "partial") and item.seconds_to_first_sentence is not None:
                        TIME_TO_FIRST_SENTENCE.observe(item.seconds_to_first_sentence)
                    log_answer(course, item)
                yield item

    async def _shared(self, course: Course, key: str) -> AsyncGenerator[Sentence | Answer, None]:
        """The answer from the cache, from an equal request under way, or a new one that others may share."""
        assert self._cache is not None
        kept = self._cache.get(key)
        if kept is not None:
            ANSWER_CACHE.labels("hit").inc()
            for sentence in kept.sentences:
                self._show(course, sentence)
                yield sentence
            yield self._timed(course, msgspec.structs.replace(kept, cached=True, usage=TokenUsage()))
            return
        joins = self._flights.joins(key, course.deadline)
        ANSWER_CACHE.labels("joined" if joins else "miss").inc()
        async with aclosing(self._flights.stream(key, course.deadline, lambda: self._kept(course, key))) as items:
            async for item in items:
                if isinstance(item, Sentence):
                    if joins:
                        self._show(course, item)
                    yield item
                else:
                    yield self._timed(course, item) if joins else item

    async def _kept(self, course: Course, key: str) -> AsyncGenerator[Sentence | Answer, None]:
        async with aclosing(self._answer(course)) as items:
            async for item in items:
                if isinstance(item, Answer) and self._cache is not None:
                    self._cache.put(key, item)
                yield item

    async def _answer(self, course: Course) -> AsyncGenerator[Sentence | Answer, None]:
        """A new answer."""
        request = course.request
        if not has_words(request.question):
            raise RequestRefused("the question is empty")
        if not any(has_text(passage) for passage in request.passages):
            yield self._abstained(course, "no_passages")
            return
        if self._engine is None:
            for item in self._quoted(course, "no_model"):
                yield item
            return
        deadline = Deadline(course.deadline, self._clock, self._sleep)
        try:
            prompt = await self._fitted(course, self._engine, deadline)
            if isinstance(prompt, str):
                for item in self._quoted(course, prompt):
                    yield item
                return
            generation = Generation(
                self._engine,
                generation_request(course, prompt),
                request,
                self._checks,
                deadline=deadline,
                clock=self._clock,
            )
            async with aclosing(generation.sentences()) as sentences:
                async for sentence in sentences:
                    self._show(course, sentence)
                    yield sentence
        finally:
            deadline.close()
        course.first_token_at = generation.first_token_at
        course.dropped = generation.dropped
        course.model = self._engine.model_name
        if generation.usage is not None:
            used = generation.usage
            total = used.prompt_tokens + used.completion_tokens
            course.usage = TokenUsage(used.prompt_tokens, used.completion_tokens, total, used.cached_tokens)
        for item in self._concluded(course, generation):
            yield item

    async def _fitted(self, course: Course, engine: Engine, deadline: Deadline) -> AnswerPrompt | str:
        """The prompt, or why there is none."""
        fitting = asyncio.ensure_future(fitted(lambda: self._prompt(course, engine)))
        try:
            return await deadline.wait(fitting) or "no_room"
        except DeadlinePassed:
            reason = "deadline"
        except EngineError as error:  # an engine that is not there cannot count tokens either
            reason = error.kind
        finally:
            fitting.cancel()
        FAILURES.labels(PLACE, reason).inc()
        return reason

    def _prompt(self, course: Course, engine: Engine) -> AnswerPrompt | None:
        """The prompt, or None where the model's context has no room for the question and a sentence of a passage."""
        try:
            if engine.prompt_style == "compact":
                prompt = grounded_answer(course.request)
            else:
                prompt = fit(course.request, engine.count_tokens, engine.context_tokens)
        except RequestRefused as error:
            problem = str(error)
        else:
            if prompt.passages:
                return prompt
            problem = "no sentence of a passage fits"
        FAILURES.labels(PLACE, "no_room").inc()
        log.warning("no room for the prompt", extra={"request": course.request_id, "problem": problem})
        return None

    def _concluded(self, course: Course, generation: Generation) -> list[Sentence | Answer]:
        """What follows the generated sentences: the answer, or a quotation where there are none."""
        reason = generation.reason
        if course.sentences:
            verdict: Verdict = "partial" if generation.lost else "answered"
            return [self._concluding(course, verdict, reason)]
        if isinstance(generation.error, RequestRefused):
            raise generation.error
        if generation.error is not None or reason in ("deadline", "check_failed"):
            return self._quoted(course, reason)
        return [self._abstained(course, reason if reason == "model_abstained" else _why_nothing_passed(generation))]

    def _show(self, course: Course, sentence: Sentence) -> None:
        if course.first_sentence_at is None:
            course.first_sentence_at = self._clock()
        course.sentences.append(sentence)

    def _quoted(self, course: Course, reason: str) -> list[Sentence | Answer]:
        found = quotation(course.request.passages)
        for sentence in found:
            self._show(course, sentence)
        return [*found, self._concluding(course, "quoted", reason)]

    def _abstained(self, course: Course, reason: str) -> Answer:
        return self._concluding(course, "abstained", reason)

    def _concluding(self, course: Course, verdict: Verdict, reason: str) -> Answer:
        text = "".join(sentence.joint + sentence.text for sentence in course.sentences)
        answer = Answer(
            verdict=verdict,
            text=course.request.profile.abstention if verdict == "abstained" else text,
            sentences=course.sentences,
            citations=sorted({number for sentence in course.sentences for number in sentence.citations}),
            dropped=course.dropped,
            reason=reason,
            model=course.model,
            usage=course.usage,
        )
        return self._timed(course, answer)

    def _timed(self, course: Course, answer: Answer) -> Answer:
        """`answer` with the times of this request."""

        def since(time: float | None) -> float | None:
            return None if time is None else max(0.0, time - course.arrived)

        return msgspec.structs.replace(
            answer,
            seconds_to_first_token=since(course.first_token_at),
            seconds_to_first_sentence=since(course.first_sentence_at),
            seconds=max(0.0, self._clock() - course.arrived),
        )


def _why_nothing_passed(generation: Generation) -> str:
    """One word for an answer of which nothing was left."""
    reasons = {each.reason for each in generation.dropped}
    for reason in ("leak", "personal_data"):
        if reason in reasons:
            return reason
    if reasons - {"cut", "repeated"}:
        return "no_support"
    return generation.reason or "empty"
