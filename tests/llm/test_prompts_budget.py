"""Prompts within a budget of tokens: what is kept, what is cut, at every context length."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_component.engines.interface import Message, RequestRefused
from llm_component.prompts.budget import largest
from llm_component.prompts.builder import AnswerPrompt, fit
from llm_component.prompts.hygiene import CUT_MARK
from llm_component.protocol import AnswerRequest, Passage, Profile, Turn

PROFILE = Profile(shop_name="The Shop", abstention="I'm sorry, I don't know that.")
WORD = re.compile(r"\w+|[^\w\s]")


def words(messages: Sequence[Message]) -> int:
    """Tokens as words and signs, with some for the chat template."""
    return 3 + sum(4 + len(WORD.findall(message.content)) for message in messages)


def characters(messages: Sequence[Message]) -> int:
    """Tokens as an estimate from characters that is never too low."""
    return 8 + sum(len(message.content) for message in messages) // 3


class Counting:
    """A counter of tokens that counts how often it is asked."""

    def __init__(self, count: Callable[[Sequence[Message]], int] = words) -> None:
        self._count = count
        self.calls = 0

    def __call__(self, messages: Sequence[Message]) -> int:
        self.calls += 1
        return self._count(messages)


def request_of(
    question: str = "How long do I have to return a kettle?",
    passages: Sequence[str] = ("You have 30 days to return a kettle. The label is free.",),
    turns: Sequence[str] = (),
    facts: dict[str, str] | None = None,
    max_tokens: int = 100,
) -> AnswerRequest:
    return AnswerRequest(
        question=question,
        profile=PROFILE,
        passages=[Passage(title=f"Title {number}", text=text) for number, text in enumerate(passages, 1)],
        history=[Turn("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(turns)],
        facts=facts or {},
        max_tokens=max_tokens,
    )


def test_a_request_that_fits_is_kept_whole() -> None:
    prompt = fit(request_of(turns=["Hello", "Good morning."], facts={"order": "1043"}), words, 2048)
    assert (prompt.passages, prompt.turns, prompt.facts, prompt.question_cut) == ((1,), 2, 1, False)


def test_a_request_that_fits_is_counted_twice_at_most() -> None:
    count = Counting()
    fit(request_of(turns=["Hello", "Good morning."]), count, 2048)
    assert count.calls <= 2


def test_the_output_is_reserved() -> None:
    prompt = fit(request_of(passages=["A sentence. " * 5000], max_tokens=200), words, 1024)
    assert prompt.tokens + 200 <= 1024


def test_the_oldest_turns_go_first() -> None:
    turns = [f"turn number {index} " + "word " * 60 for index in range(30)]
    prompt = fit(request_of(turns=turns), words, 1024)
    user = prompt.messages[1].content
    assert 0 < prompt.turns < 30
    assert [f"turn number {index} " in user for index in range(30)] == [
        index >= 30 - prompt.turns for index in range(30)
    ]


def test_the_last_passages_go_first_and_numbers_stay() -> None:
    passages = [f"Passage {number} begins. " + "It says more. " * 80 for number in range(1, 7)]
    prompt = fit(request_of(passages=passages), words, 1400)
    assert prompt.passages == tuple(range(1, len(prompt.passages) + 1))
    assert 0 < len(prompt.passages) < 6


def test_an_empty_passage_leaves_a_gap_in_the_numbers() -> None:
    prompt = fit(request_of(passages=["One is here.", "", "Three is here."]), words, 2048)
    assert prompt.passages == (1, 3)


def test_a_passage_is_cut_at_a_sentence_end() -> None:
    prompt = fit(request_of(passages=["It costs £4.95 to send. " * 300]), words, 1024)
    inside = prompt.messages[1].content.split("[1] Title 1\n")[1].split("\n</passages>")[0]
    assert inside.replace("It costs £4.95 to send.", "").split() == ["…"]


def test_a_cut_passage_keeps_its_quote() -> None:
    filler = "Nothing of use stands here. " * 200
    passage = Passage(title="T", text=f"{filler}The label is free. {filler}", quote="The label is free.")
    request = AnswerRequest(question="Is the label free?", profile=PROFILE, passages=[passage])
    assert "… The label is free. …" in fit(request, words, 700).messages[1].content


def test_a_long_question_is_cut_in_the_middle_with_a_mark() -> None:
    question = "At the start I say this. " + "filler " * 20_000 + "At the end I ask that?"
    prompt = fit(request_of(question=question), words, 1024)
    kept = prompt.messages[1].content.split("<question>\n")[1].split("\n</question>")[0]
    assert prompt.question_cut
    assert kept.startswith("At the start I say this.")
    assert kept.endswith("At the end I ask that?")
    assert kept.count(CUT_MARK) == 1


def test_a_long_question_leaves_room_for_a_passage() -> None:
    prompt = fit(request_of(question="why " * 25_000), words, 1024)
    assert prompt.passages == (1,)


def test_a_history_of_a_hundred_thousand_characters_is_fitted_with_few_counts() -> None:
    count = Counting()
    fit(request_of(turns=["word " * 200] * 100, passages=["It says this. " * 500] * 5), count, 8192)
    assert count.calls <= 40


def test_a_context_without_room_for_the_question_is_refused() -> None:
    with pytest.raises(RequestRefused, match="rules and question take"):
        fit(request_of(), words, 64)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(RequestRefused, match="question is empty"):
        fit(request_of(question=" \u200b\n"), words, 1024)


def test_short_rules_stand_in_a_short_context() -> None:
    short, full = fit(request_of(), words, 384), fit(request_of(), words, 4096)
    assert len(short.system) < len(full.system) / 2


@pytest.mark.parametrize("most", [0, 1, 2, 3, 100])
def test_largest_finds_every_boundary(most: int) -> None:
    for boundary in range(most + 1):
        assert largest(lambda n, boundary=boundary: n <= boundary, most) == boundary


ends = st.sampled_from([".", "", "?", ". And [2]."])
texts = st.builds(lambda word, count, end: (word + " ") * count + end, st.text(max_size=12), st.integers(0, 400), ends)
requests = st.builds(
    request_of,
    st.one_of(texts, st.integers(1, 3000).map(lambda count: "why not " * count)),
    st.lists(texts, max_size=6),
    st.lists(texts, max_size=8),
    st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=6),
    st.integers(1, 400),
)


def fitted(request: AnswerRequest, count: Callable[[Sequence[Message]], int], context: int) -> AnswerPrompt | None:
    try:
        return fit(request, count, context)
    except RequestRefused as error:
        assert len(str(error).split()) > 3
        return None


@settings(max_examples=150, deadline=None)
@given(requests, st.sampled_from([words, characters]), st.integers(128, 8192))
def test_every_prompt_fits_its_context(request: AnswerRequest, count: Callable, context: int) -> None:
    prompt = fitted(request, count, context)
    if prompt is not None:
        assert prompt.tokens == count(prompt.messages)
        assert prompt.tokens + prompt.output_tokens <= context


@settings(max_examples=150, deadline=None)
@given(requests, st.integers(128, 8192), st.one_of(st.integers(1, 40), st.integers(1, 4000)))
def test_a_longer_context_never_holds_less(request: AnswerRequest, context: int, more: int) -> None:
    small, large = fitted(request, words, context), fitted(request, words, context + more)
    if small is not None:
        assert large is not None
        assert large.question_characters >= small.question_characters
        assert large.facts >= small.facts
        assert large.sentences >= small.sentences
        assert large.turns >= small.turns
