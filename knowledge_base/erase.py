"""Erasing what a conversation left behind; sales and refunds stay, as the law wants them kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from knowledge_base.schema import (
    ConversationOutcome,
    Customer,
    OrderEvent,
    OutboxMail,
    Rating,
    Ticket,
    VerificationCode,
    VerifiedConversation,
)


def erase_conversation(session: Session, conversation_id: str) -> None:
    """Remove the conversation's texts, contact data, codes and proof of identity.

    Tickets, outcomes, ratings and order events remain as figures that name no conversation and no person.
    Code requests remain for a day as a bare order number and a time, so that erasing cannot be used to get
    around the limit on them.
    """
    _delete_mailed_codes(session, conversation_id)
    _run(session, delete(VerifiedConversation).where(VerifiedConversation.conversation_id == conversation_id))
    _blank(
        session,
        VerificationCode,
        conversation_id,
        customer_id=None,
        code_hmac="",
        closed_at=VerificationCode.created_at,
    )
    _blank(session, Ticket, conversation_id, customer_id=None, contact_email=None, summary="", transcript="")
    _blank(session, ConversationOutcome, conversation_id, detail=None)
    _blank(session, Rating, conversation_id, comment=None)
    _blank(session, OrderEvent, conversation_id)
    session.expire_all()


def _delete_mailed_codes(session: Session, conversation_id: str) -> None:
    """Remove the conversation's mails from the development outbox; a mail bears the time of its code."""
    mailed = session.execute(
        select(Customer.email, VerificationCode.created_at)
        .join(VerificationCode, VerificationCode.customer_id == Customer.id)
        .where(VerificationCode.conversation_id == conversation_id)
    ).all()
    for email, at in mailed:
        _run(session, delete(OutboxMail).where(OutboxMail.to_address == email, OutboxMail.created_at == at))


def _blank(session: Session, table: Any, conversation_id: str, **values: Any) -> None:
    """Cut the rows loose from their conversation and set `values`."""
    statement = update(table).where(table.conversation_id == conversation_id)
    _run(session, statement.values(conversation_id=None, **values))


def _run(session: Session, statement: Any) -> None:
    session.execute(statement.execution_options(synchronize_session=False))
