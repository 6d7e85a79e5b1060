"""Questions as search reads them: what goes on from a conversation, words, stems, and the score."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from knowledge_base.search.full_text import rarest
from knowledge_base.search.questions import (
    LONGEST_QUERY_CHARACTERS,
    TURNS_READ,
    Question,
    in_conversation,
    is_follow_up,
)
from knowledge_base.search.relevance import CALIBRATION, SIGNS, Evidence, Relevance, load_relevance, signs
from knowledge_base.search.stems import stem, stems
from llm_component.encoder import DEFAULT_NAME, DEFAULT_WEIGHTS_SHA256

TURNS = ("How much is delivery?", "£4.95, free from £50.")


@pytest.mark.parametrize(
    "asked",
    [
        "and for the blue one?",
        "what about Sundays",
        "how long?",
        "can it go in the dishwasher",
        "is that covered",
        "E3?",
    ],
)
def test_a_question_that_goes_on_is_read_with_what_was_said(asked: str) -> None:
    assert is_follow_up(asked)
    assert in_conversation(asked, TURNS) == Question(asked, TURNS)


@pytest.mark.parametrize(
    "asked",
    [
        "how do I descale a kettle",
        "can I return headphones that I have opened",
        "changed my mind, can I cancel the order before it is sent",
        "do you deliver to Belfast",
    ],
)
def test_a_question_that_stands_alone_is_read_alone(asked: str) -> None:
    assert in_conversation(asked, TURNS) == Question(asked)


def test_only_the_last_turns_are_read_and_the_newest_stands_next_to_the_question() -> None:
    question = in_conversation("and then?", [f"turn {number}" for number in range(9)])

    assert len(question.history) == TURNS_READ
    assert question.text.splitlines()[:2] == ["and then?", "turn 8"]


def test_a_long_conversation_is_cut_at_its_old_end() -> None:
    question = Question("and then?", ("old " * LONGEST_QUERY_CHARACTERS, "new"))

    assert question.text.startswith("and then?\nnew\nold")
    assert len(question.text) <= LONGEST_QUERY_CHARACTERS


def test_a_conversation_without_a_question_asks_nothing() -> None:
    assert Question("  ", TURNS).text == ""


def test_the_rarest_words_are_asked_first_until_too_many_passages_are_to_be_scored() -> None:
    frequencies = {"kettle": 900, "limescale": 40, "descale": 60, "unheard": 0}

    assert rarest(list(frequencies), frequencies, most=100) == ["limescale", "descale"]
    assert rarest(["kettle"], frequencies, most=100) == ["kettle"]
    assert rarest(["unheard"], frequencies, most=100) == []


def test_stems_are_those_of_the_full_text_index() -> None:
    assert [stem(word) for word in ("descaling", "kettles", "café")] == ["descal", "kettl", "cafe"]
    assert stems(["Kettles boil.", "boiling kettle"]) == {"kettl", "boil"}


@pytest.mark.parametrize("word", ["", "€", "\ud83d", "it's"])
def test_a_word_that_the_index_does_not_take_has_a_stem_too(word: str) -> None:
    assert isinstance(stem(word), str)


def test_signs_say_how_near_and_how_well_covered_a_question_is() -> None:
    found = [
        Evidence("descaling", "Descale the kettle", 0.8),
        Evidence("descaling", "Use citric acid", 0.6),
        Evidence("toasters", "Clean the toaster", 0.1),
    ]
    frequencies = {"descale": 1, "kettle": 4, "acid": 1, "dragon": 0}

    seen = dict(zip(SIGNS, signs(list(frequencies), frequencies, 10, found), strict=True))

    rarity = {word: math.log(1 + 10 / (count + 0.5)) for word, count in frequencies.items()}
    whole = sum(rarity.values())
    assert seen["best_similarity"] == 0.8
    assert seen["mean_similarity"] == pytest.approx(0.5)
    assert seen["best_coverage"] == pytest.approx((whole - rarity["dragon"]) / whole)
    assert seen["mean_coverage"] == pytest.approx((rarity["descale"] + rarity["kettle"] + rarity["acid"]) / whole / 3)
    assert seen["unknown_words"] == pytest.approx(rarity["dragon"] / whole)
    assert seen["length"] == pytest.approx(math.log(5))


def test_nothing_found_has_the_signs_of_nothing() -> None:
    assert signs(["kettle"], {"kettle": 1}, 10, []) == (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def test_the_score_is_a_logistic_regression() -> None:
    fitted = Relevance("encoder", (2.0, 0.0, 0.0, 0.0, -1.0, 0.0), -0.5, 0.5)

    assert fitted.probability((0.5, 0, 0, 0, 1.0, 0)) == pytest.approx(1 / (1 + math.exp(0.5)))


def test_a_score_holds_for_the_encoder_that_it_was_fitted_for(tmp_path: Path) -> None:
    file = tmp_path / "relevance.json"
    weights = {sign: float(place) for place, sign in enumerate(SIGNS)}
    file.write_text(json.dumps({"encoder": "ours", "weights": weights, "intercept": 1.0, "threshold": 0.3}))

    fitted = load_relevance("ours", file)

    assert fitted == Relevance("ours", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), 1.0, 0.3)
    assert load_relevance("another", file) is None
    assert load_relevance("ours", tmp_path / "none.json") is None


def test_the_default_encoder_has_a_fitted_score() -> None:
    fitted = load_relevance(f"{DEFAULT_NAME}@{DEFAULT_WEIGHTS_SHA256}", CALIBRATION)

    assert fitted is not None
    assert fitted.weights[SIGNS.index("best_similarity")] > 0
    assert 0 < fitted.threshold < 1
