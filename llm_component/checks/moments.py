"""Dates, weekdays and times of day: how texts write them, and their normal form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm_component.checks.fact import Fact

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAY_NAME = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?s?"
MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
YEAR = r"(?:,? (?P<year>(?:19|20)\d\d))?"
CLOCK = (
    r"(?:\d{1,2}(?:[:.]\d{2})?\s?(?:am|pm|a\.m\.?|p\.m\.?)|(?:[01]?\d|2[0-4]):[0-5]\d|\b(?:noon|midday|midnight)\b"
    r"|\b\d{1,2} o['’]clock)"
)


def clock(match: re.Match[str]) -> Iterator[Fact]:
    """A time of day."""
    said = match.group().lower().replace(" ", "").replace(".m", "m").rstrip(".")
    if said in ("noon", "midday", "midnight"):
        yield Fact("time", "00:00" if said == "midnight" else "12:00", match.group())
        return
    found = re.match(r"(\d{1,2})(?:[:.](\d{2}))?(am|pm)?", said)
    if found is None:
        return
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    if hour <= 24 and minute < 60:
        yield Fact("time", f"{hour % 24:02d}:{minute:02d}", match.group())


def clock_range(match: re.Match[str]) -> Iterator[Fact]:
    """ "8-20", "8am to 8pm", "9 to 5pm": the first hour may lack what the second has."""
    tail = match["high"]
    head = match["low"]
    half = re.search(r"[ap]\.?m", tail.lower())
    hours = re.match(r"\d+", tail)
    if not re.search(r"[ap]m", head.lower()):
        if half is not None and hours is not None and int(re.match(r"\d+", head)[0]) < int(hours[0]):  # type: ignore[index]
            head += half.group()
        elif ":" not in head:
            head += ":00"
    for said in (head, tail):
        whole = re.match(r".*", said)
        if whole is not None:
            yield from clock(whole)


def _month_number(name: str) -> int:
    return next(index for index, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


def date(match: re.Match[str]) -> Iterator[Fact]:
    """A date, or a month where there is no day, and the year if it is said."""
    groups = match.groupdict()
    month = _month_number(groups["month"]) if groups.get("month") else int(groups["number"])
    day, year = groups.get("day"), groups.get("year")
    if day and (not 1 <= month <= 12 or not 1 <= int(day) <= 31):
        return
    if day:
        yield Fact("date", f"{month:02d}-{int(day):02d}", match.group())
    else:
        yield Fact("month", f"{month:02d}", match.group())
    if year:
        yield Fact("year", year if len(year) == 4 else f"20{year}", match.group())


def weekday(match: re.Match[str]) -> Iterator[Fact]:
    """A weekday or a range of them, day by day."""
    first = next(index for index, day in enumerate(_DAYS) if day.startswith(match["first"].lower()[:3]))
    last = first
    if match["last"]:
        last = next(index for index, day in enumerate(_DAYS) if day.startswith(match["last"].lower()[:3]))
    if first != last:
        yield Fact("weekdays", f"{_DAYS[first][:3]}-{_DAYS[last][:3]}", match.group())
    while True:
        yield Fact("weekday", _DAYS[first][:3], match.group())
        if first == last:
            return
        first = (first + 1) % 7


def days_word(match: re.Match[str]) -> Iterator[Fact]:
    """Weekdays or weekend."""
    for day in _DAYS[5:] if "end" in match.group().lower() else _DAYS[:5]:
        yield Fact("weekday", day[:3], match.group())
