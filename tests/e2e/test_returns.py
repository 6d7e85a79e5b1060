"""Returns, exchanges and damage claims, with detours on the way."""

from __future__ import annotations

from tests.e2e.customer import Customer
from tests.e2e.people import GRACE, PRIYA, TOM
from tests.e2e.shop_database import ShopDatabase

COFFEE_MACHINE = "Kestrelle Capsule Mini"
FROTHER = "Tamsin Milk Frother"


def test_one_of_two_items_goes_back(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.asks("I want to return order 1256", TOM)
    assert answer.buttons == [COFFEE_MACHINE, FROTHER, "All of them"]
    assert "What's the reason?" in customer.presses(FROTHER)
    assert f"Shall I arrange the return of {FROTHER} from order 1256?" in customer.presses("Changed my mind")
    assert shop.returns("1256") == []

    done = customer.presses("Yes, arrange it")
    [arranged] = shop.returns("1256")
    assert arranged["items"] == [(FROTHER, 1)]
    assert (arranged["kind"], arranged["reason"]) == ("return", "changed my mind")
    assert f"Your return {arranged['number']} is arranged: {FROTHER}." in done
    assert arranged["label_url"] in done
    [(amount, state, _)] = shop.refunds("1256")
    assert f"We refund {amount}" in done
    assert state == "awaiting_parcel"


def test_a_whole_order_goes_back_in_the_customers_own_words(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I'd like to send something back, order 1256", TOM)
    customer.says("both")
    customer.says("they are far too loud for our kitchen")
    customer.says("yes please")
    [arranged] = shop.returns("1256")
    assert arranged["items"] == [(COFFEE_MACHINE, 1), (FROTHER, 1)]
    assert "far too loud" in arranged["reason"]


def test_after_thirty_days_there_is_no_return_but_a_way_for_faults(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.asks("I want to return order 1322", GRACE)
    assert "order 1322 could be returned until" in answer
    assert "It's faulty" in answer.buttons
    assert shop.returns("1322") == []


def test_what_has_not_been_delivered_is_not_returned(customer: Customer, shop: ShopDatabase) -> None:
    assert "hasn't been delivered yet" in customer.asks("I want to return order 1187", PRIYA)
    assert shop.returns("1187") == []


def test_another_item_named_at_the_confirmation_takes_the_place_of_the_first(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("I want to return order 1256", TOM)
    customer.presses(COFFEE_MACHINE)
    customer.presses("Changed my mind")
    corrected = customer.says("no, the milk frother")
    assert f"Shall I arrange the return of {FROTHER} from order 1256?" in corrected
    customer.says("yes")
    assert [arranged["items"] for arranged in shop.returns("1256")] == [[(FROTHER, 1)]]


def test_a_question_on_the_side_is_answered_and_the_return_goes_on(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I want to return order 1256", TOM)
    aside = customer.says("what are your opening hours?")
    assert "Our stores are open Monday to Saturday 9:30-18:30" in aside
    assert "Which item of order 1256 is it?" in aside
    customer.says(FROTHER)
    customer.says("too small")
    assert "is arranged" in customer.says("yes")
    assert [arranged["items"] for arranged in shop.returns("1256")] == [[(FROTHER, 1)]]


def test_an_open_question_inside_a_return_is_answered_with_its_source_and_the_return_goes_on(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("I want to return order 1256", TOM)
    aside = customer.says("by the way, how do I descale a kettle?")
    assert "From our help article [How to descale a kettle]" in aside
    assert "Which item of order 1256 is it?" in aside
    customer.says(COFFEE_MACHINE)
    customer.says("too loud")
    customer.says("yes")
    assert [arranged["items"] for arranged in shop.returns("1256")] == [[(COFFEE_MACHINE, 1)]]


def test_never_mind_ends_a_return_and_changes_nothing(customer: Customer, shop: ShopDatabase) -> None:
    before = shop.snapshot()
    customer.asks("I want to return order 1256", TOM)
    customer.presses(FROTHER)
    customer.presses("Changed my mind")
    assert "I've stopped and changed nothing" in customer.says("never mind")
    assert shop.snapshot() == before
    assert ("flow_abandoned", "return") in shop.outcomes(customer.sender)


def test_after_a_detour_to_another_request_the_return_is_offered_again(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I want to return order 1256", TOM)
    detour = customer.says("actually, where is my order 1256?")
    assert "Order 1256" in detour
    assert "was delivered on" in detour
    assert "Shall we go on with your return?" in detour
    assert "Which item of order 1256 is it?" in customer.presses("Yes, go on")


def test_the_offer_to_go_on_can_be_declined(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I want to return order 1256", TOM)
    customer.says("actually, where is my order 1256?")
    assert "Is there anything else" in customer.presses("No, that's all")
    assert shop.returns("1256") == []


def test_an_item_is_exchanged_for_the_same_product(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I want to exchange something from order 1256", TOM)
    assert "What would you like instead" in customer.presses(FROTHER)
    assert f"Shall I exchange {FROTHER} from order 1256 for the same product?" in customer.presses("The same product")
    done = customer.presses("Yes, exchange it")
    [arranged] = shop.returns("1256")
    assert (arranged["kind"], arranged["wish"], arranged["items"]) == ("exchange", "replacement", [(FROTHER, 1)])
    assert f"Your exchange {arranged['number']} is arranged" in done


def test_the_same_said_in_words_means_the_same_product(customer: Customer) -> None:
    customer.asks("I want to exchange something from order 1256", TOM)
    customer.presses(FROTHER)
    assert "for the same product?" in customer.says("the same")


def test_an_item_is_exchanged_for_another_product_and_the_difference_is_named(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("I want to exchange something from order 1256", TOM)
    customer.presses(COFFEE_MACHINE)
    assert "for Brevik Filter 12 (£" in customer.says("Brevik Filter 12")
    customer.says("yes")
    [arranged] = shop.returns("1256")
    assert (arranged["kind"], arranged["replacement"]) == ("exchange", "Brevik Filter 12")


def test_a_damaged_item_is_refunded(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("something arrived damaged, order 1256", TOM)
    customer.presses(FROTHER)
    while "money back, or a replacement" not in customer.answers[-1]:
        assert "What exactly is wrong with it?" in customer.answers[-1]
        customer.says("the lid has a crack")
    assert "arrange a refund?" in customer.presses("Money back")
    done = customer.presses("Yes, please")
    [arranged] = shop.returns("1256")
    assert (arranged["kind"], arranged["wish"], arranged["items"]) == ("damage", "refund", [(FROTHER, 1)])
    assert f"I've registered that as {arranged['number']}" in done
    assert arranged["label_url"] in done
    [(amount, _, reason)] = shop.refunds("1256")
    assert f"You get {amount} back." in done
    assert reason == "damaged"


def test_a_faulty_item_out_of_the_return_window_is_replaced_under_warranty(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("my iron stopped working, order 1322", GRACE)
    if "What exactly is wrong with it?" in customer.answers[-1]:
        customer.says("it does not get hot any more")
    assert "arrange a replacement?" in customer.presses("A replacement")
    assert "A replacement is sent as soon as the parcel is scanned" in customer.presses("Yes, please")
    [arranged] = shop.returns("1322")
    assert (arranged["kind"], arranged["wish"]) == ("damage", "replacement")
    assert shop.refunds("1322") == []


def test_a_replacement_wished_for_in_words_is_an_answer_not_a_call_for_a_person(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("my iron arrived broken, order 1322", GRACE)
    if "What exactly is wrong with it?" in customer.answers[-1]:
        customer.says("it does not get hot any more")
    assert "arrange a replacement?" in customer.says("a replacement")
    assert shop.tickets(customer.sender) == []


def test_what_went_back_already_cannot_go_back_twice(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("I want to return order 1256", TOM)
    customer.presses("All of them")
    customer.presses("Changed my mind")
    customer.presses("Yes, arrange it")
    assert "is on its way back or with us already" in customer.says("I want to return order 1256")
    assert len(shop.returns("1256")) == 1


def test_a_request_at_the_question_for_the_reason_is_not_taken_for_the_reason(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("I want to return order 1256", TOM)
    customer.presses(FROTHER)
    answer = customer.says("where is my order?")
    assert "was delivered on" in answer
    assert shop.returns("1256") == []
