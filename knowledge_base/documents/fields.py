"""What a front matter, a side file, a table row or a JSON object says about a document, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from rapidfuzz import fuzz, process

from knowledge_base.documents.document import TITLE_CHARACTERS, DocumentError, Fields

LENGTHS = {"title": TITLE_CHARACTERS, "category": 60, "topic": 60, "url": 300, "version": 60, "author": 200}
LENGTHS |= {"audience": 60, "language": 12}
PRODUCT_CHARACTERS = 120
TEXTS = ("title", "topic", "category", "url", "version", "author", "language", "audience")
LISTS = ("products", "keywords")
DAYS = {"updated": "dated", "date": "dated", "valid_from": "valid_from", "valid_until": "valid_until"}
STATES = ("published", "draft")
KNOWN = (*TEXTS, *LISTS, *DAYS, "status")
# Rapidfuzz's ratio from which an unknown field is taken for a slip of a known one, such as "keyword".
SLIP = 80


def read_fields(values: Mapping[str, Any]) -> Fields:
    """The fields that `values` names. Fields of other systems are passed over; a slip in one of ours is a fault.

    Raises `DocumentError`, which names the field.
    """
    for name in values:
        near = None if name in KNOWN else process.extractOne(str(name), KNOWN, scorer=fuzz.ratio, score_cutoff=SLIP)
        if near is not None:
            raise DocumentError(f"field '{name}': unknown; did you mean '{near[0]}'?")
    found: dict[str, Any] = {name: _single(name, values[name]) for name in TEXTS if _said(values, name)}
    found |= {name: _several(name, values[name]) for name in LISTS if _said(values, name)}
    found |= {field: _day(name, values[name]) for name, field in DAYS.items() if _said(values, name)}
    if "language" in found:
        found["language"] = primary_subtag(found["language"])
    if _said(values, "status"):
        state = _single("status", values["status"])
        if state not in STATES:
            raise DocumentError(f"field 'status': expected one of {', '.join(STATES)}, found {state!r}")
        found["draft"] = state == "draft"
    fields = Fields(**found)
    if fields.valid_from and fields.valid_until and fields.valid_from > fields.valid_until:
        raise DocumentError(f"field 'valid_until': {fields.valid_until} is before valid_from, {fields.valid_from}")
    return fields


def overlaid(below: Fields, above: Fields) -> Fields:
    """`below` with what `above` says in its place."""
    said = {name: value for name, value in vars(above).items() if value}
    return replace(below, **said)


def primary_subtag(tag: str) -> str:
    """The language of a tag such as en-GB, de_AT or EN."""
    return tag.replace("_", "-").split("-")[0].strip().lower()


def lenient_day(text: str | None) -> date | None:
    """The day that a date or a moment starts with (2026-11-20, 2026-11-20T08:00:00Z), None where it is not one."""
    try:
        return date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None


def _said(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    return value is not None and value != "" and value != []


def _single(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise DocumentError(f"field '{name}': expected text, found {type(value).__name__}")
    text = " ".join(str(value).split())
    if len(text) > LENGTHS.get(name, TITLE_CHARACTERS):
        raise DocumentError(f"field '{name}': longer than {LENGTHS[name]} characters")
    return text


def _several(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and name == "products" and ";" in value:
        value = value.split(";")  # a table's cell
    if not isinstance(value, list):
        raise DocumentError(f"field '{name}': expected a list such as [one, two]")
    items = tuple(dict.fromkeys(str(item).strip() for item in value if str(item).strip()))
    if any(len(item) > PRODUCT_CHARACTERS for item in items):
        raise DocumentError(f"field '{name}': an entry is longer than {PRODUCT_CHARACTERS} characters")
    return items


def _day(name: str, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise DocumentError(f"field '{name}': expected a date such as 2026-09-03, found {value!r}") from None
