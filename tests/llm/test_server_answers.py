"""`/v1/answers`, `/v1/summaries`, `/v1/rephrasings` and `/v1/embeddings`: what goes in and comes out."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import numpy as np
import pytest

from llm_component.engines.interface import Engine, EngineUnavailable, RequestRefused
from llm_component.protocol import (
    Answer,
    AnswerRequest,
    RephraseRequest,
    Rephrasing,
    Sentence,
    Summary,
    SummaryRequest,
)
from llm_component.server.app import make_app
from llm_component.server.embeddings import serving as embeddings_serving
from llm_component.server.state import Grounding
from tests.llm.serving import DirectedEngine, LetterEncoder, in_process, settings

PROFILE = {"shop_name": "The Shop", "abstention": "I don't know that."}
QUESTION = {"question": "How long is delivery?", "profile": PROFILE, "deadline_seconds": 5}
FIRST, SECOND = Sentence("Three days.", [1], 0.9, ""), Sentence("It is free.", [2], 0.8)
WHOLE = Answer("answered", "Three days. It is free.", [FIRST, SECOND], [1, 2])


class DirectedPipeline:
    """Gives `items`, raising the exceptions among them."""

    def __init__(self, items: Sequence[Sentence | Answer | Exception] = (FIRST, SECOND, WHOLE)) -> None:
        self.items = items
        self.asked: list[tuple[AnswerRequest, str, float | None]] = []
        self.closed = threading.Event()

    async def stream(
        self, request: AnswerRequest, *, request_id: str = "", arrived: float | None = None
    ) -> AsyncIterator[Sentence | Answer]:
        self.asked.append((request, request_id, arrived))
        try:
            for item in self.items:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed.set()


async def post(pipeline: DirectedPipeline | None, path: str = "/v1/answers", **request: Any) -> httpx.Response:
    async def summarise(engine: Engine | None, asked: SummaryRequest) -> Summary:
        return Summary(f"{len(asked.turns)} turns, {asked.deadline_seconds <= 3}", True, model="directed")

    async def rephrase(engine: Engine | None, asked: RephraseRequest) -> Rephrasing:
        return Rephrasing(asked.text.upper(), True)

    grounding = Grounding(LetterEncoder(), pipeline, summarise, rephrase)
    async with in_process(make_app(settings(), DirectedEngine(), grounding=grounding)) as client:
        return await client.post(path, **request)


def events(text: str) -> list[tuple[str, Any]]:
    """Names and data of events."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    return [(lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in blocks]


async def test_a_whole_answer_is_the_pipelines() -> None:
    response = await post(DirectedPipeline(), json=QUESTION)
    assert response.status_code == 200
    assert response.json()["text"] == "Three days. It is free."
    assert [sentence["citations"] for sentence in response.json()["sentences"]] == [[1], [2]]


async def test_a_stream_gives_sentences_and_then_the_answer() -> None:
    response = await post(DirectedPipeline(), json={**QUESTION, "stream": True})
    said = events(response.text)
    assert [name for name, _ in said] == ["sentence", "sentence", "answer"]
    assert [data["text"] for _, data in said] == ["Three days.", "It is free.", "Three days. It is free."]
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_an_error_after_a_sentence_is_an_event_in_the_errors_form() -> None:
    pipeline = DirectedPipeline([FIRST, EngineUnavailable("the device was lost", 2)])
    response = await post(pipeline, json={**QUESTION, "stream": True})
    name, data = events(response.text)[-1]
    assert (response.status_code, name, data["code"], data["retry_after"]) == (200, "error", "unavailable", 2)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_sentence_has_its_status(stream: bool) -> None:
    response = await post(DirectedPipeline([RequestRefused("no")]), json={**QUESTION, "stream": stream})
    assert (response.status_code, response.json()["error"]["message"]) == (400, "no")


async def test_a_pipeline_without_an_answer_is_a_mistake_of_ours() -> None:
    assert (await post(DirectedPipeline([FIRST]), json=QUESTION)).status_code == 500


