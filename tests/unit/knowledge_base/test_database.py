"""Database: which URLs it takes, what its transactions promise, and how it fails."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError

from knowledge_base import database as database_module
from knowledge_base.database import Database, DatabaseUnavailable, engine_url
from knowledge_base.schema import ConversationOutcome, Policy, Product, Voucher


@pytest.mark.parametrize("prefix", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_way_to_write_postgresql_uses_the_installed_driver(prefix: str) -> None:
    assert engine_url(f"{prefix}://shop@db/frontdesk").drivername == "postgresql+psycopg2"


@pytest.mark.parametrize("url", ["mysql://shop@db/frontdesk", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_the_forms_that_work(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///path/to/file or postgresql://"):
        Database(url)


def test_a_transaction_commits_when_the_block_ends(database: Database) -> None:
    with database.transaction() as session:
        session.add(Policy(key="return_window_days", value="60"))
    with database.reading() as session:
        assert session.get(Policy, "return_window_days").value == "60"


def test_a_transaction_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction() as session:
        session.add(Policy(key="return_window_days", value="60"))
        session.flush()
        raise KeyError
    with database.reading() as session:
        assert session.get(Policy, "return_window_days") is None


def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises((DatabaseUnavailable, DBAPIError)), database.reading() as session:
        session.add(Policy(key="return_window_days", value="60"))
    with database.transaction() as session:
        assert session.get(Policy, "return_window_days") is None


def test_a_reading_session_sees_one_moment_whatever_others_commit(database: Database) -> None:
    with database.reading() as session:
        assert session.get(Policy, "return_window_days") is None
        with database.transaction() as other:
            other.add(Policy(key="return_window_days", value="60"))
        assert session.execute(text("SELECT count(*) FROM policies")).scalar_one() == 0


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(text("INSERT INTO stock (product_id, quantity) VALUES (999, 1)"))


def test_amounts_are_exact_to_the_penny(database: Database, now: datetime) -> None:
    voucher = {"code": "TEN", "kind": "amount", "valid_from": now.date(), "valid_until": now.date()}
    with database.transaction() as session:
        session.add(Voucher(value=Decimal("0.29"), **voucher))
    with database.reading() as session:
        assert str(session.get(Voucher, 1).value) == "0.29"
        assert session.query(Voucher).filter(Voucher.value <= Decimal("0.29")).count() == 1


def test_fractions_of_a_penny_are_refused(database: Database, now: datetime) -> None:
    row = Voucher(code="X", kind="amount", value=Decimal("0.295"), valid_from=now.date(), valid_until=now.date())
    with pytest.raises(StatementError, match="whole number of pence"), database.transaction() as session:
        session.add(row)


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(database: Database) -> None:
    summer = datetime(2026, 7, 1, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    with database.transaction() as session:
        session.add(ConversationOutcome(conversation_id="c", kind="failed", at=summer))
    with database.reading() as session:
        at = session.get(ConversationOutcome, 1).at
    assert (at, at.utcoffset()) == (summer, timedelta(0))


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"), database.transaction() as session:
        session.add(ConversationOutcome(conversation_id="c", kind="failed", at=datetime(2026, 7, 1)))


def test_any_text_a_customer_types_can_be_kept(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        session.add(ConversationOutcome(conversation_id="c", kind="failed", at=now, detail="a\0b\ud800c'; --"))
    with database.reading() as session:
        assert session.get(ConversationOutcome, 1).detail == "ab?c'; --"


def test_errors_do_not_repeat_the_values_of_a_statement(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.transaction() as session:
        session.add(Product(sku="KET-1", name="secret-name"))
    assert "secret-name" not in str(caught.value).split("DETAIL", maxsplit=1)[0]


def test_a_database_that_nobody_serves_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PAUSE_SECONDS", 0)
    unreachable = Database("postgresql://shop@127.0.0.1:1/frontdesk")
    with pytest.raises(DatabaseUnavailable), unreachable.transaction():
        pass


@pytest.fixture
def locked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, sqlite3.Connection]:
    """An SQLite database of which another process holds the write lock, and that process's connection."""
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.01)
    database = Database(f"sqlite:///{tmp_path / 'shop.db'}")
    database.migrate()
    other = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return database, other


def test_a_lock_that_stays_makes_the_database_unavailable(
    locked_file: tuple[Database, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("knowledge_base.database.time.sleep", pauses.append)
    with pytest.raises(DatabaseUnavailable, match="locked"), locked_file[0].transaction():
        pytest.fail("the block must not run")
    assert pauses == [0.05, 0.1]


def test_a_lock_that_is_released_in_between_is_waited_for(
    locked_file: tuple[Database, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = locked_file
    monkeypatch.setattr("knowledge_base.database.time.sleep", lambda _: other.execute("COMMIT"))
    with database.transaction() as session:
        session.add(Policy(key="return_window_days", value="60"))
    with database.reading() as session:
        assert session.get(Policy, "return_window_days").value == "60"


def test_reading_goes_on_while_another_process_writes(locked_file: tuple[Database, sqlite3.Connection]) -> None:
    with locked_file[0].reading() as session:
        assert session.execute(text("SELECT version FROM knowledge_state")).scalar_one() == 0


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'new' / 'shop.db'}").migrate()
    assert (tmp_path / "new" / "shop.db").exists()
