"""Puts data into words the way the shop writes them: money, dates, lists of items."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from frontdesk.brand import Brand

PHRASES_FILE = Path(__file__).with_name("phrases.yml")


@functools.lru_cache(maxsize=1)
def _phrases() -> Mapping[str, str]:
    phrases: dict[str, str] = yaml.safe_load(PHRASES_FILE.read_text(encoding="utf-8"))
    return phrases


def phrase(name: str, **values: object) -> str:
    """Words of phrases.yml with their values filled in.

    Raises:
        KeyError: there is no such phrase, or one of its values is missing.
    """
    return _phrases()[name].format(**values)


def money(amount: Decimal, brand: Brand) -> str:
    """`Decimal("1234.5")` → `"£1,234.50"`."""
    return f"{brand.currency_symbol}{amount:,.2f}"


def day(value: date | None) -> str:
    """`date(2026, 11, 3)` → `"Tuesday 3 November"`."""
    return f"{value:%A} {value.day} {value:%B}" if value else ""


def moment(value: datetime, brand: Brand) -> str:
    """A moment in the shop's own time zone: `"Tuesday 3 November, 9:05"`."""
    local = value.astimezone(ZoneInfo(brand.timezone))
    return f"{day(local.date())}, {local.hour}:{local:%M}"


def counted(items: Iterable[tuple[int, str]]) -> str:
    """`[(1, "Kettle"), (2, "Toaster")]` → `"Kettle and 2 × Toaster"`."""
    return joined([name if quantity == 1 else f"{quantity} × {name}" for quantity, name in items])


def joined(parts: Iterable[str]) -> str:
    """`["a", "b", "c"]` → `"a, b and c"`."""
    *rest, last = list(parts) or [""]
    return f"{', '.join(rest)} and {last}" if rest else last
