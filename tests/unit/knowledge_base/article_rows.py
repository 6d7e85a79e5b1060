"""Articles written straight into the database, for tests of the search that need no import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone

import numpy as np
from sqlalchemy import delete, update

from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.schema import Article, ArticleProduct, KnowledgeState, Passage


def write_article(
    database: Database,
    encoder: Encoder,
    slug: str,
    texts: Sequence[str],
    *,
    category: str = "help",
    language: str = "en",
    audience: str | None = None,
    valid_from: date | None = None,
    valid_until: date | None = None,
    products: Sequence[str] = (),
) -> list[int]:
    """Put a live article with a passage for each text into the database; gives the ids of its passages."""
    vectors = encoder.encode(texts)
    with database.transaction() as session:
        article = Article(
            slug=slug,
            title=slug.replace("-", " "),
            category=category,
            content_hash="0" * 64,
            encoder=encoder.fingerprint(),
            imported_at=datetime(2026, 3, 10, tzinfo=timezone.utc),
            language=language,
            audience=audience,
            valid_from=valid_from,
            valid_until=valid_until,
            products=[ArticleProduct(product=product) for product in products],
            passages=[
                Passage(
                    position=position,
                    title=slug.replace("-", " "),
                    heading="",
                    text=text,
                    token_count=len(text.split()),
                    language=language,
                    embedding=np.asarray(vector, dtype="<f4").tobytes(),
                )
                for position, (text, vector) in enumerate(zip(texts, vectors, strict=True))
            ],
        )
        session.add(article)
        session.execute(update(KnowledgeState).values(version=KnowledgeState.version + 1))
        session.flush()
        return [passage.id for passage in article.passages]


def remove_article(database: Database, slug: str) -> None:
    """Take an article with its passages out of the database."""
    with database.transaction() as session:
        session.execute(delete(Article).where(Article.slug == slug))
        session.execute(update(KnowledgeState).values(version=KnowledgeState.version + 1))
