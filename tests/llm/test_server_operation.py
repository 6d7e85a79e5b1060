"""`/health`, `/ready`, `/metrics` and `/v1/models`, from loading to the end."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from llm_component.encoder import EncoderError
from llm_component.engines.interface import EngineStatus, EngineUnavailable
from llm_component.server.app import make_app
from llm_component.server.state import NO_MODEL_NOTE, Grounding
from tests.llm.serving import DirectedEngine, LetterEncoder, chat_body, in_process, settings

CHAT = "/v1/chat/completions"


async def test_health_answers_while_the_model_loads_and_ready_says_so() -> None:
    release = threading.Event()

    def load() -> Grounding:
        release.wait(20)
        return Grounding(LetterEncoder())

    app = make_app(settings(), DirectedEngine(), load_grounding=load)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://server") as client,
    ):
        health, ready = await client.get("/health"), await client.get("/ready")
        chat = await client.post(CHAT, json=chat_body())
        release.set()
        await app.state.server.wait_loaded()
        later = await client.get("/ready")
    assert health.status_code == 200
    assert (ready.status_code, ready.json()["state"], ready.headers["retry-after"]) == (503, "loading", "5")
    assert (chat.status_code, chat.headers["retry-after"]) == (503, "5")
    assert (later.status_code, later.json()["encoder"]) == (200, "letters")


async def test_ready_says_which_model() -> None:
    async with in_process(make_app(settings(), DirectedEngine(adapters=("formal",)))) as client:
        said = (await client.get("/ready")).json()
    assert (said["ready"], said["model"], said["adapters"], said["reason"]) == (True, "directed", ["formal"], "")


async def test_without_a_model_the_server_is_ready_and_says_what_it_does_instead() -> None:
    async with in_process(make_app(settings(), None)) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()["model"], response.json()["reason"]) == (200, None, NO_MODEL_NOTE)


async def test_without_a_model_chats_are_refused_with_the_reason() -> None:
    async with in_process(make_app(settings(), None)) as client:
        response = await client.post(CHAT, json=chat_body())
    assert response.status_code == 503
    assert response.json()["error"]["message"] == "No generation model is configured on this server."


async def test_an_engine_that_died_makes_the_server_unready() -> None:
    engine = DirectedEngine()
    async with in_process(make_app(settings(), engine)) as client:
        engine.said_status = EngineStatus(False, "the device was lost")
        response = await client.get("/ready")
    assert (response.status_code, response.json()["state"]) == (503, "unavailable")
    assert response.json()["reason"] == "the device was lost"


@pytest.mark.parametrize("error", [EngineUnavailable("a shard is missing"), RuntimeError("a shard is missing")])
async def test_a_failed_load_stays_visible(error: Exception) -> None:
    async with in_process(make_app(settings(), DirectedEngine(start_errors=[error]))) as client:
        ready, chat = await client.get("/ready"), await client.post(CHAT, json=chat_body())
    assert (ready.status_code, ready.json()["state"], ready.json()["reason"]) == (503, "failed", "a shard is missing")
    assert (chat.status_code, chat.json()["error"]["message"]) == (503, "a shard is missing")
    assert "retry-after" not in chat.headers


async def test_a_failed_load_is_handed_on_as_one_sentence() -> None:
    def load() -> Grounding:
        raise EncoderError("the encoder's weights are not there")

    failures: list[str] = []
    async with in_process(make_app(settings(), None, load_grounding=load, on_failure=failures.append)):
        pass
    assert failures == ["the encoder's weights are not there"]


async def test_a_start_that_may_succeed_later_is_tried_again() -> None:
    engine = DirectedEngine(start_errors=[EngineUnavailable("no connection", 0.001)] * 2)
    async with in_process(make_app(settings(), engine)) as client:
        assert (await client.get("/ready")).status_code == 200


async def test_the_engine_is_closed_at_the_end() -> None:
    engine = DirectedEngine()
    async with in_process(make_app(settings(), engine)):
        pass
    assert engine.closed


async def test_draining_refuses_new_requests_and_lets_the_running_end() -> None:
    engine = DirectedEngine(held=True)
    app = make_app(settings(), engine)
    async with in_process(app) as client:
        running = asyncio.create_task(client.post(CHAT, json=chat_body()))
        while not engine.begun.is_set():
            await asyncio.sleep(0)
        draining = asyncio.create_task(app.state.server.drain(20))
        await asyncio.sleep(0)
        refused, ready, health = [
            await client.post(CHAT, json=chat_body()),
            await client.get("/ready"),
            await client.get("/health"),
        ]
        engine.permit(2)
        assert await draining
        ended = await running
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert (ready.status_code, ready.json()["state"], health.status_code) == (503, "draining", 200)
    assert (ended.status_code, ended.json()["choices"][0]["message"]["content"]) == (200, "Hello, you")


async def test_a_drain_closes_the_engine_when_its_time_is_over() -> None:
    engine = DirectedEngine(held=True)
    app = make_app(settings(), engine)
    async with in_process(app) as client:
        running = asyncio.create_task(client.post(CHAT, json=chat_body()))
        while not engine.begun.is_set():
            await asyncio.sleep(0)
        assert not await app.state.server.drain(0, grace_seconds=0)
        assert engine.closed
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_models_are_the_model_its_adapters_and_the_encoder() -> None:
    app = make_app(settings(), DirectedEngine(adapters=("formal",)), encoder=LetterEncoder())
    async with in_process(app) as client:
        listed = (await client.get("/v1/models")).json()
    assert listed["object"] == "list"
    assert [(model["id"], model["object"], model["parent"]) for model in listed["data"]] == [
        ("directed", "model", None),
        ("formal", "model", "directed"),
        ("letters", "model", None),
    ]


async def test_one_model_can_be_asked_for() -> None:
    async with in_process(make_app(settings(), DirectedEngine())) as client:
        assert (await client.get("/v1/models/directed")).json()["max_model_len"] == 2048


async def test_a_model_with_a_slash_in_its_name_can_be_asked_for() -> None:
    engine = DirectedEngine()
    engine.model_name = "org/name"
    async with in_process(make_app(settings(), engine)) as client:
        assert (await client.get("/v1/models/org/name")).json()["id"] == "org/name"


async def test_an_unknown_model_is_not_found() -> None:
    async with in_process(make_app(settings(), DirectedEngine())) as client:
        response = await client.get("/v1/models/other")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


async def test_metrics_have_their_names_and_the_engines_state() -> None:
    engine = DirectedEngine()
    engine.said_status = EngineStatus(True, running=3, waiting=2, kv_tokens_used=25, kv_tokens_total=100)
    async with in_process(make_app(settings(), engine)) as client:
        response = await client.get("/metrics")
    lines = response.text.splitlines()
    assert "frontdesk_llm_requests_running 3.0" in lines
    assert "frontdesk_llm_requests_waiting 2.0" in lines
    assert "frontdesk_llm_kv_cache_usage_ratio 0.25" in lines
    for name in ("queue_seconds", "time_to_first_token_seconds", "batch_size", "generation_tokens", "answer_cache"):
        assert f"# HELP frontdesk_llm_{name}" in response.text
