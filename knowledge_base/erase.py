"""Erasing what a conversation left behind; sales and refunds stay, as the law wants them kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, union_all, update
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.schema import (
    ConversationOutcome,
    Customer,
    MessageFeedback,
    OrderEvent,
    OutboxMail,
    Rating,
    Ticket,
    VerificationCode,
    VerifiedConversation,
)

CONVERSATIONS_KEPT_FOR = timedelta(days=90)
"""What the shop's article on privacy promises."""

CONVERSATIONS_A_TRANSACTION = 100  # on SQLite nobody else writes meanwhile; so many take a fraction of a second

_TRACES: tuple[tuple[Any, Any], ...] = (
    (Ticket.conversation_id, Ticket.created_at),
    (VerificationCode.conversation_id, VerificationCode.created_at),
    (VerifiedConversation.conversation_id, VerifiedConversation.verified_at),
    (ConversationOutcome.conversation_id, ConversationOutcome.at),
    (Rating.conversation_id, Rating.at),
    (MessageFeedback.conversation_id, MessageFeedback.at),
    (OrderEvent.conversation_id, OrderEvent.at),
)
"""Wherever a conversation is named, and when that row was written."""


def erase_conversation(session: Session, conversation_id: str) -> Counter[str]:
    """Remove the conversation's texts, contact data, codes and proof of identity; gives the rows of each kind.

    All counts are 0 for a conversation that left nothing behind, or was erased before.

    Tickets, outcomes, ratings, feedback and order events remain as figures that name no conversation and no person.
    Code requests remain for a day as a bare order number and a time, so that erasing cannot be used to get
    around the limit on them.
    """
    proof = delete(VerifiedConversation).where(VerifiedConversation.conversation_id == conversation_id)
    erased = Counter(
        {
            "mails": _delete_mailed_codes(session, conversation_id),
            "proofs of identity": _run(session, proof),
            "codes": _blank(
                session,
                VerificationCode,
                conversation_id,
                customer_id=None,
                code_hmac="",
                closed_at=VerificationCode.created_at,
            ),
            "tickets": _blank(
                session, Ticket, conversation_id, customer_id=None, contact_email=None, summary="", transcript=""
            ),
            "outcomes": _blank(session, ConversationOutcome, conversation_id, detail=None),
            "ratings": _blank(session, Rating, conversation_id, comment=None),
            "feedback": _blank(session, MessageFeedback, conversation_id, comment=None),
            "order events": _blank(session, OrderEvent, conversation_id),
        }
    )
    session.expire_all()
    return erased


def idle_conversations(session: Session, before: datetime, among: Sequence[str] | None = None) -> list[str]:
    """The ids of conversations whose newest trace is older than `before`; with `among`, only of these."""
    return list(session.scalars(_idle(before, among)))


def open_tickets_of_idle(session: Session, before: datetime) -> int:
    """How many tickets of `idle_conversations` nobody has answered."""
    waiting = select(func.count()).select_from(Ticket).where(Ticket.state == "open")
    return session.scalar(waiting.where(Ticket.conversation_id.in_(_idle(before)))) or 0


def erase_idle_conversations(database: Database, before: datetime) -> Counter[str]:
    """Erase `idle_conversations`; gives the rows of each kind, and the conversations as "conversations".

    Works through them in transactions of `CONVERSATIONS_A_TRANSACTION`; broken off, it goes on where it was when it
    is called again. Raises `DatabaseUnavailable`.
    """
    erased: Counter[str] = Counter()
    with database.reading() as session:
        idle = idle_conversations(session, before)
    for start in range(0, len(idle), CONVERSATIONS_A_TRANSACTION):
        with database.transaction() as session:
            # Looked at again, as a customer may have come back meanwhile.
            still_idle = idle_conversations(session, before, idle[start : start + CONVERSATIONS_A_TRANSACTION])
            for conversation_id in still_idle:
                erased.update(erase_conversation(session, conversation_id))
        erased["conversations"] += len(still_idle)
    return erased


def _idle(before: datetime, among: Sequence[str] | None = None) -> Any:
    traces = [
        select(conversation_id.label("conversation_id"), at.label("at")).where(
            conversation_id.is_not(None) if among is None else conversation_id.in_(among)
        )
        for conversation_id, at in _TRACES
    ]
    trace = union_all(*traces).subquery()
    return select(trace.c.conversation_id).group_by(trace.c.conversation_id).having(func.max(trace.c.at) < before)


def _delete_mailed_codes(session: Session, conversation_id: str) -> int:
    """Remove the conversation's mails from the development outbox; a mail bears the time of its code."""
    mailed = session.execute(
        select(Customer.email, VerificationCode.created_at)
        .join(VerificationCode, VerificationCode.customer_id == Customer.id)
        .where(VerificationCode.conversation_id == conversation_id)
    ).all()
    return sum(
        _run(session, delete(OutboxMail).where(OutboxMail.to_address == email, OutboxMail.created_at == at))
        for email, at in mailed
    )


def _blank(session: Session, table: Any, conversation_id: str, **values: Any) -> int:
    """Cut the rows loose from their conversation and set `values`."""
    statement = update(table).where(table.conversation_id == conversation_id)
    return _run(session, statement.values(conversation_id=None, **values))


def _run(session: Session, statement: Any) -> int:
    """Execute the statement; gives how many rows it reached."""
    return int(session.execute(statement.execution_options(synchronize_session=False)).rowcount)
