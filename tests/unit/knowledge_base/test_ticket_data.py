"""Tickets: by when a person answers, and what is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from frontdesk.support_hours import OpeningTimes, SupportHours
from knowledge_base.database import Database
from knowledge_base.principal import NotVerified, Principal
from knowledge_base.schema import Ticket
from knowledge_base.tickets import InvalidContact, after_support_hours, create_ticket

WEEKDAY, SATURDAY = OpeningTimes(time(8), time(20)), OpeningTimes(time(9), time(17))
HOURS = SupportHours(
    week={**dict.fromkeys(range(5), WEEKDAY), 5: SATURDAY}, timezone=ZoneInfo("Europe/London"), holidays=frozenset()
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def hand_over(session: Session, now: datetime, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "conversation_id": "chat-1",
        "principal": None,
        "contact_email": "alex@example.com",
        "topic": "repair",
        "summary": "The kettle leaks.",
        "transcript": "Customer: it leaks",
    }
    return create_ticket(session, **{**arguments, **changes}, now=now, hours=HOURS)


@pytest.mark.parametrize(
    ("now", "answer_by"),
    [
        ("2026-03-10 11:00", "2026-03-10 15:00"),  # Tuesday, open
        ("2026-03-10 18:00", "2026-03-11 10:00"),  # two hours today, two tomorrow
        ("2026-03-10 20:00", "2026-03-11 12:00"),  # just closed
        ("2026-03-14 16:00", "2026-03-16 11:00"),  # Saturday: an hour, then Monday
        ("2026-03-28 16:00", "2026-03-30 10:00"),  # clocks go forward on the Sunday: Monday opens at 7:00 UTC
    ],
)
def test_four_support_hours_are_counted_while_people_are_there(now: str, answer_by: str) -> None:
    assert after_support_hours(HOURS, at(now), timedelta(hours=4)) == at(answer_by)


def test_a_ticket_gets_a_number_and_a_time(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        ticket = hand_over(session, now)
    assert (ticket.number, ticket.answer_by, ticket.open_now) == ("T10001", now + timedelta(hours=4), True)


def test_a_ticket_counts_the_open_ones_before_it(database: Database, rows: Any, now: datetime) -> None:
    with database.transaction() as session:
        first, second = hand_over(session, now), hand_over(session, now)
        session.execute(update(Ticket).where(Ticket.id == 1).values(state="answered"))
        third = hand_over(session, now)
    assert (first.ahead, second.ahead, third.ahead) == (0, 1, 1)


def test_a_ticket_says_when_nobody_is_there(database: Database) -> None:
    with database.transaction() as session:
        assert not hand_over(session, at("2026-03-15 11:00")).open_now


def test_a_verified_customers_ticket_belongs_to_their_account(database: Database, rows: Any, now: datetime) -> None:
    customer = rows.customer()
    with database.transaction() as session:
        hand_over(session, now, principal=rows.principal(customer), contact_email=None)
    (ticket,) = rows.all(Ticket)
    assert (ticket.customer_id, ticket.contact_email, ticket.state) == (customer, None, "open")


def test_an_expired_proof_ties_no_ticket_to_an_account(database: Database, rows: Any, now: datetime) -> None:
    expired = dataclasses.replace(rows.principal(rows.customer()), expires_at=now)
    with pytest.raises(NotVerified), database.transaction() as session:
        hand_over(session, now, principal=expired)


def test_a_ticket_without_an_identity_check_belongs_to_no_account(database: Database, rows: Any, now: datetime) -> None:
    rows.customer("alex@example.com")
    with database.transaction() as session:
        hand_over(session, now, contact_email="alex@example.com")
    assert rows.all(Ticket)[0].customer_id is None


@pytest.mark.parametrize("email", ["", "alex", "alex@", "a b@example.com", "alex@example.com\nBcc: x@example.org"])
def test_an_address_that_is_none_is_refused(database: Database, now: datetime, email: str) -> None:
    with pytest.raises(InvalidContact), database.transaction() as session:
        hand_over(session, now, contact_email=email)


def test_texts_of_any_length_and_kind_are_kept(database: Database, rows: Any, now: datetime) -> None:
    with database.transaction() as session:
        hand_over(session, now, topic="t" * 500, summary="\0a", transcript="😀\ud800" * 1000)
    (ticket,) = rows.all(Ticket)
    assert (len(ticket.topic), ticket.summary, len(ticket.transcript)) == (80, "a", 2000)


def test_ticket_numbers_are_unique_at_once(now: datetime, at_once: Callable[..., list[Any]]) -> None:
    assert len({ticket.number for ticket in at_once(lambda session: hand_over(session, now), 6)}) == 6


def test_an_operator_opens_a_ticket_for_nobodys_account(database: Database, rows: Any, now: datetime) -> None:
    with database.transaction() as session:
        hand_over(session, now, principal=Principal.operator("sam"))
    assert rows.all(Ticket)[0].customer_id is None
