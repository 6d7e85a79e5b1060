"""The conversation itself: small talk, help, people, open questions, other languages, odd messages."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import NewCustomer
from tests.e2e.customer import Customer
from tests.e2e.people import ALEX, PRIYA
from tests.e2e.shop_database import ShopDatabase


def test_a_greeting_says_what_can_be_done(customer: Customer) -> None:
    answer = customer.says("hello")
    assert "find an order, cancel or return it" in answer
    assert answer.buttons == ["Where is my order?", "Return something", "Find a product", "Talk to a person"]


def test_thanks_and_goodbye_are_answered(customer: Customer) -> None:
    assert "You're welcome." in customer.says("thank you very much")
    assert "Goodbye" in customer.says("bye")


def test_small_talk_is_answered_with_what_was_asked(customer: Customer) -> None:
    assert "toaster" in customer.says("tell me a joke")
    assert "All good here" in customer.says("how are you?")


def test_it_says_that_it_is_no_person(customer: Customer) -> None:
    assert "not a person" in customer.says("are you a human?")


def test_a_rude_customer_is_offered_a_person(customer: Customer) -> None:
    assert "Talk to a person" in customer.says("you are useless, you idiot").buttons


def test_a_complaint_is_taken_seriously(customer: Customer) -> None:
    answer = customer.says("I want to make a complaint about your terrible service")
    assert "I'm sorry" in answer
    assert "Talk to a person" in answer.buttons


def test_the_last_answer_is_repeated_with_its_buttons(customer: Customer) -> None:
    first = customer.says("hello")
    again = customer.says("can you repeat that?")
    assert again.text == first.text
    assert again.buttons == first.buttons


def test_starting_over_forgets_the_details(customer: Customer) -> None:
    customer.says("where is order 1043?")
    assert "let's start again" in customer.says("start over")
    assert "What's your order number?" in customer.says("where is my order?")


def test_after_two_answers_that_do_not_fit_the_question_is_explained(customer: Customer) -> None:
    customer.says("where is my order?")
    assert "I couldn't find an order number in that." in customer.says("the blue one")
    second = customer.says("just the blue one")
    assert "The order number has four or five digits." in second
    assert "Talk to a person" in second.buttons


def test_after_three_answers_that_do_not_fit_a_person_takes_over(customer: Customer, shop: ShopDatabase) -> None:
    customer.says("where is my order?")
    customer.says("the blue one")
    customer.says("just the blue one")
    assert "Let me pass you on to a colleague." in customer.says("the blue one I said")
    done = customer.says("write to me at kim@example.org")
    [ticket] = shop.tickets(customer.sender)
    assert ticket["number"] in done
    assert (ticket["contact_email"], ticket["topic"]) == ("kim@example.org", "track_order")


def test_a_request_for_a_person_becomes_a_ticket_inside_support_hours(customer: Customer, shop: ShopDatabase) -> None:
    customer.says("how do I descale a kettle?")
    assert "Which email address can we reach you at?" in customer.says("I want to talk to a person")
    done = customer.says("kim@example.org")
    [ticket] = shop.tickets(customer.sender)
    assert "A colleague is taking over and will write to kim@example.org by" in done
    assert f"Your ticket number is {ticket['number']}." in done
    assert ticket["customer_id"] is None
    assert "Customer verified: no" in ticket["summary"]
    assert "First message: how do I descale a kettle?" in ticket["summary"]
    assert "Customer: how do I descale a kettle?" in ticket["transcript"]
    assert "Assistant: " in ticket["transcript"]
    assert ("handed_over", "general") in shop.outcomes(customer.sender)


@pytest.mark.usefixtures("closed_action_server")
def test_outside_support_hours_the_customer_hears_when_somebody_will_answer(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.says("I want to talk to a person")
    done = customer.says("kim@example.org")
    [ticket] = shop.tickets(customer.sender)
    assert "Nobody is in at the moment" in done
    assert f"ticket {ticket['number']}" in done
    assert shop.value("SELECT julianday(answer_by) - julianday(created_at) FROM tickets WHERE state = 'open'") > 0.5


def test_a_verified_customer_is_handed_over_without_another_question_and_without_the_code(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("where is order 1187?", PRIYA)
    code = customer.mailed_code(PRIYA.email)
    done = customer.says("I'd like to speak to a human")
    [ticket] = shop.tickets(customer.sender)
    assert "the email address on file" in done
    owner = shop.value("SELECT customer_id FROM orders WHERE number = '1187'")
    assert (ticket["customer_id"], ticket["topic"]) == (owner, "track_order")
    assert "Customer verified: yes" in ticket["summary"]
    assert "1187" in ticket["summary"]
    assert code not in ticket["transcript"] + ticket["summary"]


def test_a_wrong_code_is_not_in_the_transcript_either(customer: Customer, shop: ShopDatabase) -> None:
    customer.says("where is order 1187?")
    customer.says(PRIYA.email)
    customer.says("my code is 000111")
    customer.says("I want to talk to a person")
    [ticket] = shop.tickets(customer.sender)
    assert "000111" not in ticket["transcript"] + ticket["summary"]


def test_a_rating_is_kept(customer: Customer, shop: ShopDatabase) -> None:
    assert "from 1 (not at all) to 5 (very well)" in customer.says("I'd like to rate this chat")
    assert "good to hear" in customer.presses("5")
    assert shop.rows("SELECT score FROM ratings WHERE conversation_id = ?", customer.sender) == [(5,)]


def test_a_bad_rating_comes_with_the_offer_of_a_person(customer: Customer, shop: ShopDatabase) -> None:
    customer.says("I'd like to rate this chat")
    answer = customer.says("2 out of 5")
    assert "sorry it didn't go better" in answer
    assert answer.buttons == ["Talk to a person"]
    assert shop.rows("SELECT score FROM ratings WHERE conversation_id = ?", customer.sender) == [(2,)]


def test_an_open_question_is_answered_with_its_article(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.says("how do I descale my kettle?")
    assert "citric acid" in answer
    assert "From our help article [How to descale a kettle](" in answer
    assert answer.sources[0]["title"] == "How to descale a kettle"
    assert answer.sources[0]["url"].endswith("/help/descale-a-kettle")
    assert ("answered_from_knowledge", "How to descale a kettle") in shop.outcomes(customer.sender)


def test_a_question_without_an_answer_is_handed_to_a_person(customer: Customer, shop: ShopDatabase) -> None:
    answer = customer.says("why does my kettle hum the national anthem")
    assert "I don't have a reliable answer to that. Shall I pass it on" in answer or "I'm not sure that I" in answer
    assert ("not_answered", None) in shop.outcomes(customer.sender)
    assert "Which email address can we reach you at?" in customer.presses(answer.buttons[-1])
    customer.says("kim@example.org")
    assert len(shop.tickets(customer.sender)) == 1


def test_a_no_to_the_offer_of_a_person_opens_no_ticket(customer: Customer, shop: ShopDatabase) -> None:
    customer.says("why does my kettle hum the national anthem")
    assert "Is there anything else I can help with?" in customer.says("no")
    assert shop.tickets(customer.sender) == []


def test_a_request_that_may_mean_two_things_is_asked_back_with_a_button_for_each(customer: Customer) -> None:
    answer = customer.says("my order")
    assert "Which of these do you mean?" in answer
    assert sorted(answer.buttons[:-1]) == ["Find out where my order is", "See all my orders"]
    assert answer.buttons[-1] == "Something else: ask a person"
    assert "What's your order number?" in customer.presses("Find out where my order is")


def test_a_question_that_was_hardly_understood_offers_what_it_may_have_meant(customer: Customer) -> None:
    answer = customer.says("can I take the espresso machine on a plane")
    assert "I'm not sure that I understood. Is it one of these?" in answer
    assert len(answer.buttons) > 1
    assert answer.buttons[-1] == "Something else: ask a person"
    assert "Which email address can we reach you at?" in customer.presses("Something else: ask a person")


@pytest.mark.parametrize("message", ["who is the prime minister?", "asdf qwer zxcv", "you are useless, idiot"])
def test_what_is_none_of_the_shops_business_is_not_answered_as_if_it_were(
    customer: Customer, shop: ShopDatabase, message: str
) -> None:
    answer = customer.says(message)
    assert {"Where is my order?", "Talk to a person"} & set(answer.buttons)
    assert not answer.sources
    assert ("answered_from_knowledge", None) not in shop.outcomes(customer.sender)


@pytest.mark.parametrize(
    "message",
    ["Wo ist meine Bestellung?", "Où est ma commande 1043 ?", "我的订单在哪里？", "أين طلبي؟"],
    ids=["German", "French", "Chinese", "Arabic"],
)
def test_another_language_gets_a_sentence_and_no_wrong_action(
    customer: Customer, shop: ShopDatabase, message: str
) -> None:
    before = shop.snapshot()
    answer = customer.says(message)
    assert any(
        words in answer for words in ("I understand English", "order number", "email address", "person", "of these")
    )
    assert "isn't working" not in answer
    assert shop.snapshot() == before


def test_a_very_long_message_is_declined_with_the_limit(customer: Customer) -> None:
    status, content = customer.sends("/webhook", {"message": "my order is late " * 600})
    assert status == 413
    assert "I can read up to 2000 characters" in content["message"]


@pytest.mark.parametrize("message", ["", "   ", "\n\t", "\u200b\u2060"])
def test_an_empty_message_gets_an_answer(customer: Customer, message: str) -> None:
    assert "Your message arrived empty." in customer.says(message)


@pytest.mark.parametrize("message", ["😀😀😀", "?!...", "———"])
def test_a_message_without_words_gets_an_answer(customer: Customer, message: str) -> None:
    assert "Could you tell me in words what you need?" in customer.says(message)


def test_after_a_person_was_called_the_abandoned_request_is_not_offered_again(
    customer: Customer, shop: ShopDatabase
) -> None:
    customer.asks("cancel order 1043", ALEX)
    for _ in range(2):
        customer.says("no, 1187")
    answer = customer.says("no, 1187")
    assert "Let me pass you on to a colleague." in answer
    assert len(shop.tickets(customer.sender)) == 1
    assert "Shall we go on" not in answer


def test_customers_at_the_same_time_do_not_disturb_each_other(new_customer: NewCustomer) -> None:
    first, second = new_customer(), new_customer()
    first.says("where is my order?")
    second.says("where is my order?")
    first.says(ALEX.order)
    second.says(PRIYA.order)
    assert f"order 1043 and {ALEX.email}" in first.says(ALEX.email)
    assert f"order 1187 and {PRIYA.email}" in second.says(PRIYA.email)


def test_no_email_is_promised_that_is_not_sent(customer: Customer, shop: ShopDatabase) -> None:
    customer.asks("cancel order 1043", ALEX)
    promised = "you'll get an email" in customer.presses("Yes, cancel it")
    subjects = shop.rows("SELECT subject FROM outbox WHERE to_address = ? ORDER BY id", ALEX.email)
    assert len(subjects) == 1 + promised  # the first is the code
