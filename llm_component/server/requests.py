"""What surrounds each request: its arrival time and turn id, one log line, its metrics, and errors become answers."""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_component.metrics import FAILURES, REQUEST_SECONDS, REQUESTS
from llm_component.protocol import TURN_HEADER
from llm_component.server.errors import ClientGone, Fault, fault_of
from llm_component.server.logs import turn_id
from llm_component.server.state import ServerState

log = logging.getLogger(__name__)

# Paths as metrics and logs name them; anything else that clients may send is "other".
ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/models",
    "/v1/embeddings",
    "/v1/answers",
    "/v1/summaries",
    "/v1/rephrasings",
    "/v1/rewrites",
    "/health",
    "/ready",
    "/metrics",
)
# Asked for every few seconds by probes, also while the server stops; their lines are for debugging only.
PROBES = frozenset({"/health", "/ready", "/metrics"})
LONGEST_TURN_ID = 128
CLIENT_GONE_STATUS = 499  # nginx's, for the log; nobody receives it
_KEY = "frontdesk.call"


@dataclass
class Call:
    """One request on its way through the server. `notes` are counts and ids for its log line, never texts."""

    arrival: float  # time.monotonic(), seconds
    turn: str
    endpoint: str
    fault: Fault | None = None
    status: int | None = None
    notes: dict[str, object] = field(default_factory=dict)


def call_of(request: Request) -> Call:
    """The call that `request` belongs to."""
    return cast(Call, request.scope[_KEY])


def report(call: Call, error: Exception) -> Fault:
    """Keeps what `error` comes to with the call; logs and counts it where nobody foresaw it."""
    fault = fault_of(error)
    call.fault = fault
    if fault.status >= 500:
        FAILURES.labels("server", fault.code).inc()
    if not fault.expected:
        # An exception's own words may hold a customer's; they appear only where the operator asked for debug lines.
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        log.error("unexpected exception", extra={"type": type(error).__name__, "frames": frames})
        log.debug("unexpected exception in full", exc_info=error)
    return fault


class RequestBoundary:
    """The outermost layer, pure ASGI so that streams and disconnects pass through untouched."""

    def __init__(self, app: ASGIApp, state: ServerState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call(time.monotonic(), _turn_of(scope), _endpoint_of(scope["path"]))
        scope[_KEY] = call
        token = turn_id.set(call.turn)
        entered = False
        unread = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])

        async def receive_noted() -> Message:
            nonlocal unread
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                unread = False
            return message

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                marks = [(b"cache-control", b"no-store"), (b"x-request-id", call.turn.encode("ascii"))]
                if unread:  # else whatever else the client sends would be read, for as long as it sends
                    marks.append((b"connection", b"close"))
                message = {**message, "headers": [*message.get("headers", ()), *marks]}
            await send(message)

        try:
            if call.endpoint not in PROBES:
                self._state.enter()
                entered = True
            await self._app(scope, receive_noted, send_marked)
        except ClientGone:
            call.notes["client_gone"] = True
        except Exception as error:  # noqa: BLE001  the last place where an exception can still become an answer
            fault = report(call, error)
            if call.status is None:
                await _send_fault(fault, send_marked)
        finally:
            if entered:
                self._state.leave()
            _record(call, scope)
            turn_id.reset(token)


async def _send_fault(fault: Fault, send: Send) -> None:
    body = fault.envelope()
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in fault.headers]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _record(call: Call, scope: Scope) -> None:
    seconds = time.monotonic() - call.arrival
    gone = bool(call.notes.get("client_gone"))
    outcome = "cancelled" if gone else call.fault.code if call.fault else "ok"
    REQUESTS.labels(call.endpoint, outcome).inc()
    REQUEST_SECONDS.labels(call.endpoint).observe(seconds)
    fields: dict[str, object] = {
        **call.notes,
        "method": scope["method"],
        "endpoint": call.endpoint,
        "status": CLIENT_GONE_STATUS if gone else call.status,
        "outcome": outcome,
        "seconds": round(seconds, 4),
    }
    if call.fault is not None and call.fault.body.param:
        fields["param"] = call.fault.body.param
    log.log(logging.DEBUG if call.endpoint in PROBES else logging.INFO, "request", extra=fields)


def _turn_of(scope: Scope) -> str:
    """The caller's turn id where it can stand in a log and a header, else a new one."""
    wanted = TURN_HEADER.lower().encode("ascii")
    said = next((value for name, value in scope["headers"] if name == wanted), b"").decode("latin-1")
    if said and len(said) <= LONGEST_TURN_ID and said.isascii() and said.isprintable():
        return said
    return uuid.uuid4().hex


def _endpoint_of(path: str) -> str:
    return next((known for known in ENDPOINTS if path == known or path.startswith(known + "/")), "other")
