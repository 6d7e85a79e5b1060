"""Many requests at once, and bodies that nobody would write: each gets an answer that says what it is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llm_component.engines.echo import EchoEngine
from llm_component.engines.wrappers.limit import LimitEngine
from llm_component.server.app import make_app
from tests.llm.serving import DirectedEngine, chat_body, running, settings

CHAT = "/v1/chat/completions"
REQUESTS = 500


@pytest.mark.parametrize("stream", [False, True])
async def test_500_requests_at_once_are_each_answered_or_refused(stream: bool) -> None:
    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    engine = LimitEngine(EchoEngine(pause=pause), running=8, waiting=64)
    with running(make_app(settings(), engine)) as url:
        limits = httpx.Limits(max_connections=REQUESTS)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client:
            body = chat_body(stream=stream)
            responses = await asyncio.gather(*(client.post(CHAT, json=body) for _ in range(REQUESTS)))
    statuses = Counter(response.status_code for response in responses)
    assert set(statuses) <= {200, 429} and sum(statuses.values()) == REQUESTS
    assert statuses[200] >= 72
    assert all("retry-after" in response.headers for response in responses if response.status_code == 429)
    assert all("parcel?" in response.text for response in responses if response.status_code == 200)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text") | st.text(max_size=9)}, optional={"text": SCALARS}))
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "developer", "tool", "x"]) | ANYTHING},
        optional={"content": st.text(max_size=30) | PARTS | ANYTHING, "tool_calls": ANYTHING, "name": ANYTHING},
    ),
    max_size=4,
)
FIELDS = {
    "model": st.sampled_from(["", "directed", "other"]) | ANYTHING,
    "max_tokens": st.integers() | ANYTHING,
    "max_completion_tokens": st.integers() | ANYTHING,
    "temperature": st.floats(-1, 3) | ANYTHING,
    "top_p": st.floats(-1, 2) | ANYTHING,
    "top_k": st.integers() | ANYTHING,
    "seed": st.integers() | ANYTHING,
    "stop": st.text(max_size=4) | st.lists(st.text(max_size=4), max_size=6) | ANYTHING,
    "n": st.integers(0, 3) | ANYTHING,
    "stream": st.booleans() | ANYTHING,
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": ANYTHING}) | ANYTHING,
    "deadline_seconds": st.floats(-1, 10) | ANYTHING,
    "tools": ANYTHING,
    "tool_choice": ANYTHING,
    "functions": ANYTHING,
    "logprobs": ANYTHING,
    "top_logprobs": ANYTHING,
    "audio": ANYTHING,
    "modalities": st.lists(st.text(max_size=6)) | ANYTHING,
    "response_format": st.fixed_dictionaries({"type": st.text(max_size=6)}) | ANYTHING,
    "logit_bias": ANYTHING,
    "presence_penalty": ANYTHING,
    "unknown": ANYTHING,
}
BODIES = st.fixed_dictionaries({"messages": MESSAGES | ANYTHING}, optional=FIELDS) | ANYTHING
APP = make_app(settings(), DirectedEngine())


async def _post(content: bytes) -> httpx.Response:
    if APP.state.server.phase != "ready":
        await APP.state.server.load()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://server") as client:
        return await client.post(CHAT, content=content, headers={"Content-Type": "application/json"})


def _fair(response: httpx.Response) -> bool:
    if response.status_code == 200:
        return True
    error: dict[str, Any] = response.json()["error"]
    return response.status_code in (400, 404) and bool(error["message"]) and error["type"] == "invalid_request_error"


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_no_chat_body_makes_the_server_fail(body: Any) -> None:
    assert _fair(asyncio.run(_post(json.dumps(body).encode("ascii"))))


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_server_fail(content: bytes) -> None:
    assert _fair(asyncio.run(_post(content)))
