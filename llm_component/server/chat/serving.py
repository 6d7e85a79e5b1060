"""`POST /v1/chat/completions`: the engine's pieces as OpenAI's API gives them, streamed or whole."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llm_component.engines.interface import Engine, FinishReason, GenerationRequest, Usage, complete
from llm_component.server.bodies import json_response, read_json
from llm_component.server.chat.protocol import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    Choice,
    ChunkChoice,
    CompletionUsage,
    Delta,
    PromptTokensDetails,
    ResponseMessage,
)
from llm_component.server.chat.requests import to_generation
from llm_component.server.deadlines import deadline_of
from llm_component.server.errors import Fault
from llm_component.server.model_list import resolve
from llm_component.server.requests import Call, call_of
from llm_component.server.sse import EventStream, closing, event, unless_disconnected
from llm_component.server.state import ServerState

DONE = event(b"[DONE]")


@dataclass(frozen=True)
class Head:
    """What all chunks of a completion have in common."""

    id: str
    created: int  # seconds since 1970
    model: str

    def chunk(self, choices: list[ChunkChoice], usage: CompletionUsage | msgspec.UnsetType | None) -> bytes:
        """One event."""
        return event(msgspec.json.encode(ChatCompletionChunk(self.id, self.created, self.model, choices, usage)))


async def chat_completions(request: Request) -> Response:
    """Completes a chat. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    call = call_of(request)
    body = await read_json(request, ChatRequest, state.settings.max_body_bytes)
    engine = state.generation_engine()
    served = resolve(body.model, engine)
    head = Head(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), served.name)
    generation = to_generation(
        body,
        adapter=served.adapter,
        context_tokens=engine.context_tokens,
        deadline=deadline_of(request, body.deadline_seconds, state.settings.chat_seconds),
        request_id=head.id,
    )
    call.notes |= {"completion": head.id, "model": head.model, "stream": bool(body.stream)}
    if body.stream:
        options = body.stream_options
        return EventStream(
            request,
            _chunks(engine, generation, head, call, with_usage=bool(options and options.include_usage)),
            error_event=_error_event,
            heartbeat_seconds=request.app.state.heartbeat_seconds,
        )
    whole = await unless_disconnected(request, complete(engine, generation))
    usage = _usage(whole.usage, call)
    choice = Choice(ResponseMessage(whole.text), _finish_reason(whole.finish_reason))
    return json_response(ChatCompletion(head.id, head.created, head.model, [choice], usage))


async def _chunks(
    engine: Engine, generation: GenerationRequest, head: Head, call: Call, *, with_usage: bool
) -> AsyncIterator[bytes]:
    none_yet = None if with_usage else msgspec.UNSET
    finish: FinishReason | None = None
    usage: Usage | None = None
    begun = False
    async with closing(engine.stream(generation)) as pieces:
        async for piece in pieces:
            if not begun:
                begun = True
                yield head.chunk([ChunkChoice(Delta(role="assistant", content=""))], none_yet)
            if piece.text:
                yield head.chunk([ChunkChoice(Delta(content=piece.text))], none_yet)
            finish = piece.finish_reason or finish
            usage = piece.usage or usage
    if not begun:
        yield head.chunk([ChunkChoice(Delta(role="assistant", content=""))], none_yet)
    total = _usage(usage, call)
    yield head.chunk([ChunkChoice(Delta(), finish_reason=_finish_reason(finish))], none_yet)
    if with_usage:
        yield head.chunk([], total)
    yield DONE


def _error_event(fault: Fault) -> bytes:
    """In OpenAI's form, which its client raises as an `APIError`; then the end, for clients that wait for one."""
    return event(fault.envelope()) + DONE


def _finish_reason(reason: FinishReason | None) -> Literal["stop", "length"]:
    """OpenAI's API has no name for a deadline; "length" says, too, that the text is not whole."""
    return "length" if reason in ("length", "deadline") else "stop"


def _usage(usage: Usage | None, call: Call) -> CompletionUsage:
    used = usage or Usage()
    call.notes |= {"prompt_tokens": used.prompt_tokens, "completion_tokens": used.completion_tokens}
    return CompletionUsage(
        used.prompt_tokens,
        used.completion_tokens,
        used.prompt_tokens + used.completion_tokens,
        PromptTokensDetails(used.cached_tokens),
    )
