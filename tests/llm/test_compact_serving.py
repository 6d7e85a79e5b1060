"""Answers, summaries and rewrites by an engine that takes tasks in their parts, and the whole way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_component.answers.rephrase import rephrase
from llm_component.answers.rewrite import rewrite
from llm_component.answers.summary import summarise
from llm_component.engines import build
from llm_component.engines.build import build_engine
from llm_component.engines.echo import Reply, ScriptedEngine
from llm_component.engines.interface import (
    EngineUnavailable,
    GenerationRequest,
    Grounding,
    GroundingPassage,
    Message,
    PromptStyle,
    RequestRefused,
    Sampling,
    complete,
)
from llm_component.engines.wrappers.metrics import MetricsEngine
from llm_component.protocol import Passage, RephraseRequest, Rewrite, RewriteRequest, SummaryRequest, Turn
from llm_component.server.app import make_app
from llm_component.server.grounding import load_grounding
from tests.llm.answer_parts import PROFILE, FakeChecks, collected, pipeline_of, request_of
from tests.llm.compact_models import make_compact
from tests.llm.decoding_runs import generated, load
from tests.llm.serving import running, settings

HISTORY = [Turn("user", "Do you deliver the Norvane Swift kettle?"), Turn("assistant", "Yes, within the UK.")]
GROUNDING = Grounding("answer", "how much is express", (), (), (GroundingPassage("Delivery", "", "Express costs £9."),))


class CompactEngine(ScriptedEngine):
    """Plays replies to tasks in their parts."""

    @property
    def prompt_style(self) -> PromptStyle:
        return "compact"


# Answers


async def test_an_answer_is_asked_for_in_its_parts() -> None:
    engine = CompactEngine("You have 30 days. [1]")
    passages = [
        Passage("Returns", "You have 30 days.", heading="How long", quote="30 days"),
        Passage("Delivery", "£4.95"),
    ]

    _, answer = await collected(
        pipeline_of(engine).stream(request_of(history=HISTORY, facts={"order": "1043"}, passages=passages))
    )

    assert answer.verdict == "answered"
    assert engine.requests[0].grounding == Grounding(
        "answer",
        "How long do I have to return an item?",
        (Message("user", HISTORY[0].content), Message("assistant", HISTORY[1].content)),
        (("order", "1043"),),
        (
            GroundingPassage("Returns", "How long", "You have 30 days.", "30 days"),
            GroundingPassage("Delivery", "", "£4.95"),
        ),
    )


async def test_the_gate_knows_no_system_prompt_where_there_is_none() -> None:
    checks = FakeChecks()

    await collected(pipeline_of(CompactEngine("You have 30 days. [1]"), checks).stream(request_of()))

    assert checks.gates == [("How long do I have to return an item?", "")]


async def test_the_models_abstention_becomes_the_profiles() -> None:
    _, answer = await collected(pipeline_of(CompactEngine("I don't know.")).stream(request_of()))

    assert (answer.verdict, answer.text, answer.reason) == ("abstained", PROFILE.abstention, "model_abstained")


async def test_a_sentence_that_is_only_like_it_is_none() -> None:
    _, answer = await collected(pipeline_of(CompactEngine("I do know. [1]")).stream(request_of()))

    assert answer.verdict == "answered"


async def test_an_engine_of_chats_gets_messages() -> None:
    engine = ScriptedEngine("You have 30 days. [1]")

    await collected(pipeline_of(engine).stream(request_of()))

    assert engine.requests[0].grounding is None
    assert engine.requests[0].messages[0].role == "system"


def test_wrappers_say_what_the_engine_inside_takes() -> None:
    assert MetricsEngine(CompactEngine("x")).prompt_style == "compact"


# Summaries, rewrites, rephrasings


async def test_a_summary_is_asked_for_in_its_parts() -> None:
    engine = CompactEngine("The customer wants the Norvane Swift kettle delivered.")

    summary = await summarise(engine, SummaryRequest(HISTORY, "fallback", {"city": "Leeds"}))

    assert summary.generated
    assert engine.requests[0].grounding == Grounding(
        "summary", history=tuple(Message(turn.role, turn.content) for turn in HISTORY), facts=(("city", "Leeds"),)
    )


async def test_a_rephrasing_is_not_asked_of_a_model_that_never_learned_it() -> None:
    engine = CompactEngine("Hello!")

    rephrased = await rephrase(engine, RephraseRequest("Hi.", PROFILE))

    assert (rephrased.text, rephrased.changed, rephrased.reason) == ("Hi.", False, "not_supported")
    assert not engine.requests


ENGINES = pytest.mark.parametrize("engine_of", [CompactEngine, ScriptedEngine])
WHOLE = "What does express delivery of the Norvane Swift kettle cost?"


async def rewritten(engine: Any, question: str = "And what does express cost?", history: Any = None) -> Rewrite:
    return await rewrite(engine, RewriteRequest(question, HISTORY if history is None else history))


@ENGINES
async def test_a_follow_up_is_made_whole(engine_of: type[ScriptedEngine]) -> None:
    assert await rewritten(engine_of(WHOLE)) == Rewrite(WHOLE, changed=True)


async def test_a_rewrite_is_asked_for_in_its_parts() -> None:
    engine = CompactEngine(WHOLE)

    await rewritten(engine)

    assert engine.requests[0].grounding == Grounding(
        "rewrite",
        "And what does express cost?",
        tuple(Message(turn.role, turn.content) for turn in HISTORY),
    )


async def test_a_chat_model_gets_the_conversation_and_the_question() -> None:
    engine = ScriptedEngine(WHOLE)

    await rewritten(engine)

    prompt = engine.requests[0].messages[1].content
    assert "Customer: Do you deliver the Norvane Swift kettle?\nShop: Yes, within the UK." in prompt
    assert "<question>\nAnd what does express cost?\n</question>" in prompt


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("What does express delivery of the Norvane Swift kettle to Leeds cost?", "added_facts"),
        ("What does express delivery cost in 2024?", "added_facts"),
        ("Tell me a story about dragons, castles and brave old knights?", "added_claim"),
        ("Do you deliver the Norvane Swift kettle?", "other_question"),
        ("And what does express cost?", "same"),
        ("", "empty"),
        (f"{WHOLE} And why is express delivery{' of the kettle within the UK' * 13} so dear?", "length"),
    ],
)
async def test_a_rewrite_that_fails_a_check_leaves_the_question(said: str, reason: str) -> None:
    assert await rewritten(CompactEngine([Reply.of(said)])) == Rewrite("And what does express cost?", False, reason)


async def test_facts_of_the_question_must_stay() -> None:
    found = await rewritten(CompactEngine("Does express delivery cost £9?"), "Does express cost £9 or £11?")

    assert (found.changed, found.reason) == (False, "missing_facts")


async def test_a_question_without_a_conversation_is_whole() -> None:
    assert (await rewritten(CompactEngine(WHOLE), history=[])).reason == "no_history"


async def test_without_a_model_the_question_stays() -> None:
    assert (await rewritten(None)).reason == "no_model"


async def test_a_failing_engine_leaves_the_question() -> None:
    assert (await rewritten(CompactEngine([Reply.of(EngineUnavailable("gone"))]))).reason == "unavailable"


# The engine


async def test_the_engine_says_what_generate_says(tiny_compact: Path) -> None:
    engine = build_engine(settings(model=str(tiny_compact), device="cpu", dtype="fp32", cache_entries=0))
    assert engine is not None
    await engine.start()
    try:
        tasks = [
            GenerationRequest((), Sampling(max_tokens=20), grounding=GROUNDING),
            GenerationRequest(
                (), Sampling(max_tokens=20), grounding=Grounding("rewrite", "how much", GROUNDING.history)
            ),
        ]
        pieces = await asyncio.gather(*(complete(engine, task) for task in tasks))
    finally:
        await engine.close()
    loaded = load(tiny_compact, "")
    for task, piece in zip(tasks, pieces, strict=True):
        assert task.grounding is not None
        prompt = tuple(loaded.grounding_ids(task.grounding))
        wanted = generated(tiny_compact, prompt, 20)
        assert piece.text == loaded.tokenizer.decode(wanted, skip_special_tokens=True)
        assert piece.usage is not None and piece.usage.prompt_tokens == len(prompt)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (GenerationRequest((Message("user", "hello"),)), "takes no chat"),
        (GenerationRequest((), grounding=Grounding("answer", " ")), "the question is empty"),
        (GenerationRequest((), grounding=Grounding("summary")), "nothing to sum up"),
    ],
)
async def test_what_the_model_cannot_do_is_refused(tiny_compact: Path, request_: GenerationRequest, said: str) -> None:
    engine = build_engine(settings(model=str(tiny_compact), device="cpu"))
    assert engine is not None
    await engine.start()
    try:
        with pytest.raises(RequestRefused, match=said):
            await complete(engine, request_)
    finally:
        await engine.close()


async def test_a_completion_is_no_longer_than_the_model_has_positions(tiny_compact: Path) -> None:
    engine = build_engine(settings(model=str(tiny_compact), device="cpu"))
    assert engine is not None
    await engine.start()
    try:
        piece = await complete(engine, GenerationRequest((), Sampling(max_tokens=500), grounding=GROUNDING))
    finally:
        await engine.close()
    assert piece.usage is not None and piece.usage.completion_tokens <= 64


@pytest.mark.parametrize("there", [True, False])
def test_the_shipped_model_is_the_default_where_it_is_there(
    tiny_compact: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(build, "shipped_folder", lambda: tiny_compact if there else None)

    assert (build_engine(settings()) is not None) == there


def test_none_is_none_also_where_a_model_is_shipped(tiny_compact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "shipped_folder", lambda: tiny_compact)

    assert build_engine(settings(model="none")) is None


# The server


@pytest.fixture(scope="module")
def url(tiny_compact: Path) -> Iterator[str]:
    said = settings(model=str(tiny_compact), device="cpu", max_rows=4)
    engine = build_engine(said)
    with running(make_app(said, engine, load_grounding=lambda: load_grounding(said, engine))) as url:
        yield url


def posted(url: str, path: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}{path}", json=body, timeout=60)


PROFILE_BODY = {"shop_name": "The Shop", "abstention": "We can't find that."}
TURNS = [{"role": turn.role, "content": turn.content} for turn in HISTORY]


@pytest.fixture(scope="module")
def rambling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose model copies nothing: before training it says random words."""
    folder = make_compact(tmp_path_factory.mktemp("rambling"), copies=False)
    said = settings(model=str(folder), device="cpu", max_rows=4)
    engine = build_engine(said)
    with running(make_app(said, engine, load_grounding=lambda: load_grounding(said, engine))) as url:
        yield url


