"""A new delivery address, as customers type it into one message."""

from __future__ import annotations

from typing import Any

import pytest

from actions.flow import FlowState, Rejected
from actions.orders import NewAddress, ValidateChangeAddress
from actions.turn import Turn
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import PROCESSING

LEEDS = {"line1": "12 Mill Lane", "line2": None, "city": "Leeds", "postcode": "LS1 4AP"}
NO_STATE: FlowState = None  # type: ignore[assignment]


def asked(shop: Shop) -> Conversation:
    return shop.verified(Conversation()).asks("address", "change_address_form").set(order_number=PROCESSING)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("12 Mill Lane, Leeds, LS1 4AP", LEEDS),
        ("12 Mill Lane\nLeeds\nls14ap", LEEDS),
        ("12 Mill Lane, Leeds LS1 4AP", LEEDS),
        ("12 Mill Lane, Leeds, LS1 4AP, thanks", LEEDS),
        ("please send it to 12 Mill Lane, Leeds, LS1 4AP", LEEDS),
        ("12 Mill Lane, Kirkstall, Leeds, LS1 4AP", {**LEEDS, "line2": "Kirkstall"}),
        ("Flat 2, 12 Mill Lane, Leeds, LS1 4AP", {**LEEDS, "line1": "Flat 2", "line2": "12 Mill Lane"}),
        ("Rose Cottage, 12 Mill Lane, Leeds, LS1 4AP", {**LEEDS, "line1": "Rose Cottage", "line2": "12 Mill Lane"}),
        ("Rose Cottage, Leeds, LS1 4AP", {**LEEDS, "line1": "Rose Cottage"}),
    ],
)
async def test_every_part_of_an_address_is_kept(shop: Shop, text: str, address: dict[str, Any]) -> None:
    reply = await asked(shop).answers(ValidateChangeAddress(), text)

    assert reply.set_slots["address"] == address
    assert reply.set_slots["requested_slot"] == "confirm"
    assert reply.set_slots["summary"].endswith("Leeds, LS1 4AP")


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("12 Mill Lane, Leeds", "utter_invalid_address"),
        ("Leeds LS1 4AP", "utter_invalid_address"),
        ("12 Mill Lane, St Helier, JE2 3AB", "utter_invalid_postcode"),
        ("12 Mill Lane, Leeds, QQ1 4AP", "utter_invalid_postcode"),
        ("at my neighbour's", "utter_invalid_address"),
    ],
)
async def test_an_address_that_cannot_be_used_is_asked_for_again(shop: Shop, text: str, response: str) -> None:
    reply = await asked(shop).answers(ValidateChangeAddress(), text)

    assert reply.responses == [response]
    assert reply.set_slots["requested_slot"] == "address"


async def test_a_house_number_of_four_digits_does_not_change_the_order(shop: Shop) -> None:
    talk = asked(shop)
    await talk.answers(ValidateChangeAddress(), "1044 London Road, Leeds, LS1 4AP")

    assert talk.slots["order_number"] == PROCESSING
    assert talk.slots["address"]["line1"] == "1044 London Road"


@pytest.mark.parametrize("text", ["send it to 12 Mill Lane, Leeds, LS1 4AP instead", "to 12 Mill Lane, Leeds LS1 4AP"])
def test_an_address_in_the_first_message_is_taken_from_its_number_to_its_postcode(text: str) -> None:
    said = Turn.of(Conversation().user(text, "change_address").tracker())

    assert NewAddress().from_entities(said, NO_STATE) == LEEDS


@pytest.mark.parametrize("text", ["change the address of order 1041", "I live in Leeds LS1 4AP", "order 1041 LS1 4AP"])
def test_a_first_message_without_a_whole_address_gives_none(text: str) -> None:
    said = Turn.of(Conversation().user(text, "change_address").tracker())

    assert NewAddress().from_entities(said, NO_STATE) is None


def test_a_yes_or_a_button_is_no_address() -> None:
    step = NewAddress()
    yes = Turn.of(Conversation().user("yes", "affirm").tracker())
    pressed = Turn.of(Conversation().button("/inform", "inform").tracker())

    assert (step.from_answer(yes, NO_STATE), step.from_answer(pressed, NO_STATE)) == (None, None)
    assert isinstance(step.from_answer(Turn.of(Conversation().user("there").tracker()), NO_STATE), Rejected)


async def test_a_corrected_address_asks_for_a_new_yes(shop: Shop) -> None:
    talk = asked(shop)
    await talk.answers(ValidateChangeAddress(), "12 Mill Lane, Leeds, LS1 4AP")

    reply = await talk.answers(ValidateChangeAddress(), "no, 14 Mill Lane, Leeds, LS1 4AP", "deny")

    assert talk.slots["address"]["line1"] == "14 Mill Lane"
    assert talk.slots["confirm"] is None
    assert reply.set_slots["requested_slot"] == "confirm"
    assert "14 Mill Lane" in reply.set_slots["summary"]
