"""`/v1/chat/completions` without a network: its wire form, and what reaches the engine."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from llm_component.engines.interface import Message, Usage
from llm_component.server.app import make_app
from tests.llm.serving import DirectedEngine, chat_body, in_process, settings

PATH = "/v1/chat/completions"


async def post(engine: DirectedEngine, body: dict[str, Any], **headers: str) -> Any:
    async with in_process(make_app(settings(), engine)) as client:
        return await client.post(PATH, json=body, headers=headers)


def events(text: str) -> list[Any]:
    """The data of each event; [DONE] as it is."""
    datas = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


async def test_a_whole_completion_has_the_fields_of_openai() -> None:
    response = await post(DirectedEngine(), chat_body())
    answer = response.json()
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", answer.pop("id"))
    assert abs(answer.pop("created") - time.time()) < 60
    assert answer == {
        "object": "chat.completion",
        "model": "directed",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello, you", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 2,
            "total_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 3},
        },
    }


async def test_a_stream_gives_role_texts_finish_and_done() -> None:
    response = await post(DirectedEngine(), chat_body(stream=True))
    *chunks, last = events(response.text)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": ", you"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)
    assert last == "[DONE]"


async def test_a_stream_is_marked_for_proxies_and_caches() -> None:
    response = await post(DirectedEngine(), chat_body(stream=True))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-store"


async def test_include_usage_adds_a_chunk_without_a_choice() -> None:
    body = chat_body(stream=True, stream_options={"include_usage": True})
    *chunks, _ = events((await post(DirectedEngine(), body)).text)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 9
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


@pytest.mark.parametrize(("reason", "told"), [("stop", "stop"), ("length", "length"), ("deadline", "length")])
@pytest.mark.parametrize("stream", [False, True])
async def test_finish_reasons(reason: Any, told: str, stream: bool) -> None:
    response = await post(DirectedEngine(finish=reason), chat_body(stream=stream))
    final = events(response.text)[-2] if stream else response.json()
    assert final["choices"][0]["finish_reason"] == told


async def test_an_engine_without_usage_counts_zero() -> None:
    engine = DirectedEngine()
    engine.usage = None  # type: ignore[assignment]
    assert (await post(engine, chat_body())).json()["usage"]["total_tokens"] == 0


async def test_the_sampling_reaches_the_engine() -> None:
    engine = DirectedEngine()
    fields = {"temperature": 0.3, "top_p": 0.9, "top_k": 5, "seed": 11, "stop": ["a", "b"], "max_tokens": 33}
    await post(engine, chat_body(**fields))
    sampling = engine.requests[0].sampling
    assert {name: getattr(sampling, name) for name in fields} == {**fields, "stop": ("a", "b")}


async def test_defaults_are_those_of_openai() -> None:
    engine = DirectedEngine()
    await post(engine, chat_body())
    sampling = engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (1.0, 1.0, 0, None)
    assert (sampling.stop, sampling.max_tokens) == ((), 1024)


async def test_the_newer_name_of_the_token_limit_comes_first() -> None:
    engine = DirectedEngine()
    await post(engine, chat_body(max_tokens=5, max_completion_tokens=6))
    assert engine.requests[0].sampling.max_tokens == 6


async def test_a_token_limit_beyond_the_context_is_the_context() -> None:
    engine = DirectedEngine()
    await post(engine, chat_body(max_tokens=10**12))
    assert engine.requests[0].sampling.max_tokens == engine.context_tokens


async def test_messages_reach_the_engine_with_their_parts_joined() -> None:
    engine = DirectedEngine()
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}], "name": "Ann"},
        {"role": "assistant", "content": "Three"},
    ]
    await post(engine, chat_body(messages=messages))
    assert engine.requests[0].messages == (
        Message("system", "Be brief."),
        Message("user", "One\nTwo"),
        Message("assistant", "Three"),
    )


async def test_the_deadline_counts_from_arrival_by_the_setting() -> None:
    engine = DirectedEngine()
    before = time.monotonic()
    await post(engine, chat_body())
    deadline = engine.requests[0].deadline
    assert deadline is not None and before + 120 <= deadline <= time.monotonic() + 120


@pytest.mark.parametrize(
    ("body", "header", "seconds"), [({"deadline_seconds": 5}, "9", 5), ({"deadline_seconds": 9}, "5", 5), ({}, "7", 7)]
)
async def test_the_earlier_deadline_of_body_and_header_holds(body: Any, header: str, seconds: float) -> None:
    engine = DirectedEngine()
    before = time.monotonic()
    await post(engine, chat_body(**body), **{"X-Deadline-Seconds": header})
    deadline = engine.requests[0].deadline
    assert deadline is not None and before + seconds <= deadline <= time.monotonic() + seconds


@pytest.mark.parametrize("header", ["soon", "-1", "0", "nan", "inf"])
async def test_a_deadline_header_that_is_no_time_is_refused(header: str) -> None:
    response = await post(DirectedEngine(), chat_body(), **{"X-Deadline-Seconds": header})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "X-Deadline-Seconds")


async def test_an_adapter_is_asked_for_by_its_name() -> None:
    engine = DirectedEngine(adapters=("formal",))
    response = await post(engine, chat_body(model="formal"))
    assert (engine.requests[0].adapter, response.json()["model"]) == ("formal", "formal")


@pytest.mark.parametrize("body", [chat_body(model="directed"), chat_body(model=""), chat_body(model=None)])
async def test_the_model_itself_is_meant_without_a_name(body: dict[str, Any]) -> None:
    engine = DirectedEngine(adapters=("formal",))
    await post(engine, body)
    assert engine.requests[0].adapter is None


async def test_another_model_is_not_found() -> None:
    response = await post(DirectedEngine(), chat_body(model="gpt-4"))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")


async def test_unknown_fields_are_ignored() -> None:
    assert (await post(DirectedEngine(), chat_body(store=True, metadata={"a": 1}, user="x"))).status_code == 200


@pytest.mark.parametrize(
    "harmless",
    [
        {"tools": []},
        {"tool_choice": "auto"},
        {"logprobs": False},
        {"n": 1},
        {"audio": None},
        {"modalities": ["text"]},
        {"response_format": {"type": "text"}},
        {"logit_bias": {}},
        {"presence_penalty": 0},
        {"top_k": -1},
        {"stop": None},
    ],
)
async def test_fields_that_ask_for_nothing_are_taken(harmless: dict[str, Any]) -> None:
    assert (await post(DirectedEngine(), chat_body(**harmless))).status_code == 200


IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{}]}, "functions"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"messages": IMAGE}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0]"),
    ],
)
async def test_what_the_server_cannot_do_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    response = await post(DirectedEngine(), chat_body(**fields))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "not_supported", param)
    assert "not supported" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "pope", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"max_tokens": "ten"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -2}, "top_k"),
        ({"seed": "x"}, "seed"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": 4}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"model": 4}, "model"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
    ],
)
async def test_wrong_values_are_refused_with_the_field(fields: dict[str, Any], param: str) -> None:
    response = await post(DirectedEngine(), chat_body(**fields))
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert error["type"] == "invalid_request_error"


async def test_missing_messages_are_named() -> None:
    response = await post(DirectedEngine(), {"model": ""})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "messages")


async def test_usage_of_a_stream_is_the_engines() -> None:
    engine = DirectedEngine(usage=Usage(100, 20, 90))
    body = chat_body(stream=True, stream_options={"include_usage": True})
    usage = events((await post(engine, body)).text)[-2]["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (100, 90)
