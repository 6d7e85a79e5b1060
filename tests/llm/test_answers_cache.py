"""Answers kept and shared: what counts as equal, what is kept, how long, and who gets the sentences when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from llm_component.answers.cache import AnswerCache, cache_key
from llm_component.answers.flights import Flights
from llm_component.answers.pipeline import AnswerPipeline
from llm_component.engines.echo import HANG, Reply, ScriptedEngine
from llm_component.engines.interface import RequestRefused
from llm_component.protocol import Answer, Turn
from tests.llm.answer_parts import DELIVERY, FakeChecks, FakeTime, collected, pipeline_of, request_of, scripted

GOOD = "You have 30 days [1]. The label is free [1]."
SHARED = request_of(knowledge_version="7")


def key(**changes: Any) -> str | None:
    return cache_key(msgspec.structs.replace(SHARED, **changes), "model")


def caching(
    engine: ScriptedEngine, checks: FakeChecks | None = None, entries: int = 10
) -> tuple[AnswerPipeline, FakeTime]:
    time = FakeTime()
    return pipeline_of(engine, checks, time, cache=AnswerCache(entries, 60.0, clock=time.clock)), time


def answer(verdict: Any = "answered", reason: str = "") -> Answer:
    return Answer(verdict=verdict, text="t", reason=reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "Another question?"},
        {"passages": [DELIVERY]},
        {"knowledge_version": "8"},
        {"profile": msgspec.structs.replace(SHARED.profile, tone="formal")},
        {"max_tokens": 9},
        {"adapter": "tone"},
    ],
)
def test_whatever_shapes_the_answer_makes_another_key(changes: dict[str, Any]) -> None:
    assert key(**changes) not in (None, key())


def test_another_model_makes_another_key() -> None:
    assert cache_key(SHARED, "one") != cache_key(SHARED, "two")


@pytest.mark.parametrize(
    "changes", [{"question": f" {SHARED.question}\n"}, {"deadline_seconds": 3.0}, {"stream": True}]
)
def test_what_does_not_shape_the_answer_makes_no_other_key(changes: dict[str, Any]) -> None:
    assert key(**changes) == key()


@pytest.mark.parametrize(
    "changes", [{"knowledge_version": ""}, {"facts": {"order": "1043"}}, {"history": [Turn("user", "Hello")]}]
)
def test_what_belongs_to_one_customer_is_not_shared(changes: dict[str, Any]) -> None:
    assert key(**changes) is None


@pytest.mark.parametrize("other", [answer("partial"), answer("abstained"), answer("quoted"), answer(reason="deadline")])
def test_only_whole_answers_are_kept(other: Answer) -> None:
    cache = AnswerCache(10, 60.0)
    cache.put("k", other)
    assert cache.get("k") is None


def test_the_answer_used_longest_ago_goes_first() -> None:
    cache = AnswerCache(2, 60.0)
    cache.put("a", answer())
    cache.put("b", answer())
    cache.get("a")
    cache.put("c", answer())
    assert [cache.get(each) is not None for each in "abc"] == [True, False, True]


def test_an_answer_is_kept_for_its_time() -> None:
    time = FakeTime()
    cache = AnswerCache(2, 60.0, clock=time.clock)
    cache.put("a", answer())
    time.advance(59.0)
    assert cache.get("a") is not None
    time.advance(1.0)
    assert cache.get("a") is None


def test_no_entries_keep_nothing() -> None:
    cache = AnswerCache(0, 60.0)
    cache.put("a", answer())
    assert len(cache) == 0


async def test_an_equal_question_is_answered_without_the_model() -> None:
    engine = scripted(GOOD)
    pipeline, _ = caching(engine)
    first, one = await collected(pipeline.stream(SHARED))
    second, two = await collected(pipeline.stream(SHARED))
    assert (len(engine.requests), one.cached, two.cached) == (1, False, True)
    assert second == first
    assert two.text == one.text


async def test_a_request_with_facts_always_asks_the_model() -> None:
    engine = scripted(GOOD)
    pipeline, _ = caching(engine)
    request = msgspec.structs.replace(SHARED, facts={"order": "1043"})
    for _ in range(2):
        await collected(pipeline.stream(request))
    assert len(engine.requests) == 2


async def test_a_partial_answer_is_made_anew() -> None:
    engine = scripted(GOOD)
    pipeline, _ = caching(engine, FakeChecks({"The label is free.": "unsupported"}))
    for _ in range(2):
        await collected(pipeline.stream(SHARED))
    assert len(engine.requests) == 2


async def test_equal_requests_under_way_share_one_generation_and_its_sentences_as_they_come() -> None:
    gone_on = asyncio.Event()
    engine = scripted([Reply.of("You have 30 days [1]. The ", gone_on, "label is free [1].")])
    pipeline, _ = caching(engine)
    leader, follower = pipeline.stream(SHARED), pipeline.stream(SHARED)
    firsts = [await anext(leader), await anext(follower)]
    gone_on.set()
    (_, one), (_, two) = await collected(leader), await collected(follower)
    assert len(engine.requests) == 1
    assert firsts[0] == firsts[1]
    assert one.text == two.text == "You have 30 days. The label is free."


async def test_a_leader_that_goes_away_leaves_the_generation_to_the_others() -> None:
    gone_on = asyncio.Event()
    engine = scripted([Reply.of("You have 30 days [1]. The ", gone_on, "label is free [1].")])
    pipeline, _ = caching(engine)
    leader, follower = pipeline.stream(SHARED), pipeline.stream(SHARED)
    await anext(leader)
    await anext(follower)
    await leader.aclose()
    gone_on.set()
    _, result = await collected(follower)
    assert (result.verdict, engine.cancelled) == ("answered", 0)


async def test_the_generation_ends_when_its_last_reader_leaves() -> None:
    engine = scripted([Reply.of("You have 30 days [1]. The ", HANG)])
    pipeline, _ = caching(engine)
    leader, follower = pipeline.stream(SHARED), pipeline.stream(SHARED)
    await anext(leader)
    await anext(follower)
    await leader.aclose()
    await follower.aclose()
    assert engine.cancelled == 1


async def test_a_request_with_less_time_does_not_wait_for_another() -> None:
    engine = scripted([Reply.of("You have 30 days [1]. The ", HANG), Reply.of(GOOD)])
    pipeline, _ = caching(engine)
    leader = pipeline.stream(SHARED)
    await anext(leader)
    _, hurried = await collected(pipeline.stream(msgspec.structs.replace(SHARED, deadline_seconds=2.0)))
    await leader.aclose()
    assert (len(engine.requests), hurried.verdict) == (2, "answered")


async def test_a_refusal_reaches_all_readers() -> None:
    refused, ready = RequestRefused("no such adapter"), asyncio.Event()
    pipeline, _ = caching(scripted([Reply.of(ready, refused)]))
    readers = [asyncio.ensure_future(collected(pipeline.stream(SHARED))) for _ in range(2)]
    await asyncio.sleep(0)
    ready.set()
    assert await asyncio.gather(*readers, return_exceptions=True) == [refused, refused]


async def test_after_a_failed_generation_the_next_request_starts_anew() -> None:
    engine = scripted([Reply.of(RequestRefused("no")), Reply.of(GOOD)])
    pipeline, _ = caching(engine)
    with pytest.raises(RequestRefused):
        await collected(pipeline.stream(SHARED))
    _, result = await collected(pipeline.stream(SHARED))
    assert result.verdict == "answered"


async def test_a_late_reader_gets_all_items_from_the_first() -> None:
    gone_on = asyncio.Event()

    async def source() -> AsyncGenerator[int, None]:
        yield 1
        yield 2
        await gone_on.wait()
        yield 3

    flights: Flights[int] = Flights()
    early = flights.stream("k", 1.0, source)
    assert [await anext(early), await anext(early)] == [1, 2]
    late = flights.stream("k", 1.0, source)
    gone_on.set()
    assert [item async for item in late] == [1, 2, 3]
    assert [item async for item in early] == [3]


async def test_without_a_cache_nothing_is_shared() -> None:
    engine = scripted(GOOD)
    pipeline = pipeline_of(engine)
    for _ in range(2):
        await collected(pipeline.stream(SHARED))
    assert len(engine.requests) == 2
