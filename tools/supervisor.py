"""Starts server processes together, watches them, restarts one that dies, and ends them all."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

from tools.failure import Failure
from tools.processes import GRACE_SECONDS, die_with_parent, end_groups, tail
from tools.project import ROOT
from tools.services import Service, require_free_port

START_SECONDS = 300.0  # a server that is not ready by then will not be
# One restart is granted, and again once the service has lived this long since its last one.
RESTART_AGAIN_SECONDS = 600.0
ONE_REQUEST_SECONDS = 0.3  # signals closer together are one request to end
WATCH_SECONDS = 0.2
PROBE_SECONDS = 0.5  # between two questions whether a server is ready
PROBE_TIMEOUT_SECONDS = 2.0


def answers(url: str) -> bool:
    """Whether a GET of `url` ends with status 200."""
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_SECONDS) as answer:
            return int(answer.status) == 200
    except (OSError, ValueError, urllib.error.URLError):
        return False


def how_it_ended(status: int) -> str:
    """A process's exit status in words: `status 1`, or the signal that ended it."""
    if status >= 0:
        return f"status {status}"
    hint = "; was the memory used up?" if status == -signal.SIGKILL else ""
    return f"by {signal.Signals(-status).name}{hint}"


class Stopped(KeyboardInterrupt):
    """Somebody asked for the end, with Ctrl-C or SIGTERM."""


class Supervisor:
    """Runs services from start to end. Use as `with Supervisor(...) as running:`; leaving the block ends them all.

    An optional service that cannot be started, or dies twice, is given up with a plain sentence; the others run on.
    """

    def __init__(
        self,
        services: Sequence[Service],
        environment: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        say: Callable[[str], None] = print,
        ready: Callable[[str], bool] = answers,
        clock: Callable[[], float] = time.monotonic,
        start_seconds: float = START_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._services = list(services)
        self._environment = dict(environment)
        self._cwd = cwd
        self._say = say
        self._ready = ready
        self._clock = clock
        self._start_seconds = start_seconds
        self._grace_seconds = grace_seconds
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restarted_at: dict[str, float] = {}
        self._requests_to_stop = 0
        self._requested_at: float | None = None
        self._handlers: dict[int, object] = {}

    # Signals

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        # `make` passes SIGTERM on to a group that had it already: two at once are one request.
        if self._requested_at is None or time.monotonic() - self._requested_at > ONE_REQUEST_SECONDS:
            self._requests_to_stop += 1
            self._requested_at = time.monotonic()

    def check_stop(self) -> None:
        """Raises `Stopped` if somebody asked for the end."""
        if self._requests_to_stop:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Sleeps, no longer than until somebody asks for the end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check_stop()
            time.sleep(min(WATCH_SECONDS, max(0.0, deadline - time.monotonic())))
        self.check_stop()

    def __enter__(self) -> Supervisor:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, self._request_stop)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]

    # Processes

    def start(self) -> None:
        """Starts all services. Raises `Failure` before the first if a port is taken."""
        for service in list(self._services):
            try:
                require_free_port(service)
            except Failure as failure:
                self._fail(service, failure)
        for service in list(self._services):
            try:
                self._spawn(service, "wb")
            except Failure as failure:
                self._fail(service, failure)

    def _fail(self, service: Service, failure: Failure) -> None:
        """Raises the failure, unless the others can do without the service."""
        if not service.optional:
            raise failure
        self._services.remove(service)
        process = self._processes.pop(service.name, None)
        if process is not None:
            end_groups([process], self._grace_seconds)
        self._say(f"{failure}\nThe assistant goes on without the {service.name}.")

    def runs(self, service: Service) -> bool:
        """Whether the service has been started and not given up."""
        return service.name in self._processes

    def _spawn(self, service: Service, mode: str) -> None:
        service.log.parent.mkdir(parents=True, exist_ok=True)
        with service.log.open(mode) as log:
            try:
                self._processes[service.name] = subprocess.Popen(
                    list(service.command),
                    cwd=self._cwd,
                    env={**self._environment, **service.settings},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # a group of its own: Ctrl-C reaches it through the supervisor only
                    preexec_fn=die_with_parent(),
                )
            except OSError as error:
                raise Failure(f"The {service.name} could not be started: {error}.") from error

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The running process of a service."""
        return self._processes[name]

    def wait_ready(self, tell: Callable[[str], None] = lambda text: None) -> None:
        """Waits until every service answers that is not optional; `tell` hears how far they are.

        Raises `Failure` if one ends first, for it would end again the same way, or if it takes too long.
        """
        deadline = self._clock() + self._start_seconds
        waiting = list(self._services)
        while any(not service.optional for service in waiting):
            for service in list(waiting):
                if self._processes[service.name].poll() is not None:
                    waiting.remove(service)
                    self._fail(service, self._ended(service, "ended while it was starting"))
                elif self._ready(service.ready_url):
                    waiting.remove(service)
            tell(", ".join(f"{s.name} {'starting' if s in waiting else 'ready'}" for s in self._services))
            needed = [service for service in waiting if not service.optional]
            if needed and self._clock() > deadline:
                raise self._ended(needed[0], f"was not ready within {self._start_seconds:.0f} s")
            if needed:
                self.wait(PROBE_SECONDS)

    def watch(self) -> None:
        """Watches until somebody asks for the end (`Stopped`) or a service dies for the second time (`Failure`).

        An optional one that dies for the second time is given up.
        """
        while True:
            for service in list(self._services):
                process = self._processes[service.name]
                if process.poll() is not None:
                    self._restart(service, process)
            self.wait(WATCH_SECONDS)

    def _restart(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        restarted = self._restarted_at.get(service.name)
        if restarted is not None and self._clock() - restarted < RESTART_AGAIN_SECONDS:
            self._fail(service, self._ended(service, "ended again after a restart"))
            return
        end_groups([process], self._grace_seconds)  # what it left behind
        at = datetime.now().strftime("%H:%M:%S")
        self._say(f"{at} The {service.name} ended ({how_it_ended(process.returncode)}); starting it once more.")
        self._restarted_at[service.name] = self._clock()
        self._spawn(service, "ab")

    def _ended(self, service: Service, what: str) -> Failure:
        lines = "".join(f"\n    {line}" for line in tail(service.log))
        shown = os.path.relpath(service.log, self._cwd)
        status = self._processes[service.name].poll()
        how = "" if status is None else f" ({how_it_ended(status)})"
        return Failure(f"The {service.name} {what}{how}. The end of {shown}:{lines or ' (nothing)'}")

    def stop(self) -> None:
        """Ends all services and what they started; a second request for the end skips the time for grace."""
        processes = list(self._processes.values())
        end_groups(processes, self._grace_seconds, hurry=lambda: self._requests_to_stop > 1)
        self._processes.clear()
