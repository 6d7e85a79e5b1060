"""One turn of the web channel: refused, answered, silent or failed, the customer always gets a sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY
from rasa.core.channels.channel import UserMessage
from rasa.shared.core.events import BotUttered

from frontdesk.logs import turn_id
from rasa_addons.web.turn import CustomerMessage, WholeMessageCollector, run_turn
from tests.unit.rasa_addons.conftest import FakeAgent


async def ask(agent: FakeAgent, text: str, sender: str = "chat-1") -> list[dict[str, Any]]:
    """The messages that come of one message."""
    collector = WholeMessageCollector()
    await run_turn(agent, agent.handle_message, collector, CustomerMessage(sender, text), 2000)
    return collector.messages  # type: ignore[no-any-return]


def said(agent: FakeAgent, response: str) -> str:
    """The beginning of a response's text, up to its first placeholder."""
    return str(agent.processor.nlg.responses[response][0]["text"]).partition("{")[0]


def count(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


def ended(outcome: str) -> float:
    return count("frontdesk_turns_total", channel="rest", outcome=outcome)


async def test_an_answer_goes_through_without_metadata(agent: FakeAgent) -> None:
    before = ended("answered"), count("frontdesk_turn_seconds_count", channel="rest")

    assert await ask(agent, "where is it") == [{"recipient_id": "chat-1", "text": "Hello."}]

    [message] = agent.received
    assert (message.text, message.sender_id, message.input_channel, message.metadata) == (
        "where is it", "chat-1", "rest", {},
    )  # fmt: skip
    assert ended("answered") == before[0] + 1
    assert count("frontdesk_turn_seconds_count", channel="rest") == before[1] + 1


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "empty_message"),
        ("\U0001f600", "no_words"),
        ("/restart", "command_refused"),
        ('/inform{"order_number": "1044"}', "command_refused"),
    ],
)
async def test_a_message_that_is_not_for_the_dialogue_gets_a_sentence(
    agent: FakeAgent, text: str, refusal: str
) -> None:
    before = ended(refusal)

    [message] = await ask(agent, text)

    assert message["text"].startswith(said(agent, f"utter_{refusal}"))
    assert "{" not in message["text"]
    assert agent.received == []
    assert ended(refusal) == before + 1


async def test_a_button_that_was_shown_may_be_pressed(agent: FakeAgent) -> None:
    await agent.remembers(
        "chat-1", BotUttered("Which?", {"buttons": [{"title": "It", "payload": '/inform{"item":"7"}'}]})
    )

    assert (await ask(agent, '/inform{"item": "7"}'))[0]["text"] == "Hello."
    assert (await ask(agent, '/inform{"item": "7"}', sender="chat-2"))[0]["text"] != "Hello."


async def test_a_silent_turn_gets_the_apology(agent: FakeAgent) -> None:
    agent.turn = agent.says()
    before = ended("silent"), count("frontdesk_failures_total", place="turn", kind="silent")

    [message] = await ask(agent, "hi")

    assert message["text"].startswith(said(agent, "utter_technical_problem"))
    assert message["buttons"]
    assert (ended("silent"), count("frontdesk_failures_total", place="turn", kind="silent")) == (
        before[0] + 1, before[1] + 1,
    )  # fmt: skip


@pytest.mark.parametrize("error", [ValueError("secret"), asyncio.CancelledError(), asyncio.TimeoutError()])
async def test_a_failed_turn_gets_the_apology_and_no_detail(agent: FakeAgent, error: BaseException) -> None:
    async def turn(message: UserMessage) -> None:
        raise error

    agent.turn = turn
    before = ended("failed"), count("frontdesk_failures_total", place="turn", kind=type(error).__name__)

    [message] = await ask(agent, "hi")

    assert message["text"].startswith(said(agent, "utter_technical_problem"))
    assert "secret" not in str(message)
    assert ended("failed") == before[0] + 1
    assert count("frontdesk_failures_total", place="turn", kind=type(error).__name__) == before[1] + 1


async def test_conversations_that_cannot_be_read_get_the_apology(agent: FakeAgent) -> None:
    async def gone(sender_id: str) -> None:
        raise ConnectionError("tracker store")

    agent.tracker_store.retrieve_full_tracker = gone  # type: ignore[assignment,method-assign]

    [message] = await ask(agent, "/greet")

    assert message["text"].startswith(said(agent, "utter_technical_problem"))


async def test_all_of_a_message_stays_together(agent: FakeAgent) -> None:
    content = {
        "text": "One.\n\nTwo.",
        "buttons": [{"title": "A", "payload": "/greet"}],
        "custom": {"type": "order"},
        "image": "https://shop.example/a.png",
        "metadata": {"sources": [{"title": "T", "url": "https://shop.example/t"}]},
    }
    agent.turn = agent.says(content, {"text": "Next."})

    first, second = await ask(agent, "hi")

    assert first == {
        "recipient_id": "chat-1",
        **{key: content[key] for key in ("text", "buttons", "custom", "image")},
        "sources": [{"title": "T", "url": "https://shop.example/t"}],
    }
    assert second["text"] == "Next."


async def test_a_response_that_asks_for_one_value_says_of_which_kind(agent: FakeAgent) -> None:
    agent.turn = agent.says({"text": "The code?", "metadata": {"input": {"field": "code", "digits": 6}}})

    [message] = await ask(agent, "hi")

    assert message["custom"] == {"type": "field", "field": "code", "digits": 6}


async def test_empty_parts_and_empty_messages_are_left_out(agent: FakeAgent) -> None:
    agent.turn = agent.says({"text": "", "buttons": []}, {"text": "Hi.", "buttons": None, "custom": {}})

    assert await ask(agent, "hi") == [{"recipient_id": "chat-1", "text": "Hi."}]


async def test_a_turn_has_an_id_of_its_own_that_is_the_messages(agent: FakeAgent) -> None:
    seen: list[str | None] = []

    async def turn(message: UserMessage) -> None:
        seen.append(turn_id.get())
        await message.output_channel.send_response("chat-1", {"text": "Hi."})  # type: ignore[union-attr]

    agent.turn = turn
    await ask(agent, "one")
    await ask(agent, "two")

    assert seen == [message.message_id for message in agent.received]
    assert len(set(seen)) == 2
    assert turn_id.get() is None
