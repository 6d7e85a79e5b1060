"""Makes the pictures of the chat in docs/images: `make screenshots`.

The answers are the fake assistant's, so that the pictures need no model and are the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from frontdesk.brand import load_brand
from tests.browser import chromium
from tests.browser.chat_page import ChatPage
from tests.browser.fake_assistant import FakeAssistant

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
PANEL = {"x": 844, "y": 12, "width": 432, "height": 784}  # of the desk's window, with the launcher

KETTLES = {
    "text": "I found 3 kettles under £40:",
    "custom": {
        "type": "product_cards",
        "replaces_text": True,
        "products": [
            {
                "name": name,
                "price": price,
                "stock_text": stock,
                "features": features,
                "category_name": "Kettles",
                "image_url": "/page/kettles.svg",
                "url": "https://shop.example/kettle",
            }
            for name, price, stock, features in (
                ("Norvane Swift 1.7", "£34.99", "In stock", ["1.7 litres", "Boils a cup in 50 seconds"]),
                ("Norvane Swift 1.7 Black", "£36.99", "Only 3 left", ["1.7 litres", "Matt black"]),
                ("Tamsin Dawn Glass Kettle", "£39.99", "In stock", ["Glass", "Blue light"]),
            )
        ],
    },
}
ORDER = {
    "text": "Your order **1187** is on its way with Parcelway. We expect it on **Thursday**.",
    "custom": {
        "type": "order",
        "number": "1187",
        "state_text": "On its way",
        "steps": [
            {"label": "Ordered", "done": True, "at": "2026-05-04"},
            {"label": "Packed", "done": True, "at": "2026-05-05"},
            {"label": "Dispatched", "done": True, "at": "2026-05-06"},
            {"label": "Out for delivery", "done": False},
            {"label": "Delivered", "done": False},
        ],
        "items": [{"name": "Norvane Swift 1.7", "quantity": 1}, {"name": "Descaler", "quantity": 2}],
        "total": "£48.97",
    },
}
ARTICLES = [
    {"number": 1, "title": "Descaling a kettle", "url": "https://shop.example/help/descaling"},
    {"number": 2, "title": "Looking after your kettle", "url": "https://shop.example/help/kettles"},
]
DESCALING = {
    "text": "Fill the kettle half with water and add **30 g of citric acid** [1]. Then:\n\n1. Boil it and leave it for"
    " 20 minutes.\n2. Pour it out and rinse twice.\n\nIn a hard-water area, do this **every four weeks** [2].",
    "sources": ARTICLES,
}
HANDOFF = {"ticket": "T10005", "open_now": True, "answer_by": "", "ahead": 2}


def order(chat: ChatPage) -> None:
    chat.ask("Where is my order 1187?", ORDER)


def card(chat: ChatPage) -> None:
    chat.ask("Show me kettles under £40", KETTLES)


def streaming(chat: ChatPage) -> None:
    text = "Fill the kettle half with water and add **30 g of citric acid** [1]. Then boil it and"
    chat.assistant.streams(("sources", {"sources": ARTICLES}), ("token", {"text": text}))
    chat.type_and_send("How do I descale a kettle?")
    chat.assistant.next_event()
    expect(chat.draft).to_be_visible()


def citation(chat: ChatPage) -> None:
    chat.ask("How do I descale a kettle?", DESCALING)


def handoff(chat: ChatPage) -> None:
    text = "I have passed this on to a colleague, with all that you have told me. They will write to you here."
    chat.assistant.streams(("handoff", HANDOFF), ("message", {"text": text}), ("done", {}))
    chat.type_and_send("I would like to talk to a person")
    chat.assistant.next_event()
    chat.assistant.next_event()
    chat.settled()


def shop(chat: ChatPage) -> None:
    chat.page.keyboard.press("Escape")


# Name, what is shown, browser settings, part of the window.
PICTURES: tuple[tuple[str, Callable[[ChatPage], None], dict[str, Any], dict[str, int] | None], ...] = (
    ("shop", shop, DESK, None),
    ("chat-light", order, DESK, None),
    ("chat-dark", order, {**DESK, "color_scheme": "dark"}, None),
    ("chat-phone", card, PHONE, None),
    ("chat-card", card, DESK, PANEL),
    ("chat-streaming", streaming, DESK, PANEL),
    ("chat-citation", citation, DESK, PANEL),
    ("chat-handoff", handoff, DESK, PANEL),
)


def picture(
    browser: Browser, name: str, scene: Callable[[ChatPage], None], options: dict[str, Any], clip: dict[str, int] | None
) -> None:
    brand = load_brand()
    assistant = FakeAssistant()
    assistant.config.update(name=brand.name, colour=brand.colour)
    context = browser.new_context(locale="en-GB", timezone_id="Europe/London", reduced_motion="reduce", **options)
    chat = ChatPage(context, assistant)
    scene(chat)
    chat.page.mouse.move(0, 0)
    part = {"clip": clip} if clip else {}
    chat.page.screenshot(path=FOLDER / f"{name}.png", caret="initial", **part)
    assistant.release()
    context.close()
    assistant.close()


def main() -> None:
    program = chromium.program()
    if program is None:
        raise SystemExit(f"frontdesk: {chromium.MISSING}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.ARGUMENTS)
        for name, scene, options, clip in PICTURES:
            picture(browser, name, scene, options, clip)
            print(f"  docs/images/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
