"""Serves the widget: one script, which a page of any origin may load."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Tuple

from sanic.request import Request
from sanic.response import HTTPResponse

from rasa_addons.web.errors import ChannelError, error_response

FILE = Path(__file__).parents[2] / "widget" / "dist" / "support-chat.js"
HOUR_SECONDS = 3600


@functools.lru_cache(maxsize=1)
def _content() -> Tuple[bytes, str]:
    """The script and its entity tag; read once. Raises OSError."""
    content = FILE.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def widget_file(request: Request) -> HTTPResponse:
    """The widget's script, or 304 to a browser that has it."""
    try:
        content, tag = _content()
    except OSError:
        return error_response(request, ChannelError(404, "not_found", f"{FILE.name} has not been built."))
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={HOUR_SECONDS}",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == tag:
        return HTTPResponse(status=304, headers=headers)
    return HTTPResponse(content, content_type="text/javascript; charset=utf-8", headers=headers)
