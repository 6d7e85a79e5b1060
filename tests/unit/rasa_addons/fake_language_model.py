"""Stands at the border of the language model's server: says what a test lists, in the order in which it would come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from llm_component.protocol import Answer, AnswerRequest, RephraseRequest, Rephrasing, Sentence


class Silence:
    """From here on nothing comes any more."""


def sentence(text: str, *citations: int, joint: str = " ") -> Sentence:
    """A sentence that passed the checks."""
    return Sentence(text=text, citations=list(citations), support=0.9, joint=joint)


def answer_of(*sentences: Sentence, verdict: Any = "answered", **more: Any) -> Answer:
    """The whole answer of these sentences."""
    first, rest = sentences[0].text, sentences[1:]
    text = first + "".join(each.joint + each.text for each in rest)
    return Answer(verdict=verdict, text=text, sentences=list(sentences), model="tiny", seconds=0.5, **more)


@dataclass
class FakeLanguageModel:
    """Gives `parts`: sentences, an answer, an exception to raise, or silence. Keeps what it was asked."""

    parts: list[Any] = field(default_factory=list)
    rephrasing: Any = None
    requests: list[AnswerRequest] = field(default_factory=list)
    rephrase_requests: list[RephraseRequest] = field(default_factory=list)
    turns: list[str | None] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer_stream(
        self, request: AnswerRequest, turn_id: str | None = None
    ) -> AsyncGenerator[Sentence | Answer, None]:
        self.requests.append(request)
        self.turns.append(turn_id)
        try:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                if isinstance(part, Silence):
                    self.silent.set()
                    await asyncio.Event().wait()
                yield part
        finally:
            self.left.set()

    async def rephrase(self, request: RephraseRequest, turn_id: str | None = None) -> Rephrasing:
        self.rephrase_requests.append(request)
        if isinstance(self.rephrasing, Exception):
            raise self.rephrasing
        if isinstance(self.rephrasing, Silence):
            await asyncio.Event().wait()
        return self.rephrasing  # type: ignore[no-any-return]
