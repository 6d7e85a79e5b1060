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

from tests.e2e.customer import CHANNEL, WEBHOOK, Customer

STREAM_SECONDS = 60.0


@dataclass(frozen=True)
class Arrived:
    """An event; `at` is a time of `time.perf_counter()`."""

    id: str
    name: str
    data: dict[str, Any]
    at: float


@contextmanager
def events_of_turn(customer: Customer, message: str, **headers: str) -> Iterator[Iterator[Arrived]]:
    """The events of one turn, as they come; leaving the block hangs up."""
    body = json.dumps({"message": message})
    with _stream(customer, "POST", WEBHOOK, body, headers) as events:
        yield events


@contextmanager
def events_after(customer: Customer, event_id: str) -> Iterator[Iterator[Arrived]]:
    """The events of a turn after one that was seen, as a client asks for them that lost its connection."""
    with _stream(customer, "GET", f"{CHANNEL}/stream", None, {"Last-Event-ID": event_id}) as events:
        yield events


@contextmanager
def _stream(
    customer: Customer, method: str, path: str, body: str | None, headers: dict[str, str]
) -> Iterator[Iterator[Arrived]]:
    connection = http.client.HTTPConnection(urlsplit(customer.base_url).netloc, timeout=STREAM_SECONDS)
    sent = {"Content-Type": "application/json", "Accept": "text/event-stream", **customer.headers, **headers}
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        assert response.headers.get_content_type() == "text/event-stream"
        yield _events(response)
    finally:
        connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[Arrived]:
    number, name = "", ""
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield Arrived(number, name, json.loads(line.removeprefix("data: ")), time.perf_counter())
