"""A server for the widget's tests: the demo shop's files under the real policy, and the channel's wire contract.

docs/web-channel.md is what it follows; tests/e2e runs the widget against the real channel.
"""

from __future__ import annotations

import ast
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from tests.browser.fake_requests import ROOT, handler_for
from tests.browser.fake_turn import LONGEST_HOLD_SECONDS, Event, Reply, Turn

STOP_POLL_SECONDS = 0.02  # how soon a closed server notices; the default of 0.5 is paid by each test


def content_security_policy() -> str:
    """The policy of the real channel, read from its source: importing it would load Rasa."""
    source = (ROOT / "rasa_addons" / "operations_channel.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "CONTENT_SECURITY_POLICY":
            return str(ast.literal_eval(statement.value))
    raise LookupError("operations_channel.py has no CONTENT_SECURITY_POLICY any more")


def _config() -> dict[str, Any]:
    return {
        "name": "Example Shop",
        "colour": "#0B6E4F",
        "language": "en-GB",
        "languages": ["en"],
        "require_session": True,
        "features": {
            "streaming": True, "history": True, "feedback": True, "erase": True, "identity": False, "images": False,
        },
        "limits": {"message_characters": 2000, "comment_characters": 1000, "resume_seconds": 120},
        "images": {"types": ["image/jpeg", "image/png"], "bytes": 50_000},
    }  # fmt: skip


@dataclass
class Conversation:
    """What the fake remembers of one session."""

    identity: str | None = None
    turns: list[Turn] = field(default_factory=list)
    keys: dict[str, Turn] = field(default_factory=dict)
    feedback: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeAssistant:
    """Answers turns in the order in which a test lists them; without a listed one it says "Noted."."""

    config: dict[str, Any] = field(default_factory=_config)
    received: list[dict[str, Any]] = field(default_factory=list)  # messages that became turns
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)  # method, path, body
    sessions: dict[str, Conversation] = field(default_factory=dict)
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # what a test puts beside the shop's page
    _refusals: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    _replies: deque[Reply] = field(default_factory=deque)
    _open: threading.Event = field(default_factory=threading.Event)
    _gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self._open.set()
        self.policy = content_security_policy()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(STOP_POLL_SECONDS,), daemon=True).start()

    def answers(self, *messages: dict[str, Any]) -> None:
        """The next turn is answered with these messages."""
        self._replies.append(Reply((("status", {"state": "thinking"}), *_as_events(messages), ("done", {}))))

    def streams(self, *events: Event, cut_after: int | None = None) -> None:
        """The next turn has these events, each after the first when a test says `next_event`."""
        self._replies.append(Reply(events, gated=True, cut_after=cut_after))

    def refuses(self, status: int, error: str, message: str = "") -> None:
        """The next message is not taken."""
        self._replies.append(Reply(status=status, body={"error": error, "message": message}))

    def refuses_calls(self, path: str, status: int, error: str) -> None:
        """Every call of this path is refused from now on."""
        self._refusals[path] = (status, {"error": error, "message": "Not now."})

    def breaks_the_connection(self, *messages: dict[str, Any]) -> None:
        """The next turn runs, and its connection breaks before the first event."""
        events = (("status", {"state": "thinking"}), *_as_events(messages), ("done", {}))
        self._replies.append(Reply(events, cut_after=0))

    def next_event(self) -> None:
        """Lets the next event of a stream go."""
        self._gate.release()

    def hold(self) -> None:
        """Answers wait until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def forget_sessions(self) -> None:
        """As if all tokens had expired."""
        self.sessions.clear()

    def messages(self) -> list[str]:
        return [body["message"] for body in self.received]

    def calls(self, path: str) -> list[dict[str, Any]]:
        """The bodies of all requests for a path of the channel."""
        return [body for _, called, body in self.requests if called == path]

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    # What the requests need.

    def refusal(self, path: str) -> tuple[int, dict[str, Any]] | None:
        return self._refusals.get(path)

    def begin(self, identity: str | None) -> dict[str, Any]:
        token = uuid.uuid4().hex
        self.sessions[token] = Conversation(identity)
        return {"token": token, "expires_in": 86400}

    def turn(self, conversation: Conversation, key: str, body: dict[str, Any]) -> Turn | Reply:
        """The turn of a message, the one that its key has had already, or what refuses it."""
        if key in conversation.keys:
            return conversation.keys[key]
        noted = Reply((("status", {"state": "thinking"}), ("message", {"text": "Noted."}), ("done", {})))
        reply = self._replies.popleft() if self._replies else noted
        if reply.status != 200:
            return reply
        self.received.append(body)
        turn = Turn(body["message"], reply, lambda: self._open.wait(LONGEST_HOLD_SECONDS), self._gate)
        conversation.turns.append(turn)
        conversation.keys[key] = turn
        return turn


def _as_events(messages: tuple[dict[str, Any], ...]) -> tuple[Event, ...]:
    return tuple(("message", message) for message in messages)
