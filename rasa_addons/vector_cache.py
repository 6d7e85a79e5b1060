"""Vectors of texts on disk, so that a second training encodes only what is new.

One SQLite file: rows `(key, vectors, used)`. The key is the SHA-256 of the encoder's fingerprint and the text, so texts
themselves are not kept. SQLite's own locks make it safe for two processes at once. What is wrong with the cache never
stops a training: a file that is no database is made anew, and one that cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "FRONTDESK_VECTOR_CACHE"
DEFAULT_FILE = Path("var/cache/vectors.sqlite")
MOST_BYTES = 512_000_000  # of vectors; what was not used for longest goes first
WAIT_SECONDS = 10.0  # for another process that is writing
_AT_ONCE = 500  # keys in one query; SQLite takes 999
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vectors BLOB NOT NULL, used REAL NOT NULL)"


def cache_file() -> Optional[Path]:
    """Where the cache is: FRONTDESK_VECTOR_CACHE, else below var/; None where that is set but empty."""
    said = os.environ.get(CACHE_VARIABLE)
    return DEFAULT_FILE if said is None else Path(said) if said else None


class VectorCache:
    """Arrays `(rows, dimension)` float32 by text, of one encoder and one kind of vector."""

    def __init__(self, file: Path, fingerprint: str, dimension: int, most_bytes: int = MOST_BYTES) -> None:
        """`fingerprint`: of the encoder, and of what is kept of it if that is not the sentence's vector."""
        self._file = file
        self._fingerprint = fingerprint.encode()
        self._dimension = dimension
        self._most_bytes = most_bytes

    def get(self, texts: Sequence[str]) -> Dict[str, np.ndarray]:
        """The arrays of those `texts` that are known."""
        text_of = {self._key(text): text for text in texts}
        found: Dict[str, np.ndarray] = {}
        try:
            with closing(self._open()) as database, database:
                for keys in _parts(list(text_of)):
                    marks = ",".join("?" * len(keys))
                    rows = database.execute(
                        f"SELECT key, vectors FROM vectors WHERE key IN ({marks})",  # noqa: S608 - marks alone
                        keys,
                    )
                    for key, content in rows:
                        vectors = np.frombuffer(content, dtype=np.float32)
                        if vectors.size and vectors.size % self._dimension == 0:
                            found[text_of[key]] = vectors.reshape(-1, self._dimension).copy()
                    database.execute(
                        f"UPDATE vectors SET used = ? WHERE key IN ({marks})",  # noqa: S608 - marks alone
                        [time.time(), *keys],
                    )
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        return found

    def put(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Keeps the arrays of these texts, and drops the oldest ones where there are too many."""
        now = time.time()
        rows = [
            (self._key(text), np.ascontiguousarray(each, dtype=np.float32).tobytes(), now)
            for text, each in vectors.items()
        ]
        try:
            with closing(self._open()) as database, database:
                database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                database.execute(
                    "DELETE FROM vectors WHERE key IN (SELECT key FROM (SELECT key, SUM(LENGTH(vectors)) "
                    "OVER (ORDER BY used DESC, key) AS kept FROM vectors) WHERE kept > ?)",
                    [self._most_bytes],
                )
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._fingerprint + b"\0" + text.encode("utf-8", "replace")).digest()

    def _open(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._file, timeout=WAIT_SECONDS)
        try:
            database.execute(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _failed(self, error: Exception) -> None:
        """A broken file goes; a full disk, a lock or missing rights leave it: all vectors are then encoded."""
        logger.warning("the cache of vectors %s is not used: %s", self._file, error)
        broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if broken:
            logger.warning("it is made anew")
            self._file.unlink(missing_ok=True)


def _parts(keys: List[bytes]) -> Iterator[List[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
