"""How a wrapper reads the engine inside: whatever ends the reading also closes the engine's generator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from llm_component.engines.interface import Engine, GenerationRequest, Piece


@asynccontextmanager
async def pieces_of(engine: Engine, request: GenerationRequest) -> AsyncIterator[AsyncIterator[Piece]]:
    """The engine's stream, closed on leaving: `async for` alone leaves it to the garbage collector."""
    stream: Any = engine.stream(request)
    async with aclosing(stream):
        yield stream
