"""Addresses: what is accepted, in which form, and which field an error names."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.addresses import AddressInput, InvalidAddress, checked_address, checked_postcode

GOOD = AddressInput("12 High Street", "Flat 2", "York", "YO1 7HH")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ls14ab", "LS1 4AB"),
        (" SW1A  1AA ", "SW1A 1AA"),
        ("m1 1ae", "M1 1AE"),
        ("EC1A1BB", "EC1A 1BB"),
        ("w1a 0ax", "W1A 0AX"),
        ("bt7 1nn", "BT7 1NN"),
        ("dn55 1pt", "DN55 1PT"),
    ],
)
def test_uk_postcodes_are_kept_in_their_usual_form(typed: str, kept: str) -> None:
    assert checked_postcode(typed) == kept


@pytest.mark.parametrize("typed", ["", "12345", "75008", "LS1", "LS1 4A", "JE2 3AB", "GY1 1AA", "IM1 1AA", "'; --"])
def test_other_postcodes_are_refused(typed: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        checked_postcode(typed)
    assert caught.value.field == "postcode"


@pytest.mark.parametrize(
    ("field", "value"),
    [("line1", " "), ("line1", "---"), ("line1", "x" * 121), ("city", ""), ("city", "Leeds\0"), ("line2", "\u202eabc")],
)
def test_an_unusable_line_is_named(field: str, value: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        checked_address(dataclasses.replace(GOOD, **{field: value}))
    assert caught.value.field == field


def test_spaces_are_tidied_and_an_empty_second_line_is_none() -> None:
    typed = AddressInput("  12  High Street ", "  ", " York", "yo17hh")
    assert checked_address(typed) == AddressInput("12 High Street", None, "York", "YO1 7HH")


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_is_either_refused_or_fits_the_columns(line1: str, line2: str, city: str, postcode: str) -> None:
    try:
        checked = checked_address(AddressInput(line1, line2, city, postcode))
    except InvalidAddress:
        return
    assert max(len(checked.line1), len(checked.line2 or "")) <= 120
    assert len(checked.city) <= 80 and len(checked.postcode) <= 8
