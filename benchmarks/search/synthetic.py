"""Passages that stand in for a large shop's: texts of two real passages mixed, and vectors between those of both."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
from sqlalchemy import insert, select, update

from knowledge_base.database import Database
from knowledge_base.schema import Article, KnowledgeState, Passage
from knowledge_base.search.engines.interface import STORED_DTYPE

PASSAGES_IN_ARTICLE = 5  # as in the shop's own
ARTICLES_AT_ONCE = 400
# A mixture keeps this much of its first parent; noise as long as the second's part keeps any two apart.
FIRST_PARENT, SECOND_PARENT, NOISE = 0.7, 0.5, 0.5
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def add_passages(database: Database, fingerprint: str, wanted: int, seed: int) -> None:
    """Add synthetic articles until there are `wanted` passages in all; the real ones are their parents."""
    with database.reading() as session:
        statement = select(Passage.title, Passage.text, Passage.embedding).order_by(Passage.id)
        rows = session.execute(statement).all()
    vectors = np.frombuffer(b"".join(row.embedding for row in rows), dtype=STORED_DTYPE).reshape(len(rows), -1)
    parents = [(row.title, _SENTENCE_END.split(" ".join(row.text.split()))) for row in rows]
    drawn = _articles(parents, vectors, wanted - len(rows), random.Random(seed), np.random.default_rng(seed))
    number, batch = 0, []
    for article in drawn:
        batch.append(article)
        if len(batch) == ARTICLES_AT_ONCE:
            number = _write(database, fingerprint, batch, number)
            batch = []
    _write(database, fingerprint, batch, number)


def _articles(
    parents: Sequence[tuple[str, list[str]]],
    vectors: np.ndarray,
    wanted: int,
    draw: random.Random,
    noise: np.random.Generator,
) -> Iterator[list[tuple[str, str, np.ndarray]]]:
    """Articles as lists of (title, text, vector), `wanted` passages in all."""
    for start in range(0, wanted, PASSAGES_IN_ARTICLE):
        count = min(PASSAGES_IN_ARTICLE, wanted - start)
        pairs = [(draw.randrange(len(parents)), draw.randrange(len(parents))) for _ in range(count)]
        scatter = noise.standard_normal((count, vectors.shape[1]), dtype=np.float32)
        scatter *= NOISE / np.linalg.norm(scatter, axis=1, keepdims=True)
        first, second = (vectors[[pair[place] for pair in pairs]] for place in (0, 1))
        mixed = FIRST_PARENT * first + SECOND_PARENT * second + scatter
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        article = []
        for (one, other), vector in zip(pairs, mixed, strict=True):
            sentences = [*parents[one][1], *parents[other][1]]
            text = " ".join(draw.sample(sentences, min(4, len(sentences))))
            article.append((parents[one][0], text, vector))
        yield article


def _write(
    database: Database, fingerprint: str, articles: Sequence[list[tuple[str, str, np.ndarray]]], number: int
) -> int:
    """Store a batch in one transaction; gives the number of articles written so far."""
    if not articles:
        return number
    now = datetime.now(timezone.utc)
    with database.transaction() as session:
        for article in articles:
            number += 1
            row = {
                "slug": f"synthetic-{number:07d}",
                "title": article[0][0][:200],
                "category": "synthetic",
                "content_hash": "0" * 64,
                "encoder": fingerprint,
                "imported_at": now,
            }
            article_id = session.execute(insert(Article).values(row)).inserted_primary_key[0]
            session.execute(insert(Passage), [_row(article_id, place, one) for place, one in enumerate(article)])
        session.execute(update(KnowledgeState).values(version=KnowledgeState.version + 1))
    return number


def _row(article_id: int, position: int, passage: tuple[str, str, np.ndarray]) -> dict[str, Any]:
    title, text, vector = passage
    return {
        "article_id": article_id,
        "position": position,
        "title": title[:200],
        "heading": "",
        "text": text,
        "token_count": len(text.split()),
        "embedding": vector.astype(STORED_DTYPE).tobytes(),
    }
