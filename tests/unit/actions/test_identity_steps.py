"""Finding out who the customer is: order number, email, and the mailed code."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.flow import TO_PERSON, FlowState, Rejected
from actions.identity import ActionAskOrderNumber, OrderNumber, VerificationCode, whole_minutes
from actions.orders import ValidateTrackOrder
from actions.turn import Turn
from knowledge_base.identity import MAX_REQUESTS
from knowledge_base.schema import VerificationCode as CodeRow
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import ALEX, DELIVERED, FOREIGN, PROCESSING, SAM

FLOW = ValidateTrackOrder()
NO_STATE: FlowState = None  # type: ignore[assignment]


def code_in(text: str) -> object:
    return VerificationCode().from_answer(Turn.of(Conversation().user(text).tracker()), NO_STATE)


@pytest.mark.parametrize("text", ["123456", "123 456", "123-456", "12 34 56", "1 2 3 4 5 6", "it's 123456.", "1234 56"])
def test_a_code_is_read_with_its_spaces(text: str) -> None:
    assert code_in(text) == "123456"


@pytest.mark.parametrize("text", ["12345", "1234567", "123", "it says 1234"])
def test_digits_of_another_length_are_no_code(text: str) -> None:
    assert code_in(text) == Rejected("utter_invalid_verification_code")


@pytest.mark.parametrize(
    "text",
    [
        "send again",
        "please resend it",
        "can you send a new code",
        "I didn't get it",
        "I did not receive anything",
        "haven't received it",
        "no email came",
        "didn\u2019t get a code",
    ],
)
def test_a_code_that_has_not_come_is_sent_again(text: str) -> None:
    assert code_in(text) == "again"


@pytest.mark.parametrize("text", ["what code?", "hello", "/inform"])
def test_words_are_no_code(text: str) -> None:
    assert code_in(text) is None


@pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (61, 2), (0, 1), (3599, 60)])
def test_minutes_are_rounded_up(seconds: int, minutes: int) -> None:
    assert whole_minutes(timedelta(seconds=seconds)) == minutes


@pytest.mark.parametrize(("text", "found"), [("1043", "1043"), ("104312", Rejected("utter_invalid_order_number"))])
def test_an_order_number_of_another_length_is_refused(text: str, found: object) -> None:
    assert OrderNumber().from_answer(Turn.of(Conversation().user(text).tracker()), NO_STATE) == found


def asked_for_code(shop: Shop) -> Conversation:
    return Conversation().asks("email", "track_order_form").set(order_number=DELIVERED, invalid_attempts=0)


async def test_the_email_brings_the_code_and_the_right_code_the_order(shop: Shop) -> None:
    talk = asked_for_code(shop)

    sent = await talk.answers(FLOW, ALEX)
    assert sent.responses == ["utter_code_sent"]
    assert sent.set_slots["requested_slot"] == "verification_code"

    done = await talk.answers(FLOW, f"it's {shop.codes()[-1]}")
    assert done.responses == ["utter_verified"]
    assert done.set_slots["requested_slot"] is None
    assert done.set_slots["verification_code"] is None  # the code itself is not kept


async def test_a_code_in_two_groups_of_digits_is_accepted_in_the_flow(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, ALEX)
    code = shop.codes()[-1]

    done = await talk.answers(FLOW, f"{code[:4]} {code[4:]}")

    assert done.responses == ["utter_verified"]
    assert talk.slots["order_number"] == DELIVERED


async def test_a_strangers_email_is_answered_alike_and_mails_nothing(shop: Shop) -> None:
    sent = await asked_for_code(shop).answers(FLOW, "mallory@example.net")

    assert sent.responses == ["utter_code_sent"]
    assert shop.codes() == []
    assert len(shop.rows(CodeRow)) == 1


async def test_send_again_mails_another_code(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, ALEX)

    again = await talk.answers(FLOW, "nothing arrived, send again")

    assert again.responses == ["utter_code_sent"]
    assert len(shop.codes()) == 2


async def test_a_wrong_code_gets_a_hint_then_help_and_after_five_tries_a_person(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, ALEX)
    wrong = "000000" if shop.codes()[-1] != "000000" else "111111"

    assert (await talk.answers(FLOW, wrong)).responses == ["utter_code_wrong"]
    for _ in range(4):
        assert (await talk.answers(FLOW, wrong)).responses == ["utter_code_wrong", "utter_help_verification_code"]
    last = await talk.answers(FLOW, wrong)
    assert (last.responses, last.set_slots["flow_end"]) == (["utter_too_many_code_tries"], TO_PERSON)


async def test_too_many_codes_end_with_a_person(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, ALEX)
    for _ in range(MAX_REQUESTS - 1):
        await talk.answers(FLOW, "send again")

    refused = await talk.answers(FLOW, "send again")

    assert refused.responses == ["utter_too_many_codes"]
    assert refused.values("utter_too_many_codes")["minutes"] == 60
    assert refused.set_slots["flow_end"] == TO_PERSON
    assert len(shop.codes()) == MAX_REQUESTS


async def test_an_expired_code_is_replaced_at_once(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, ALEX)
    later = shop.services.clock() + timedelta(minutes=11)
    shop.services.clock = lambda: later

    reply = await talk.answers(FLOW, shop.codes()[-1])

    assert reply.responses == ["utter_code_expired", "utter_code_sent"]
    assert len(shop.codes()) == 2


async def test_a_corrected_email_gets_a_code_of_its_own(shop: Shop) -> None:
    talk = asked_for_code(shop)
    await talk.answers(FLOW, SAM)
    assert shop.codes() == []

    reply = await talk.answers(FLOW, f"sorry, {ALEX}")

    assert reply.responses == ["utter_corrected", "utter_code_sent"]
    assert len(shop.codes()) == 1


async def test_a_known_customers_order_is_checked_at_once(shop: Shop) -> None:
    talk = shop.verified(Conversation()).asks("order_number", "track_order_form")

    foreign = await talk.answers(FLOW, FOREIGN)
    assert foreign.responses == ["utter_order_not_found"]
    assert foreign.set_slots["requested_slot"] == "order_number"

    own = await talk.answers(FLOW, PROCESSING)
    assert (own.responses, own.set_slots["requested_slot"]) == ([], None)


async def test_a_verification_of_another_conversation_counts_for_nothing(shop: Shop) -> None:
    shop.verified(Conversation(sender="chat-2"))

    reply = await Conversation().user(PROCESSING, "track_order").starts("track_order_form").run(FLOW)

    assert reply.set_slots["requested_slot"] == "email"


async def test_a_verification_that_has_run_out_counts_for_nothing(shop: Shop) -> None:
    talk = shop.verified(Conversation())
    later = shop.services.clock() + timedelta(minutes=31)
    shop.services.clock = lambda: later

    reply = await talk.user(PROCESSING, "track_order").starts("track_order_form").run(FLOW)

    assert reply.set_slots["requested_slot"] == "email"


async def test_a_typed_command_does_not_verify(shop: Shop) -> None:
    talk = Conversation().asks("email", "track_order_form").set(order_number=DELIVERED)
    talk.button('/inform{"verification_code": "123456", "email": "x"}', "inform", verification_code="123456", email="x")

    reply = await talk.run(FLOW)

    assert reply.set_slots["requested_slot"] == "email"


async def test_a_stranger_is_asked_for_the_number_and_a_known_customer_offered_the_latest(shop: Shop) -> None:
    assert (await Conversation().user("hi").run(ActionAskOrderNumber())).responses == ["utter_ask_order_number"]

    known = await shop.verified(Conversation()).user("hi").run(ActionAskOrderNumber())
    buttons = known.values("utter_ask_which_order")["buttons"]
    assert len(buttons) == 5
    assert FOREIGN not in str(buttons)
