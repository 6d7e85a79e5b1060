"""Names that the actions and the domain share: actions, responses, slots, forms, intents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk.executor import ActionExecutor

from actions.asides import ASIDE_INTENTS
from actions.conversation import FORM_OF_INTENT
from actions.flow import FLOW_INTENTS, LEAVING_INTENTS, PERSON_INTENT, RESUMED_BY
from actions.orders import ValidateTrackOrder
from actions.wording import phrase
from knowledge_base.schema import ORDER_STATES
from tests.unit.actions import action_sources as sources

ROOT = Path(__file__).resolve().parents[3]
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
RESPONSES = frozenset(DOMAIN["responses"])
INTENTS = frozenset(intent if isinstance(intent, str) else next(iter(intent)) for intent in DOMAIN["intents"])


def registered() -> frozenset[str]:
    """Names of the package's actions, as the action server registers them."""
    executor = ActionExecutor()
    executor.register_package("actions")
    return frozenset(
        name
        for name, run in executor.actions.items()
        if type(run.__self__).__module__.startswith("actions.")  # type: ignore[attr-defined]
    )


def test_every_registered_action_stands_in_the_domain_and_the_other_way_round() -> None:
    named = {action if isinstance(action, str) else next(iter(action)) for action in DOMAIN["actions"]}

    assert registered() == named


def test_the_sources_show_what_they_utter() -> None:
    """The reading of the sources sees literals, f-strings, both arms of an `if`, and values."""
    seen = {(utterance.pattern, tuple(sorted(utterance.values))) for utterance in sources.utterances()}

    assert ("utter_order_late", ("expected",)) in seen
    assert ("utter_rated_badly", ()) in seen
    assert ("utter_cannot_cancel_{allowed.reason}", ("number",)) in seen
    assert ("utter_order_not_found", ("number",)) in seen
    assert {"not_delivered", "window_closed", "nothing_left", "too_many", "no_items"} <= sources.GOODS_REASONS
    assert {"already_dispatched", "returned"} <= sources.CHANGE_REASONS
    assert {"not_dispatched", "not_late", "already_claimed", "returned"} == sources.CLAIM_REASONS
    assert {"not_delivered", "window_closed", "nothing_left", "cancelled"} == sources.ELIGIBILITY_REASONS


@pytest.mark.parametrize("pattern", sorted(sources.all_patterns()))
def test_every_response_an_action_names_exists(pattern: str) -> None:
    missing = sorted(sources.names_of(pattern) - RESPONSES)

    assert missing == [], f"{pattern} can become {missing}, which domain.yml does not have"


@pytest.mark.parametrize("flow", sources.flows(), ids=lambda flow: str(flow.form))
def test_a_form_requires_the_slots_of_its_steps(flow: Any) -> None:
    assert DOMAIN["forms"][flow.form]["required_slots"] == [step.slot for step in flow.steps]


@pytest.mark.parametrize("flow", sources.flows(), ids=lambda flow: str(flow.form))
def test_a_form_has_a_question_for_each_of_its_slots(flow: Any) -> None:
    questions = RESPONSES | registered()
    unasked = [
        step.slot
        for step in flow.steps
        if not questions
        & {f"{prefix}_{part}{step.slot}" for prefix in ("utter_ask", "action_ask") for part in ("", f"{flow.form}_")}
    ]

    assert unasked == []


@pytest.mark.parametrize("flow", sources.flows(), ids=lambda flow: str(flow.form))
def test_a_form_knows_its_slots_and_intents(flow: Any) -> None:
    assert {*flow.fresh_slots, *(step.slot for step in flow.steps)} <= set(DOMAIN["slots"])
    assert flow.own_intents <= INTENTS


def test_every_form_has_its_validation() -> None:
    assert set(DOMAIN["forms"]) == {str(flow.form) for flow in sources.flows()}
    assert ValidateTrackOrder in sources.flows()


def test_intents_and_forms_in_tables_exist() -> None:
    assert {*ASIDE_INTENTS, *FLOW_INTENTS, *LEAVING_INTENTS, PERSON_INTENT, *FORM_OF_INTENT} <= INTENTS
    assert set(FORM_OF_INTENT.values()) <= set(DOMAIN["forms"])
    assert set(RESUMED_BY) <= set(DOMAIN["forms"])
    assert {payload.lstrip("/") for payload in RESUMED_BY.values()} <= INTENTS


def test_every_state_of_an_order_and_every_flow_to_go_on_with_has_its_words() -> None:
    words = [phrase(f"state_{state}") for state in ORDER_STATES] + [phrase(f"flow_{form}") for form in RESUMED_BY]

    assert all(words)
    with pytest.raises(KeyError):
        phrase("no_such_phrase")


def test_every_small_talk_has_its_reply() -> None:
    nlu = yaml.safe_load((ROOT / "data/nlu/chitchat.yml").read_text(encoding="utf-8"))["nlu"]
    topics = {entry["intent"] for entry in nlu if entry.get("intent", "").startswith("chitchat/")}

    assert topics
    assert {f"utter_{topic}" for topic in topics} <= RESPONSES


def test_every_payload_of_a_button_names_an_intent() -> None:
    unknown = {
        button["payload"]
        for variants in DOMAIN["responses"].values()
        for variant in variants
        for button in variant.get("buttons") or []
        if button["payload"].lstrip("/").partition("{")[0] not in INTENTS
    }

    assert unknown == set()
