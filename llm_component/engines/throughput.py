"""How fast places become free, for telling a refused client when to come again."""

from __future__ import annotations

from collections import deque

REMEMBERED = 64  # completions that the estimate rests on
LEAST_SECONDS = 1.0  # HTTP's Retry-After counts whole seconds
MOST_SECONDS = 30.0  # after this long the load will be another one


class Throughput:
    """Remembers when the last completions ended. One writer thread; readers anywhere."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=REMEMBERED)

    def ended(self, now: float) -> None:
        """Notes that a completion ended, at a time in seconds."""
        self._ends.append(now)

    def seconds_for(self, requests: int, now: float) -> float:
        """Seconds, from 1 to 30, in which that many requests will have been served at the recent rate."""
        ends = tuple(self._ends)
        if len(ends) < 2 or now <= ends[0]:
            return LEAST_SECONDS
        rate = len(ends) / (now - ends[0])  # completions a second
        return min(MOST_SECONDS, max(LEAST_SECONDS, requests / rate))
