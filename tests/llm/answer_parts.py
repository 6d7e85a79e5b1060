"""What tests of answers share: time that only they move, a gate that does as it is told, requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from llm_component.answers.pipeline import AnswerPipeline
from llm_component.checks.gate import Examined, take_marks
from llm_component.engines.echo import ScriptedEngine
from llm_component.engines.interface import Engine
from llm_component.protocol import Answer, AnswerRequest, Passage, Profile, Sentence

ABSTENTION = "I'm sorry, I can't find that in our information."
PROFILE = Profile(shop_name="The Shop", abstention=ABSTENTION)
RETURNS = Passage(
    title="Returns",
    text="You have 30 days from delivery to return an item. The return label is free. Refunds take 5 working days.",
    quote="You have 30 days from delivery to return an item.",
    similarity=0.8,
)
DELIVERY = Passage(title="Delivery", text="Standard delivery costs £4.95. It is free from £50.", similarity=0.5)


def request_of(question: str = "How long do I have to return an item?", **changes: Any) -> AnswerRequest:
    """A request with two passages."""
    request = AnswerRequest(question=question, profile=PROFILE, passages=[RETURNS, DELIVERY])
    return msgspec.structs.replace(request, **changes)


class FakeTime:
    """A clock and a timer; nothing passes but by `advance`."""

    START = 1000.0

    def __init__(self) -> None:
        self._now = self.START
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def clock(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._waiting.append((self._now + seconds, event))
        await event.wait()

    def advance(self, seconds: float) -> None:
        self._now += seconds
        for at, event in self._waiting:
            if at <= self._now:
                event.set()


Verdicts = Mapping[str, str] | Callable[[str], str]


@dataclass
class FakeChecks:
    """Sentences pass unless `reasons` holds a reason for them (by their text without marks)."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    gates: list[tuple[str, str]] = field(default_factory=list)
    examined: list[str] = field(default_factory=list)
    broken: bool = False
    before: Callable[[str], None] = lambda text: None

    def gate(
        self, question: str, passages: Sequence[Passage], facts: Mapping[str, str], system_prompt: str
    ) -> FakeChecks:
        self.gates.append((question, system_prompt))
        return self

    def examine(self, raw_sentence: str) -> Examined:
        if self.broken:
            raise RuntimeError("the encoder is gone")
        text, citations = take_marks(raw_sentence)
        self.before(text)
        self.examined.append(text)
        reason = self.reasons.get(text, "")
        return Examined(text, citations or [1], 0.0 if reason else 0.9, not reason, reason)


def scripted(script: Any, **more: Any) -> ScriptedEngine:
    """An engine that plays `script`, for which no time passes."""
    return ScriptedEngine(script, clock=lambda: FakeTime.START, **more)


def pipeline_of(engine: Engine | None, checks: Any = None, time: FakeTime | None = None, **more: Any) -> AnswerPipeline:
    """A pipeline whose time stands still unless the test moves it."""
    time = time or FakeTime()
    return AnswerPipeline(engine, checks or FakeChecks(), clock=time.clock, sleep=time.sleep, **more)


async def collected(items: AsyncIterator[Sentence | Answer]) -> tuple[list[Sentence], Answer]:
    """The sentences, and the answer that must come last and once."""
    all_items = [item async for item in items]
    sentences, answers = all_items[:-1], all_items[-1:]
    assert all(isinstance(item, Sentence) for item in sentences)
    assert len(answers) == 1
    answer = answers[0]
    assert isinstance(answer, Answer)
    return sentences, answer  # type: ignore[return-value]
