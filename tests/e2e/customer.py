"""A customer in a conversation: says things, presses buttons, reads the mailed code."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from tests.e2e.people import Person
from tests.e2e.shop_database import ShopDatabase

ANSWER_SECONDS = 60


@dataclass(frozen=True, repr=False)
class Answer:
    """What came back for one message; `"words" in answer` looks into all its texts."""

    messages: list[dict[str, Any]]

    @property
    def text(self) -> str:
        return "\n".join(message.get("text", "") for message in self.messages)

    @property
    def buttons(self) -> list[str]:
        """Titles of all buttons."""
        return [button["title"] for message in self.messages for button in message.get("buttons", [])]

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The data parts of the messages."""
        return [message["custom"] for message in self.messages if "custom" in message]

    @property
    def sources(self) -> list[dict[str, str]]:
        """Articles that an open answer names."""
        return [source for message in self.messages for source in message.get("sources", [])]

    def payload(self, title: str) -> str | None:
        """What the button of this title sends."""
        for message in self.messages:
            for button in message.get("buttons", []):
                if button["title"] == title:
                    return str(button["payload"])
        return None

    def __contains__(self, words: str) -> bool:
        return words in self.text

    def __repr__(self) -> str:
        """Short, so that a failed assertion shows what was said."""
        return f"<{self.text} {self.buttons or ''}>"


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of a POST, whatever the status."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and text of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@dataclass(repr=False)
class Customer:
    """Talks to the assistant at `base_url` under one conversation id."""

    base_url: str
    database: ShopDatabase
    sender: str = field(default_factory=lambda: f"e2e-{uuid.uuid4().hex}")
    answers: list[Answer] = field(default_factory=list)

    def says(self, message: str) -> Answer:
        """Sends a message; every message must get an answer, never an empty list."""
        body = json.dumps({"sender": self.sender, "message": message}).encode()
        status, content = post(f"{self.base_url}/webhooks/rest/webhook", body)
        assert status == 200, f"status {status}: {content!r}"
        answer = Answer(json.loads(content))
        assert answer.messages, f"no answer to {message!r}"
        self.answers.append(answer)
        return answer

    def presses(self, title: str) -> Answer:
        """Presses the latest button with this title."""
        for answer in reversed(self.answers):
            payload = answer.payload(title)
            if payload is not None:
                return self.says(payload)
        raise AssertionError(f"no button {title!r} was shown; the last answer has {self.answers[-1].buttons}")

    def mailed_code(self, email: str) -> str:
        """The newest code in the mail to this address."""
        codes = self.database.codes_mailed_to(email)
        assert codes, f"no code was mailed to {email}"
        return codes[-1]

    def asks(self, request: str, person: Person) -> Answer:
        """Makes a request about the person's order and proves to be them; the answer to the code."""
        answer = self.says(request)
        if "order number" in answer:
            self.says(person.order)
        self.says(person.email)
        return self.says(self.mailed_code(person.email))
