"""What all wrappers share: everything but `stream` goes to the engine inside."""

from __future__ import annotations

from collections.abc import Sequence

from llm_component.engines.interface import Engine, EngineStatus, Message, PromptStyle


class EngineAround(Engine):
    """An engine that passes everything on. Wrappers override `stream`, and what else they change."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner

    # An upstream learns its model's name and context after the start, so these are asked for and not copied.
    @property
    def model_name(self) -> str:  # type: ignore[override]
        """The engine's."""
        return self.inner.model_name

    @property
    def context_tokens(self) -> int:  # type: ignore[override]
        """The engine's."""
        return self.inner.context_tokens

    @property
    def adapters(self) -> tuple[str, ...]:
        """The engine's."""
        return self.inner.adapters

    @property
    def prompt_style(self) -> PromptStyle:
        """The engine's."""
        return self.inner.prompt_style

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The engine's count."""
        return self.inner.count_tokens(messages)

    def status(self) -> EngineStatus:
        """The engine's state."""
        return self.inner.status()

    async def start(self) -> None:
        """Starts the engine."""
        await self.inner.start()

    async def drain(self, seconds: float) -> None:
        """Drains the engine."""
        await self.inner.drain(seconds)

    async def close(self) -> None:
        """Closes the engine."""
        await self.inner.close()
