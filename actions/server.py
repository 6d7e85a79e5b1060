"""The action server: builds what actions work with, then serves them to Rasa on a private address."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping

from rasa_sdk import endpoint
from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from actions.article_calls import add_article_calls
from actions.conversation_calls import add_conversation_calls
from actions.services import Services, install, services
from frontdesk.brand import load_brand
from frontdesk.language_model import LanguageModelSettings
from frontdesk.logs import configure_logging
from frontdesk.metrics import exposition
from frontdesk.signing import IDENTITY_KEYS_VARIABLE, KeyRing
from knowledge_base.database import Database, DatabaseUnavailable
from knowledge_base.mail import mailer_from_settings
from knowledge_base.search import KnowledgeSearch
from knowledge_base.search.engines.choice import ENGINE_VARIABLE
from knowledge_base.settings import DatabaseSettings, SettingsError
from llm_component.client import LlmClient
from llm_component.encoder import load_encoder
from llm_component.reranker import load_reranker

logger = logging.getLogger("actions.server")

PORT_VARIABLE = "FRONTDESK_ACTIONS_PORT"
HOST_VARIABLE = "FRONTDESK_ACTIONS_HOST"
ENCODER_VARIABLE = "FRONTDESK_ENCODER"
RERANKER_VARIABLE = "FRONTDESK_RERANKER"
RELEVANCE_VARIABLE = "FRONTDESK_RELEVANCE_FLOOR"
ARTICLES_VARIABLE = "FRONTDESK_ARTICLES_URL"
DEFAULT_PORT = 5055
# Cosine similarity below which a passage is not taken for an answer, where no score was fitted for the encoder: on the
# development questions it keeps 82 % of the open ones and 3 % of those that are none of the shop's business
# (docs/decisions/0005-relevance-floor.md).
DEFAULT_RELEVANCE_FLOOR = 0.40


def build_services() -> Services:
    """Database, search, mail and brand from the environment.

    Raises:
        SettingsError, BrandError, EncoderError, EngineError, LanguageModelSettingsError: with the variable, field or
            file that is wrong.
    """
    settings = DatabaseSettings.from_environment()
    logger.info("settings", extra={"settings": settings.masked()})
    brand = load_brand()
    model = LanguageModelSettings.from_environment()
    database = Database(settings.database_url)
    encoder = load_encoder(os.environ.get(ENCODER_VARIABLE))
    return Services(
        database=database,
        search=KnowledgeSearch(
            database,
            encoder,
            engine_name=os.environ.get(ENGINE_VARIABLE),
            reranker=load_reranker(os.environ.get(RERANKER_VARIABLE)),
        ),
        encoder=encoder,
        mailer=mailer_from_settings(settings, brand.placeholders()),
        brand=brand,
        secret_key=settings.secret_key,
        relevance_floor=float(os.environ.get(RELEVANCE_VARIABLE, DEFAULT_RELEVANCE_FLOOR)),
        language_model=LlmClient(model.url, model.secret) if model.url and model.summary_seconds else None,
        summary_seconds=model.summary_seconds,
        articles_url=articles_url(os.environ),
    )


def articles_url(environment: Mapping[str, str]) -> str | None:
    """Where the channel shows articles, without a slash at the end; None: nowhere. Raises SettingsError."""
    said = environment.get(ARTICLES_VARIABLE, "").strip().rstrip("/")
    if said and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", said):
        raise SettingsError(
            f"{ARTICLES_VARIABLE}={said} is no web address, such as https://help.shop.example/webhooks/rest/articles"
        )
    return said or None


def add_operations(app: Sanic) -> None:
    """`/ready` (the database answers) and `/metrics`; `/health` is the SDK's own. Errors tell the caller nothing."""

    @app.get("/ready")
    async def ready(request: Request) -> HTTPResponse:
        try:
            await services().in_thread(services().database.check)
        except DatabaseUnavailable:
            return response.json({"status": "unavailable", "message": "The database does not answer."}, status=503)
        return response.json({"status": "ready"})

    @app.get("/metrics")
    async def metrics(request: Request) -> HTTPResponse:
        body, content_type = exposition()
        return HTTPResponse(body, content_type=content_type)

    @app.exception(Exception)
    async def failed(request: Request, exception: Exception) -> HTTPResponse:
        # The SDK's own handler echoes the whole request, customer data included.
        status = getattr(exception, "status_code", 500)
        if status >= 500:
            logger.error("request failed", exc_info=exception)
        body: dict[str, str] = {"error": type(exception).__name__}
        return response.json(body, status=status)


def serve() -> None:
    """Runs until SIGTERM or Ctrl-C. Raises as `build_services`, and SigningError for keys of another form."""
    configure_logging("actions")
    identity_keys = KeyRing.parse(os.environ.get(IDENTITY_KEYS_VARIABLE, ""), IDENTITY_KEYS_VARIABLE)
    install(build_services())
    app = endpoint.create_app("actions", cors_origins=[])
    add_operations(app)
    add_conversation_calls(app, services().secret_key, identity_keys)
    add_article_calls(app)
    host, port = os.environ.get(HOST_VARIABLE, "127.0.0.1"), int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT))
    logger.info("action server starts", extra={"host": host, "port": port})
    app.run(host=host, port=port, workers=1, access_log=False)
