"""A customer in a conversation: says things, presses buttons, reads the mailed code."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from tests.e2e.people import Person
from tests.e2e.shop_database import ShopDatabase

ANSWER_SECONDS = 60
CHANNEL = "/webhooks/rest"
WEBHOOK = f"{CHANNEL}/webhook"


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


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of a POST, whatever the status."""
    return send("POST", url, body, headers)


def send(method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of a request, whatever the status."""
    content = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, {**content, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def begin_session(base_url: str, **body: Any) -> dict[str, Any]:
    """A new session of the channel."""
    status, content = post(f"{base_url}{CHANNEL}/session", json.dumps(body).encode())
    assert status == 201, f"status {status}: {content!r}"
    return dict(json.loads(content))


def get(url: str) -> tuple[int, Message, str]:
    """Status, headers and text of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@dataclass(repr=False)
class Customer:
    """Talks to the assistant at `base_url` in a session of their own; `identity` is what the shop says of them."""

    base_url: str
    database: ShopDatabase
    identity: str | None = None
    answers: list[Answer] = field(default_factory=list)
    session: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.session = begin_session(self.base_url, **({"identity": self.identity} if self.identity else {}))

    @property
    def headers(self) -> dict[str, str]:
        """What every request of theirs has."""
        return {"Authorization": f"Bearer {self.session['token']}"}

    @property
    def sender(self) -> str:
        """The conversation's id, which the token holds and the customer needs for nothing."""
        payload = self.session["token"].split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])

    def sends(self, path: str, body: Any = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
        """Status and JSON of a request to the channel; an empty answer is None."""
        content = None if method == "GET" else json.dumps({} if body is None else body).encode()
        status, answer = send(method, f"{self.base_url}{CHANNEL}{path}", content, {**self.headers, **headers})
        return status, json.loads(answer) if answer else None

    def says(self, message: str) -> Answer:
        """Sends a message; every message must get an answer, never an empty list."""
        status, content = self.sends("/webhook", {"message": message})
        assert status == 200, f"status {status}: {content!r}"
        answer = Answer(content)
        assert answer.messages, f"no answer to {message!r}"
        self.answers.append(answer)
        return answer

    def history(self) -> list[dict[str, Any]]:
        """The messages of the conversation, as the channel reads them back."""
        status, content = self.sends("/history", method="GET")
        assert status == 200, f"status {status}: {content!r}"
        return list(content["messages"])

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
