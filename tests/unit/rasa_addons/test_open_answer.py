"""What comes of an open question, whatever the language model's server does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from frontdesk.brand import load_brand
from frontdesk.logs import turn_id
from llm_component.client import LlmError
from llm_component.protocol import Answer, AnswerRequest, Passage, Profile
from rasa_addons.open_answer import ask, knowledge_version, known_facts, make_request, profile_of
from rasa_addons.turn_stream import StreamEvent, TurnStream, streaming_to
from tests.unit.rasa_addons.fake_language_model import FakeLanguageModel, Silence, answer_of, sentence

PROFILE = Profile(shop_name="Example Shop", abstention="I don't know.")
REQUEST = AnswerRequest(
    question="How do I descale it?",
    profile=PROFILE,
    passages=[Passage(title="Descaling", text="Use citric acid."), Passage(title="Filters", text="Change it.")],
)
LONG, SHORT = 30.0, 0.02  # seconds; the first is never waited for, the second always
ACID, RINSE = sentence("Use citric acid.", 1), sentence("Rinse twice.", 2, 1)


def failures(kind: str) -> float:
    return REGISTRY.get_sample_value("frontdesk_failures_total", {"place": "llm", "kind": kind}) or 0.0


async def events_of(stream: TurnStream) -> list[StreamEvent]:
    """What is in the stream up to its end."""
    stream.done()
    return (await stream.after(0, LONG))[:-1]


def drafted(events: list[StreamEvent]) -> str:
    return "".join(event.data["text"] for event in events if event.name == "token")


async def test_an_answer_is_its_sentences_with_passages_in_the_order_of_mention() -> None:
    rinse = sentence("Then rinse.", 2, 1, joint="\n")
    model = FakeLanguageModel([ACID, rinse, answer_of(ACID, rinse)])

    found = await ask(model, REQUEST, LONG)

    assert (found.outcome, found.text, found.cited) == ("answered", "Use citric acid.\nThen rinse.", [0, 1])


async def test_sentences_reach_the_stream_as_they_come() -> None:
    model = FakeLanguageModel([ACID, RINSE, answer_of(ACID, RINSE)])
    stream = TurnStream()

    with streaming_to(stream):
        found = await ask(model, REQUEST, LONG)

    events = await events_of(stream)
    assert [event.name for event in events] == ["status", "token", "token"]
    assert events[0].data == {"state": "writing"}
    assert drafted(events) == found.text == "Use citric acid. Rinse twice."


async def test_a_passage_that_is_not_there_is_not_cited() -> None:
    odd = sentence("Use citric acid.", 7, 0, 2)

    found = await ask(FakeLanguageModel([odd, answer_of(odd)]), REQUEST, LONG)

    assert found.cited == [1]


async def test_without_sentences_of_its_own_an_answer_brings_them_whole() -> None:
    found = await ask(FakeLanguageModel([answer_of(RINSE)]), REQUEST, LONG)

    assert (found.outcome, found.text, found.cited) == ("answered", "Rinse twice.", [1, 0])


async def test_the_turns_id_goes_along() -> None:
    model = FakeLanguageModel([answer_of(ACID)])
    token = turn_id.set("turn-7")
    try:
        await ask(model, REQUEST, LONG)
    finally:
        turn_id.reset(token)

    assert model.turns == ["turn-7"]


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([LlmError("overloaded", "queue full")], "overloaded"),
        ([LlmError("unreachable", "no connection")], "unreachable"),
        ([LlmError("broken_answer", "garbage")], "broken_answer"),
        ([ValueError("a fault of ours")], "ValueError"),
        ([], "EOFError"),
        ([Answer(verdict="answered", text=" ")], "empty_answer"),
    ],
)
async def test_a_failure_before_the_first_sentence_is_counted_by_its_kind(parts: list[Any], kind: str) -> None:
    before = failures(kind)

    found = await ask(FakeLanguageModel(parts), REQUEST, LONG)

    assert (found.outcome, found.reason, found.text) == ("failed", kind, "")
    assert failures(kind) == before + 1


async def test_silence_ends_at_the_deadline_and_the_request_is_given_up() -> None:
    model = FakeLanguageModel([Silence()])
    before = failures("deadline")

    found = await ask(model, REQUEST, SHORT)

    await asyncio.wait_for(model.left.wait(), LONG)
    assert (found.outcome, found.reason) == ("failed", "deadline")
    assert failures("deadline") == before + 1


async def test_a_client_that_does_not_let_go_holds_nobody_up() -> None:
    release = asyncio.Event()

    class Clinging(FakeLanguageModel):
        async def answer_stream(self, request: AnswerRequest, turn_id: str | None = None) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                await release.wait()
            yield ACID

    found = await asyncio.wait_for(ask(Clinging(), REQUEST, SHORT), LONG)

    release.set()
    assert found.outcome == "failed"


@pytest.mark.parametrize("trouble", [LlmError("broken_answer", "died"), Silence()])
async def test_sentences_that_were_shown_stay_when_the_server_dies(trouble: Any) -> None:
    stream = TurnStream()

    with streaming_to(stream):
        found = await ask(FakeLanguageModel([ACID, RINSE, trouble]), REQUEST, SHORT)

    assert (found.outcome, found.text, found.cited) == ("cut_short", "Use citric acid. Rinse twice.", [0, 1])
    assert drafted(await events_of(stream)) == found.text


async def test_an_answer_that_contradicts_what_was_shown_does_not_count() -> None:
    other = Answer(verdict="abstained", text=PROFILE.abstention)

    found = await ask(FakeLanguageModel([ACID, other]), REQUEST, LONG)

    assert (found.outcome, found.text, found.cited) == ("partial", "Use citric acid.", [0])


async def test_an_abstention_is_one_also_where_its_sentence_was_shown() -> None:
    said = sentence(PROFILE.abstention)

    found = await ask(FakeLanguageModel([said, answer_of(said, verdict="abstained")]), REQUEST, LONG)

    assert found.outcome == "abstained"


async def test_a_quotation_of_the_server_names_its_passage() -> None:
    quoted = sentence("Change it.", 2)

    found = await ask(
        FakeLanguageModel([quoted, answer_of(quoted, verdict="quoted", reason="no_model")]), REQUEST, LONG
    )

    assert (found.outcome, found.text, found.cited, found.reason) == ("quoted", "Change it.", [1], "no_model")


async def test_when_the_client_goes_away_generation_is_given_up_and_no_failure_counted() -> None:
    model = FakeLanguageModel([ACID, Silence()])
    stream = TurnStream()
    before = failures("client_gone")

    with streaming_to(stream):
        asking = asyncio.ensure_future(ask(model, REQUEST, LONG))
        await model.silent.wait()
        stream.close()
        found = await asking

    await asyncio.wait_for(model.left.wait(), LONG)
    assert found.reason == "client_gone"
    assert failures("client_gone") == before


# The request --------------------------------------------------------------------------------------------------------


def said(text: str) -> dict[str, Any]:
    return {"event": "user", "text": text}


def told(text: str, shared: Any = True) -> dict[str, Any]:
    return {"event": "bot", "text": text, "data": {}, "metadata": {"metadata": {"shared": shared}}}


FOUND = [{"title": "Descaling", "url": "https://shop.example/1", "text": "Use citric acid.", "similarity": 0.8}]


def test_the_history_ends_before_the_question() -> None:
    events = [said("my kettle is slow"), told("Is it?"), said("yes, how do I descale it?"), told("One moment.")]

    request = make_request("how do I descale it?", events, {}, FOUND, PROFILE, 8.0)

    assert [(turn.role, turn.content) for turn in request.history] == [
        ("user", "my kettle is slow"),
        ("assistant", "Is it?"),
    ]
    assert request.question == "how do I descale it?"
    assert request.deadline_seconds < 8.0


def test_addresses_and_long_numbers_of_the_question_stay_here() -> None:
    request = make_request("I'm a@b.example, 4111 1111 1111 1111, order 1043", [], {}, FOUND, PROFILE, 8.0)

    assert request.question == "I'm (email address), (number), order 1043"


def test_facts_are_what_the_customer_said_and_tried() -> None:
    events = [said("return 1043"), {"event": "active_loop", "name": "return_form"}]
    slots = {"order_number": "1043", "return_reason": "too loud", "address": "12 Mill Lane", "email": "a@b.example"}

    assert known_facts(events, slots) == {"reason given": "too loud", "order number": "1043", "tried": "return"}


def test_an_order_number_that_an_action_filled_in_stays_here() -> None:
    assert known_facts([said("where is it")], {"order_number": "1043"}) == {}


def test_equal_passages_are_equal_knowledge_and_a_changed_text_is_not() -> None:
    changed = [{**FOUND[0], "text": "Use vinegar."}]

    assert knowledge_version(FOUND) == knowledge_version([{**FOUND[0], "similarity": 0.5}])
    assert knowledge_version(FOUND) != knowledge_version(changed)


def test_the_profile_is_the_brands() -> None:
    brand = load_brand()

    profile = profile_of(brand, "I don't know.")

    assert (profile.shop_name, profile.tone, profile.abstention) == (brand.name, brand.tone, "I don't know.")
    assert brand.support_email in profile.support_contact
