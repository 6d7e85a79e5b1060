"""The demo shop's page in a real browser: things to try, no JavaScript, the dark, a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import DESK, OpenChat
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser


def test_what_there_is_to_try_is_said_in_the_chat(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False)
    chat.page.get_by_role("button", name="Where is my order 1187?").click()
    expect(chat.said).to_have_text(["Where is my order 1187?"])
    expect(chat.answers).to_have_text(["Noted."])


def test_the_shop_opens_the_chat_without_saying_anything(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False)
    chat.button("Ask the assistant").click()
    expect(chat.input).to_be_focused()
    assert chat.assistant.received == []


def test_a_products_button_asks_about_it_and_keeps_what_is_half_typed(chat: ChatPage) -> None:
    chat.input.fill("Half a")
    chat.page.get_by_role("button", name="Ask about it: Sonarra Boom 2").dispatch_event("click")
    expect(chat.said).to_have_text(["Tell me about the Sonarra Boom 2"])
    expect(chat.input).to_have_value("Half a")


def test_without_javascript_a_sentence_says_what_to_do(open_chat: OpenChat, assistant: FakeAssistant) -> None:
    browser = open_chat(opened=False).page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, **DESK)
    page = context.new_page()
    page.goto(assistant.url)
    # By its class: what looks for texts passes over noscript.
    expect(page.locator(".no-script")).to_be_visible()
    expect(page.locator(".no-script")).to_contain_text("The chat needs JavaScript.")
    context.close()


def test_on_a_phone_nothing_sticks_out(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False, viewport={"width": 360, "height": 740}, is_mobile=True)
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_page_stays_within_its_policy(chat: ChatPage) -> None:
    chat.ask("Hello", {"text": "Hello."})
    assert chat.policy_violations() == []
    assert chat.foreign_requests == []
