"""The component's own client against the real server: both sides agree on every form."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from llm_component.client import LlmClient
from llm_component.client_errors import LlmError
from llm_component.engines.interface import EngineError, EngineUnavailable, Overloaded, RequestRefused
from llm_component.protocol import Answer, AnswerRequest, Profile, Sentence
from llm_component.server.app import make_app
from llm_component.server.state import Grounding
from tests.llm.serving import DirectedEngine, running, settings
from tests.llm.test_server_answers import FIRST, SECOND, WHOLE, DirectedPipeline

ASKED = AnswerRequest("How long is delivery?", Profile("The Shop", "I don't know that."), deadline_seconds=20)


def server(pipeline: DirectedPipeline, secret: str = "") -> AbstractContextManager[str]:
    return running(make_app(settings(secret=secret), DirectedEngine(), grounding=Grounding(None, pipeline)))


async def test_it_gets_the_sentences_and_the_answer() -> None:
    with server(DirectedPipeline()) as url:
        client = LlmClient(url)
        items: list[Sentence | Answer] = [item async for item in client.answer_stream(ASKED)]
        await client.aclose()
    assert items == [FIRST, SECOND, WHOLE]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Overloaded("full"), "overloaded"), (EngineUnavailable("dead"), "unavailable"), (RequestRefused("no"), "refused")],
)
@pytest.mark.parametrize("before", [[], [FIRST]], ids=["as-status", "as-event"])
async def test_it_understands_errors(error: EngineError, kind: str, before: list[Sentence]) -> None:
    with server(DirectedPipeline([*before, error])) as url:
        client = LlmClient(url)
        with pytest.raises(LlmError) as failed:
            await client.answer(ASKED)
        await client.aclose()
    assert (failed.value.kind, list(failed.value.sentences)) == (kind, before)


async def test_it_sends_the_secret() -> None:
    with server(DirectedPipeline(), "right") as url:
        client = LlmClient(url, "right")
        answer = await client.answer(ASKED)
        await client.aclose()
    assert answer == WHOLE


async def test_a_wrong_secret_is_refused() -> None:
    with server(DirectedPipeline(), "right") as url:
        client = LlmClient(url, "wrong")
        with pytest.raises(LlmError) as failed:
            await client.answer(ASKED)
        await client.aclose()
    assert failed.value.kind == "refused"
