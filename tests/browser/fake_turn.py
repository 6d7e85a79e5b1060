"""One turn of the fake assistant: its events, which any number of connections may read, from any one on."""

from __future__ import annotations

import functools
import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Event = tuple[str, dict[str, Any]]

LONGEST_HOLD_SECONDS = 30.0


@dataclass(frozen=True)
class Reply:
    """What one message gets: an error's status and body, or events.

    `gated` events wait for the test, each after the first. `cut_after` breaks the connection (not the turn) after so
    many events, once; 0 breaks it before the first.
    """

    events: tuple[Event, ...] = ()
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    gated: bool = False
    cut_after: int | None = None


class Turn:
    """Runs in a thread of its own, as the real one goes on without its client."""

    def __init__(self, message: str, reply: Reply, wait: Callable[[], object], gate: threading.Semaphore) -> None:
        self.id = uuid.uuid4().hex
        self.message = message
        self.reply = reply
        self.stopped = threading.Event()
        self._sent: list[str] = []
        self._news = threading.Condition()
        self._numbers = itertools.count(1)
        self.messages: list[dict[str, Any]] = []
        self._cut_after = reply.cut_after
        threading.Thread(target=self._run, args=(wait, gate), daemon=True).start()

    def _run(self, wait: Callable[[], object], gate: threading.Semaphore) -> None:
        wait()
        for number, (name, data) in enumerate(self.reply.events):
            if number and self.reply.gated and not self.stopped.is_set():
                gate.acquire(timeout=LONGEST_HOLD_SECONDS)
            if name == "message":
                data = {"id": f"{self.id}.{len(self.messages) + 1}", "recipient_id": "web", **data}
                self.messages.append(data)
            self._send(name, data)

    def _send(self, name: str, data: dict[str, Any]) -> None:
        with self._news:
            event = f"id: {self.id}:{next(self._numbers)}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
            self._sent.append(event)
            self._news.notify_all()

    def _has(self, number: int) -> bool:
        return len(self._sent) > number

    def take_cut_at_the_beginning(self) -> bool:
        """Whether this connection is the one to break before the first event."""
        cut = self._cut_after == 0
        if cut:
            self._cut_after = None
        return cut

    def events_after(self, number: int) -> Iterator[str]:
        """The events from `number` (counted from 0) on, each when it is there; ends early where the reply is cut."""
        while True:
            with self._news:
                self._news.wait_for(functools.partial(self._has, number), LONGEST_HOLD_SECONDS)
                if len(self._sent) <= number:
                    return
                event = self._sent[number]
            yield event
            number += 1
            if number == self._cut_after:
                self._cut_after = None
                return
            if "\nevent: done\n" in event:
                return
