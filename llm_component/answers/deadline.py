"""A point in time that waiting ends at, with a clock and a timer that tests can replace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class DeadlinePassed(Exception):
    """What was waited for did not come in time."""


class Deadline:
    """Ends waiting at the time `at` of `clock`, in seconds. To be closed, because it holds a timer."""

    def __init__(self, at: float, clock: Clock, sleep: Sleep) -> None:
        self.at = at
        self._clock = clock
        self._timer = asyncio.ensure_future(_slept(sleep, max(0.0, at - clock())))

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self._clock() >= self.at

    async def wait(self, task: asyncio.Future[T]) -> T:
        """The result of `task`. Raises `DeadlinePassed` where the time is over first; the task then goes on."""
        if not task.done():
            if self.passed:
                raise DeadlinePassed
            either: set[asyncio.Future[Any]] = {task, self._timer}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise DeadlinePassed
        return task.result()

    def close(self) -> None:
        """Ends the timer."""
        self._timer.cancel()


async def _slept(sleep: Sleep, seconds: float) -> None:
    await sleep(seconds)
