"""What holds for every request: errors in one form, the secret, body limits, ids, log lines and counts."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    Overloaded,
    RequestRefused,
    UpstreamFailed,
)
from llm_component.server.app import make_app
from llm_component.server.logs import LogFormatter
from llm_component.settings import Settings
from tests.llm.serving import DirectedEngine, LetterEncoder, chat_body, in_process, settings

CHAT = "/v1/chat/completions"
SECRET = "s3cret-of-the-shop"


@pytest.fixture
def log_lines() -> Iterator[list[dict[str, Any]]]:
    """The component's log lines as they are written, parsed, once the test asks for them."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter())
    logger = logging.getLogger("llm_component")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    class Lines(list[dict[str, Any]]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return iter([json.loads(line) for line in stream.getvalue().splitlines()])

        def text(self) -> str:
            return stream.getvalue()

    yield Lines()
    logger.removeHandler(handler)
    logger.setLevel(level)


async def answered(engine: DirectedEngine | None, *, said: Settings | None = None, **request: Any) -> httpx.Response:
    """The answer to a chat completion, or to what `request` says."""
    async with in_process(make_app(said or settings(), engine, encoder=LetterEncoder())) as client:
        return await client.request(**{"method": "POST", "url": CHAT, "json": chat_body()} | request)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# Errors


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (Overloaded("full", 3), 429, "rate_limit_error", "overloaded"),
        (EngineUnavailable("dead"), 503, "server_error", "unavailable"),
        (DeadlineExceeded("late"), 504, "server_error", "deadline_exceeded"),
        (RequestRefused("too long"), 400, "invalid_request_error", "invalid_request"),
        (UpstreamFailed("garbage"), 502, "server_error", "upstream_failed"),
        (EngineError("odd"), 500, "server_error", "engine_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_engine_errors_have_their_status(
    error: EngineError, status: int, kind: str, code: str, stream: bool
) -> None:
    response = await answered(DirectedEngine([error]), json=chat_body(stream=stream))
    assert response.status_code == status
    assert response.json()["error"] | {"retry_after": None} == {
        "message": str(error),
        "type": kind,
        "code": code,
        "param": None,
        "retry_after": None,
    }


async def test_retry_after_is_in_whole_seconds_and_never_none() -> None:
    response = await answered(DirectedEngine([Overloaded("full", 0.2)]))
    assert response.headers["retry-after"] == "1"


async def test_no_retry_after_where_another_try_makes_no_sense() -> None:
    assert "retry-after" not in (await answered(DirectedEngine([RequestRefused("too long")]))).headers


async def test_an_unexpected_exception_tells_the_client_nothing_but_where_to_look() -> None:
    response = await answered(DirectedEngine([KeyError("the customer's words")]))
    assert response.status_code == 500
    assert response.json()["error"]["message"].startswith("The server failed on this request.")


async def test_an_unexpected_exception_is_logged_with_its_place_but_not_its_words(log_lines: Any) -> None:
    await answered(DirectedEngine([KeyError("the customer's words")]), headers={"X-Turn-Id": "turn-7"})
    line = next(line for line in log_lines if line["event"] == "unexpected exception")
    assert (line["level"], line["type"], line["turn"]) == ("error", "KeyError", "turn-7")
    assert any("serving.py" in frame for frame in line["frames"])
    assert "customer" not in log_lines.text()


async def test_an_unexpected_exception_is_counted() -> None:
    before = counted("frontdesk_llm_failures_total", place="server", kind="internal_error")
    await answered(DirectedEngine([KeyError("x")]))
    assert counted("frontdesk_llm_failures_total", place="server", kind="internal_error") == before + 1


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [("GET", "/v1/nothing", 404, "not_found"), ("GET", CHAT, 405, "method_not_allowed"), ("POST", "/ready", 405, "")],
)
async def test_wrong_addresses_and_methods_have_the_same_form(method: str, url: str, status: int, code: str) -> None:
    response = await answered(DirectedEngine(), method=method, url=url)
    assert response.status_code == status
    assert response.json()["error"]["code"] == (code or "method_not_allowed")


