"""What the tests of the scheduler share: an engine round a decoder that fakes, a clock to turn, requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from llm_component.engines.batch import BatchEngine
from llm_component.engines.interface import EngineError, GenerationRequest, Message, Piece, Sampling, complete
from tests.llm.fake_decoder import FakeDecoder, byte_model

PATIENCE = 60  # seconds after which a test that hangs fails instead


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asking(text: str, *, deadline: float | None = None, passages: Sequence[str] = (), **sampling: Any) -> Any:
    """A request of one message."""
    return GenerationRequest(
        (Message("user", text),), Sampling(**sampling), deadline=deadline, passages=tuple(passages)
    )


@asynccontextmanager
async def engine_of(
    decoder: FakeDecoder, *, max_waiting: int = 100, model: Any = None, **options: Any
) -> AsyncIterator[BatchEngine]:
    """A started engine round a decoder; closed at the end, whatever the test did."""
    engine = BatchEngine(lambda: (model or byte_model(), decoder), max_waiting=max_waiting, **options)
    await engine.start()
    try:
        yield engine
    finally:
        if decoder.gate is not None:
            decoder.gate.set()
        await engine.close()


async def outcome(engine: BatchEngine, request: GenerationRequest) -> Piece | EngineError:
    """The whole completion, or the error instead of it."""
    try:
        return await asyncio.wait_for(complete(engine, request), PATIENCE)
    except EngineError as error:
        return error


async def outcomes(engine: BatchEngine, requests: Sequence[GenerationRequest]) -> list[Piece | EngineError]:
    """The same for many at once."""
    return list(await asyncio.gather(*(outcome(engine, request) for request in requests)))


async def together(
    engine: BatchEngine,
    decoder: FakeDecoder,
    requests: Sequence[GenerationRequest],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Piece | EngineError]:
    """The same for requests that are all in the queue before the first is admitted; nothing runs then.

    Row 1 is a short one that holds up the scheduler meanwhile; the requests get the rows from 2 on.
    """
    decoder.gate = threading.Event()
    decoder.at_gate.clear()
    opener = asyncio.create_task(outcome(engine, asking("opener", max_tokens=2)))
    await until(decoder.at_gate)
    tasks = [asyncio.create_task(outcome(engine, request)) for request in requests]
    await queued(engine, len(requests))
    meanwhile()
    decoder.gate.set()
    await opener
    return list(await asyncio.gather(*tasks))


async def queued(engine: BatchEngine, count: int) -> None:
    """Waits until that many requests are in the queue, tokenised."""
    while engine.status().waiting < count or engine._preparing:
        await asyncio.sleep(0)


async def until(event: Any) -> None:
    """Waits for a thread's event without holding up the event loop."""
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, PATIENCE)


async def heartbeats(count: int) -> None:
    """Lets the event loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def steps_with(decoder: FakeDecoder, row_id: int) -> int:
    """How many steps a row was in."""
    return sum(what == "step" and row_id in rows for what, rows in decoder.calls)
