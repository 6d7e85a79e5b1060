"""Which conversations have ended: their tokens stay dead, whatever the Rasa servers forget when they restart."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from knowledge_base.identity import forget
from knowledge_base.locks import serialise
from knowledge_base.schema import EndedConversation


def end_conversation(session: Session, conversation_id: str, *, until: datetime, now: datetime) -> None:
    """Keep until `until` that the conversation has ended, and forget whose it was; what has run out goes."""
    forget(session, conversation_id)
    serialise(session, "ended conversations")
    session.execute(
        delete(EndedConversation).where(EndedConversation.until <= now).execution_options(synchronize_session=False)
    )
    session.merge(EndedConversation(conversation_hash=_hash(conversation_id), until=until))
    session.flush()


def has_ended(session: Session, conversation_id: str, now: datetime) -> bool:
    """Whether the conversation has ended and may still have tokens that have not run out."""
    until = session.scalar(
        select(EndedConversation.until).where(EndedConversation.conversation_hash == _hash(conversation_id))
    )
    return until is not None and until > now


def _hash(conversation_id: str) -> str:
    return hashlib.sha256(conversation_id.encode()).hexdigest()
