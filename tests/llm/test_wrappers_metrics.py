"""The figures of engines that have none of their own, and what every wrapper passes on."""

import asyncio
from contextlib import aclosing

import pytest
from prometheus_client import REGISTRY

from llm_component.engines.echo import HANG, Reply, ScriptedEngine
from llm_component.engines.interface import GenerationRequest, Message, Overloaded, Usage, complete
from llm_component.engines.wrappers.breaker import BreakerEngine
from llm_component.engines.wrappers.cache import CacheEngine
from llm_component.engines.wrappers.limit import LimitEngine
from llm_component.engines.wrappers.metrics import MetricsEngine

ASKED = GenerationRequest((Message("user", "How long?"),))


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"frontdesk_llm_{name}", labels) or 0.0


class Clock:
    """Goes on by a second each time it is read."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.mark.parametrize(
    ("name", "grows"),
    [
        ("time_to_first_token_seconds_sum", 1.0),
        ("time_to_first_token_seconds_count", 1.0),
        ("time_per_output_token_seconds_sum", 0.5),
        ("prompt_tokens_total", 9.0),
        ("cached_prompt_tokens_total", 4.0),
        ("generation_tokens_total", 3.0),
    ],
)
async def test_a_completion_is_counted(name: str, grows: float) -> None:
    before = value(name)
    engine = MetricsEngine(ScriptedEngine([Reply.of("It ", "takes ", "long.", usage=Usage(9, 3, 4))]), clock=Clock())
    await complete(engine, ASKED)
    assert value(name) - before == pytest.approx(grows)


async def test_a_failure_is_counted_by_its_kind() -> None:
    before = value("failures_total", place="engine", kind="overloaded")
    with pytest.raises(Overloaded):
        await complete(MetricsEngine(ScriptedEngine([Reply.of(Overloaded("full"))])), ASKED)
    assert value("failures_total", place="engine", kind="overloaded") == before + 1


async def test_a_reader_who_goes_away_is_counted() -> None:
    before = value("requests_cancelled_total")
    async with aclosing(MetricsEngine(ScriptedEngine([Reply.of("It ", HANG)])).stream(ASKED)) as pieces:
        await anext(pieces)
    assert value("requests_cancelled_total") == before + 1


async def test_a_cancelled_request_is_counted() -> None:
    before = value("requests_cancelled_total")
    task = asyncio.create_task(complete(MetricsEngine(ScriptedEngine([Reply.of(HANG)])), ASKED))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert value("requests_cancelled_total") == before + 1


async def test_a_reader_who_stops_at_the_last_piece_has_not_gone_away() -> None:
    before = value("requests_cancelled_total")
    async with aclosing(MetricsEngine(ScriptedEngine("Yes.")).stream(ASKED)) as pieces:
        async for piece in pieces:
            if piece.finish_reason is not None:
                break
    assert value("requests_cancelled_total") == before


class Watched(ScriptedEngine):
    """Notes what is called."""

    def __init__(self) -> None:
        super().__init__("Yes.", model_name="watched", context_tokens=77, adapters=("shop",))
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def drain(self, seconds: float) -> None:
        self.calls.append(f"drain {seconds}")

    async def close(self) -> None:
        self.calls.append("close")


WRAPPERS = [
    MetricsEngine,
    BreakerEngine,
    lambda inner: LimitEngine(inner, running=1, waiting=1),
    lambda inner: CacheEngine(inner, entries=1, seconds=1.0),
]
NAMES = ["metrics", "breaker", "limit", "cache"]


@pytest.mark.parametrize("wrap", WRAPPERS, ids=NAMES)
async def test_life_is_passed_on(wrap) -> None:
    inner = Watched()
    engine = wrap(inner)
    await engine.start()
    await engine.drain(2.0)
    await engine.close()
    assert inner.calls == ["start", "drain 2.0", "close"]


@pytest.mark.parametrize("wrap", WRAPPERS, ids=NAMES)
def test_what_it_is_is_passed_on(wrap) -> None:
    inner = Watched()
    engine = wrap(inner)
    assert (engine.model_name, engine.context_tokens, engine.adapters, engine.status(), engine.count_tokens(())) == (
        "watched",
        77,
        ("shop",),
        inner.status(),
        0,
    )


@pytest.mark.parametrize("wrap", WRAPPERS, ids=NAMES)
async def test_closing_reaches_the_engine(wrap) -> None:
    inner = ScriptedEngine([Reply.of("It ", HANG)])
    async with aclosing(wrap(inner).stream(ASKED)) as pieces:
        await anext(pieces)
    assert inner.cancelled == 1
