"""What a search needs of a vector engine, whichever it is.

An engine is an index beside the vectors in table `passages`, which stay the only truth: it may be deleted at any time
and is made anew. It relies on one rule of the import: the vector of a row of `passages` never changes, a changed
passage is a new row with a new id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.encoder import Encoder
from knowledge_base.schema import Article, Passage

logger = logging.getLogger(__name__)

# Vectors as they stand in the database: little-endian float32.
STORED_DTYPE = np.dtype("<f4")
ROWS_AT_ONCE = 2000  # about 3 MB of vectors of 384 numbers


class VectorEngine(Protocol):
    """Finds the nearest passages; safe to share between threads."""

    name: str
    exact: bool  # whether it never misses a neighbour

    def prepare(self) -> None:
        """Bring an index that is kept outside of the search's own snapshot up to date. Raises `DatabaseUnavailable`."""

    def nearest(
        self, session: Session, question: np.ndarray, excluded: Sequence[int], limit: int
    ) -> list[tuple[int, float]]:
        """Passage ids with their cosine to `question` (dimension,), best first; `excluded` names articles."""

    def size_bytes(self) -> int:
        """What the index takes in memory or on disk, beside the database's own tables."""


def embedded_passages(session: Session, encoder: Encoder) -> dict[int, int]:
    """Passage id to article id, of all that were embedded by this encoder, in the order of the ids.

    The log says how many were embedded by another.
    """
    statement = (
        select(Passage.id, Passage.article_id, Article.encoder == encoder.fingerprint())
        .join(Article, Article.id == Passage.article_id)
        .where(Passage.embedding.is_not(None))
        .order_by(Passage.id)
    )
    rows = session.execute(statement).all()
    ours = {int(passage_id): int(article_id) for passage_id, article_id, is_ours in rows if is_ours}
    if len(ours) < len(rows):
        logger.warning(
            "%d of %d passages were embedded by another encoder than %s and are found by their words only; "
            "import the articles again",
            len(rows) - len(ours),
            len(rows),
            encoder.name,
        )
    return ours


def stored_vectors(
    session: Session, passage_ids: Sequence[int], dimension: int
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Ids and vectors (n, dimension) of some passages, `ROWS_AT_ONCE` at a time, in the order of the ids."""
    for start in range(0, len(passage_ids), ROWS_AT_ONCE):
        wanted = passage_ids[start : start + ROWS_AT_ONCE]
        statement = select(Passage.id, Passage.embedding).where(Passage.id.in_(wanted)).order_by(Passage.id)
        found = session.execute(statement).all()
        matrix = np.frombuffer(b"".join(row.embedding for row in found), dtype=STORED_DTYPE)
        yield [int(row.id) for row in found], matrix.reshape(len(found), dimension)
