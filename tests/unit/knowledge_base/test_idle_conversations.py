"""Which conversations have been idle for too long, and that purging erases these and no others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from knowledge_base import erase
from knowledge_base.database import Database
from knowledge_base.erase import (
    CONVERSATIONS_KEPT_FOR,
    erase_idle_conversations,
    idle_conversations,
    open_tickets_of_idle,
)
from knowledge_base.schema import (
    Base,
    ConversationOutcome,
    MessageFeedback,
    Order,
    OrderEvent,
    Rating,
    Ticket,
    VerificationCode,
    VerifiedConversation,
)

PRIVACY_ARTICLE = Path(__file__).resolve().parents[3] / "data" / "knowledge" / "company" / "privacy-in-chat.md"
WEEK = timedelta(days=7)

Leave = Callable[[str, str, datetime], None]

TRACES: dict[str, Callable[[int, datetime], Any]] = {
    "tickets": lambda order, at: Ticket(topic="repair", summary="", transcript="", created_at=at, answer_by=at),
    "verification_codes": lambda order, at: VerificationCode(
        order_number="1043", code_hmac="x", created_at=at, expires_at=at
    ),
    "verified_conversations": lambda order, at: VerifiedConversation(customer_id=1, verified_at=at, expires_at=at),
    "conversation_outcomes": lambda order, at: ConversationOutcome(kind="failed", at=at),
    "ratings": lambda order, at: Rating(score=3, at=at),
    "message_feedback": lambda order, at: MessageFeedback(message_id="turn.1", thumbs="up", at=at),
    "order_events": lambda order, at: OrderEvent(order_id=order, kind="cancelled", actor="customer", at=at),
}


@pytest.fixture
def leave(database: Database, rows: Any) -> Leave:
    """Leaves a row of a table behind: `leave(table, conversation_id, at)`."""
    rows.product("KET-1", "39.99")
    customer = rows.customer()
    rows.order("1043", customer, [("KET-1", 1)], "processing")
    (order,) = rows.all(Order)

    def write(table: str, conversation_id: str, at: datetime) -> None:
        row = TRACES[table](order.id, at)
        row.conversation_id = conversation_id
        if table == "verified_conversations":
            row.customer_id = customer
        with database.transaction() as session:
            session.add(row)

    return write


def idle(database: Database, before: datetime) -> list[str]:
    with database.reading() as session:
        return sorted(idle_conversations(session, before))


def test_every_table_that_names_a_conversation_counts_as_a_trace() -> None:
    naming = {name for name, table in Base.metadata.tables.items() if "conversation_id" in table.columns}
    assert naming == set(TRACES)


def test_conversations_are_kept_as_long_as_the_privacy_article_says() -> None:
    promised = f"Conversations are kept for {CONVERSATIONS_KEPT_FOR.days} days and then deleted."
    assert promised in PRIVACY_ARTICLE.read_text(encoding="utf-8")


@pytest.mark.parametrize("table", sorted(TRACES))
def test_a_conversation_is_idle_once_its_trace_is_older(
    database: Database, leave: Leave, now: datetime, table: str
) -> None:
    leave(table, "chat-1", now)

    assert idle(database, now) == []
    assert idle(database, now + timedelta(seconds=1)) == ["chat-1"]


@pytest.mark.parametrize("table", sorted(TRACES))
def test_the_newest_trace_counts(database: Database, leave: Leave, now: datetime, table: str) -> None:
    for older in TRACES.keys() - {table}:
        leave(older, "chat-1", now - WEEK)
    leave(table, "chat-1", now)

    assert idle(database, now) == []


def test_only_what_is_idle_is_erased(database: Database, rows: Any, leave: Leave, now: datetime) -> None:
    for table in TRACES:
        leave(table, "old", now - WEEK)
        leave(table, "new", now)

    assert erase_idle_conversations(database, now) == {
        "conversations": 1,
        "mails": 0,
        "proofs of identity": 1,
        "codes": 1,
        "tickets": 1,
        "outcomes": 1,
        "ratings": 1,
        "feedback": 1,
        "order events": 1,
    }
    assert sorted(str(ticket.conversation_id) for ticket in rows.all(Ticket)) == ["None", "new"]
    assert erase_idle_conversations(database, now) == {}


def test_more_conversations_than_one_transaction_takes_are_all_erased(
    database: Database, leave: Leave, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "CONVERSATIONS_A_TRANSACTION", 2)
    for number in range(5):
        leave("ratings", f"chat-{number}", now - WEEK)

    assert erase_idle_conversations(database, now)["conversations"] == 5
    assert idle(database, now) == []


def test_a_conversation_that_comes_back_meanwhile_is_left_alone(
    database: Database, leave: Leave, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave("ratings", "back", now - WEEK)
    leave("ratings", "gone", now - WEEK)
    looks: list[list[str]] = []

    def look(session: Session, *limits: Any) -> list[str]:
        looks.append(idle_conversations(session, *limits))
        if len(looks) == 1:
            leave("tickets", "back", now)
        return looks[-1]

    monkeypatch.setattr(erase, "idle_conversations", look)
    assert erase_idle_conversations(database, now)["conversations"] == 1
    assert [sorted(look) for look in looks] == [["back", "gone"], ["gone"]]


def test_a_look_can_be_limited_to_some_conversations(database: Database, leave: Leave, now: datetime) -> None:
    for conversation_id in ("one", "two"):
        leave("ratings", conversation_id, now - WEEK)

    with database.reading() as session:
        assert idle_conversations(session, now, ["two", "unknown"]) == ["two"]


def test_open_tickets_of_idle_conversations_are_counted(
    database: Database, rows: Any, leave: Leave, now: datetime
) -> None:
    for conversation_id in ("answered", "waiting"):
        leave("tickets", conversation_id, now - WEEK)
    leave("tickets", "new", now)
    with database.transaction() as session:
        session.merge(Ticket(id=rows.all(Ticket)[0].id, state="answered"))

    with database.reading() as session:
        assert open_tickets_of_idle(session, now) == 1
