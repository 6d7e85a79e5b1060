"""What a person decides on documents: which wait, what was found in them, and what goes live."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base import article_writer
from knowledge_base.database import Database
from knowledge_base.documents.document import Finding
from knowledge_base.locks import serialise
from knowledge_base.schema import Article, Passage, ShelvedPassage

WAITING = ("held", "draft")
REVIEWER_CHARACTERS = 80


class ReviewError(ValueError):
    """A decision cannot be taken; the message names the document and says why."""


@dataclass(frozen=True)
class ReviewedArticle:
    """A document as a reviewer sees it."""

    slug: str
    title: str
    status: str
    collection: str
    source: str
    imported_at: datetime
    reviewed_by: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ReviewedPassage:
    """A passage as it would be found."""

    heading: str
    page: int | None
    text: str


def articles_in(database: Database, states: Collection[str] = WAITING) -> list[ReviewedArticle]:
    """The documents of these states by slug. Raises `DatabaseUnavailable`."""
    with database.reading() as session:
        rows = session.scalars(select(Article).where(Article.status.in_(sorted(states))).order_by(Article.slug))
        return [_reviewed(row) for row in rows]


def article_with_passages(database: Database, slug: str) -> tuple[ReviewedArticle, list[ReviewedPassage]]:
    """One document and its passages, live or not. Raises `ReviewError` and `DatabaseUnavailable`."""
    with database.reading() as session:
        article = _article(session, slug)
        table = Passage if article.status == "published" else ShelvedPassage
        rows = session.scalars(select(table).where(table.article_id == article.id).order_by(table.position))
        return _reviewed(article), [ReviewedPassage(row.heading, row.page, row.text) for row in rows]


def approve(database: Database, slugs: Sequence[str], *, by: str, now: datetime) -> int:
    """Publish documents as they are now; gives how many changed their state.

    The decision holds for this content: the same content stays live through later imports, a change is scanned anew.
    All or none; raises `ReviewError` and `DatabaseUnavailable`.
    """
    return _decide(database, slugs, "published", by=by, now=now)


def reject(database: Database, slugs: Sequence[str], *, by: str, now: datetime) -> int:
    """Take documents out of the search, or keep them out; gives how many changed their state.

    They stay out through later imports of the same content; a change is looked at anew. All or none; raises
    `ReviewError` and `DatabaseUnavailable`.
    """
    return _decide(database, slugs, "rejected", by=by, now=now)


def _decide(database: Database, slugs: Sequence[str], status: str, *, by: str, now: datetime) -> int:
    changed = 0
    with database.transaction() as session:
        serialise(session, article_writer.KNOWLEDGE_LOCK)
        for slug in dict.fromkeys(slugs):
            article = _article(session, slug)
            if article.status == "retired":
                raise ReviewError(f"{slug} is retired: its source {article.source} is gone; import it again first")
            article.approved_hash = article.content_hash if status == "published" else None
            article.reviewed_by, article.reviewed_at = by[:REVIEWER_CHARACTERS], now
            if article.status == status:
                continue
            changed += 1
            if status == "published":
                article_writer.unshelve(session, article.id)
            elif article.status == "published":
                article_writer.shelve(session, article.id)
            article.status = status
        if changed:
            article_writer.next_version(session, now)
    return changed


def _article(session: Session, slug: str) -> Article:
    article = session.scalars(select(Article).where(Article.slug == slug)).one_or_none()
    if article is None:
        raise ReviewError(f"there is no document called {slug}")
    return article


def _reviewed(row: Article) -> ReviewedArticle:
    findings = tuple(Finding(**one) for one in json.loads(row.findings or "[]"))
    return ReviewedArticle(
        row.slug, row.title, row.status, row.collection, row.source, row.imported_at, row.reviewed_by, findings
    )
