"""The hand-written sets: their form, their facts, and that nothing of them is in the training data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.generation_sets import (
    HandoffConversation,
    HeldOutPassage,
    HeldOutQuestion,
    RetrievedQuestion,
    handoff_conversations,
    held_out_passages,
    held_out_questions,
    retrieved_questions,
    states,
)
from llm_component.training.data.draws import PHRASINGS
from llm_component.training.data.shop import ShopExamples

ROOT = Path(__file__).resolve().parents[2]
KNOWLEDGE = ROOT / "data" / "knowledge"
GRAM = 8  # words


@pytest.fixture(scope="module")
def questions() -> list[HeldOutQuestion]:
    return held_out_questions()


@pytest.fixture(scope="module")
def conversations() -> list[HandoffConversation]:
    return handoff_conversations()


def whole(passage: HeldOutPassage) -> str:
    return f"{passage.title}. {passage.heading}: {passage.text}"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9£%°]+(?:[.,'][a-z0-9]+)*", text.casefold())


def grams(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + GRAM]) for at in range(len(found) - GRAM + 1)}


def strings(texts: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for text in texts:
        yield from grams(text)


def test_there_are_enough_questions_of_each_kind(questions: list[HeldOutQuestion]) -> None:
    kinds = Counter(question.kind for question in questions)

    assert len(questions) >= 320
    assert kinds.pop("unanswerable") >= 100
    assert len(kinds) == 6
    assert min(kinds.values()) >= 35


def test_ids_and_questions_are_not_repeated(questions: list[HeldOutQuestion]) -> None:
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.question.casefold() for question in questions}) == len(questions)
    assert len({passage.id for passage in held_out_passages()}) == len(held_out_passages())


def test_each_question_has_three_to_five_different_passages(questions: list[HeldOutQuestion]) -> None:
    for question in questions:
        assert 3 <= len(question.passages) <= 5, question.id
        assert len({passage.id for passage in question.passages}) == len(question.passages), question.id


def test_each_question_has_a_near_miss_beside_the_answer(questions: list[HeldOutQuestion]) -> None:
    for question in questions:
        families = Counter(passage.family for passage in question.passages)
        assert max(families.values()) >= 2, question.id


def test_history_alternates_and_ends_with_the_assistant(questions: list[HeldOutQuestion]) -> None:
    with_history = [question for question in questions if question.history]

    assert len(with_history) >= 15
    for question in with_history:
        roles = [turn.role for turn in question.history]
        assert roles == ["user", "assistant"] * (len(roles) // 2), question.id


def test_each_fact_stands_in_a_cited_passage(questions: list[HeldOutQuestion]) -> None:
    for question in (one for one in questions if one.answerable):
        cited = [whole(question.passages[number - 1]) for number in question.cites]
        assert question.facts, question.id
        for fact in question.facts:
            assert any(states(passage, fact) for passage in cited), (question.id, fact)


def test_each_cited_passage_holds_a_fact(questions: list[HeldOutQuestion]) -> None:
    for question in (one for one in questions if one.answerable):
        for number in question.cites:
            passage = whole(question.passages[number - 1])
            assert any(states(passage, fact) for fact in question.facts), (question.id, number)


def test_the_reference_answer_states_each_fact(questions: list[HeldOutQuestion]) -> None:
    for question in (one for one in questions if one.answerable):
        for fact in question.facts:
            assert states(question.answer, fact), (question.id, fact, question.answer)


def test_yes_or_no_answers_begin_with_it(questions: list[HeldOutQuestion]) -> None:
    for question in (one for one in questions if one.kind == "yes_no"):
        assert question.answer.startswith(("Yes,", "No,")), question.id


def test_questions_over_several_passages_cite_two(questions: list[HeldOutQuestion]) -> None:
    for question in questions:
        assert (len(question.cites) >= 2) == (question.kind == "multi"), question.id


def test_unanswerable_questions_hold_no_answer(questions: list[HeldOutQuestion]) -> None:
    for question in questions:
        assert question.answerable == (question.kind != "unanswerable"), question.id
        if not question.answerable:
            assert not question.facts, question.id
            assert not question.cites, question.id
            assert question.answer == "I don't know.", question.id


def test_every_passage_is_used(questions: list[HeldOutQuestion]) -> None:
    used = {passage.id for question in questions for passage in question.passages}

    assert used == {passage.id for passage in held_out_passages()}


def test_facts_on_the_shops_articles_stand_in_them() -> None:
    for question in retrieved_questions():
        texts = [(KNOWLEDGE / article).read_text(encoding="utf-8") for article in question.articles]
        assert bool(texts) == question.answerable == bool(question.facts), question.id
        for fact in question.facts:
            assert any(states(text, fact) for text in texts), (question.id, fact)


def test_questions_on_the_shops_articles_are_not_repeated() -> None:
    found: list[RetrievedQuestion] = retrieved_questions()

    assert len(found) >= 80
    assert len({question.question.casefold() for question in found}) == len(found)


def test_conversations_have_six_to_twenty_turns(conversations: list[HandoffConversation]) -> None:
    assert len(conversations) >= 60
    for conversation in conversations:
        assert 6 <= len(conversation.turns) <= 20, conversation.id


def test_the_reference_note_says_all_that_it_must(conversations: list[HandoffConversation]) -> None:
    for conversation in conversations:
        assert len(conversation.must) >= 4, conversation.id
        for fact in conversation.must:
            assert states(conversation.summary, fact), (conversation.id, fact)


def test_the_first_thing_a_note_must_say_is_the_order_number(conversations: list[HandoffConversation]) -> None:
    for conversation in conversations:
        (number,) = conversation.must[0]
        assert re.fullmatch(r"\d{4,5}", number), conversation.id
        assert any(number in turn.content for turn in conversation.turns), conversation.id


def test_numbers_of_a_note_are_in_its_conversation(conversations: list[HandoffConversation]) -> None:
    for conversation in conversations:
        said = " ".join(turn.content for turn in conversation.turns)
        for number in re.findall(r"\d{3,}", conversation.summary.replace(",", "")):
            assert number in said.replace(",", ""), (conversation.id, number)


@pytest.mark.parametrize(
    ("text", "fact", "stated"),
    [
        ("It costs £4.95.", ("£4.95",), True),
        ("It holds 120 litres.", ("12",), False),
        ("It holds 1.12 litres.", ("12",), False),
        ("Up to 1,900.", ("900",), False),
        ("It takes 12.", ("12",), True),
        ("Within THIRTY days", ("30 days", "thirty days"), True),
        ("Open 9:30 to 18:30", ("30",), False),
    ],
)
def test_a_fact_is_found_as_a_whole(text: str, fact: tuple[str, ...], stated: bool) -> None:
    assert states(text, fact) is stated


def test_no_run_of_eight_words_is_shared_with_the_training_data(
    questions: list[HeldOutQuestion], conversations: list[HandoffConversation]
) -> None:
    held = [question.question for question in questions]
    held += [question.answer for question in questions if question.answerable]
    held += [passage.text for passage in held_out_passages()]
    held += [question.question for question in retrieved_questions()]
    held += [turn.content for conversation in conversations for turn in conversation.turns]
    held += [conversation.summary for conversation in conversations]
    own = set(strings(held))
    templates = [line for file in PHRASINGS.glob("*.yml") for line in file.read_text(encoding="utf-8").splitlines()]
    trained = [
        text
        for example in islice(ShopExamples(7, articles=KNOWLEDGE).stream(), 2000)
        for text in (
            example.question,
            example.target,
            *(turn.content for turn in example.history),
            *(passage.text for passage in example.passages),
        )
    ]

    shared = own.intersection(strings([*templates, *trained]))

    assert not shared
