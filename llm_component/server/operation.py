"""`/health`, `/ready` and `/metrics`: whether the process lives, whether it can answer, and what it has done."""

from __future__ import annotations

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from llm_component.engines.interface import EngineStatus
from llm_component.metrics import KV_USE, RUNNING, WAITING
from llm_component.server.bodies import json_response
from llm_component.server.state import RETRY_SECONDS, ServerState


class Readiness(msgspec.Struct, frozen=True):
    """What `/ready` says. `reason` tells why it is not ready, or what a server without a model does instead."""

    ready: bool
    state: str  # loading, ready, failed, unavailable (the engine is not able to work now), draining
    reason: str = ""
    model: str | None = None
    adapters: tuple[str, ...] = ()
    encoder: str | None = None
    running: int = 0
    waiting: int = 0


async def health(request: Request) -> Response:
    """200 as long as the process lives."""
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """200 where requests will be answered, else 503 with the reason."""
    said = readiness(request.app.state.server)
    response = json_response(said, 200 if said.ready else 503)
    if not said.ready:
        response.headers["Retry-After"] = f"{RETRY_SECONDS:.0f}"
    return response


async def metrics(request: Request) -> Response:
    """All figures in Prometheus's text form; those of the engine's state are read now."""
    status = _status(request.app.state.server)
    if status is not None:
        RUNNING.set(status.running)
        WAITING.set(status.waiting)
        KV_USE.set(status.kv_tokens_used / status.kv_tokens_total if status.kv_tokens_total else 0.0)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def readiness(state: ServerState) -> Readiness:
    """Whether the server can answer now, and with what."""
    status = _status(state)
    if state.draining:
        name, reason = "draining", "The server is stopping."
    elif state.phase != "ready":
        name, reason = state.phase, state.reason
    elif status is not None and not status.ready:
        name, reason = "unavailable", status.reason
    else:
        name, reason = "ready", state.reason
    loaded = state.engine if state.phase == "ready" else None
    return Readiness(
        ready=name == "ready",
        state=name,
        reason=reason,
        model=state.model_name,
        adapters=loaded.adapters if loaded is not None else (),
        encoder=state.grounding.encoder.name if state.grounding.encoder is not None else None,
        running=status.running if status is not None else 0,
        waiting=status.waiting if status is not None else 0,
    )


def _status(state: ServerState) -> EngineStatus | None:
    return state.engine.status() if state.engine is not None and state.phase == "ready" else None
