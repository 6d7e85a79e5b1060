"""Finds passages for a question: full text and sentence vectors, fused by their ranks, reranked if a model is given.

1. The question's telling words go to the database's full-text index, the rarest first.
2. Its vector goes to an engine, which gives the nearest passages.
3. The two rankings are fused; a reranker, where there is one, puts the first of them in a new order.
4. A calibrated score says how likely it is that what was found answers the question at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.schema import Article, Passage
from knowledge_base.search.engines import VectorEngine, engine_for
from knowledge_base.search.engines.choice import check_name
from knowledge_base.search.engines.interface import STORED_DTYPE
from knowledge_base.search.found import Found, PassageHit
from knowledge_base.search.full_text import TextHit, full_text_of, rarest
from knowledge_base.search.fusion import ALONE, IN_CONVERSATION, fuse
from knowledge_base.search.questions import Question, query_words
from knowledge_base.search.relevance import HITS_READ, Evidence, load_relevance, signs
from knowledge_base.search.reranking import RERANKED, Reranker
from knowledge_base.search.restrictions import Filters
from knowledge_base.search.versions import knowledge_version

CANDIDATES = 50  # taken from each ranking


def _today() -> date:
    return datetime.now(timezone.utc).date()


class KnowledgeSearch:
    """Search over the live articles; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        encoder: Encoder,
        *,
        engine: VectorEngine | None = None,
        engine_name: str | None = None,
        reranker: Reranker | None = None,
        today: Callable[[], date] = _today,
    ) -> None:
        """Without an engine, `engine_for` chooses one, by its name if that is given.

        PostgreSQL is asked for pgvector at the first search, so that a service can start before its database.
        Raises `EngineError`.
        """
        self._database = database
        self._encoder = encoder
        check_name(engine_name)
        if engine is None and database.is_sqlite:
            engine = engine_for(database, encoder, engine_name)
        self._chosen, self._engine_name = engine, engine_name
        self._choosing = threading.Lock()
        self._reranker = reranker
        self._today = today
        self._full_text = full_text_of(database.is_sqlite)
        self._relevance = load_relevance(encoder.fingerprint())
        self._counted: tuple[int, int] | None = None  # knowledge version, passages

    def search(self, query: str, limit: int = 5, category: str | None = None) -> list[PassageHit]:
        """The hits of `find` for a question that stands alone."""
        return list(self.find(Question(query), limit=limit, filters=Filters(category=category)).hits)

    def find(self, question: Question, limit: int = 5, filters: Filters | None = None) -> Found:
        """The passages that answer a question best, best first, at most `limit`.

        Any text is a question: it is never read as syntax. An empty one finds nothing. Raises `DatabaseUnavailable`.
        """
        asked = question.text
        if not asked or limit < 1:
            return Found(question=asked, words=(), left_out=(), engine=self._engine().name, hits=())
        vector = self._encoder.encode([asked])[0]
        return self.find_by(question, vector, limit, filters)

    def find_by(self, question: Question, vector: np.ndarray, limit: int = 5, filters: Filters | None = None) -> Found:
        """`find` for a question that is encoded already; `vector` is (dimension,)."""
        words = query_words(question.text)
        self._engine().prepare()
        with self._database.reading() as session:
            excluded = (filters or Filters()).excluded(session, self._today())
            frequencies = self._full_text.frequencies(session, words)
            asked = rarest(words, frequencies)
            by_text = self._full_text.rank(session, asked, excluded, CANDIDATES) if asked else []
            by_vector = self._engine().nearest(session, vector, excluded, CANDIDATES)
            weights = IN_CONVERSATION if question.history else ALONE
            fused = fuse([hit.passage_id for hit in by_text], [passage_id for passage_id, _ in by_vector], weights)
            read = max(limit, HITS_READ, RERANKED if self._reranker else 0)
            hits = self._hits(session, fused, read, vector, by_text, by_vector)
            passages = self._count(session)
        evidence = [Evidence(hit.slug, f"{hit.title} {hit.heading} {hit.text}", hit.similarity) for hit in hits]
        seen = signs(words, frequencies, passages, evidence)
        return Found(
            question=question.text,
            words=tuple(asked),
            left_out=tuple(word for word in words if word not in asked),
            engine=self._engine().name,
            hits=tuple(self._reranked(question, hits)[:limit]),
            signs=seen,
            relevance=self._relevance.probability(seen) if self._relevance else None,
            threshold=self._relevance.threshold if self._relevance else None,
        )

    def version(self) -> int:
        """The knowledge version in the database; it grows with every article that changes."""
        with self._database.reading() as session:
            return knowledge_version(session)

    def _hits(
        self,
        session: Session,
        fused: Sequence[tuple[int, float]],
        most: int,
        vector: np.ndarray,
        by_text: Sequence[TextHit],
        by_vector: Sequence[tuple[int, float]],
    ) -> list[PassageHit]:
        """The first `most` passages of a fused ranking, without those that a newer import has taken away.

        An engine may know them still, if the import ended after it was brought up to date; they must not take the
        places of passages that are there.
        """
        rows = self._rows(session, fused[:most])
        if len(rows) < len(fused[:most]):
            listed = [passage_id for passage_id, _score in fused]
            there = set(session.scalars(select(Passage.id).where(Passage.id.in_(listed))))
            fused = [each for each in fused if each[0] in there]
            rows = self._rows(session, fused[:most])
        ours = self._encoder.fingerprint()
        text_places = {hit.passage_id: (rank, hit.score) for rank, hit in enumerate(by_text, start=1)}
        vector_ranks = {passage_id: rank for rank, (passage_id, _) in enumerate(by_vector, start=1)}
        hits = []
        for rank, (passage_id, score) in enumerate(fused[:most], start=1):
            row = rows[passage_id]
            text_rank, text_score = text_places.get(passage_id, (None, None))
            hits.append(
                PassageHit(
                    passage_id=passage_id,
                    slug=row.slug,
                    title=row.Passage.title,
                    heading=row.Passage.heading,
                    text=row.Passage.text,
                    url=row.url,
                    page=row.Passage.page,
                    score=score,
                    text_rank=text_rank,
                    text_score=text_score,
                    vector_rank=vector_ranks.get(passage_id),
                    similarity=_cosine(row.Passage.embedding, vector) if row.encoder == ours else 0.0,
                    fused_rank=rank,
                )
            )
        return hits

    @staticmethod
    def _rows(session: Session, fused: Sequence[tuple[int, float]]) -> dict[int, Any]:
        """Those of the passages that are there, each with its article's columns, by id."""
        statement = (
            select(Passage, Article.slug, Article.url, Article.encoder)
            .join(Article, Article.id == Passage.article_id)
            .where(Passage.id.in_([passage_id for passage_id, _score in fused]))
        )
        return {row.Passage.id: row for row in session.execute(statement)}

    def _engine(self) -> VectorEngine:
        with self._choosing:
            if self._chosen is None:
                self._chosen = engine_for(self._database, self._encoder, self._engine_name)
            return self._chosen

    def _count(self, session: Session) -> int:
        version = knowledge_version(session)
        if self._counted is None or self._counted[0] != version:
            self._counted = version, int(session.scalar(select(func.count()).select_from(Passage)) or 0)
        return self._counted[1]

    def _reranked(self, question: Question, hits: list[PassageHit]) -> list[PassageHit]:
        if self._reranker is None or not hits:
            return hits
        scores = self._reranker.scores(question.text, [f"{hit.title}. {hit.heading}\n{hit.text}" for hit in hits])
        scored = [replace(hit, rerank_score=float(score)) for hit, score in zip(hits, scores, strict=True)]
        return sorted(scored, key=lambda hit: (-(hit.rerank_score or 0.0), hit.fused_rank))


def _cosine(stored: bytes | None, vector: np.ndarray) -> float:
    """Of a passage's vector, as it stands in the database, and a question's; 0 where there is none."""
    return 0.0 if stored is None else float(np.frombuffer(stored, dtype=STORED_DTYPE) @ vector)
