"""Finds passages for a question: full text and sentence vectors, fused by their ranks.

Full text is SQLite's FTS5 (BM25) or PostgreSQL's text search. Vectors are compared exactly, all of them, in a matrix
in memory that is read again when the knowledge version in the database changes. The two rankings are fused by
reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009), the vectors' counting twice: score = 1 / (60 + text rank)
+ 2 / (60 + vector rank).
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.importer import EMBEDDING_DTYPE
from knowledge_base.product_names import word_set
from knowledge_base.schema import Article, KnowledgeState, Passage

logger = logging.getLogger(__name__)

RANK_CONSTANT = 60  # k of the paper
# Customers seldom use an article's words. On 63 questions to the shop's articles the right one came first for 86 %
# with equal weights and 87 % with these, and among the first five for 97 % and 98 %.
TEXT_WEIGHT, VECTOR_WEIGHT = 1.0, 2.0
CANDIDATES = 50  # taken from each ranking
LONGEST_QUERY_CHARACTERS = 2000
MOST_QUERY_WORDS = 64
# BM25 weights of the index columns title, heading and text: where a word stands says what a passage is about.
COLUMN_WEIGHTS = (3.0, 2.0, 1.0)

# Words that stand in nearly every question. PostgreSQL leaves such out by itself.
STOP_WORDS = word_set(
    """
    a about all am an and any are as at be been but by can could did do does for from had has have he her
    hi his how i if in into is it its just me my no not of on or our out please she should so some than
    that the their them then there these they this those to too us was we were what when where which who
    why will with would you your
    """
)

_WORD = re.compile(r"\w+", re.UNICODE)

_SQLITE_RANKING = """
    SELECT passages_fts.rowid AS id
    FROM passages_fts
    JOIN passages ON passages.id = passages_fts.rowid
    JOIN articles ON articles.id = passages.article_id
    WHERE passages_fts MATCH :words AND (:category IS NULL OR articles.category = :category)
    ORDER BY bm25(passages_fts, :title, :heading, :text), passages_fts.rowid
    LIMIT :limit
"""
_POSTGRESQL_RANKING = """
    SELECT passages.id
    FROM passages
    JOIN articles ON articles.id = passages.article_id,
    to_tsquery('english', :words) AS words
    WHERE passages.search_vector @@ words
      AND (CAST(:category AS text) IS NULL OR articles.category = :category)
    ORDER BY ts_rank(passages.search_vector, words) DESC, passages.id
    LIMIT :limit
