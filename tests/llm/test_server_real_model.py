"""The whole server round a tiny real model: loading, generating, grounded answers, the official client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from llm_component.engines.build import build_engine
from llm_component.server.app import make_app
from llm_component.server.grounding import load_grounding
from tests.llm.serving import running, settings

QUESTION = [{"role": "user", "content": "Where is my parcel?"}]
PASSAGE = {"title": "Delivery", "text": "Standard delivery takes 3 to 5 working days and costs £4.95."}
PROFILE = {"shop_name": "The Shop", "abstention": "I don't know that."}
ASKED = {"question": "How long does delivery take?", "profile": PROFILE, "passages": [PASSAGE], "deadline_seconds": 60}


@pytest.fixture(scope="module")
def url(tiny_qwen: Path) -> Iterator[str]:
    said = settings(model=str(tiny_qwen), device="cpu", max_rows=4)
    engine = build_engine(said)
    with running(make_app(said, engine, load_grounding=lambda: load_grounding(said, engine))) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def test_a_stream_is_the_whole_completion_in_pieces(client: openai.OpenAI) -> None:
    model = client.models.list().data[0].id
    whole = client.chat.completions.create(model=model, messages=QUESTION, max_tokens=12, temperature=0)
    chunks = client.chat.completions.create(model=model, messages=QUESTION, max_tokens=12, temperature=0, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content


def test_usage_is_counted(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="", messages=QUESTION, max_tokens=5, temperature=0)
    assert completion.usage is not None
    assert completion.usage.prompt_tokens > 5 and 0 < completion.usage.completion_tokens <= 5


def test_a_seed_repeats_what_chance_chose(client: openai.OpenAI) -> None:
    texts = [
        client.chat.completions.create(model="", messages=QUESTION, max_tokens=8, temperature=1, seed=5)
        .choices[0]
        .message.content
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_a_prompt_of_100_000_characters_is_refused_with_the_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="tokens"):
        client.chat.completions.create(model="", messages=[{"role": "user", "content": "why me " * 14_286}])


def test_embeddings_come_from_the_encoder(client: openai.OpenAI) -> None:
    assert len(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding) == 384


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_gets_an_answer_from_its_passage_or_the_abstention(url: str, stream: bool) -> None:
    response = httpx.post(f"{url}/v1/answers", json={**ASKED, "stream": stream}, timeout=60, trust_env=False)
    assert response.status_code == 200
    assert any(f'"verdict":"{verdict}"' in response.text for verdict in ("answered", "partial", "abstained", "quoted"))


def test_a_summary_that_cannot_be_made_is_the_fallback(url: str) -> None:
    body = {"turns": [{"role": "user", "content": "My order 1043 is late"}], "fallback": "Asked about an order."}
    response = httpx.post(f"{url}/v1/summaries", json=body, timeout=60, trust_env=False)
    assert (response.status_code, response.json()["text"], response.json()["generated"]) == (
        200,
        body["fallback"],
        False,
    )


def test_a_rephrasing_that_loses_a_fact_is_the_text_itself(url: str) -> None:
    body = {"text": "Order 1043 costs £4.95.", "profile": PROFILE}
    response = httpx.post(f"{url}/v1/rephrasings", json=body, timeout=60, trust_env=False)
    assert (response.status_code, response.json()["text"], response.json()["changed"]) == (200, body["text"], False)


def test_requests_at_once_get_what_they_get_alone(client: openai.OpenAI) -> None:
    def ask(question: str) -> str:
        message = {"role": "user", "content": question}
        made = client.chat.completions.create(model="", messages=[message], max_tokens=6, temperature=0)  # type: ignore[list-item]
        return made.choices[0].message.content or ""

    questions = [f"Where is order {number}?" for number in range(1040, 1046)]
    together: dict[str, str] = {}
    threads = [threading.Thread(target=lambda q=question: together.update({q: ask(q)})) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == {question: ask(question) for question in questions}


def test_without_a_model_the_passage_is_quoted() -> None:
    said = settings(model="none")
    with running(make_app(said, None, load_grounding=lambda: load_grounding(said, None))) as url:
        answer = httpx.post(f"{url}/v1/answers", json=ASKED, timeout=60, trust_env=False).json()
    assert answer["verdict"] == "quoted"
    assert answer["text"] in PASSAGE["text"]
