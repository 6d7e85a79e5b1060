"""What of an order goes back, why, and what the customer wants instead."""

from __future__ import annotations

from typing import Any

import pytest

from actions.flow import Rejected
from actions.returns import (
    ActionAskOrderItems,
    Items,
    Reason,
    Replacement,
    ValidateDamage,
    ValidateExchange,
    ValidateReturn,
    Wish,
)
from actions.turn import Turn
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation, Remembered
from tests.unit.actions.shop_orders import DELIVERED, OTHER_DELIVERED

OFFERED = [
    {"id": 7, "name": "Norvane Swift 1.7", "quantity": 1, "only_unopened": False},
    {"id": 8, "name": "Norvane Duo 2-Slice", "quantity": 2, "only_unopened": False},
    {"id": 9, "name": "Tamsin SteamGlide 3000", "quantity": 1, "only_unopened": False},
]


def chosen(text: str) -> Any:
    return Items().from_answer(Turn.of(Conversation().user(text).tracker()), Remembered(returnable=OFFERED))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("the first one", [7]),
        ("2nd", [8]),
        ("the second", [8]),
        ("number 3", [9]),
        ("item 1", [7]),
        ("last one please", [9]),
        ("the last", [9]),
        ("3", [9]),
        ("the SteamGlide", [9]),
        ("swift", [7]),
        ("the Swift and the Duo", [7, 8]),
        ("Norvane Swift 1.7", [7]),
        ("all of them", [7, 8, 9]),
        ("everything", [7, 8, 9]),
        ("the steamglide, that's all", [9]),
    ],
)
def test_items_are_chosen_by_place_by_name_or_all_together(text: str, ids: list[int]) -> None:
    assert chosen(text) == ids


@pytest.mark.parametrize("text", ["0", "4", "the fourth one", "the television", "hm", "the"])
def test_what_is_not_in_the_order_is_not_chosen(text: str) -> None:
    assert chosen(text) is None


@pytest.mark.parametrize(("item", "ids"), [("8", [8]), ("all", [7, 8, 9]), ("99", None)])
def test_a_button_chooses_only_what_was_offered(item: str, ids: list[int] | None) -> None:
    pressed = Turn.of(Conversation().button(f'/inform{{"item": "{item}"}}', "inform", item=item).tracker())

    assert Items().from_answer(pressed, Remembered(returnable=OFFERED)) == ids  # type: ignore[arg-type]


async def test_all_pieces_of_a_chosen_item_go_back_and_foreign_ids_do_not() -> None:
    state = Remembered(returnable=OFFERED)

    assert await Items().check([8, 99], state) == [[8, 2]]  # type: ignore[arg-type]
    assert await Items().check([99], state) == Rejected("utter_invalid_order_items")  # type: ignore[arg-type]


async def test_the_items_are_offered_as_buttons_and_all_of_them_where_there_are_several() -> None:
    reply = await Conversation().user("x").set(returnable=OFFERED, order_number="1043").run(ActionAskOrderItems())
    titles = [button["title"] for button in reply.values("utter_ask_order_items")["buttons"]]
    assert titles == ["Norvane Swift 1.7", "Norvane Duo 2-Slice", "Tamsin SteamGlide 3000", "All of them"]

    one = await Conversation().user("x").set(returnable=OFFERED[:1], order_number="1043").run(ActionAskOrderItems())
    assert len(one.values("utter_ask_order_items")["buttons"]) == 1


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("my money back", "refund"),
        ("a refund please", "refund"),
        ("replace it", "replacement"),
        ("a new one", "replacement"),
        ("no refund, a replacement", "replacement"),
        ("I don't want a refund, just another one", "replacement"),
        ("hm", None),
    ],
)
def test_the_wish_is_what_the_customer_wants(text: str, wish: str | None) -> None:
    said = Turn.of(Conversation().user(text).tracker())

    assert Wish().from_answer(said, Remembered()) == wish  # type: ignore[arg-type]


def test_a_yes_alone_is_no_reason_and_a_sentence_that_begins_with_no_is() -> None:
    short = Turn.of(Conversation().user("no", "deny").tracker())
    long = Turn.of(Conversation().user("no longer needed, sorry", "deny").tracker())

    assert Reason().from_answer(short, Remembered()) is None  # type: ignore[arg-type]
    assert Reason().from_answer(long, Remembered()) == "no longer needed, sorry"  # type: ignore[arg-type]


def test_the_same_again_is_a_replacement() -> None:
    said = Turn.of(Conversation().user("the same again please").tracker())

    assert Replacement().from_answer(said, Remembered()) == "same"  # type: ignore[arg-type]


def in_form(shop: Shop, form: str, slot: str, **slots: Any) -> Conversation:
    return shop.verified(Conversation()).asks(slot, form).set(order_number=DELIVERED, **slots)


async def test_an_item_named_with_its_figure_does_not_change_the_order(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user("return 1045", "return_item").starts("return_form")
    await talk.run(ValidateReturn())
    talk.set(requested_slot="order_items")

    await talk.answers(ValidateReturn(), "SteamGlide 3000", "inform", ("product", "SteamGlide 3000"))

    assert talk.slots["order_number"] == OTHER_DELIVERED


async def test_a_year_in_the_reason_does_not_change_the_order(shop: Shop) -> None:
    talk = in_form(shop, "return_form", "return_reason", order_items=[[1, 1]])

    await talk.answers(ValidateReturn(), "like the one I bought in 2024 it leaks")

    assert talk.slots["order_number"] == DELIVERED


async def test_an_order_of_one_item_needs_no_choice(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user(f"return {OTHER_DELIVERED}", "return_item").starts("return_form")

    reply = await talk.run(ValidateReturn())

    assert reply.set_slots["requested_slot"] == "return_reason"
    assert reply.set_slots["summary"] == "Tamsin SteamGlide 3000"


async def test_another_order_forgets_the_items_of_the_first(shop: Shop) -> None:
    """Also where a number in between was refused, which leaves the first order in place."""
    talk = shop.verified(Conversation()).user(f"return {DELIVERED}", "return_item").starts("return_form")
    await talk.run(ValidateReturn())
    await talk.answers(ValidateReturn(), "all of them")
    first = talk.slots["order_items"]
    assert len(first) == 2
    talk.set(requested_slot="confirm", return_reason="too loud")
    await talk.answers(ValidateReturn(), "no, 9999", "deny")
    assert (talk.slots["order_number"], talk.slots["requested_slot"]) == (DELIVERED, "confirm")

    await talk.answers(ValidateReturn(), OTHER_DELIVERED)

    assert talk.slots["order_items"] != first
    assert talk.slots["summary"] == "Tamsin SteamGlide 3000"


async def test_a_replacement_is_named_with_its_price_and_must_be_in_stock(shop: Shop) -> None:
    talk = in_form(shop, "exchange_form", "replacement", order_items=[[1, 1]])
    reply = await talk.answers(ValidateExchange(), "Norvane Swift 1.7", "inform", ("product", "Norvane Swift 1.7"))

    assert talk.slots["replacement"] == "KET-001"
    assert talk.slots["replacement_name"] == "Norvane Swift 1.7 (£34.99)"
    assert reply.set_slots["requested_slot"] == "confirm"


async def test_damage_asks_for_the_wish_last(shop: Shop) -> None:
    talk = in_form(shop, "damage_form", "return_reason", order_items=[[1, 1]])

    reply = await talk.answers(ValidateDamage(), "the lid is cracked")

    assert reply.set_slots["return_reason"] == "the lid is cracked"
    assert reply.set_slots["requested_slot"] == "wish"
