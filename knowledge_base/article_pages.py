"""Published articles as pages: what is on one, and where a passage of it is linked to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.passages import PATH_JOINER
from knowledge_base.schema import Article, Passage
from knowledge_base.search.restrictions import Filters

_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class PageSection:
    """What stands under one heading. `path` are the headings down to it; without `anchor` nothing leads to it."""

    path: tuple[str, ...]
    anchor: str
    text: str  # Markdown


@dataclass(frozen=True)
class ArticlePage:
    """A published article with its provenance: where it comes from, by whom, of which version and day."""

    slug: str
    title: str
    language: str
    url: str | None
    source: str
    version: str | None
    author: str | None
    dated: date | None
    sections: tuple[PageSection, ...]


def article_page(session: Session, slug: str, today: date) -> ArticlePage | None:
    """The article, if everyone may read it today; None for an unknown one, a draft, or one that is meant for staff."""
    may_be_read = (Article.status == "published", *Filters().conditions(today))
    article = session.scalars(select(Article).where(Article.slug == slug, *may_be_read)).one_or_none()
    if article is None:
        return None
    return ArticlePage(
        slug=article.slug,
        title=article.title,
        language=article.language,
        url=article.url,
        source=article.source,
        version=article.version,
        author=article.author,
        dated=article.dated,
        sections=_sections(article.passages),
    )


def _sections(passages: Sequence[Passage]) -> tuple[PageSection, ...]:
    """The passages in their order, with those that were cut from one section put together again."""
    together: list[tuple[str, list[str]]] = []
    for passage in passages:
        if together and together[-1][0] == passage.heading:
            together[-1][1].append(passage.text)
        else:
            together.append((passage.heading, [passage.text]))
    sections, taken = [], {""}
    for heading, texts in together:
        anchor = anchor_of(heading)
        path = tuple(heading.split(PATH_JOINER)) if heading else ()
        sections.append(PageSection(path, "" if anchor in taken else anchor, "\n\n".join(texts)))
        taken.add(anchor)
    return tuple(sections)


def anchor_of(heading: str) -> str:
    """What a heading is linked to by: its words in lower case, joined by hyphens."""
    return _BETWEEN_WORDS.sub("-", heading.lower()).strip("-")


def page_link(slug: str, heading: str, pages_url: str) -> str:
    """The address of a passage's section on the page of its article; `pages_url` is without a slash at the end."""
    anchor = anchor_of(heading)
    return f"{pages_url}/{slug}#{quote(anchor)}" if anchor else f"{pages_url}/{slug}"
