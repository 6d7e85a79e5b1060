"""The engine on sqlite-vec: vectors are compared on disk, so memory stays small. SQLite databases only.

The index is a file of its own beside the database. The shop's Python may have been built without loading extensions;
the SQLite that then loads them is another one, and two SQLite libraries in one process must not open the same file
(https://www.sqlite.org/howtocorrupt.html, 2.2.1).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sqlite_vec
from sqlalchemy.orm import Session

from knowledge_base.database import Database, DatabaseUnavailable
from knowledge_base.encoder import Encoder
from knowledge_base.search.engines.interface import embedded_passages, stored_vectors
from knowledge_base.search.versions import knowledge_version

WAIT_SECONDS = 30.0  # for another process that is filling the same index
MOST_NEIGHBOURS = 4096  # sqlite-vec's own limit

_TABLES = """
    CREATE TABLE IF NOT EXISTS state (version INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS passages (id INTEGER PRIMARY KEY, article_id INTEGER NOT NULL);
    CREATE VIRTUAL TABLE IF NOT EXISTS vectors USING vec0(embedding float[{dimension}] distance_metric=cosine);
"""
_NEAREST = "SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = ?"
_ONLY = " AND rowid IN (SELECT id FROM passages WHERE article_id NOT IN (SELECT value FROM json_each(?)))"


def extension_driver() -> ModuleType | None:
    """An SQLite module that can load extensions: Python's own, or `pysqlite3`; None where there is neither."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    try:
        import pysqlite3
    except ImportError:  # not on this platform
        return None
    return pysqlite3


class SqliteVecEngine:
    """Exact, like the default, with the vectors on disk."""

    name = "sqlite-vec"
    exact = True

    def __init__(self, database: Database, encoder: Encoder, driver: ModuleType) -> None:
        """`driver` is what `extension_driver` gave."""
        self._database = database
        self._encoder = encoder
        self._driver = driver
        mark = hashlib.sha256(encoder.fingerprint().encode()).hexdigest()[:12]
        self.path = Path(f"{database.url.database}-{mark}.vectors")
        self._threads = threading.local()

    def prepare(self) -> None:
        """Take in the passages that are new and forget those that are gone, if the version has moved."""
        with self._database.reading() as session, self._failing():
            version = knowledge_version(session)
            connection = self._connection()
            if self._version(connection) == version:
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have been faster, or know of a newer import than this snapshot.
                if (self._version(connection) or -1) < version:
                    self._fill(connection, session)
                    connection.execute("DELETE FROM state")
                    connection.execute("INSERT INTO state (version) VALUES (?)", (version,))
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    def nearest(
        self, session: Session, question: np.ndarray, excluded: Sequence[int], limit: int
    ) -> list[tuple[int, float]]:
        """All vectors are compared, by sqlite-vec."""
        values: list[Any] = [np.ascontiguousarray(question, dtype=np.float32).tobytes(), min(limit, MOST_NEIGHBOURS)]
        if excluded:
            values.append(json.dumps(list(excluded)))
        with self._failing():
            rows = self._connection().execute(_NEAREST + (_ONLY if excluded else ""), values).fetchall()
        return sorted(((int(row), 1.0 - float(distance)) for row, distance in rows), key=lambda hit: (-hit[1], hit[0]))

    def size_bytes(self) -> int:
        """Of the index file and the log beside it that has not been taken into it yet."""
        return sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*"))

    def _connection(self) -> Any:
        """This thread's connection. The file is made where it is missing."""
        known = getattr(self._threads, "connection", None)
        if known is not None and self.path.exists():
            return known
        connection = self._driver.connect(str(self.path), timeout=WAIT_SECONDS, isolation_level=None)
        connection.enable_load_extension(True)
        sqlite_vec.load(connection)
        connection.enable_load_extension(False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_TABLES.format(dimension=self._encoder.dimension))
        self._threads.connection = connection
        return connection

    @staticmethod
    def _version(connection: Any) -> int | None:
        row = connection.execute("SELECT version FROM state").fetchone()
        return None if row is None else int(row[0])

    def _fill(self, connection: Any, session: Session) -> None:
        wanted = embedded_passages(session, self._encoder)
        there = {int(row[0]) for row in connection.execute("SELECT id FROM passages")}
        for gone in there - wanted.keys():
            connection.execute("DELETE FROM vectors WHERE rowid = ?", (gone,))
            connection.execute("DELETE FROM passages WHERE id = ?", (gone,))
        new = [passage_id for passage_id in wanted if passage_id not in there]
        for ids, matrix in stored_vectors(session, new, self._encoder.dimension):
            connection.executemany(
                "INSERT INTO vectors (rowid, embedding) VALUES (?, ?)",
                [(passage_id, vector.tobytes()) for passage_id, vector in zip(ids, matrix, strict=True)],
            )
            connection.executemany(
                "INSERT INTO passages (id, article_id) VALUES (?, ?)",
                [(passage_id, wanted[passage_id]) for passage_id in ids],
            )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Errors of the index's SQLite as the one that all callers know."""
        try:
            yield
        except self._driver.Error as error:
            raise DatabaseUnavailable(f"the vector index {self.path.name}: {error}") from error
