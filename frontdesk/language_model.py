"""Where the language model's server is, how long who waits for it, and how to wait no longer than that."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")

URL_VARIABLE = "FRONTDESK_LLM_URL"
SECRET_VARIABLE = "FRONTDESK_LLM_SECRET"
ANSWER_VARIABLE = "FRONTDESK_LLM_DEADLINE_SECONDS"
REPHRASE_VARIABLE = "FRONTDESK_LLM_REPHRASE_SECONDS"
SUMMARY_VARIABLE = "FRONTDESK_LLM_SUMMARY_SECONDS"

# Ten seconds are about the limit for keeping somebody's attention on a dialogue (Nielsen, Usability Engineering, 1993,
# section 5.5); understanding, search and the way back take their part of it. It also has to stay below the 20 seconds
# that an action may take, as an action's own response is worded within them.
DEFAULT_ANSWER_SECONDS = 8.0
# A rephrased sentence is worth less than a prompt one.
DEFAULT_REPHRASE_SECONDS = 2.0
# The customer waits for the ticket's number meanwhile.
DEFAULT_SUMMARY_SECONDS = 4.0
LONGEST_SECONDS = 18.0
# The client is told to be done this much earlier (seconds), so that it can say why it has no answer; it tells the
# server to be done earlier still.
CLIENT_MARGIN_SECONDS = 0.25


class LanguageModelSettingsError(ValueError):
    """A setting cannot be used; the message names it and says what it may be."""


@dataclass(frozen=True)
class LanguageModelSettings:
    """Waits are in seconds; 0 leaves that use of the model out. Without a `url` nothing is asked."""

    url: str = ""
    secret: str = ""
    answer_seconds: float = DEFAULT_ANSWER_SECONDS
    rephrase_seconds: float = DEFAULT_REPHRASE_SECONDS
    summary_seconds: float = DEFAULT_SUMMARY_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> LanguageModelSettings:
        """Reads FRONTDESK_LLM_URL and what belongs to it. Raises LanguageModelSettingsError."""
        source = os.environ if environment is None else environment
        url = source.get(URL_VARIABLE, "").strip().rstrip("/")
        if url and not url.startswith(("http://", "https://")):
            raise LanguageModelSettingsError(f"{URL_VARIABLE}={url}: give an http:// or https:// address")
        return cls(
            url=url,
            secret=source.get(SECRET_VARIABLE, "").strip(),
            answer_seconds=_seconds(source, ANSWER_VARIABLE, DEFAULT_ANSWER_SECONDS),
            rephrase_seconds=_seconds(source, REPHRASE_VARIABLE, DEFAULT_REPHRASE_SECONDS),
            summary_seconds=_seconds(source, SUMMARY_VARIABLE, DEFAULT_SUMMARY_SECONDS),
        )


def _seconds(source: Mapping[str, str], variable: str, default: float) -> float:
    said = source.get(variable, "").strip()
    if not said:
        return default
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    # Actions have 20 seconds and Rasa's web server cuts a turn at 60.
    if not 0 <= value <= LONGEST_SECONDS:
        raise LanguageModelSettingsError(f"{variable}={said}: give seconds from 0 to {LONGEST_SECONDS:g}")
    return value


def client_deadline(seconds: float) -> float:
    """The deadline of a request that one waits `seconds` for."""
    return max(seconds - CLIENT_MARGIN_SECONDS, seconds / 2)


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`. Raises asyncio.TimeoutError after `seconds`, and what `work` raises.

    Unlike `asyncio.wait_for` it does not wait for cancelled work to let go, so the time is never longer.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        abandon(task)


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancels a task that nobody waits for any more; how it ends is no news to anybody."""
    task.cancel()
    # An exception that nobody looks at would be reported when the task is collected.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


def failure_kind(error: BaseException) -> str:
    """A short label for why there is no answer: the kind that the server named, or the error's own name."""
    if isinstance(error, asyncio.TimeoutError):
        return "deadline"
    kind = getattr(error, "kind", None)
    return kind if isinstance(kind, str) and kind else type(error).__name__