"""


@dataclass(frozen=True)
class PassageHit:
    """A passage that was found. Ranks count from 1 and are None where a ranking does not have it."""

    passage_id: int
    slug: str
    title: str
    heading: str
    text: str
    url: str | None
    score: float  # fused; comparable within one search only
    text_rank: int | None
    vector_rank: int | None
    similarity: float  # cosine of question and passage, from -1 to 1; comparable between searches


@dataclass(frozen=True)
class _Vectors:
    """The vectors of one knowledge version: row i of `matrix` (n, dimension) is passage `ids[i]`."""

    version: int
    ids: np.ndarray  # (n,) int64
    categories: np.ndarray  # (n,) str
    matrix: np.ndarray  # (n, dimension) float32
    rows: dict[int, int]  # passage id to row


class KnowledgeSearch:
    """Search over the imported articles; safe to share between threads."""

    def __init__(self, database: Database, encoder: Encoder) -> None:
        self._database = database
        self._encoder = encoder
        self._lock = threading.Lock()
        self._cached: _Vectors | None = None

    def search(self, query: str, limit: int = 5, category: str | None = None) -> list[PassageHit]:
        """The passages that answer `query` best, best first, at most `limit`.

        `category` keeps articles of one category or topic. Any text is a query: it is never read as syntax. An empty
        one finds nothing. Raises `DatabaseUnavailable`.
        """
        query = query[:LONGEST_QUERY_CHARACTERS].strip()
        if not query or limit < 1:
            return []
        question = self._encoder.encode([query])[0]
        with self._database.reading() as session:
            vectors = self._vectors(session)
            similarities = vectors.matrix @ question  # (n,)
            by_vector = _nearest(vectors, similarities, category)
            by_text = self._text_ranking(session, query, category)
            fused = fuse(by_text, by_vector)[:limit]
            rows = _rows(session, [passage_id for passage_id, _score in fused])
        text_ranks = {passage_id: rank for rank, passage_id in enumerate(by_text, start=1)}
        vector_ranks = {passage_id: rank for rank, passage_id in enumerate(by_vector, start=1)}
        hits = []
        for passage_id, score in fused:
            passage, article = rows[passage_id]
            row = vectors.rows.get(passage_id)
            hits.append(
                PassageHit(
                    passage_id=passage_id,
                    slug=article.slug,
                    title=passage.title,
                    heading=passage.heading,
                    text=passage.text,
                    url=article.url,
                    score=score,
                    text_rank=text_ranks.get(passage_id),
                    vector_rank=vector_ranks.get(passage_id),
                    similarity=float(similarities[row]) if row is not None else 0.0,
                )
            )
        return hits

    def version(self) -> int:
        """The knowledge version in the database; it grows with every article that changes."""
        with self._database.reading() as session:
            return _version(session)

    def _text_ranking(self, session: Session, query: str, category: str | None) -> list[int]:
        words = query_words(query)
        if not words:
            return []
        # Each word is quoted: inside quotes nothing is an operator, on either database.
        if self._database.is_sqlite:
            values = dict(zip(("title", "heading", "text"), COLUMN_WEIGHTS, strict=True))
            values |= {"words": " OR ".join(f'"{word}"' for word in words)}  # type: ignore[dict-item]
            statement = text(_SQLITE_RANKING)
        else:
            values = {"words": " | ".join(f"'{word}'" for word in words)}  # type: ignore[dict-item]
            statement = text(_POSTGRESQL_RANKING)
        found = session.execute(statement, {**values, "category": category, "limit": CANDIDATES})
        return [int(row.id) for row in found]

    def _vectors(self, session: Session) -> _Vectors:
        version = _version(session)
        with self._lock:
            if self._cached is None or self._cached.version != version:
                self._cached = self._read_vectors(session, version)
            return self._cached

    def _read_vectors(self, session: Session, version: int) -> _Vectors:
        fingerprint = self._encoder.fingerprint()
        statement = (
            select(Passage.id, Passage.embedding, Article.category, Article.encoder)
            .join(Article, Article.id == Passage.article_id)
            .where(Passage.embedding.is_not(None))
            .order_by(Passage.id)
        )
        found = session.execute(statement).all()
        rows = [row for row in found if row.encoder == fingerprint]
        if len(rows) < len(found):
            logger.warning(
                "%d of %d passages were embedded by another encoder than %s and are found by their words only; "
                "import the articles again",
                len(found) - len(rows),
                len(found),
                self._encoder.name,
            )
        matrix = np.frombuffer(b"".join(row.embedding for row in rows), dtype=EMBEDDING_DTYPE)
        ids = [int(row.id) for row in rows]
        return _Vectors(
            version=version,
            ids=np.array(ids, dtype=np.int64),
            categories=np.array([row.category for row in rows], dtype=object),
            matrix=matrix.reshape(len(rows), self._encoder.dimension).astype(np.float32, copy=False),
            rows={passage_id: row for row, passage_id in enumerate(ids)},
        )


def query_words(query: str) -> list[str]:
    """The words of a question that the full-text index is asked for, without the commonest."""
    words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(query)))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or words)[:MOST_QUERY_WORDS]


def fuse(by_text: list[int], by_vector: list[int]) -> list[tuple[int, float]]:
    """Ids with their reciprocal-rank score, best first; equal scores keep the order of the ids."""
    scores: dict[int, float] = {}
    for weight, ranking in ((TEXT_WEIGHT, by_text), (VECTOR_WEIGHT, by_vector)):
        for rank, passage_id in enumerate(ranking, start=1):
            scores[passage_id] = scores.get(passage_id, 0.0) + weight / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def _nearest(vectors: _Vectors, similarities: np.ndarray, category: str | None) -> list[int]:
    """Ids of the most similar passages, best first."""
    if category is not None:
        similarities = np.where(vectors.categories == category, similarities, -np.inf)
    count = min(CANDIDATES, len(similarities))
    if count == 0:
        return []
    best = np.argpartition(-similarities, count - 1)[:count]
    best = best[np.lexsort((vectors.ids[best], -similarities[best]))]
    return [int(vectors.ids[row]) for row in best if np.isfinite(similarities[row])]


def _rows(session: Session, passage_ids: list[int]) -> dict[int, tuple[Passage, Article]]:
    statement = (
        select(Passage, Article).join(Article, Article.id == Passage.article_id).where(Passage.id.in_(passage_ids))
    )
    return {passage.id: (passage, article) for passage, article in session.execute(statement)}


def _version(session: Session) -> int:
    return int(session.execute(select(KnowledgeState.version)).scalar_one())
