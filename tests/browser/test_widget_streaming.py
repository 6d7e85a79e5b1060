"""An answer that is shown while it is written, and the whole message that takes its place."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

pytestmark = pytest.mark.browser

ANSWER = {
    "text": "Use citric acid [1]. Rinse twice.",
    "sources": [{"number": 1, "title": "Descaling", "url": "https://shop.example/help/1"}],
    "buttons": [{"title": "Thanks", "payload": "/thank"}],
}


def test_sentences_are_shown_as_they_come_and_the_message_takes_their_place(chat: ChatPage) -> None:
    chat.assistant.streams(
        ("status", {"state": "thinking"}),
        ("status", {"state": "searching"}),
        ("token", {"text": "Use **citric"}),
        ("token", {"text": " acid** [1]."}),
        ("sources", {"sources": ANSWER["sources"]}),
        ("message", ANSWER),
        ("done", {}),
    )
    chat.type_and_send("How do I descale it?")

    expect(chat.activity).to_have_text("The assistant is thinking")
    expect(chat.status).to_have_text("The assistant is thinking")
    chat.assistant.next_event()
    expect(chat.activity).to_have_text("Searching the help articles")
    chat.assistant.next_event()
    expect(chat.draft).to_have_text("Use **citric")
    expect(chat.activity).to_have_text("The assistant is writing")
    chat.assistant.next_event()
    expect(chat.draft.locator("strong")).to_have_text("citric acid")
    chat.assistant.next_event()
    expect(chat.draft.locator(".citation")).to_contain_text("1")
    expect(chat.choices).to_have_count(0)
    chat.assistant.next_event()
    chat.assistant.next_event()
    expect(chat.answers).to_have_count(1)
    expect(chat.draft).to_have_count(0)
    expect(chat.answers).to_contain_text("Rinse twice.")
    expect(chat.choices).to_have_text(["Thanks"])
    expect(chat.status).to_have_text("")
    assert chat.errors == []


def test_several_messages_of_a_turn_come_in_their_order(chat: ChatPage) -> None:
    chat.assistant.streams(("message", {"text": "One."}), ("message", {"text": "Two."}), ("done", {}))
    chat.type_and_send("Hello")
    expect(chat.answers).to_have_text(["One."])
    chat.assistant.next_event()
    chat.assistant.next_event()
    expect(chat.answers).to_have_text(["One.", "Two."])


def test_stop_stops_the_answer_and_keeps_what_was_written(chat: ChatPage) -> None:
    chat.assistant.streams(("token", {"text": "Use citric"}), ("message", {"text": "Use citric"}), ("done", {}))
    chat.type_and_send("How?")
    expect(chat.draft).to_be_visible()
    chat.stop.click()
    expect(chat.answers).to_have_text(["Use citric"])
    expect(chat.stop).to_have_count(0)
    (call,) = chat.assistant.calls("stop")
    (conversation,) = chat.assistant.sessions.values()
    assert call == {"turn": conversation.turns[0].id}


def test_markup_in_a_draft_stays_text(chat: ChatPage) -> None:
    chat.assistant.streams(("token", {"text": "<img src=x onerror=alert(1)>"}), ("message", ANSWER), ("done", {}))
    chat.type_and_send("Hello")
    expect(chat.draft).to_have_text("<img src=x onerror=alert(1)>")
    assert chat.executed() == []


def test_events_and_fields_of_a_later_version_are_passed_over(chat: ChatPage) -> None:
    chat.assistant.streams(("surprise", {"a": 1}), ("message", {"text": "Here.", "colour": "red"}), ("done", {}))
    chat.type_and_send("Hello")
    chat.assistant.next_event()
    chat.assistant.next_event()
    expect(chat.answers).to_have_text(["Here."])
    assert chat.errors == []


def test_the_page_hears_of_messages_and_handoffs(chat: ChatPage) -> None:
    handoff = {"ticket": "T1", "open_now": True, "answer_by": "", "ahead": 0}
    chat.assistant.streams(("handoff", handoff), ("message", {"text": "Soon."}), ("done", {}))
    chat.type_and_send("A person")
    chat.assistant.next_event()
    chat.assistant.next_event()
    chat.settled()
    assert [(each["role"], each["text"]) for each in chat.heard("message")] == [
        ("customer", "A person"),
        ("assistant", "Soon."),
    ]
    assert chat.heard("handoff")[0]["ticket"] == "T1"
