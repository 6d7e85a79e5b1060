"""Shares one stream among equal requests that are under way at the same time, where their deadlines allow it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from llm_component.coalescing import SharedRun

T = TypeVar("T")


class Flights(Generic[T]):
    """The streams under way, by what makes requests equal. For one event loop."""

    def __init__(self) -> None:
        self._flights: dict[str, tuple[float, SharedRun[T]]] = {}

    def joins(self, key: str, deadline: float) -> bool:
        """Whether an equal request is under way that will have ended by `deadline`."""
        found = self._flights.get(key)
        return found is not None and found[0] <= deadline and found[1].joinable

    def stream(
        self, key: str, deadline: float, start: Callable[[], AsyncGenerator[T, None]]
    ) -> AsyncGenerator[T, None]:
        """The items of the equal stream under way, or of a new one; to be read at once.

        A request with less time than the one under way gets a stream of its own.
        """
        if self.joins(key, deadline):
            return self._flights[key][1].read()
        if key in self._flights:
            return start()

        def ended(run: SharedRun[T]) -> None:
            self._flights.pop(key, None)

        run: SharedRun[T] = SharedRun(start, ended)
        self._flights[key] = (deadline, run)
        return run.read()
