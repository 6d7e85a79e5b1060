"""Server-Sent Events out of bytes that arrive in any portions (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Only these end a line. `str.splitlines` and httpx's `aiter_lines` also split at U+2028 and others, inside of JSON.
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_EVENT_BYTES = 4 * 1024 * 1024


class SseError(ValueError):
    """The stream holds an event that is longer than a reader has to put up with."""


@dataclass(frozen=True)
class Event:
    """One event: its name ("message" where none was given) and its data lines, joined by line feeds."""

    name: str
    data: str


class SseParser:
    """Takes the bytes as they come and gives the events that they complete. Comments, ids and `retry` are passed over.

    Args:
        max_event_bytes: an event, or a line without an end, that grows beyond this raises `SseError`.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # the line that has not ended yet
        self._after_return = False  # the last byte was CR: an LF that follows belongs to it
        self._first_line = True
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises `SseError`."""
        if not chunk:
            return []
        if self._after_return and chunk[:1] == b"\n":
            chunk = chunk[1:]
            self._after_return = False
            if not chunk:
                return []
        self._after_return = chunk[-1:] == b"\r"
        events: list[Event] = []
        *ended, rest = _LINE_END.split(chunk)
        for part in ended:
            self._line += part
            line = bytes(self._line)
            self._line.clear()
            self._take(line, events)
        self._line += rest
        self._check_size(len(self._line))
        return events

    def finish(self) -> list[Event]:
        """What the end of the stream completes.

        The standard throws an event away that no empty line follows; servers exist that leave out the last one, so it
        counts here.
        """
        events: list[Event] = []
        line = bytes(self._line)
        self._line.clear()
        if line:
            self._take(line, events)
        self._take(b"", events)
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._data:
                events.append(Event(self._name or "message", "\n".join(self._data)))
            self._name, self._data, self._data_bytes = "", [], 0
            return
        field, _, value = line.partition(b":")  # a comment has an empty field name
        value = value.removeprefix(b" ")
        if field == b"data":
            self._check_size(len(value))
            self._data_bytes += len(value) + 1
            self._data.append(value.decode("utf-8", errors="replace"))
        elif field == b"event":
            self._name = value.decode("utf-8", errors="replace")

    def _check_size(self, more: int) -> None:
        if self._data_bytes + more > self._max_event_bytes:
            raise SseError(f"an event is longer than {self._max_event_bytes} bytes")
