"""Conversations that have ended: kept as hashes, as long as a token of theirs could count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from knowledge_base.database import Database
from knowledge_base.ended_conversations import end_conversation, has_ended
from knowledge_base.schema import EndedConversation

WEEK = timedelta(days=7)


def end(database: Database, now: datetime, chat: str = "web-1", lasts: timedelta = WEEK) -> None:
    with database.transaction() as session:
        end_conversation(session, chat, until=now + lasts, now=now)


def ended(database: Database, now: datetime, chat: str = "web-1") -> bool:
    with database.reading() as session:
        return has_ended(session, chat, now)


def test_only_the_conversation_that_was_ended_has_ended(database: Database, now: datetime) -> None:
    end(database, now)

    assert ended(database, now)
    assert not ended(database, now, "web-2")


def test_ending_twice_is_ending(database: Database, rows: Any, now: datetime) -> None:
    end(database, now)
    end(database, now, lasts=2 * WEEK)

    [row] = rows.all(EndedConversation)
    assert row.until == now + 2 * WEEK


def test_what_has_run_out_goes_with_the_next_end(database: Database, rows: Any, now: datetime) -> None:
    end(database, now)
    assert not ended(database, now + WEEK)

    end(database, now + WEEK, "web-2")

    assert [row.until for row in rows.all(EndedConversation)] == [now + 2 * WEEK]


def test_the_conversations_id_is_not_kept(database: Database, rows: Any, now: datetime) -> None:
    end(database, now)

    [row] = rows.all(EndedConversation)
    assert "web-1" not in row.conversation_hash
    assert len(row.conversation_hash) == 64
