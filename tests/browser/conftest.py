"""Real Chromium and a fake assistant for the chat page's tests; without a Chromium they are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chat_page import ChatPage
from tests.browser.fake_assistant import FakeAssistant

CHROMIUM_VARIABLE = "FRONTDESK_CHROMIUM"
# Nothing of the browser's own reaches the network, and it starts inside containers.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenChat = Callable[..., ChatPage]


def _chromium() -> str:
    named = os.environ.get(CHROMIUM_VARIABLE)
    if named:
        if not Path(named).is_file():
            pytest.fail(f"{CHROMIUM_VARIABLE} names {named}, which is no file.")
        return named
    found = shutil.which("chromium")
    if found is None:
        pytest.skip(
            "no Chromium: install it (Debian and Ubuntu: apt-get install chromium; macOS: brew install chromium) "
            f"or set {CHROMIUM_VARIABLE} to a Chromium's or Chrome's program file"
        )
    return found


# Not for the whole session: while Playwright's synchronous interface is open, its event loop counts as running in
# this thread, and asynchronous tests of other modules could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = _chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def assistant() -> Iterator[FakeAssistant]:
    fake = FakeAssistant()
    yield fake
    fake.close()


@pytest.fixture
def open_chat(browser: Browser, assistant: FakeAssistant) -> Iterator[OpenChat]:
    """Opens the page in a browser context of its own; takes Playwright's context options."""
    contexts = []

    def open_with(**options: Any) -> ChatPage:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
        contexts.append(context)
        return ChatPage(context, assistant)

    yield open_with
    assistant.release()
    for context in contexts:
        context.close()


@pytest.fixture
def chat(open_chat: OpenChat) -> ChatPage:
    """The page as a customer at a desk opens it."""
    return open_chat()
