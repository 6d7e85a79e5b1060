"""Orders: find, list, cancel, send elsewhere, search for the parcel."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import System
from tests.e2e.customer import Customer
from tests.e2e.people import ALEX, DANIEL, MEGAN, PRIYA, TOM
from tests.e2e.shop_database import ShopDatabase


def test_an_order_is_found_once_the_customer_has_given_number_email_and_code(customer: Customer) -> None:
    assert "What's your order number?" in customer.says("Where is my order?")
    assert "which email address" in customer.says(PRIYA.order)
    assert "a code with six digits is on its way" in customer.says(PRIYA.email)
    answer = customer.says(customer.mailed_code(PRIYA.email))
    assert "Thank you, that's confirmed." in answer
    assert "Order 1187 (Sonarra Quiet 700) is on its way with Parcelway." in answer
    assert "https://parcelway.example/track/" in answer
    assert answer.cards[0]["state"] == "dispatched"


def test_an_order_number_in_the_first_message_is_not_asked_for_again(customer: Customer) -> None:
    assert "which email address" in customer.says("where is my order #1187?")


def test_an_order_in_preparation_is_told_with_its_expected_day(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.asks("where is my order", ALEX)
    assert "Order 1043 (Norvane Swift 1.7 and Norvane Duo 2-Slice) is being prepared." in answer
    expected = shop.value("SELECT CAST(strftime('%d', expected_on) AS INTEGER) FROM orders WHERE number = '1043'")
    assert f" {expected} " in answer.text.partition("You can expect it")[2]


def test_a_late_order_comes_with_an_apology_and_the_offer_of_a_search(customer: Customer) -> None:
    answer = customer.asks("where is order 1518?", MEGAN)
    assert "I'm sorry" in answer
    assert "Start a search" in answer.buttons


def test_a_verified_customer_sees_the_list_of_their_orders(customer: Customer, shop: ShopDatabase) -> None:
    other = shop.an_order("delivered", besides=PRIYA.order)
    shop.give_order(other, to=PRIYA.email)
    answer = customer.asks("show me all my orders", PRIYA)
    assert "**1187**" in answer
    assert f"**{other}**" in answer
    assert "£249.00 (dispatched)" in answer
    assert answer.buttons == ["Where is 1187?"]


def test_cancelling_puts_the_goods_back_and_notes_the_refund(customer: Customer, shop: ShopDatabase) -> None:
    kettles = shop.stock("Norvane Swift 1.7")
    answer = customer.asks("please cancel my order", ALEX)
    assert "Order 1043: Norvane Swift 1.7 and Norvane Duo 2-Slice, £64.98. Shall I cancel it?" in answer
    assert shop.order_state("1043") == "processing"

    done = customer.says("yes")
    assert "order 1043 is cancelled" in done
    assert "£64.98" in done
    assert shop.order_state("1043") == "cancelled"
    assert shop.stock("Norvane Swift 1.7") == kettles + 1
    assert shop.refunds("1043") == [("£64.98", "authorisation_released", "cancelled")]
    assert ("flow_completed", "cancel_order") in shop.outcomes(customer.sender)


def test_a_dispatched_order_is_not_cancelled(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.asks("cancel order 1187", PRIYA)
    assert "Order 1187 has left our warehouse already" in answer
    assert shop.order_state("1187") == "dispatched"


def test_a_no_at_the_confirmation_leaves_the_order_as_it_is(customer: Customer, shop: ShopDatabase) -> None:
    before = shop.snapshot()
    customer.asks("cancel order 1043", ALEX)
    assert "left everything as it is" in customer.presses("No, keep it")
    assert shop.snapshot() == before


@pytest.mark.parametrize("yes", ["yes", "y", "Yes!!", "yes, cancel it please", "absolutely", "go ahead"])
def test_a_clear_yes_confirms(customer: Customer, shop: ShopDatabase, yes: str) -> None:
    customer.asks("cancel order 1043", ALEX)
    assert "order 1043 is cancelled" in customer.says(yes)
    assert shop.order_state("1043") == "cancelled"


@pytest.mark.parametrize(
    "words",
    [
        "maybe",
        "wait",
        "okay hold on",
        "ok wait",
        "yes but not today",
        "go ahead and keep it",
        "correct me if I'm wrong, the kettle is £34.99",
        "right, what happens to my voucher then",
        "I don't know",
        "ok never mind",
    ],
)
def test_what_is_no_clear_yes_cancels_nothing(customer: Customer, shop: ShopDatabase, words: str) -> None:
    customer.asks("cancel order 1043", ALEX)
    assert "is cancelled" not in customer.says(words)
    assert shop.order_state("1043") == "processing"


def test_a_corrected_order_number_at_the_confirmation_cancels_the_other_order(
    customer: Customer, shop: ShopDatabase
) -> None:
    other = shop.an_order("processing", besides=ALEX.order)
    shop.give_order(other, to=ALEX.email)
    customer.asks("cancel order 1043", ALEX)
    corrected = customer.says(f"no, {other}")
    assert f"Order {other}: " in corrected
    assert "Shall I cancel it?" in corrected
    assert f"order {other} is cancelled" in customer.says("yes")
    assert shop.order_state("1043") == "processing"
    assert shop.order_state(other) == "cancelled"


def test_a_correction_to_somebody_elses_order_is_refused(customer: Customer, shop: ShopDatabase) -> None:
    before = shop.snapshot()
    customer.asks("cancel order 1043", ALEX)
    answer = customer.says("no, 1187")
    assert "I can't find order 1187 among your orders." in answer
    assert "Sonarra" not in answer
    assert shop.snapshot() == before


def test_a_new_address_is_kept_with_the_order(customer: Customer, shop: ShopDatabase) -> None:
    assert "new delivery address" in customer.asks("I need to change the delivery address of order 1043", ALEX)
    assert "Shall I send order 1043 to 12 Mill Lane, Leeds, LS1 4AP?" in customer.says("12 Mill Lane, Leeds, ls1 4ap")
    assert shop.address_of("1043")[0] == "14 Ash Grove"
    assert "order 1043 goes to 12 Mill Lane, Leeds, LS1 4AP" in customer.presses("Yes, change it")
    assert shop.address_of("1043") == ("12 Mill Lane", None, "Leeds", "LS1 4AP")


def test_a_postcode_that_does_not_exist_is_asked_for_again(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("change the delivery address of order 1043", ALEX)
    answer = customer.says("12 Mill Lane, Leeds, XX99 9XX")
    assert "That postcode doesn't look like one we deliver to." in answer
    assert "What's the new delivery address?" in answer
    assert shop.address_of("1043")[0] == "14 Ash Grove"


def test_the_address_of_a_parcel_on_its_way_cannot_be_changed(customer: Customer, shop: ShopDatabase) -> None:
    before = shop.address_of("1187")
    answer = customer.asks("change the delivery address of order 1187", PRIYA)
    assert "Order 1187 is on its way already" in answer
    assert shop.address_of("1187") == before


def test_a_late_parcel_is_searched_for(customer: Customer, shop: ShopDatabase, system: System) -> None:
    answer = customer.asks("my parcel is missing, order 1518", MEGAN)
    assert "latest scan of order 1518" in answer
    done = customer.says("yes")
    number, state, opened = shop.rows(
        "SELECT 'C' || (10000 + c.id), c.state, date(c.opened_at) FROM claims c JOIN orders o ON o.id = c.order_id "
        "WHERE o.number = '1518'"
    )[0]
    assert f"The search for order 1518 has started; its number is {number}." in done
    assert (state, opened) == ("searching", system.today.isoformat())


def test_a_parcel_that_is_not_late_is_not_searched_for(customer: Customer, shop: ShopDatabase) -> None:
    before = shop.snapshot()
    answer = customer.asks("my parcel is missing, order 1187", PRIYA)
    assert "Order 1187 isn't late yet" in answer
    assert "shall I start a search?" not in answer
    assert shop.snapshot() == before


def test_a_parcel_is_not_searched_for_twice(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("my parcel is missing, order 1518", MEGAN)
    customer.says("yes")
    again = customer.says("my parcel is missing")
    assert "A search for order 1518 is under way already." in again
    assert shop.value("SELECT count(*) FROM claims c JOIN orders o ON o.id = c.order_id WHERE number = '1518'") == 1


def test_a_delivered_order_offers_what_can_be_done_next(customer: Customer) -> None:
    answer = customer.asks("where is order 1256", TOM)
    assert "was delivered on" in answer
    assert answer.buttons == ["It's not here", "Return something", "Something is damaged"]


def test_the_refund_of_a_return_under_way_is_explained(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.asks("where is my refund for order 1409?", DANIEL)
    [(amount, state, _)] = shop.refunds("1409")
    assert state == "awaiting_parcel"
    assert f"Your refund of {amount} for order 1409 starts when the parcel reaches us" in answer


def test_without_a_refund_the_customer_hears_how_one_starts(customer: Customer) -> None:
    assert "There's no refund under way for order 1187." in customer.asks("where is my refund for order 1187?", PRIYA)
