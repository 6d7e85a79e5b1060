"""Streams of turns: lost connections, clients that go, messages that come twice, and several Rasa servers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage

from rasa_addons.turn_stream import TurnStream, current_stream
from rasa_addons.web.errors import ChannelError
from rasa_addons.web.shared_state import MemoryState
from rasa_addons.web.turns import Turns, parse_event_id
from tests.unit.rasa_addons.conftest import FakeAgent, Serve, open_channel

WEBHOOK = "/webhooks/rest/webhook"
SOON = 5.0  # seconds that no test waits for
STREAMED = {"Accept": "text/event-stream"}


def names(texts: list[str]) -> list[str]:
    """The events' names; a comment is ":"."""
    return [text.split("event: ")[1].split("\n")[0] if "event: " in text else ":" for text in texts]


async def read(turns: Turns, turn: str, number: int = 0) -> list[str]:
    return [text async for text in turns.encoded(turn, number)]


class Work:
    """A turn that writes a word at a time, when a test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.stopped = asyncio.Event()
        self.id = uuid.uuid4().hex

    async def __call__(self, stream: TurnStream) -> None:
        stream.token("One")
        waiting = [asyncio.ensure_future(part) for part in (self.go_on.wait(), stream.wait_closed())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for part in waiting:
            part.cancel()
        if stream.closed:
            self.stopped.set()
        stream.message({"text": "One."})
        stream.done()


@pytest.fixture
def work() -> Work:
    return Work()


async def first(turns: Turns, turn: str) -> str:
    """Reads one event and hangs up."""
    reading = turns.encoded(turn)
    text = await reading.__anext__()
    await reading.aclose()
    return text


async def test_a_client_that_comes_back_reads_on_from_where_it_was(work: Work) -> None:
    turns = Turns(MemoryState())
    turns.start(work.id, "chat-1", work)
    seen = await first(turns, work.id)
    work.go_on.set()

    rest = await asyncio.wait_for(read(turns, work.id, 1), SOON)

    assert seen.startswith(f"id: {work.id}:1\nevent: token")
    assert [text.split("\n")[0] for text in rest] == [f"id: {work.id}:2", f"id: {work.id}:3"]
    assert not work.stopped.is_set()


async def test_a_client_that_stays_away_stops_the_generation_and_the_turn_ends_as_it_should(work: Work) -> None:
    turns = Turns(MemoryState())
    turns.away_seconds = 0.01
    turns.start(work.id, "chat-1", work)

    await first(turns, work.id)
    await asyncio.wait_for(work.stopped.wait(), SOON)

    await asyncio.wait_for(turns.running(), SOON)
    assert names(await read(turns, work.id)) == ["token", "message", "done"]


async def test_stop_stops_at_once_and_the_stream_goes_on_to_its_end(work: Work) -> None:
    turns = Turns(MemoryState())
    turns.start(work.id, "chat-1", work)
    reading = asyncio.ensure_future(read(turns, work.id))
    await turns.stop(work.id, "chat-1")

    assert names(await asyncio.wait_for(reading, SOON)) == ["token", "message", "done"]
    assert work.stopped.is_set()


async def test_while_nothing_comes_a_comment_says_that_the_connection_lives(work: Work) -> None:
    turns = Turns(MemoryState())
    turns.heartbeat_seconds = 0.01
    turns.start(work.id, "chat-1", work)
    got: list[str] = []

    async for text in turns.encoded(work.id):
        got.append(text)
        if text.startswith(":"):
            work.go_on.set()

    assert ": still here\n\n" in got
    assert names(got)[-1] == "done"


async def test_two_minutes_after_its_end_a_stream_is_gone(work: Work) -> None:
    turns = Turns(MemoryState())
    assert turns.kept_seconds == 120
    turns.kept_seconds = 0.0
    work.go_on.set()
    turns.start(work.id, "chat-1", work)
    await turns.running()
    await asyncio.sleep(0)

    with pytest.raises(ChannelError) as gone:
        await turns.known(work.id, "chat-1")

    assert (gone.value.status, gone.value.code) == (410, "stream_gone")


async def test_a_turn_that_raises_still_ends(work: Work) -> None:
    async def broken(stream: TurnStream) -> None:
        raise ValueError("secret")

    turns = Turns(MemoryState())
    turns.start(work.id, "chat-1", broken)

    assert names(await asyncio.wait_for(read(turns, work.id), SOON)) == ["done"]


@pytest.mark.parametrize("what", ["known", "stop", "find"])
async def test_anothers_turn_is_not_found(work: Work, what: str) -> None:
    turns = Turns(MemoryState())
    work.go_on.set()
    turns.start(work.id, "chat-1", work)

    with pytest.raises(ChannelError) as refused:
        await getattr(turns, what)(work.id, "chat-2")

    assert refused.value.status == 404
    await turns.running()


@pytest.mark.parametrize("text", ["", "7", "x:1", "0" * 32, "0" * 32 + ":-1", "0" * 32 + ":1:1", "0" * 33 + ":1"])
def test_an_event_id_of_another_form_is_not_found(text: str) -> None:
    with pytest.raises(ChannelError):
        parse_event_id(text)


# Several Rasa servers ------------------------------------------------------------------------------------------------


@pytest.fixture
def servers() -> tuple[Turns, Turns]:
    """Two servers with one store."""
    state = MemoryState()
    return Turns(state, shared=True), Turns(state, shared=True)


async def until(condition: Callable[[], Any]) -> None:
    """Returns once `await condition()` is true."""

    async def wait() -> None:
        while not await condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), SOON)


async def test_a_client_may_come_back_to_another_server(work: Work, servers: tuple[Turns, Turns]) -> None:
    here, there = servers
    here.start(work.id, "chat-1", work)
    seen = await first(here, work.id)
    await until(lambda: there.find(work.id, "chat-1"))
    work.go_on.set()

    rest = await asyncio.wait_for(read(there, work.id, 1), SOON)

    assert names([seen, *rest]) == ["token", "message", "done"]


async def test_a_stop_said_to_another_server_arrives(work: Work, servers: tuple[Turns, Turns]) -> None:
    here, there = servers
    here.start(work.id, "chat-1", work)
    await until(lambda: there.find(work.id, "chat-1"))

    await there.stop(work.id, "chat-1")

    await asyncio.wait_for(work.stopped.wait(), SOON)


async def test_who_reads_at_another_server_has_not_gone(work: Work, servers: tuple[Turns, Turns]) -> None:
    here, there = servers
    here.away_seconds = 0.05
    here.start(work.id, "chat-1", work)
    await first(here, work.id)
    await until(lambda: there.find(work.id, "chat-1"))
    reading = asyncio.ensure_future(read(there, work.id, 1))

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(work.stopped.wait(), 4 * here.away_seconds)

    work.go_on.set()
    assert names(await asyncio.wait_for(reading, SOON)) == ["message", "done"]


async def test_anothers_turn_is_not_found_at_another_server(work: Work, servers: tuple[Turns, Turns]) -> None:
    here, there = servers
    here.start(work.id, "chat-1", work)
    await until(lambda: there.find(work.id, "chat-1"))

    with pytest.raises(ChannelError):
        await there.known(work.id, "chat-2")

    work.go_on.set()
    await here.running()


# Over HTTP -----------------------------------------------------------------------------------------------------------


async def test_a_message_sent_twice_under_one_key_is_answered_once(serve: Serve, agent: FakeAgent) -> None:
    headers = {**STREAMED, "Idempotency-Key": "key-1"}
    async with serve(open_channel()) as client:
        one, again = [
            await client.post(WEBHOOK, json={"sender": "a", "message": "hi"}, headers=headers) for _ in range(2)
        ]
        other = await client.post(WEBHOOK, json={"sender": "b", "message": "hi"}, headers=headers)

    assert one.text == again.text != other.text
    assert [message.sender_id for message in agent.received] == ["a", "b"]


async def test_where_its_stream_is_gone_a_repeated_message_is_told_to_read_the_history(
    serve: Serve, agent: FakeAgent
) -> None:
    headers = {"Idempotency-Key": "key-1"}
    async with serve(open_channel()) as client:
        for status in (200, 409):
            answer = await client.post(WEBHOOK, json={"sender": "a", "message": "hi"}, headers=headers)
            assert answer.status_code == status

    assert answer.json()["error"] == "already_received"
    assert len(agent.received) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 65, "ü"])
async def test_a_key_of_another_form_is_a_bad_request(serve: Serve, key: str) -> None:
    async with serve(open_channel()) as client:
        answer = await client.post(WEBHOOK, json={"message": "hi"}, headers={"Idempotency-Key": key.encode()})

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_a_refused_message_has_not_used_its_key(serve: Serve, agent: FakeAgent) -> None:
    headers = {"Idempotency-Key": "key-1"}
    channel = open_channel(max_characters=5)
    async with serve(channel) as client:
        refused = await client.post(WEBHOOK, json={"sender": "a", "message": "too long"}, headers=headers)
        answered = await client.post(WEBHOOK, json={"sender": "a", "message": "short"}, headers=headers)

    assert (refused.status_code, answered.status_code) == (413, 200)


async def test_what_generates_for_a_stream_learns_that_it_was_stopped(serve: Serve, agent: FakeAgent) -> None:
    channel = open_channel()

    async def turn(message: UserMessage) -> None:
        stream = current_stream()
        assert stream is not None
        await channel.turns.stop(message.message_id, message.sender_id)
        await asyncio.wait_for(stream.wait_closed(), SOON)
        await message.output_channel.send_response("a", {"text": "So far."})  # type: ignore[union-attr]

    agent.turn = turn
    async with serve(channel) as client:
        answer = await client.post(WEBHOOK, json={"sender": "a", "message": "hi"}, headers=STREAMED)

    assert names(answer.text.strip().split("\n\n")) == ["status", "message", "done"]
