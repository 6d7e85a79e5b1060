"""`POST /v1/answers`, `/v1/summaries`, `/v1/rephrasings`, `/v1/rewrites`: the pipeline's items, as events or whole."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llm_component.protocol import Answer, AnswerRequest, RephraseRequest, RewriteRequest, Sentence, SummaryRequest
from llm_component.server.bodies import json_response, read_json
from llm_component.server.deadlines import deadline_of, seconds_left
from llm_component.server.errors import Fault, invalid
from llm_component.server.requests import Call, call_of
from llm_component.server.sse import EventStream, closing, event, unless_disconnected
from llm_component.server.state import ServerState


async def answers(request: Request) -> Response:
    """Answers a question from passages. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    body = await read_json(request, AnswerRequest, state.settings.max_body_bytes)
    if not body.question.strip():
        raise invalid("question: it must not be empty.", "question")
    _check_limits(body)
    call = call_of(request)
    deadline = deadline_of(request, body.deadline_seconds, body.deadline_seconds)
    body = msgspec.structs.replace(body, deadline_seconds=deadline - call.arrival)
    answer_id = f"answer-{uuid.uuid4().hex}"
    call.notes.update(answer=answer_id, stream=body.stream, passages=len(body.passages), turns=len(body.history))
    items = state.pipeline().stream(body, request_id=answer_id, arrived=call.arrival)
    if body.stream:
        return EventStream(
            request,
            _events(items, call),
            error_event=_error_event,
            heartbeat_seconds=request.app.state.heartbeat_seconds,
        )
    return json_response(await unless_disconnected(request, _whole(items, call)))


async def summaries(request: Request) -> Response:
    """Sums a conversation up. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    body = await read_json(request, SummaryRequest, state.settings.max_body_bytes)
    _check_limits(body)
    body = msgspec.structs.replace(body, deadline_seconds=seconds_left(request, body.deadline_seconds))
    summary = await unless_disconnected(request, state.summarise(body))
    call_of(request).notes.update(turns=len(body.turns), generated=summary.generated)
    return json_response(summary)


async def rephrasings(request: Request) -> Response:
    """Says a template in other words. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    body = await read_json(request, RephraseRequest, state.settings.max_body_bytes)
    _check_limits(body)
    body = msgspec.structs.replace(body, deadline_seconds=seconds_left(request, body.deadline_seconds))
    rephrasing = await unless_disconnected(request, state.rephrase(body))
    call_of(request).notes.update(turns=len(body.history), changed=rephrasing.changed)
    return json_response(rephrasing)


async def rewrites(request: Request) -> Response:
    """Makes a follow-up into a question that stands alone. Raises what `errors.fault_of` knows."""
    state: ServerState = request.app.state.server
    body = await read_json(request, RewriteRequest, state.settings.max_body_bytes)
    if not body.question.strip():
        raise invalid("question: it must not be empty.", "question")
    _check_limits(body)
    body = msgspec.structs.replace(body, deadline_seconds=seconds_left(request, body.deadline_seconds))
    rewritten = await unless_disconnected(request, state.rewrite(body))
    call_of(request).notes.update(turns=len(body.history), changed=rewritten.changed)
    return json_response(rewritten)


def _check_limits(body: AnswerRequest | SummaryRequest | RephraseRequest | RewriteRequest) -> None:
    """Raises `ApiError` 400 for limits that leave no room for anything."""
    if body.max_tokens < 1:
        raise invalid("max_tokens: it must be at least 1.", "max_tokens")
    if body.deadline_seconds <= 0:
        raise invalid("deadline_seconds: it must be above 0.", "deadline_seconds")


async def _events(items: AsyncIterator[Sentence | Answer], call: Call) -> AsyncIterator[bytes]:
    async with closing(items):
        async for item in items:
            if isinstance(item, Sentence):
                yield event(msgspec.json.encode(item), "sentence")
            else:
                _note(call, item)
                yield event(msgspec.json.encode(item), "answer")


async def _whole(items: AsyncIterator[Sentence | Answer], call: Call) -> Answer:
    answer: Answer | None = None
    async with closing(items):
        async for item in items:
            if isinstance(item, Answer):
                answer = item
    if answer is None:
        raise RuntimeError("the pipeline ended without an answer")
    _note(call, answer)
    return answer


def _note(call: Call, answer: Answer) -> None:
    call.notes.update(
        verdict=answer.verdict,
        sentences=len(answer.sentences),
        dropped=len(answer.dropped),
        cached=answer.cached,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )


def _error_event(fault: Fault) -> bytes:
    return event(msgspec.json.encode(fault.body), "error")
