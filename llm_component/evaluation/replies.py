"""Lets an engine answer cases, many at a time, the way a customer's question goes: prompt, model, checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from llm_component.answers.generation import AnswerChecks, ExaminedSentence
from llm_component.answers.pipeline import AnswerPipeline
from llm_component.answers.rewrite import rewrite
from llm_component.answers.summary import summarise
from llm_component.checks.gate import take_marks
from llm_component.engines.interface import Engine, EngineError, GenerationRequest, Piece
from llm_component.engines.wrappers.around import EngineAround
from llm_component.engines.wrappers.pieces import pieces_of
from llm_component.evaluation.abstention import abstains
from llm_component.evaluation.cases import Case
from llm_component.evaluation.citations import cited_numbers, without_marks
from llm_component.protocol import Answer, AnswerRequest, Passage, Profile, RewriteRequest, SummaryRequest
from llm_component.training.data.examples import ABSTENTION, Example

# A measurement waits as long as it takes.
SECONDS = 3600.0
ANSWER_TOKENS = 200
SUMMARY_TOKENS = 160
# No shop: a benchmark's answers come from anywhere.
PROFILE = Profile(shop_name="the shop", abstention="I'm sorry, I can't find that in our information.")


@dataclass(frozen=True)
class Reply:
    """What came of one case.

    `text` is what a customer would read, without citation marks; `raw` is what the model wrote, with them. Where the
    checks are off, both say the same. `error` is the engine's, where it failed.
    """

    text: str
    raw: str
    citations: tuple[int, ...] = ()
    raw_citations: tuple[int, ...] = ()
    abstained: bool = False
    raw_abstained: bool = False
    verdict: str = ""
    tokens: int = 0
    seconds: float = 0.0
    error: str = ""


class RecordingEngine(EngineAround):
    """An engine that keeps what each request was answered, by the request's id."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.texts: dict[str, str] = {}
        self.tokens: dict[str, int] = {}

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        async with pieces_of(self.inner, request) as pieces:
            async for piece in pieces:
                self.texts[request.request_id] = self.texts.get(request.request_id, "") + piece.text
                if piece.usage is not None:
                    self.tokens[request.request_id] = piece.usage.completion_tokens
                yield piece


@dataclass(frozen=True)
class _Passed:
    text: str
    citations: list[int]
    support: float = 1.0
    passed: bool = True
    reason: str = ""


class _OpenGate:
    def examine(self, raw_sentence: str) -> ExaminedSentence:
        text, citations = take_marks(raw_sentence)
        return _Passed(text, citations)


class NoChecks:
    """Lets every sentence through: the model alone is measured."""

    def gate(
        self, question: str, passages: Sequence[Passage], facts: Mapping[str, str], system_prompt: str
    ) -> _OpenGate:
        return _OpenGate()


@dataclass
class Replier:
    """Answers cases through one engine, which is started already.

    Args:
        checks: `NoChecks()` measures the model alone; `checks.gate.Checks` the answers that customers get.
        at_once: requests under way together; the engine batches them.
    """

    engine: Engine
    checks: AnswerChecks = field(default_factory=NoChecks)
    profile: Profile = PROFILE
    at_once: int = 16
    answer_tokens: int = ANSWER_TOKENS
    summary_tokens: int = SUMMARY_TOKENS
    clock: Callable[[], float] = time.monotonic

    async def replies(self, cases: Sequence[Case], done: Callable[[int], None] | None = None) -> list[Reply]:
        """One reply a case, in their order. `done` is told how many are there after each.

        A case whose engine fails has a reply with `error`; it counts against the model and is never left out.
        """
        recording = RecordingEngine(self.engine)
        pipeline = AnswerPipeline(recording, self.checks, clock=self.clock)
        places = asyncio.Semaphore(self.at_once)
        finished = 0

        async def one(number: int, case: Case) -> Reply:
            nonlocal finished
            async with places:
                began = self.clock()
                identity = f"case-{number}"
                if case.example.task == "summary":
                    reply = await self._summary(case.example)
                elif case.example.task == "rewrite":
                    reply = await self._rewritten(case.example)
                else:
                    reply = await self._answer(pipeline, recording, case.example, identity)
                finished += 1
                if done is not None:
                    done(finished)
                return replace(reply, seconds=self.clock() - began)

        return list(await asyncio.gather(*(one(number, case) for number, case in enumerate(cases))))

    async def _answer(
        self, pipeline: AnswerPipeline, recording: RecordingEngine, example: Example, identity: str
    ) -> Reply:
        request = answer_request(example, self.profile, self.answer_tokens)
        answer: Answer | None = None
        try:
            async with aclosing(pipeline.stream(request, request_id=identity)) as items:
                async for item in items:
                    if isinstance(item, Answer):
                        answer = item
        except EngineError as error:
            return Reply("", "", verdict="failed", error=f"{error.kind}: {error}")
        assert answer is not None  # the pipeline's last item
        raw = recording.texts.get(identity, "")
        return Reply(
            text=answer.text,
            raw=raw.strip(),
            citations=tuple(answer.citations),
            raw_citations=tuple(cited_numbers(raw)),
            abstained=answer.verdict == "abstained",
            raw_abstained=abstains(raw, self.profile.abstention) or abstains(raw, ABSTENTION),
            verdict=answer.verdict,
            tokens=recording.tokens.get(identity, 0),
            error=answer.reason if answer.verdict == "quoted" else "",
        )

    async def _summary(self, example: Example) -> Reply:
        # Held back or not: the raw text is what is measured, and the verdict says whether a colleague would read it.
        recording = RecordingEngine(self.engine)
        request = SummaryRequest(
            turns=list(example.history),
            fallback="",
            facts=dict(example.facts),
            profile=self.profile,
            deadline_seconds=SECONDS,
            max_tokens=self.summary_tokens,
        )
        summary = await summarise(recording, request)
        raw = without_marks(" ".join("".join(recording.texts.values()).split()))
        return Reply(
            text=summary.text,
            raw=raw,
            verdict="generated" if summary.generated else "fallback",
            tokens=sum(recording.tokens.values()),
            error=summary.reason,
        )

    async def _rewritten(self, example: Example) -> Reply:
        recording = RecordingEngine(self.engine)
        request = RewriteRequest(example.question, list(example.history), deadline_seconds=SECONDS)
        rewritten = await rewrite(recording, request)
        return Reply(
            text=rewritten.question,
            raw=" ".join("".join(recording.texts.values()).split()),
            verdict="generated" if rewritten.changed else "fallback",
            tokens=sum(recording.tokens.values()),
            error=rewritten.reason,
        )


def answer_request(example: Example, profile: Profile, max_tokens: int) -> AnswerRequest:
    """The request that the assistant would send for this example."""
    return AnswerRequest(
        question=example.question,
        profile=profile,
        passages=[Passage(title=one.title, heading=one.heading, text=one.text) for one in example.passages],
        history=list(example.history),
        facts=dict(example.facts),
        deadline_seconds=SECONDS,
        max_tokens=max_tokens,
    )
