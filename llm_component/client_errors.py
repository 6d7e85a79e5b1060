"""How the client's calls fail, and what the server's errors mean."""

from __future__ import annotations

from typing import Literal

import msgspec

from llm_component.protocol import ErrorBody, Sentence
from llm_component.transport import CallFailed

Kind = Literal["unreachable", "timeout", "overloaded", "unavailable", "refused", "broken_answer"]

# What says that something is wrong with the server; a full queue or a bad request does not.
SERVER_FAULTS: frozenset[Kind] = frozenset({"unreachable", "timeout", "unavailable", "broken_answer"})
_KIND_OF_CODE: dict[str, Kind] = {
    "overloaded": "overloaded",
    "unavailable": "unavailable",
    "deadline_exceeded": "timeout",
    "invalid_request": "refused",
}
_KIND_OF_STATUS: dict[int, Kind] = {429: "overloaded", 503: "unavailable", 504: "timeout", 408: "timeout"}


class LlmError(RuntimeError):
    """There is no answer, or no more of it. The message is for logs, not for customers.

    `kind`: "unreachable" no connection; "timeout" the deadline passed; "overloaded" the server has too much to do;
    "unavailable" it is not ready, or failed so often that it is left alone; "refused" it does not take this request or
    this secret; "broken_answer" it failed or sent what cannot be read. `retry_after`: seconds until another try makes
    sense. `sentences`: what had arrived; each of them had passed the checks.
    """

    def __init__(
        self, kind: Kind, message: str, retry_after: float | None = None, sentences: tuple[Sentence, ...] = ()
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.retry_after = retry_after
        self.sentences = sentences


class _Envelope(msgspec.Struct, frozen=True):
    error: ErrorBody


def error_of_call(failure: CallFailed) -> LlmError:
    """The error for a call that did not bring an answer with status 200."""
    if failure.reason == "unreachable":
        return LlmError("unreachable", str(failure))
    if failure.reason == "timeout":
        return LlmError("timeout", str(failure))
    if failure.reason == "broken":
        return LlmError("broken_answer", str(failure))
    try:
        said = msgspec.json.decode(failure.body, type=_Envelope).error.message[:300]
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = "without a reason"
    kind = _KIND_OF_STATUS.get(failure.status, "refused" if 400 <= failure.status < 500 else "broken_answer")
    return LlmError(kind, f"HTTP {failure.status}: {said}", failure.retry_after)


def error_of_event(data: str) -> LlmError:
    """The error that an `error` event brings. Raises `msgspec.DecodeError` where it is none."""
    error = msgspec.json.decode(data, type=ErrorBody)
    return LlmError(_KIND_OF_CODE.get(error.code or error.type, "broken_answer"), error.message, error.retry_after)
