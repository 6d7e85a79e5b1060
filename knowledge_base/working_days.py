"""Counting in working days, Monday to Friday (bank holidays are counted as working days)."""

from __future__ import annotations

from datetime import date, timedelta

SATURDAY = 5  # date.weekday()


def add_working_days(day: date, count: int) -> date:
    """The day `count` (>= 0) working days after `day`; 0 gives `day` or the Monday after it."""
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    for _ in range(count):
        day += timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += timedelta(days=1)
    return day