async def test_the_pipeline_is_told_when_the_request_arrived() -> None:
    pipeline = DirectedPipeline()
    before = time.monotonic()
    await post(pipeline, json=QUESTION)
    ((_, request_id, arrived),) = pipeline.asked
    assert request_id.startswith("answer-")
    assert arrived is not None and before <= arrived <= time.monotonic()


@pytest.mark.parametrize(("header", "seconds"), [({}, 5), ({"X-Deadline-Seconds": "2"}, 2)])
async def test_the_earlier_deadline_holds(header: dict[str, str], seconds: float) -> None:
    pipeline = DirectedPipeline()
    await post(pipeline, json=QUESTION, headers=header)
    assert pipeline.asked[0][0].deadline_seconds == pytest.approx(seconds)


async def test_the_pipeline_is_closed_after_the_answer() -> None:
    pipeline = DirectedPipeline()
    await post(pipeline, json={**QUESTION, "stream": True})
    assert pipeline.closed.is_set()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"question": " "}, "question"),
        ({"question": 4}, "question"),
        ({"profile": {"shop_name": "x"}}, "profile.abstention"),
        ({"passages": [{"title": "t"}]}, "passages[0].text"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"facts": {"order": 1}}, "facts[...]"),
    ],
)
async def test_wrong_fields_are_named(fields: dict[str, Any], param: str) -> None:
    response = await post(DirectedPipeline(), json={**QUESTION, **fields})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_without_a_pipeline_there_are_no_answers() -> None:
    response = await post(None, json=QUESTION)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")


async def test_a_summary_has_what_is_left_of_its_time() -> None:
    body = {"turns": [{"role": "user", "content": "Hello"}], "fallback": "none", "deadline_seconds": 3}
    response = await post(None, "/v1/summaries", json=body)
    assert response.json() == {"text": "1 turns, True", "generated": True, "reason": "", "model": "directed"}


async def test_a_rephrasing() -> None:
    response = await post(None, "/v1/rephrasings", json={"text": "Hello", "profile": PROFILE})
    assert response.json() == {"text": "HELLO", "changed": True, "reason": ""}


# Embeddings


async def embed(**fields: Any) -> httpx.Response:
    return await post(None, "/v1/embeddings", json=fields)


async def test_vectors_come_in_the_order_of_the_texts_with_usage() -> None:
    given = (await embed(input=["alpha", "beta gamma"])).json()
    assert [one["index"] for one in given["data"]] == [0, 1]
    np.testing.assert_allclose(
        [one["embedding"] for one in given["data"]], LetterEncoder().encode(["alpha", "beta gamma"]), rtol=1e-6
    )
    assert (given["object"], given["model"], given["usage"]) == (
        "list",
        "letters",
        {"prompt_tokens": 7, "total_tokens": 7},
    )


async def test_base64_holds_the_same_numbers() -> None:
    given = (await embed(input="alpha", encoding_format="base64")).json()
    vector = np.frombuffer(base64.b64decode(given["data"][0]["embedding"]), "<f4")
    np.testing.assert_array_equal(vector, LetterEncoder().encode(["alpha"])[0])


async def test_more_texts_than_a_portion_are_all_encoded() -> None:
    texts = ["x" * (number + 1) for number in range(3 * embeddings_serving.PORTION + 1)]
    given = (await embed(input=texts)).json()
    np.testing.assert_allclose([one["embedding"] for one in given["data"]], LetterEncoder().encode(texts), rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": "word " * 40}, "input[0]"),
        ({"input": ["a"] * 513}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 3}, "dimensions"),
        ({}, "input"),
    ],
)
async def test_texts_that_cannot_be_encoded_are_refused(fields: dict[str, Any], param: str) -> None:
    response = await embed(**fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_the_generation_model_gives_no_embeddings() -> None:
    response = await embed(input="a", model="directed")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


async def test_too_many_waiting_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings_serving, "MAX_WAITING", 0)
    response = await embed(input="a")
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
