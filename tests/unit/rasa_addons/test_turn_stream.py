"""A turn as Server-Sent Events: what is sent, in which order, and what happens when the client goes away."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from rasa.core.channels.channel import UserMessage

from rasa_addons.turn_stream import StreamEvent, TurnStream, current_stream, streaming_to
from rasa_addons.web_channel import WebChannel
from tests.unit.rasa_addons.conftest import FakeAgent, Serve

PATH = "/webhooks/rest/webhook"
SOON = 5.0  # seconds that no test waits for


def events_in(body: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Id, name and data of each event."""
    events = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            events.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return events


async def streamed(serve: Serve, message: str = "hi", accept: str = "text/event-stream") -> Any:
    async with serve(WebChannel()) as client:
        return await client.post(PATH, json={"sender": "chat-1", "message": message}, headers={"Accept": accept})


async def test_a_turn_is_its_messages_between_a_status_and_done(serve: Serve, agent: FakeAgent) -> None:
    agent.turn = agent.says({"text": "One.\n\nStill one."}, {"text": "Two."})

    answer = await streamed(serve)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert events_in(answer.text) == [
        ("1", "status", {"state": "thinking"}),
        ("2", "message", {"recipient_id": "chat-1", "text": "One.\n\nStill one."}),
        ("3", "message", {"recipient_id": "chat-1", "text": "Two."}),
        ("4", "done", {}),
    ]


async def test_a_turn_writes_to_its_stream_from_tasks_of_its_own_too(serve: Serve, agent: FakeAgent) -> None:
    async def turn(message: UserMessage) -> None:
        async def draft() -> None:
            stream = current_stream()
            assert stream is not None
            stream.token("One")

        await asyncio.wait_for(draft(), SOON)
        await message.output_channel.send_response("chat-1", {"text": "One."})  # type: ignore[union-attr]

    agent.turn = turn

    names = [name for _, name, _ in events_in((await streamed(serve)).text)]

    assert names == ["status", "token", "message", "done"]


@pytest.mark.parametrize("accept", ["text/event-stream", "text/event-stream, application/json"])
async def test_who_accepts_a_stream_gets_one(serve: Serve, agent: FakeAgent, accept: str) -> None:
    assert events_in((await streamed(serve, accept=accept)).text)[-1][1] == "done"


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
async def test_everybody_else_gets_a_list_as_ever(serve: Serve, agent: FakeAgent, accept: str) -> None:
    assert (await streamed(serve, accept=accept)).json() == [{"recipient_id": "chat-1", "text": "Hello."}]


async def test_a_turn_that_raises_ends_with_the_apology_and_done(serve: Serve, agent: FakeAgent) -> None:
    async def turn(message: UserMessage) -> None:
        raise ValueError("secret")

    agent.turn = turn

    *_, (_, last, message), (_, end, _) = events_in((await streamed(serve)).text)

    assert (last, end) == ("message", "done")
    assert message["text"].startswith("I'm sorry, something on our side")
    assert "secret" not in json.dumps(message)


async def test_where_not_even_the_apology_can_be_had_an_error_and_done_end_the_stream(
    serve: Serve, agent: FakeAgent
) -> None:
    agent.turn = agent.says()
    agent.processor = SimpleNamespace(nlg=None)

    events = events_in((await streamed(serve)).text)

    assert [name for _, name, _ in events] == ["status", "error", "done"]
    assert events[1][2] == {"message": "The assistant could not answer just now."}


async def test_a_message_that_is_refused_is_a_stream_too(serve: Serve, agent: FakeAgent) -> None:
    names = [name for _, name, _ in events_in((await streamed(serve, message="/restart")).text)]

    assert names == ["status", "message", "done"]


async def test_a_bad_request_is_json_with_its_status(serve: Serve) -> None:
    async with serve(WebChannel()) as client:
        answer = await client.post(PATH, content=b"no", headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def test_nobody_listens_outside_a_stream() -> None:
    assert current_stream() is None
    with streaming_to(TurnStream()) as stream:
        assert current_stream() is stream
    assert current_stream() is None


async def test_after_done_nothing_is_sent() -> None:
    stream = TurnStream()
    stream.done()
    stream.token("late")

    assert await stream.next(SOON) == StreamEvent("done", {})
    assert await stream.next(0.0) is None


def test_data_stays_on_one_line() -> None:
    encoded = StreamEvent("token", {"text": "one\n\ntwo é"}).encoded(7)

    assert encoded == 'id: 7\nevent: token\ndata: {"text": "one\\n\\ntwo é"}\n\n'


# The connection -----------------------------------------------------------------------------------------------------


class Connection:
    """What Sanic writes a stream to; after `breaks_after` writes it is gone, as when the client hangs up."""

    def __init__(self, breaks_after: int = 1000) -> None:
        self.written: list[str] = []
        self.beaten = asyncio.Event()
        self._breaks_after = breaks_after

    async def write(self, text: str) -> None:
        if len(self.written) >= self._breaks_after:
            raise asyncio.CancelledError
        self.written.append(text)
        if text.startswith(":"):
            self.beaten.set()


def opened(agent: FakeAgent, channel: WebChannel) -> Any:
    """The function with which the channel writes to a connection."""
    request = SimpleNamespace(app=SimpleNamespace(ctx=SimpleNamespace(agent=agent)))
    return channel._events(request, agent.handle_message, "chat-1", "hi").streaming_fn  # type: ignore[arg-type]


async def test_while_a_turn_takes_its_time_a_comment_says_that_the_connection_lives(agent: FakeAgent) -> None:
    channel, connection = WebChannel(), Connection()
    channel.heartbeat_seconds = 0.01

    async def turn(message: UserMessage) -> None:
        await asyncio.wait_for(connection.beaten.wait(), SOON)
        await message.output_channel.send_response("chat-1", {"text": "Hello."})  # type: ignore[union-attr]

    agent.turn = turn
    await opened(agent, channel)(connection)

    assert ": still here\n\n" in connection.written
    assert connection.written[-1].startswith("id: 3\nevent: done")


async def test_a_client_that_hangs_up_is_noticed_by_the_turn_which_ends_as_it_should(agent: FakeAgent) -> None:
    channel = WebChannel()
    noticed, ended = asyncio.Event(), asyncio.Event()

    async def turn(message: UserMessage) -> None:
        stream = current_stream()
        assert stream is not None
        stream.token("One")
        await stream.wait_closed()
        noticed.set()
        await message.output_channel.send_response("chat-1", {"text": "One."})  # type: ignore[union-attr]
        ended.set()

    agent.turn = turn
    labels = {"channel": "rest", "outcome": "answered"}
    before = REGISTRY.get_sample_value("frontdesk_turns_total", labels) or 0.0

    with pytest.raises(asyncio.CancelledError):
        await opened(agent, channel)(Connection(breaks_after=1))

    [running] = channel._turns
    await asyncio.wait_for(running, SOON)
    assert noticed.is_set()
    assert ended.is_set()
    assert REGISTRY.get_sample_value("frontdesk_turns_total", labels) == before + 1
