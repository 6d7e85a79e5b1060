"""Who owns a turn: cases of the decision, what must hold for all of them, and what the component writes down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from rasa_addons.router import CLARIFY, IN_SCOPE, OPEN_QUESTION, Router, Routing, decide

THRESHOLDS: dict[str, float] = {"in_scope_from": 0.4, "clarify_from": 0.25, "clear_margin": 0.15}
ORDER = [OPEN_QUESTION, CLARIFY, IN_SCOPE]
probability = st.floats(min_value=0, max_value=1, allow_nan=False)


def decided(first: float, second: float, never: frozenset[str] = frozenset(), **thresholds: float) -> Routing:
    ranking = [("track_order", first), ("refund_status", second), ("greet", 0.0)]
    return decide(ranking, **{**THRESHOLDS, **thresholds}, never_clarified=never)


@pytest.mark.parametrize(
    ("first", "second", "decision"),
    [
        (0.9, 0.05, IN_SCOPE),
        (0.4, 0.1, IN_SCOPE),  # just sure enough
        (0.39, 0.1, OPEN_QUESTION),
        (0.5, 0.35, IN_SCOPE),  # just far enough ahead
        (0.5, 0.36, CLARIFY),
        (0.45, 0.24, IN_SCOPE),  # the second is too weak to ask about
        (0.3, 0.3, CLARIFY),  # neither is sure, both together are
        (0.25, 0.25, CLARIFY),
        (0.2, 0.2, OPEN_QUESTION),
        (0.05, 0.05, OPEN_QUESTION),
    ],
)
def test_a_ranking_has_its_decision(first: float, second: float, decision: str) -> None:
    assert decided(first, second).decision == decision


@pytest.mark.parametrize(("first", "second", "decision"), [(0.5, 0.45, IN_SCOPE), (0.35, 0.3, OPEN_QUESTION)])
@pytest.mark.parametrize("never", ["track_order", "refund_status"])
def test_small_talk_is_never_asked_about(first: float, second: float, decision: str, never: str) -> None:
    assert decided(first, second, frozenset({never})).decision == decision


@given(probability, probability)
def test_every_ranking_has_exactly_one_decision_with_its_reason(one: float, other: float) -> None:
    first, second = max(one, other), min(one, other)
    routing = decided(first, second)

    assert routing.decision in ORDER
    assert routing.reason
    assert (routing.confidence, routing.margin) == (first, first - second)
    assert len(routing.candidates) == (1 if routing.decision == IN_SCOPE else 2)


@given(probability, probability, probability)
def test_a_surer_intent_never_gets_a_weaker_decision(low: float, middle: float, high: float) -> None:
    second, first, surer = sorted((low, middle, high))

    assert ORDER.index(decided(surer, second).decision) >= ORDER.index(decided(first, second).decision)


@given(probability, probability, probability, probability)
def test_a_higher_threshold_never_lets_more_into_the_dialogue(
    one: float, other: float, low: float, high: float
) -> None:
    first, second = max(one, other), min(one, other)
    lax, strict = min(low, high), max(low, high)

    if decided(first, second, in_scope_from=strict).decision == IN_SCOPE:
        assert decided(first, second, in_scope_from=lax).decision == IN_SCOPE


@given(probability, probability)
def test_both_meanings_of_a_question_back_are_likely_enough(one: float, other: float) -> None:
    first, second = max(one, other), min(one, other)

    if decided(first, second).decision == CLARIFY:
        assert second >= THRESHOLDS["clarify_from"]
        assert first - second < THRESHOLDS["clear_margin"] or first < THRESHOLDS["in_scope_from"]


@pytest.mark.parametrize(("confidence", "decision"), [(0.9, IN_SCOPE), (0.1, OPEN_QUESTION)])
def test_one_intent_alone_is_no_choice_of_two(confidence: float, decision: str) -> None:
    routing = decide([("greet", confidence)], **THRESHOLDS)

    assert (routing.decision, routing.candidates) == (decision, ["greet"])


def routed(*ranking: tuple[str, float], text: str = "hello", **config: Any) -> Message:
    entries = [{"name": name, "confidence": confidence} for name, confidence in ranking]
    message = Message({TEXT: text, "intent": entries[0] if entries else None, "intent_ranking": entries})
    Router({**THRESHOLDS, **config}).process([message])
    return message


def test_a_turn_of_the_dialogue_keeps_its_intent_and_gets_its_scores() -> None:
    message = routed(("track_order", 0.9), ("greet", 0.05))

    assert message.get("intent")["name"] == "track_order"
    assert message.get("routing")["decision"] == IN_SCOPE
    assert {"intent", "routing"} & message.output_properties == {"routing"}  # and so reaches the action server


@pytest.mark.parametrize(("second", "intent"), [(0.05, "nlu_fallback"), (0.3, "clarify")])
def test_another_turn_gets_the_routers_intent_and_keeps_the_ranking(second: float, intent: str) -> None:
    message = routed(("track_order", 0.32), ("refund_status", second))

    assert message.get("intent")["name"] == intent
    assert [entry["name"] for entry in message.get("intent_ranking")] == [intent, "track_order", "refund_status"]
    assert message.get("routing")["candidates"] == ["track_order", "refund_status"]


def test_a_pressed_button_and_a_message_without_intents_are_left_alone() -> None:
    assert routed(("track_order", 0.1), text="/track_order").get("routing") is None
    assert routed(text="hello").get("routing") is None


def test_intents_that_are_never_asked_about_are_a_setting() -> None:
    ranking = (("greet", 0.5), ("thank", 0.45))

    assert routed(*ranking).get("routing")["decision"] == CLARIFY
    assert routed(*ranking, never_clarified=["greet"]).get("routing")["decision"] == IN_SCOPE
