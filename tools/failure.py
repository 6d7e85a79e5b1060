"""How a command of the project ends when it cannot go on: one sentence, and a status that is not zero."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Callable

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Failure(Exception):
    """What stopped a command, as one sentence for the person who started it."""


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_command(main: Callable[[], int]) -> int:
    """Runs `main` and returns its exit status; a `Failure` becomes one line on standard error.

    SIGTERM is handled like Ctrl-C, so that `main` ends what it started in either case.
    """
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        return main()
    except Failure as failure:
        print(f"frontdesk: {failure}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nfrontdesk: stopped.", file=sys.stderr, flush=True)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
