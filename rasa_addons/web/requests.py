"""Reads requests: bodies, fields and headers of the documented form, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Optional

from sanic.request import Request

from rasa_addons.web.errors import BadRequest, ChannelError

LONGEST_BODY_BYTES = 64 * 1024  # 2000 characters of four bytes, each escaped, and room to spare
LOADING_RETRY_SECONDS = 5
_KEY = re.compile(r"[!-~]{1,64}")


def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body; an empty body is an empty one. Raises ChannelError."""
    raw = request.body or b""
    if len(raw) > LONGEST_BODY_BYTES:
        raise ChannelError(413, "body_too_large", f"A body has at most {LONGEST_BODY_BYTES} bytes.")
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest('The body must be JSON, such as {"message": "..."}.') from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body


def text_field(body: Mapping[str, Any], name: str) -> str:
    """A text of a body; empty where it is missing. Raises BadRequest where it is something else."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"The field {name} must be a text.")
    return value


def idempotency_key(request: Request) -> Optional[str]:
    """The key of a message that may be sent again. Raises BadRequest for one of another form."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadRequest("The header Idempotency-Key must have 1 to 64 printable ASCII characters, without spaces.")
    return str(key)


def ready_agent(request: Request) -> Any:
    """Rasa's agent. Raises ChannelError while the model is loaded."""
    agent = getattr(request.app.ctx, "agent", None)
    if agent is None or not agent.is_ready():
        raise ChannelError(
            503,
            "loading",
            "The assistant is still starting; please try again shortly.",
            retry_after=LOADING_RETRY_SECONDS,
        )
    return agent
