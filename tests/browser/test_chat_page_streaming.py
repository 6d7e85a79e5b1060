"""An answer that is shown while it is written, and the whole message that takes its place."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

pytestmark = pytest.mark.browser

ANSWER = {
    "recipient_id": "customer",
    "text": "Use citric acid. Rinse twice.\n\nFrom our help article [Descaling](https://shop.example/help/1).",
    "buttons": [{"title": "Thanks", "payload": "/thank"}],
}


def test_sentences_are_shown_as_they_come_and_the_message_takes_their_place(chat: ChatPage) -> None:
    chat.assistant.streams(
        ("status", {"state": "searching"}),
        ("token", {"text": "Use **citric acid**."}),
        ("token", {"text": " Rinse twice."}),
        ("message", ANSWER),
        ("done", {}),
    )
    chat.type_and_send("How do I descale it?")
    status = chat.page.get_by_role("status")
    draft = chat.page.locator(".draft")

    expect(status).to_have_text("The assistant is searching the help articles.")
    chat.assistant.next_event()
    expect(draft).to_have_text("Use citric acid.")
    expect(chat.typing).to_be_visible()
    chat.assistant.next_event()
    expect(draft).to_have_text("Use citric acid. Rinse twice.")
    chat.assistant.next_event()
    chat.assistant.next_event()
    expect(chat.answers).to_have_count(1)
    expect(draft).to_have_count(0)
    expect(chat.answers).to_contain_text("From our help article Descaling.")
    expect(chat.choices).to_have_text(["Thanks"])
    expect(status).to_have_text("")
    assert chat.errors == []


def test_the_page_asks_for_a_stream_and_takes_a_list_of_messages_too(chat: ChatPage) -> None:
    chat.ask("Hello", {"text": "Hello yourself."})

    expect(chat.answers).to_have_text(["Hello yourself."])
    assert "text/event-stream" in chat.assistant.received[0]["accept"]


def test_several_messages_of_a_turn_come_in_their_order(chat: ChatPage) -> None:
    chat.assistant.streams(("message", {"text": "One."}), ("message", {"text": "Two."}), ("done", {}))
    chat.type_and_send("Hello")
    chat.assistant.next_event()
    chat.assistant.next_event()

    expect(chat.answers).to_have_text(["One.", "Two."])


def test_a_stream_that_breaks_before_a_message_keeps_the_question_and_no_draft(chat: ChatPage) -> None:
    chat.assistant.streams(("token", {"text": "Use citric"}))
    chat.type_and_send("How do I descale it?")

    expect(chat.problem).to_contain_text("Your message is kept.")
    expect(chat.page.locator(".draft")).to_have_count(0)
    expect(chat.retry).to_be_visible()


def test_an_error_event_is_a_sentence_with_a_retry(chat: ChatPage) -> None:
    chat.assistant.streams(("error", {"message": "The assistant could not answer just now."}), ("done", {}))
    chat.type_and_send("Hello")
    chat.assistant.next_event()

    expect(chat.problem).to_contain_text("The assistant could not answer just now.")
    expect(chat.retry).to_be_visible()


def test_markup_in_a_draft_stays_text(chat: ChatPage) -> None:
    chat.assistant.streams(("token", {"text": "<img src=x onerror=alert(1)>"}), ("message", ANSWER), ("done", {}))
    chat.type_and_send("Hello")

    expect(chat.page.locator(".draft")).to_have_text("<img src=x onerror=alert(1)>")
    assert chat.executed() == []
