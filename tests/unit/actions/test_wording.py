"""Money, dates and lists in the shop's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from actions.wording import counted, day, joined, moment, money
from frontdesk.brand import load_brand


@pytest.mark.parametrize(("amount", "words"), [("1234.5", "£1,234.50"), ("0", "£0.00"), ("4.999", "£5.00")])
def test_money_has_the_shops_sign_and_two_places(amount: str, words: str) -> None:
    assert money(Decimal(amount), load_brand()) == words


def test_money_goes_by_the_brands_currency() -> None:
    assert money(Decimal(5), replace(load_brand(), currency_symbol="€")) == "€5.00"


def test_a_day_has_its_weekday_and_no_leading_zero() -> None:
    assert day(date(2026, 11, 3)) == "Tuesday 3 November"
    assert day(None) == ""


def test_a_moment_is_told_in_the_shops_time_zone() -> None:
    assert moment(datetime(2026, 7, 1, 8, 5, tzinfo=timezone.utc), load_brand()) == "Wednesday 1 July, 9:05"


def test_a_moment_may_be_on_the_next_day_there() -> None:
    assert moment(datetime(2026, 7, 1, 23, 30, tzinfo=timezone.utc), load_brand()) == "Thursday 2 July, 0:30"


@pytest.mark.parametrize(
    ("parts", "words"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_list_ends_with_and(parts: list[str], words: str) -> None:
    assert joined(parts) == words


def test_only_several_pieces_are_counted() -> None:
    assert counted([(1, "Kettle"), (2, "Toaster")]) == "Kettle and 2 × Toaster"
