"""Templates in other words: what may change, and what sends the template out as it is."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from llm_component.answers.rephrase import rephrase
from llm_component.engines.echo import HANG, Reply
from llm_component.engines.interface import EngineError, Overloaded, RequestRefused
from llm_component.protocol import RephraseRequest, Rephrasing, Turn
from tests.llm.answer_parts import PROFILE, FakeTime, scripted

TEXT = "Your order 1043 is on its way and should arrive within 3 working days."
OTHER = "Good news: order 1043 is on its way and should reach you within 3 working days."


async def rephrased(script: Any, text: str = TEXT, **more: Any) -> Rephrasing:
    time = FakeTime()
    request = RephraseRequest(text, PROFILE, history=[Turn("user", "Where is it?")])
    return await rephrase(scripted(script), request, clock=time.clock, sleep=time.sleep, **more)


class Encoder:
    """Gives new texts the wanted cosine with the template's."""

    def __init__(self, cosine: float) -> None:
        self._new = [cosine, (1 - cosine**2) ** 0.5]

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if text in TEXT else self._new for text in texts])


async def test_a_text_that_says_the_same_goes_out() -> None:
    assert await rephrased(OTHER) == Rephrasing(OTHER, changed=True)


async def test_without_a_model_the_text_stays() -> None:
    request = RephraseRequest(TEXT, PROFILE)
    assert await rephrase(None, request) == Rephrasing(TEXT, changed=False, reason="no_model")


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        (TEXT, OTHER.replace("1043", "1044"), "missing_facts"),
        (TEXT, OTHER.replace("3 working", "5 working"), "missing_facts"),
        (TEXT, OTHER.replace(".", " by 18:00."), "added_facts"),
        (TEXT, OTHER.replace("1043", "1043 from Leeds"), "added_facts"),
        (TEXT, TEXT, "same"),
        (TEXT, OTHER + " And it is " + "very " * 20 + "nice.", "length"),
        (TEXT, OTHER + " Tea and cake are included.", "added_claim"),
        (TEXT, "", "empty"),
        ("See https://example.com/a for more on it.", "There is more on it at https://example.com/b today.", "link"),
        ("Write to help@example.com about it.", "You can write to our team about it.", "link"),
        ("Hello {name}, what can I do?", "Hello Jo, what can I do for you?", "link"),
        ("Is the kettle still leaking?", "The kettle is still leaking.", "question"),
        ("You cannot return opened filters.", "You can return opened filters to us.", "negation"),
        ("You can return it if it is complete.", "You can return it, and it is complete.", "negation"),
    ],
)
async def test_a_text_that_says_something_else_does_not_go_out(text: str, said: str, reason: str) -> None:
    assert await rephrased([Reply.of(said)], text) == Rephrasing(text, changed=False, reason=reason)


@pytest.mark.parametrize(("cosine", "changed"), [(0.9, True), (0.3, False)])
async def test_the_encoder_has_a_say_where_there_is_one(cosine: float, changed: bool) -> None:
    assert (await rephrased(OTHER, encoder=Encoder(cosine))).changed is changed


@pytest.mark.parametrize("error", [Overloaded("full"), EngineError("x"), RequestRefused("y")])
async def test_a_failure_of_the_engine_leaves_the_text(error: EngineError) -> None:
    assert await rephrased([Reply.of(error)]) == Rephrasing(TEXT, changed=False, reason=error.kind)


async def test_an_engine_that_hangs_leaves_the_text_at_the_deadline() -> None:
    time, engine = FakeTime(), scripted([Reply.of("Good ", HANG)])
    running = asyncio.ensure_future(
        rephrase(engine, RephraseRequest(TEXT, PROFILE), clock=time.clock, sleep=time.sleep)
    )
    while not engine.requests:
        await asyncio.sleep(0)
    time.advance(4.0)
    assert await running == Rephrasing(TEXT, changed=False, reason="deadline")


async def test_a_text_too_long_for_the_model_stays() -> None:
    assert (await rephrased(OTHER, "word " * 9000)).reason == "no_room"
