"""The Rasa server's demo shop and its endpoints for operators: `/`, `/health`, `/ready`, `/metrics`.

A channel that takes no messages: it is the one way to add routes to Rasa's web server without opening its whole
HTTP API (`--enable-api`).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, Optional, Text

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from frontdesk.brand import load_brand
from frontdesk.metrics import exposition

PAGE_FOLDER = Path(__file__).parent / "page"
# Nothing but the page's own files may run or be loaded.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class OperationsChannel(InputChannel):
    """Named in credentials.yml by its dotted path."""

    @classmethod
    def name(cls) -> Text:
        return "operations"

    def url_prefix(self) -> Text:
        return "/"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> OperationsChannel:
        return cls()

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        blueprint = Blueprint("frontdesk_operations", "frontdesk_operations")
        files = {path.name: path for path in PAGE_FOLDER.iterdir() if path.suffix in _TYPES}
        brand = load_brand()
        filled = {
            "{{shop_name}}": brand.name,
            "{{support_email}}": brand.support_email,
            "{{support_phone}}": brand.support_phone,
            "{{colour}}": brand.colour,
        }

        def page_file(name: Text) -> HTTPResponse:
            path = files.get(name)
            if path is None:
                return response.json({"error": "not_found", "message": "There is no such file."}, status=404)
            body = path.read_text(encoding="utf-8")
            if path.suffix in {".html", ".css"}:
                for placeholder, value in filled.items():
                    body = body.replace(placeholder, html.escape(value))
            headers = {
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-cache",
            }
            return HTTPResponse(body, content_type=_TYPES[path.suffix], headers=headers)

        async def page(request: Request) -> HTTPResponse:
            return page_file("index.html")

        @blueprint.listener("before_server_start")
        async def take_root(app: Sanic, loop: Any) -> None:
            """Rasa 3.6 answers `/` with "Hello from Rasa" and has registered that before any channel."""
            for route in app.router.routes:
                if route.path == "" and "GET" in route.methods:
                    route.handler = page

        @blueprint.get("/page/<name:str>")
        async def asset(request: Request, name: str) -> HTTPResponse:
            return page_file(name)

        @blueprint.get("/health")
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "alive"})

        @blueprint.get("/ready")
        async def ready(request: Request) -> HTTPResponse:
            agent = getattr(request.app.ctx, "agent", None)
            if agent is None or not agent.is_ready():
                return response.json({"status": "loading", "message": "The model is not loaded yet."}, status=503)
            return response.json({"status": "ready", "model": agent.model_id})

        @blueprint.get("/metrics")
        async def metrics(request: Request) -> HTTPResponse:
            body, content_type = exposition()
            return HTTPResponse(body, content_type=content_type)

        return blueprint
