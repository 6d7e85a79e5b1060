"""The shop's own name, contact details, hours and look, read from brand.yml and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from frontdesk.support_hours import WEEKDAYS, OpeningTimes, SupportHours

BRAND_FILE_VARIABLE = "FRONTDESK_BRAND_FILE"
DEFAULT_BRAND_FILE = Path(__file__).resolve().parents[1] / "brand.yml"

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_]+)\s*\}\}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://[^\s/]+[^\s]*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

_FIELDS = (
    "name", "legal_name", "site_url", "support_email", "support_phone", "language", "currency",
    "currency_symbol", "timezone", "tone", "colour", "hours", "holidays",
)  # fmt: skip


class BrandError(ValueError):
    """brand.yml cannot be used; the message names the file and the field."""


class UnknownPlaceholder(ValueError):
    """A text uses a placeholder that the brand does not fill."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"unknown placeholder {{{{{name}}}}}; known are {', '.join(known)}")
        self.name = name


@dataclass(frozen=True)
class Brand:
    """What brand.yml says."""

    name: str
    legal_name: str
    site_url: str  # without a slash at the end
    support_email: str
    support_phone: str
    language: str  # BCP 47, such as en-GB
    currency: str  # ISO 4217, such as GBP
    currency_symbol: str
    timezone: str  # IANA name, such as Europe/London
    tone: str  # one sentence for whoever writes in the shop's voice, the language model included
    colour: str  # #RRGGBB, the widget's accent
    hours: SupportHours

    def placeholders(self) -> dict[str, str]:
        """Values for `{{name}}` in articles and `{name}` in responses."""
        return {
            "shop_name": self.name,
            "legal_name": self.legal_name,
            "site_url": self.site_url,
            "support_email": self.support_email,
            "support_phone": self.support_phone,
            "support_hours": self.hours.text,
            "currency_symbol": self.currency_symbol,
        }

    def fill(self, text: str) -> str:
        """`text` with its `{{placeholders}}` filled. Raises `UnknownPlaceholder`."""
        values = self.placeholders()

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in values:
                raise UnknownPlaceholder(name, sorted(values))
            return values[name]

        return _PLACEHOLDER.sub(value, text)


def load_brand(path: Path | str | None = None) -> Brand:
    """The brand in `path`; without one, in the file that FRONTDESK_BRAND_FILE names or the project's brand.yml.

    Raises `BrandError`, which names the field, where the file is missing or says something impossible.
    """
    source = Path(path or os.environ.get(BRAND_FILE_VARIABLE) or DEFAULT_BRAND_FILE)
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BrandError(f"{source}: there is no such file; copy brand.yml from the project's root") from None
    except yaml.YAMLError as error:
        raise BrandError(f"{source}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise BrandError(f"{source}: expected fields such as 'name: ...', found {type(content).__name__}")
    return _BrandFile(source, content).brand()


class _BrandFile:
    """The parsed file, read a field at a time so that every error can name its field."""

    def __init__(self, source: Path, content: Mapping[Any, Any]) -> None:
        self.source = source
        self.content = content

    def brand(self) -> Brand:
        unknown = sorted(str(key) for key in self.content if key not in _FIELDS)
        if unknown:
            raise self.error(unknown[0], f"unknown field; known are {', '.join(_FIELDS)}")
        zone = self.zone()
        return Brand(
            name=self.text("name"),
            legal_name=self.text("legal_name"),
            site_url=self.matching("site_url", _URL, "a web address such as https://shop.example").rstrip("/"),
            support_email=self.matching("support_email", _EMAIL, "an email address"),
            support_phone=self.text("support_phone"),
            language=self.matching("language", _LANGUAGE, "a language tag such as en-GB"),
            currency=self.matching("currency", _CURRENCY, "three capital letters such as GBP"),
            currency_symbol=self.text("currency_symbol"),
            timezone=zone.key,
            tone=self.text("tone"),
            colour=self.matching("colour", _COLOUR, 'a colour in quotes such as "#0B6E4F"'),
            hours=SupportHours(week=self.week(), timezone=zone, holidays=self.holidays()),
        )

    def error(self, name: str, problem: str) -> BrandError:
        return BrandError(f"{self.source}: field '{name}': {problem}")

    def text(self, name: str) -> str:
        value = self.content.get(name)
        if value is None:
            raise self.error(name, "missing")
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, f"expected text, found {value!r}; put it in quotes")
        return value.strip()

    def matching(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise self.error(name, f"expected {expected}, found {value!r}")
        return value

    def zone(self) -> ZoneInfo:
        name = self.text("timezone")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise self.error("timezone", f"no time zone is called {name!r}; use one such as Europe/London") from None

    def week(self) -> dict[int, OpeningTimes]:
        hours = self.content.get("hours")
        if not isinstance(hours, dict) or not hours:
            raise self.error("hours", 'expected days such as mon: ["8:00", "20:00"]')
        week = {}
        for day, times in hours.items():
            if day not in WEEKDAYS:
                raise self.error(f"hours.{day}", f"unknown day; known are {', '.join(WEEKDAYS)}")
            if not isinstance(times, list) or len(times) != 2:
                raise self.error(f"hours.{day}", 'expected two times such as ["8:00", "20:00"]')
            opens, closes = (self.clock(f"hours.{day}", value) for value in times)
            if opens >= closes:
                raise self.error(f"hours.{day}", f"opens at {times[0]} but closes at {times[1]}")
            week[WEEKDAYS.index(day)] = OpeningTimes(opens, closes)
        return week

    def clock(self, name: str, value: object) -> time:
        # YAML reads an unquoted 8:00 as the number 480, so only quoted times can be told apart.
        match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.error(name, f'expected a time in quotes such as "8:00", found {value!r}')
        return time(int(match.group(1)), int(match.group(2)))

    def holidays(self) -> frozenset[date]:
        days = self.content.get("holidays") or []
        if not isinstance(days, list):
            raise self.error("holidays", "expected a list of dates such as 2026-12-25")
        return frozenset(self.day(f"holidays[{position}]", value) for position, value in enumerate(days))

    def day(self, name: str, value: object) -> date:
        if type(value) is date:
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise self.error(name, f"expected a date such as 2026-12-25, found {value!r}") from None
