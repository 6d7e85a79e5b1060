"""The widget in a real browser: what it shows, sends and offers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, CITED, CODE, COMPARISON, ORDER, SOURCES, product, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat
from tests.browser.fake_assistant import FakeAssistant

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


class TestCards:
    def test_products_are_cards_under_the_first_paragraph(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards())
        expect(chat.answers).to_have_text(["Two kettles:"])
        cards = chat.page.locator(".product")
        expect(cards.locator(".product-price")).to_have_text(["£29.99", "£34.50"])
        expect(cards.locator(".product-stock")).to_have_text(["In stock", "In stock"])
        expect(cards.first.locator(".product-features li")).to_have_text(["1.7 litres", "3000 W"])
        expect(cards.first.get_by_role("link")).to_have_attribute("href", "https://shop.example/p/1")

    def test_a_cards_button_sends_its_payload(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards())
        chat.button("Ask about this: Dawn").click()
        expect(chat.answers).to_have_count(2)
        expect(chat.said).to_have_text(["Kettles", "Dawn"])
        assert chat.assistant.messages()[-1] == "Tell me about Dawn"

    @pytest.mark.parametrize("address", ["", "/page/missing.png", "https://cdn.example/a.png", "data:image/svg+xml,x"])
    def test_without_a_picture_the_categorys_initial_shows(self, chat: ChatPage, address: str) -> None:
        chat.ask("Kettles", product_cards(product(image_url=address)))
        expect(chat.page.locator(".product-picture img")).to_have_count(0)
        expect(chat.page.locator(".product-picture")).to_have_text("K")

    def test_an_own_picture_is_shown(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards(product(image_url="/page/kettles.svg")))
        image = chat.page.locator(".product-picture img")
        expect(image).to_be_visible()
        expect(image).to_have_js_property("naturalWidth", 240)

    def test_the_carousel_turns_by_its_buttons(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards(*(product(f"Kettle {number}") for number in range(5))))
        last = chat.page.locator(".product").last
        expect(last).not_to_be_in_viewport()
        for _ in range(4):
            chat.button("Next products").click()
        expect(last).to_be_in_viewport()
        for _ in range(4):
            chat.button("Previous products").click()
        expect(chat.page.locator(".product").first).to_be_in_viewport()

    def test_an_order_is_a_timeline(self, chat: ChatPage) -> None:
        chat.ask("Order", ORDER)
        expect(chat.answers).to_contain_text(["Ordered: 4 May"])  # what only the text says stays
        order = chat.page.get_by_role("region", name="Order 1043")
        expect(order).to_contain_text("On its way")
        expect(order.locator(".steps li")).to_have_text(
            [re.compile("^Ordered, doneMon,? 4 May$"), "Packed, doneyesterday", "Delivered, not yet"]
        )
        expect(order.locator("[aria-current=step]")).to_contain_text("Packed")
        expect(order.locator(".order-items li")).to_have_text(["Swift 1.7", "2 × Filter"])
        expect(order.locator(".order-total")).to_have_text("Total£47.97")

    def test_a_comparison_is_a_table_that_marks_what_differs(self, chat: ChatPage) -> None:
        chat.ask("Compare", COMPARISON)
        table = chat.page.get_by_role("table", name="Swift 1.7 compared with Dawn")
        expect(table.locator("thead th")).to_have_text(["Swift 1.7", "Dawn"])
        expect(table.locator("tbody tr")).to_have_text(["Price, differs£29.99£34.50", "Capacity1.7 l1.7 l"])

    @pytest.mark.parametrize(
        "custom",
        [
            {"type": "hologram", "products": [product()]},
            {"type": "product_cards"},
            {"type": "product_cards", "products": [None, 3, {"price": 1}]},
            {"type": "order", "steps": "none"},
            {"type": "comparison", "left": None, "rows": [{"label": "x"}]},
            {"type": "field", "field": "shoe size"},
            ["a list"],
        ],
    )
    def test_what_cannot_be_shown_as_a_card_leaves_the_whole_text(self, chat: ChatPage, custom: Any) -> None:
        chat.ask("?", {"text": "First.\n\nSecond.", "custom": custom})
        expect(chat.answers).to_have_text(["First.Second."])
        assert chat.errors == []


class TestFields:
    def test_a_code_is_asked_for_by_its_digits_and_sent_as_a_message(self, chat: ChatPage) -> None:
        chat.ask("Order", CODE)
        code = chat.page.get_by_label("Code of 6 digits")
        expect(code).to_have_attribute("autocomplete", "one-time-code")
        code.fill("12ab")
        code.press("Enter")
        assert chat.assistant.messages() == ["Order"]  # the browser says what is wrong
        code.fill("123456")
        code.press("Enter")
        expect(chat.answers).to_have_count(2)
        expect(code).to_have_count(0)
        assert chat.assistant.messages() == ["Order", "123456"]

    @pytest.mark.parametrize(
        ("field", "label", "value"), [("date", "Date", "2026-05-04"), ("email", "Email address", "a@example.com")]
    )
    def test_dates_and_email_addresses_have_their_inputs(
        self, chat: ChatPage, field: str, label: str, value: str
    ) -> None:
        chat.ask("?", {"text": "Which?", "custom": {"type": "field", "field": field}})
        chat.page.get_by_label(label).fill(value)
        chat.page.locator(".field").get_by_role("button", name="Send").click()
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages()[-1] == value


class TestImages:
    PNG = bytes.fromhex("89504e470d0a1a0a")

    def test_a_photo_cannot_be_added_where_the_server_takes_none(self, chat: ChatPage) -> None:
        expect(chat.button("Add a photo")).to_have_count(0)

    def test_a_photo_goes_along_with_the_next_message(self, assistant: FakeAssistant, open_chat: OpenChat) -> None:
        assistant.config["features"]["images"] = True
        chat = open_chat()
        expect(chat.button("Add a photo")).to_be_visible()
        photo = {"name": "crack.png", "mimeType": "image/png", "buffer": self.PNG}
        chat.page.locator("input[type=file]").set_input_files(photo)
        expect(chat.page.get_by_role("img", name="crack.png")).to_be_attached()
        chat.assistant.answers({"text": "I am sorry."})
        chat.type_and_send("It is cracked")
        expect(chat.answers).to_have_text(["I am sorry."])
        expect(chat.said).to_have_text(["PhotoIt is cracked"])
        assert chat.assistant.received[0]["images"] == ["image-1"]
        expect(chat.page.get_by_role("img", name="crack.png")).to_have_count(0)

    @pytest.mark.parametrize(
        ("photo", "sentence"),
        [
            ({"name": "a.gif", "mimeType": "image/gif", "buffer": b"GIF89a"}, "This kind of file cannot be sent"),
            ({"name": "a.png", "mimeType": "image/png", "buffer": bytes(50_001)}, "This photo is too large"),
        ],
        ids=["type", "size"],
    )
    def test_a_file_of_the_wrong_type_or_size_stays_here(
        self, assistant: FakeAssistant, open_chat: OpenChat, photo: Any, sentence: str
    ) -> None:
        assistant.config["features"]["images"] = True
        chat = open_chat()
        expect(chat.button("Add a photo")).to_be_visible()
        chat.page.locator("input[type=file]").set_input_files(photo)
        expect(chat.page.locator(".composer .problem")).to_contain_text(sentence)
        assert assistant.calls("images") == []


class TestHandoff:
    EVENT = {"ticket": "T10005", "open_now": True, "answer_by": "2026-05-04T15:00:00Z", "ahead": 2}

    def test_a_banner_says_who_takes_over_and_how_many_wait(self, chat: ChatPage) -> None:
        chat.assistant.streams(("handoff", self.EVENT), ("message", {"text": "A colleague will help."}), ("done", {}))
        chat.type_and_send("A person, please")
        banner = chat.page.locator(".handoff")
        expect(banner).to_contain_text("A colleague is taking over")
        expect(banner).to_contain_text("Ticket T10005 · 2 ahead of you · by")
        chat.assistant.next_event()
        chat.assistant.next_event()
        chat.settled()
        chat.reload()
        expect(banner).to_contain_text("Ticket T10005")
        assert chat.errors == []

    def test_out_of_hours_it_says_when_somebody_answers(self, chat: ChatPage) -> None:
        closed = {**self.EVENT, "open_now": False, "ahead": 0}
        chat.assistant.streams(("handoff", closed))
        chat.type_and_send("A person, please")
        banner = chat.page.locator(".handoff")
        expect(banner).to_contain_text("A colleague will answer")
        expect(banner).not_to_contain_text("ahead")


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


class TestScrolling:
    LONG = {"text": "\n\n".join(f"Paragraph {number}" for number in range(12))}

    def test_a_long_answer_is_shown_from_its_question_on(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", {"text": "\n\n".join(f"Line {number}" for number in range(40))})
        expect(chat.said.last).to_be_in_viewport()
        expect(chat.answers.last.get_by_text("Line 0", exact=True)).to_be_in_viewport()

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
