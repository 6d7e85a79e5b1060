"""The breaker: when it opens, whom it lets through then, and what does not count."""

import asyncio
from contextlib import aclosing

import pytest

from llm_component.breaker import Breaker, BreakerOpen
from llm_component.engines.echo import HANG, Reply, ScriptedEngine
from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Overloaded,
    RequestRefused,
    UpstreamFailed,
    complete,
)
from llm_component.engines.wrappers.breaker import BreakerEngine
from llm_component.metrics import BREAKER_OPEN


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=2, window_seconds=10.0, open_seconds=5.0, clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit().failed()


# The breaker alone -------------------------------------------------------------------------------------------------


def test_it_opens_after_its_failures(breaker: Breaker) -> None:
    fail(breaker, 2)
    with pytest.raises(BreakerOpen) as caught:
        breaker.admit()
    assert caught.value.retry_after == 5.0


def test_failures_before_the_window_do_not_count(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 11
    fail(breaker)
    assert breaker.state == "closed"


def test_rare_failures_among_many_successes_do_not_open_it(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.admit().succeeded()
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_half_open_lets_one_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    breaker.admit()
    with pytest.raises(BreakerOpen):
        breaker.admit()


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    breaker.admit().succeeded()
    assert breaker.state == "closed"


def test_after_closing_it_takes_all_the_failures_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    breaker.admit().succeeded()
    fail(breaker)
    assert breaker.state == "closed"


def test_a_probe_that_fails_opens_it_for_twice_as_long(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    fail(breaker)
    assert breaker.retry_after() == 10.0


def test_an_abandoned_probe_leaves_the_try_to_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    breaker.admit().abandoned()
    breaker.admit().succeeded()
    assert breaker.state == "closed"


def test_a_probe_that_is_never_heard_of_again_does_not_block_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    clock.now += 5
    breaker.admit()
    clock.now += 5
    breaker.admit().succeeded()
    assert breaker.state == "closed"


def test_what_began_before_it_opened_says_nothing_about_the_probe(breaker: Breaker, clock: Clock) -> None:
    old = breaker.admit()
    fail(breaker, 2)
    clock.now += 5
    breaker.admit()
    old.succeeded()
    assert breaker.state == "half_open"


def test_only_the_first_word_on_an_attempt_counts(breaker: Breaker) -> None:
    admission = breaker.admit()
    admission.failed()
    admission.failed()
    assert breaker.state == "closed"


def test_changes_are_told(clock: Clock) -> None:
    told: list[str] = []
    breaker = Breaker(failures=1, open_seconds=5.0, clock=clock, on_change=told.append)
    fail(breaker)
    clock.now += 5
    breaker.admit().succeeded()
    assert told == ["open", "half_open", "closed"]


# Round an engine ---------------------------------------------------------------------------------------------------


def request(deadline: float | None = None) -> GenerationRequest:
    return GenerationRequest((Message("user", "How long?"),), deadline=deadline)


async def fail_twice(engine: BreakerEngine, clock: Clock, seconds: float | None = None) -> None:
    for _ in range(2):
        with pytest.raises(EngineError):
            await complete(engine, request(None if seconds is None else clock.now + seconds))


@pytest.mark.parametrize("error", [UpstreamFailed("no"), EngineUnavailable("no"), DeadlineExceeded("no")])
async def test_failures_of_the_engine_open_it(breaker: Breaker, clock: Clock, error: EngineError) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of(error)]), breaker, clock=clock)
    await fail_twice(engine, clock)
    with pytest.raises(EngineUnavailable, match="left alone") as caught:
        await complete(engine, request())
    assert caught.value.retry_after == 5.0


async def test_an_engine_that_dies_half_way_opens_it(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of("It ", UpstreamFailed("died"))]), breaker, clock=clock)
    await fail_twice(engine, clock)
    assert breaker.state == "open"


@pytest.mark.parametrize("error", [RequestRefused("no"), Overloaded("no")])
async def test_what_the_engine_is_not_to_blame_for_does_not_count(
    breaker: Breaker, clock: Clock, error: EngineError
) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of(error)]), breaker, clock=clock)
    await fail_twice(engine, clock)
    assert breaker.state == "closed"


async def test_a_deadline_that_left_no_time_does_not_count(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of(DeadlineExceeded("no"))]), breaker, clock=clock)
    await fail_twice(engine, clock, seconds=0.1)
    assert breaker.state == "closed"


async def test_a_cancelled_probe_is_neither_good_nor_bad(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of(HANG)]), breaker, clock=clock)
    fail(breaker, 2)
    clock.now += 5
    task = asyncio.create_task(complete(engine, request()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (breaker.state, breaker.retry_after()) == ("half_open", 0.0)


async def test_a_probe_whose_reader_has_enough_closes_it(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine("It takes 3 days."), breaker, clock=clock)
    fail(breaker, 2)
    clock.now += 5
    async with aclosing(engine.stream(request())) as pieces:
        await anext(pieces)
    assert breaker.state == "closed"


async def test_the_engine_is_not_ready_while_it_is_open(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine("Yes."), breaker, clock=clock)
    fail(breaker, 2)
    assert "left alone" in engine.status().reason


async def test_the_engine_is_ready_when_it_may_be_tried(breaker: Breaker, clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine("Yes."), breaker, clock=clock)
    fail(breaker, 2)
    clock.now += 5
    assert engine.status().ready


async def test_the_gauge_shows_it(clock: Clock) -> None:
    engine = BreakerEngine(ScriptedEngine([Reply.of(UpstreamFailed("no"))]), clock=clock)
    for _ in range(5):
        with pytest.raises(UpstreamFailed):
            await complete(engine, request())
    assert BREAKER_OPEN._value.get() == 1
