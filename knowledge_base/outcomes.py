"""How conversations end: what the shop counts to see whether its assistant helps."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.column_types import storable
from knowledge_base.locks import serialise
from knowledge_base.schema import OUTCOME_KINDS, ConversationOutcome, Rating

LOWEST_SCORE = 1
HIGHEST_SCORE = 5
LONGEST_TOPIC = 80
ANSWER_WITHIN = timedelta(minutes=1)  # from the search to the word that it did not help; an answer takes seconds


def record(
    session: Session,
    conversation_id: str,
    kind: str,
    topic: str | None,
    now: datetime,
    detail: str | None = None,
) -> None:
    """Note one thing the conversation led to. Raises ValueError for a kind that is not in OUTCOME_KINDS."""
    if kind not in OUTCOME_KINDS:
        raise ValueError(f"unknown outcome {kind!r}; known are {', '.join(OUTCOME_KINDS)}")
    session.add(
        ConversationOutcome(
            conversation_id=conversation_id,
            kind=kind,
            topic=None if topic is None else storable(topic)[:LONGEST_TOPIC],
            detail=detail,
            at=now,
        )
    )
    session.flush()


def withdraw_answer(session: Session, conversation_id: str, topic: str, now: datetime) -> bool:
    """Turn the newest `answered_from_knowledge` about `topic` into `not_answered`; False where there is none.

    The search notes an answer as soon as it has passages; only the model that reads them finds that they don't answer.
    Notes older than `ANSWER_WITHIN` belong to earlier questions.
    """
    newest = session.execute(
        select(ConversationOutcome)
        .where(
            ConversationOutcome.conversation_id == conversation_id,
            ConversationOutcome.kind == "answered_from_knowledge",
            ConversationOutcome.topic == storable(topic)[:LONGEST_TOPIC],
            ConversationOutcome.at >= now - ANSWER_WITHIN,
        )
        .order_by(ConversationOutcome.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if newest is None:
        return False
    newest.kind = "not_answered"
    session.flush()
    return True


def rate(session: Session, conversation_id: str, score: int, comment: str | None, now: datetime) -> None:
    """Keep the customer's rating, 1 (bad) to 5 (good), in place of an earlier one. Raises ValueError."""
    if not LOWEST_SCORE <= score <= HIGHEST_SCORE:
        raise ValueError(f"a score is {LOWEST_SCORE} to {HIGHEST_SCORE}, not {score}")
    serialise(session, f"rating of conversation {conversation_id}")
    rating = session.execute(
        select(Rating).where(Rating.conversation_id == conversation_id)
    ).scalar_one_or_none() or Rating(conversation_id=conversation_id)
    rating.score, rating.comment, rating.at = score, comment, now
    session.add(rating)
    record(session, conversation_id, "rated", None, now)
