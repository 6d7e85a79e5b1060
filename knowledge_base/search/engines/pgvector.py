"""The engine on pgvector: an HNSW index in PostgreSQL (Malkov and Yashunin, TPAMI 2020), for a million passages.

Table `passage_vectors` follows `passages`: before the first search of a new knowledge version, vectors of passages that
are gone are deleted and those of new ones copied over.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.locks import serialise
from knowledge_base.search.engines.interface import embedded_passages, stored_vectors
from knowledge_base.search.versions import knowledge_version

# Recall against exact search on 10,000 synthetic passages: benchmarks/results/search.md.
LINKS, BUILD_LIST, SEARCH_LIST = 16, 128, 200  # m, ef_construction and ef_search of the index
# From so many new vectors on, building the index once is faster than adding to it one by one.
REBUILT_FROM = 20_000
BUILD_MEMORY = "1GB"  # the graph of a million vectors of 384 numbers, as far as it has room
LOCK = "passage_vectors"

_TABLE = """
    CREATE TABLE IF NOT EXISTS passage_vectors (
        passage_id integer PRIMARY KEY,
        encoder varchar(200) NOT NULL,
        embedding vector NOT NULL
    )
"""
# No foreign key: a passage may go while its vector is being copied. The version has moved then, and the next search
# comes here again.
_STALE = """
    DELETE FROM passage_vectors AS vectors
    WHERE vectors.encoder <> :encoder OR NOT EXISTS (SELECT 1 FROM passages WHERE passages.id = vectors.passage_id)
"""
_INDEX = """
    CREATE INDEX IF NOT EXISTS {index} ON passage_vectors
    USING hnsw ((embedding::vector({dimension})) vector_ip_ops) WITH (m = {links}, ef_construction = {build_list})
"""
# Vectors have length 1, so the inner product is the cosine; <#> gives its negative.
_NEAREST = """
    SELECT vectors.passage_id AS id, -(vectors.embedding::vector({dimension}) <#> CAST(:question AS vector)) AS cosine
    FROM passage_vectors AS vectors {only}
    ORDER BY vectors.embedding::vector({dimension}) <#> CAST(:question AS vector)
    LIMIT :limit
"""
_ONLY = """
    JOIN passages ON passages.id = vectors.passage_id
    WHERE passages.article_id <> ALL(CAST(:excluded AS integer[]))
"""
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # of PostgreSQL's binary COPY: no flags, no further header


def pgvector_missing(database: Database) -> str | None:
    """Why this database cannot have the engine, or None where it can; the extension is installed if it may be."""
    if database.is_sqlite:
        return "the database is SQLite"
    try:
        with database.transaction() as session:
            session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as error:
        return str(error.orig).strip().splitlines()[0]
    return None


class PgvectorEngine:
    """Approximate; needs the extension `vector` of PostgreSQL, 0.8 or newer."""

    name = "pgvector"
    exact = False

    def __init__(self, database: Database, encoder: Encoder) -> None:
        self._database = database
        self._encoder = encoder
        self._index = f"ix_passage_vectors_{encoder.dimension}"
        self._prepared: int | None = None  # the knowledge version that the table is known to hold

    def prepare(self) -> None:
        """Copy the vectors of new passages, in one transaction; processes that come together wait for one another."""
        with self._database.reading() as session:
            version = knowledge_version(session)
        if self._prepared == version:
            return
        with self._database.transaction() as session:
            serialise(session, LOCK)
            session.execute(text(_TABLE))
            version = knowledge_version(session)  # before the rows: what is imported meanwhile moves it again
            self._fill(session)
        self._prepared = version

    def nearest(
        self, session: Session, question: np.ndarray, excluded: Sequence[int], limit: int
    ) -> list[tuple[int, float]]:
        """By the index; it goes on until enough neighbours are left after the excluded ones."""
        session.execute(text(f"SET LOCAL hnsw.ef_search = {max(SEARCH_LIST, limit)}"))
        session.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
        statement = _NEAREST.format(dimension=self._encoder.dimension, only=_ONLY if excluded else "")
        values = {"question": "[" + ",".join(map(repr, question.tolist())) + "]", "limit": limit}
        if excluded:
            values["excluded"] = list(excluded)
        return [(int(row.id), float(row.cosine)) for row in session.execute(text(statement), values)]

    def size_bytes(self) -> int:
        """Of the table and its index."""
        with self._database.reading() as session:
            size = session.execute(text("SELECT pg_total_relation_size(to_regclass('passage_vectors'))")).scalar()
        return int(size or 0)

    def _fill(self, session: Session) -> None:
        encoder = self._encoder.fingerprint()
        session.execute(text(_STALE), {"encoder": encoder})
        there = set(session.scalars(text("SELECT passage_id FROM passage_vectors")))
        new = [passage_id for passage_id in embedded_passages(session, self._encoder) if passage_id not in there]
        if len(new) >= REBUILT_FROM:
            session.execute(text(f"DROP INDEX IF EXISTS {self._index}"))
        cursor = session.connection().connection.cursor()
        for ids, matrix in stored_vectors(session, new, self._encoder.dimension):
            cursor.copy_expert(
                "COPY passage_vectors (passage_id, encoder, embedding) FROM STDIN (FORMAT binary)",
                io.BytesIO(copied(ids, matrix, encoder)),
            )
        session.execute(text(f"SET LOCAL maintenance_work_mem = '{BUILD_MEMORY}'"))
        session.execute(
            text(
                _INDEX.format(index=self._index, dimension=self._encoder.dimension, links=LINKS, build_list=BUILD_LIST)
            )
        )


def copied(ids: Sequence[int], matrix: np.ndarray, encoder: str) -> bytes:
    """Rows (passage id, encoder, vector) in PostgreSQL's binary COPY format; `matrix` is (n, dimension).

    All rows are equally long, so they are one structured array. Layout of a vector: pgvector, `vector_recv`.
    """
    name, dimension = encoder.encode(), matrix.shape[1]
    row = np.dtype(
        [
            ("fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i4"),
            ("encoder_bytes", ">i4"),
            ("encoder", f"S{len(name)}"),
            ("vector_bytes", ">i4"),
            ("dimension", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f4", (dimension,)),
        ]
    )
    rows = np.zeros(len(ids), dtype=row)
    rows["fields"], rows["id_bytes"], rows["id"] = 3, 4, ids
    rows["encoder_bytes"], rows["encoder"] = len(name), name
    rows["vector_bytes"], rows["dimension"], rows["vector"] = 4 + 4 * dimension, dimension, matrix
    return _SIGNATURE + rows.tobytes() + b"\xff\xff"
