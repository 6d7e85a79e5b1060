"""What is known of the server behind the upstream engine: whether it is there, its model, adapters and context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    UpstreamFailed,
)
from llm_component.engines.upstream_wire import error_of, said_by
from llm_component.transport import CallFailed, Transport

logger = logging.getLogger(__name__)

# Where neither the settings nor the server say how long a prompt may be: what llama.cpp's server has by default.
UNKNOWN_CONTEXT_TOKENS = 4096
MODELS_SECONDS = 5.0  # time for /v1/models
PROBE_SECONDS = 5.0  # between two looks whether a server that was down is back
TIMER_SECONDS = 0.005  # a timer that ends so much before the deadline ends at the deadline


class UpstreamServer:
    """The server as its answers have shown it so far.

    Attributes:
        where: the server, for messages. model: the name to ask for; empty until it is known.
        context_tokens: prompt and completion together. adapters: models that it lists with ours as their parent.
        fault: why it is not ready; empty when it is.
    """

    def __init__(self, transport: Transport, model: str, context_tokens: int, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self.where = f"the upstream {transport.shown_url}"
        self.model = model
        self.context_tokens = context_tokens or UNKNOWN_CONTEXT_TOKENS
        self._context_is_set = context_tokens > 0
        self.adapters: tuple[str, ...] = ()
        self.fault = f"{self.where} has not been asked yet"
        self._probed = -PROBE_SECONDS
        self._probing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Ends a look that is under way."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def know_model(self, deadline: float) -> None:
        """Asks for the model's name where it is needed and not known. Raises `EngineError`."""
        if self.model:
            return
        await self.look(deadline)
        if not self.model:
            if self._clock() >= deadline - TIMER_SECONDS:
                raise DeadlineExceeded(f"{self.where} did not name its models before the deadline")
            raise EngineUnavailable(self.fault, retry_after=PROBE_SECONDS)

    def look_again(self) -> None:
        """Has the server looked at in the background, every 5 s at most."""
        due = self._clock() - self._probed >= PROBE_SECONDS
        if due and (self._probing is None or self._probing.done()):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # asked from outside of the event loop: nothing can be started from here
                return
            self._probing = loop.create_task(self.look())

    async def look(self, deadline: float | None = None) -> None:
        """Asks `/v1/models`: is the server there, what is the model called, how long may a prompt be."""
        self._probed = self._clock()
        until = self._probed + MODELS_SECONDS
        until = until if deadline is None else min(until, deadline)
        try:
            body = await self._transport.open("GET", "/models", deadline=until, retry=False)
            try:
                content = msgspec.json.decode(await body.read(until, self._clock))
            finally:
                await body.aclose()
            self._learn(content["data"])
            self.fault = ""
        except CallFailed as failure:
            if failure.status == 404 and self.model:
                self.fault = ""  # some servers list no models; it is there, and the name is set
            else:
                self.fault = str(self.failed(failure))
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
            self.fault = f"{self.where} gave no list of models at /models ({type(error).__name__})"
        if self.fault:
            logger.warning("%s", self.fault)

    def _learn(self, models: list[dict[str, Any]]) -> None:
        by_name = {each["id"]: each for each in models}
        if not by_name:
            raise LookupError("an empty list")
        if not self.model:
            self.model = next(iter(by_name))
            logger.info("%s: using its model %s", self.where, self.model)
        elif self.model not in by_name:
            logger.warning("%s lists no model %s, only: %s", self.where, self.model, ", ".join(by_name)[:300])
        self.adapters = tuple(name for name, each in by_name.items() if each.get("parent") == self.model)
        if not self._context_is_set:
            entry = by_name.get(self.model, {})
            meta = entry.get("meta") or {}
            said = entry.get("max_model_len") or entry.get("context_tokens") or meta.get("n_ctx")
            if isinstance(said, int) and said > 0:
                self.context_tokens = said
            else:
                logger.info(
                    "%s gives no context length; %d tokens are assumed (FRONTDESK_LLM_CONTEXT_TOKENS)",
                    self.where,
                    self.context_tokens,
                )

    def failed(
        self, failure: CallFailed, request: GenerationRequest | None = None, at_deadline: bool = False
    ) -> EngineError:
        """The engine error for a call that failed; the status remembers what further requests would meet as well."""
        error: EngineError
        if failure.reason == "status":
            said = said_by(failure.body)
            adapter = request is not None and request.adapter is not None
            error = error_of(failure.status, said, self.where, self.model, adapter, failure.retry_after)
        elif failure.reason == "unreachable":
            error = EngineUnavailable(str(failure), retry_after=PROBE_SECONDS)
        elif failure.reason == "timeout" and at_deadline:
            return DeadlineExceeded(f"{self.where} gave no answer before the deadline")
        else:
            error = UpstreamFailed(str(failure))
        if isinstance(error, EngineUnavailable):
            self.fault = str(error)
        return error
