"""Slips of spelling are mended towards known words; what is a word stays."""

from __future__ import annotations

import pytest

from rasa_addons.normalising.spelling import SpellingCorrector, words_by_use

CORRECTOR = SpellingCorrector(
    ["order", "delivery", "cancel", "later", "kettle", "price"],
    ["mist", "latter", "norvane", "melody", "odder", "iron"],
)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("where is my odrer", "where is my order"),
        ("cancl my ketle", "cancel my kettle"),
        ("delivrey of a Kettlle", "delivery of a kettle"),
        ("catch you latre", "catch you later"),
        ("hum me a melodyy", "hum me a melody"),
        ("pirce for it", "price for it"),
    ],
)
def test_a_slip_becomes_the_word_that_was_meant(text: str, mended: str) -> None:
    assert CORRECTOR.corrected(text) == mended


@pytest.mark.parametrize(
    "text", ["Mist and odder things", "the Norvane V8", "mail pirce@example.net", "K3ttle", "irn", "zzzzzz", "ordr's"]
)
def test_words_addresses_names_and_riddles_stay(text: str) -> None:
    assert CORRECTOR.corrected(text) == text


def test_words_are_counted_in_small_letters_the_most_used_first() -> None:
    assert words_by_use(["My order", "my Kettle", "1043"]) == [("my", 2), ("kettle", 1), ("order", 1)]
