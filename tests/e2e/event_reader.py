"""Reads a turn as Server-Sent Events, as a browser would, and notes when each event arrived."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WEBHOOK = "/webhooks/rest/webhook"


@dataclass(frozen=True)
class Arrived:
    """An event; `at` is a time of `time.perf_counter()`."""

    name: str
    data: dict[str, Any]
    at: float


@contextmanager
def events_of_turn(url: str, sender: str, message: str, seconds: float = 60.0) -> Iterator[Iterator[Arrived]]:
    """The events of one turn, as they come; leaving the block hangs up."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    body = json.dumps({"sender": sender, "message": message})
    try:
        connection.request("POST", WEBHOOK, body, {"Content-Type": "application/json", "Accept": "text/event-stream"})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers.get_content_type() == "text/event-stream"
        yield _events(response)
    finally:
        connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[Arrived]:
    name = ""
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield Arrived(name, json.loads(line.removeprefix("data: ")), time.perf_counter())
