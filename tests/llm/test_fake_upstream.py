"""The fake server speaks as a real one does: the official client reads it."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest

from tests.llm.fake_upstream import MODEL, FakeUpstream, chat, chat_json, gzipped, reply_from, status


@pytest.fixture
def client(upstream: FakeUpstream) -> openai.OpenAI:
    http = httpx.Client(trust_env=False)
    return openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="test", max_retries=0, http_client=http)


@pytest.fixture
def upstream():
    with FakeUpstream() as server:
        yield server


def said(client: openai.OpenAI) -> str:
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "How long?"}], stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_the_official_client_reads_a_stream(upstream: FakeUpstream, client: openai.OpenAI) -> None:
    upstream.script(chat("It takes ", "3 days."))
    assert said(client) == "It takes 3 days."


def test_the_official_client_reads_a_compressed_stream(upstream: FakeUpstream, client: openai.OpenAI) -> None:
    upstream.script(gzipped(chat("It takes ", "3 days.")))
    assert said(client) == "It takes 3 days."


def test_the_official_client_reads_a_whole_answer(upstream: FakeUpstream, client: openai.OpenAI) -> None:
    upstream.script(chat_json("It takes 3 days."))
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "How long?"}])
    assert answer.choices[0].message.content == "It takes 3 days."


def test_the_official_client_reads_an_error(upstream: FakeUpstream, client: openai.OpenAI) -> None:
    upstream.script(status(429, "too many"))
    with pytest.raises(openai.RateLimitError, match="too many"):
        said(client)


def test_the_official_client_lists_the_model(upstream: FakeUpstream, client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]


def test_a_process_of_its_own_reads_its_reply_from_a_file(tmp_path: Path) -> None:
    reply = tmp_path / "reply.json"
    reply.write_text(json.dumps({"text": "Three days."}), encoding="utf-8")
    command = [sys.executable, "-m", "tests.llm.fake_upstream", "--port", "0", "--reply", str(reply)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            http = httpx.Client(trust_env=False)
            client = openai.OpenAI(base_url=f"{url}/v1", api_key="test", max_retries=0, http_client=http)
            assert said(client) == "Three days."
        finally:
            process.terminate()


def test_replies_can_be_written_as_json() -> None:
    assert reply_from({"status": 503, "headers": {"Retry-After": "2"}}).headers["Retry-After"] == "2"
