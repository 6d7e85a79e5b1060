"""The widget as a whole: launcher, menu, scrolling."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, SOURCES
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat

pytestmark = pytest.mark.browser


class TestLauncher:
    def test_it_opens_and_closes_the_panel(self, open_chat: OpenChat) -> None:
        chat = open_chat(opened=False)
        expect(chat.panel).to_have_count(0)
        chat.button("Open the chat").click()
        expect(chat.input).to_be_focused()
        chat.page.keyboard.press("Escape")
        expect(chat.panel).to_have_count(0)
        expect(chat.launcher).to_be_focused()
        assert [name for name, _ in chat.page.evaluate("window.heard")] == ["open", "close"]

    def test_an_answer_that_comes_while_it_is_closed_is_counted(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.assistant.answers({"text": "One"}, {"text": "Two"})
        chat.type_and_send("Hello")
        expect(chat.activity).to_be_visible()
        chat.page.keyboard.press("Escape")
        chat.assistant.release()
        expect(chat.page.locator(".badge")).to_have_text("2")
        chat.button("Open the chat, new messages: 2").click()
        expect(chat.page.locator(".badge")).to_have_count(0)
        expect(chat.answers).to_have_text(["One", "Two"])

    def test_what_is_half_typed_outlives_closing_and_a_reload(self, chat: ChatPage) -> None:
        chat.input.fill("Half a")
        chat.page.keyboard.press("Escape")
        chat.open()
        expect(chat.input).to_have_value("Half a")
        chat.page.reload()
        expect(chat.input).to_have_value("Half a")


class TestWholeConversation:
    def test_the_conversation_can_be_downloaded(self, chat: ChatPage) -> None:
        chat.ask("How do I descale it?", SOURCES)
        with chat.page.expect_download() as download:
            chat.from_menu("Download the conversation")
        assert download.value.suggested_filename == "conversation.txt"
        text = download.value.path().read_text(encoding="utf-8")
        assert "You: How do I descale it?" in text
        assert "Assistant: Descale it every month." in text
        assert "Sources: Descaling a kettle https://shop.example/help/descale" in text

    def test_a_new_conversation_begins_after_asking(self, chat: ChatPage) -> None:
        chat.ask("One", BUTTONS)
        chat.from_menu("Start a new conversation")
        chat.button("Start anew").click()
        expect(chat.said).to_have_count(0)
        chat.ask("Two", {"text": "2"})
        assert len(chat.assistant.calls("session")) == 2
        assert chat.assistant.calls("end") == [{}]

    def test_asked_whether_to_erase_one_may_say_no(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.from_menu("Erase this conversation")
        chat.button("Cancel").click()
        expect(chat.said).to_have_count(1)
        assert chat.assistant.calls("end") == []

    def test_erasing_erases_here_and_there(self, chat: ChatPage) -> None:
        chat.ask("My secret", {"text": "1"})
        chat.from_menu("Erase this conversation")
        chat.button("Erase").click()
        expect(chat.said).to_have_count(0)
        assert chat.assistant.calls("end") == [{"erase": True}]
        assert "My secret" not in chat.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")

    def test_what_could_not_be_erased_stays_and_is_said(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.assistant.refuses_calls("end", 503, "unavailable")
        chat.from_menu("Erase this conversation")
        chat.button("Erase").click()
        expect(chat.page.get_by_role("alert")).to_have_text("The conversation could not be erased. Please try again.")
        expect(chat.said).to_have_count(1)


class TestScrolling:
    LONG = {"text": "\n\n".join(f"Paragraph {number}" for number in range(12))}

    def test_a_long_answer_is_shown_from_its_question_on(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", {"text": "\n\n".join(f"Line {number}" for number in range(40))})
        expect(chat.said.last).to_be_in_viewport()
        expect(chat.answers.last.get_by_text("Line 0", exact=True)).to_be_in_viewport()

    def test_who_reads_on_in_a_long_answer_is_not_taken_back_to_its_beginning(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "\n\n".join(f"Line {number}" for number in range(40))})
        expect(chat.button("Go to the latest message")).to_be_visible()
        chat.page.locator(".scroller").hover()
        chat.page.mouse.wheel(0, 10_000)
        expect(chat.button("Go to the latest message")).to_have_count(0)  # what has just been drawn anew
        expect(chat.answers.get_by_text("Line 39", exact=True)).to_be_in_viewport()
        chat.button("Not helpful").click()
        expect(chat.page.locator(".comment")).to_be_visible()
        expect(chat.answers.get_by_text("Line 39", exact=True)).to_be_in_viewport()

    def test_a_reader_further_up_stays_there_and_can_jump_to_the_end(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", self.LONG)
        chat.assistant.hold()
        chat.assistant.answers({"text": "The newest."})
        chat.type_and_send("Three")
        expect(chat.activity).to_be_in_viewport()
        scroller = chat.page.locator(".scroller")
        scroller.evaluate("(frame) => { frame.scrollTop = 0; }")
        expect(chat.button("Go to the latest message")).to_be_visible()
        chat.assistant.release()
        chat.settled()
        assert scroller.evaluate("(frame) => frame.scrollTop") == 0
        chat.button("Go to the latest message").click()
        expect(chat.answers.last).to_be_in_viewport()
        expect(chat.button("Go to the latest message")).to_have_count(0)

    def test_a_growing_input_does_not_hide_the_last_message(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", {"text": "The end."})
        chat.input.fill("line\n" * 6)
        expect(chat.answers.last).to_be_in_viewport(ratio=1)
