"""Real Chromium and a fake assistant for the widget's tests; without a Chromium they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.chat_page import ChatPage
from tests.browser.fake_assistant import FakeAssistant

# A busy machine gives a browser little time; what waits is satisfied as soon as it can be.
expect.set_options(timeout=15_000)

OpenChat = Callable[..., ChatPage]

# Without motion nothing has to be waited for until it stands still.
DESK = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "reduced_motion": "reduce"}


# Not for the whole session: while Playwright's synchronous interface is open, its event loop counts as running in
# this thread, and asynchronous tests of other modules could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.launched() as browser:
        yield browser


@pytest.fixture
def assistant() -> Iterator[FakeAssistant]:
    fake = FakeAssistant()
    yield fake
    fake.close()


@pytest.fixture
def open_chat(browser: Browser, assistant: FakeAssistant) -> Iterator[OpenChat]:
    """Opens the shop in a browser context of its own, with the chat open; takes Playwright's context options."""
    contexts = []

    def open_with(opened: bool = True, **options: Any) -> ChatPage:
        context = browser.new_context(**{**DESK, **options})
        contexts.append(context)
        return ChatPage(context, assistant, opened)

    yield open_with
    assistant.release()
    for context in contexts:
        context.close()


@pytest.fixture
def chat(open_chat: OpenChat) -> ChatPage:
    """The shop as a customer at a desk sees it, with the chat open."""
    return open_chat()
