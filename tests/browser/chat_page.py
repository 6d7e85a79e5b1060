"""What a test does with the widget on the demo shop's page, and what it sees there."""

from __future__ import annotations

import re
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
_HEARD = """
window.heard = [];
for (const name of ["open", "close", "message", "handoff", "feedback", "error", "ended"]) {
  document.addEventListener("support-chat:" + name, ({ detail }) => window.heard.push([name, detail]));
}
"""


class ChatPage:
    """One browser tab with the shop; requests to other hosts are recorded and stopped."""

    def __init__(self, context: BrowserContext, assistant: FakeAssistant, opened: bool = True) -> None:
        self.assistant = assistant
        self.foreign_requests: list[str] = []
        self.console: list[str] = []
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(_WITNESS + _HEARD)
        self.page.route("**/*", self._own_host_only)
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(assistant.url)
        expect(self.launcher).to_be_attached()  # the script has run
        if opened:
            self.open()

    @property
    def widget(self) -> Locator:
        return self.page.locator("support-chat")

    @property
    def launcher(self) -> Locator:
        return self.page.locator(".launcher")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("dialog", name=f"{self.assistant.config['name']} assistant")

    @property
    def input(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your message")

    @property
    def send(self) -> Locator:
        return self.page.get_by_role("button", name="Send", exact=True)

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop the answer")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def said(self) -> Locator:
        """The customer's bubbles."""
        return self.log.locator(".user .bubble")

    @property
    def answers(self) -> Locator:
        """The assistant's bubbles, without the greeting and the draft."""
        return self.log.locator(".bot:not(:first-child) .bubble")

    @property
    def draft(self) -> Locator:
        return self.page.locator(".draft .bubble")

    @property
    def activity(self) -> Locator:
        """What is shown while an answer is awaited."""
        return self.page.locator(".activity")

    @property
    def status(self) -> Locator:
        """What screen readers are told beside the messages."""
        return self.page.locator("p[role=status]")

    @property
    def choices(self) -> Locator:
        return self.page.locator(".choices button")

    @property
    def problem(self) -> Locator:
        return self.log.locator(".problem")

    @property
    def retry(self) -> Locator:
        return self.page.get_by_role("button", name="Try again")

    def open(self) -> None:
        self.widget.evaluate("(chat) => { chat.open = true; }")
        expect(self.panel).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def from_menu(self, name: str) -> None:
        self.button("More").click()
        self.button(name).click()

    def type_and_send(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def ask(self, text: str, *answer: dict[str, Any]) -> None:
        """One whole turn: says `text`, gets `answer`."""
        self.assistant.answers(*answer)
        self.type_and_send(text)
        expect(self.said.last).to_have_text(text)
        # Before it is on its way nothing shows that an answer is awaited.
        expect(self.log.locator(".message.user").last).to_have_class(re.compile(r"\b(sent|failed)\b"))
        self.settled()

    def settled(self) -> None:
        """Waits until no answer is awaited."""
        expect(self.activity).to_have_count(0)

    def reload(self) -> None:
        self.page.reload()
        expect(self.launcher).to_be_attached()

    def heard(self, name: str) -> list[Any]:
        """The details of the events of this name that the page has heard."""
        return [detail for heard, detail in self.page.evaluate("window.heard") if heard == name]

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
