"""The two graph components: what the pipeline gets to read, and what is written into a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from rasa_addons.parts.components import MessageCutter, PartsJudge

TWO = "cancel 1043 and when do you open"
MakeTracker = Callable[..., DialogueStateTracker]
INTENTS = {
    TWO: ("cancel_order", 0.6),
    "cancel 1043": ("cancel_order", 0.9),
    "when do you open": ("opening_hours", 0.8),
    "1043 and when do you open": ("opening_hours", 0.8),
    "1043": ("inform", 0.9),
}


def piped(*texts: str, tracker: DialogueStateTracker | None = None, **config: Any) -> list[Message]:
    """Messages after both components, with a classifier between them that knows `INTENTS`."""
    read = MessageCutter().process([Message({TEXT: text}) for text in texts])
    for message in read:
        name, confidence = INTENTS.get(message.get(TEXT), ("greet", 0.9))
        intent = {"name": name, "confidence": confidence}
        message.set("intent", intent)
        message.set("intent_ranking", [intent])
        message.set("routing", {"decision": "in_scope", "reason": "", "candidates": [name]})
        start = message.get(TEXT).find("1043")
        number = {"entity": "order_number", "value": "1043", "start": start, "end": start + 4}
        message.set("entities", [number] if start >= 0 else [])
    return PartsJudge({"never": ["greet", "inform"], **config}).process(read, tracker)


def test_the_pipeline_reads_the_possible_parts_after_the_message() -> None:
    read = MessageCutter().process([Message({TEXT: TWO}), Message({TEXT: "hello"})])

    assert [message.get(TEXT) for message in read] == [TWO, "cancel 1043", "when do you open", "hello"]


@pytest.mark.parametrize("text", ["hello", "", '/inform{"item": "a. and cancel"}'])
def test_a_message_in_one_piece_and_a_button_cost_nothing(text: str) -> None:
    assert len(MessageCutter().process([Message({TEXT: text})])) == 1


def test_parts_are_written_with_their_places_and_entities() -> None:
    (message,) = piped(TWO)

    first, second = message.get("parts")
    assert (first["text"], first["role"], first["intent"]["name"]) == ("cancel 1043", "wish", "cancel_order")
    assert (first["entities"][0]["start"], first["entities"][0]["end"]) == (7, 11)
    assert TWO[second["start"] : second["end"]] == second["text"] == "when do you open"
    assert second["candidates"] == ["opening_hours"]


def test_the_message_gets_the_intent_of_several_wishes_and_keeps_its_ranking() -> None:
    before = REGISTRY.get_sample_value("frontdesk_several_wishes_total", {"parts": "2"}) or 0.0

    (message,) = piped(TWO)

    assert message.get("intent") == {"name": "several_wishes", "confidence": 0.8}
    assert [entry["name"] for entry in message.get("intent_ranking")] == ["several_wishes", "cancel_order"]
    assert message.get("routing")["decision"] == "several_wishes"
    assert {"parts", "intent", "intent_ranking", "routing"} <= message.output_properties  # reaches the action server
    assert REGISTRY.get_sample_value("frontdesk_several_wishes_total", {"parts": "2"}) == before + 1


def test_a_message_that_stays_whole_is_as_it_was() -> None:
    (message,) = piped(TWO, sure_from=0.95)

    assert message.get("intent")["name"] == "cancel_order"
    assert message.get("parts") is None


def test_every_message_of_a_batch_keeps_its_own_parts() -> None:
    messages = piped("hello", TWO, "hello", TWO)

    assert [message.get(TEXT) for message in messages] == ["hello", TWO, "hello", TWO]
    assert [bool(message.get("parts")) for message in messages] == [False, True, False, True]


def test_only_in_a_form_that_asked_something_a_part_is_its_answer(domain: Domain) -> None:
    text = "1043 and when do you open"
    asked = DialogueStateTracker.from_events(
        "chat", [ActiveLoop("track_order_form"), SlotSet("requested_slot", "order_number")], slots=domain.slots
    )

    assert [part["role"] for part in piped(text, tracker=asked)[0].get("parts")] == ["answer", "wish"]
    assert piped(text)[0].get("parts") is None


def test_settings_of_the_configuration_reach_the_rules() -> None:
    assert piped(TWO, same_matter=[["cancel_order", "opening_hours"]])[0].get("parts") is None
    assert piped(TWO, never=["cancel_order"])[0].get("parts") is None
