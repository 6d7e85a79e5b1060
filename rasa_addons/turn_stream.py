"""A turn's live stream: whoever works on the turn tells the waiting client what happens, as it happens.

The channel opens a stream round a turn; the response generation and others reach it through `current_stream()`, which
is None where nobody listens (plain JSON, `rasa shell`). It is carried by a context variable: Rasa runs a turn in the
task that the channel started, and tasks started within it inherit the variable.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Literal, Optional, Text

EventName = Literal["status", "token", "message", "sources", "error", "done"]
StatusName = Literal["thinking", "searching", "writing"]

HEARTBEAT = ": still here\n\n"


@dataclass(frozen=True)
class StreamEvent:
    """One event of a turn.

    `status` {"state"}: what is being done. `token` {"text"}: the next piece of a draft, in which every sentence has
    passed its checks. `message`: a whole message as the JSON form has it; it takes the place of the draft. `sources`
    {"sources"}: what the draft rests on. `error` {"message"}: no answer can come. `done` {}: the end, always.
    """

    name: EventName
    data: Dict[Text, Any]

    def encoded(self, number: int) -> Text:
        """As a Server-Sent Event with `number` for its id."""
        return f"id: {number}\nevent: {self.name}\ndata: {json.dumps(self.data, ensure_ascii=False)}\n\n"


class TurnStream:
    """The events of one turn, written on the event loop that reads them. After `close` nobody reads any more."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[StreamEvent] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._finished = False

    def status(self, state: StatusName) -> None:
        """Says what is being done for the customer."""
        self._put("status", {"state": state})

    def token(self, text: Text) -> None:
        """The next piece of the draft."""
        self._put("token", {"text": text})

    def message(self, message: Dict[Text, Any]) -> None:
        """A finished message; the draft before it counts no more."""
        self._put("message", message)

    def sources(self, sources: List[Dict[Text, Any]]) -> None:
        """The articles that the draft rests on."""
        self._put("sources", {"sources": sources})

    def error(self, sentence: Text) -> None:
        """No answer can come; the sentence is for the customer."""
        self._put("error", {"message": sentence})

    def done(self) -> None:
        """The end of the turn. What comes later is not sent."""
        self._put("done", {})
        self._finished = True

    def _put(self, name: EventName, data: Dict[Text, Any]) -> None:
        if not self._finished and not self._closed.is_set():
            self._events.put_nowait(StreamEvent(name, data))

    async def next(self, timeout: float) -> Optional[StreamEvent]:
        """The next event, or None if none came within `timeout` seconds."""
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(self._events.get(), timeout)
        return None

    def close(self) -> None:
        """The client has gone: what is only being made for its eyes may stop."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether the client has gone."""
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        """Returns once the client has gone."""
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
