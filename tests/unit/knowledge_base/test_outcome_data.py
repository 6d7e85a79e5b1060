"""Outcomes and ratings of conversations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from knowledge_base.database import Database
from knowledge_base.outcomes import rate, record
from knowledge_base.schema import OUTCOME_KINDS, ConversationOutcome, Rating


@pytest.mark.parametrize("kind", OUTCOME_KINDS)
def test_every_kind_of_outcome_is_kept(database: Database, rows: Any, now: datetime, kind: str) -> None:
    with database.transaction() as session:
        record(session, "chat-1", kind, "returns", now, detail="step 2")
    (row,) = rows.all(ConversationOutcome)
    assert (row.conversation_id, row.kind, row.topic, row.detail, row.at) == (
        "chat-1",
        kind,
        "returns",
        "step 2",
        now,
    )


def test_an_unknown_kind_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(ValueError, match="flow_completed"), database.transaction() as session:
        record(session, "chat-1", "solved", None, now)


def test_the_last_rating_counts(database: Database, rows: Any, now: datetime) -> None:
    for score, comment in ((2, "slow"), (5, None)):
        with database.transaction() as session:
            rate(session, "chat-1", score, comment, now)
    assert [(row.score, row.comment) for row in rows.all(Rating)] == [(5, None)]
    assert [row.kind for row in rows.all(ConversationOutcome)] == ["rated", "rated"]


@pytest.mark.parametrize("score", [0, 6, -1])
def test_a_score_beyond_the_scale_is_refused(database: Database, now: datetime, score: int) -> None:
    with pytest.raises(ValueError, match="1 to 5"), database.transaction() as session:
        rate(session, "chat-1", score, None, now)


def test_ratings_at_once_leave_one(rows: Any, now: datetime, at_once: Callable[..., list[Any]]) -> None:
    assert at_once(lambda session: rate(session, "chat-1", 4, None, now), 4) == [None] * 4
    assert len(rows.all(Rating)) == 1
