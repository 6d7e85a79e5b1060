"""Requests that are refused: a status, a code for programs, and a sentence."""

from __future__ import annotations

import functools
import logging
from typing import Any, Awaitable, Callable, Dict, Optional

from sanic.request import Request
from sanic.response import HTTPResponse, json

from frontdesk.metrics import FAILURES, REFUSED_REQUESTS
from rasa_addons.web.shared_state import StateUnavailable

logger = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store"}
UNAVAILABLE = "A part of the assistant does not answer just now; please try again."
UNAVAILABLE_RETRY_SECONDS = 5

Handler = Callable[[Request], Awaitable[Any]]


class ChannelError(Exception):
    """A request is refused.

    Args:
        status: the HTTP status, from 400 on.
        code: for programs; it stays as it is (docs/web-channel.md).
        message: for whoever wrote the client, and where there is no `response`.
        response: the response of domain.yml that tells the customer; it gets `values` and `retry_after`.
        retry_after: seconds after which it may work.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        response: Optional[str] = None,
        retry_after: Optional[int] = None,
        **values: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.response = response
        self.retry_after = retry_after
        self.values = values


class BadRequest(ChannelError):
    """The request is not of the documented form; the message says how to mend it."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "bad_request", message)


class Unavailable(ChannelError):
    """A part of the system does not answer."""

    def __init__(self) -> None:
        super().__init__(
            503, "unavailable", UNAVAILABLE, response="utter_unavailable", retry_after=UNAVAILABLE_RETRY_SECONDS
        )


def error_response(request: Request, error: ChannelError) -> HTTPResponse:
    """The error as JSON; its sentence comes from the domain, as soon as there is one."""
    body: Dict[str, Any] = {"error": error.code, "message": error.message}
    headers = dict(NO_STORE)
    values = dict(error.values)
    if error.retry_after is not None:
        body["retry_after"] = values["retry_after"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    agent = getattr(request.app.ctx, "agent", None)
    if error.response and agent is not None and agent.is_ready():
        said = agent.processor.nlg.sentence(error.response, **values)
        body["message"] = (said or {}).get("text") or error.message
    return json(body, status=error.status, headers=headers)


def refusing(handler: Handler) -> Handler:
    """A handler whose errors become answers: each with a status, a sentence, a log line and a count."""

    @functools.wraps(handler)
    async def answered(request: Request) -> Any:
        try:
            return await handler(request)
        except ChannelError as error:
            refused = error
            logger.info("a request was refused", extra={"path": request.path, "code": error.code})
        except StateUnavailable as error:
            refused = Unavailable()
            logger.error("the shared state does not answer", extra={"path": request.path, "error": str(error)})
            FAILURES.labels(place="shared_state", kind="unavailable").inc()
        except Exception as error:  # whatever it is, the customer gets a sentence
            refused = Unavailable()
            logger.exception("a request failed", extra={"path": request.path})
            FAILURES.labels(place="channel", kind=type(error).__name__).inc()
        REFUSED_REQUESTS.labels(reason=refused.code).inc()
        return error_response(request, refused)

    return answered
