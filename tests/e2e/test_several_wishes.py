"""Several wishes in one message: all of them are served, in an order in which the last question can be answered."""

from __future__ import annotations

from tests.e2e.customer import Customer
from tests.e2e.people import ALEX, PRIYA
from tests.e2e.shop_database import ShopDatabase

HOURS = "Our stores are open"
ASKED_FOR_EMAIL = "which email address"


def test_a_short_question_is_answered_and_the_dialogue_begins(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.says("cancel 1043 and when do you open")

    first, *_, last = [message.get("text", "") for message in answer.messages]
    assert HOURS in first
    assert ASKED_FOR_EMAIL in last

    customer.says(ALEX.email)
    assert "Shall I cancel it?" in customer.says(customer.mailed_code(ALEX.email))
    assert "order 1043 is cancelled" in customer.says("yes")
    assert shop.order_state("1043") == "cancelled"


def test_an_open_question_beside_a_request_is_answered_from_an_article(customer: Customer) -> None:
    answer = customer.says("Please cancel order 1043. And can I put aluminium foil in an air fryer?")

    assert answer.sources
    assert "air fryer" in answer.messages[0]["text"].lower()
    assert ASKED_FOR_EMAIL in answer.messages[-1]["text"]


def test_a_second_dialogue_is_offered_when_the_first_is_done(customer: Customer, shop: ShopDatabase) -> None:
    shop.give_order("1187", to=ALEX.email)
    customer.says("cancel order 1043 and where is order 1187?")
    customer.says(ALEX.email)
    customer.says(customer.mailed_code(ALEX.email))

    done = customer.says("yes")
    assert "order 1043 is cancelled" in done
    assert "You also asked about where your order is (order 1187). Shall we do that now?" in done

    assert "Order 1187" in customer.says("yes please")


def test_what_waits_is_offered_when_the_first_dialogue_is_given_up(customer: Customer) -> None:
    customer.says("cancel order 1043 and where is order 1187?")

    assert "You also asked about where your order is (order 1187)." in customer.says("never mind")
    assert ASKED_FOR_EMAIL in customer.presses("Yes, go on")


def test_a_second_wish_gives_no_right_to_anothers_order(customer: Customer) -> None:
    """PRIYA's order, asked for by ALEX: remembered as typed, and not found among ALEX's."""
    customer.says(f"cancel order 1043 and where is order {PRIYA.order}?")
    customer.says(ALEX.email)
    customer.says(customer.mailed_code(ALEX.email))
    customer.says("no")

    assert f"I can't find order {PRIYA.order} among your orders." in customer.says("yes")


def test_the_answer_to_a_question_and_a_question_back_are_both_taken(customer: Customer) -> None:
    customer.says("where is my order?")

    answer = customer.says(f"{PRIYA.order}. And when are you open on Saturdays?")

    assert HOURS in answer
    assert ASKED_FOR_EMAIL in answer.messages[-1]["text"]


def test_two_short_questions_are_both_answered(customer: Customer) -> None:
    answer = customer.says("how much is delivery and can i pay with paypal")

    assert "Standard, 3 to 5 working days" in answer.messages[0]["text"]
    assert "PayPal" in answer.messages[1]["text"]
