"""No customer ever reads an unfilled {placeholder}: each response gets all it needs wherever it is uttered."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker

from frontdesk.brand import load_brand
from rasa_addons.nlg import FrontdeskNLG
from tests.unit.actions import action_sources as sources
from tests.unit.rasa_addons.conftest import ROOT

# What the NLG and the web channel hand in themselves.
OF_THE_ADDONS = {
    "utter_open_answer": frozenset({"quote", "title", "url"}),
    "utter_generated_answer": frozenset({"answer", "sources"}),
    "utter_generated_answer_sources": frozenset({"answer", "sources"}),
    "utter_abstained": frozenset({"title", "url"}),
    "utter_message_too_long": frozenset({"max_characters"}),
    "utter_rate_limited": frozenset({"retry_after"}),
    "utter_image_too_large": frozenset({"megabytes"}),
}
# Responses whose name is in a variable of the action, with that variable.
IN_VARIABLES = {"response": ("utter_products_found", "utter_products_near")}

UNFILLED = re.compile(r"\{[A-Za-z_]\w*\}")


def placeholders(domain: Domain, response: str) -> frozenset[str]:
    """Names in braces in the texts and buttons of a response."""
    found: set[str] = set()
    for variant in domain.responses[response]:
        for text in (variant.get("text") or "", *(button["title"] for button in variant.get("buttons") or [])):
            found |= {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    return frozenset(found)


def uttered_by_actions() -> list[tuple[str, str, frozenset[str]]]:
    """Place, response and values of every utterance of an action."""
    return sorted(
        (utterance.where, name, utterance.values)
        for utterance in sources.utterances()
        if sources.is_known(utterance.pattern)
        for name in sources.names_of(utterance.pattern)
    )


def known_everywhere(domain: Domain) -> set[str]:
    """Values that a response always has."""
    return {*load_brand().placeholders(), *(slot.name for slot in domain.slots)}


@pytest.mark.parametrize(("where", "response", "values"), uttered_by_actions(), ids=lambda value: str(value)[:60])
def test_an_action_gives_its_response_all_it_needs(
    domain: Domain, where: str, response: str, values: frozenset[str]
) -> None:
    if response not in domain.responses:
        pytest.skip("reported by test_names_in_domain.py")

    given = values | known_everywhere(domain) | OF_THE_ADDONS.get(response, frozenset())

    assert placeholders(domain, response) - given == set()


def test_a_response_that_no_action_utters_needs_no_more_than_slots_and_the_brand(domain: Domain) -> None:
    by_actions = {response for _, response, _ in uttered_by_actions()} | set(IN_VARIABLES["response"])
    lacking = {
        response: sorted(placeholders(domain, response) - known_everywhere(domain))
        for response in domain.responses
        if response not in by_actions and response not in OF_THE_ADDONS
    }

    assert {response: names for response, names in lacking.items() if names} == {}


def test_only_known_names_of_responses_are_kept_in_variables(domain: Domain) -> None:
    """`response=response` in actions/products.py gives its values to both of these."""
    source = (ROOT / "actions/products.py").read_text(encoding="utf-8")
    given = {"products", "category", "count"}

    assert "response=response" in source
    for response in IN_VARIABLES["response"]:
        assert f'"{response}"' in source
        assert placeholders(domain, response) <= given


async def test_rendered_with_those_values_nothing_is_left_open(
    domain: Domain, nlg: FrontdeskNLG, tracker: Callable[..., DialogueStateTracker]
) -> None:
    given = {name: values for _, name, values in uttered_by_actions()}
    left: dict[str, Any] = {}
    for response in domain.responses:
        values = dict.fromkeys(given.get(response, frozenset()) | OF_THE_ADDONS.get(response, frozenset()), "value")
        if response in IN_VARIABLES["response"]:
            values = {"products": "value", "category": "value"}
        if response == "utter_open_answer":
            values = {"passages": [{"quote": "value", "title": "value", "url": "value"}]}  # type: ignore[dict-item]
        answer = await nlg.generate(response, tracker(), "rest", **values)
        assert answer is not None
        texts = [answer["text"], *(button["title"] for button in answer.get("buttons") or [])]
        if any(UNFILLED.search(text) for text in texts):
            left[response] = texts

    assert left == {}


async def test_payloads_of_buttons_are_json_once_rendered(
    domain: Domain, nlg: FrontdeskNLG, tracker: Callable[..., DialogueStateTracker]
) -> None:
    for response in domain.responses:
        answer = await nlg.generate(response, tracker(), "rest")
        for button in (answer or {}).get("buttons") or []:
            assert re.fullmatch(r'/\w+(\{"\w+": "[^"{}]*"\})?', button["payload"]), (response, button)
