"""What is more than text in the widget: cards, fields, photos, handoff."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.answers import CODE, COMPARISON, ORDER, product, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser


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
