"""The default engine: every vector is compared, in a matrix in memory that follows the knowledge version."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from knowledge_base.encoder import Encoder
from knowledge_base.search.engines.interface import embedded_passages, stored_vectors
from knowledge_base.search.versions import knowledge_version


@dataclass(frozen=True)
class _Matrix:
    """The vectors of one knowledge version: row i of `vectors` (n, dimension) is passage `ids[i]`."""

    version: int
    ids: np.ndarray  # (n,) int64, ascending
    articles: np.ndarray  # (n,) int64
    vectors: np.ndarray  # (n, dimension) float32


class ExactEngine:
    """Works on every database; needs `4 * dimension` bytes of memory a passage."""

    name = "exact"
    exact = True

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._cached: _Matrix | None = None

    def prepare(self) -> None:
        """Nothing to do: the matrix is read in the search's own snapshot."""

    def nearest(
        self, session: Session, question: np.ndarray, excluded: Sequence[int], limit: int
    ) -> list[tuple[int, float]]:
        """All vectors are compared."""
        matrix = self._matrix(session)
        similarities = matrix.vectors @ question  # (n,)
        if excluded:
            similarities[np.isin(matrix.articles, excluded)] = -np.inf
        count = min(limit, len(similarities))
        if count == 0:
            return []
        best = np.argpartition(-similarities, count - 1)[:count]
        best = best[np.lexsort((matrix.ids[best], -similarities[best]))]
        return [(int(matrix.ids[row]), float(similarities[row])) for row in best if np.isfinite(similarities[row])]

    def size_bytes(self) -> int:
        """Of the matrix in memory."""
        cached = self._cached
        return 0 if cached is None else cached.vectors.nbytes + cached.ids.nbytes + cached.articles.nbytes

    def _matrix(self, session: Session) -> _Matrix:
        version = knowledge_version(session)
        with self._lock:
            if self._cached is None or self._cached.version != version:
                self._cached = self._read(session, version, self._cached)
            return self._cached

    def _read(self, session: Session, version: int, before: _Matrix | None) -> _Matrix:
        """The matrix of `version`; rows that `before` has already are taken from there."""
        wanted = embedded_passages(session, self._encoder)
        ids = np.fromiter(wanted, dtype=np.int64, count=len(wanted))
        vectors = np.empty((len(ids), self._encoder.dimension), dtype=np.float32)
        known = np.isin(ids, before.ids) if before is not None else np.zeros(len(ids), dtype=bool)
        if before is not None:
            vectors[known] = before.vectors[np.searchsorted(before.ids, ids[known])]
        for found, read in stored_vectors(session, ids[~known].tolist(), self._encoder.dimension):
            vectors[np.searchsorted(ids, found)] = read
        articles = np.fromiter(wanted.values(), dtype=np.int64, count=len(wanted))
        return _Matrix(version=version, ids=ids, articles=articles, vectors=vectors)
