"""What the web channel asks of the action server to show an article. Everyone may read those, so no secret is asked."""

from __future__ import annotations

import dataclasses
import logging

from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.services import services
from knowledge_base.article_pages import article_page
from knowledge_base.database import DatabaseUnavailable

logger = logging.getLogger(__name__)

PATH = "/articles"


def add_article_calls(app: Sanic) -> None:
    """Adds `GET /articles/SLUG`: an `ArticlePage` as JSON, or 404."""

    async def article(request: Request, slug: str) -> HTTPResponse:
        here = services()
        try:
            page = await here.read(lambda session: article_page(session, slug, here.clock().date()))
        except DatabaseUnavailable:
            logger.exception("an article could not be read")
            return response.json({"error": "unavailable"}, status=503)
        if page is None:
            return response.json({"error": "not_found"}, status=404)
        dated = page.dated.isoformat() if page.dated else None
        return response.json({**dataclasses.asdict(page), "dated": dated})

    app.add_route(article, f"{PATH}/<slug:str>", methods=["GET"])
