"""Summaries for the colleague who takes over: what stands, and what falls back."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from llm_component.answers.summary import order_numbers, summarise
from llm_component.engines.echo import HANG, Reply
from llm_component.engines.interface import EngineError, EngineUnavailable, Overloaded, RequestRefused, UpstreamFailed
from llm_component.protocol import Summary, SummaryRequest, Turn
from tests.llm.answer_parts import PROFILE, FakeTime, scripted

FALLBACK = "Order 1043. The customer asked for a person."
REQUEST = SummaryRequest(
    turns=[
        Turn("user", "Hello, my Norvane Swift kettle from order 1043 leaks."),
        Turn("assistant", "I'm sorry to hear that. Have you checked the lid?"),
        Turn("user", "Yes, it still leaks. I want a refund of £39.99, not a repair."),
    ],
    fallback=FALLBACK,
    facts={"tried": "checking the lid"},
    profile=PROFILE,
)
ADVERBS = ["so", "as", "now", "yet", "ever", "still", "more", "less"]
GOOD = (
    "The customer's Norvane Swift kettle from order 1043 leaks. They checked the lid, and it still leaks. "
    "They want a refund of £39.99, not a repair."
)


async def summary(script: Any, **changes: Any) -> Summary:
    time = FakeTime()
    request = msgspec.structs.replace(REQUEST, **changes)
    return await summarise(scripted(script), request, clock=time.clock, sleep=time.sleep)


async def test_a_summary_of_what_was_said_stands() -> None:
    assert await summary(GOOD) == Summary(GOOD, generated=True, model="scripted")


async def test_without_a_model_the_fallback_stands() -> None:
    assert await summarise(None, REQUEST) == Summary(FALLBACK, generated=False, reason="no_model")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (GOOD.replace("£39.99", "£49.99"), "added_facts"),
        (GOOD.replace("order 1043", "order 1043 of 12 May"), "added_facts"),
        (GOOD.replace("Norvane Swift", "Pellworth Gooseneck"), "added_facts"),
        (GOOD.replace("order 1043", "their order"), "missing_order_number"),
        (GOOD + " Write to jo.smith@example.com.", "personal_data"),
        ("Order 1043.", "too_short"),
        (GOOD + "".join(f" The kettle {word} leaks, {'very ' * 50}much." for word in ADVERBS[:4]), "too_long"),
        ("".join(f"The kettle of order 1043 leaks {word}. " for word in ADVERBS), "too_long"),
        (GOOD + " A replacement was promised for next week by the manager.", "added_claim"),
        (GOOD + " Leave out greetings and thanks. Write no heading, no list and no advice.", "leak"),
        ("", "empty"),
    ],
)  # fmt: skip
async def test_a_summary_that_fails_a_check_falls_back(said: str, reason: str) -> None:
    assert await summary([Reply.of(said)]) == Summary(FALLBACK, generated=False, reason=reason)


async def test_marks_labels_and_repeated_sentences_are_taken_out() -> None:
    assert (await summary(f"Summary: {GOOD} [1] They checked the lid, and it still leaks.")).text == GOOD


async def test_a_half_sentence_is_left_out() -> None:
    assert (await summary([Reply.of(f"{GOOD} The customer has also", finish="length")])).text == GOOD


@pytest.mark.parametrize(
    "error",
    [
        Overloaded("full"),
        EngineUnavailable("loading"),
        UpstreamFailed("garbage"),
        EngineError("x"),
        RequestRefused("y"),
    ],
)
async def test_a_failure_of_the_engine_falls_back(error: EngineError) -> None:
    assert await summary([Reply.of(error)]) == Summary(FALLBACK, generated=False, reason=error.kind)


async def test_an_engine_that_hangs_falls_back_at_the_deadline() -> None:
    time, engine = FakeTime(), scripted([Reply.of("The customer ", HANG)])
    running = asyncio.ensure_future(summarise(engine, REQUEST, clock=time.clock, sleep=time.sleep))
    while not engine.requests:
        await asyncio.sleep(0)
    time.advance(REQUEST.deadline_seconds)
    assert await running == Summary(FALLBACK, generated=False, reason="deadline")


async def test_the_engine_is_cancelled_at_the_deadline() -> None:
    time, engine = FakeTime(), scripted([Reply.of("The customer ", HANG)])
    running = asyncio.ensure_future(summarise(engine, REQUEST, clock=time.clock, sleep=time.sleep))
    while not engine.requests:
        await asyncio.sleep(0)
    time.advance(REQUEST.deadline_seconds)
    await running
    for _ in range(5):  # turns of the event loop, for the cancelled task to end
        await asyncio.sleep(0)
    assert engine.cancelled == 1


async def test_a_conversation_without_a_customer_falls_back() -> None:
    assert (await summary(GOOD, turns=[Turn("assistant", "Hello")])).reason == "no_room"


async def test_a_history_of_a_hundred_thousand_characters_is_summed_up() -> None:
    long = [*REQUEST.turns, *[Turn("user", "It leaks. " * 250)] * 40]
    assert (await summary(GOOD, turns=long)).generated


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        (["My order 1043 is late"], {"1043"}),
        (["order number is #1043"], {"1043"}),
        (["Order no. 1043 and order ref 2044"], {"1043", "2044"}),
        (["about #1043"], {"1043"}),
        (["Hello", "What is your order number?", "1043"], {"1043"}),
        (["Hello", "What is the code that we sent?", "482913"], set()),
        (["I ordered 2 kettles in 2024 for £1043"], set()),
    ],
)
def test_order_numbers_are_found(turns: list[str], found: set[str]) -> None:
    said = [Turn("assistant" if index % 2 else "user", text) for index, text in enumerate(turns)]
    assert order_numbers(said, {}) == found


def test_order_numbers_of_facts_are_found() -> None:
    assert order_numbers([], {"order number": "1043", "postcode": "LS1"}) == {"1043"}
