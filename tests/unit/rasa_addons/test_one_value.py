"""Responses that ask for one value: the example of docs/widget.md, and those of the domain."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from rasa.shared.core.domain import Domain
from rasa.utils.endpoints import EndpointConfig

from rasa_addons.nlg import FrontdeskNLG
from rasa_addons.web.turn import message_parts
from tests.unit.rasa_addons.conftest import ROOT

EXAMPLE = re.compile(r"^## Ask for one value$.*?^```yaml$(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented() -> dict[str, Any]:
    """The response that the page shows."""
    found = EXAMPLE.search((ROOT / "docs" / "widget.md").read_text(encoding="utf-8"))
    assert found is not None
    return dict(yaml.safe_load(found[1]))


def test_the_documented_example_asks_a_client_for_a_date(remote_action_run: Any) -> None:
    domain = Domain.from_dict({"version": "3.1", "responses": documented()})
    nlg = FrontdeskNLG(EndpointConfig(), domain)

    answer = nlg.generate_from_slots("utter_ask_purchase_date", {}, "rest")

    assert answer is not None
    assert message_parts(answer) == {
        "text": "On which day did you buy it?",
        "custom": {"type": "field", "field": "date"},
    }


@pytest.mark.parametrize(
    ("response", "custom"),
    [
        ("utter_ask_email", {"type": "field", "field": "email"}),
        ("utter_ask_verification_code", {"type": "field", "field": "code", "digits": 6}),
        ("utter_ask_contact_email", {"type": "field", "field": "email"}),
    ],
)
def test_the_dialogue_asks_a_client_for_addresses_and_codes(
    nlg: FrontdeskNLG, response: str, custom: dict[str, Any]
) -> None:
    answer = nlg.generate_from_slots(response, {}, "rest")

    assert answer is not None
    assert message_parts(answer)["custom"] == custom
