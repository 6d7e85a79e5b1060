"""The widget with the real servers and a scripted model: how soon an answer shows, where citations lead, photos."""

from __future__ import annotations

import base64
import re
import statistics
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.e2e.conftest import System
from tests.e2e.customer import get
from tests.e2e.model_servers import Assistant, assistant_with_model
from tests.e2e.shop_database import ShopDatabase
from tests.llm import fake_upstream

pytestmark = pytest.mark.browser

ANSWER_MS = 60_000
DEADLINE_SECONDS = 18.0  # the longest that can be set: the answer is a long one
QUESTION = "how do I descale my kettle?"
# From the article on descaling, so that it passes the checks; a model writes it at a reader's pace.
LONG_ANSWER = """\
Add 30 g of citric acid slowly. \
It will fizz where there is limescale. \
Before that, fill the kettle with 1 litre of water and boil it. \
Switch the kettle off, unplug it and wait 5 minutes, so that the powder does not make hot water foam over. \
Leave the kettle for 30 minutes with the lid open. \
Pour the water away, rinse three times and wipe loose flakes out with a soft sponge. \
Boil a full kettle of fresh water once and throw it away. \
Mix 500 ml of clear white vinegar with 500 ml of cold water, pour it into the kettle and leave it for 1 hour without \
boiling. \
Hot vinegar foams and its fumes sting the eyes. \
Afterwards rinse well and boil fresh water twice to get rid of the smell. \
Thick scale may need a second round."""
SECONDS_A_WORD = 0.1  # a model of some billion parameters on a processor
PAIRS = 3
TIMES_SOONER = 5.0
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# Milliseconds until the first words of the answer have been painted.
_FIRST_TOKEN = """(question) => {
  const chat = document.querySelector("support-chat");
  return new Promise((resolve) => {
    const began = performance.now();
    const observer = new MutationObserver(() => {
      if (!chat.shadowRoot.querySelector(".draft .bubble")?.textContent) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
    });
    observer.observe(chat.shadowRoot, { childList: true, subtree: true, characterData: true });
    chat.send(question);
  });
}"""
# The same question as any REST client asks it, and what it gets: milliseconds, text.
_WHOLE_ANSWER = """async (question) => {
  const post = async (path, token, body) => (await fetch("/webhooks/rest/" + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { Authorization: "Bearer " + token }) },
    body: JSON.stringify(body),
  })).json();
  const { token } = await post("session", "", {});
  await post("webhook", token, { message: "hello" });
  const began = performance.now();
  const [answer] = await post("webhook", token, { message: question });
  return [performance.now() - began, answer.text];
}"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def assistant(
    database: ShopDatabase, tmp_path_factory: pytest.TempPathFactory, today: date, photos: Path
) -> Iterator[Assistant]:
    settings = {
        "FRONTDESK_LLM_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
        "FRONTDESK_LLM_SUMMARY_SECONDS": "0",
        "FRONTDESK_IMAGES": "1",
        "FRONTDESK_IMAGES_FOLDER": str(photos),
    }
    with assistant_with_model(database, tmp_path_factory.mktemp("servers"), today, settings) as started:
        yield started


@pytest.fixture(scope="module")
def system(assistant: Assistant) -> System:
    """Takes the place of the assistant that other tests talk to."""
    return assistant.system


# A browser for the whole module: see tests/browser/conftest.py.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, assistant: Assistant) -> Iterator[Page]:
    """The demo shop with the chat open."""
    context = browser.new_context(locale="en-GB", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(ANSWER_MS)
    opened.goto(assistant.url)
    opened.get_by_role("button", name="Ask the assistant").click()
    yield opened
    context.close()


def says(page: Page, text: str) -> None:
    """Says something, and waits for the end of the answer."""
    page.get_by_role("textbox", name="Your message").fill(text)
    page.keyboard.press("Enter")
    answered(page)


def answered(page: Page) -> None:
    expect(page.get_by_role("log").locator(".message").last).to_have_class(re.compile("bot"), timeout=ANSWER_MS)
    expect(page.locator(".activity")).to_have_count(0, timeout=ANSWER_MS)


def words(text: str) -> list[str]:
    """A text as a model streams it."""
    return re.findall(r"\S+\s*", text)


def test_the_first_words_are_on_screen_long_before_a_whole_answer_has_come(
    page: Page, assistant: Assistant, record_property: Callable[[str, object], None]
) -> None:
    """Side by side in one browser: the widget's first words, and the same question by plain REST.

    `make bench-stream` runs this test and reads the times.
    """
    assistant.upstream.default(fake_upstream.chat(*words(LONG_ANSWER), pause=SECONDS_A_WORD))
    first, whole = [], []
    for _ in range(PAIRS):
        says(page, "hello")
        first.append(page.evaluate(_FIRST_TOKEN, QUESTION) / 1000)
        answered(page)
        shown = page.get_by_role("log").locator(".bot .bubble").last.inner_text()
        seconds, text = page.evaluate(_WHOLE_ANSWER, QUESTION)
        whole.append(seconds / 1000)
        assert LONG_ANSWER in text.replace("\n", " ")
        assert shown.startswith(LONG_ANSWER[:500])  # the same answer, and all of it
        page.locator("support-chat").evaluate("(chat) => chat.end()")

    record_property("first_words_seconds", " ".join(map(str, first)))
    record_property("whole_answer_seconds", " ".join(map(str, whole)))
    assert statistics.median(whole) >= TIMES_SOONER * statistics.median(first), (first, whole)


def test_a_citation_opens_the_article_at_its_heading(page: Page, assistant: Assistant) -> None:
    heading = "Descaling a kettle with citric acid, step by step"
    assistant.upstream.default(fake_upstream.chat("Leave the kettle for 30 minutes with the lid open."))
    says(page, "hello")
    says(page, QUESTION)

    with page.expect_popup() as opened:
        page.locator(".sources a").click()

    article = opened.value
    expect(article.get_by_role("heading", level=1)).to_have_text("How to descale a kettle")
    expect(article.locator(":target")).to_have_text(heading)
    expect(article.locator(":target")).to_be_in_viewport()
    expect(article.get_by_text("kettles/descale-a-kettle.md")).to_be_visible()
    # The conversation is there as well.
    article.get_by_role("button", name="Open the chat").click()
    expect(article.get_by_role("log")).to_contain_text(QUESTION)
    # What the browser got is what anybody gets, without a token.
    status, headers, text = get(article.url.partition("#")[0])
    assert (status, headers["content-security-policy"].partition(";")[0]) == (200, "default-src 'none'")
    assert heading in text


def test_an_article_that_is_not_there_is_said_to_be_missing(assistant: Assistant) -> None:
    status, _, text = get(f"{assistant.url}/webhooks/rest/articles/no-such-article")

    assert status == 404
    assert "This article is not here" in text


def test_a_photo_is_kept_with_the_conversation_and_named_in_the_ticket(
    page: Page, assistant: Assistant, shop: ShopDatabase, photos: Path
) -> None:
    says(page, "hello")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add a photo").click()
    chooser.value.set_files({"name": "kettle.png", "mimeType": "image/png", "buffer": PHOTO})
    expect(page.locator(".preview img")).to_be_visible()
    says(page, "my kettle arrived with a crack")
    expect(page.locator(".attached")).to_be_visible()
    says(page, "I want to talk to a person")
    says(page, "sam@example.com")

    [kept] = [file for file in photos.rglob("*") if file.is_file()]
    assert kept.read_bytes() == PHOTO
    ticket = shop.value("SELECT summary || transcript FROM tickets ORDER BY id DESC LIMIT 1")
    assert kept.stem in str(ticket)


def test_a_file_that_only_says_it_is_a_photo_is_refused_in_the_shops_words(page: Page, photos: Path) -> None:
    before = sorted(photos.rglob("*"))
    says(page, "hello")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add a photo").click()
    chooser.value.set_files({"name": "kettle.png", "mimeType": "image/png", "buffer": b"<svg onload=alert(1)>"})

    expect(page.locator(".composer .problem")).to_have_text(re.compile(r"\w+.*\."))
    expect(page.locator(".preview")).to_have_count(0)
    assert sorted(photos.rglob("*")) == before
