"""Personal data in generated text."""

import pytest

from llm_component.checks.private import is_iban, passes_luhn, personal_items, unexpected_items

FOUND = [
    ("Write to jane.doe@example.org.", "email"),
    ("Call 07700 900123.", "phone"),
    ("Call +44 (0)113 496 0210.", "phone"),
    ("Card 4111 1111 1111 1111 was used.", "card"),
    ("Pay to GB82 WEST 1234 5698 7654 32 today.", "iban"),
    ("Sort code 12-34-56.", "sort_code"),
    ("Account number: 12345678.", "account_number"),
    ("Her number is AB 12 34 56 C.", "insurance_number"),
    ("Send it to LS1 4AP.", "postcode"),
    ("She lives at 12 Mill Lane.", "street"),
    ("Date of birth: 12/03/1980", "birth_date"),
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_personal_data_is_found(text: str, kind: str) -> None:
    assert kind in {item.kind for item in personal_items(text)}


@pytest.mark.parametrize(
    "text",
    [
        "Card 4111 1111 1111 1112 was used.",  # wrong check digit
        "Order 1043 comes within 3-5 working days for £29.95.",
        "Return number R10001, ticket T20002, code 123456.",
        "A 3,000 W kettle needs a 13 A fuse.",
        "The Veridia 55 OLED is 145 cm wide.",
        "Open from 9:30 to 18:30.",
        "From 2026 to 2027 the price is £1,299.00.",
    ],
)
def test_ordinary_numbers_are_not_personal(text: str) -> None:
    assert personal_items(text) == []


def test_what_stands_in_an_allowed_text_may_be_said_in_another_spelling() -> None:
    assert unexpected_items("Call 0113 496 0210.", ["Our phone: +44 113 496 0210"]) == []
    assert [item.kind for item in unexpected_items("Call 0113 496 0211.", ["Our phone: +44 113 496 0210"])] == ["phone"]


def test_check_digits() -> None:
    assert passes_luhn("4111111111111111") and not passes_luhn("4111111111111112")
    assert is_iban("GB82 WEST 1234 5698 7654 32") and not is_iban("GB83 WEST 1234 5698 7654 32")
