"""Support hours: open or not, and when next, across nights, weekends, holidays and clock changes."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from zoneinfo import ZoneInfo

import pytest

from frontdesk.support_hours import OpeningTimes, SupportHours

LONDON = ZoneInfo("Europe/London")
DAY = OpeningTimes(time(8), time(20))
HOURS = SupportHours(
    week={**{weekday: DAY for weekday in range(5)}, 5: OpeningTimes(time(9), time(17))},
    timezone=LONDON,
    holidays=frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 28)}),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-10T08:00", True),
        ("2026-03-10T07:59", False),
        ("2026-03-10T19:59", True),
        ("2026-03-10T20:00", False),
        ("2026-03-14T09:00", True),  # Saturday
        ("2026-03-14T17:00", False),
        ("2026-03-15T12:00", False),  # Sunday
        ("2026-12-25T12:00", False),  # a holiday on a Friday
    ],
)
def test_opening_is_included_and_closing_is_not(moment: str, is_open: bool) -> None:
    assert HOURS.is_open(at(moment)) is is_open


def test_times_are_those_of_the_shop_whatever_zone_the_moment_is_in() -> None:
    assert HOURS.is_open(datetime(2026, 7, 1, 7, 30, tzinfo=timezone.utc))  # 8:30 in British summer
    assert not HOURS.is_open(datetime(2026, 1, 7, 7, 30, tzinfo=timezone.utc))


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-03-10T06:00", "2026-03-10T08:00"),
        ("2026-03-10T21:00", "2026-03-11T08:00"),
        ("2026-03-14T18:00", "2026-03-16T08:00"),  # Saturday evening to Monday
        ("2026-12-24T20:30", "2026-12-29T08:00"),  # past three holidays and a Sunday
        ("2026-03-10T12:34", "2026-03-10T12:34"),  # open now
    ],
)
def test_next_opening(moment: str, opening: str) -> None:
    assert HOURS.next_opening(at(moment)) == at(opening)


def test_closing_is_todays_and_unknown_while_closed() -> None:
    assert HOURS.closing(at("2026-03-14T10:00")) == at("2026-03-14T17:00")
    assert HOURS.closing(at("2026-03-15T10:00")) is None


def test_the_text_joins_days_with_the_same_times_and_no_others() -> None:
    assert HOURS.text == "Mon-Fri 8:00-20:00, Sat 9:00-17:00"
    gap = SupportHours(week={0: DAY, 2: DAY}, timezone=LONDON)
    assert gap.text == "Mon 8:00-20:00, Wed 8:00-20:00"


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        HOURS.is_open(datetime(2026, 3, 10, 12))
