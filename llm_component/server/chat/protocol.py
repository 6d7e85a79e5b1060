"""The wire form of chat completions, field for field as in OpenAI's API reference.

Fields of a request that are not named here are ignored, as OpenAI-compatible servers do. Those that are named only to
be refused would change the answer's form or meaning, so that ignoring them would deceive the caller.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

MAX_STOPS = 4

Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


class ContentPart(msgspec.Struct, frozen=True):
    """A part of a message's content; `text` is the only type taken."""

    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """A message. `developer` is OpenAI's newer name of `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: Any = None
    function_call: Any = None


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream holds beside the text."""

    include_usage: bool | None = False


class ResponseFormat(msgspec.Struct, frozen=True):
    """`text` is the only form there is."""

    type: str


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/chat/completions`. `top_k` and `deadline_seconds` are extensions."""

    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    model: str | None = None
    max_completion_tokens: Positive | None = None
    max_tokens: Positive | None = None  # OpenAI's older name of max_completion_tokens
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=-1)] | None = None  # 0 and -1: no limit
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None
    # Refused where they ask for anything
    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    audio: Any = None
    modalities: list[str] | None = None
    response_format: ResponseFormat | None = None
    logit_bias: Any = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class PromptTokensDetails(msgspec.Struct, frozen=True):
    """How much of the prompt was not computed anew."""

    cached_tokens: int = 0


class CompletionUsage(msgspec.Struct, frozen=True):
    """Tokens of a request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class ResponseMessage(msgspec.Struct, frozen=True):
    """The whole answer."""

    content: str
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class Choice(msgspec.Struct, frozen=True):
    """The only choice: `n` is 1."""

    message: ResponseMessage
    finish_reason: Literal["stop", "length"]
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True):
    """An answer that is not streamed."""

    id: str
    created: int  # seconds since 1970
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    object: Literal["chat.completion"] = "chat.completion"


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk adds. The first has the role, the last is empty."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(msgspec.Struct, frozen=True):
    """The only choice of a chunk."""

    delta: Delta
    finish_reason: Literal["stop", "length"] | None = None
    index: int = 0
    logprobs: None = None


class ChatCompletionChunk(msgspec.Struct, frozen=True):
    """One event of a stream. With `include_usage` each has `usage`, null but in the last, which has no choice."""

    id: str
    created: int  # seconds since 1970
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | msgspec.UnsetType | None = msgspec.UNSET
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
