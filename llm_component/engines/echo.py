"""Engines without a model: one repeats what was said, one plays what a test or a benchmark has written for it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Union

from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    EngineStatus,
    FinishReason,
    GenerationRequest,
    Message,
    Piece,
    RequestRefused,
    Usage,
)
from llm_component.engines.occupancy import Occupancy

_WORD = re.compile(r"\s*\S+|\s+\Z")


def words_of(text: str) -> list[str]:
    """The words, each with the space before it; joined they are the text."""
    return _WORD.findall(text)


class _WithoutModel(Engine):
    """What both have: a word is a token."""

    def __init__(self, model_name: str, context_tokens: int) -> None:
        self.model_name = model_name
        self.context_tokens = context_tokens
        self._occupancy = Occupancy()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words, and one for each message."""
        return sum(1 + len(words_of(each.content)) for each in messages)

    def status(self) -> EngineStatus:
        """Ready until it is drained."""
        draining = self._occupancy.draining
        return EngineStatus(not draining, "shutting down" if draining else "", running=self._occupancy.running)

    async def drain(self, seconds: float) -> None:
        """Takes no new requests and waits for the running ones."""
        await self._occupancy.drain(seconds)


class EchoEngine(_WithoutModel):
    """Repeats the last user message word by word; for trying the server out without a model.

    Args:
        pause: awaited before each word, given `seconds_per_word`; None: no pause.
    """

    def __init__(
        self,
        *,
        seconds_per_word: float = 0.0,
        pause: Callable[[float], Awaitable[None]] | None = None,
        context_tokens: int = 8192,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("echo", context_tokens)
        self._seconds_per_word = seconds_per_word
        self._pause = pause
        self._clock = clock

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        with self._occupancy.place():
            sampling = request.sampling
            prompt = self.count_tokens(request.messages)
            room = self.context_tokens - prompt
            if room < 1:
                raise RequestRefused(
                    f"the prompt has {prompt} tokens; this model takes {self.context_tokens - 1} and a completion"
                )
            most = min(sampling.max_tokens, room)
            if request.adapter is not None:
                raise RequestRefused(f"there is no adapter {request.adapter!r}")
            last = next((each.content for each in reversed(request.messages) if each.role == "user"), "")
            places = [place for place in (last.find(stop) for stop in sampling.stop if stop) if place >= 0]
            words = words_of(last[: min(places)] if places else last)
            finish: FinishReason = "length" if len(words) > most else "stop"
            said = 0
            for word in words[:most]:
                if self._pause is not None:
                    await self._pause(self._seconds_per_word)
                if request.deadline is not None and self._clock() >= request.deadline:
                    if not said:
                        raise DeadlineExceeded("the deadline passed before the first word")
                    finish = "deadline"
                    break
                yield Piece(word)
                said += 1
            yield Piece("", finish, Usage(prompt, said))


class Hang:
    """A step of a reply that never ends by itself."""


HANG: Final = Hang()
Step = Union[str, asyncio.Event, Hang, EngineError]  # noqa: UP007  evaluated at import


@dataclass(frozen=True, eq=False)
class Reply:
    """What a `ScriptedEngine` does for one request, step by step.

    A string is a piece; an event is waited for; `HANG` goes on until the deadline or for ever; an error is raised.
    """

    steps: tuple[Step, ...]
    finish: FinishReason = "stop"
    usage: Usage | None = None

    @classmethod
    def of(cls, *steps: Step, finish: FinishReason = "stop", usage: Usage | None = None) -> Reply:
        """The steps one after the other."""
        return cls(steps, finish, usage)


Script = Union[Iterable[Reply], Callable[[GenerationRequest], Reply]]  # noqa: UP007  evaluated at import


class ScriptedEngine(_WithoutModel):
    """Plays replies in their order, the last one again and again, or the one that a function gives for a request.

    Attributes:
        requests: all requests so far.
        cancelled: requests whose reader went away before the last piece.
    """

    def __init__(
        self,
        script: Script | str,
        *,
        model_name: str = "scripted",
        context_tokens: int = 8192,
        adapters: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(model_name, context_tokens)
        if isinstance(script, str):
            script = [Reply(tuple(words_of(script)))]
        self._choose = script if callable(script) else None
        self._replies = [] if callable(script) else list(script)
        self._adapters = adapters
        self._clock = clock
        self.requests: list[GenerationRequest] = []
        self.cancelled = 0

    @property
    def adapters(self) -> tuple[str, ...]:
        """As given."""
        return self._adapters

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Piece, None]:
        """See `Engine.stream`."""
        with self._occupancy.place():
            self.requests.append(request)
            said = 0
            try:
                reply = self._next(request)
                for step in reply.steps:
                    if isinstance(step, str):
                        yield Piece(step)
                        said += 1
                    elif isinstance(step, EngineError):
                        raise step
                    elif not await self._waited(step, request):
                        if not said:
                            raise DeadlineExceeded("the deadline passed before the first token")
                        yield Piece("", "deadline", Usage(self.count_tokens(request.messages), said))
                        return
                yield Piece("", reply.finish, reply.usage or Usage(self.count_tokens(request.messages), said))
            except (GeneratorExit, asyncio.CancelledError):
                self.cancelled += 1
                raise

    def _next(self, request: GenerationRequest) -> Reply:
        if self._choose is not None:
            return self._choose(request)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def _waited(self, step: asyncio.Event | Hang, request: GenerationRequest) -> bool:
        """False if the deadline came first."""
        event = asyncio.Event() if isinstance(step, Hang) else step
        try:
            left = None if request.deadline is None else max(0.0, request.deadline - self._clock())
            await asyncio.wait_for(event.wait(), left)
        except asyncio.TimeoutError:
            return False
        return True
