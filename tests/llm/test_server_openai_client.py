"""The official `openai` client, unchanged, against the server."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import openai
import pytest

from llm_component.engines.echo import EchoEngine
from llm_component.engines.interface import EngineUnavailable, Overloaded
from llm_component.server.app import make_app
from tests.llm.serving import PATIENCE, DirectedEngine, LetterEncoder, running, settings

QUESTION = [{"role": "user", "content": "Where is my parcel?"}]


def client_of(url: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=PATIENCE)


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    """A client of an echoing server."""
    with running(make_app(settings(), EchoEngine(), encoder=LetterEncoder())) as url, client_of(url) as client:
        yield client


def test_a_whole_completion(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="echo", messages=QUESTION)
    assert completion.choices[0].message.content == "Where is my parcel?"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None and completion.usage.completion_tokens == 4


def test_a_stream(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="echo", messages=QUESTION, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Where is my parcel?"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_with_usage(client: openai.OpenAI) -> None:
    *_, last = client.chat.completions.create(
        model="echo", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert last.choices == []
    assert last.usage is not None and last.usage.total_tokens > 0


def test_its_streaming_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="echo", messages=QUESTION) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == "Where is my parcel?"


def test_a_limit_of_tokens(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="echo", messages=QUESTION, max_tokens=2)
    assert (completion.choices[0].message.content, completion.choices[0].finish_reason) == ("Where is", "length")


async def test_the_asynchronous_client(client: openai.OpenAI) -> None:
    async with openai.AsyncOpenAI(base_url=client.base_url, api_key="none", max_retries=0) as other:
        stream = await other.chat.completions.create(model="echo", messages=QUESTION, stream=True)
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(texts) == "Where is my parcel?"


def test_the_list_of_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["echo", "letters"]


def test_one_model(client: openai.OpenAI) -> None:
    assert client.models.retrieve("echo").id == "echo"


@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_in_both_forms(client: openai.OpenAI, form: str) -> None:
    given = client.embeddings.create(model="letters", input=["alpha", "beta"], encoding_format=form)  # type: ignore[arg-type]
    vectors = [
        np.frombuffer(base64.b64decode(one.embedding), "<f4")  # type: ignore[arg-type]
        if isinstance(one.embedding, str)
        else np.array(one.embedding, np.float32)
        for one in given.data
    ]
    np.testing.assert_allclose(np.stack(vectors), LetterEncoder().encode(["alpha", "beta"]), rtol=1e-6)


def test_embeddings_as_the_client_asks_for_them_by_itself(client: openai.OpenAI) -> None:
    given = client.embeddings.create(model="letters", input="alpha")
    np.testing.assert_allclose(given.data[0].embedding, LetterEncoder().encode(["alpha"])[0], rtol=1e-6)
    assert given.usage.prompt_tokens == 3


def test_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="echo", messages=QUESTION, n=2)
    assert refused.value.param == "n"


def test_a_prompt_of_100_000_characters_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "why me " * 14_286}])
    assert "the prompt has" in refused.value.message


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-4", messages=QUESTION)
    assert refused.value.code == "model_not_found"


def test_a_wrong_key() -> None:
    with (
        running(make_app(settings(secret="right"), EchoEngine())) as url,
        client_of(url, "wrong") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="echo", messages=QUESTION)


def test_the_right_key() -> None:
    with running(make_app(settings(secret="right"), EchoEngine())) as url, client_of(url, "right") as client:
        assert client.models.list().data[0].id == "echo"


def test_a_full_queue() -> None:
    with (
        running(make_app(settings(), DirectedEngine([Overloaded("full", 1)]))) as url,
        client_of(url) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.chat.completions.create(model="", messages=QUESTION)


def test_an_engine_that_is_down() -> None:
    with (
        running(make_app(settings(), DirectedEngine([EngineUnavailable("down")]))) as url,
        client_of(url) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.chat.completions.create(model="", messages=QUESTION)


def test_a_stream_that_breaks_raises_instead_of_ending() -> None:
    engine = DirectedEngine(["half", EngineUnavailable("the device was lost")])
    with running(make_app(settings(), engine)) as url, client_of(url) as client:
        stream = client.chat.completions.create(model="", messages=QUESTION, stream=True)
        with pytest.raises(openai.APIError, match="the device was lost"):
            list(stream)
