"""What people and language models are told of a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from frontdesk.conversation_view import forms_run, shared_turns, utterances, without_personal_data


def said(text: str) -> dict[str, Any]:
    return {"event": "user", "text": text}


def told(text: str, shared: Any = True, **data: Any) -> dict[str, Any]:
    return {"event": "bot", "text": text, "data": data, "metadata": {"metadata": {"shared": shared}}}


def asked_for(slot: str | None) -> dict[str, Any]:
    return {"event": "slot", "name": "requested_slot", "value": slot}


def test_both_sides_are_told_in_their_order() -> None:
    assert [(each.role, each.text) for each in utterances([said("hi"), told("Hello."), said(" "), said("bye")])] == [
        ("user", "hi"),
        ("assistant", "Hello."),
        ("user", "bye"),
    ]


@pytest.mark.parametrize("typed", ["123456", "123 456", "it is 12-34-56"])
def test_what_is_typed_where_a_code_is_asked_for_is_left_out(typed: str) -> None:
    events = [asked_for("verification_code"), said(typed), asked_for(None), said("order 1043")]

    assert [each.text for each in utterances(events)] == ["(code)", "order 1043"]
    assert shared_turns(events) == [("user", "(code)"), ("user", "order 1043")]


def test_of_a_message_with_an_orders_data_only_the_other_words_are_shared() -> None:
    events = [told("Order 1043 is packed.", "Order … is packed."), told("Hello.", True), told("Secret.", None)]

    assert shared_turns(events) == [("assistant", "Order … is packed."), ("assistant", "Hello.")]


def test_a_message_without_a_mark_is_not_shared() -> None:
    assert shared_turns([{"event": "bot", "text": "Secret.", "metadata": {}}, {"event": "bot", "text": "Too."}]) == []


def test_a_pressed_button_is_its_title() -> None:
    shown = told("Shall I?", buttons=[{"title": "Yes, please", "payload": "/affirm"}])

    assert shared_turns([shown, said("/affirm"), said("/unknown")]) == [
        ("assistant", "Shall I?"),
        ("user", "Yes, please"),
    ]


def test_only_the_running_session_is_shared() -> None:
    events = [said("old"), {"event": "session_started"}, said("new")]

    assert shared_turns(events) == [("user", "new")]


def test_of_too_many_turns_the_newest_are_kept() -> None:
    events = [said(f"message {number}") for number in range(9)]

    assert shared_turns(events, most_turns=2) == [("user", "message 7"), ("user", "message 8")]
    assert shared_turns(events, most_characters=20) == [("user", "message 7"), ("user", "message 8")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm alex.morgan@example.com, thanks", "I'm (email address), thanks"),
        ("call 07700 900 123", "call (number)"),
        ("card 4111-1111-1111-1111.", "card (number)."),
        ("order 1043, paid £1,299.00 on 2026-11-03", "order 1043, paid £1,299.00 on 2026-11-03"),
    ],
)
def test_addresses_and_long_numbers_are_left_out(text: str, expected: str) -> None:
    assert without_personal_data(text) == expected


def test_forms_are_named_once_in_their_order() -> None:
    names = ["return_form", None, "track_order_form", "return_form"]

    assert forms_run([{"event": "active_loop", "name": name} for name in names]) == ["return_form", "track_order_form"]
