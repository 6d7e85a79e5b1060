"""Streams over a real socket: readers that go away, silence, errors in the middle, bodies in portions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client import REGISTRY

from llm_component.engines.interface import EngineUnavailable, Overloaded
from llm_component.server.app import make_app
from tests.llm.serving import PATIENCE, DirectedEngine, chat_body, raw_post, running, settings

CHAT = "/v1/chat/completions"
STREAM = json.dumps(chat_body(stream=True)).encode()
WHOLE = json.dumps(chat_body()).encode()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        yield client


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true while another thread works."""
    for _ in range(400):
        if condition():
            return True
        threading.Event().wait(0.025)
    return False


def cancelled_requests() -> float:
    return REGISTRY.get_sample_value("frontdesk_llm_requests_total", {"endpoint": CHAT, "outcome": "cancelled"}) or 0.0


def test_a_reader_that_closes_its_socket_mid_stream_cancels_the_generation() -> None:
    engine = DirectedEngine(["word "] * 3, held=True)
    before = cancelled_requests()
    with running(make_app(settings(), engine)) as url:
        connection = raw_post(url, CHAT, STREAM, f"Content-Length: {len(STREAM)}")
        assert engine.begun.wait(PATIENCE)
        engine.permit()
        while b"word" not in connection.recv(4096):
            pass
        connection.close()
        assert engine.cancelled.wait(PATIENCE)
        assert eventually(lambda: cancelled_requests() == before + 1)


@pytest.mark.parametrize("body", [STREAM, WHOLE], ids=["stream", "whole"])
def test_a_reader_that_goes_before_the_first_token_cancels_the_generation(body: bytes) -> None:
    engine = DirectedEngine(held=True)
    with running(make_app(settings(), engine)) as url:
        connection = raw_post(url, CHAT, body, f"Content-Length: {len(body)}")
        assert engine.begun.wait(PATIENCE)
        connection.close()
        assert engine.cancelled.wait(PATIENCE)


def test_a_reader_that_ends_its_stream_early_leaves_nothing_running(http: httpx.Client) -> None:
    engine = DirectedEngine(["word "] * 3, held=True)
    app = make_app(settings(), engine)
    with running(app) as url:
        connection = raw_post(url, CHAT, STREAM, f"Content-Length: {len(STREAM)}")
        assert engine.begun.wait(PATIENCE)
        connection.close()
        assert eventually(lambda: app.state.server.running == 0)


def test_pieces_arrive_one_by_one(http: httpx.Client) -> None:
    engine = DirectedEngine(["one", "two"], held=True)
    with running(make_app(settings(), engine)) as url:
        connection = raw_post(url, CHAT, STREAM, f"Content-Length: {len(STREAM)}")
        assert engine.begun.wait(PATIENCE)
        engine.permit()
        received = b""
        while b"one" not in received:
            received += connection.recv(4096)
        assert b"two" not in received
        engine.permit()
        while b"[DONE]" not in received:
            received += connection.recv(4096)
        connection.close()


def test_a_silent_stream_shows_signs_of_life_before_the_first_token(http: httpx.Client) -> None:
    engine = DirectedEngine(["late"], held=True)
    with (
        running(make_app(settings(), engine, heartbeat_seconds=0.01)) as url,
        http.stream("POST", url + CHAT, json=chat_body(stream=True)) as response,
    ):
        lines = response.iter_lines()
        assert next(lines).startswith(": ")
        engine.permit()
        assert any("late" in line for line in lines)


def test_an_error_before_the_first_token_has_its_own_status(http: httpx.Client) -> None:
    with running(make_app(settings(), DirectedEngine([Overloaded("full", 2)]))) as url:
        response = http.post(url + CHAT, json=chat_body(stream=True))
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EngineUnavailable("the device was lost"), "the device was lost"),
        (KeyError("secret words"), "The server failed"),
    ],
)
def test_an_error_in_the_middle_becomes_an_event(http: httpx.Client, error: Exception, message: str) -> None:
    with running(make_app(settings(), DirectedEngine(["half", error]))) as url:
        response = http.post(url + CHAT, json=chat_body(stream=True))
    *_, last, done = [line for line in response.text.splitlines() if line]
    assert json.loads(last.removeprefix("data: "))["error"]["message"].startswith(message)
    assert (response.status_code, done) == (200, "data: [DONE]")


def test_an_error_after_a_sign_of_life_becomes_an_event(http: httpx.Client) -> None:
    engine = DirectedEngine([Overloaded("full")], held=True)
    with (
        running(make_app(settings(), engine, heartbeat_seconds=0.01)) as url,
        http.stream("POST", url + CHAT, json=chat_body(stream=True)) as response,
    ):
        lines = response.iter_lines()
        next(lines)
        engine.permit()
        assert any('"code":"overloaded"' in line for line in lines)


def test_a_chunked_body_over_the_limit_is_refused_while_it_arrives(http: httpx.Client) -> None:
    def portions() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 50_000

    headers = {"Content-Type": "application/json"}
    with running(make_app(settings(), DirectedEngine())) as url:
        response = http.post(url + CHAT, content=portions(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_a_large_body_is_refused_so_that_its_sender_can_read_why(http: httpx.Client) -> None:
    with running(make_app(settings(), DirectedEngine())) as url:
        response = http.post(url + CHAT, json=chat_body(filler="x" * 8_000_000))
    assert response.status_code == 413


def test_an_endless_body_is_not_read_to_its_end() -> None:
    with running(make_app(settings(max_body_bytes=1000), DirectedEngine())) as url:
        connection = raw_post(url, CHAT, b"", "Transfer-Encoding: chunked")
        connection.sendall(b"7d0\r\n" + b" " * 2000 + b"\r\n")  # one portion of 2,000 bytes, and no end
        began = time.monotonic()
        assert b"413" in connection.recv(4096)
        assert time.monotonic() - began < PATIENCE
        connection.close()


def test_requests_on_one_connection_follow_each_other(http: httpx.Client) -> None:
    with running(make_app(settings(), DirectedEngine())) as url:
        statuses = [http.post(url + CHAT, json=chat_body(stream=stream)).status_code for stream in (True, False) * 3]
    assert statuses == [200] * 6
