"""From probabilities to one decision: cases, and what must hold for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasa_addons.routing.decision import Thresholds, decide
from rasa_addons.routing.turns import CLARIFY, DECISIONS, IN_SCOPE, LABELS, OPEN_QUESTION, OUT_OF_SCOPE

EVEN = Thresholds(out_of_scope_from=0.5, clarify_from=0.5, in_scope_from=0.5)
RANKING = [("track_order", 0.6), ("affirm", 0.2), ("refund_status", 0.1)]
weights = st.lists(st.floats(min_value=0.001, max_value=1), min_size=len(LABELS), max_size=len(LABELS))
threshold = st.floats(min_value=0.01, max_value=0.99)


def shares(values: list[float]) -> dict[str, float]:
    return {label: value / sum(values) for label, value in zip(LABELS, values, strict=True)}


@pytest.mark.parametrize(
    ("probabilities", "decision", "topic"),
    [
        ({IN_SCOPE: 0.9, OPEN_QUESTION: 0.1}, IN_SCOPE, None),
        ({IN_SCOPE: 0.2, OPEN_QUESTION: 0.8}, OPEN_QUESTION, None),
        ({IN_SCOPE: 0.3, CLARIFY: 0.7}, CLARIFY, None),
        ({IN_SCOPE: 0.4, "rude": 0.2, "nonsense": 0.1, "elsewhere": 0.3}, OUT_OF_SCOPE, "elsewhere"),
        ({IN_SCOPE: 0.4, OPEN_QUESTION: 0.3, "rude": 0.3}, IN_SCOPE, None),  # no topic is sure enough
    ],
)
def test_the_likeliest_kind_decides(probabilities: dict[str, float], decision: str, topic: str | None) -> None:
    routing = decide(probabilities, RANKING, EVEN)

    assert (routing.decision, routing.topic) == (decision, topic)


def test_intents_that_are_never_asked_about_are_not_offered() -> None:
    routing = decide({CLARIFY: 1.0}, RANKING, EVEN, frozenset({"affirm"}))

    assert routing.candidates == ["track_order", "refund_status"]


def test_there_is_no_choice_where_one_intent_is_left() -> None:
    routing = decide({CLARIFY: 0.9, IN_SCOPE: 0.1}, RANKING[:1], EVEN)

    assert (routing.decision, routing.candidates) == (IN_SCOPE, ["track_order"])


@given(weights, threshold, threshold, threshold)
def test_every_turn_has_one_decision_with_scores_that_sum_to_one(
    values: list[float], out_of_scope: float, clarify: float, in_scope: float
) -> None:
    routing = decide(shares(values), RANKING, Thresholds(out_of_scope, clarify, in_scope))

    assert routing.decision in DECISIONS
    assert routing.reason
    assert sum(routing.scores.values()) == pytest.approx(1)
    assert (routing.topic is None) == (routing.decision != OUT_OF_SCOPE)


@given(weights, threshold, threshold)
def test_a_higher_threshold_never_lets_more_into_the_dialogue(values: list[float], one: float, other: float) -> None:
    lax, strict = (Thresholds(0.5, 0.5, bound) for bound in sorted((one, other)))

    if decide(shares(values), RANKING, strict).decision == IN_SCOPE:
        assert decide(shares(values), RANKING, lax).decision == IN_SCOPE


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1])
def test_a_threshold_that_decides_nothing_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="in_scope_from"):
        Thresholds(0.5, 0.5, value)
