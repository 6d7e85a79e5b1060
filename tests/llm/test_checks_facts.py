"""Facts in texts: equal however written, unequal where anything is altered."""

import pytest

from llm_component.checks.facts import added_facts, missing_facts, names, unsupported_facts
from llm_component.checks.quantities import quantities

SAME = [
    ("£4.95", "4.95 pounds"),
    ("£4.95", "£ 4.95"),
    ("50p", "£0.50"),
    ("£1,000", "1000 pounds"),
    ("one thousand two hundred pounds", "£1,200"),
    ("10 %", "ten percent"),
    ("8am", "8:00"),
    ("08:00", "8 a.m."),
    ("2 pm", "14:00"),
    ("noon", "12:00"),
    ("30 days", "thirty days"),
    ("30-day", "30 days"),
    ("24 hours", "one day"),
    ("two weeks", "14 days"),
    ("24 months", "two years"),
    ("half an hour", "30 minutes"),
    ("3-5 working days", "3 to 5 business days"),
    ("1.5 litres", "1,500 ml"),
    ("2 kW", "2,000 W"),
    ("190 °C", "190 degrees"),
    ("65-inch", "65 inches"),
    ("14 October", "October 14th"),
    ("2026-10-14", "14 October 2026"),
    ("Mon-Fri", "Monday to Friday"),
    ("0113 496 0210", "+44 113 496 0210"),
    ("Help@Example.com", "help@example.com"),
    ("https://www.example.com/", "www.example.com"),
    ("#1043", "1043"),
    ("R10001", "r10001".upper()),
    ("twice", "two times"),
    ("fifth", "5th"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_facts_are_equal_however_written(one: str, other: str) -> None:
    assert {fact.key for fact in quantities(one)} & {fact.key for fact in quantities(other)}


DIFFERENT = [
    ("£4.95", "£4.59"),
    ("£4.95", "$4.95"),
    ("£4.95", "£49.50"),
    ("30 days", "30 hours"),
    ("30 days", "30 working days"),
    ("30 days", "one month"),
    ("10 %", "10"),
    ("8am", "8pm"),
    ("14:00", "4 pm"),
    ("14 October", "15 October"),
    ("Monday", "Sunday"),
    ("65 inches", "65 cm"),
    ("help@example.com", "help@example.org"),
    ("0113 496 0210", "0113 496 0211"),
    ("R10001", "T10001"),
    ("1043", "1034"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_altered_facts_are_not_equal(one: str, other: str) -> None:
    assert not {fact.key for fact in quantities(one)} & {fact.key for fact in quantities(other)}


SOURCE = (
    "Standard delivery costs £4.95 and takes 3 to 5 working days; it is free from £50. Parcelway delivers Monday to "
    "Friday in the UK. You can use one voucher code for each order. The Orbiq CrispAir 5 has 1,500 W."
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It costs £4.95 and takes up to five working days.", set()),
        ("It takes from 3 working days.", set()),
        ("It takes 3 working days.", {"measure"}),  # the lower end of the range, told as the whole
        ("It costs £5.95.", {"amount"}),
        ("It is free from 50 euros.", {"amount"}),
        ("Parcelway delivers on Saturday.", {"weekday"}),
        ("Parcelway delivers Monday to Saturday.", {"weekday", "weekdays"}),
        ("You can use two voucher codes.", {"number"}),
        ("You can use one of them.", set()),
        ("The Sonarra CrispAir 5 has 1.5 kW.", {"name"}),
        ("We deliver in the United Kingdom.", set()),
        ("We deliver in the EU.", {"name"}),
        ("Delivery to Leeds is free from £50.", {"name"}),
        ("I can tell you that it is free from £50.", set()),
    ],
)
def test_facts_that_no_source_has_are_found(text: str, kinds: set[str]) -> None:
    assert {fact.kind for fact in unsupported_facts(text, [SOURCE])} == kinds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Order 1043 takes 3 to 5 working days.", []),  # an order number may come from the customer
        ("Yes, it is 30 days.", ["30 days"]),  # a term may not
        ("We do not deliver to France.", []),  # a name may, where something is denied
        ("We deliver to France.", ["France"]),
    ],
)
def test_the_question_vouches_for_order_numbers_and_denied_names_only(text: str, found: list[str]) -> None:
    question = "Does order 1043 go to France within 30 days?"
    assert [fact.text for fact in unsupported_facts(text, [SOURCE], [question])] == found


def test_facts_of_the_conversation_vouch_for_anything() -> None:
    assert unsupported_facts("Your refund of £12.50 is due on Sunday.", [SOURCE], verified=["£12.50", "Sunday"]) == []


def test_missing_and_added_facts_of_a_rewording() -> None:
    old, new = "Your order 1043 comes on Monday for £4.95.", "Your order comes on Tuesday for £4.95."
    assert [fact.text for fact in missing_facts(old, new)] == ["1043", "Monday"]
    assert [fact.text for fact in added_facts(old, new)] == ["Tuesday"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Veridia 55 OLED is here.", ["Veridia", "OLED"]),
        ("Apple Pay works.", ["Apple", "Pay"]),
        ("Choose Return in May on Monday.", ["Return"]),
        ("However, I can't. Please wait.", []),
        ("Pay with PayPal: Visa works too.", ["PayPal"]),
    ],
)
def test_names_are_capitals_inside_a_sentence(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "source", "found"),
    [
        ("Ask the IRS about it.", "The Internal Revenue Service answers.", []),
        ("Ask the DVA about it.", "The Department of Veterans Affairs answers.", []),
        ("Ask the IRA about it.", "The Internal Revenue Service answers.", ["IRA"]),
        ("Then call It Support.", "The Internal Tools desk answers.", ["It", "Support"]),
        ("Our office on Campus helps.", "VetSuccess on CampusFind out more.", []),
    ],
)
def test_initials_and_the_parts_of_joined_words_are_known_names(text: str, source: str, found: list[str]) -> None:
    assert [fact.text for fact in unsupported_facts(text, [source])] == found
