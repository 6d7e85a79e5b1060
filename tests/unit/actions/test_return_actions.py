"""Returns, exchanges, damage and refunds from the first message to the row in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from actions.flow import REFUSED, FlowCompletion, FlowValidation
from actions.returns import (
    ActionCreateDamage,
    ActionCreateExchange,
    ActionCreateReturn,
    ActionRefundStatus,
    ValidateDamage,
    ValidateExchange,
    ValidateReturn,
)
from knowledge_base.schema import Product, Return, Stock
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import LONG_AGO, OF_STATE, OTHER_DELIVERED, PROCESSING


def known(shop: Shop, number: str = OTHER_DELIVERED, **slots: object) -> Conversation:
    return shop.verified(Conversation()).user("x").set(order_number=number, **slots)


def begun(shop: Shop, form: str, number: str = OTHER_DELIVERED) -> Conversation:
    return shop.verified(Conversation()).user(f"order {number}", "return_item").starts(form)


async def test_a_return_is_arranged_with_a_label_and_its_amount(shop: Shop) -> None:
    talk = begun(shop, "return_form")
    await talk.run(ValidateReturn())
    await talk.answers(ValidateReturn(), "too loud")
    await talk.answers(ValidateReturn(), "yes", "affirm")

    message = (await talk.run(ActionCreateReturn())).values("utter_return_created")

    [row] = shop.rows(Return)
    assert (message["return_number"], message["label_url"]) == (row.number, row.label_url)
    assert (row.kind, row.reason, row.wish) == ("return", "too loud", "refund")
    assert message["items"] == "Tamsin SteamGlide 3000"
    assert talk.slots["order_items"] is None


async def test_the_same_product_can_be_had_in_exchange(shop: Shop) -> None:
    talk = begun(shop, "exchange_form")
    await talk.run(ValidateExchange())
    await talk.answers(ValidateExchange(), "the same again")
    await talk.answers(ValidateExchange(), "yes", "affirm")

    reply = await talk.run(ActionCreateExchange())

    assert reply.responses == ["utter_exchange_created"]
    assert reply.messages[0]["replacement"] == "the same product"


async def test_another_product_can_be_had_in_exchange(shop: Shop) -> None:
    talk = begun(shop, "exchange_form")
    await talk.run(ValidateExchange())
    await talk.answers(ValidateExchange(), "Norvane Swift 1.7", "inform", ("product", "Norvane Swift 1.7"))
    await talk.answers(ValidateExchange(), "yes", "affirm")

    reply = await talk.run(ActionCreateExchange())

    assert reply.messages[0]["replacement"].startswith("Norvane Swift 1.7 (")
    assert [row.kind for row in shop.rows(Return)] == ["exchange"]


async def test_a_product_out_of_stock_is_refused_as_a_replacement(shop: Shop) -> None:
    with shop.services.database.transaction() as session:
        product_id = session.execute(select(Product.id).where(Product.sku == "KET-001")).scalar_one()
        session.execute(update(Stock).where(Stock.product_id == product_id).values(quantity=0))
    talk = begun(shop, "exchange_form")
    await talk.run(ValidateExchange())

    reply = await talk.answers(ValidateExchange(), "Norvane Swift 1.7", "inform", ("product", "Norvane Swift 1.7"))

    assert reply.responses == ["utter_replacement_out_of_stock"]
    assert reply.messages[0]["product"] == "Norvane Swift 1.7"


@pytest.mark.parametrize("wish", ["refund", "replacement"])
async def test_damage_is_registered_with_the_wish(shop: Shop, wish: str) -> None:
    talk = begun(shop, "damage_form")
    await talk.run(ValidateDamage())
    await talk.answers(ValidateDamage(), "it leaks")
    await talk.answers(ValidateDamage(), f"a {wish} please")
    await talk.answers(ValidateDamage(), "yes", "affirm")

    reply = await talk.run(ActionCreateDamage())

    assert reply.responses == [f"utter_damage_created_{wish}"]
    assert [(row.kind, row.wish) for row in shop.rows(Return)] == [("damage", wish)]


@pytest.mark.parametrize("answer", [False, None])
@pytest.mark.parametrize("action", [ActionCreateReturn(), ActionCreateExchange(), ActionCreateDamage()])
async def test_without_a_yes_nothing_is_arranged(shop: Shop, action: FlowCompletion, answer: bool | None) -> None:
    reply = await known(shop, confirm=answer, order_items=[[1, 1]], wish="refund").run(action)

    assert reply.responses == ["utter_left_as_it_is"]
    assert shop.rows(Return) == []


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (PROCESSING, "not_delivered"),
        (LONG_AGO, "window_closed"),
        (OF_STATE["cancelled"], "cancelled"),
        (OF_STATE["returned"], "nothing_left"),
    ],
)
@pytest.mark.parametrize(("kind", "flow"), [("return", ValidateReturn()), ("exchange", ValidateExchange())])
async def test_goods_that_may_not_go_back_end_the_form_with_the_reason(
    shop: Shop, kind: str, flow: FlowValidation, number: str, reason: str
) -> None:
    reply = await begun(shop, f"{kind}_form", number).run(flow)

    assert reply.responses == [f"utter_cannot_{kind}_{reason}"]
    assert reply.set_slots["flow_end"] == REFUSED


async def test_damage_may_be_reported_when_returning_is_over(shop: Shop) -> None:
    reply = await begun(shop, "damage_form", LONG_AGO).run(ValidateDamage())

    assert (reply.responses, reply.set_slots["requested_slot"]) == ([], "return_reason")


async def test_a_refund_that_waits_for_the_parcel_is_told(shop: Shop) -> None:
    await test_a_return_is_arranged_with_a_label_and_its_amount(shop)

    reply = await Conversation().user("my refund?").set(order_number=OTHER_DELIVERED).run(ActionRefundStatus())

    assert reply.responses == ["utter_refund_awaiting_parcel"]
    assert reply.messages[0]["amount"].startswith("£")


async def test_no_refund_is_told_too(shop: Shop) -> None:
    assert (await known(shop).run(ActionRefundStatus())).responses == ["utter_no_refund"]
