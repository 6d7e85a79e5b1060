"""Responses: brand values, the open answer, and a sentence when something fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from frontdesk.brand import load_brand
from rasa_addons import nlg as nlg_module
from rasa_addons.nlg import FrontdeskNLG

PASSAGES = [
    {"title": "Descaling", "url": "https://shop.example/help/1", "quote": "Use citric acid.", "text": "Long."},
    {"title": "Filters", "url": "https://shop.example/help/2", "quote": "Change it.", "text": "Long."},
]
SUGGESTION = {"title": "Find out where my order is", "payload": "/track_order"}
MakeTracker = Callable[..., DialogueStateTracker]


def questions(outcome: str) -> float:
    return REGISTRY.get_sample_value("frontdesk_open_questions_total", {"outcome": outcome}) or 0.0


async def test_a_response_has_the_brands_values(nlg: FrontdeskNLG, tracker: MakeTracker) -> None:
    answer = await nlg.generate("utter_greet", tracker(), "rest")

    assert answer is not None
    assert load_brand().name in answer["text"]
    assert "{" not in answer["text"]


async def test_another_brand_speaks_in_its_own_name(
    domain: Domain, tracker: MakeTracker, monkeypatch: pytest.MonkeyPatch, remote_action_run: Any
) -> None:
    monkeypatch.setattr(nlg_module, "load_brand", lambda: replace(load_brand(), name="Other Shop"))

    answer = await FrontdeskNLG(EndpointConfig(), domain).generate("utter_greet", tracker(), "rest")

    assert answer is not None
    assert "Other Shop" in answer["text"]


async def test_values_come_from_slots_and_from_the_action(nlg: FrontdeskNLG, tracker: MakeTracker) -> None:
    state = tracker(order_number="1043", summary="Kettle")

    asked = await nlg.generate("utter_ask_cancel_order_form_confirm", state, "rest")
    told = await nlg.generate("utter_order_not_found", state, "rest", number="1044")

    assert asked is not None
    assert asked["text"].startswith("Order 1043: Kettle.")
    assert told is not None
    assert "1044" in told["text"]


@pytest.mark.parametrize("said", ["{shop_name}", "{0}", "a } brace {", "list[0[1]", "0[", "100 % {summary}"])
async def test_what_a_customer_wrote_is_repeated_as_it_is(nlg: FrontdeskNLG, tracker: MakeTracker, said: str) -> None:
    state = tracker(order_number="1043", summary="Kettle", return_reason=said, wish="refund")

    answer = await nlg.generate("utter_ask_damage_form_confirm", state, "rest")

    assert answer is not None
    assert answer["text"] == f'Shall I register Kettle from order 1043 as "{said}" and arrange a refund?'


async def test_an_open_question_is_answered_from_the_best_passage_with_its_sources(
    nlg: FrontdeskNLG, tracker: MakeTracker
) -> None:
    before = questions("quoted")

    answer = await nlg.generate("utter_open_answer", tracker(passages=PASSAGES), "rest")

    assert answer is not None
    assert answer["text"] == "Use citric acid.\n\nFrom our help article [Descaling](https://shop.example/help/1)."
    assert answer["metadata"]["sources"] == [{key: passage[key] for key in ("title", "url")} for passage in PASSAGES]
    assert questions("quoted") == before + 1


async def test_passages_of_the_action_count_for_more_than_those_of_an_earlier_turn(
    nlg: FrontdeskNLG, tracker: MakeTracker
) -> None:
    answer = await nlg.generate("utter_open_answer", tracker(passages=PASSAGES), "rest", passages=PASSAGES[1:])

    assert answer is not None
    assert answer["text"].startswith("Change it.")


async def test_an_action_that_found_nothing_is_not_answered_with_passages_of_an_earlier_turn(
    nlg: FrontdeskNLG, tracker: MakeTracker
) -> None:
    answer = await nlg.generate("utter_open_answer", tracker(passages=PASSAGES), "rest", passages=[])

    assert answer is not None
    assert "citric" not in answer["text"]


async def test_without_passages_the_suggestions_are_offered(nlg: FrontdeskNLG, tracker: MakeTracker) -> None:
    answer = await nlg.generate("utter_open_answer", tracker(passages=[], suggestions=[SUGGESTION]), "rest")

    assert answer is not None
    assert answer["text"].startswith("I'm not sure that I understood")
    assert [button["payload"] for button in answer["buttons"]] == ["/track_order"]


async def test_without_anything_it_says_so_and_offers_a_person(nlg: FrontdeskNLG, tracker: MakeTracker) -> None:
    before = questions("not_answered")

    for _ in range(2):  # the buttons of one answer do not pile up in the next
        answer = await nlg.generate("utter_open_answer", tracker(), "rest")
        assert answer is not None
        assert answer["text"].startswith("I'm sorry, I don't have a reliable answer")
        assert [button["payload"] for button in answer["buttons"]] == ["/talk_to_person"]

    assert questions("not_answered") == before + 2


@pytest.mark.parametrize("passages", [[{}], [{"title": "x"}], ["text"]])
async def test_a_failure_ends_in_the_apology_and_is_counted(
    nlg: FrontdeskNLG, tracker: MakeTracker, passages: list[Any]
) -> None:
    labels = {"place": "nlg", "kind": "generation"}
    before = REGISTRY.get_sample_value("frontdesk_failures_total", labels) or 0.0

    answer = await nlg.generate("utter_open_answer", tracker(passages=passages), "rest")

    assert answer is not None
    assert answer["text"].startswith("I'm sorry, something on our side")
    assert REGISTRY.get_sample_value("frontdesk_failures_total", labels) == before + 1


async def test_a_response_that_does_not_exist_is_not_silence(nlg: FrontdeskNLG, tracker: MakeTracker) -> None:
    answer = await nlg.generate("utter_cannot_return_of_a_new_reason", tracker(), "rest")

    assert answer is not None
    assert answer["text"].startswith("I'm sorry, something on our side")


def test_the_project_replies_when_the_action_server_fails(nlg: FrontdeskNLG) -> None:
    assert getattr(RemoteAction.run, "replies_on_failure", False)
