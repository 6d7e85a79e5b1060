"""The shop's rules in figures: a default for each, which a row of table `policies` overrides."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Session

from knowledge_base.schema import Policy

DEFAULT_POLICIES: dict[str, str] = {
    "return_window_days": "30",  # from delivery
    "damage_window_days": "730",  # from delivery; the warranty's two years
    "delivery_refund_window_days": "14",  # whole order back within these: standard delivery charge refunded
    "standard_delivery_charge": "4.95",  # pounds; the most that is refunded of a delivery charge
    "authorisation_release_working_days": "5",
    "missing_parcel_after_working_days": "1",  # after the expected date
    "carrier_search_working_days": "5",
    "ticket_answer_hours": "4",  # within support hours
    "return_label_url": "https://parcelway.example/label/{label_code}",
}


def policy(session: Session, key: str) -> str:
    """The shop's value for `key`, or its default; KeyError for a key that no rule has."""
    row = session.get(Policy, key)
    return DEFAULT_POLICIES[key] if row is None else str(row.value)


def policy_count(session: Session, key: str) -> int:
    """A policy in days or hours."""
    return int(policy(session, key))


def policy_amount(session: Session, key: str) -> Decimal:
    """A policy in pounds."""
    return Decimal(policy(session, key))
