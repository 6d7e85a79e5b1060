"""Messages with several wishes: which part leads, what is answered at once, and what is offered later."""

from __future__ import annotations

from typing import Any

import pytest

from actions.conversation import ActionStopFlow, ActionTakeOffer
from actions.flow import REFUSED
from actions.orders import ActionCancelOrder, ActionTrackOrder, ValidateCancelOrder, ValidateTrackOrder
from actions.parts import FORM_OF_INTENT, divided
from actions.products import ValidateProductFinder
from actions.returns import ValidateReturn
from actions.turn import Turn
from actions.wishes import ActionAnswerParts
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import SURELY, Conversation
from tests.unit.actions.shop_orders import DELIVERED, FOREIGN, PROCESSING

LATER: dict[str, Any] = {"intent": "return_item", "details": {"order_number": DELIVERED}}
HOURS = ("when do you open?", "opening_hours")


def part(text: str, intent: str, role: str = "wish", **entities: str) -> dict[str, Any]:
    found = [
        {"entity": name, "value": value, "start": text.index(value), "end": text.index(value) + len(value)}
        for name, value in entities.items()
    ]
    return {"text": text, "intent": {"name": intent, "confidence": SURELY}, "role": role, "entities": found}


def says(talk: Conversation, *parts: dict[str, Any]) -> Conversation:
    """The customer's next message, with several wishes."""
    text = " and ".join(str(piece["text"]) for piece in parts)
    return talk.user(text, "several_wishes", parts=list(parts))


@pytest.mark.parametrize(
    ("parts", "lead"),
    [
        ([part("hours?", "opening_hours"), part("cancel it", "cancel_order")], 1),
        ([part("cancel it", "cancel_order"), part("where is 1044", "track_order")], 0),
        ([part("price?", "ask_price"), part("cancel it", "cancel_order")], 1),
        ([part("hours?", "opening_hours"), part("price?", "ask_price")], 1),
        ([part("cancel it", "cancel_order"), part("1043", "inform", role="answer")], 1),
        ([part("hours?", "opening_hours"), part("cards?", "payment_methods")], 0),
    ],
)
def test_an_answer_leads_then_a_dialogue_then_the_first_part(parts: list[dict[str, Any]], lead: int) -> None:
    leading, others = divided({"text": "whole", "parts": parts})

    assert leading is parts[lead]
    assert list(others) == [piece for piece in parts if piece is not leading]


def test_a_turn_shows_the_words_and_entities_of_its_own_part_only() -> None:
    talk = says(
        Conversation(),
        part("cancel 1043", "cancel_order", order_number="1043"),
        part("return the kettle from 1044", "return_item", order_number="1044"),
    )

    turn = Turn.of(talk.tracker())

    assert (turn.text, turn.intent, turn.order_number()) == ("cancel 1043", "cancel_order", "1043")
    assert [(other.intent, other.order_number()) for other in turn.others] == [("return_item", "1044")]


async def test_the_short_answer_comes_first_and_the_form_starts(shop: Shop) -> None:
    talk = says(Conversation(), part("cancel 1043", "cancel_order", order_number="1043"), part(*HOURS))

    reply = await talk.run(ActionAnswerParts())

    assert reply.responses == ["utter_opening_hours"]
    assert reply.followups == ["cancel_order_form"]
    started = await talk.starts("cancel_order_form").run(ValidateCancelOrder())
    assert started.set_slots["order_number"] == "1043"


async def test_two_short_questions_are_answered_in_their_order(shop: Shop) -> None:
    talk = says(Conversation(), part("do you take cards?", "payment_methods"), part(*HOURS))

    reply = await talk.run(ActionAnswerParts())

    assert reply.responses == ["utter_payment_methods", "utter_opening_hours"]
    assert reply.followups == []


async def test_an_open_question_is_looked_up_by_its_own_words(shop: Shop) -> None:
    question = "how do I descale my kettle?"
    talk = says(Conversation(), part("cancel 1043", "cancel_order"), part(question, "nlu_fallback"))

    reply = await talk.run(ActionAnswerParts())

    assert reply.values("utter_open_answer")["question"] == question
    assert reply.followups == ["cancel_order_form"]


async def test_a_product_that_was_named_is_described_beside_a_form(shop: Shop) -> None:
    price = part("how much is the Norvane Swift 1.7?", "ask_price", product="Norvane Swift 1.7")
    talk = says(Conversation(), part("cancel 1043", "cancel_order"), price)

    reply = await talk.run(ActionAnswerParts())

    assert reply.responses == ["utter_product_price"]


async def test_a_second_dialogue_is_remembered_and_offered_after_the_first(shop: Shop) -> None:
    talk = says(
        shop.verified(Conversation()),
        part(f"cancel {PROCESSING}", "cancel_order", order_number=PROCESSING),
        part(f"return the kettle from {DELIVERED}", "return_item", order_number=DELIVERED),
    )
    reply = await talk.run(ActionAnswerParts())
    assert (reply.responses, reply.followups) == ([], ["cancel_order_form"])

    done = await talk.set(order_number=PROCESSING, confirm=True).run(ActionCancelOrder())

    offer = done.values("utter_offer_other_wish")
    assert offer["order"] == f" (order {DELIVERED})"
    assert offer["buttons"][0]["payload"] == f'/return_item{{"order_number": "{DELIVERED}"}}'
    assert done.set_slots["other_wishes"] is None


