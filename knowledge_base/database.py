"""Connections to the database, SQLite or PostgreSQL, and transactions that fail in one known way."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from knowledge_base.locks import serialise
from knowledge_base.migrations import configuration

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_SECONDS = 2.0  # how long one try waits for another writer
TRIES = 3
PAUSE_SECONDS = 0.05  # before the second try; doubled before the third
CONNECT_TIMEOUT_SECONDS = 3
POSTGRESQL_DRIVER = "postgresql+psycopg2"  # the newest driver that SQLAlchemy 1.4 knows
MIGRATION_LOCK = "migration"


class DatabaseUnavailable(Exception):
    """The database is locked, away or unusable; the transaction left nothing behind and may be retried."""


def engine_url(url: str) -> URL:
    """`url` with the driver this project installs; `postgres://` and `postgresql://` will do.

    Raises ValueError for anything that is neither PostgreSQL nor an SQLite file.
    """
    parsed = make_url(url)
    backend = parsed.drivername.partition("+")[0]
    if backend in ("postgres", "postgresql"):
        return parsed.set(drivername=POSTGRESQL_DRIVER)
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite")
    raise ValueError(
        f"cannot use a database of kind {parsed.drivername!r}: give sqlite:///path/to/file or postgresql://..."
    )


class Database:
    """One database and its pool of connections; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Prepare the pool; the first transaction connects. Raises ValueError for an unusable URL."""
        self.url = engine_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self.engine: Engine = engine
        self._writing: Engine = engine.execution_options(frontdesk_writes=True)
        # A reader sees one moment, as on SQLite, even if an import commits between two of its statements.
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading: Engine = engine.execution_options(frontdesk_writes=False, postgresql_readonly=True, **snapshot)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        On SQLite the write lock is taken at the start, so waiting and trying again happen before any of the
        block has run. Raises `DatabaseUnavailable`.
        """
        with self._session(self._writing) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: no lock is taken and writes are refused. Raises DatabaseUnavailable."""
        with self._session(self._reading) as session:
            yield session

    def check(self) -> None:
        """Ask the database for its schema's revision. Raises `DatabaseUnavailable` if it is gone or was never made."""
        try:
            with self.reading() as session:
                session.execute(text("SELECT version_num FROM alembic_version"))
        except ProgrammingError as error:
            raise DatabaseUnavailable(_reason(error)) from error

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`; processes that start together wait for one another.

        It is what makes a new SQLite file; anything else finds a missing file unavailable.
        """
        if self.is_sqlite:
            Path(str(self.url.database)).touch()
        with self.transaction() as session:
            serialise(session, MIGRATION_LOCK)
            command.upgrade(configuration(session.connection()), revision)

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        session = _begin(engine)
        try:
            yield session
            session.commit()
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            _give_up(session)
            raise DatabaseUnavailable(_reason(error)) from error
        except DBAPIError as error:
            _give_up(session)
            if error.connection_invalidated:
                raise DatabaseUnavailable(_reason(error)) from error
            raise
        except BaseException:
            _give_up(session)
            raise
        finally:
            session.close()


def _begin(engine: Engine) -> Session:
    """Open a session whose transaction has begun, trying `TRIES` times."""
    pause = PAUSE_SECONDS
    for attempt in range(1, TRIES + 1):
        session = Session(engine, future=True, expire_on_commit=False)
        try:
            session.connection()
            return session
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            _give_up(session)
            session.close()
            if attempt == TRIES:
                raise DatabaseUnavailable(_reason(error)) from error
            logger.warning("could not begin a transaction, try %d of %d: %s", attempt, TRIES, _reason(error))
        time.sleep(pause)
        pause *= 2
    raise AssertionError("unreachable")


def _give_up(session: Session) -> None:
    """Roll back; a connection that is gone has rolled back by itself."""
    try:
        session.rollback()
    except DBAPIError as error:
        logger.warning("rollback failed: %s", _reason(error))


def _reason(error: Exception) -> str:
    """What the database said, without the statement and its parameters (they may hold personal data)."""
    original = getattr(error, "orig", None)
    return str(original if original is not None else error).strip()


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file: the same as long as it is the same file; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _sqlite_engine(url: URL) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        future=True,
        hide_parameters=True,
        poolclass=QueuePool,
        max_overflow=20,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    path = Path(str(url.database))

    @event.listens_for(engine, "do_connect")
    def refuse_to_create(_dialect: Any, _record: Any, _args: Any, _parameters: Any) -> None:
        # SQLite would make an empty file, and what is put in its place later would not be seen.
        if not path.exists():
            raise sqlite3.OperationalError("the database file does not exist")

    @event.listens_for(engine, "checkout")
    def notice_replacement(_connection: Any, record: Any, _proxy: Any) -> None:
        # A pooled connection keeps a file open that has been renamed or restored from a backup since.
        if record.info.get("file") != file_identity(path):
            raise DisconnectionError("the database file was replaced")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        record.info["file"] = file_identity(path)
        connection.isolation_level = None  # the driver would begin transactions itself, and too late
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("frontdesk_writes", True)
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        # A transaction that read first and then writes fails at once when another wrote in between, however
        # long the busy timeout; taking the write lock at the start makes it wait instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url,
        future=True,
        hide_parameters=True,
        pool_pre_ping=True,
        max_overflow=20,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": f"-c lock_timeout={int(BUSY_TIMEOUT_SECONDS * TRIES * 1000)}",
        },
    )
