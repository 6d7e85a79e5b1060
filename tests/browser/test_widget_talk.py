"""Messages in the widget: sending, Markdown, citations, buttons, thumbs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, CITED, SOURCES
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat

pytestmark = pytest.mark.browser


class TestSending:
    def test_a_greeting_stands_there_and_no_session_is_begun(self, chat: ChatPage) -> None:
        expect(chat.log).to_contain_text("What can I do for you?")
        assert chat.assistant.sessions == {}

    def test_enter_sends_the_message_and_shows_the_answer(self, chat: ChatPage) -> None:
        chat.ask("Where is my parcel?", {"text": "On its way."})
        expect(chat.said).to_have_text(["Where is my parcel?"])
        expect(chat.answers).to_have_text(["On its way."])
        expect(chat.input).to_have_value("")

    def test_a_conversation_has_one_session_and_each_message_its_key(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.ask("Two", {"text": "2"})
        (conversation,) = chat.assistant.sessions.values()
        assert len(conversation.keys) == 2

    def test_the_token_is_in_no_address(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        (token,) = chat.assistant.sessions
        assert not any(token in path for _, path, _ in chat.assistant.requests)

    def test_shift_and_enter_start_a_new_line(self, chat: ChatPage) -> None:
        chat.input.fill("One")
        chat.input.press("Shift+Enter")
        chat.input.press_sequentially("Two")
        assert chat.input.input_value() == "One\nTwo" and chat.assistant.received == []

    def test_blank_input_sends_nothing(self, chat: ChatPage) -> None:
        chat.type_and_send(" \n ")
        chat.send.click(force=True)  # it says that it is disabled
        expect(chat.said).to_have_count(0)
        assert chat.assistant.received == []

    def test_what_is_written_meanwhile_is_sent_in_its_order(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.type_and_send("First")
        expect(chat.activity).to_be_visible()
        chat.type_and_send("Second")
        expect(chat.said).to_have_text(["First", "Second"])
        chat.assistant.release()
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages() == ["First", "Second"]
        turns = chat.log.locator(".message:not(:first-child) .bubble")
        expect(turns).to_have_text(["First", "Noted.", "Second", "Noted."])

    def test_the_counter_appears_from_1800_characters(self, chat: ChatPage) -> None:
        counter = chat.page.locator("#counter")
        chat.input.fill("a" * 1799)
        expect(counter).to_have_text("")
        chat.input.fill("a" * 1800)
        expect(counter).to_have_text("1800 of 2000 characters")

    def test_a_message_over_the_servers_limit_is_kept_and_not_sent(self, chat: ChatPage) -> None:
        chat.type_and_send("a" * 2003)
        expect(chat.page.locator("#counter")).to_have_text("3 too many: please shorten your message")
        assert len(chat.input.input_value()) == 2003 and chat.assistant.received == []

    def test_an_emoji_counts_as_one_character_as_on_the_server(self, chat: ChatPage) -> None:
        chat.type_and_send("\N{GRINNING FACE}" * 2000)
        expect(chat.answers).to_have_text(["Noted."])


class TestText:
    def test_markdown_has_its_elements(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "A **bold** *word*\nnext line\n\nSecond\n\n- one\n- two\n\n3. three\n4. four"})
        assert chat.answers.inner_html() == (
            "<p>A <strong>bold</strong> <em>word</em><br>next line</p><p>Second</p>"
            '<ul><li>one</li><li>two</li></ul><ol start="3"><li>three</li><li>four</li></ol>'
        )

    @pytest.mark.parametrize(
        ("text", "address", "title"),
        [
            ("See [our help](https://shop.example/help).", "https://shop.example/help", "our help"),
            ("See https://shop.example/help.", "https://shop.example/help", "https://shop.example/help"),
            ("**[Mail](mailto:help@shop.example)**", "mailto:help@shop.example", "Mail"),
            ("![A kettle](https://shop.example/k.png)", "https://shop.example/k.png", "A kettle"),
        ],
    )
    def test_links_open_beside_the_chat(self, chat: ChatPage, text: str, address: str, title: str) -> None:
        chat.ask("?", {"text": text})
        link = chat.answers.get_by_role("link")
        expect(link).to_have_text(f"{title} (opens in a new tab)")
        expect(link).to_have_attribute("href", address)
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        expect(link).to_have_attribute("target", "_blank")

    @pytest.mark.parametrize(
        "text", ["2 ** 3 ** 4", "[not a link]", "[x](relative)", "a - b", "**", "<b>x</b>", "[1]", "&lt;b&gt;"]
    )
    def test_what_is_no_markdown_stays_as_it_is(self, chat: ChatPage, text: str) -> None:
        chat.ask("?", {"text": text})
        expect(chat.answers).to_have_text(text)

    def test_a_right_to_left_answer_runs_from_right_to_left(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "مرحبا"})
        expect(chat.answers).to_have_css("direction", "rtl")

    def test_nesting_without_end_is_shown_as_text(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "> " * 900 + "x"}, {"text": "Still there."})
        expect(chat.answers.last).to_have_text("Still there.")
        assert chat.errors == []


class TestCitations:
    def test_numbers_in_the_text_and_the_list_open_the_articles(self, chat: ChatPage) -> None:
        chat.ask("?", CITED)
        citations = chat.answers.locator(".citation")
        expect(citations).to_have_text(["Descaling a kettle, 1", "Rinsing, 2"])
        expect(citations.first).to_have_attribute("href", "https://shop.example/help/descale")
        articles = chat.page.locator(".sources a")
        expect(articles).to_have_count(2)
        expect(articles.last).to_have_attribute("href", "https://shop.example/help/rinse")

    def test_an_article_opens_in_a_tab_of_its_own(self, chat: ChatPage) -> None:
        chat.assistant.pages["help.html"] = ("text/html", b"<title>Descaling</title>")
        chat.ask("?", {"text": "See [1].", "sources": [{"number": 1, "title": "Descaling", "url": "/page/help.html"}]})
        with chat.page.expect_popup() as opened:
            chat.page.locator(".sources a").click()
        expect(opened.value).to_have_title("Descaling")

    def test_a_source_whose_address_is_no_web_page_is_named_only(self, chat: ChatPage) -> None:
        chat.ask("?", SOURCES)
        expect(chat.page.locator(".sources li")).to_have_text(
            ["Descaling a kettle (opens in a new tab)", "Internal note"]
        )
        expect(chat.page.locator(".sources a")).to_have_count(1)


class TestButtons:
    def test_a_button_says_its_title_and_sends_its_payload(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.choices.get_by_text("Yes, it is").click()
        expect(chat.said).to_have_text(["Return", "Yes, it is"])
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages() == ["Return", "/affirm"]

    def test_buttons_are_gone_once_one_is_used(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.choices.first.click()
        expect(chat.answers).to_have_count(2)
        expect(chat.choices).to_have_count(0)

    def test_buttons_are_gone_once_something_else_is_sent(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.ask("I do not know", {"text": "Let us see."})
        expect(chat.choices).to_have_count(0)

    def test_quick_replies_are_offered_like_buttons(self, chat: ChatPage) -> None:
        chat.ask("Hello", {"text": "Yes?", "quick_replies": [{"title": "Prices", "payload": "/prices"}]})
        chat.choices.click()
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages() == ["Hello", "/prices"]

    def test_suggestions_stand_there_until_the_first_message(self, chat: ChatPage) -> None:
        chat.choices.get_by_text("Where is my order?").click()
        expect(chat.answers).to_have_text(["Noted."])
        expect(chat.choices).to_have_count(0)
        assert chat.assistant.messages() == ["Where is my order?"]


class TestFeedback:
    def test_thumbs_up_are_sent_and_taken_back(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "Here."})
        chat.button("Helpful").click()
        expect(chat.button("Helpful")).to_have_attribute("aria-pressed", "true")
        chat.button("Helpful").click()
        expect(chat.button("Helpful")).to_have_attribute("aria-pressed", "false")
        assert [body["thumbs"] for body in chat.assistant.calls("feedback")] == ["up", None]

    def test_thumbs_down_may_have_a_comment(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "Here."})
        chat.button("Not helpful").click()
        chat.page.get_by_label("What could be better?").fill("Too short")
        chat.button("Send comment").click()
        expect(chat.page.locator(".comment")).to_have_count(0)
        expect(chat.status).to_have_text("Thank you for telling us.")
        last = chat.assistant.calls("feedback")[-1]
        assert (last["thumbs"], last["comment"]) == ("down", "Too short")
        assert last["message_id"].endswith(".1")

    def test_a_failure_is_said_and_changes_nothing(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "Here."})
        chat.assistant.refuses_calls("feedback", 503, "unavailable")
        chat.button("Helpful").click()
        expect(chat.status).to_have_text("That could not be saved. Please try again.")
        expect(chat.button("Helpful")).to_have_attribute("aria-pressed", "false")

    def test_an_answer_can_be_copied_as_plain_text(self, open_chat: OpenChat) -> None:
        chat = open_chat(permissions=["clipboard-read", "clipboard-write"])
        chat.ask("?", {"text": "Use **this**:\n\n- one\n- two"})
        chat.button("Copy").click()
        expect(chat.status).to_have_text("Copied")
        assert chat.page.evaluate("navigator.clipboard.readText()") == "Use this:\n\n- one\n- two"
