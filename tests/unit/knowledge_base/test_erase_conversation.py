"""Erasing a conversation: nothing that names it or its customer stays, and other conversations are untouched."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from frontdesk.support_hours import OpeningTimes, SupportHours
from knowledge_base.database import Database
from knowledge_base.erase import erase_conversation
from knowledge_base.feedback import keep_feedback
from knowledge_base.identity import TooManyCodeRequests, confirm_code, principal_for, request_code
from knowledge_base.mail import OutboxMailer
from knowledge_base.orders import cancel_order
from knowledge_base.outcomes import rate, record
from knowledge_base.schema import Base, ConversationOutcome, Customer, Order, OutboxMail, Rating, Ticket
from knowledge_base.tickets import create_ticket

PEPPER = b"a secret key that only tests use"
HOURS = SupportHours(
    week=dict.fromkeys(range(7), OpeningTimes(time(8), time(20))),
    timezone=ZoneInfo("Europe/London"),
    holidays=frozenset(),
)
PLACEHOLDERS = dict.fromkeys(("shop_name", "support_email", "support_phone", "support_hours", "site_url"), "x")


def request(database: Database, conversation_id: str, number: str, email: str, now: datetime) -> None:
    with database.transaction() as session:
        request_code(
            session,
            conversation_id=conversation_id,
            order_number=number,
            email=email,
            now=now,
            mailer=OutboxMailer(PLACEHOLDERS),
            pepper=PEPPER,
        )


def live_through_everything(database: Database, conversation_id: str, number: str, email: str, now: datetime) -> None:
    """A conversation that leaves a row wherever one can be left, with its id and "SECRET" in the texts."""
    request(database, conversation_id, number, email, now)
    with database.transaction() as session:
        body = session.query(OutboxMail).filter(OutboxMail.to_address == email).one().body
        code = re.findall(r"\b\d{6}\b", body)[0]
        confirm_code(session, conversation_id=conversation_id, code=code, now=now, pepper=PEPPER)
        principal = principal_for(session, conversation_id, now)
        assert principal is not None
        cancel_order(session, principal, number, reason="changed my mind", now=now)
        create_ticket(
            session,
            conversation_id=conversation_id,
            principal=principal,
            contact_email="SECRET@example.net",
            topic="repair",
            summary="SECRET",
            transcript="SECRET",
            now=now,
            hours=HOURS,
        )
        record(session, conversation_id, "failed", "repair", now, detail="SECRET")
        rate(session, conversation_id, 2, "SECRET", now)
        keep_feedback(session, conversation_id, "turn.1", thumbs="down", comment="SECRET", now=now)


@pytest.fixture
def shop(database: Database, rows: Any, now: datetime) -> Database:
    """Two customers who each had a conversation."""
    rows.product("KET-1", "39.99")
    for name, number in (("alex", "1043"), ("sam", "1044")):
        email = f"{name}@example.com"
        rows.order(number, rows.customer(email), [("KET-1", 1)], "processing")
        live_through_everything(database, f"chat-{name}", number, email, now)
    return database


def dump(database: Database) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with database.reading() as session:
        return {
            name: [str(tuple(row)) for row in session.execute(select(table))]
            for name, table in Base.metadata.tables.items()
        }


def test_no_row_names_the_conversation_or_holds_its_texts(shop: Database) -> None:
    assert any("chat-alex" in row for rows in dump(shop).values() for row in rows)
    with shop.transaction() as session:
        erase_conversation(session, "chat-alex")
    left = dump(shop)
    assert [row for rows in left.values() for row in rows if "chat-alex" in row] == []
    assert (
        sum("SECRET" in row for rows in left.values() for row in rows) == 4
    )  # Sam's ticket, outcome, rating, feedback


def test_the_proof_of_identity_is_gone(shop: Database, now: datetime) -> None:
    with shop.transaction() as session:
        erase_conversation(session, "chat-alex")
        assert principal_for(session, "chat-alex", now) is None
        assert principal_for(session, "chat-sam", now) is not None


def test_mails_of_the_conversation_leave_the_outbox(shop: Database, rows: Any) -> None:
    with shop.transaction() as session:
        erase_conversation(session, "chat-alex")
    assert [mail.to_address for mail in rows.all(OutboxMail)] == ["sam@example.com"]


def test_other_conversations_are_untouched(shop: Database) -> None:
    before = {name: [row for row in rows if "chat-sam" in row] for name, rows in dump(shop).items()}
    with shop.transaction() as session:
        erase_conversation(session, "chat-alex")
    after = dump(shop)
    assert all(row in after[name] for name, rows in before.items() for row in rows)


def test_figures_orders_and_accounts_stay(shop: Database, rows: Any) -> None:
    with shop.transaction() as session:
        erase_conversation(session, "chat-alex")
    assert len(rows.all(ConversationOutcome)) == 4
    assert [rating.score for rating in rows.all(Rating)] == [2, 2]
    assert (len(rows.all(Ticket)), len(rows.all(Customer))) == (2, 2)
    assert [order.state for order in rows.all(Order)] == ["cancelled", "cancelled"]


def test_what_was_erased_is_counted(shop: Database) -> None:
    with shop.transaction() as session:
        assert erase_conversation(session, "chat-alex") == {
            "mails": 1,
            "proofs of identity": 1,
            "codes": 1,
            "tickets": 1,
            "outcomes": 2,
            "ratings": 1,
            "feedback": 1,
            "order events": 1,
        }
        assert not any(erase_conversation(session, "chat-alex").values())


def test_erasing_does_not_get_around_the_limit_on_codes(shop: Database, now: datetime) -> None:
    for number in range(4):
        request(shop, f"chat-{number}", "1043", "someone@example.net", now)
        with shop.transaction() as session:
            erase_conversation(session, f"chat-{number}")
    with pytest.raises(TooManyCodeRequests):
        request(shop, "chat-4", "1043", "someone@example.net", now)


def test_erasing_what_is_not_there_changes_nothing(shop: Database) -> None:
    before = dump(shop)
    with shop.transaction() as session:
        erase_conversation(session, "chat-nobody")
    assert dump(shop) == before
