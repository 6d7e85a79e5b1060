"""When people answer: opening hours a weekday, holidays, and the next moment that somebody is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

WEEKDAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The longest run of closed days that next_opening looks across; more means that the hours are wrong.
LONGEST_CLOSURE_DAYS = 60


@dataclass(frozen=True)
class OpeningTimes:
    """Local opening and closing time of one day; `opens` is included, `closes` is not."""

    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


@dataclass(frozen=True)
class SupportHours:
    """Opening hours by weekday (0 is Monday), with days on which support is closed all day.

    Every method takes an aware `datetime` in any zone and thinks in `timezone`.
    """

    week: Mapping[int, OpeningTimes]
    timezone: ZoneInfo
    holidays: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not self.week:
            raise ValueError("support hours need at least one open day")
        object.__setattr__(self, "week", MappingProxyType(dict(sorted(self.week.items()))))

    def on(self, day: date) -> OpeningTimes | None:
        """Opening times of a local calendar day, or None where support is closed."""
        if day in self.holidays:
            return None
        return self.week.get(day.weekday())

    def is_open(self, now: datetime) -> bool:
        """Whether somebody is there at `now`."""
        local = self._local(now)
        times = self.on(local.date())
        return times is not None and times.opens <= local.time().replace(tzinfo=None) < times.closes

    def next_opening(self, now: datetime) -> datetime:
        """The next moment at which support opens, in local time; `now` itself while support is open."""
        local = self._local(now)
        if self.is_open(now):
            return local
        for days in range(LONGEST_CLOSURE_DAYS):
            day = local.date() + timedelta(days=days)
            times = self.on(day)
            if times is None:
                continue
            opening = datetime.combine(day, times.opens, tzinfo=self.timezone)
            if opening > local:
                return opening
        raise ValueError(f"support does not open within {LONGEST_CLOSURE_DAYS} days of {local.date()}")

    def closing(self, now: datetime) -> datetime | None:
        """When support closes today, in local time; None while it is closed."""
        local = self._local(now)
        times = self.on(local.date())
        if times is None or not self.is_open(now):
            return None
        return datetime.combine(local.date(), times.closes, tzinfo=self.timezone)

    @property
    def text(self) -> str:
        """The week for a reader, days with the same times joined: `Mon-Fri 8:00-20:00, Sat 9:00-17:00`."""
        runs: list[tuple[int, int, OpeningTimes]] = []
        for day, times in self.week.items():
            if runs and runs[-1][1] == day - 1 and runs[-1][2] == times:
                runs[-1] = (runs[-1][0], day, times)
            else:
                runs.append((day, day, times))
        return ", ".join(f"{_days(first, last)} {times}" for first, last, times in runs)

    def _local(self, now: datetime) -> datetime:
        if now.tzinfo is None:
            raise ValueError("now must be an aware datetime")
        return now.astimezone(self.timezone)


def _days(first: int, last: int) -> str:
    start = WEEKDAYS[first].capitalize()
    return start if first == last else f"{start}-{WEEKDAYS[last].capitalize()}"


def _clock(moment: time) -> str:
    return f"{moment.hour}:{moment.minute:02d}"
