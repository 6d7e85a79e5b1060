"""Stands between Rasa and the action server, so that a test can take the action server away or break its answers."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

LOOPBACK = "127.0.0.1"
FORWARD_SECONDS = 60
LONGEST_SILENCE_SECONDS = 60

Trouble = Literal["dead", "silent", "error 500", "garbage", "wrong shape"]
_ANSWERS: dict[str, tuple[int, bytes]] = {
    "error 500": (500, b'{"error": "Exception"}'),
    "garbage": (200, b"<html>proxy login</html>"),
    "wrong shape": (200, b'{"events": "none", "responses": [42]}'),
}


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gateway = self.server.gateway
        if gateway.trouble == "silent":
            gateway.end_silence.wait(LONGEST_SILENCE_SECONDS)
            return
        status, answer = _ANSWERS.get(gateway.trouble or "") or self._forwarded(gateway.port, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _forwarded(self, port: int, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=FORWARD_SECONDS)
        try:
            passed = ("content-", "authorization")
            headers = {name: value for name, value in self.headers.items() if name.lower().startswith(passed)}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the tests' output quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gateway: ActionGateway

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hung up is what some tests are about."""


class ActionGateway:
    """Passes calls on to the action server at `port`, unless a test asks for trouble."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.trouble: Trouble | None = None
        self.end_silence = threading.Event()
        self._listen((LOOPBACK, 0))

    @property
    def url(self) -> str:
        """What Rasa calls."""
        host, port = self._address
        return f"http://{host}:{port}/webhook"

    def _listen(self, address: tuple[str, int]) -> None:
        self._server = _Server(address, _Handler)
        self._server.gateway = self
        self._address = (LOOPBACK, int(self._server.server_address[1]))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @contextmanager
    def with_trouble(self, trouble: Trouble) -> Iterator[None]:
        """The action server behaves so while the block runs: "dead" means that nothing listens on its port."""
        self.trouble = trouble
        if trouble == "dead":
            self.close()
        try:
            yield
        finally:
            self.trouble = None
            self.end_silence.set()
            self.end_silence = threading.Event()
            if trouble == "dead":
                self._listen(self._address)

    @contextmanager
    def leading_to(self, port: int) -> Iterator[None]:
        """Calls go to another action server while the block runs."""
        before, self.port = self.port, port
        try:
            yield
        finally:
            self.port = before

    def close(self) -> None:
        """Ends listening."""
        self._server.shutdown()
        self._server.server_close()
