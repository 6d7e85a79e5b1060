"""The limit: so many run, so many wait, the rest is refused; no place is ever lost."""

import asyncio
import time
from contextlib import aclosing

import pytest

from llm_component.engines.echo import HANG, Reply, ScriptedEngine
from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Overloaded,
    Piece,
    UpstreamFailed,
    complete,
)
from llm_component.engines.wrappers.limit import LimitEngine


def request(seconds: float | None = None) -> GenerationRequest:
    deadline = None if seconds is None else time.monotonic() + seconds
    return GenerationRequest((Message("user", "How long?"),), deadline=deadline)


async def turns() -> None:
    """Lets every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def start(engine: LimitEngine, seconds: float | None = None) -> asyncio.Task[Piece]:
    task = asyncio.create_task(complete(engine, request(seconds)))
    await turns()
    return task


async def cancel(*tasks: asyncio.Task[Piece]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def gated(waiting: int = 1) -> tuple[ScriptedEngine, asyncio.Event, LimitEngine]:
    gate = asyncio.Event()
    inner = ScriptedEngine([Reply.of(gate, "Yes.")])
    return inner, gate, LimitEngine(inner, running=1, waiting=waiting)


async def test_a_second_request_waits_for_the_first() -> None:
    inner, gate, engine = gated()
    tasks = [await start(engine), await start(engine)]
    assert (len(inner.requests), engine.status().waiting) == (1, 1)
    gate.set()
    assert [(await task).text for task in tasks] == ["Yes.", "Yes."]


async def test_one_too_many_is_refused_at_once() -> None:
    _, _, engine = gated()
    tasks = [await start(engine), await start(engine)]
    with pytest.raises(Overloaded) as caught:
        await complete(engine, request())
    assert caught.value.retry_after
    await cancel(*tasks)


async def test_who_came_first_is_served_first() -> None:
    inner, gate, engine = gated(waiting=3)
    tasks = [asyncio.create_task(complete(engine, GenerationRequest((), request_id=name))) for name in "abcd"]
    await turns()
    gate.set()
    await asyncio.gather(*tasks)
    assert "".join(each.request_id for each in inner.requests) == "abcd"


async def test_the_deadline_holds_in_the_queue() -> None:
    _, _, engine = gated()
    first = await start(engine)
    with pytest.raises(DeadlineExceeded, match="waited for its turn"):
        await complete(engine, request(0.05))
    assert engine.status().waiting == 0
    await cancel(first)


async def test_who_leaves_the_queue_gives_up_the_place_in_it() -> None:
    _, _, engine = gated()
    first, second = await start(engine), await start(engine)
    await cancel(second)
    third = await start(engine)
    assert engine.status().waiting == 1
    await cancel(first, third)


async def test_who_is_cancelled_at_its_turn_hands_it_on() -> None:
    inner, _, engine = gated(waiting=2)
    first, second, third = [await start(engine) for _ in range(3)]
    first.cancel()
    second.cancel()
    await turns()
    assert (len(inner.requests), engine.status().waiting) == (2, 0)
    await cancel(third)


async def test_a_failure_frees_the_place() -> None:
    engine = LimitEngine(ScriptedEngine([Reply.of(UpstreamFailed("no")), Reply.of("Yes.")]), running=1, waiting=0)
    with pytest.raises(UpstreamFailed):
        await complete(engine, request())
    assert (await complete(engine, request())).text == "Yes."


async def test_a_reader_who_leaves_frees_the_place_and_cancels_the_engine() -> None:
    inner = ScriptedEngine([Reply.of("It ", HANG), Reply.of("Yes.")])
    engine = LimitEngine(inner, running=1, waiting=0)
    async with aclosing(engine.stream(request())) as pieces:
        await anext(pieces)
    assert ((await complete(engine, request())).text, inner.cancelled) == ("Yes.", 1)


async def test_draining_turns_away_who_waits_and_lets_the_rest_end() -> None:
    _, gate, engine = gated()
    first, second = await start(engine), await start(engine)
    draining = asyncio.create_task(engine.drain(10.0))
    await turns()
    with pytest.raises(EngineUnavailable):
        await second
    gate.set()
    await draining
    assert (await first).text == "Yes."


async def test_five_hundred_at_once_are_served_or_refused() -> None:
    engine = LimitEngine(ScriptedEngine("Yes."), running=8, waiting=128)
    ends = await asyncio.gather(*(complete(engine, request()) for _ in range(500)), return_exceptions=True)
    refused = sum(isinstance(end, Overloaded) for end in ends)
    assert (len(ends) - refused, engine._running) == (sum(isinstance(end, Piece) for end in ends), 0)
