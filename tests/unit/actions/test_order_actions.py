"""What the order forms do once they are complete: look up, list, cancel, redirect, search, and offer to go on."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from actions.flow import REFUSED, RESUMED_BY, TO_PERSON
from actions.orders import (
    ActionCancelOrder,
    ActionChangeAddress,
    ActionListOrders,
    ActionMissingParcel,
    ActionTrackOrder,
    ValidateCancelOrder,
    ValidateChangeAddress,
    ValidateListOrders,
    ValidateMissingParcel,
)
from knowledge_base.schema import ORDER_STATES, Address, Claim, Order
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import DELIVERED, FOREIGN, LATE, OF_STATE, PROCESSING

LEEDS = {"line1": "12 Mill Lane", "line2": None, "city": "Leeds", "postcode": "LS1 4AP"}


def known(shop: Shop, number: str = PROCESSING, **slots: object) -> Conversation:
    return shop.verified(Conversation()).user("x").set(order_number=number, **slots)


def state_of(shop: Shop, number: str) -> str:
    return next(row.state for row in shop.rows(Order) if row.number == number)


@pytest.mark.parametrize("state", ORDER_STATES)
async def test_every_state_of_an_order_has_its_answer(shop: Shop, state: str) -> None:
    reply = await known(shop, OF_STATE[state]).run(ActionTrackOrder())

    message = reply.values(f"utter_order_{state}")
    assert (message["number"], message["items"]) == (OF_STATE[state], "Norvane Swift 1.7")
    assert message["custom"]["state"] == state
    assert shop.outcomes() == [("flow_completed", "track_order")]


async def test_the_steps_of_delivery_are_done_up_to_where_the_order_is(shop: Shop) -> None:
    card = (await known(shop, LATE).run(ActionTrackOrder())).values("utter_order_dispatched")["custom"]

    assert [step["done"] for step in card["steps"]] == [True, True, True, False, False]


async def test_a_late_order_is_called_late_with_the_last_scan(shop: Shop) -> None:
    reply = await known(shop, LATE).run(ActionTrackOrder())

    assert reply.responses == ["utter_order_dispatched", "utter_order_late"]
    assert reply.messages[0]["latest"] == "At the depot in Leeds (Thursday 5 March, 11:00)"
    assert reply.messages[1]["expected"] == "Friday 6 March"


async def test_an_order_of_somebody_else_is_not_found(shop: Shop) -> None:
    reply = await known(shop, FOREIGN).run(ActionTrackOrder())

    assert (reply.responses, reply.set_slots["order_number"]) == (["utter_order_not_found"], None)


async def test_a_list_has_the_customers_orders_only(shop: Shop) -> None:
    message = (await known(shop).run(ActionListOrders())).values("utter_orders")

    assert DELIVERED in message["orders"] or message["count"] == 10
    assert FOREIGN not in message["orders"]
    assert len(message["buttons"]) <= 3


async def test_a_known_customers_list_needs_no_order_number(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user("my orders", "list_orders").starts("list_orders_form")

    assert (await talk.run(ValidateListOrders())).set_slots["requested_slot"] is None


async def test_cancelling_asks_first_and_says_what(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user(f"cancel {PROCESSING}", "cancel_order").starts("cancel_order_form")

    reply = await talk.run(ValidateCancelOrder())

    assert reply.set_slots["requested_slot"] == "confirm"
    assert reply.set_slots["summary"] == "Norvane Swift 1.7, £39.94"
    assert state_of(shop, PROCESSING) == "processing"


async def test_a_yes_cancels(shop: Shop) -> None:
    reply = await known(shop, confirm=True).run(ActionCancelOrder())

    assert reply.responses == ["utter_order_cancelled_now"]
    assert state_of(shop, PROCESSING) == "cancelled"
    assert (reply.set_slots["confirm"], reply.set_slots["summary"]) == (None, None)


@pytest.mark.parametrize("answer", [False, None, "yes"])
async def test_nothing_but_a_yes_cancels(shop: Shop, answer: object) -> None:
    reply = await known(shop, confirm=answer).run(ActionCancelOrder())

    assert reply.responses == ["utter_left_as_it_is"]
    assert state_of(shop, PROCESSING) == "processing"


async def test_without_a_verified_customer_a_yes_changes_nothing(shop: Shop) -> None:
    talk = Conversation().user("x").set(order_number=PROCESSING, confirm=True)

    assert (await talk.run(ActionCancelOrder())).responses == ["utter_technical_problem"]
    assert state_of(shop, PROCESSING) == "processing"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("dispatched", "already_dispatched"),
        ("out_for_delivery", "already_dispatched"),
        ("delivered", "already_delivered"),
        ("cancelled", "already_cancelled"),
        ("returned", "returned"),
    ],
)
async def test_an_order_that_cannot_be_changed_ends_the_form_with_the_reason(
    shop: Shop, state: str, reason: str
) -> None:
    talk = shop.verified(Conversation()).user(OF_STATE[state], "cancel_order").starts("cancel_order_form")
    other = shop.verified(Conversation(sender="chat-2")).user(OF_STATE[state], "change_address")

    cancel = await talk.run(ValidateCancelOrder())
    change = await other.starts("change_address_form").run(ValidateChangeAddress())

    assert cancel.responses == [f"utter_cannot_cancel_{reason}"]
    assert change.responses == [f"utter_cannot_change_address_{reason}"]
    assert cancel.set_slots["flow_end"] == change.set_slots["flow_end"] == REFUSED


async def test_an_order_that_left_between_question_and_yes_is_not_cancelled(shop: Shop) -> None:
    talk = known(shop, confirm=True)
    with shop.services.database.transaction() as session:
        session.execute(update(Order).where(Order.number == PROCESSING).values(state="dispatched"))

    assert (await talk.run(ActionCancelOrder())).responses == ["utter_cannot_cancel_already_dispatched"]


async def test_a_new_address_is_written(shop: Shop) -> None:
    reply = await known(shop, confirm=True, address=LEEDS, summary="12 Mill Lane, Leeds, LS1 4AP").run(
        ActionChangeAddress()
    )

    assert reply.values("utter_address_changed")["address"] == "12 Mill Lane, Leeds, LS1 4AP"
    with shop.services.database.reading() as session:
        line1 = session.execute(
            select(Address.line1).join(Order, Order.address_id == Address.id).where(Order.number == PROCESSING)
        ).scalar_one()
    assert line1 == "12 Mill Lane"


async def test_a_search_for_a_late_parcel_is_opened(shop: Shop) -> None:
    reply = await known(shop, LATE, confirm=True).run(ActionMissingParcel())

    assert reply.values("utter_claim_opened")["claim"] == shop.rows(Claim)[0].number


@pytest.mark.parametrize(("number", "reason"), [(PROCESSING, "not_dispatched"), (OF_STATE["dispatched"], "not_late")])
async def test_a_parcel_that_is_not_late_is_not_searched_for(shop: Shop, number: str, reason: str) -> None:
    assert (await known(shop, number, confirm=True).run(ActionMissingParcel())).responses == [
        f"utter_cannot_claim_{reason}"
    ]
    assert shop.rows(Claim) == []


async def test_an_order_without_a_parcel_ends_the_search_at_once(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user(PROCESSING, "missing_parcel").starts("missing_parcel_form")

    reply = await talk.run(ValidateMissingParcel())

    assert reply.responses == ["utter_cannot_claim_not_dispatched"]
    assert reply.set_slots["flow_end"] == REFUSED


async def test_a_flow_that_gave_up_goes_to_a_person_and_does_nothing(shop: Shop) -> None:
    reply = await known(shop, confirm=True, flow_end=TO_PERSON).run(ActionCancelOrder())

    assert (reply.responses, reply.followups) == ([], ["handoff_form"])
    assert state_of(shop, PROCESSING) == "processing"
    assert reply.set_slots["flow_end"] is None


async def test_a_flow_that_was_refused_has_said_why_already(shop: Shop) -> None:
    reply = await known(shop, confirm=True, flow_end=REFUSED).run(ActionCancelOrder())

    assert (reply.messages, reply.followups) == ([], [])
    assert state_of(shop, PROCESSING) == "processing"


@pytest.mark.parametrize("form", sorted(RESUMED_BY))
async def test_the_form_that_was_left_is_offered_again(shop: Shop, form: str) -> None:
    reply = await known(shop, interrupted_form=form).run(ActionTrackOrder())

    message = reply.values("utter_offer_resume")
    assert message["buttons"][0]["payload"] == RESUMED_BY[form]
    assert reply.set_slots["interrupted_form"] is None


async def test_a_look_up_that_was_left_is_not_offered_again(shop: Shop) -> None:
    reply = await known(shop, interrupted_form="track_order_form").run(ActionTrackOrder())

    assert "utter_offer_resume" not in reply.responses
