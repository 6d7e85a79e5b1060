"""When a request must be done: what it says itself, in its body or a header, counted from its arrival."""

from __future__ import annotations

import math
import time

from starlette.requests import Request

from llm_component.server.errors import invalid
from llm_component.server.requests import call_of

DEADLINE_HEADER = "X-Deadline-Seconds"


def deadline_of(request: Request, said_seconds: float | None, default_seconds: float) -> float:
    """A time of `time.monotonic()`, in seconds: the earlier of body and header, or the default where neither says.

    Raises `ApiError` 400 where the header is no number above 0.
    """
    seconds = [each for each in (said_seconds, _from_header(request)) if each is not None]
    return call_of(request).arrival + (min(seconds) if seconds else default_seconds)


def seconds_left(request: Request, said_seconds: float) -> float:
    """What is left of the time that a request was given; 0 where it has passed. Raises as `deadline_of` does."""
    return max(0.0, deadline_of(request, said_seconds, said_seconds) - time.monotonic())


def _from_header(request: Request) -> float | None:
    said = request.headers.get(DEADLINE_HEADER)
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise invalid(f"{DEADLINE_HEADER} must be a number of seconds above 0.", DEADLINE_HEADER)
    return seconds