async def test_a_wrong_method_says_which_is_right() -> None:
    assert (await answered(DirectedEngine(), method="GET")).headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"not json", b'{"model": "\\ud800"', b'{"tools":' + b"[" * 100_000, b'{"a":' * 50_000],
    ids=["empty", "open", "bytes", "words", "surrogate", "deep-array", "deep-object"],
)
async def test_what_is_not_json_is_refused(content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await answered(DirectedEngine(), json=None, content=content, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("content", [b"null", b"[]", b'"x"', b"17"])
async def test_json_that_is_no_object_is_refused(content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await answered(DirectedEngine(), json=None, content=content, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_content_type_is_refused(headers: dict[str, str]) -> None:
    response = await answered(DirectedEngine(), json=None, content=b"{}", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_content_type_with_a_charset_is_taken() -> None:
    headers = {"Content-Type": "application/JSON; charset=utf-8"}
    content = json.dumps(chat_body()).encode()
    assert (await answered(DirectedEngine(), json=None, content=content, headers=headers)).status_code == 200


async def test_a_body_over_the_limit_is_refused_by_its_announced_length() -> None:
    response = await answered(DirectedEngine(), said=settings(max_body_bytes=60))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


async def test_a_body_over_the_limit_is_refused_where_no_length_is_announced() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 20

    headers = {"Content-Type": "application/json"}
    response = await answered(
        DirectedEngine(), said=settings(max_body_bytes=60), json=None, content=chunks(), headers=headers
    )
    assert response.status_code == 413


# The secret


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}, {"Authorization": f"Basic {SECRET}"}],
)
async def test_without_the_secret_nothing_is_done(headers: dict[str, str]) -> None:
    engine = DirectedEngine()
    response = await answered(engine, said=settings(secret=SECRET), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"
    assert engine.requests == []


async def test_with_the_secret_requests_are_answered() -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    assert (await answered(DirectedEngine(), said=settings(secret=SECRET), headers=headers)).status_code == 200


async def test_the_secret_may_hold_any_letters() -> None:
    headers = [(b"Authorization", "Bearer größe".encode())]
    assert (await answered(DirectedEngine(), said=settings(secret="größe"), headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_probes_need_no_secret(path: str) -> None:
    response = await answered(DirectedEngine(), said=settings(secret=SECRET), method="GET", url=path, json=None)
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "//health", "/health/"])
async def test_all_other_addresses_need_it(path: str) -> None:
    response = await answered(DirectedEngine(), said=settings(secret=SECRET), method="GET", url=path, json=None)
    assert response.status_code == 401


# Ids, log lines, counts


async def test_the_turn_id_comes_back_as_the_request_id() -> None:
    response = await answered(DirectedEngine(), headers={"X-Turn-Id": "turn-9"})
    assert response.headers["x-request-id"] == "turn-9"


@pytest.mark.parametrize("said", ["", "a" * 200, "a\tb", "größe"])
async def test_a_turn_id_that_cannot_stand_in_a_log_is_replaced(said: str) -> None:
    response = await answered(DirectedEngine(), headers=[(b"X-Turn-Id", said.encode("latin-1"))])
    assert len(response.headers["x-request-id"]) == 32


async def test_answers_are_not_to_be_cached() -> None:
    assert (await answered(DirectedEngine())).headers["cache-control"] == "no-store"


async def test_each_request_has_one_line_with_ids_and_counts(log_lines: Any) -> None:
    await answered(DirectedEngine(), headers={"X-Turn-Id": "turn-1"})
    (line,) = [line for line in log_lines if line["event"] == "request"]
    assert line.pop("seconds") >= 0
    assert line.pop("completion").startswith("chatcmpl-")
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "llm_component.server.requests",
        "event": "request",
        "turn": "turn-1",
        "method": "POST",
        "endpoint": CHAT,
        "status": 200,
        "outcome": "ok",
        "model": "directed",
        "stream": False,
        "prompt_tokens": 7,
        "completion_tokens": 2,
    }


async def test_probes_write_no_lines(log_lines: Any) -> None:
    await answered(DirectedEngine(), method="GET", url="/health", json=None)
    assert [line for line in log_lines if line["event"] == "request"] == []


@pytest.mark.parametrize(
    "request_said",
    [
        {},
        {"json": chat_body(stream=True)},
        {"json": chat_body(messages="Where is my parcel?")},
        {"json": chat_body(model="Where is my parcel?")},
        {"url": "/v1/models/Where is my parcel?", "method": "GET", "json": None},
        {"url": "/v1/embeddings", "json": {"input": ["Where is my parcel?"] * 2}},
        {"url": "/v1/answers", "json": {"question": "Where is my parcel?"}},
        {"headers": {"Authorization": "Bearer wr0ng-s3cret"}},
    ],
)
async def test_neither_texts_nor_secrets_are_logged(log_lines: Any, request_said: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    await answered(DirectedEngine(["Your order"]), said=settings(secret=SECRET), **{"headers": headers} | request_said)
    assert not any(word in log_lines.text() for word in ("parcel", "Your order", SECRET, "wr0ng"))
    assert "request" in {line["event"] for line in log_lines}


@pytest.mark.parametrize(
    ("engine", "outcome"), [(DirectedEngine(), "ok"), (DirectedEngine([Overloaded("full")]), "overloaded")]
)
async def test_requests_are_counted_by_outcome(engine: DirectedEngine, outcome: str) -> None:
    before = counted("frontdesk_llm_requests_total", endpoint=CHAT, outcome=outcome)
    await answered(engine)
    assert counted("frontdesk_llm_requests_total", endpoint=CHAT, outcome=outcome) == before + 1


async def test_addresses_that_clients_make_up_do_not_become_labels() -> None:
    before = counted("frontdesk_llm_requests_total", endpoint="other", outcome="not_found")
    await answered(DirectedEngine(), method="GET", url="/made/up", json=None)
    assert counted("frontdesk_llm_requests_total", endpoint="other", outcome="not_found") == before + 1


async def test_requests_are_timed() -> None:
    before = counted("frontdesk_llm_request_seconds_count", endpoint=CHAT)
    await answered(DirectedEngine())
    assert counted("frontdesk_llm_request_seconds_count", endpoint=CHAT) == before + 1


def test_every_route_has_an_endpoint_name() -> None:
    from llm_component.server.app import _ROUTES
    from llm_component.server.requests import ENDPOINTS

    assert {route.path.partition("/{")[0] for route in _ROUTES} == set(ENDPOINTS)
