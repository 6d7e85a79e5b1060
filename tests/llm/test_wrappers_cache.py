"""The cache of replies: what is kept, what never is, and how equal requests in flight share one run."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from llm_component.engines.echo import HANG, Reply, ScriptedEngine
from llm_component.engines.interface import (
    DeadlineExceeded,
    GenerationRequest,
    Message,
    Piece,
    Sampling,
    UpstreamFailed,
    Usage,
    complete,
)
from llm_component.engines.wrappers.cache import CacheEngine
from llm_component.ttl_cache import TtlCache

ASKED = GenerationRequest((Message("user", "How long does it take?"),))


def cached(inner: ScriptedEngine, entries: int = 8, **options: object) -> CacheEngine:
    return CacheEngine(inner, entries=entries, seconds=60.0, **options)  # type: ignore[arg-type]


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def start(engine: CacheEngine, request: GenerationRequest = ASKED) -> asyncio.Task[Piece]:
    task = asyncio.create_task(complete(engine, request))
    await turns()
    return task


def soon(seconds: float) -> GenerationRequest:
    return replace(ASKED, deadline=time.monotonic() + seconds)


async def test_an_equal_request_is_not_generated_again() -> None:
    inner = ScriptedEngine([Reply.of("It ", "takes ", "3 days.")])
    engine = cached(inner)
    first = await complete(engine, replace(ASKED, request_id="a", deadline=time.monotonic() + 9))
    second = await complete(engine, replace(ASKED, request_id="b"))
    assert (second.text, len(inner.requests)) == (first.text, 1)


async def test_a_kept_reply_says_that_its_prompt_was_cached() -> None:
    engine = cached(ScriptedEngine([Reply.of("Yes.", usage=Usage(9, 1))]))
    await complete(engine, ASKED)
    assert (await complete(engine, ASKED)).usage == Usage(9, 1, cached_tokens=9)


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, messages=(Message("user", "How long does it take? "),)),
        replace(ASKED, sampling=Sampling(max_tokens=9)),
        replace(ASKED, adapter="shop"),
        replace(ASKED, passages=("It takes 3 days.",)),
    ],
    ids=["message", "sampling", "adapter", "passages"],
)
async def test_another_request_is_generated(other: GenerationRequest) -> None:
    inner = ScriptedEngine("Yes.", adapters=("shop",))
    engine = cached(inner)
    await complete(engine, ASKED)
    await complete(engine, other)
    assert len(inner.requests) == 2


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(seed=1)], ids=["temperature", "seed"])
async def test_what_shall_differ_is_never_shared(sampling: Sampling) -> None:
    inner = ScriptedEngine("Yes.")
    engine = cached(inner)
    await complete(engine, replace(ASKED, sampling=sampling))
    await complete(engine, replace(ASKED, sampling=sampling))
    assert len(inner.requests) == 2


@pytest.mark.parametrize("reply", [Reply.of("It ", UpstreamFailed("died")), Reply.of("It ", finish="deadline")])
async def test_what_was_cut_short_is_not_kept(reply: Reply) -> None:
    engine = cached(ScriptedEngine([reply, Reply.of("It takes 3 days.")]))
    await asyncio.gather(complete(engine, ASKED), return_exceptions=True)
    assert (await complete(engine, ASKED)).text == "It takes 3 days."


async def test_equal_requests_in_flight_are_one() -> None:
    gate = asyncio.Event()
    inner = ScriptedEngine([Reply.of("It ", gate, "takes 3 days.")])
    engine = cached(inner)
    tasks = [await start(engine) for _ in range(5)]
    gate.set()
    texts = {(await task).text for task in tasks}
    assert (texts, len(inner.requests)) == ({"It takes 3 days."}, 1)


async def test_a_follower_gets_the_same_pieces_from_the_first_on() -> None:
    gate = asyncio.Event()
    engine = cached(ScriptedEngine([Reply.of("It ", gate, "takes ", "3 days.")]))
    leader = await start(engine)
    async with aclosing(engine.stream(ASKED)) as pieces:
        first = await anext(pieces)
        gate.set()
        rest = [piece.text async for piece in pieces]
    assert [first.text, *rest] == ["It ", "takes ", "3 days.", ""]
    await leader


async def test_a_follower_who_leaves_does_not_end_the_run() -> None:
    gate = asyncio.Event()
    engine = cached(ScriptedEngine([Reply.of(gate, "Yes.")]))
    leader, follower = await start(engine), await start(engine)
    follower.cancel()
    await turns()
    gate.set()
    assert (await leader).text == "Yes."


async def test_a_leader_who_leaves_does_not_end_the_run() -> None:
    gate = asyncio.Event()
    inner = ScriptedEngine([Reply.of(gate, "Yes.")])
    engine = cached(inner)
    leader, follower = await start(engine), await start(engine)
    leader.cancel()
    await turns()
    gate.set()
    assert ((await follower).text, inner.cancelled) == ("Yes.", 0)


async def test_the_last_reader_who_leaves_ends_the_run() -> None:
    inner = ScriptedEngine([Reply.of(HANG)])
    engine = cached(inner)
    leader, follower = await start(engine), await start(engine)
    leader.cancel()
    follower.cancel()
    await asyncio.wait([leader, follower])
    assert inner.cancelled == 1


async def test_a_run_that_was_left_is_not_joined() -> None:
    inner = ScriptedEngine([Reply.of(HANG), Reply.of("Yes.")])
    engine = cached(inner)
    leader = await start(engine)
    leader.cancel()
    await asyncio.wait([leader])
    assert (await complete(engine, ASKED)).text == "Yes."


async def test_a_failure_reaches_all_readers() -> None:
    gate = asyncio.Event()
    engine = cached(ScriptedEngine([Reply.of(gate, UpstreamFailed("died"))]))
    tasks = [await start(engine), await start(engine)]
    gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [UpstreamFailed, UpstreamFailed]


async def test_a_followers_earlier_deadline_holds_for_it_alone() -> None:
    gate = asyncio.Event()
    engine = cached(ScriptedEngine([Reply.of(gate, "Yes.")]))
    leader = await start(engine)
    with pytest.raises(DeadlineExceeded):
        await complete(engine, soon(0.05))
    gate.set()
    assert (await leader).text == "Yes."


async def test_a_follower_keeps_what_it_has_at_its_deadline() -> None:
    engine = cached(ScriptedEngine([Reply.of("It ", HANG)]))
    leader = await start(engine)
    last = await complete(engine, soon(0.05))
    assert (last.text, last.finish_reason) == ("It ", "deadline")
    leader.cancel()


async def test_who_has_much_more_time_does_not_join() -> None:
    inner = ScriptedEngine([Reply.of(HANG), Reply.of("Yes.")])
    engine = cached(inner)
    leader = await start(engine, soon(1.0))
    assert (await complete(engine, soon(60.0))).text == "Yes."
    leader.cancel()


async def test_a_reader_who_stops_at_the_last_piece_leaves_a_kept_reply() -> None:
    inner = ScriptedEngine("Yes.")
    engine = cached(inner)
    async with aclosing(engine.stream(ASKED)) as pieces:
        async for piece in pieces:
            if piece.finish_reason is not None:
                break
    await complete(engine, ASKED)
    assert len(inner.requests) == 1


# What keeps the replies --------------------------------------------------------------------------------------------


def test_the_entry_unused_longest_goes_first() -> None:
    cache = TtlCache[str](2, 60.0)
    cache.put("a", "1")
    cache.put("b", "2")
    cache.get("a")
    cache.put("c", "3")
    assert (cache.get("a"), cache.get("b")) == ("1", None)


def test_an_entry_is_forgotten_after_its_time() -> None:
    now = [0.0]
    cache = TtlCache[str](2, 60.0, lambda: now[0])
    cache.put("a", "1")
    now[0] = 60.0
    assert (cache.get("a"), len(cache)) == (None, 0)


def test_without_entries_nothing_is_kept() -> None:
    cache = TtlCache[str](0, 60.0)
    cache.put("a", "1")
    assert len(cache) == 0
