"""Which engine the settings ask for, and what is put round it. Nothing is imported that the engine does not need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llm_component.engines.echo import EchoEngine
from llm_component.engines.interface import Engine
from llm_component.engines.wrappers.breaker import BreakerEngine
from llm_component.engines.wrappers.cache import CacheEngine
from llm_component.engines.wrappers.limit import LimitEngine
from llm_component.engines.wrappers.metrics import MetricsEngine
from llm_component.models.compact import shipped_folder
from llm_component.settings import ECHO_MODEL, NO_MODEL, Settings

if TYPE_CHECKING:
    from llm_component.decoding.interface import Decoder
    from llm_component.models.loaded import LoadedModel

# Requests that an upstream is asked for at once where FRONTDESK_LLM_MAX_ROWS does not say: what a server with one GPU
# batches without making each of them slow.
UPSTREAM_ROWS = 32


def build_engine(settings: Settings) -> Engine | None:
    """The engine, not started yet; None where answers are quoted and nothing is generated.

    An empty `model` means the one that comes with the project, and none where that is not there.
    """
    if not settings.model and (folder := shipped_folder()) is not None:
        settings = replace(settings, model=str(folder))
    if settings.model in ("", NO_MODEL):
        return None
    if settings.upstream_url is not None:
        return _cached(_guarded(_upstream(settings), settings), settings)
    if settings.model == ECHO_MODEL:
        return MetricsEngine(EchoEngine(context_tokens=settings.context_tokens or 8192))
    return _cached(_own(settings), settings)


def _guarded(engine: Engine, settings: Settings) -> Engine:
    """Metrics(Limit(Breaker(engine))).

    The breaker is innermost: it shall see how each attempt at the server ended and not the refusals of our own queue,
    and what waited in the queue when it opened is turned away instead of being sent to a dead server. Metrics stand
    outside, so that the time in the queue is part of the time to the first token and refusals are counted. The cache
    goes round all: what it answers takes no place and says nothing about the server.
    """
    rows = settings.max_rows or UPSTREAM_ROWS
    return MetricsEngine(LimitEngine(BreakerEngine(engine), running=rows, waiting=settings.max_waiting))


def _cached(engine: Engine, settings: Settings) -> Engine:
    if settings.cache_entries == 0:
        return engine
    return CacheEngine(engine, entries=settings.cache_entries, seconds=settings.cache_seconds)


def _upstream(settings: Settings) -> Engine:
    from llm_component.engines.upstream import UpstreamEngine

    assert settings.upstream_url is not None
    return UpstreamEngine(
        settings.upstream_url,
        settings.upstream_model,
        settings.upstream_key,
        context_tokens=settings.context_tokens,
    )


def _own(settings: Settings) -> Engine:
    """The engine for a model of our own. It has its own queue and figures, so it needs only the cache.

    `auto` is `batch` everywhere: it runs whatever transformers can load; `paged` runs a part of that, refuses seeds and
    does not guess ahead, and no measurement on any device has shown it faster (docs/llm.md).
    """
    if settings.engine == "paged":
        from llm_component.engines.paged import PagedEngine

        return PagedEngine(lambda: _load(settings), settings=settings)
    from llm_component.engines.batch import BatchEngine

    def load() -> tuple[LoadedModel, Decoder]:
        from llm_component.decoding.build import make_decoder

        loaded = _load(settings)
        return loaded, make_decoder(loaded, settings)

    return BatchEngine(load, max_waiting=settings.max_waiting, speculation=settings.speculation)


def _load(settings: Settings) -> LoadedModel:
    from llm_component.models.loading import load_model

    return load_model(settings)
