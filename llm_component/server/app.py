"""Puts the server together: routes, the layers round them, and what happens at its start and end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from llm_component.engines.interface import Engine
from llm_component.server.answers.serving import answers, rephrasings, rewrites, summaries
from llm_component.server.auth import SharedSecret
from llm_component.server.chat.serving import chat_completions
from llm_component.server.embeddings.protocol import Encoder
from llm_component.server.embeddings.serving import EmbeddingWorker, embeddings
from llm_component.server.model_list import get_model, list_models
from llm_component.server.operation import health, metrics, ready
from llm_component.server.requests import RequestBoundary
from llm_component.server.state import Grounding, Pipeline, ServerState
from llm_component.settings import Settings

HEARTBEAT_SECONDS = 10.0
_ROUTES = (
    Route("/v1/chat/completions", chat_completions, methods=["POST"]),
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{model:path}", get_model, methods=["GET"]),
    Route("/v1/embeddings", embeddings, methods=["POST"]),
    Route("/v1/answers", answers, methods=["POST"]),
    Route("/v1/summaries", summaries, methods=["POST"]),
    Route("/v1/rephrasings", rephrasings, methods=["POST"]),
    Route("/v1/rewrites", rewrites, methods=["POST"]),
    Route("/health", health, methods=["GET"]),
    Route("/ready", ready, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
)


def make_app(
    settings: Settings,
    engine: Engine | None,
    *,
    encoder: Encoder | None = None,
    pipeline: Pipeline | None = None,
    grounding: Grounding | None = None,
    load_grounding: Callable[[], Grounding] | None = None,
    on_failure: Callable[[str], None] | None = None,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> Starlette:
    """The server as an ASGI application; `app.state.server` is its `ServerState`.

    Its lifespan starts loading in the background, so that `/health` and `/ready` answer from the first moment on.

    Args:
        engine: made, not started; None: no generation model, answers quote the passages.
        encoder, pipeline: short for a `grounding` of these two.
        load_grounding: makes it in the background instead; blocking, called on a thread.
        on_failure: called with one sentence where loading has failed for good; without it `/ready` says so for ever.
        heartbeat_seconds: the longest silence of a stream.
    """
    state = ServerState(
        settings,
        engine,
        grounding=grounding or Grounding(encoder, pipeline),
        load_grounding=load_grounding,
        on_failure=on_failure,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(state.load())
        try:
            yield
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            app.state.embedding_worker.close()
            await state.close()

    app = Starlette(
        routes=list(_ROUTES),
        lifespan=lifespan,
        middleware=[
            Middleware(RequestBoundary, state=state),  # the outermost: it answers for everything within
            Middleware(SharedSecret, secret=settings.secret),
        ],
        exception_handlers={HTTPException: _pass_on},
    )
    app.router.redirect_slashes = False
    app.state.server = state
    app.state.embedding_worker = EmbeddingWorker()
    app.state.heartbeat_seconds = heartbeat_seconds
    return app


async def _pass_on(request: Request, error: Exception) -> Response:
    """Keeps the framework from answering 404 and 405 in its own form: the boundary does."""
    raise error
