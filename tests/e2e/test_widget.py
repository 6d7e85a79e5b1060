"""The widget in a real browser with the real assistant: a whole return by keyboard, and what stays afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser import chromium
from tests.e2e.conftest import System
from tests.e2e.people import TOM
from tests.e2e.shop_database import ShopDatabase

pytestmark = pytest.mark.browser

ANSWER_MS = 60_000
MOST_STOPS = 30  # of the Tab key, on the way to a button


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.launched() as browser:
        yield browser


class Visitor:
    """Somebody in the demo shop who has no mouse."""

    def __init__(self, browser: Browser, system: System) -> None:
        self.foreign_requests: list[str] = []
        self._own = urlsplit(system.url).netloc
        self.page: Page = browser.new_context(locale="en-GB", reduced_motion="reduce").new_page()
        self.page.route("**/*", self._own_host_only)
        self.page.goto(system.url)
        self.page.get_by_role("button", name="Ask the assistant").focus()
        self.page.keyboard.press("Enter")
        expect(self.input).to_be_focused()

    @property
    def input(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your message")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    def says(self, text: str, answer: str) -> None:
        """Types a message into what has the focus, and waits for an answer with these words."""
        expect(self.input).to_be_focused()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        self._hears(answer)

    def presses(self, title: str, answer: str) -> None:
        """Walks back to a button with the Tab key and presses it."""
        button = self.page.locator(".choices").get_by_role("button", name=title, exact=True)
        expect(button).to_be_visible()
        for _ in range(MOST_STOPS):
            if button.evaluate("(button) => button.getRootNode().activeElement === button"):
                break
            self.page.keyboard.press("Shift+Tab")
        expect(button).to_be_focused()
        self.page.keyboard.press("Space")
        self._hears(answer)

    def _hears(self, answer: str) -> None:
        expect(self.log.locator(".bot").last).to_contain_text(answer, timeout=ANSWER_MS)
        expect(self.page.locator(".activity")).to_have_count(0, timeout=ANSWER_MS)

    def _own_host_only(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == self._own:
            route.continue_()
        else:
            self.foreign_requests.append(route.request.url)
            route.abort()


def test_a_whole_return_by_keyboard_alone_outlives_a_reload_and_can_be_erased(
    browser: Browser, system: System, shop: ShopDatabase
) -> None:
    visitor = Visitor(browser, system)
    visitor.says("I want to return order 1256", "email")
    visitor.says(TOM.email, "six digits")
    # Where the assistant asks for the code, there is an input for it; the message box takes it as well.
    visitor.says(shop.codes_mailed_to(TOM.email)[-1], "Which")
    visitor.presses("Tamsin Milk Frother", "reason")
    visitor.presses("Changed my mind", "Shall I arrange")
    visitor.presses("Yes, arrange it", "is arranged")
    [arranged] = shop.returns("1256")
    assert arranged["items"] == [("Tamsin Milk Frother", 1)]

    said = visitor.log.locator(".message").count()
    visitor.page.reload()
    expect(visitor.log.locator(".message")).to_have_count(said)

    stranger = Visitor(browser, system)
    expect(stranger.log).not_to_contain_text("1256")

    visitor.page.get_by_role("button", name="More").click()
    visitor.page.get_by_role("button", name="Erase this conversation").click()
    visitor.page.get_by_role("button", name="Erase", exact=True).click()
    expect(visitor.log).not_to_contain_text("1256", timeout=ANSWER_MS)
    assert visitor.foreign_requests == stranger.foreign_requests == []


def test_products_come_with_their_pictures_and_an_answer_can_be_judged(
    browser: Browser, system: System, shop: ShopDatabase
) -> None:
    visitor = Visitor(browser, system)
    visitor.says("I'm looking for a kettle under £50", "Anything that matters to you")
    visitor.presses("Nothing in particular", "Here is what fits")
    picture = visitor.page.locator(".product-picture img").first
    expect(picture).to_have_js_property("naturalWidth", 240)
    visitor.page.get_by_role("button", name="Helpful", exact=True).last.click()
    helpful = visitor.page.get_by_role("button", name="Helpful", exact=True).last
    expect(helpful).to_have_attribute("aria-pressed", "true", timeout=ANSWER_MS)
    assert visitor.foreign_requests == []
