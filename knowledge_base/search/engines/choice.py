"""Which engine a search runs on: the one that a setting names, or the best that the database has."""

from __future__ import annotations

import logging

from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.search.engines.exact import ExactEngine
from knowledge_base.search.engines.interface import VectorEngine
from knowledge_base.search.engines.pgvector import PgvectorEngine, pgvector_missing
from knowledge_base.search.engines.sqlite_vec import SqliteVecEngine, extension_driver

logger = logging.getLogger(__name__)

ENGINE_VARIABLE = "FRONTDESK_SEARCH_ENGINE"
ENGINE_NAMES = (ExactEngine.name, SqliteVecEngine.name, PgvectorEngine.name)


class EngineError(ValueError):
    """The engine that was asked for cannot run here; the message says why and what can."""


def engine_for(database: Database, encoder: Encoder, name: str | None = None) -> VectorEngine:
    """The engine called `name`; without a name `pgvector` where PostgreSQL has it, else `exact`.

    Raises `EngineError`, and `DatabaseUnavailable` where PostgreSQL cannot be asked.
    """
    check_name(name)
    if not name:
        missing = pgvector_missing(database)
        if missing is None:
            return PgvectorEngine(database, encoder)
        if not database.is_sqlite:
            logger.warning("PostgreSQL has no pgvector (%s): all vectors are kept in memory", missing)
        return ExactEngine(encoder)
    if name == ExactEngine.name:
        return ExactEngine(encoder)
    if name == SqliteVecEngine.name:
        driver = extension_driver()
        if not database.is_sqlite or driver is None:
            reason = "this Python's SQLite loads no extensions" if database.is_sqlite else "the database is no SQLite"
            raise EngineError(f"{ENGINE_VARIABLE}=sqlite-vec cannot run: {reason}; leave it empty")
        return SqliteVecEngine(database, encoder, driver)
    if (missing := pgvector_missing(database)) is not None:
        raise EngineError(f"{ENGINE_VARIABLE}=pgvector cannot run: {missing}; leave it empty")
    return PgvectorEngine(database, encoder)


def check_name(name: str | None) -> None:
    """Raise `EngineError` for a name that no engine has."""
    if name and name not in ENGINE_NAMES:
        raise EngineError(f"{ENGINE_VARIABLE} is {name!r}; it can be {', '.join(ENGINE_NAMES)} or empty")
