"""Working days skip weekends."""

from datetime import date

import pytest

from knowledge_base.working_days import add_working_days

FRIDAY, SATURDAY, MONDAY = date(2026, 3, 13), date(2026, 3, 14), date(2026, 3, 16)


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (FRIDAY, 0, FRIDAY),
        (FRIDAY, 1, MONDAY),
        (SATURDAY, 0, MONDAY),
        (SATURDAY, 1, date(2026, 3, 17)),
        (MONDAY, 5, date(2026, 3, 23)),
    ],
)
def test_weekends_are_not_counted(day: date, count: int, expected: date) -> None:
    assert add_working_days(day, count) == expected
