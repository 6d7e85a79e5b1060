"""Handing over to a person: contact, topic, summary and transcript, without codes."""

from __future__ import annotations

from datetime import datetime, timezone

from prometheus_client import REGISTRY

from actions.handoff import ActionHandOver, ValidateHandoff
from actions.ticket_summary import TRANSCRIPT_MESSAGES, last_topic, summarise, transcript
from knowledge_base.schema import Ticket
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import ALEX, DELIVERED


def told() -> Conversation:
    """A return that failed at the code."""
    talk = Conversation().user("I want to return my kettle", "return_item").starts("return_form")
    talk.bot("What's your order number?").asks("email").user(ALEX)
    talk.bot("A code is on its way.").asks("verification_code").user("123 456")
    talk.bot("That code isn't right.").set(requested_slot=None, order_number=DELIVERED)
    return talk.user("a person please", "talk_to_person").starts("handoff_form")


def test_the_transcript_has_both_sides_in_order_and_no_code() -> None:
    lines = transcript(told().tracker()).splitlines()

    assert lines == [
        "Customer: I want to return my kettle",
        "Assistant: What's your order number?",
        f"Customer: {ALEX}",
        "Assistant: A code is on its way.",
        "Customer: (code)",
        "Assistant: That code isn't right.",
        "Customer: a person please",
    ]


def test_the_summary_has_no_code_either() -> None:
    talk = told()
    talk.events = [event for event in talk.events if event.get("text") != "a person please"]

    summary = summarise(talk.tracker(), None)

    assert "123" not in summary
    assert summary.endswith(f"Last messages: I want to return my kettle / {ALEX} / (code)")


def test_the_summary_says_what_was_tried_and_told() -> None:
    summary = summarise(told().set(return_reason="too loud").tracker(), None)

    assert summary.splitlines() == [
        "Customer verified: no",
        "Tried: return",
        f"Order (as typed, not verified unless said below): {DELIVERED}",
        "Reason given: too loud",
        "First message: I want to return my kettle",
        f"Last messages: {ALEX} / (code) / a person please",
    ]


def test_a_conversation_that_began_with_a_person_has_tried_nothing() -> None:
    talk = Conversation().user("person", "talk_to_person").starts("handoff_form")

    assert last_topic(talk.tracker()) == "general"
    assert "Tried: nothing yet" in summarise(talk.tracker(), None)


def test_the_topic_is_the_last_form_before() -> None:
    assert last_topic(told().tracker()) == "return"


def test_a_transcript_keeps_the_last_messages_and_cuts_long_ones() -> None:
    talk = Conversation()
    for number in range(TRANSCRIPT_MESSAGES + 5):
        talk.user(f"message {number} " + "x" * 2000)

    lines = transcript(talk.tracker()).splitlines()

    assert len(lines) == TRANSCRIPT_MESSAGES
    assert lines[0].startswith("Customer: message 5 ")
    assert max(map(len, lines)) < 600


def test_a_transcript_names_the_images_that_came_with_a_message() -> None:
    talk = told()
    talk.user("it came like this")
    talk.events[-1]["metadata"] = {"images": ["a1", "b2"]}

    assert transcript(talk.tracker()).splitlines()[-1] == "Customer: it came like this [images: a1, b2]"


async def test_a_stranger_is_asked_for_an_address_and_a_known_customer_is_not(shop: Shop) -> None:
    stranger = Conversation().user("person", "talk_to_person").starts("handoff_form")
    known = shop.verified(Conversation(sender="chat-2")).user("person", "talk_to_person").starts("handoff_form")

    assert (await stranger.run(ValidateHandoff())).set_slots["requested_slot"] == "contact_email"
    assert (await known.run(ValidateHandoff())).set_slots["requested_slot"] is None


async def test_an_email_given_before_is_the_contact(shop: Shop) -> None:
    talk = Conversation().set(email=ALEX).user("person", "talk_to_person").starts("handoff_form")

    reply = await talk.run(ValidateHandoff())

    assert (reply.set_slots["contact_email"], reply.set_slots["requested_slot"]) == (ALEX, None)


async def test_the_ticket_is_written_and_its_number_told(shop: Shop) -> None:
    labels = {"topic": "return"}
    before = REGISTRY.get_sample_value("frontdesk_handoffs_total", labels) or 0.0

    reply = await told().set(contact_email=ALEX).run(ActionHandOver())

    ticket = shop.rows(Ticket)[0]
    message = reply.values("utter_handed_over")
    assert (message["ticket"], message["contact"]) == (ticket.number, ALEX)
    assert message["custom"] == {
        "type": "handoff",
        "ticket": ticket.number,
        "open_now": True,
        "answer_by": ticket.answer_by.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ahead": 0,
    }
    assert (ticket.contact_email, ticket.customer_id, ticket.topic) == (ALEX, None, "return")
    assert "123 456" not in ticket.transcript
    assert shop.outcomes() == [("handed_over", "return")]
    assert REGISTRY.get_sample_value("frontdesk_handoffs_total", labels) == before + 1


async def test_a_known_customers_ticket_is_theirs_and_names_no_address(shop: Shop) -> None:
    talk = shop.verified(told())

    reply = await talk.run(ActionHandOver())

    assert reply.values("utter_handed_over")["contact"] == "the email address on file"
    assert shop.rows(Ticket)[0].customer_id is not None


async def test_when_nobody_is_in_the_answer_says_so(shop: Shop) -> None:
    shop.services.clock = lambda: datetime(2026, 3, 8, 11, 0, tzinfo=timezone.utc)  # a Sunday

    reply = await told().set(contact_email=ALEX).run(ActionHandOver())

    assert reply.responses == ["utter_handed_over_closed"]
    assert reply.values("utter_handed_over_closed")["answer_by"].startswith("Monday 9 March")
