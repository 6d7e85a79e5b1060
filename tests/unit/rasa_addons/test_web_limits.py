"""Limits of the web channel: how often, how much at once, and what a client is told."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from rasa_addons.web.errors import ChannelError
from rasa_addons.web.limits import LONGEST_STREAM_SECONDS, WINDOW_SECONDS, Limiter, address_of
from rasa_addons.web.settings import Limits
from rasa_addons.web.shared_state import MemoryState, StateUnavailable
from tests.unit.rasa_addons.conftest import FakeAgent, Serve, open_channel

CHANNEL = "/webhooks/rest"
WEBHOOK = f"{CHANNEL}/webhook"


class Clock:
    """Seconds, as a test sets them; they begin with a window."""

    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(clock: Clock, **limits: int) -> Limiter:
    return Limiter(Limits(**limits), MemoryState(clock), clock)


async def test_after_so_many_messages_in_a_minute_a_conversation_waits_for_the_next(clock: Clock) -> None:
    limits = limiter(clock, messages=2)
    for _ in range(2):
        await limits.message("chat-1", "10.0.0.1")
    clock.now += 18

    with pytest.raises(ChannelError) as refused:
        await limits.message("chat-1", "10.0.0.1")

    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (429, "rate_limited", 42)
    await limits.message("chat-2", "10.0.0.1")
    clock.now += 42
    await limits.message("chat-1", "10.0.0.1")


async def test_an_address_with_many_conversations_has_a_limit_of_its_own(clock: Clock) -> None:
    limits = limiter(clock, messages_address=2, sessions_address=1)
    await limits.message("chat-1", "10.0.0.1")
    await limits.message("chat-2", "10.0.0.1")
    await limits.new_session("10.0.0.1")

    with pytest.raises(ChannelError):
        await limits.message("chat-3", "10.0.0.1")
    with pytest.raises(ChannelError):
        await limits.new_session("10.0.0.1")
    await limits.message("chat-3", "10.0.0.2")


async def test_a_stream_that_has_ended_makes_room_for_another(clock: Clock) -> None:
    limits = limiter(clock, streams=1, streams_address=2)
    open_now = [await limits.open_stream(conversation, "10.0.0.1") for conversation in ("chat-1", "chat-2")]
    for conversation, address in (("chat-1", "10.0.0.2"), ("chat-3", "10.0.0.1")):
        with pytest.raises(ChannelError) as refused:
            await limits.open_stream(conversation, address)
        assert (refused.value.status, refused.value.code) == (429, "too_many_streams")

    for place in open_now:
        await place.aclose()

    await limits.open_stream("chat-1", "10.0.0.2")
    await limits.open_stream("chat-3", "10.0.0.1")


async def test_a_refused_stream_takes_no_place(clock: Clock) -> None:
    limits = limiter(clock, streams=1, streams_address=2)
    await limits.open_stream("chat-1", "10.0.0.1")
    for _ in range(3):
        with pytest.raises(ChannelError):
            await limits.open_stream("chat-1", "10.0.0.1")

    await limits.open_stream("chat-2", "10.0.0.1")


async def test_streams_of_a_server_that_died_count_no_more_after_a_while(clock: Clock) -> None:
    limits = limiter(clock, streams=1)
    await limits.open_stream("chat-1", "10.0.0.1")

    clock.now += LONGEST_STREAM_SECONDS

    await limits.open_stream("chat-1", "10.0.0.1")


async def test_streams_are_refused_over_the_wire_and_counted_no_more_once_they_end(
    serve: Serve, agent: FakeAgent
) -> None:
    channel = open_channel(limits=Limits(streams=1))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def turn(message: Any) -> None:
        begun.set()
        await go_on.wait()
        await agent.says({"text": "Hello."})(message)

    agent.turn = turn
    stream = {"headers": {"Accept": "text/event-stream"}, "json": {"sender": "a", "message": "hi"}}
    async with serve(channel) as client:
        first = asyncio.ensure_future(client.post(WEBHOOK, **stream))
        await begun.wait()
        refused = await client.post(WEBHOOK, **stream)
        go_on.set()
        answered = [await first, await client.post(WEBHOOK, **stream)]

    assert (refused.status_code, refused.json()["error"]) == (429, "too_many_streams")
    assert [answer.text.count("event: done") for answer in answered] == [1, 1]


async def test_a_stream_whose_message_was_received_before_leaves_its_place(serve: Serve) -> None:
    channel = open_channel(limits=Limits(streams=1))
    headers = {"Accept": "text/event-stream", "Idempotency-Key": "1"}
    async with serve(channel) as client:
        answers = []
        for _ in range(3):
            answers.append(await client.post(WEBHOOK, headers=headers, json={"sender": "a", "message": "hi"}))
            channel.turns.forget("a")

    assert [answer.status_code for answer in answers] == [200, 409, 409]


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unix", "unix"),
    ],
)
def test_of_ipv6_the_network_is_counted(said: str, counted: str) -> None:
    assert address_of(SimpleNamespace(remote_addr="", ip=said)) == counted  # type: ignore[arg-type]
    assert address_of(SimpleNamespace(remote_addr=said, ip="127.0.0.1")) == counted  # type: ignore[arg-type]


async def test_one_message_too_many_is_told_how_long_to_wait_in_the_shops_words(serve: Serve, agent: FakeAgent) -> None:
    async with serve(open_channel(limits=Limits(messages=1))) as client:
        answers = [await client.post(WEBHOOK, json={"sender": "a", "message": "hi"}) for _ in range(2)]

    body = answers[1].json()
    assert [answer.status_code for answer in answers] == [200, 429]
    assert body["error"] == "rate_limited"
    assert f"try again in {body['retry_after']} seconds" in body["message"]
    assert answers[1].headers["retry-after"] == str(body["retry_after"])
    assert 1 <= body["retry_after"] <= WINDOW_SECONDS
    assert len(agent.received) == 1


async def test_sessions_cannot_be_begun_without_end(serve: Serve) -> None:
    async with serve(open_channel(limits=Limits(sessions_address=1))) as client:
        answers = [await client.post(f"{CHANNEL}/session") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 429]


async def test_while_the_model_is_loaded_a_message_is_told_when_to_come_back(serve: Serve, agent: FakeAgent) -> None:
    agent.ready = False
    async with serve(open_channel()) as client:
        answer = await client.post(WEBHOOK, json={"message": "hi"})

    assert (answer.status_code, answer.json()["error"], answer.json()["retry_after"]) == (503, "loading", 5)


async def test_a_shared_state_that_does_not_answer_is_a_sentence_and_not_a_free_pass(
    serve: Serve, agent: FakeAgent
) -> None:
    channel = open_channel()

    async def away(*_: Any) -> int:
        raise StateUnavailable("away")

    channel.state.count = away  # type: ignore[method-assign]
    async with serve(channel) as client:
        answer = await client.post(WEBHOOK, json={"message": "hi"})

    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "something on our side isn't working" in answer.json()["message"]
    assert agent.received == []


async def test_an_error_nobody_thought_of_is_a_sentence_without_detail(serve: Serve, agent: FakeAgent) -> None:
    channel = open_channel()

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    channel.sessions.sender = broken  # type: ignore[assignment,method-assign]
    async with serve(channel) as client:
        answer = await client.post(WEBHOOK, json={"message": "hi"})

    assert answer.status_code == 503
    assert "secret" not in json.dumps(answer.json())
