"""The interface of every engine: a request goes in, pieces of text come out, errors say what to do next."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "deadline"]
Task = Literal["answer", "rewrite", "summary"]
# What a model takes: messages of a chat, or a task in its parts, for models that were trained on such a form.
PromptStyle = Literal["chat", "compact"]


@dataclass(frozen=True)
class Message:
    """One turn of a chat prompt."""

    role: Role
    content: str


@dataclass(frozen=True)
class GroundingPassage:
    """A passage that an answer may rest on. `quote` is its part that answers best, where that is known."""

    title: str
    heading: str
    text: str
    quote: str = ""


@dataclass(frozen=True)
class Grounding:
    """A task in its parts, all as others wrote them; whoever turns them into tokens cleans them.

    answer: `question` after `history` from `passages` and `facts`. rewrite: `question` made whole by `history`.
    summary: of `history`.
    """

    task: Task
    question: str = ""
    history: tuple[Message, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    passages: tuple[GroundingPassage, ...] = ()


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 always takes the likeliest one."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0  # 0: no limit
    seed: int | None = None  # None: another one each time; without effect at temperature 0
    stop: tuple[str, ...] = ()  # generation ends before the first of these


@dataclass(frozen=True)
class GenerationRequest:
    """One prompt with how, and until when, it is to be completed.

    Args:
        deadline: a time of `time.monotonic()`, in seconds; None: no limit. What is there by then is kept.
        passages: texts that the answer will probably copy from; engines may use them to guess tokens ahead.
        adapter: the name of a LoRA adapter of the model; None: the model as it is.
        grounding: the task for an engine whose `prompt_style` is "compact"; `messages` are then not read.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    deadline: float | None = None
    request_id: str = ""
    passages: tuple[str, ...] = ()
    adapter: str | None = None
    grounding: Grounding | None = None

    def seconds_left(self, now: float | None = None) -> float | None:
        """Time until the deadline, negative once it has passed; None without one."""
        return None if self.deadline is None else self.deadline - (time.monotonic() if now is None else now)


@dataclass(frozen=True)
class Usage:
    """Tokens of a request. `cached_tokens` of the prompt were not computed anew."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True)
class Piece:
    """A part of the completion. The last alone has a finish reason and the usage; its text may be empty."""

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


@dataclass(frozen=True)
class EngineStatus:
    """What an engine is doing; shown under `/ready` and `/metrics`.

    `kv_tokens_used` and `kv_tokens_total` count positions of the key-value cache; both 0 where that is not known.
    """

    ready: bool
    reason: str = ""  # why it is not ready
    running: int = 0
    waiting: int = 0
    kv_tokens_used: int = 0
    kv_tokens_total: int = 0


class EngineError(RuntimeError):
    """A request cannot be completed; the message is fit for a log and for the API's error, not for a customer.

    `retry_after`: seconds after which another try makes sense; None: it makes none.
    """

    retry_after: float | None = None
    kind = "engine_error"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(EngineError):
    """The queue is full, or the model's memory is. HTTP 429."""

    kind = "overloaded"


class EngineUnavailable(EngineError):
    """Not loaded, dead, draining, or the breaker is open. HTTP 503."""

    kind = "unavailable"


class DeadlineExceeded(EngineError):
    """The deadline passed before the first token. HTTP 504."""

    kind = "deadline_exceeded"


class RequestRefused(EngineError):
    """The request itself is at fault: too long a prompt, an unknown adapter. HTTP 400."""

    kind = "invalid_request"


class UpstreamFailed(EngineError):
    """A server behind this one failed or sent what nobody can read. HTTP 502."""

    kind = "upstream_failed"


class Engine(ABC):
    """Completes prompts. `stream` is the only way in; everything else is about the engine's life.

    Methods are called on one event loop and must not block it. Wrappers (limit, breaker, cache, metrics) are engines
    round an engine.
    """

    model_name: str  # what /v1/models lists
    context_tokens: int  # prompt and completion together

    @abstractmethod
    def stream(self, request: GenerationRequest) -> AsyncIterator[Piece]:
        """The completion as an asynchronous generator. Closing it (`aclose`) cancels the request within one step.

        Raises:
            EngineError: before the first piece, or, where the failure comes later, in place of the next one.
        """

    @abstractmethod
    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the whole prompt, template included; where the tokenizer is not ours, an estimate never too low."""

    @abstractmethod
    def status(self) -> EngineStatus:
        """The engine's state now. Never blocks."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the LoRA adapters that a request may ask for."""
        return ()

    @property
    def prompt_style(self) -> PromptStyle:
        """What requests must carry: messages, or a grounding."""
        return "chat"

    async def start(self) -> None:  # noqa: B027  an engine may need none
        """Loads what is needed. Raises `EngineError` where it cannot."""

    async def drain(self, seconds: float) -> None:  # noqa: B027  an engine may need none
        """Takes no new requests and waits until the running ones have ended, `seconds` at most."""

    async def close(self) -> None:  # noqa: B027  an engine may need none
        """Ends what still runs and gives back threads and memory."""


async def complete(engine: Engine, request: GenerationRequest) -> Piece:
    """The whole completion as one piece. Raises `EngineError` as `Engine.stream` does."""
    texts: list[str] = []
    last = Piece("")
    async for piece in engine.stream(request):
        texts.append(piece.text)
        last = piece
    return Piece("".join(texts), last.finish_reason, last.usage)
