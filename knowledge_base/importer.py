"""Brings a folder of articles into the database: what changed is cut and embedded anew, what left is retired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from frontdesk.brand import Brand
from knowledge_base.articles import ArticleError, SourceArticle, read_articles
from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.passages import CutPassage, cut, in_context
from knowledge_base.schema import Article, KnowledgeState, Passage

__all__ = ["ArticleError", "ImportReport", "Progress", "import_articles"]

Progress = Callable[[int, int, str], None]
"""Called before each article with how many are done, how many there are, and its slug."""

EMBEDDING_DTYPE = "<f4"
"""Passages keep their vectors as little-endian float32."""


@dataclass(frozen=True)
class ImportReport:
    """How many articles an import added, changed, left and retired, and how many passages there are now."""

    added: int
    changed: int
    unchanged: int
    retired: int
    passages: int


def import_articles(
    database: Database,
    encoder: Encoder,
    folder: Path,
    brand: Brand,
    *,
    now: datetime,
    progress: Progress | None = None,
) -> ImportReport:
    """Make the database hold the articles of `folder`, with the shop's placeholders filled in.

    An article is imported anew when its text, its address or the encoder changed. Each goes in with a transaction of
    its own, so that a service that reads meanwhile never waits long and never sees half an article. All files are
    read and checked before the first is written; a folder without articles changes nothing. Raises `ArticleError`
    and `DatabaseUnavailable`.
    """
    sources = read_articles(Path(folder), brand)
    with database.reading() as session:
        rows = session.scalars(select(Article).where(Article.retired_at.is_(None)))
        present = {row.slug: (row.content_hash, row.encoder) for row in rows}
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    for done, source in enumerate(sources):
        if progress is not None:
            progress(done, len(sources), source.slug)
        before = present.get(source.slug)
        if before == (source.content_hash, encoder.fingerprint()):
            counts["unchanged"] += 1
            continue
        passages = _cut(source, encoder)
        # Embedding takes time: it is done before the transaction takes the lock.
        vectors = encoder.encode([_embedded(source, passage, place) for place, passage in enumerate(passages)])
        with database.transaction() as session:
            _write(session, source, passages, vectors, encoder, now)
        counts["added" if before is None else "changed"] += 1
    with database.transaction() as session:
        retired = _retire(session, sorted(set(present) - {source.slug for source in sources}), encoder, now)
        passage_count = session.scalar(select(func.count()).select_from(Passage)) or 0
    if progress is not None:
        progress(len(sources), len(sources), "")
    return ImportReport(**counts, retired=retired, passages=passage_count)


def _cut(source: SourceArticle, encoder: Encoder) -> list[CutPassage]:
    try:
        return cut(source.title, source.body, encoder.count_tokens, encoder.max_tokens)
    except ValueError as error:
        raise ArticleError(f"{source.slug}.md: {error}") from error


def _embedded(source: SourceArticle, passage: CutPassage, place: int) -> str:
    """What stands for a passage in vector space: the first one carries the article's keywords too."""
    if place == 0 and source.keywords:
        return in_context(f"{source.title} ({', '.join(source.keywords)})", passage.heading, passage.text)
    return passage.embedded


def _write(
    session: Session,
    source: SourceArticle,
    passages: list[CutPassage],
    vectors: np.ndarray,
    encoder: Encoder,
    now: datetime,
) -> None:
    article = session.scalars(select(Article).where(Article.slug == source.slug)).one_or_none()
    if article is None:
        article = Article(slug=source.slug)
        session.add(article)
    article.title = source.title
    article.category = source.category
    article.url = source.url
    article.content_hash = source.content_hash
    article.encoder = encoder.fingerprint()
    article.imported_at = now
    article.retired_at = None
    # The old passages go first: their places are taken by the new ones.
    article.passages = []
    session.flush()
    article.passages = [
        Passage(
            position=position,
            title=passage.title,
            heading=passage.heading,
            text=passage.text,
            token_count=passage.token_count,
            embedding=np.asarray(vector, dtype=EMBEDDING_DTYPE).tobytes(),
        )
        for position, (passage, vector) in enumerate(zip(passages, vectors, strict=True))
    ]
    _next_version(session, encoder, now)


def _retire(session: Session, slugs: list[str], encoder: Encoder, now: datetime) -> int:
    """Take the passages of articles that left out of the search; the articles stay on record."""
    for article in session.scalars(select(Article).where(Article.slug.in_(slugs))):
        article.passages = []
        article.retired_at = now
    if slugs:
        _next_version(session, encoder, now)
    return len(slugs)


def _next_version(session: Session, encoder: Encoder, now: datetime) -> None:
    """Tell every running search that what it has in memory is out of date."""
    session.execute(
        update(KnowledgeState).values(
            version=KnowledgeState.version + 1,
            encoder=encoder.fingerprint(),
            dimension=encoder.dimension,
            updated_at=now,
        )
    )
