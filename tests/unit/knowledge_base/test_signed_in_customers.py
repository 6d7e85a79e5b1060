"""Customers for whom the shop's own site vouches: their conversation is theirs, and nobody else's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from knowledge_base.database import Database
from knowledge_base.identity import VERIFIED_FOR, OtherCustomer, bind_signed_in, forget, principal_for
from knowledge_base.principal import Principal


def bind(database: Database, email: str, now: datetime, chat: str = "chat-1") -> Principal | None:
    with database.transaction() as session:
        return bind_signed_in(session, conversation_id=chat, email=email, now=now)


def known(database: Database, now: datetime, chat: str = "chat-1") -> int | None:
    with database.reading() as session:
        principal = principal_for(session, chat, now)
    return principal.customer_id if principal else None


@pytest.fixture
def alex(rows: Any) -> int:
    return int(rows.customer("alex@example.com"))


def test_the_conversation_is_the_customers_for_a_while(database: Database, alex: int, now: datetime) -> None:
    principal = bind(database, " Alex@Example.com ", now)

    assert principal is not None
    assert (principal.customer_id, principal.expires_at) == (alex, now + VERIFIED_FOR)
    assert known(database, now) == alex
    assert known(database, now, "chat-2") is None
    assert known(database, now + VERIFIED_FOR) is None


def test_a_later_word_makes_it_longer(database: Database, alex: int, now: datetime) -> None:
    later = now + timedelta(minutes=20)
    bind(database, "alex@example.com", now)
    bind(database, "alex@example.com", later)

    assert known(database, now + VERIFIED_FOR) == alex


def test_an_email_that_nobody_has_changes_nothing(database: Database, alex: int, now: datetime) -> None:
    bind(database, "alex@example.com", now)

    assert bind(database, "nobody@example.com", now) is None
    assert known(database, now) == alex


@pytest.mark.parametrize("minutes", [0, 60])
def test_a_conversation_never_changes_its_customer_even_when_the_proof_has_run_out(
    database: Database, rows: Any, alex: int, now: datetime, minutes: int
) -> None:
    rows.customer("sam@example.com")
    bind(database, "alex@example.com", now)

    with pytest.raises(OtherCustomer):
        bind(database, "sam@example.com", now + timedelta(minutes=minutes))

    assert known(database, now) == alex


def test_who_has_signed_out_is_not_known_any_more(database: Database, alex: int, now: datetime) -> None:
    bind(database, "alex@example.com", now)
    with database.transaction() as session:
        forget(session, "chat-1")

    assert known(database, now) is None
