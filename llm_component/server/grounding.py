"""Loads the sentence encoder and makes of it what grounded answers need."""

from __future__ import annotations

import functools

from llm_component.engines.interface import Engine
from llm_component.server.state import Grounding
from llm_component.settings import Settings


def load_grounding(settings: Settings, engine: Engine | None) -> Grounding:
    """Blocks for seconds. Raises `EncoderError` where the encoder cannot be loaded."""
    # Here, and not at the top: these import torch, and the server must answer /health before that is done.
    from llm_component.answers.cache import AnswerCache
    from llm_component.answers.pipeline import AnswerPipeline
    from llm_component.answers.rephrase import rephrase
    from llm_component.answers.rewrite import rewrite
    from llm_component.answers.summary import summarise
    from llm_component.checks.gate import Checks
    from llm_component.encoder import load_encoder

    encoder = load_encoder(settings.encoder)
    checks = Checks(encoder, settings.support_threshold or None)
    cache = AnswerCache(settings.cache_entries, settings.cache_seconds) if settings.cache_entries else None
    pipeline = AnswerPipeline(engine, checks, cache=cache)
    return Grounding(encoder, pipeline, summarise, functools.partial(rephrase, encoder=encoder), rewrite)
