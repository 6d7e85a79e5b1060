"""Who owns a turn: the trained router on turns it has never seen, against floors that notice a change for the worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evaluation import TrainedModel, read_examples
from routing_turns import FOLDER, RoutingScores, route, routing_turns, score_routing

from rasa_addons.routing.turns import IN_SCOPE, LabelledTurn, read_folder, read_turns

ROOT = Path(__file__).resolve().parents[2]

# Measured values stand in docs/nlu.md; a floor or a ceiling lies about a point beside its value.
ACCURACY_FLOOR = 0.905
ACCURACY_IN_FORMS_FLOOR = 0.915
IN_SCOPE_TO_MODEL_CEILING = 0.035
OPEN_INTO_DIALOGUE_CEILING = 0.14
TOPIC_FLOOR = 0.85
FEWEST_TURNS = 600


@pytest.fixture(scope="module")
def turns() -> list[LabelledTurn]:
    return routing_turns("test")


@pytest.fixture(scope="module")
def routed(model: TrainedModel, turns: list[LabelledTurn]) -> list[dict[str, Any]]:
    return route(model, turns)


@pytest.fixture(scope="module")
def scores(turns: list[LabelledTurn], routed: list[dict[str, Any]]) -> RoutingScores:
    return score_routing(turns, routed)


def test_turns_get_the_decision_that_they_should(scores: RoutingScores) -> None:
    assert scores.accuracy >= ACCURACY_FLOOR


def test_turns_in_the_middle_of_a_form_do_too(scores: RoutingScores) -> None:
    assert scores.accuracy_in_forms >= ACCURACY_IN_FORMS_FLOOR


def test_requests_of_the_shop_are_not_sent_to_the_language_model(scores: RoutingScores) -> None:
    assert scores.in_scope_to_model <= IN_SCOPE_TO_MODEL_CEILING


def test_open_questions_are_not_forced_into_a_form(scores: RoutingScores) -> None:
    assert scores.open_into_dialogue <= OPEN_INTO_DIALOGUE_CEILING


def test_a_turn_that_is_not_for_this_shop_is_known_for_what_it_is(scores: RoutingScores) -> None:
    assert scores.topic_accuracy >= TOPIC_FLOOR


def test_every_decision_comes_with_its_scores_and_its_reason(routed: list[dict[str, Any]]) -> None:
    assert all(result["reason"] and abs(sum(result["scores"].values()) - 1) < 1e-3 for result in routed)


def test_the_measuring_turns_are_many_and_most_are_written_for_it(turns: list[LabelledTurn]) -> None:
    own = read_turns(FOLDER / "routing_test.yml")

    assert len(turns) >= FEWEST_TURNS
    assert len(own) >= len(turns) / 2
    assert {turn.kind for turn in own if turn.state.in_form} == {turn.kind for turn in turns}


@pytest.mark.parametrize("part", ["dev", "test"])
def test_no_measuring_turn_is_trained_on(part: str) -> None:
    trained = {turn.text.lower() for turn in read_folder(ROOT / "data" / "routing") if not turn.state.in_form}
    trained |= {
        example.text.lower() for path in (ROOT / "data" / "nlu").glob("*.yml") for example in read_examples(path)
    }
    # A bare answer in a form ("both") has too few words to be written differently.
    own = [turn for turn in read_turns(FOLDER / f"routing_{part}.yml") if turn.kind != IN_SCOPE]
    assert [turn.text for turn in own if turn.text.lower() in trained] == []
