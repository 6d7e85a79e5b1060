"""Writes documents as articles with their passages, and moves passages between live and shelved."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from knowledge_base.documents.document import Document
from knowledge_base.documents.scan import IMPORT_VERSION
from knowledge_base.encoder import Encoder
from knowledge_base.passages import CutPassage
from knowledge_base.schema import Article, ArticleProduct, KnowledgeState, Passage, ShelvedPassage

KNOWLEDGE_LOCK = "knowledge"  # whoever changes articles holds it until the transaction ends
# Identifiers in one statement; SQLite takes 999 of them in its oldest builds.
BATCH = 500

PassageTable = type[Passage] | type[ShelvedPassage]
PASSAGE_COLUMNS = (
    "article_id", "position", "title", "heading", "text", "token_count", "embedding", "page", "language",
    "embedded_hash",
)  # fmt: skip


@dataclass(frozen=True)
class EmbeddedPassage:
    """A passage with its vector: float32, little-endian, `(dimension,)`."""

    passage: CutPassage
    embedded_hash: str
    embedding: bytes


@dataclass(frozen=True)
class Stored:
    """What the database has of a document, as far as an import decides by it."""

    content_hash: str
    encoder: str | None
    import_version: int
    status: str
    collection: str
    source: str

    def equals(self, document: Document, encoder: Encoder) -> bool:
        """Whether the document's passages and fields would come out the same."""
        made = (self.content_hash, self.encoder, self.import_version)
        return made == (document.content_hash, encoder.fingerprint(), IMPORT_VERSION)

    @property
    def is_retired(self) -> bool:
        """Whether its source is gone."""
        return self.status == "retired"


def stored(session: Session, slugs: Collection[str] | None = None) -> dict[str, Stored]:
    """What is there, by slug: of all articles, or of these."""
    columns = (
        Article.slug, Article.content_hash, Article.encoder, Article.import_version, Article.status,
        Article.collection, Article.source,
    )  # fmt: skip
    if slugs is None:
        rows = session.execute(select(*columns)).all()
    else:
        rows = [
            row
            for part in _batches(sorted(slugs))
            for row in session.execute(select(*columns).where(Article.slug.in_(part)))
        ]
    return {row.slug: Stored(*tuple(row)[1:]) for row in rows}


def write(
    session: Session, document: Document, passages: Sequence[EmbeddedPassage], encoder: Encoder, *, collection: str,
    draft: bool, now: datetime,
) -> str:  # fmt: skip
    """Store a document in place of what there was of it, and give its status."""
    article = session.scalars(select(Article).where(Article.slug == document.slug)).one_or_none()
    if article is None:
        article = Article(slug=document.slug)
        session.add(article)
    article.status = status_of(document, article, draft=draft)
    article.title, article.category, article.url = document.title, document.category, document.url
    article.content_hash, article.import_version = document.content_hash, IMPORT_VERSION
    article.encoder = encoder.fingerprint()
    article.collection, article.source, article.format = collection, document.source, document.format
    fields = document.fields
    article.version, article.author, article.dated = fields.version, fields.author, fields.dated
    article.language, article.audience = document.language, fields.audience
    article.valid_from, article.valid_until = fields.valid_from, fields.valid_until
    article.findings = json.dumps([vars(one) for one in document.findings]) if document.findings else None
    article.imported_at, article.retired_at = now, None
    session.flush()
    for table in (Passage, ShelvedPassage, ArticleProduct):
        session.execute(delete(table).where(table.article_id == article.id))
    if fields.products:
        session.execute(
            insert(ArticleProduct), [{"article_id": article.id, "product": product} for product in fields.products]
        )
    rows = [
        {
            "article_id": article.id,
            "position": position,
            "title": one.passage.title,
            "heading": one.passage.heading,
            "text": one.passage.text,
            "token_count": one.passage.token_count,
            "embedding": one.embedding,
            "page": one.passage.page,
            "language": document.language,
            "embedded_hash": one.embedded_hash,
        }
        for position, one in enumerate(passages)
    ]
    session.execute(insert(Passage if article.status == "published" else ShelvedPassage), rows)
    return str(article.status)


def status_of(document: Document, article: Article, *, draft: bool) -> str:
    """Whether a document goes live: what a person decided on this very content counts before all else."""
    if article.approved_hash == document.content_hash:
        return "published"
    if article.status == "rejected" and article.content_hash == document.content_hash:
        return "rejected"
    if document.findings:
        return "held"
    return "draft" if draft or document.fields.draft else "published"


def bring_back(session: Session, document: Document, *, collection: str, draft: bool, now: datetime) -> str:
    """Give a retired article whose source is there again its status and passages, without embedding it anew."""
    article = session.scalars(select(Article).where(Article.slug == document.slug)).one()
    article.status = status_of(document, article, draft=draft)
    article.collection, article.retired_at, article.imported_at = collection, None, now
    session.flush()
    if article.status == "published":
        unshelve(session, article.id)
    return str(article.status)


def retire(session: Session, slugs: Collection[str], now: datetime) -> None:
    """Take articles whose source is gone out of the search; they keep their passages on the shelf."""
    for part in _batches(sorted(slugs)):
        ids = list(session.scalars(select(Article.id).where(Article.slug.in_(part))))
        for article_id in ids:
            shelve(session, article_id)
        session.execute(
            update(Article)
            .where(Article.id.in_(ids))
            .values(status="retired", retired_at=now)
            .execution_options(synchronize_session=False)
        )


def shelve(session: Session, article_id: int) -> None:
    """Move an article's live passages to the shelf."""
    _move(session, article_id, Passage, ShelvedPassage)


def unshelve(session: Session, article_id: int) -> None:
    """Move an article's shelved passages to the live ones."""
    _move(session, article_id, ShelvedPassage, Passage)


def next_version(session: Session, now: datetime, encoder: Encoder | None = None) -> None:
    """Tell every running search that what it has in memory is out of date."""
    values: dict[str, object] = {"version": KnowledgeState.version + 1, "updated_at": now}
    if encoder is not None:
        values |= {"encoder": encoder.fingerprint(), "dimension": encoder.dimension}
    session.execute(update(KnowledgeState).values(**values))


def count_live_passages(session: Session) -> int:
    """How many passages search finds something in."""
    return int(session.scalar(select(func.count()).select_from(Passage)) or 0)


def kept_vectors(session: Session, slugs: Collection[str], encoder: Encoder) -> dict[str, bytes]:
    """Vectors of these articles' passages that this encoder made, by the hash of the text they stand for."""
    found: dict[str, bytes] = {}
    for table in (Passage, ShelvedPassage):
        for part in _batches(sorted(slugs)):
            statement = (
                select(table.embedded_hash, table.embedding)
                .join(Article, Article.id == table.article_id)
                .where(Article.slug.in_(part), Article.encoder == encoder.fingerprint(), table.embedding.is_not(None))
            )
            found |= {row.embedded_hash: row.embedding for row in session.execute(statement) if row.embedded_hash}
    return found


def _move(session: Session, article_id: int, source: PassageTable, target: PassageTable) -> None:
    columns = [getattr(source, name) for name in PASSAGE_COLUMNS]
    moved = select(*columns).where(source.article_id == article_id)
    session.execute(insert(target).from_select(list(PASSAGE_COLUMNS), moved))
    session.execute(delete(source).where(source.article_id == article_id))


def _batches(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
