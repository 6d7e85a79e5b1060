"""Shows published articles, so that a citation opens the article at its heading.

The knowledge base belongs to the action server: it gives an article's sections as Markdown. Here they become HTML, with
whatever markup they hold as text, under a policy that lets nothing run but the widget.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import httpx
from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from sanic.request import Request
from sanic.response import HTTPResponse

from frontdesk.brand import Brand
from frontdesk.metrics import FAILURES, REFUSED_REQUESTS
from rasa_addons.operations_channel import CONTENT_SECURITY_POLICY
from rasa_addons.web.conversation_calls import CALL_SECONDS, WEBHOOK
from rasa_addons.web.errors import ChannelError, Unavailable
from rasa_addons.web.limits import Limiter, address_of
from rasa_addons.web.shared_state import StateUnavailable

logger = logging.getLogger(__name__)

PATH = "/articles"
BASE = "/webhooks/rest"
FOLDER = Path(__file__).parent / "pages"
PAGE_SECONDS = 300  # how long a browser keeps an article
DEEPEST_HEADING = 4
_LINKED = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9-]{1,120}")
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class ArticlePages:
    """The requests for articles; each is answered with a page, whatever happens."""

    def __init__(
        self,
        actions_url: Optional[str],
        limits: Limiter,
        brand: Brand,
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        """`actions_url` is the webhook's, as endpoints.yml has it; `transport` is for tests."""
        self._url = (actions_url or "").removesuffix(WEBHOOK) + PATH
        self._limits = limits
        self._brand = brand
        self._transport = transport
        self._templates = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True)
        # Markup in an article is text; pictures of other hosts would learn who reads.
        self._markdown = _Markdown("commonmark", {"html": False}).enable("table").disable("image")

    async def page(self, request: Request, slug: str) -> HTTPResponse:
        """An article, or why there is none, as a page."""
        try:
            await self._limits.page(address_of(request))
            article = await self._article(slug)
        except StateUnavailable as error:
            FAILURES.labels(place="shared_state", kind="unavailable").inc()
            logger.error("the shared state does not answer", extra={"path": request.path, "error": str(error)})
            return self._refused(Unavailable())
        except ChannelError as refused:
            logger.info("an article was not shown", extra={"path": request.path, "code": refused.code})
            return self._refused(refused)
        said = {**article, "sections": self._sections(article["sections"])}
        return self._html("article.html", 200, {"Cache-Control": f"public, max-age={PAGE_SECONDS}"}, article=said)

    def style(self) -> HTTPResponse:
        """The style sheet of the pages."""
        text = self._templates.get_template("articles.css").render(brand=self._brand)
        headers = {**_HEADERS, "Cache-Control": "no-cache"}
        return HTTPResponse(text, content_type="text/css; charset=utf-8", headers=headers)

    def _refused(self, refused: ChannelError) -> HTTPResponse:
        REFUSED_REQUESTS.labels(reason=refused.code).inc()
        retry = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
        return self._html("no-article.html", refused.status, {"Cache-Control": "no-store", **retry})

    def _html(self, template: str, status: int, headers: Mapping[str, str], **values: Any) -> HTTPResponse:
        text = self._templates.get_template(template).render(brand=self._brand, base=BASE, status=status, **values)
        return HTTPResponse(text, status, content_type="text/html; charset=utf-8", headers={**_HEADERS, **headers})

    async def _article(self, slug: str) -> Mapping[str, Any]:
        """The article as the action server has it. Raises ChannelError."""
        if not _SLUG.fullmatch(slug):
            raise ChannelError(404, "not_found", "There is no such article.")
        try:
            async with httpx.AsyncClient(timeout=CALL_SECONDS, transport=self._transport) as client:
                answer = await client.get(f"{self._url}/{slug}")
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _failed(type(error).__name__) from error
        if answer.status_code == 404:
            raise ChannelError(404, "not_found", "There is no such article.")
        if answer.status_code != 200 or not isinstance(said, dict) or not isinstance(said.get("sections"), list):
            raise _failed(f"status_{answer.status_code}")
        return said

    def _sections(self, sections: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
        """Each section's text as HTML, and its headings without those that the section before stands under, too."""
        shown: List[Dict[str, Any]] = []
        before: Sequence[str] = ()
        for section in sections:
            path = section["path"]
            same = _common(before, path)
            new = [_Heading(min(2 + depth, DEEPEST_HEADING), text) for depth, text in enumerate(path)][same:]
            if new:
                new[-1] = dataclasses.replace(new[-1], anchor=section["anchor"])
            shown.append({"headings": new, "html": self._markdown.render(section["text"])})
            before = path
        return shown


class _Markdown(MarkdownIt):
    """Makes links of whole addresses only; the library's own rule names what is forbidden instead."""

    def validateLink(self, url: str) -> bool:
        return _LINKED.match(url) is not None


@dataclasses.dataclass(frozen=True)
class _Heading:
    level: int
    text: str
    anchor: str = ""


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many headings two paths begin with together."""
    number = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        number += 1
    return number


def _failed(kind: str) -> Unavailable:
    FAILURES.labels(place="action_server", kind=kind).inc()
    logger.error("the action server gave no article", extra={"kind": kind})
    return Unavailable()
