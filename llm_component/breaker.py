"""A circuit breaker: after repeated failures nothing is tried for a while, then one request tries for all."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

# Of what ended within the window, this share has to have failed: a busy server with rare failures stays in use.
FAILED_SHARE = 0.5


class BreakerOpen(RuntimeError):
    """Nothing is tried now. `retry_after`: seconds until it makes sense to ask again."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the circuit breaker is open for another {retry_after:.1f} s")
        self.retry_after = retry_after


class Admission:
    """The leave to try once. The first of `succeeded`, `failed`, `abandoned` counts, later calls are without effect."""

    def __init__(self, breaker: Breaker, period: int, probe: bool) -> None:
        self._breaker = breaker
        self._period = period
        self._probe = probe
        self._told = False

    def succeeded(self) -> None:
        """The other side did what was asked."""
        self._tell(True)

    def failed(self) -> None:
        """The other side is at fault."""
        self._tell(False)

    def abandoned(self) -> None:
        """Nothing can be learnt from it: cancelled, or the request itself was at fault."""
        self._tell(None)

    def _tell(self, well: bool | None) -> None:
        if not self._told:
            self._told = True
            self._breaker._ended(self._period, self._probe, well)


class Breaker:
    """Closed: all is let through. Open: nothing is. Half open: one request at a time, whose end decides.

    For one event loop or one thread; nothing here waits.

    Args:
        failures: so many within the window open it, if they are at least half of what ended in it.
        window_seconds: how far back failures count.
        open_seconds: how long it stays open before a request may try. It doubles each time that the try fails, up to
            `longest_open_seconds`.
        clock: seconds that only grow.
        on_change: told the new state.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        window_seconds: float = 30.0,
        open_seconds: float = 5.0,
        longest_open_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] | None = None,
    ) -> None:
        self._failures = failures
        self._window_seconds = window_seconds
        self._first_open_seconds = open_seconds
        self._longest_open_seconds = longest_open_seconds
        self._clock = clock
        self._on_change = on_change
        self._open_seconds = open_seconds
        self._state: State = "closed"
        self._since = 0.0  # when it opened, or when the probe began
        self._probing = False
        self._period = 0  # grows with each change; what began in an earlier period says nothing about this one
        self._ends: deque[tuple[float, bool]] = deque(maxlen=1000)  # (time, well) of what ended lately

    @property
    def state(self) -> State:
        """The state, as the last request left it: an open breaker becomes half open when somebody asks."""
        return self._state

    def retry_after(self) -> float:
        """Seconds until a request would be let through; 0 if one would be now."""
        if self._state == "open" or (self._state == "half_open" and self._probing):
            return max(0.0, self._since + self._open_seconds - self._clock())
        return 0.0

    def admit(self) -> Admission:
        """Leave to try. Raises `BreakerOpen`. Whoever has the leave must say how it ended."""
        if self._state == "closed":
            return Admission(self, self._period, probe=False)
        wait = self.retry_after()
        if wait > 0:
            raise BreakerOpen(wait)
        # A probe that has not been heard of for as long as the breaker is open is given up by starting a new period.
        self._change("half_open")
        self._since = self._clock()
        self._probing = True
        return Admission(self, self._period, probe=True)

    def _ended(self, period: int, probe: bool, well: bool | None) -> None:
        if period != self._period:
            return
        if probe:
            self._probing = False
            if well:
                self._open_seconds = self._first_open_seconds
                self._ends.clear()
                self._change("closed")
            elif well is False:
                self._open_seconds = min(2 * self._open_seconds, self._longest_open_seconds)
                self._open()
            return
        if well is None:
            return
        now = self._clock()
        self._ends.append((now, well))
        while self._ends[0][0] < now - self._window_seconds:
            self._ends.popleft()
        failed = sum(1 for _, fine in self._ends if not fine)
        if not well and failed >= self._failures and failed >= FAILED_SHARE * len(self._ends):
            self._open()

    def _open(self) -> None:
        self._since = self._clock()
        self._change("open")

    def _change(self, state: State) -> None:
        self._period += 1
        changed, self._state = self._state != state, state
        if changed and self._on_change is not None:
            self._on_change(state)
