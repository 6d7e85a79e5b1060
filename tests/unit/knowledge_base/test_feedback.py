"""Thumbs and comments on messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from knowledge_base.database import Database
from knowledge_base.feedback import keep_feedback, thumbs_of
from knowledge_base.schema import MessageFeedback


def keep(
    database: Database,
    now: datetime,
    message: str,
    thumbs: str | None,
    comment: str | None = None,
    chat: str = "chat-1",
) -> None:
    with database.transaction() as session:
        keep_feedback(session, chat, message, thumbs=thumbs, comment=comment, now=now)


def thumbs(database: Database, chat: str = "chat-1") -> dict[str, str]:
    with database.reading() as session:
        return thumbs_of(session, chat)


def test_the_last_word_on_a_message_counts(database: Database, rows: Any, now: datetime) -> None:
    keep(database, now, "turn.1", "down", "wrong price")
    keep(database, now + timedelta(minutes=1), "turn.1", "up")

    [row] = rows.all(MessageFeedback)
    assert (row.thumbs, row.comment, row.at) == ("up", None, now + timedelta(minutes=1))


def test_each_message_has_its_own_and_a_conversation_sees_only_its_own(database: Database, now: datetime) -> None:
    keep(database, now, "turn.1", "up")
    keep(database, now, "turn.2", "down")
    keep(database, now, "turn.1", "down", chat="chat-2")

    assert thumbs(database) == {"turn.1": "up", "turn.2": "down"}
    assert thumbs(database, "chat-2") == {"turn.1": "down"}


def test_thumbs_taken_back_are_gone_and_the_comment_stays(database: Database, rows: Any, now: datetime) -> None:
    keep(database, now, "turn.1", "up")
    keep(database, now, "turn.1", None, "only words")

    assert thumbs(database) == {}
    assert [row.comment for row in rows.all(MessageFeedback)] == ["only words"]


@pytest.mark.parametrize(
    ("message", "given", "comment"),
    [("turn.1", "sideways", None), ("", "up", None), ("x" * 65, "up", None), ("turn.1", "up", "x" * 1001)],
)
def test_what_no_client_of_ours_sends_is_refused(
    database: Database, rows: Any, now: datetime, message: str, given: str, comment: str | None
) -> None:
    with pytest.raises(ValueError, match=r"thumbs are|a message id has|a comment has"):
        keep(database, now, message, given, comment)
    assert rows.all(MessageFeedback) == []
