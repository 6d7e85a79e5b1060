"""What an action reads from one message: order numbers, emails, amounts, questions, and what has happened since."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.turn import Turn, parse_amount
from tests.unit.actions.conversation_builder import Conversation


def turn(text: str, intent: str = "inform") -> Turn:
    return Turn.of(Conversation().user(text, intent).tracker())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1043", "1043"),
        ("#1043", "1043"),
        ("order#1043", "1043"),
        ("order no 1043 please", "1043"),
        ("order no. 1043", "1043"),
        ("order no.1043", "1043"),
        ("It's 12043.", "12043"),
        ("(1043)", "1043"),
        ("1043's late", "1043"),
        ("no 1042, 1043", "1043"),
        ("not 1042, it is 1043!", "1043"),
    ],
)
def test_an_order_number_is_the_last_number_of_four_or_five_digits(text: str, number: str) -> None:
    assert turn(text).order_number() == number


@pytest.mark.parametrize(
    "text",
    [
        "£1043",
        "€1043",
        "$1043",
        "1043.50",
        "1043,50",
        "£1,043",
        "123456",
        "104",
        "1043-1044",
        "A1043",
        "1043b",
        "alex1043@example.com",
        "1043@example.com",
        "LS1 4AB",
        "M20 2AB",
        "",
        "on 12/03/2026",
        "on 2026-03-12",
    ],
)
def test_other_numbers_are_no_order_number(text: str) -> None:
    assert turn(text).order_number() is None


@pytest.mark.parametrize("name", ["Aldergate Cyclone 2000", "SteamGlide 3000", "Oil Heater 2000"])
@pytest.mark.parametrize("text", ["the {} is broken and leaks", "{}"])
def test_the_figure_in_a_products_name_is_no_order_number(text: str, name: str) -> None:
    message = Conversation().user(text.format(name), "damaged_item", ("product", name))

    assert Turn.of(message.tracker()).order_number() is None


def test_a_number_beside_a_products_name_still_is_an_order_number() -> None:
    message = Conversation().user("the Cyclone 2000 of order 1043", "damaged_item", ("product", "Cyclone 2000"))

    assert Turn.of(message.tracker()).order_number() == "1043"


@given(st.integers(min_value=100_000, max_value=10**12))
def test_longer_numbers_are_never_cut_to_an_order_number(number: int) -> None:
    assert turn(f"my number is {number} thanks").order_number() is None


def test_a_button_names_its_order_in_its_entity_only() -> None:
    pressed = Conversation().button('/track_order{"order_number": "1043"}', "track_order", order_number="1043")
    forged = Conversation().button('/track_order{"order_number": "1 OR 1"}', "track_order", order_number="1 OR 1")

    assert Turn.of(pressed.tracker()).order_number() == "1043"
    assert Turn.of(forged.tracker()).order_number() is None


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("alex@example.com", "alex@example.com"),
        ("It's Alex.Lee+shop@Example.co.uk.", "alex.lee+shop@example.co.uk"),
        ("my email's 'alex@example.com'", "alex@example.com"),
        ("not alex@example.com but sam@example.org", "sam@example.org"),
        ("<o'neil@example.com>", "o'neil@example.com"),
        ("alex@example", None),
        ("alex at example dot com", None),
        ("@example.com", None),
    ],
)
def test_an_email_is_the_last_address_in_lower_case(text: str, email: str | None) -> None:
    assert turn(text).email() == email


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("£49.99", Decimal("49.99")),
        ("50 quid", Decimal(50)),
        ("49,99", Decimal("49.99")),
        ("1,200", Decimal(1200)),
        ("£1,200.50", Decimal("1200.50")),
        ("a lot", None),
        ("", None),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, amount: Decimal | None) -> None:
    assert parse_amount(text) == amount


def test_an_amount_goes_by_its_role() -> None:
    message = Conversation().user("from 50 to 100", "inform", ("amount", "50", "min"), ("amount", "100", "max"))
    said = Turn.of(message.tracker())

    assert (said.amount("min"), said.amount("max"), said.amount()) == (Decimal(50), Decimal(100), Decimal(50))


@pytest.mark.parametrize(
    "text",
    ["really?", "How long does it take", "and what about the lid", "ok, can I keep it", "Hi, is it quiet"],
)
def test_a_question_is_seen_by_its_sign_or_its_first_word(text: str) -> None:
    assert turn(text).is_question


@pytest.mark.parametrize("text", ["1043", "the island one", "no", "it whistles", "/ask_delivery?"])
def test_other_messages_are_no_question(text: str) -> None:
    assert not turn(text).is_question


def test_spans_are_what_was_typed_and_values_what_it_means() -> None:
    message = Conversation().user("a telly", "find_product", ("category", "telly"))
    message.message["entities"][0]["value"] = "televisions"
    said = Turn.of(message.tracker())

    assert (said.spans("category"), said.values("category")) == (["telly"], ["televisions"])


def test_values_stand_in_the_order_of_the_text_each_once() -> None:
    message = Conversation().user("Swift or Duo or Swift", "compare_products")
    message.message["entities"] = [
        {"entity": "product", "value": "Duo", "start": 9, "end": 12},
        {"entity": "product", "value": "Swift", "start": 0, "end": 5},
        {"entity": "product", "value": "Swift", "start": 16, "end": 21},
    ]

    assert Turn.of(message.tracker()).values("product") == ["Swift", "Duo"]


def test_a_message_without_intent_is_an_open_question() -> None:
    message = Conversation().user("hm")
    message.message["intent"] = {"name": None, "confidence": 0.0}

    assert Turn.of(message.tracker()).intent == "nlu_fallback"


def test_a_form_is_activated_by_the_message_that_started_it_only() -> None:
    talk = Conversation().user("where is it", "track_order").starts("track_order_form")
    assert Turn.of(talk.tracker()).activated("track_order_form")

    talk.user("1043")
    assert not Turn.of(talk.tracker()).activated("track_order_form")


def test_the_form_that_a_message_left_is_remembered() -> None:
    talk = Conversation().asks("order_number", "return_form").user("where is 1043", "track_order")
    talk.starts("track_order_form")

    assert Turn.of(talk.tracker()).interrupted_form("track_order_form") == "return_form"
    assert Turn.of(talk.tracker()).interrupted_form("return_form") is None


def test_an_action_after_the_message_has_answered_it() -> None:
    talk = Conversation().asks("order_number", "track_order_form").user("do you sell fans?", "nlu_fallback")
    assert not Turn.of(talk.tracker()).answered_elsewhere("track_order_form")

    talk.ran("action_search_knowledge")
    assert Turn.of(talk.tracker()).answered_elsewhere("track_order_form")
