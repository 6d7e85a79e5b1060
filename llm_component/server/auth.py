"""The shared secret: whoever calls must send it, except for the probes."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from llm_component.server.errors import ApiError

OPEN_PATHS = frozenset({"/health", "/ready", "/metrics"})


class SharedSecret:
    """Lets requests through that carry `Authorization: Bearer <secret>`; compared in constant time.

    Raises `ApiError` 401 for the others, before anything of their body is read.
    """

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode("utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._secret and scope["path"] not in OPEN_PATHS:
            said = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            scheme, _, given = said.partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._secret):
                raise ApiError(
                    401, "Send the server's shared secret as Authorization: Bearer <secret>.", "invalid_api_key"
                )
        await self._app(scope, receive, send)