async def test_what_waits_is_offered_when_the_first_dialogue_is_refused_or_given_up(shop: Shop) -> None:
    refused = await Conversation().user("x").set(flow_end=REFUSED, other_wishes=[LATER]).run(ActionCancelOrder())
    assert refused.responses == ["utter_offer_other_wish"]

    talk = Conversation().asks("confirm", "cancel_order_form").set(other_wishes=[LATER])
    given_up = await talk.user("never mind", "cancel_flow").run(ActionStopFlow())
    assert given_up.responses == ["utter_flow_stopped", "utter_offer_other_wish"]


async def test_an_interrupted_flow_is_offered_before_what_waits(shop: Shop) -> None:
    talk = shop.verified(Conversation()).user("x").set(order_number=PROCESSING, other_wishes=[LATER])

    reply = await talk.set(interrupted_form="return_form").run(ActionTrackOrder())

    assert "utter_offer_resume" in reply.responses
    assert "utter_offer_other_wish" not in reply.responses
    assert talk.slots["other_wishes"] == [LATER]


async def test_a_yes_to_the_offer_starts_it_with_its_own_order(shop: Shop) -> None:
    talk = shop.verified(Conversation()).set(order_number=PROCESSING)
    talk.bot("Shall we do that now?", f'/return_item{{"order_number": "{DELIVERED}"}}', "/deny").user("yes", "affirm")

    reply = await talk.run(ActionTakeOffer())

    assert reply.followups == ["return_form"]
    assert (await talk.starts("return_form").run(ValidateReturn())).set_slots["order_number"] == DELIVERED


async def test_a_no_to_the_offer_brings_the_next_one() -> None:
    waiting = [{"intent": "track_order", "details": {}}]
    talk = Conversation().set(other_wishes=waiting).bot("Shall we?", "/return_item", "/deny").user("no", "deny")

    reply = await talk.run(ActionTakeOffer())

    assert reply.values("utter_offer_other_wish")["order"] == ""
    assert reply.values("utter_offer_other_wish")["buttons"][0]["payload"] == "/track_order"


async def test_the_answer_to_a_form_is_taken_and_the_question_beside_it_answered(shop: Shop) -> None:
    talk = says(
        Conversation().asks("order_number", "track_order_form"),
        part("1043", "inform", role="answer", order_number="1043"),
        part(*HOURS),
    )

    reply = await talk.run(ValidateTrackOrder())

    assert reply.responses == ["utter_opening_hours"]
    assert (reply.set_slots["order_number"], reply.set_slots["requested_slot"]) == ("1043", "email")


async def test_a_yes_is_a_yes_whatever_is_asked_beside_it(shop: Shop) -> None:
    talk = shop.verified(Conversation()).asks("confirm", "cancel_order_form").set(order_number=PROCESSING)

    reply = await says(talk, part("yes please", "affirm", role="answer"), part(*HOURS)).run(ValidateCancelOrder())

    assert reply.set_slots["confirm"] is True


async def test_another_dialogue_asked_for_beside_an_answer_waits(shop: Shop) -> None:
    talk = says(
        Conversation().asks("order_number", "track_order_form"),
        part("1043", "inform", role="answer", order_number="1043"),
        part(f"return the kettle from {DELIVERED}", "return_item", order_number=DELIVERED),
    )

    reply = await talk.run(ValidateTrackOrder())

    assert reply.set_slots["other_wishes"] == [LATER]


async def test_several_wishes_that_are_none_of_the_form_are_left_to_the_rule(shop: Shop) -> None:
    talk = says(Conversation().asks("budget", "product_finder_form"), part("cards?", "payment_methods"), part(*HOURS))

    rejected = await talk.run(ValidateProductFinder())
    assert (rejected.responses, set(rejected.set_slots)) == ([], {"requested_slot"})

    reply = await talk.run(ActionAnswerParts())
    assert reply.responses == ["utter_payment_methods", "utter_opening_hours"]
    assert reply.followups == ["product_finder_form"]  # asks its question again


async def test_a_remembered_order_gives_no_right_to_it(shop: Shop) -> None:
    """The offer is made of the customer's own words; the form checks its order as if it had been typed."""
    talk = shop.verified(Conversation()).bot("Shall we?", f'/return_item{{"order_number": "{FOREIGN}"}}', "/deny")
    talk.user("yes", "affirm")
    await talk.run(ActionTakeOffer())

    reply = await talk.starts("return_form").run(ValidateReturn())

    assert "utter_order_not_found" in reply.responses
    assert reply.set_slots["order_number"] is None


@pytest.mark.parametrize("intent", sorted(FORM_OF_INTENT))
async def test_every_dialogue_can_be_offered_later(shop: Shop, intent: str) -> None:
    talk = Conversation().user("no", "deny").set(other_wishes=[{"intent": intent, "details": {}}])

    assert (await talk.run(ActionTakeOffer())).values("utter_offer_other_wish")["what"]


async def test_of_three_wishes_none_is_lost(shop: Shop) -> None:
    talk = says(
        Conversation(),
        part("where is 1043", "track_order", order_number="1043"),
        part(f"return the kettle from {DELIVERED}", "return_item", order_number=DELIVERED),
        part(*HOURS),
    )

    reply = await talk.run(ActionAnswerParts())

    assert (reply.responses, reply.followups) == (["utter_opening_hours"], ["track_order_form"])
    assert reply.set_slots["other_wishes"] == [LATER]


async def test_what_waits_already_is_kept_and_not_doubled(shop: Shop) -> None:
    talk = says(
        Conversation().set(other_wishes=[LATER]),
        part("cancel 1043", "cancel_order", order_number="1043"),
        part(f"return the kettle from {DELIVERED}", "return_item", order_number=DELIVERED),
        part("compare two fans", "compare_products"),
    )

    reply = await talk.run(ActionAnswerParts())

    assert [wish["intent"] for wish in reply.set_slots["other_wishes"]] == ["return_item", "compare_products"]
