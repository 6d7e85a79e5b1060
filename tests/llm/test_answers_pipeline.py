"""Grounded answers: every way from a question to sentences and a verdict."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest
from prometheus_client import REGISTRY

from llm_component.answers.generation import MOST_QUESTION
from llm_component.engines.echo import HANG, Reply
from llm_component.engines.interface import (
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    Overloaded,
    RequestRefused,
    UpstreamFailed,
    Usage,
)
from llm_component.protocol import Answer, Passage, Sentence, Turn
from tests.llm.answer_parts import (
    ABSTENTION,
    RETURNS,
    FakeChecks,
    FakeTime,
    collected,
    pipeline_of,
    request_of,
    scripted,
)

GOOD = "You have 30 days to return an item [1]. The label is free [1]."


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"frontdesk_llm_{name}", labels) or 0.0


async def answered(engine: Any, checks: Any = None, **changes: Any) -> tuple[list[Sentence], Answer]:
    return await collected(pipeline_of(engine, checks).stream(request_of(**changes)))


# Without a model


async def test_no_passages_abstain_without_asking_the_model() -> None:
    engine = scripted(GOOD)
    sentences, answer = await answered(engine, passages=[])
    assert (sentences, answer.verdict, answer.reason, answer.text) == ([], "abstained", "no_passages", ABSTENTION)
    assert engine.requests == []


async def test_passages_without_text_are_no_passages() -> None:
    _, answer = await answered(scripted(GOOD), passages=[Passage(title="Empty", text=" \u200b ")])
    assert (answer.verdict, answer.reason) == ("abstained", "no_passages")


async def test_without_a_model_the_quote_of_the_best_passage_is_given() -> None:
    sentences, answer = await answered(None)
    assert sentences == [Sentence(RETURNS.quote, [1], 1.0, "")]
    assert (answer.verdict, answer.reason, answer.text, answer.citations) == ("quoted", "no_model", RETURNS.quote, [1])


async def test_without_a_quote_the_first_sentences_are_given() -> None:
    text = "The first sentence of it stands here and says a good deal about the matter at hand. " * 9
    _, answer = await answered(None, passages=[Passage(title="", text=""), Passage(title="Long", text=text)])
    assert answer.citations == [2]
    assert len(answer.sentences) == 3


async def test_an_empty_question_is_refused() -> None:
    with pytest.raises(RequestRefused):
        await answered(None, question=" \n\u200b")


# With a model


async def test_sentences_that_pass_are_given_with_their_citations() -> None:
    sentences, answer = await answered(scripted(GOOD))
    assert [(each.text, each.citations, each.joint) for each in sentences] == [
        ("You have 30 days to return an item.", [1], ""),
        ("The label is free.", [1], " "),
    ]
    assert (answer.verdict, answer.reason) == ("answered", "")
    assert answer.text == "You have 30 days to return an item. The label is free."
    assert answer.sentences == sentences


async def test_usage_and_model_are_told() -> None:
    reply = Reply.of(GOOD, usage=Usage(100, 12, 40))
    _, answer = await answered(scripted([reply], model_name="some-model"))
    assert answer.model == "some-model"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens, answer.usage.cached_tokens) == (100, 112, 40)


async def test_a_sentence_is_given_before_the_next_one_is_generated() -> None:
    gone_on = asyncio.Event()
    engine = scripted([Reply.of("You have 30 days [1]. The ", gone_on, "label is free [1].")])
    async with aclosing(pipeline_of(engine).stream(request_of())) as items:
        first = await anext(items)
        assert isinstance(first, Sentence) and first.text == "You have 30 days."
        gone_on.set()
        assert [item async for item in items][-1].verdict == "answered"  # type: ignore[union-attr]


async def test_failed_sentences_are_held_back_and_make_the_answer_partial() -> None:
    checks = FakeChecks({"The label costs £5.": "number"})
    sentences, answer = await answered(scripted("You have 30 days [1]. The label costs £5 [1]."), checks)
    assert [each.text for each in sentences] == ["You have 30 days."]
    assert answer.verdict == "partial"
    assert [each.reason for each in answer.dropped] == ["number"]


async def test_pleasantries_are_left_out_and_count_for_nothing() -> None:
    checks = FakeChecks({"I hope this helps!": "no_claim"})
    _, answer = await answered(scripted("You have 30 days [1]. I hope this helps!"), checks)
    assert (answer.verdict, answer.text, answer.dropped) == ("answered", "You have 30 days.", [])


@pytest.mark.parametrize(
    ("reason", "told"),
    [("unsupported", "no_support"), ("number", "no_support"), ("personal_data", "personal_data"), ("leak", "leak")],
)
async def test_where_nothing_passes_the_answer_abstains_with_the_reason(reason: str, told: str) -> None:
    sentences, answer = await answered(scripted("It is blue [1]."), FakeChecks({"It is blue.": reason}))
    assert (sentences, answer.verdict, answer.reason, answer.text) == ([], "abstained", told, ABSTENTION)


async def test_silence_abstains() -> None:
    _, answer = await answered(scripted([Reply.of("")]))
    assert (answer.verdict, answer.reason) == ("abstained", "empty")


@pytest.mark.parametrize(
    "said", [ABSTENTION, ABSTENTION.upper(), "I am sorry, I can't find that in our information", f'"{ABSTENTION}" [1]']
)
async def test_the_abstention_is_known_however_it_is_written(said: str) -> None:
    sentences, answer = await answered(scripted(said))
    assert (sentences, answer.verdict, answer.reason) == ([], "abstained", "model_abstained")


async def test_the_first_sentence_of_an_abstention_is_enough() -> None:
    engine = scripted("I don't know that. You can ask the team. And more.")
    profile = request_of().profile.__class__(shop_name="S", abstention="I don't know that. You can ask the team.")
    _, answer = await answered(engine, profile=profile)
    assert (answer.verdict, answer.text) == ("abstained", "I don't know that. You can ask the team.")


async def test_an_abstention_after_an_answer_ends_it_as_partial() -> None:
    _, answer = await answered(scripted(f"You have 30 days [1]. {ABSTENTION} It goes on [1]."))
    assert (answer.verdict, answer.reason, answer.text) == ("partial", "model_abstained", "You have 30 days.")


async def test_a_repeated_sentence_is_given_once() -> None:
    _, answer = await answered(scripted("You have 30 days [1]. You have 30 days! The label is free [1]."))
    assert answer.text == "You have 30 days. The label is free."
    assert answer.verdict == "answered"


async def test_a_loop_ends_the_generation() -> None:
    engine = scripted([Reply.of(*["You have 30 days [1]. "] * 4, HANG)])
    _, answer = await answered(engine)
    assert (answer.text, answer.reason, engine.cancelled) == ("You have 30 days.", "loop", 1)


async def test_a_leak_ends_the_answer_and_what_was_shown_stays() -> None:
    checks = FakeChecks({"My rules are these.": "leak"})
    engine = scripted([Reply.of("You have 30 days [1]. My rules are these. The label ", HANG)])
    _, answer = await answered(engine, checks)
    assert (answer.verdict, answer.reason, answer.text) == ("partial", "leak", "You have 30 days.")
    assert engine.cancelled == 1


async def test_personal_data_costs_only_its_sentence() -> None:
    checks = FakeChecks({"Write to jo@example.com.": "personal_data"})
    _, answer = await answered(scripted("Write to jo@example.com. You have 30 days [1]."), checks)
    assert (answer.verdict, answer.text) == ("partial", "You have 30 days.")


@pytest.mark.parametrize("finish", ["length", "deadline"])
async def test_a_half_sentence_is_never_shown(finish: Any) -> None:
    engine = scripted([Reply.of("You have 30 days [1]. It costs £4.", finish=finish)])
    checks = FakeChecks()
    _, answer = await answered(engine, checks)
    assert (answer.verdict, answer.reason, answer.text) == ("partial", finish, "You have 30 days.")
    assert checks.examined == ["You have 30 days."]


async def test_a_last_sentence_with_its_mark_is_whole_also_where_the_limit_cut() -> None:
    _, answer = await answered(scripted([Reply.of("You have 30 days [1].", finish="length")]))
    assert (answer.verdict, answer.reason, answer.text) == ("answered", "length", "You have 30 days.")


async def test_a_last_sentence_without_full_stop_counts_where_the_model_ended_it() -> None:
    _, answer = await answered(scripted("You have 30 days"))
    assert answer.text == "You have 30 days"


# What the engine is asked


async def test_the_engine_gets_prompt_limits_and_passages() -> None:
    engine = scripted(GOOD, adapters=("tone",))
    time = FakeTime()
    request = request_of(max_tokens=77, adapter="tone", deadline_seconds=10.0, history=[Turn("user", "Hello")])
    await collected(pipeline_of(engine, time=time).stream(request, request_id="turn-7"))
    asked = engine.requests[0]
    assert (asked.sampling.max_tokens, asked.sampling.temperature, asked.adapter) == (77, 0.0, "tone")
    assert (asked.request_id, len(asked.sampling.stop) <= 4) == ("turn-7", True)
    assert asked.passages[0] == RETURNS.text
    assert asked.deadline is not None and 9.0 < asked.deadline - time.clock() < 10.0


async def test_the_gate_gets_the_question_and_the_system_prompt() -> None:
    engine, checks = scripted(GOOD), FakeChecks()
    await answered(engine, checks)
    assert checks.gates == [(request_of().question, engine.requests[0].messages[0].content)]


async def test_a_model_without_room_for_a_passage_is_not_asked() -> None:
    engine = scripted(GOOD, context_tokens=40)
    _, answer = await answered(engine)
    assert (answer.verdict, answer.reason, engine.requests) == ("quoted", "no_room", [])


async def test_a_question_of_a_hundred_thousand_characters_is_answered() -> None:
    _, answer = await answered(scripted(GOOD), question="why " * 25_000)
    assert answer.verdict == "answered"


# Deadlines


async def test_where_nothing_came_by_the_deadline_the_passage_is_quoted() -> None:
    time, engine = FakeTime(), scripted([Reply.of(HANG)])
    running = asyncio.ensure_future(collected(pipeline_of(engine, time=time).stream(request_of(deadline_seconds=15.0))))
    while not engine.requests:
        await asyncio.sleep(0)
    time.advance(15.0)
    _, answer = await running
    assert (answer.verdict, answer.reason, answer.text) == ("quoted", "deadline", RETURNS.quote)
    assert engine.cancelled == 1
    assert answer.seconds == 15.0


async def test_what_was_shown_by_the_deadline_stays() -> None:
    time = FakeTime()
    engine = scripted([Reply.of("You have 30 days [1]. The label is ", HANG)])
    items = pipeline_of(engine, time=time).stream(request_of())
    first = await anext(items)
    time.advance(15.0)
    _, answer = await collected(items)
    assert isinstance(first, Sentence)
    assert (answer.verdict, answer.reason, answer.sentences) == ("answered", "deadline", [first])


async def test_a_sentence_whose_check_ends_after_the_deadline_is_not_shown() -> None:
    time, loop, seen = FakeTime(), asyncio.get_running_loop(), threading.Event()

    def slow(text: str) -> None:
        if "label" in text:
            loop.call_soon_threadsafe(time.advance, 20.0)
            seen.wait(10.0)

    checks = FakeChecks(before=slow)
    try:
        sentences, answer = await collected(pipeline_of(scripted(GOOD), checks, time).stream(request_of()))
    finally:
        seen.set()
    assert [each.text for each in sentences] == ["You have 30 days to return an item."]
    assert (answer.verdict, answer.reason, answer.dropped[0].reason) == ("partial", "deadline", "late")


async def test_the_engines_own_deadline_error_quotes() -> None:
    _, answer = await answered(scripted([Reply.of(DeadlineExceeded("too late"))]))
    assert (answer.verdict, answer.reason) == ("quoted", "deadline")


async def test_a_deadline_that_has_passed_on_arrival_quotes() -> None:
    time = FakeTime()
    stream = pipeline_of(scripted([Reply.of(HANG)]), time=time).stream(request_of(), arrived=time.clock() - 20)
    _, answer = await collected(stream)
    assert (answer.verdict, answer.reason) == ("quoted", "deadline")


# Failures


@pytest.mark.parametrize(
    "error", [Overloaded("full", 1.0), EngineUnavailable("loading"), UpstreamFailed("garbage"), EngineError("other")]
)
async def test_an_engine_that_fails_at_once_leaves_the_quotation(error: EngineError) -> None:
    before = counted("failures_total", place="answers", kind=error.kind)
    _, answer = await answered(scripted([Reply.of(error)]))
    assert (answer.verdict, answer.reason, answer.text) == ("quoted", error.kind, RETURNS.quote)
    assert counted("failures_total", place="answers", kind=error.kind) == before + 1


async def test_an_engine_that_dies_half_way_leaves_what_was_shown() -> None:
    engine = scripted([Reply.of("You have 30 days [1]. The label ", UpstreamFailed("gone"))])
    _, answer = await answered(engine)
    assert (answer.verdict, answer.reason, answer.text) == ("partial", "upstream_failed", "You have 30 days.")


async def test_an_engine_with_a_defect_leaves_the_quotation() -> None:
    def defect(request: GenerationRequest) -> Reply:
        raise KeyError("a defect")

    _, answer = await answered(scripted(defect))
    assert (answer.verdict, answer.reason) == ("quoted", "engine_error")


async def test_a_request_that_the_engine_refuses_is_the_callers_fault() -> None:
    with pytest.raises(RequestRefused, match="no adapter"):
        await answered(scripted([Reply.of(RequestRefused("no adapter of that name"))]))


async def test_checks_that_break_down_leave_the_quotation() -> None:
    _, answer = await answered(scripted(GOOD), FakeChecks(broken=True))
    assert (answer.verdict, answer.reason) == ("quoted", "check_failed")


# Closing


async def test_closing_the_stream_cancels_the_engines_request() -> None:
    engine = scripted([Reply.of("You have 30 days [1]. The label ", HANG)])
    items = pipeline_of(engine).stream(request_of())
    await anext(items)
    await items.aclose()
    assert engine.cancelled == 1


async def test_cancelling_the_reader_cancels_the_engines_request() -> None:
    engine = scripted([Reply.of(HANG)])
    running = asyncio.ensure_future(collected(pipeline_of(engine).stream(request_of())))
    while not engine.requests:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.cancelled == 1


async def test_no_task_is_left_behind() -> None:
    await answered(scripted(GOOD))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# What is counted


async def test_verdicts_and_sentences_are_counted() -> None:
    before = counted("answers_total", verdict="partial"), counted("sentences_total", outcome="number")
    await answered(scripted("One [1]. Two [1]."), FakeChecks({"Two.": "number"}))
    after = counted("answers_total", verdict="partial"), counted("sentences_total", outcome="number")
    assert after == (before[0] + 1, before[1] + 1)


# What an attacker may try


async def test_the_prompt_is_fitted_off_the_event_loop() -> None:
    engine = scripted(GOOD)
    threads: list[str] = []
    count = engine.count_tokens

    def counting(messages: Any) -> int:
        threads.append(threading.current_thread().name)
        return count(messages)

    engine.count_tokens = counting  # type: ignore[method-assign]
    await answered(engine)
    assert threads[0].startswith("llm-prompts")


async def test_an_engine_that_cannot_count_gives_the_quotation() -> None:
    engine = scripted(GOOD)

    def counting(messages: Any) -> int:
        raise EngineUnavailable("the engine is closed")

    engine.count_tokens = counting  # type: ignore[method-assign]
    _, answer = await answered(engine)
    assert (answer.verdict, answer.reason, answer.text) == ("quoted", "unavailable", RETURNS.quote)


async def test_a_link_of_no_passage_is_held_back() -> None:
    _, answer = await answered(scripted("You have 30 days, see bit.ly/abc [1]. The label is free [1]."))
    assert (answer.verdict, answer.text, [each.reason for each in answer.dropped]) == (
        "partial",
        "The label is free.",
        ["markup"],
    )


async def test_the_checks_see_the_text_without_what_is_invisible() -> None:
    checks = FakeChecks()
    await answered(scripted("You have 4\u200b5 days \u202eto return \uff13 items [1]."), checks)
    assert checks.examined == ["You have 45 days to return 3 items."]


async def test_a_sentence_without_end_is_held_back_without_a_check() -> None:
    checks = FakeChecks()
    _, answer = await answered(scripted("one hundred and " * 60 + "one [1]. The label is free [1]."), checks)
    assert answer.text == "The label is free."
    assert checks.examined == ["The label is free."]


async def test_the_checks_see_the_beginning_and_the_end_of_a_long_question() -> None:
    checks = FakeChecks()
    await answered(scripted(GOOD), checks, question="How long? " + "one-" * 25_000 + " end?")
    question, _ = checks.gates[0]
    assert len(question) <= MOST_QUESTION
    assert question.startswith("How long? ")
    assert question.endswith(" end?")
