"""The one place where exceptions become HTTP statuses and errors in the form of OpenAI's API."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import msgspec
from starlette.exceptions import HTTPException

from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    Overloaded,
    RequestRefused,
    UpstreamFailed,
)
from llm_component.protocol import ErrorBody

_ENGINE_STATUS: dict[type[EngineError], int] = {
    Overloaded: 429,
    EngineUnavailable: 503,
    DeadlineExceeded: 504,
    RequestRefused: 400,
    UpstreamFailed: 502,
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
_HTTP_MESSAGES = {404: "There is nothing at this address.", 405: "This address does not take this method."}
_VALIDATION_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING_FIELD = re.compile(r"missing required field `(?P<field>[^`]*)`")
UNEXPECTED = "The server failed on this request. Its log says where, under the id in the X-Request-Id header."


class ApiError(Exception):
    """A request that the server itself turns down."""

    def __init__(
        self, status: int, message: str, code: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after


class ClientGone(Exception):
    """The client closed the connection before it had its answer. Nobody is there to read an error."""


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """An error's form on the wire."""

    error: ErrorBody


@dataclass(frozen=True)
class Fault:
    """What a client is told of an exception. `expected` is false where it is a mistake of ours."""

    status: int
    body: ErrorBody
    headers: tuple[tuple[str, str], ...] = ()
    expected: bool = True

    @property
    def code(self) -> str:
        """The error's code: one of a fixed set, fit for a metric's label."""
        return self.body.code or self.body.type

    def envelope(self) -> bytes:
        """`{"error": {...}}` as JSON."""
        return msgspec.json.encode(ErrorEnvelope(self.body))


def not_supported(what: str, param: str) -> ApiError:
    """A part of OpenAI's API that this server does not have."""
    return ApiError(400, f"{what} not supported by this server.", "not_supported", param=param)


def invalid(message: str, param: str | None) -> ApiError:
    """A value that is outside what it may be."""
    return ApiError(400, message, "invalid_request", param=param)


def fault_of(error: BaseException) -> Fault:
    """What to tell a client of `error`; an exception that nobody foresaw gives status 500 and no detail."""
    if isinstance(error, ApiError):
        return _fault(error.status, str(error), error.code, param=error.param, retry_after=error.retry_after)
    if isinstance(error, EngineError):
        status = next((status for kind, status in _ENGINE_STATUS.items() if isinstance(error, kind)), 500)
        return _fault(status, str(error), error.kind, retry_after=error.retry_after)
    if isinstance(error, msgspec.ValidationError):
        found = _VALIDATION_PATH.search(str(error))
        message = _VALIDATION_PATH.sub("", str(error))
        path = found["path"] if found else ""
        missing = _MISSING_FIELD.search(message)
        if missing:
            path = f"{path}.{missing['field']}".lstrip(".")
        return _fault(400, f"{path}: {message}" if path else message, "invalid_request", param=path or None)
    if isinstance(error, HTTPException):
        status = error.status_code
        message = _HTTP_MESSAGES.get(status, str(error.detail))
        allowed = tuple((error.headers or {}).items())
        return _fault(status, message, _HTTP_CODES.get(status, "invalid_request"), headers=allowed)
    return _fault(500, UNEXPECTED, "internal_error", expected=False)


def _fault(
    status: int,
    message: str,
    code: str,
    *,
    param: str | None = None,
    retry_after: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    expected: bool = True,
) -> Fault:
    if retry_after is not None:
        headers = (*headers, ("Retry-After", str(max(1, math.ceil(retry_after)))))
    if status == 401:
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    return Fault(status, ErrorBody(message, _type_of(status), code, param, retry_after), headers, expected)


def _type_of(status: int) -> str:
    """The error's type in OpenAI's words."""
    if status == 401:
        return "authentication_error"
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
