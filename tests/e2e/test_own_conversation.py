"""What a customer may do with a conversation of their own: read it, come back to a stream, rate, end and erase it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import System
from tests.e2e.customer import Customer
from tests.e2e.event_reader import events_after, events_of_turn
from tests.e2e.people import ALEX
from tests.e2e.shop_database import ShopDatabase

NAMING_CONVERSATIONS = (
    "tickets", "verified_conversations", "verification_codes", "conversation_outcomes", "message_feedback",
)  # fmt: skip


def test_history_is_what_was_said_with_the_ids_of_the_stream(customer: Customer) -> None:
    with events_of_turn(customer, f"where is order {ALEX.order}?") as events:
        arrived = list(events)

    messages = [event.data for event in arrived if event.name == "message"]
    history = customer.history()
    assert [message["role"] for message in history] == ["customer", *["assistant"] * len(messages)]
    assert [(message["id"], message["text"]) for message in history[1:]] == [
        (message["id"], message["text"]) for message in messages
    ]
    assert all(event.id.startswith(f"{history[0]['id']}:") for event in arrived)


def test_a_question_for_one_value_says_which(customer: Customer) -> None:
    customer.says(f"where is order {ALEX.order}?")
    assert customer.answers[-1].cards == [{"type": "field", "field": "email"}]
    customer.says(ALEX.email)
    assert customer.answers[-1].cards == [{"type": "field", "field": "code", "digits": 6}]


def test_a_stream_whose_connection_was_lost_goes_on_where_it_was(customer: Customer) -> None:
    with events_of_turn(customer, "what are your delivery charges?") as events:
        seen = next(events)

    with events_after(customer, seen.id) as events:
        rest = list(events)

    assert [int(event.id.partition(":")[2]) for event in (seen, *rest)] == list(range(1, len(rest) + 2))
    assert rest[-1].name == "done"
    assert any("£4.95" in event.data.get("text", "") for event in rest)


def test_a_message_that_is_sent_again_has_the_same_answer_and_is_said_once(customer: Customer) -> None:
    turns = []
    for _ in range(2):
        with events_of_turn(customer, "hello", **{"Idempotency-Key": "one"}) as events:
            turns.append([(event.id, event.name, event.data) for event in events])

    assert turns[0] == turns[1]
    assert sum(message["role"] == "customer" for message in customer.history()) == 1


def test_thumbs_and_comment_are_kept_counted_and_shown_again(
    system: System, customer: Customer, shop: ShopDatabase
) -> None:
    customer.says("hello")
    message = customer.history()[-1]["id"]

    assert customer.sends("/feedback", {"message_id": message, "thumbs": "up"})[0] == 204
    assert customer.sends("/feedback", {"message_id": message, "thumbs": "down", "comment": "cold"})[0] == 204

    rows = shop.rows("SELECT message_id, thumbs, comment FROM message_feedback")
    assert rows == [(message, "down", "cold")]
    assert customer.sends("/history", method="GET")[1]["feedback"] == {message: "down"}


def test_a_handoff_is_an_event_and_stays_in_the_history(customer: Customer) -> None:
    customer.says("I want to talk to a person")
    with events_of_turn(customer, "me@example.com") as events:
        arrived = {event.name: event.data for event in events}

    assert set(arrived["handoff"]) == {"ticket", "open_now", "answer_by", "ahead"}
    assert customer.sends("/history", method="GET")[1]["handoff"] == arrived["handoff"]


def test_who_ends_a_conversation_is_forgotten_and_the_token_is_worth_nothing(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks(f"where is order {ALEX.order}?", ALEX)

    assert customer.sends("/end") == (204, None)

    for method, path in (("POST", "/webhook"), ("GET", "/history"), ("POST", "/session/renew")):
        status, answer = customer.sends(path, {"message": "hello"}, method)
        assert (status, answer["error"]) == (401, "session_invalid")
        assert "start a new one" in answer["message"]
    assert shop.rows("SELECT * FROM verified_conversations") == []


def test_what_is_erased_is_gone_from_tracker_and_database(
    system: System, customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks(f"where is order {ALEX.order}?", ALEX)
    customer.says("I want to talk to a person")
    message = customer.history()[-1]["id"]
    customer.sends("/feedback", {"message_id": message, "thumbs": "down", "comment": "SECRET"})
    sender, renewed = customer.sender, customer.sends("/session/renew")[1]["token"]

    assert customer.sends("/end", {"erase": True}) == (200, {"erased": True})

    customer.session["token"] = renewed
    assert customer.sends("/history", method="GET")[0] == 401
    for table in (
        "tickets",
        "verified_conversations",
        "verification_codes",
        "conversation_outcomes",
        "message_feedback",
    ):
        assert shop.rows(f"SELECT * FROM {table} WHERE conversation_id = ?", sender) == [], table
    assert shop.rows("SELECT thumbs, comment FROM message_feedback") == [("down", None)]
    assert [row for row in shop.rows("SELECT transcript, summary FROM tickets") if ALEX.order in str(row)] == []


@pytest.mark.parametrize("body", [{"erase": True}, {}])
def test_a_conversation_that_cannot_be_ended_now_goes_on(
    system: System, customer: Customer, body: dict[str, bool]
) -> None:
    customer.says("hello")
    with system.gateway.with_trouble("error 500"):
        status, answer = customer.sends("/end", body)
        assert (status, answer["error"]) == (503, "unavailable")

    assert customer.history()[0]["text"] == "hello"
    assert customer.says("hello").messages
