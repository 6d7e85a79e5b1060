"""A server for the chat page's tests: the page's files under the real policy, and answers that a test chooses."""

from __future__ import annotations

import ast
import contextlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RASA_ADDONS = Path(__file__).parents[2] / "rasa_addons"
PAGE_FOLDER = RASA_ADDONS / "page"
SHOP_NAME = "Example Shop"
LONGEST_HOLD_SECONDS = 30.0
STOP_POLL_SECONDS = 0.02  # how soon a closed server notices; the default of 0.5 is paid by each test
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def content_security_policy() -> str:
    """The policy of the real channel, read from its source: importing it would load Rasa."""
    source = (RASA_ADDONS / "operations_channel.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "CONTENT_SECURITY_POLICY":
            return str(ast.literal_eval(statement.value))
    raise LookupError("operations_channel.py has no CONTENT_SECURITY_POLICY any more")


@dataclass(frozen=True)
class Reply:
    """What one request gets. Status 0 closes the connection without a word.

    `parts` are the events of a stream: a test lets each one go after the first.
    """

    status: int
    body: str = ""
    parts: tuple[str, ...] = ()


@dataclass
class FakeAssistant:
    """Answers turns in the order in which a test lists them; without a listed one it says "Noted."."""

    colour: str = "#0B6E4F"
    received: list[dict[str, Any]] = field(default_factory=list)
    _replies: deque[Reply] = field(default_factory=deque)
    _open: threading.Event = field(default_factory=threading.Event)
    _next_event: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self._open.set()
        self._policy = content_security_policy()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(STOP_POLL_SECONDS,), daemon=True).start()

    def answers(self, *messages: dict[str, Any]) -> None:
        """The next turn is answered with these messages."""
        self.replies(200, json.dumps([{"recipient_id": "customer", **message} for message in messages]))

    def replies(self, status: int, body: str) -> None:
        self._replies.append(Reply(status, body))

    def streams(self, *events: tuple[str, dict[str, Any]]) -> None:
        """The next turn is answered with Server-Sent Events, each after the first when a test says `next_event`."""
        parts = [f"id: {n}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for n, (name, data) in enumerate(events, 1)]
        self._replies.append(Reply(200, parts=tuple(parts)))

    def next_event(self) -> None:
        """Lets the next event of a stream go."""
        self._next_event.release()

    def drops_the_connection(self) -> None:
        self._replies.append(Reply(0, ""))

    def hold(self) -> None:
        """Answers wait until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def messages(self) -> list[str]:
        return [body["message"] for body in self.received]

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        assistant = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = "index.html" if self.path == "/" else self.path.removeprefix("/page/")
                path = PAGE_FOLDER / name
                if path.parent != PAGE_FOLDER or not path.is_file():
                    self.respond(404, "{}", "application/json")
                    return
                body = path.read_text(encoding="utf-8")
                if path.suffix in {".html", ".css"}:
                    body = body.replace("{{shop_name}}", SHOP_NAME).replace("{{colour}}", assistant.colour)
                self.respond(200, body, _TYPES[path.suffix])

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assistant.received.append({"path": self.path, "accept": self.headers["Accept"], **json.loads(body)})
                assistant._open.wait(LONGEST_HOLD_SECONDS)
                noted = Reply(200, json.dumps([{"recipient_id": "customer", "text": "Noted."}]))
                reply = assistant._replies.popleft() if assistant._replies else noted
                if reply.parts:
                    self.stream(reply.parts)
                elif reply.status:
                    self.respond(reply.status, reply.body, "application/json")

            def stream(self, parts: tuple[str, ...]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(b": still here\n\n")
                    for number, part in enumerate(parts):
                        if number:
                            assistant._next_event.acquire(timeout=LONGEST_HOLD_SECONDS)
                        self.wfile.write(part.encode())

            def respond(self, status: int, body: str, content_type: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Content-Security-Policy", assistant._policy)
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                # The page may have given the request up: a reload, or a new conversation.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Keeps the test output to the tests."""

        return Handler
