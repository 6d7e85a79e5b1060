"""Changed copies of training examples: the spans stay on what they name."""

from __future__ import annotations

import random

import pytest

from rasa_addons.entities.copies import in_haste, values_of, with_other_values
from rasa_addons.entities.tagger import Span

TEXT = "Please cancel order 1043, the Norvane Swift isn't for me."
SPANS = [Span(20, 24, "order_number"), Span(30, 43, "product")]
VALUES = {"product": ["Quillon V8"], "order_number": ["1043"]}


def test_another_value_stands_in_the_place_of_the_first() -> None:
    text, spans = with_other_values((TEXT, SPANS), VALUES, random.Random(1))
    number, product = (text[span.start : span.end] for span in spans)
    assert number.isdigit() and len(number) == 4 and number != "1043"
    assert product == "Quillon V8"
    assert text == f"Please cancel order {number}, the Quillon V8 isn't for me."


@pytest.mark.parametrize("seed", range(20))
def test_spans_stay_on_the_words_they_name_whatever_slips(seed: int) -> None:
    text, spans = in_haste((TEXT, SPANS), random.Random(seed))
    assert text[spans[0].start : spans[0].end] == "1043"
    assert text[spans[1].start : spans[1].end].lower()[0] == "n"
    assert [span.kind for span in spans] == ["order_number", "product"]


def test_haste_changes_letters_case_and_punctuation() -> None:
    texts = {in_haste((TEXT, SPANS), random.Random(seed))[0] for seed in range(20)}
    assert any(text == text.lower() for text in texts)
    assert any("," not in text for text in texts)
    assert len(texts) > 10


def test_values_come_from_examples_and_from_the_table_of_the_same_name() -> None:
    values = values_of([(TEXT, SPANS)], {"product": ["Orbiq CrispAir 5"]})
    assert values == {"order_number": ["1043"], "product": ["Norvane Swift", "Orbiq CrispAir 5"]}
