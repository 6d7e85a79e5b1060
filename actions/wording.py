"""Puts data into words the way the shop writes them: money, dates, lists of items."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from frontdesk.brand import Brand


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
