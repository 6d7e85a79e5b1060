"""The queue between the event loop, which puts jobs in and takes them back, and the thread that runs them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from llm_component import metrics
from llm_component.engines.interface import EngineUnavailable
from llm_component.engines.jobs import Job


class WaitingJobs:
    """Jobs in the order they came. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._closed = ""  # why nothing is taken any more

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return bool(self._closed)

    def put(self, job: Job) -> None:
        """Puts a job at the end. Raises `EngineUnavailable` once the queue is closed."""
        with self._condition:
            if self._closed:
                raise EngineUnavailable(self._closed)
            self._jobs.append(job)
            metrics.WAITING.set(len(self._jobs))
            self._condition.notify()

    def cancel(self, job: Job) -> None:
        """Marks a job as one that nobody waits for, and takes it out if it is here."""
        with self._condition:
            job.cancelled = True
            self._remove(job)

    def take(self, jobs: Sequence[Job]) -> None:
        """Takes jobs out. One that is not here any more was cancelled meanwhile, which its owner sees by itself."""
        with self._condition:
            for job in jobs:
                self._remove(job)

    def take_expired(self, now: float) -> list[Job]:
        """Takes out those whose deadline has passed."""
        with self._condition:
            late = [job for job in self._jobs if job.expired(now)]
            for job in late:
                self._remove(job)
        return late

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Puts jobs that ran already in front of all others, in their order; the cancelled ones are forgotten."""
        with self._condition:
            self._jobs.extendleft(job for job in reversed(jobs) if not job.cancelled)

    def all(self) -> list[Job]:
        """Those who wait now."""
        with self._condition:
            return list(self._jobs)

    def close(self, why: str) -> list[Job]:
        """Takes no more jobs, wakes who waits for them, and gives those that are left."""
        with self._condition:
            self._closed = self._closed or why
            left = list(self._jobs)
            self._condition.notify_all()
        return left

    def wait(self, busy: Callable[[], bool]) -> bool:
        """Waits until there is a job, `busy` says that there is other work, or the queue is closed: then false."""
        with self._condition:
            while not (self._closed or self._jobs or busy()):
                self._condition.wait()
            return not self._closed

    def _remove(self, job: Job) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
            metrics.WAITING.set(len(self._jobs))
