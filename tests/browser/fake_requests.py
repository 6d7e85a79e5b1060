"""The requests that the fake assistant takes."""

from __future__ import annotations

import contextlib
import html
import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.fake_turn import Reply

if TYPE_CHECKING:
    from tests.browser.fake_assistant import Conversation, FakeAssistant

ROOT = Path(__file__).parents[2]
PAGE_FOLDER = ROOT / "rasa_addons" / "page"
BUNDLE = ROOT / "widget" / "dist" / "support-chat.js"
PREFIX = "/webhooks/rest/"
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def handler_for(assistant: FakeAssistant) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        fake = assistant

    return Handler


class _Handler(BaseHTTPRequestHandler):
    fake: FakeAssistant

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(PREFIX):
            self.channel("GET", path.removeprefix(PREFIX))
        else:
            self.page("index.html" if path == "/" else path.removeprefix("/page/"))

    def do_POST(self) -> None:
        self.channel("POST", self.path.removeprefix(PREFIX))

    def do_DELETE(self) -> None:
        self.channel("DELETE", self.path.removeprefix(PREFIX))

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: pytest shows what matters."""

    def page(self, name: str) -> None:
        if name in self.fake.pages:
            content_type, content = self.fake.pages[name]
            return self.respond(200, content, content_type)
        path = PAGE_FOLDER / name
        if path.parent != PAGE_FOLDER or not path.is_file():
            return self.respond(404, b"{}", "application/json")
        body = path.read_text(encoding="utf-8")
        if path.suffix in {".html", ".css"}:
            for placeholder, value in (("{{shop_name}}", "name"), ("{{colour}}", "colour")):
                body = body.replace(placeholder, html.escape(self.fake.config[value]))
        self.respond(200, body.encode(), _TYPES[path.suffix])

    def channel(self, method: str, path: str) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"] or 0))
        is_json = (self.headers["Content-Type"] or "").startswith("application/json")
        body = json.loads(raw) if is_json else {"bytes": len(raw)}
        self.fake.requests.append((method, path, body))
        if path == "support-chat.js":
            return self.respond(200, BUNDLE.read_bytes(), "text/javascript; charset=utf-8")
        if refusal := self.fake.refusal(path):
            return self.json(*refusal)
        if path == "config":
            return self.json(200, self.fake.config)
        if path == "session":
            return self.json(201, self.fake.begin(body.get("identity")))
        conversation = self.fake.sessions.get((self.headers["Authorization"] or "").removeprefix("Bearer "))
        if conversation is None:
            return self.json(401, {"error": "session_invalid", "message": "Please begin again."})
        self.with_session(path, body, conversation)

    def with_session(self, path: str, body: dict[str, Any], conversation: Conversation) -> None:
        if path == "webhook":
            self.webhook(body, conversation)
        elif path == "stream":
            turn_id, _, number = (self.headers["Last-Event-ID"] or "").rpartition(":")
            turn = next((turn for turn in conversation.turns if turn.id == turn_id), None)
            if turn is None:
                return self.json(404, {"error": "not_found", "message": "There is no such stream."})
            self.stream(turn.events_after(int(number)))
        elif path == "history":
            self.json(200, _history(conversation))
        elif path == "feedback":
            conversation.feedback[body["message_id"]] = body["thumbs"]
            self.respond(204)
        elif path == "stop":
            for turn in conversation.turns:
                if turn.id == body["turn"]:
                    turn.stopped.set()
                    self.fake.next_event()
            self.respond(204)
        elif path == "images":
            self.json(201, {"id": "image-1"})
        elif path == "identity":
            conversation.identity = body.get("identity")
            self.json(200, {"identified_until": None})
        elif path == "end":
            self.fake.sessions = {token: each for token, each in self.fake.sessions.items() if each is not conversation}
            self.json(200, {"erased": True}) if body.get("erase") else self.respond(204)
        else:
            self.json(404, {"error": "not_found", "message": "There is no such path."})

    def webhook(self, body: dict[str, Any], conversation: Conversation) -> None:
        turn = self.fake.turn(conversation, self.headers["Idempotency-Key"], body)
        if isinstance(turn, Reply):
            return self.json(turn.status, turn.body)
        if turn.take_cut_at_the_beginning():
            return None  # the connection closes without a word
        self.stream(turn.events_after(0))

    def stream(self, events: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(b": still here\n\n")
            for event in events:
                self.wfile.write(event.encode())

    def json(self, status: int, body: dict[str, Any]) -> None:
        self.respond(status, json.dumps(body).encode(), "application/json")

    def respond(self, status: int, content: bytes = b"", content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", self.fake.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        # The page may have given the request up: a reload, or a new conversation.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(content)


def _history(conversation: Conversation) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for turn in conversation.turns:
        messages.append({"id": turn.id, "role": "customer", "at": "2026-05-04T09:30:00Z", "text": turn.message})
        messages += [{**message, "role": "assistant", "at": "2026-05-04T09:30:01Z"} for message in turn.messages]
    return {"messages": messages, "handoff": None, "feedback": conversation.feedback, "more": False}
