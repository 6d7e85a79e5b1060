"""A turn's live stream: whoever works on the turn tells the waiting client what happens, as it happens.

The channel opens a stream round a turn; the response generation and others reach it through `current_stream()`, which
is None where nobody listens (plain JSON, `rasa shell`). It is carried by a context variable: Rasa runs a turn in the
task that the channel started, and tasks started within it inherit the variable.

A stream keeps its events, so that a client that lost its connection can read on from where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Literal, Optional, Text

EventName = Literal["status", "token", "message", "sources", "handoff", "error", "done"]
StatusName = Literal["thinking", "searching", "writing"]

HEARTBEAT = ": still here\n\n"
NO_ANSWER_CODE = "no_answer"


@dataclass(frozen=True)
class StreamEvent:
    """One event of a turn; what each means and holds: docs/web-channel.md."""

    name: EventName
    data: Dict[Text, Any]

    def encoded(self, turn: Text, number: int) -> Text:
        """As a Server-Sent Event; its id names the turn and the event's place in it, counted from 1."""
        data = json.dumps(self.data, ensure_ascii=False)
        return f"id: {turn}:{number}\nevent: {self.name}\ndata: {data}\n\n"


class TurnStream:
    """The events of one turn, on one event loop.

    `done` ends it: what comes later is not kept. After `close` nobody waits for it any more: what is only being made
    for a client's eyes may stop, but events are kept still.
    """

    def __init__(self) -> None:
        self._events: List[StreamEvent] = []
        self._news = asyncio.Event()
        self._closed = asyncio.Event()

    def status(self, state: StatusName) -> None:
        """Says what is being done for the customer."""
        self._put("status", {"state": state})

    def token(self, text: Text) -> None:
        """The next piece of the draft, in which every sentence has passed its checks."""
        self._put("token", {"text": text})

    def message(self, message: Dict[Text, Any]) -> None:
        """A finished message; the draft before it counts no more."""
        self._put("message", message)

    def sources(self, sources: List[Dict[Text, Any]]) -> None:
        """The articles that the draft rests on."""
        self._put("sources", {"sources": sources})

    def handoff(self, ticket: Dict[Text, Any]) -> None:
        """A person takes over."""
        self._put("handoff", ticket)

    def error(self, sentence: Text) -> None:
        """No answer can come; the sentence is for the customer."""
        self._put("error", {"error": NO_ANSWER_CODE, "message": sentence})

    def done(self) -> None:
        """The end of the turn."""
        self._put("done", {})

    @property
    def finished(self) -> bool:
        """Whether the turn has ended."""
        return bool(self._events) and self._events[-1].name == "done"

    def _put(self, name: EventName, data: Dict[Text, Any]) -> None:
        if not self.finished:
            self._events.append(StreamEvent(name, data))
            # Whoever waits has hold of the old one; the next to wait gets a new one.
            self._news.set()
            self._news = asyncio.Event()

    async def after(self, number: int, timeout: float) -> List[StreamEvent]:
        """The events after the first `number`; none if none came within `timeout` seconds."""
        if len(self._events) <= number and not self.finished:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout)
        return self._events[number:]

    def close(self) -> None:
        """Nobody waits for the answer any more."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        """Returns once nobody waits for the answer any more."""
        await self._closed.wait()


_current: ContextVar[Optional[TurnStream]] = ContextVar("turn_stream", default=None)


def current_stream() -> Optional[TurnStream]:
    """The stream of the turn that is being worked on, or None where nobody listens."""
    return _current.get()


@contextlib.contextmanager
def streaming_to(stream: TurnStream) -> Iterator[TurnStream]:
    """Makes `stream` the current one within the block."""
    token = _current.set(stream)
    try:
        yield stream
    finally:
        _current.reset(token)
