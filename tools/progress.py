"""One step at a time, told on one line: its name, the seconds so far, what it is at, and how it ended."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Callable, TextIO

REFRESH_SECONDS = 0.2  # on a terminal the line is redrawn this often
REPORT_SECONDS = 10.0  # elsewhere (a pipe, a build log) a line is added this often
ERASE_LINE = "\r\x1b[2K"


class Step:
    """A context manager around work of more than a moment.

    On a terminal one line is redrawn in place; elsewhere the start, a report every ten seconds and the end are lines.
    """

    def __init__(
        self,
        title: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self._stream = stream if stream is not None else sys.stdout
        self._terminal = self._stream.isatty()
        self._clock = clock
        self._started = clock()
        self._detail = ""
        self._outcome = "done"
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._report, daemon=True)

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return self._clock() - self._started

    def update(self, detail: str) -> None:
        """What the step is at now; shown beside the elapsed time."""
        self._detail = detail

    def finish(self, outcome: str) -> None:
        """The words that end the line instead of "done"."""
        self._outcome = outcome

    def write(self, line: str) -> None:
        """A whole line of its own, above the progress line."""
        with self._writing:
            self._print(f"{ERASE_LINE if self._terminal else ''}{line}\n")

    def _print(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _line(self) -> str:
        detail = f"  {self._detail}" if self._detail else ""
        return f"  {self.title} ... {self.seconds:.0f} s{detail}"

    def _report(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS if self._terminal else REPORT_SECONDS):
            with self._writing:
                if self._terminal:
                    self._print(ERASE_LINE + self._line()[: shutil.get_terminal_size().columns - 1])
                else:
                    self._print(self._line() + "\n")

    def __enter__(self) -> Step:
        self._started = self._clock()
        if not self._terminal:
            self._print(f"  {self.title} ...\n")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        outcome = self._outcome if kind is None else "stopped" if kind is KeyboardInterrupt else "failed"
        self._print(f"{ERASE_LINE if self._terminal else ''}  {self.title}: {outcome} ({self.seconds:.1f} s)\n")
