"""The engines that find the passages nearest to a question: exact in memory, sqlite-vec, pgvector."""

from knowledge_base.search.engines.choice import ENGINE_NAMES, EngineError, engine_for
from knowledge_base.search.engines.interface import VectorEngine

__all__ = ["ENGINE_NAMES", "EngineError", "VectorEngine", "engine_for"]
