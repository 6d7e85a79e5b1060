"""Sentences of streamed text: where they end, and that the pieces do not matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_component.checks.sentences import LONGEST, SentenceSplitter, split_sentences

TEXTS = [
    ("It costs £4.95. It takes 3.5 hours.", ["It costs £4.95.", "It takes 3.5 hours."]),
    ("Use a descaler, e.g. citric acid. Rinse.", ["Use a descaler, e.g. citric acid.", "Rinse."]),
    ("It is free [1]. It is quick.", ["It is free [1].", "It is quick."]),
    ("It is free. [1][2] It is quick. [3]", ["It is free. [1][2]", "It is quick. [3]"]),
    ("It is free.[1, 2] It is quick.", ["It is free.[1, 2]", "It is quick."]),
    ("Order no. 1043 is open. Fine.", ["Order no. 1043 is open.", "Fine."]),
    ("The answer is no. You can ask.", ["The answer is no.", "You can ask."]),
    ("We close at 8 p.m. The shop opens at 9.", ["We close at 8 p.m.", "The shop opens at 9."]),
    ("Steps:\n- Open it. Then wait.\n- Close it.", ["Steps:", "- Open it. Then wait.", "- Close it."]),
    ("1. Open the app.\n2. Tap Pair.", ["1. Open the app.", "2. Tap Pair."]),
    ('Say "stop." Then wait!  Really? Yes', ['Say "stop."', "Then wait!", "Really?", "Yes"]),
    ("Mr. Smith from Example Ltd. We met.", ["Mr. Smith from Example Ltd.", "We met."]),
    ("Wait... then press.", ["Wait... then press."]),
    ("See www.shop.example. Then call.", ["See www.shop.example.", "Then call."]),
    ("Free.\n\n[1]\n\nNext.", ["Free.\n\n[1]", "Next."]),
    ("   ", []),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_text_is_cut_where_its_sentences_end(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def test_a_sentence_is_given_once_its_end_is_certain() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("It costs £4.95 [1].") == []
    assert splitter.feed(" ") == []
    assert splitter.feed("It") == [("", "It costs £4.95 [1].")]
    assert splitter.finish() == [(" ", "It")]


def test_a_half_received_mark_is_waited_for() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Yes. [1") == []
    assert splitter.feed("] No") == [("", "Yes. [1]")]


def test_a_sentence_without_an_end_is_cut() -> None:
    splitter = SentenceSplitter()
    found = splitter.feed("word " * LONGEST)
    assert found and all(len(sentence) <= LONGEST for _, sentence in found)


PIECES = st.sampled_from(
    [". ", ".", " ", "\n", "[1]", "[2, 3]", "e.g.", "£4.95", "Word", "word", "- ", "1. ", "?", '"', "no.", "[", "…"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join), st.lists(st.integers(1, 6), min_size=1, max_size=60))
def test_the_pieces_do_not_matter(text: str, lengths: list[int]) -> None:
    splitter, found, start, turn = SentenceSplitter(), [], 0, 0
    while start < len(text):
        length = lengths[turn % len(lengths)]
        found += splitter.feed(text[start : start + length])
        start, turn = start + length, turn + 1
    found += splitter.finish()
    whole = SentenceSplitter()
    assert found == [*whole.feed(text), *whole.finish()]
    assert "".join(joint + sentence for joint, sentence in found) == text.rstrip()
