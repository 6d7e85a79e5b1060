"""Personal data in a text: what may leave only if it stands in the passages, or if the customer gave it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llm_component.checks.quantities import EMAIL, PHONE


@dataclass(frozen=True)
class PersonalItem:
    """Something personal. `value` is its normal form: equal items have equal values, however they were written."""

    kind: str
    value: str


_CARD = re.compile(r"(?<![\w.])\d(?:[ \-]?\d){12,18}(?![\w])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.IGNORECASE)
_SORT_CODE = re.compile(r"(?<![\d-])\d{2}-\d{2}-\d{2}(?![\d-])")
_ACCOUNT = re.compile(r"\b(?:account|acct|a/c)\b[^.\d]{0,25}(\d{8})(?!\d)", re.IGNORECASE)
# Prefixes that are never given out: D, F, I, Q, U, V, and O in second place (HMRC, National Insurance Manual NIM39110).
_INSURANCE = re.compile(
    r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", re.IGNORECASE
)
_POSTCODE = re.compile(
    r"\b(?:GIR ?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d(?:\d|[ABEHMNPRVWXY])?|\d[A-HJKPS-UW]) ?\d[ABD-HJLNP-UW-Z]{2})\b"
)
_STREET = re.compile(
    r"\b(\d{1,4}[A-Za-z]?,? (?:[A-Z][\w'’-]+ ){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Place|Pl|Square|Terrace|Gardens|Crescent|Hill|Grove|Park|Row|Mews|Walk|Parade|Green))\b"
)
_EMAIL = re.compile(EMAIL)
_PHONE = re.compile(PHONE)
_BIRTH = re.compile(
    r"\b(?:born on|date of birth|dob)\b\W{0,10}((?:\d{1,2}[/. -])+\d{2,4}|\d{1,2}(?:st|nd|rd|th)? \w+ \d{4})",
    re.IGNORECASE,
)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _phone_digits(text: str) -> str:
    digits = re.sub(r"\D", "", text.replace("(0)", ""))
    return digits if text.lstrip().startswith("+") else "44" + digits.removeprefix("0")


def passes_luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616: remainder 1 by 97)."""
    squeezed = _squeezed(text)
    moved = squeezed[4:] + squeezed[:4]
    return 15 <= len(squeezed) <= 34 and int("".join(str(int(each, 36)) for each in moved)) % 97 == 1


def _card(match: re.Match[str]) -> str | None:
    digits = re.sub(r"\D", "", match.group())
    return digits if passes_luhn(digits) and len(set(digits)) > 1 else None


def _iban(match: re.Match[str]) -> str | None:
    # The pattern may have run on into the words behind: the longest beginning that checks out is the number.
    squeezed = _squeezed(match.group())
    return next((squeezed[:end] for end in range(min(len(squeezed), 34), 14, -1) if is_iban(squeezed[:end])), None)


_FINDERS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
    ("email", _EMAIL, lambda match: match.group().lower()),
    ("iban", _IBAN, _iban),
    ("card", _CARD, _card),
    ("insurance_number", _INSURANCE, lambda match: _squeezed(match.group())),
    ("phone", _PHONE, lambda match: _phone_digits(match.group())),
    ("sort_code", _SORT_CODE, lambda match: _squeezed(match.group())),
    ("account_number", _ACCOUNT, lambda match: match[1]),
    ("postcode", _POSTCODE, lambda match: _squeezed(match.group())),
    ("street", _STREET, lambda match: _squeezed(match[1])),
    ("birth_date", _BIRTH, lambda match: _squeezed(match[1])),
)


def personal_items(text: str) -> list[PersonalItem]:
    """E-mail addresses, phone and card numbers, IBANs, sort codes, account and National Insurance numbers, postcodes,
    street addresses and dates of birth in `text`. Names of people are not found: no pattern tells them from products.
    """
    found: list[PersonalItem] = []
    for kind, pattern, normal in _FINDERS:
        for match in pattern.finditer(text):
            value = normal(match)
            if value is not None:
                found.append(PersonalItem(kind, value))
    return list(dict.fromkeys(found))


def unexpected_items(text: str, allowed: Iterable[str]) -> list[PersonalItem]:
    """The personal items of `text` that stand in none of the texts in `allowed`."""
    items = personal_items(text)
    if not items:
        return []
    known = {item for each in allowed for item in personal_items(each)}
    return [item for item in items if item not in known]
