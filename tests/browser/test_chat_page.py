"""The chat page in a real browser: what it shows, sends, keeps and says when something fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, COMPARISON, ORDER, SOURCES, product, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser


class TestSending:
    def test_a_greeting_stands_there_before_anything_is_sent(self, chat: ChatPage) -> None:
        expect(chat.log).to_contain_text("Hello, and welcome to Example Shop")
        assert chat.assistant.received == []

    def test_enter_sends_the_message_and_shows_the_answer(self, chat: ChatPage) -> None:
        chat.ask("Where is my parcel?", {"text": "On its way."})
        expect(chat.said).to_have_text(["Where is my parcel?"])
        expect(chat.answers).to_have_text(["On its way."])
        expect(chat.input).to_have_value("")

    def test_the_sender_is_128_random_bits_and_stays_for_the_conversation(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.ask("Two", {"text": "2"})
        first, second = (body["sender"] for body in chat.assistant.received)
        assert re.fullmatch("[0-9a-f]{32}", first) and first == second

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

    def test_a_suggestion_is_sent_as_the_customers_words(self, chat: ChatPage) -> None:
        chat.page.get_by_role("button", name="Find me a kettle under £40").click()
        expect(chat.answers).to_have_text(["Noted."])
        assert chat.assistant.messages() == ["Find me a kettle under £40"]

    def test_a_suggestion_leaves_a_half_typed_message_alone(self, chat: ChatPage) -> None:
        chat.input.fill("Half a")
        chat.page.get_by_role("button", name="Talk to a person").click()
        expect(chat.said).to_have_text(["Talk to a person"])
        expect(chat.input).to_have_value("Half a")

    def test_while_an_answer_is_awaited_typing_goes_on_and_sending_waits(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.type_and_send("First")
        expect(chat.typing).to_be_visible()
        expect(chat.page.get_by_role("status")).to_have_text("The assistant is writing.")
        chat.type_and_send("Second")
        expect(chat.input).to_have_value("Second")
        chat.assistant.release()
        chat.settled()
        assert chat.assistant.messages() == ["First"]
        chat.input.press("Enter")
        expect(chat.answers).to_have_count(2)

    def test_the_counter_appears_from_1800_characters(self, chat: ChatPage) -> None:
        chat.input.fill("a" * 1799)
        expect(chat.page.locator("#counter")).to_have_text("")
        chat.input.fill("a" * 1800)
        expect(chat.page.locator("#counter")).to_have_text("1800 of 2000 characters")

    def test_a_message_over_2000_characters_is_kept_and_not_sent(self, chat: ChatPage) -> None:
        chat.type_and_send("a" * 2003)
        expect(chat.page.locator("#counter")).to_have_text("3 too many: please shorten your message")
        assert len(chat.input.input_value()) == 2003 and chat.assistant.received == []

    def test_an_emoji_counts_as_one_character_as_on_the_server(self, chat: ChatPage) -> None:
        chat.type_and_send("\N{GRINNING FACE}" * 2000)
        expect(chat.answers).to_have_text(["Noted."])


class TestText:
    def test_paragraphs_lines_bold_and_lists_have_their_elements(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "A **bold** word\nnext line\n\nSecond\n- one\n- two\n3. three\n4. four"})
        html = chat.answers.inner_html()
        assert html == (
            "<p>A <strong>bold</strong> word<br>next line</p><p>Second</p>"
            '<ul><li>one</li><li>two</li></ul><ol start="3"><li>three</li><li>four</li></ol>'
        )

    @pytest.mark.parametrize(
        ("text", "address", "title"),
        [
            ("See [our help](https://shop.example/help).", "https://shop.example/help", "our help"),
            ("See https://shop.example/help.", "https://shop.example/help", "https://shop.example/help"),
            ("(https://shop.example/a_(b))", "https://shop.example/a_(b)", "https://shop.example/a_(b)"),
            ("**[Mail](mailto:help@shop.example)**", "mailto:help@shop.example", "Mail"),
        ],
    )
    def test_links_open_beside_the_chat(self, chat: ChatPage, text: str, address: str, title: str) -> None:
        chat.ask("?", {"text": text})
        link = chat.answers.get_by_role("link")
        expect(link).to_have_text(title)
        expect(link).to_have_attribute("href", address)
        expect(link).to_have_attribute("rel", "noopener")
        expect(link).to_have_attribute("target", "_blank")

    @pytest.mark.parametrize("text", ["2 ** 3 ** 4", "[not a link]", "[x](/relative)", "a - b", "**", "<b>x</b>"])
    def test_what_is_no_mark_up_stays_as_it_is(self, chat: ChatPage, text: str) -> None:
        chat.ask("?", {"text": text})
        expect(chat.answers).to_have_text(text)

    def test_a_right_to_left_answer_runs_from_right_to_left(self, chat: ChatPage) -> None:
        chat.ask("?", {"text": "مرحبا"})
        expect(chat.answers).to_have_css("direction", "rtl")

    def test_sources_stand_under_the_answer_as_links(self, chat: ChatPage) -> None:
        chat.ask("?", SOURCES)
        sources = chat.page.locator(".sources li")
        expect(sources).to_have_text(["Source: Descaling a kettle", "Source: Internal note"])
        expect(sources.get_by_role("link")).to_have_count(1)
        expect(sources.get_by_role("link")).to_have_attribute("href", "https://shop.example/help/descale")


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
        expect(chat.choices).to_have_count(0)

    def test_buttons_are_gone_once_something_else_is_sent(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.type_and_send("I do not know")
        expect(chat.choices).to_have_count(0)

    def test_buttons_of_an_earlier_message_stand_under_the_last_one(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS, {"text": "Take your time."})
        expect(chat.choices).to_have_text(["Yes, it is", "No"])
        expect(chat.page.locator("#messages > :last-child")).to_have_class("choices")


class TestCards:
    def test_products_are_cards_under_the_first_paragraph(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards())
        expect(chat.answers).to_have_text(["Two kettles:"])
        expect(chat.page.locator(".product-name")).to_have_text(["Swift 1.7", "Dawn"])
        expect(chat.page.locator(".product-price")).to_have_text(["£29.99", "£34.50"])
        expect(chat.page.locator(".product").first).to_contain_text("In stock1.7 litres3000 W")
        expect(chat.page.locator(".product").first.get_by_role("link")).to_have_attribute(
            "href", "https://shop.example/p/1"
        )

    def test_a_cards_button_sends_its_payload(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards())
        chat.page.get_by_role("button", name="Ask about this: Dawn").click()
        expect(chat.said).to_have_text(["Kettles", "Dawn"])
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages()[-1] == "Tell me about Dawn"

    @pytest.mark.parametrize("address", ["", "/page/missing.png", "https://cdn.example/a.png"])
    def test_without_a_picture_the_categorys_initial_shows(self, chat: ChatPage, address: str) -> None:
        chat.ask("Kettles", product_cards(product(image_url=address)))
        expect(chat.page.locator(".product-picture img")).to_have_count(0)
        expect(chat.page.locator(".product-picture")).to_have_text("K")

    def test_an_own_picture_is_shown(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards(product(image_url="/page/icon.svg")))
        expect(chat.page.locator(".product-picture img")).to_be_visible()

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
            ["a list"],
        ],
    )
    def test_what_cannot_be_shown_as_a_card_leaves_the_whole_text(self, chat: ChatPage, custom: Any) -> None:
        chat.ask("?", {"text": "First.\n\nSecond.", "custom": custom})
        expect(chat.answers).to_have_text(["First.Second."])
        assert chat.errors == []


class TestFailures:
    @pytest.mark.parametrize(
        "failure",
        [
            pytest.param(lambda fake: fake.replies(503, "busy"), id="the server is busy"),
            pytest.param(lambda fake: fake.replies(400, '{"error": "bad_request"}'), id="the request is refused"),
            pytest.param(lambda fake: fake.drops_the_connection(), id="the connection breaks"),
            pytest.param(lambda fake: fake.replies(200, "<html>proxy</html>"), id="the answer is no JSON"),
            pytest.param(lambda fake: fake.replies(200, "[]"), id="the answer is empty"),
        ],
    )
    def test_a_retry_sends_the_same_message_again(
        self, chat: ChatPage, failure: Callable[[FakeAssistant], None]
    ) -> None:
        failure(chat.assistant)
        chat.type_and_send("Where is it?")
        expect(chat.problem).to_contain_text("Your message is kept.")
        chat.retry.click()
        expect(chat.answers).to_have_text(["Noted."])
        expect(chat.problem).to_have_count(0)
        expect(chat.said).to_have_text(["Where is it?"])
        assert chat.assistant.messages() == ["Where is it?", "Where is it?"]

    def test_a_failed_button_is_retried_with_its_payload(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.assistant.replies(500, "")
        chat.choices.first.click()
        chat.retry.click()
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages() == ["Return", "/affirm", "/affirm"]

    def test_what_was_typed_meanwhile_stays_in_the_input(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.assistant.replies(503, "")
        chat.type_and_send("First")
        chat.input.fill("Second, half typed")
        chat.assistant.release()
        expect(chat.problem).to_be_visible()
        expect(chat.input).to_have_value("Second, half typed")

    def test_a_message_left_behind_is_marked_as_not_answered(self, chat: ChatPage) -> None:
        chat.assistant.replies(503, "")
        chat.type_and_send("First")
        expect(chat.problem).to_be_visible()
        chat.ask("Second", {"text": "Here."})
        expect(chat.page.locator(".user").first).to_contain_text("Not answered")
        expect(chat.problem).to_have_count(0)


class TestConversation:
    def test_a_reload_keeps_the_conversation(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards(), BUTTONS)
        chat.reload()
        expect(chat.said).to_have_text(["Kettles"])
        expect(chat.answers).to_have_text(["Two kettles:", "Is it faulty?"])
        expect(chat.page.locator(".product")).to_have_count(2)
        chat.choices.first.click()
        expect(chat.answers).to_have_count(3)
        assert len({body["sender"] for body in chat.assistant.received}) == 1

    def test_a_reload_keeps_what_is_half_typed(self, chat: ChatPage) -> None:
        chat.input.fill("Half a")
        chat.page.reload()
        expect(chat.input).to_have_value("Half a")

    def test_a_reload_before_the_answer_offers_a_retry(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.type_and_send("Slow one")
        expect(chat.typing).to_be_visible()
        chat.reload()
        chat.assistant.release()
        expect(chat.problem).to_be_visible()
        chat.retry.click()
        expect(chat.answers).to_have_text(["Noted."])

    def test_a_new_conversation_is_empty_and_has_another_sender(self, chat: ChatPage) -> None:
        chat.ask("One", BUTTONS)
        chat.page.get_by_role("button", name="New conversation").click()
        expect(chat.page.locator("#messages > *")).to_have_count(0)
        chat.ask("Two", {"text": "2"})
        assert len({body["sender"] for body in chat.assistant.received}) == 2

    def test_an_answer_to_the_old_conversation_does_not_reach_the_new_one(self, chat: ChatPage) -> None:
        chat.assistant.hold()
        chat.type_and_send("Old")
        expect(chat.typing).to_be_visible()
        chat.page.get_by_role("button", name="New conversation").click()
        chat.assistant.release()
        chat.ask("New", {"text": "Fresh."})
        expect(chat.said).to_have_text(["New"])
        expect(chat.answers).to_have_count(1)

    def test_a_stored_conversation_that_cannot_be_read_gives_way_to_a_new_one(self, chat: ChatPage) -> None:
        chat.page.evaluate("sessionStorage.setItem('frontdesk.conversation', '{broken')")
        chat.reload()
        chat.ask("Hello", {"text": "Hello."})
        expect(chat.answers).to_have_text(["Hello."])

    def test_without_session_storage_the_chat_still_works(self, chat: ChatPage) -> None:
        chat.page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', "
            "{ get() { throw new DOMException('no', 'SecurityError'); } })"
        )
        chat.reload()
        chat.ask("Hello", {"text": "Hello."})
        expect(chat.answers).to_have_text(["Hello."])


class TestScrolling:
    LONG = {"text": "\n\n".join(f"Paragraph {number}" for number in range(12))}

    def test_a_reader_at_the_end_sees_the_new_answer_from_its_beginning(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", {"text": "\n\n".join(f"Line {number}" for number in range(40))})
        expect(chat.answers.last.get_by_text("Line 0", exact=True)).to_be_in_viewport()

    def test_a_reader_further_up_stays_there_and_can_jump_to_the_end(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", self.LONG)
        chat.assistant.hold()
        chat.assistant.answers({"text": "The newest."})
        chat.type_and_send("Three")
        expect(chat.typing).to_be_in_viewport()
        chat.log.evaluate("(log) => { log.scrollTop = 0; }")
        chat.assistant.release()
        chat.settled()
        assert chat.log.evaluate("(log) => log.scrollTop") == 0
        chat.page.get_by_role("button", name="Go to the latest message").click()
        expect(chat.answers.last).to_be_in_viewport()
        expect(chat.page.locator("#jump")).to_be_hidden()

    def test_a_growing_input_does_not_hide_the_last_message(self, chat: ChatPage) -> None:
        chat.ask("One", self.LONG)
        chat.ask("Two", {"text": "The end."})
        chat.input.fill("line\n" * 6)
        expect(chat.answers.last).to_be_in_viewport(ratio=1)
