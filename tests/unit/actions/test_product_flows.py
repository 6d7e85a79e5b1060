"""Choosing a product: category, budget, need; questions about one product, and two side by side."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actions.products import (
    ActionCompareProducts,
    ActionProductInfo,
    ActionShowProducts,
    ActionWarranty,
    Budget,
    Need,
    ValidateCompare,
    ValidateProduct,
    ValidateProductFinder,
)
from actions.turn import Turn
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation, Entity, Remembered

SWIFT, DUO = "Norvane Swift 1.7", "Norvane Duo 2-Slice"


def budget(text: str, *entities: Entity, intent: str = "inform") -> Any:
    said = Turn.of(Conversation().user(text, intent, *entities).tracker())
    return Budget().from_answer(said, Remembered())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        ("80", (), "80"),
        ("up to £80", (("amount", "£80"),), "80"),
        ("80 max", (("amount", "80", "max"),), "80"),
        ("about 49.99", (), "49.99"),
        ("1,200", (), "1200"),
        ("it doesn't matter", (), "any"),
        ("it doesn\u2019t matter", (), "any"),
        ("no limit", (), "any"),
        ("whatever", (), "any"),
        ("not more than 100", (), "100"),
        ("no more than 100", (), "100"),
        ("any price under 60", (), "60"),
        ("hm", (), None),
    ],
)
def test_a_budget_is_a_figure_or_does_not_matter(text: str, entities: tuple[Entity, ...], expected: str | None) -> None:
    assert budget(text, *entities) == expected


def test_a_pressed_budget_is_its_amount_and_the_other_button_does_not_matter() -> None:
    pressed = Conversation().button('/inform{"amount": "50"}', "inform", amount="50")
    deny = Conversation().button("/deny", "deny")

    assert Budget().from_answer(Turn.of(pressed.tracker()), Remembered()) == "50"  # type: ignore[arg-type]
    assert Budget().from_answer(Turn.of(deny.tracker()), Remembered()) == "any"  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["nothing in particular", "no", "not really", "doesn't matter"])
def test_no_need_is_no_need(text: str) -> None:
    said = Turn.of(Conversation().user(text).tracker())

    assert Need().from_answer(said, Remembered()) == "any"  # type: ignore[arg-type]


async def test_a_range_keeps_both_ends(shop: Shop) -> None:
    talk = Conversation().user(
        "a kettle from 20 to 40",
        "find_product",
        ("category", "kettle"),
        ("amount", "20", "min"),
        ("amount", "40", "max"),
    )

    reply = await talk.starts("product_finder_form").run(ValidateProductFinder())

    assert (reply.set_slots["budget_from"], reply.set_slots["budget"]) == (20.0, "40")
    assert (reply.set_slots["category"], reply.set_slots["requested_slot"]) == ("kettles", "need")


async def test_an_unknown_kind_of_product_is_refused(shop: Shop) -> None:
    talk = Conversation().asks("category", "product_finder_form")

    reply = await talk.answers(ValidateProductFinder(), "a submarine")

    assert (reply.responses, reply.set_slots["requested_slot"]) == (["utter_invalid_category"], "category")


async def test_a_budget_of_nothing_is_refused(shop: Shop) -> None:
    talk = Conversation().asks("budget", "product_finder_form").set(category="kettles")

    assert (await talk.answers(ValidateProductFinder(), "0")).responses == ["utter_invalid_budget"]


async def test_what_is_shown_fits_the_budget(shop: Shop) -> None:
    talk = Conversation().user("x").set(category="kettles", budget="30", need="any")

    message = (await talk.run(ActionShowProducts())).values("utter_products_found")

    prices = [Decimal(card["price"].strip("£")) for card in message["custom"]["products"]]
    assert prices
    assert max(prices) <= 30


async def test_where_nothing_fits_the_nearest_are_shown_as_such(shop: Shop) -> None:
    talk = Conversation().user("x").set(category="televisions", budget="10", need="any")

    reply = await talk.run(ActionShowProducts())

    assert reply.responses == ["utter_products_near"]
    assert reply.values("utter_products_near")["category"] == "televisions"


@pytest.mark.parametrize(
    ("intent", "topic"),
    [("ask_price", "price"), ("ask_availability", "availability"), ("product_details", "details")],
)
async def test_a_question_about_a_product_is_answered_by_its_topic(shop: Shop, intent: str, topic: str) -> None:
    talk = Conversation().user(f"the {SWIFT}?", intent, ("product", SWIFT)).starts("product_form")
    assert (await talk.run(ValidateProduct())).set_slots["product"] == "KET-001"

    reply = await talk.run(ActionProductInfo())

    assert reply.responses == [f"utter_product_{topic}"]
    assert reply.values(f"utter_product_{topic}")["name"] == SWIFT


async def test_it_means_the_product_of_the_turn_before(shop: Shop) -> None:
    talk = Conversation().set(product="KET-001").user("is it in stock?", "ask_availability").starts("product_form")

    reply = await talk.run(ValidateProduct())

    assert reply.responses == []
    assert (reply.set_slots["product"], reply.set_slots["requested_slot"]) == ("KET-001", None)


async def test_a_question_without_a_product_does_not_mean_the_last_one(shop: Shop) -> None:
    talk = Conversation().set(product="KET-001").user("what's in stock", "ask_availability").starts("product_form")

    reply = await talk.run(ValidateProduct())

    assert (reply.set_slots["product"], reply.set_slots["requested_slot"]) == (None, "product")


async def test_two_products_are_compared(shop: Shop) -> None:
    text = f"compare {SWIFT} and the {DUO}"
    talk = Conversation().user(text, "compare_products", ("product", SWIFT), ("product", DUO)).starts("compare_form")
    assert (await talk.run(ValidateCompare())).set_slots["requested_slot"] is None

    message = (await talk.run(ActionCompareProducts())).values("utter_comparison")

    assert (message["left"], message["right"]) == (SWIFT, DUO)
    assert message["differences"].startswith("- ")


async def test_the_same_product_twice_asks_for_the_second(shop: Shop) -> None:
    talk = Conversation().asks("second_product", "compare_form").set(first_product="KET-001")

    reply = await talk.answers(ValidateCompare(), SWIFT, "inform", ("product", SWIFT))

    assert reply.responses == ["utter_same_product_twice"]
    assert reply.set_slots["requested_slot"] == "second_product"


async def test_the_second_product_answered_alone_leaves_the_first(shop: Shop) -> None:
    talk = Conversation().asks("second_product", "compare_form").set(first_product="KET-001")

    await talk.answers(ValidateCompare(), DUO, "inform", ("product", DUO))

    assert (talk.slots["first_product"], talk.slots["second_product"]) == ("KET-001", "TOA-001")


async def test_a_warranty_is_that_of_the_product_named_or_the_general_one(shop: Shop) -> None:
    general = await Conversation().user("what about warranty", "ask_warranty").run(ActionWarranty())
    named = await Conversation().user(f"for the {SWIFT}", "ask_warranty", ("product", SWIFT)).run(ActionWarranty())

    assert general.responses == ["utter_ask_warranty"]
    assert named.values("utter_product_warranty")["warranty_years"] == "2 years"
