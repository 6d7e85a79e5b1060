"""Which articles a search may find: by topic, product, language, audience and the days on which they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, exists, not_, or_, select
from sqlalchemy.orm import Session

from knowledge_base.schema import Article, ArticleProduct


@dataclass(frozen=True)
class Filters:
    """What a search is narrowed to; None leaves a field open.

    Fields:
        category: only articles of this category or topic.
        product: articles about this product, by the name or SKU they give, and those about no one product.
        language: only articles in this language, such as `en`.
        audience: articles for this audience beside those for everyone. None: only those for everyone, so that what
            is meant for staff never reaches a customer by an omission.
    """

    category: str | None = None
    product: str | None = None
    language: str | None = None
    audience: str | None = None

    def conditions(self, today: date) -> list[Any]:
        """What has to hold of a row of `articles`, as SQL expressions that are never NULL."""
        said = [
            or_(Article.valid_from.is_(None), Article.valid_from <= today),
            or_(Article.valid_until.is_(None), Article.valid_until >= today),
            Article.audience.is_(None)
            if self.audience is None
            else or_(Article.audience.is_(None), Article.audience == self.audience),
        ]
        if self.category is not None:
            said.append(Article.category == self.category)
        if self.language is not None:
            said.append(Article.language == self.language)
        if self.product is not None:
            about = exists().where(ArticleProduct.article_id == Article.id)
            said.append(or_(about.where(ArticleProduct.product == self.product), not_(about)))
        return said

    def excluded(self, session: Session, today: date) -> list[int]:
        """Ids of the live articles that may not be found, in order; nearly always none or few."""
        statement = (
            select(Article.id)
            .where(Article.status == "published", not_(and_(*self.conditions(today))))
            .order_by(Article.id)
        )
        return list(session.scalars(statement))
