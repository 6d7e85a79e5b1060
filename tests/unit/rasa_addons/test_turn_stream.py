"""A turn as Server-Sent Events: what is sent, and in which order."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage

from rasa_addons.turn_stream import StreamEvent, TurnStream, current_stream, streaming_to
from tests.unit.rasa_addons.conftest import FakeAgent, Serve, open_channel

PATH = "/webhooks/rest/webhook"
SOON = 5.0  # seconds that no test waits for


def events_in(body: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Number, name and data of each event; all of them are of one turn."""
    events, turns = [], set()
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            turn, _, number = fields["id"].partition(":")
            turns.add(turn)
            events.append((number, fields["event"], json.loads(fields["data"])))
    assert len(turns) == 1
    return events


async def streamed(serve: Serve, message: str = "hi", accept: str = "text/event-stream") -> Any:
    async with serve(open_channel()) as client:
        return await client.post(PATH, json={"sender": "chat-1", "message": message}, headers={"Accept": accept})


async def test_a_turn_is_its_messages_between_a_status_and_done(serve: Serve, agent: FakeAgent) -> None:
    agent.turn = agent.says({"text": "One.\n\nStill one."}, {"text": "Two."})

    answer = await streamed(serve)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    turn = agent.received[0].message_id
    assert events_in(answer.text) == [
        ("1", "status", {"state": "thinking"}),
        ("2", "message", {"id": f"{turn}.1", "recipient_id": "chat-1", "text": "One.\n\nStill one."}),
        ("3", "message", {"id": f"{turn}.2", "recipient_id": "chat-1", "text": "Two."}),
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
    assert events[1][2] == {"error": "no_answer", "message": "The assistant could not answer just now."}


async def test_a_message_that_is_refused_is_a_stream_too(serve: Serve, agent: FakeAgent) -> None:
    names = [name for _, name, _ in events_in((await streamed(serve, message="/restart")).text)]

    assert names == ["status", "message", "done"]


async def test_a_bad_request_is_json_with_its_status(serve: Serve) -> None:
    async with serve(open_channel()) as client:
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

    assert await stream.after(0, SOON) == [StreamEvent("done", {})]


def test_data_stays_on_one_line() -> None:
    encoded = StreamEvent("token", {"text": "one\n\ntwo é"}).encoded("ab", 7)

    assert encoded == 'id: ab:7\nevent: token\ndata: {"text": "one\\n\\ntwo é"}\n\n'


async def test_a_ticket_is_an_event_of_its_own_before_its_message(serve: Serve, agent: FakeAgent) -> None:
    ticket = {"ticket": "T10005", "open_now": True, "ahead": 2}
    agent.turn = agent.says({"text": "A colleague writes.", "custom": {"type": "handoff", **ticket}})

    events = events_in((await streamed(serve)).text)

    assert [name for _, name, _ in events] == ["status", "handoff", "message", "done"]
    assert events[1][2] == ticket
