"""A failure inside an action becomes a sentence, a log line and a count; the customer's details stay."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from prometheus_client import REGISTRY
from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import SafeAction
from actions.orders import ActionTrackOrder
from frontdesk.logs import turn_id
from knowledge_base.database import DatabaseUnavailable
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation


class Working(SafeAction):
    """Says something, remembers the turn id that was current, and then does as it is told."""

    def __init__(self, failure: BaseException | None = None, name: str = "action_of_a_test") -> None:
        self.failure, self._name = failure, name
        self.turn: str | None = None

    def name(self) -> str:
        return self._name

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        self.turn = turn_id.get()
        dispatcher.utter_message(response="utter_half_said")
        if self.failure is not None:
            raise self.failure
        return [SlotSet("order_number", "1043")]


def failures(kind: str) -> float:
    return REGISTRY.get_sample_value("frontdesk_failures_total", {"place": "action", "kind": kind}) or 0.0


def runs(outcome: str) -> float:
    labels = {"action": "action_of_a_test", "outcome": outcome}
    return REGISTRY.get_sample_value("frontdesk_actions_total", labels) or 0.0


async def test_what_works_is_left_alone_and_counted() -> None:
    before = runs("done")

    reply = await Conversation().user("x").run(Working())

    assert (reply.responses, reply.set_slots) == (["utter_half_said"], {"order_number": "1043"})
    assert runs("done") == before + 1


async def test_a_failure_drops_what_was_half_said_and_apologises() -> None:
    before = runs("failed")

    reply = await Conversation().user("x").set(order_number="1043").run(Working(ValueError("secret detail")))

    assert reply.responses == ["utter_technical_problem"]
    assert reply.followups == ["action_listen"]
    assert reply.set_slots == {}
    assert runs("failed") == before + 1


async def test_a_failure_inside_a_form_ends_it_and_keeps_its_slots() -> None:
    talk = Conversation().asks("email", "track_order_form").set(order_number="1043").user("x")

    reply = await talk.run(Working(ValueError("stop"), "validate_track_order_form"))

    assert reply.set_slots == {"requested_slot": None}
    assert [event["name"] for event in reply.events if event["event"] == "active_loop"] == [None]
    assert talk.slots["order_number"] == "1043"


async def test_a_failure_while_a_form_starts_ends_it_too() -> None:
    reply = await Conversation().user("x").run(Working(ValueError("stop"), "validate_track_order_form"))

    assert "active_loop" in {event["event"] for event in reply.events}


@pytest.mark.parametrize(
    ("error", "kind"),
    [(DatabaseUnavailable("locked"), "database"), (KeyError("x"), "KeyError"), (OSError(), "OSError")],
)
async def test_a_failure_is_counted_by_its_kind(error: Exception, kind: str) -> None:
    before = failures(kind)

    await Conversation().user("x").run(Working(error))

    assert failures(kind) == before + 1


async def test_a_failure_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("actions")
    logger.addHandler(caplog.handler)
    try:
        await Conversation(sender="chat-7").user("x").run(Working(ValueError("the cause")))
    finally:
        logger.removeHandler(caplog.handler)

    record = next(record for record in caplog.records if record.name == "actions.base")
    assert (record.levelname, vars(record)["action"], vars(record)["sender"]) == ("ERROR", "action_of_a_test", "chat-7")
    assert record.exc_info is not None


async def test_a_run_that_is_cut_off_is_not_taken_for_a_failure() -> None:
    with pytest.raises(asyncio.CancelledError):
        await Conversation().user("x").run(Working(asyncio.CancelledError()))


async def test_the_turns_id_is_known_inside_and_forgotten_after() -> None:
    action = Working()

    await Conversation().user("x").run(action)

    assert (action.turn, turn_id.get()) == ("turn-1", None)


async def test_a_database_that_is_gone_ends_in_an_apology(shop: Shop) -> None:
    def gone() -> Any:
        raise DatabaseUnavailable("gone")

    shop.services.database.reading = gone  # type: ignore[method-assign]

    reply = await Conversation().user("where is 1043").set(order_number="1043").run(ActionTrackOrder())

    assert reply.responses == ["utter_technical_problem"]


async def test_an_action_whose_customer_is_not_verified_says_nothing_of_the_order(shop: Shop) -> None:
    reply = await Conversation().user("where is 1043").set(order_number="1043").run(ActionTrackOrder())

    assert reply.responses == ["utter_technical_problem"]
