"""`GET /v1/models` and `GET /v1/models/{model}`, and which model a request means by its name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llm_component.engines.interface import Engine
from llm_component.server.bodies import json_response
from llm_component.server.errors import ApiError
from llm_component.server.state import ServerState

OWNER = "frontdesk"
_STARTED = int(time.time())  # OpenAI's `created`; of a folder of weights nobody knows better


class Model(msgspec.Struct, frozen=True):
    """A model as OpenAI's API lists it; `max_model_len` and `parent` are vLLM's additions."""

    id: str
    created: int = _STARTED  # seconds since 1970
    object: Literal["model"] = "model"
    owned_by: str = OWNER
    max_model_len: int | None = None  # tokens of prompt and completion
    parent: str | None = None  # of an adapter: its model


class ModelList(msgspec.Struct, frozen=True):
    """All models that a request may name."""

    data: list[Model]
    object: Literal["list"] = "list"


@dataclass(frozen=True)
class Served:
    """The model that a request means: its name on the wire and the adapter, None for the model as it is."""

    name: str
    adapter: str | None = None


async def list_models(request: Request) -> Response:
    """The generation model first, then its adapters, the sentence encoder last."""
    return json_response(ModelList(_models(request.app.state.server)))


async def get_model(request: Request) -> Response:
    """One of them. Raises `ApiError` 404."""
    wanted = request.path_params["model"]
    for model in _models(request.app.state.server):
        if model.id == wanted:
            return json_response(model)
    raise unknown_model(wanted)


def resolve(name: str | None, engine: Engine) -> Served:
    """Which model `name` means; none or an empty one: the engine's own. Raises `ApiError` 404 for another.

    An upstream that was not reached yet has no name; then every name is let through for it to judge.
    """
    if not name or name == engine.model_name or not engine.model_name:
        return Served(engine.model_name or name or "")
    if name in engine.adapters:
        return Served(name, adapter=name)
    raise unknown_model(name)


def unknown_model(name: str) -> ApiError:
    """The 404 that OpenAI's API gives."""
    return ApiError(
        404, f"The model {name[:200]!r} is not served here; see /v1/models.", "model_not_found", param="model"
    )


def _models(state: ServerState) -> list[Model]:
    models: list[Model] = []
    if state.engine is not None and state.phase == "ready":
        engine = state.engine
        if engine.model_name:
            models.append(Model(engine.model_name, max_model_len=engine.context_tokens or None))
        models += [Model(name, parent=engine.model_name) for name in engine.adapters]
    if state.grounding.encoder is not None:
        models.append(Model(state.grounding.encoder.name, max_model_len=state.grounding.encoder.max_tokens))
    return models