def test_random_words_are_not_shown_as_an_answer(rambling: str) -> None:
    passages = [{"title": "Delivery", "text": "Standard delivery takes 3 to 5 working days and costs £4.95."}]

    body = posted(
        rambling, "/v1/answers", question="How long does delivery take?", profile=PROFILE_BODY, passages=passages
    ).json()

    assert (body["verdict"], body["text"]) == ("abstained", "We can't find that.")
    assert body["usage"]["prompt_tokens"] > 20


def test_a_chat_is_refused_with_where_to_go(url: str) -> None:
    response = posted(url, "/v1/chat/completions", model="", messages=[{"role": "user", "content": "Hello"}])

    assert response.status_code == 400
    assert "/v1/answers" in response.json()["error"]["message"]


def test_random_words_are_no_rewrite(url: str) -> None:
    body = posted(url, "/v1/rewrites", question="And to Leeds?", history=TURNS).json()

    assert (body["question"], body["changed"]) == ("And to Leeds?", False)


def test_random_words_are_no_summary(url: str) -> None:
    body = posted(url, "/v1/summaries", turns=TURNS, fallback="A question about delivery.").json()

    assert (body["text"], body["generated"]) == ("A question about delivery.", False)


def test_an_empty_question_cannot_be_rewritten(url: str) -> None:
    assert posted(url, "/v1/rewrites", question=" ").status_code == 400
