"""What a test does with the chat page, and what it sees there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from tests.browser.fake_assistant import FakeAssistant

# Scripts that get in would call alert; what the policy stops is reported as an event.
_WITNESS = """
window.executed = [];
window.alert = (value) => window.executed.push(String(value));
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.blockedURI));
"""


class ChatPage:
    """One browser tab with the chat page; requests to other hosts are recorded and stopped."""

    def __init__(self, context: BrowserContext, assistant: FakeAssistant) -> None:
        self.assistant = assistant
        self.foreign_requests: list[str] = []
        self.console: list[str] = []
        self.errors: list[str] = []
        context.add_init_script(_WITNESS)
        context.route("**/*", self._own_host_only)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(assistant.url)
        expect(self.send).to_have_attribute("aria-disabled", "true")  # the script has run

    @property
    def input(self) -> Locator:
        return self.page.get_by_label("Your message")

    @property
    def send(self) -> Locator:
        return self.page.locator("#send")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def said(self) -> Locator:
        """The customer's bubbles."""
        return self.page.locator("#messages .user .bubble")

    @property
    def answers(self) -> Locator:
        """The assistant's bubbles, without the greeting and the typing indicator."""
        return self.page.locator("#messages .bot:not(.typing) .bubble")

    @property
    def typing(self) -> Locator:
        return self.page.locator(".typing")

    @property
    def choices(self) -> Locator:
        return self.page.locator(".choices button")

    @property
    def problem(self) -> Locator:
        return self.page.locator("#messages .problem")

    @property
    def retry(self) -> Locator:
        return self.page.get_by_role("button", name="Retry")

    def type_and_send(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str, *answer: dict[str, Any]) -> None:
        """One whole turn: says `text`, gets `answer`."""
        self.assistant.answers(*answer)
        self.type_and_send(text)
        self.settled()

    def settled(self) -> None:
        """Waits until no answer is awaited."""
        expect(self.typing).to_have_count(0)

    def reload(self) -> None:
        self.page.reload()
        expect(self.send).to_have_attribute("aria-disabled", "true")

    def executed(self) -> list[str]:
        return self.page.evaluate("window.executed")

    def policy_violations(self) -> list[str]:
        reported = [line for line in self.console if "Content Security Policy" in line]
        return self.page.evaluate("window.violations") + reported

    def _own_host_only(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(self.assistant.url).netloc:
            route.continue_()
        else:
            self.foreign_requests.append(route.request.url)
            route.abort()

    def _note_console(self, message: ConsoleMessage) -> None:
        self.console.append(message.text)
