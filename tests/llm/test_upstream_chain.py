"""The upstream engine and the client against the component's own server: what the fake plays, a real one does."""

from collections.abc import Iterator

import pytest

from llm_component.client import LlmClient
from llm_component.engines.echo import ScriptedEngine
from llm_component.engines.interface import GenerationRequest, Message, RequestRefused, Sampling, Usage, complete
from llm_component.engines.upstream import UpstreamEngine
from llm_component.server.app import make_app
from tests.llm import serving


@pytest.fixture
def url() -> Iterator[str]:
    engine = ScriptedEngine("It takes 3 days.", model_name="behind", context_tokens=1234, adapters=("shop",))
    with serving.running(make_app(serving.settings(secret="the-secret"), engine)) as address:
        yield address


def request(**options: object) -> GenerationRequest:
    return GenerationRequest((Message("user", "How long?"),), **options)  # type: ignore[arg-type]


async def test_a_completion_comes_through(url: str) -> None:
    engine = UpstreamEngine(url, key="the-secret")
    last = await complete(engine, request())
    assert (last.text, last.finish_reason, last.usage) == ("It takes 3 days.", "stop", Usage(3, 4))


async def test_model_context_and_adapters_are_learnt(url: str) -> None:
    engine = UpstreamEngine(url, key="the-secret")
    await engine.start()
    assert (engine.model_name, engine.context_tokens, engine.adapters) == ("behind", 1234, ("shop",))


async def test_all_sampling_is_taken(url: str) -> None:
    sampling = Sampling(max_tokens=9, temperature=0.5, top_p=0.9, top_k=5, seed=3, stop=("x",))
    assert (await complete(UpstreamEngine(url, key="the-secret"), request(sampling=sampling))).text


async def test_an_adapter_comes_through(url: str) -> None:
    assert (await complete(UpstreamEngine(url, key="the-secret"), request(adapter="shop"))).text


async def test_a_request_that_the_server_refuses_is_refused(url: str) -> None:
    with pytest.raises(RequestRefused, match="temperature"):
        await complete(UpstreamEngine(url, key="the-secret"), request(sampling=Sampling(temperature=5.0)))


async def test_a_wrong_key_is_said(url: str) -> None:
    engine = UpstreamEngine(url, key="another")
    await engine.start()
    assert "refuses the key" in engine.status().reason


async def test_the_client_sees_that_it_is_ready(url: str) -> None:
    assert await LlmClient(url, "the-secret").ready()
