"""What customers think of single messages: thumbs, and a comment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.locks import serialise
from knowledge_base.schema import THUMBS, MessageFeedback

LONGEST_COMMENT = 1000
LONGEST_MESSAGE_ID = 64


def keep_feedback(
    session: Session, conversation_id: str, message_id: str, *, thumbs: str | None, comment: str | None, now: datetime
) -> None:
    """Keep thumbs ("up", "down", or None) and comment on a message, in place of earlier ones.

    Raises ValueError for other thumbs, and for an id or comment that is too long.
    """
    if thumbs is not None and thumbs not in THUMBS:
        raise ValueError(f"thumbs are {' or '.join(THUMBS)}, not {thumbs!r}")
    if not message_id or len(message_id) > LONGEST_MESSAGE_ID:
        raise ValueError(f"a message id has 1 to {LONGEST_MESSAGE_ID} characters")
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise ValueError(f"a comment has at most {LONGEST_COMMENT} characters")
    serialise(session, f"feedback of conversation {conversation_id}")
    kept = session.execute(
        select(MessageFeedback).where(
            MessageFeedback.conversation_id == conversation_id, MessageFeedback.message_id == message_id
        )
    ).scalar_one_or_none() or MessageFeedback(conversation_id=conversation_id, message_id=message_id)
    kept.thumbs, kept.comment, kept.at = thumbs, comment or None, now
    session.add(kept)
    session.flush()


def thumbs_of(session: Session, conversation_id: str) -> dict[str, str]:
    """The thumbs given in a conversation, by message."""
    rows = session.execute(
        select(MessageFeedback.message_id, MessageFeedback.thumbs).where(
            MessageFeedback.conversation_id == conversation_id, MessageFeedback.thumbs.is_not(None)
        )
    )
    return {message_id: thumbs for message_id, thumbs in rows}
