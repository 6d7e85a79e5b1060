"""Tables of what the shop knows and tells everyone: stores, policies, vouchers, articles and their passages.

The full-text index over `passages` (SQLite: table `passages_fts(title, heading, text)`, an external-content
FTS5 table kept up to date by triggers; PostgreSQL: generated column `passages.search_vector` with a GIN
index) is made by the migrations and kept by the database itself; it is not mapped here.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, relationship

from knowledge_base.column_types import AUTOINCREMENT, Base, Money, UtcDateTime, one_of

VOUCHER_KINDS = ("percent", "amount")
ARTICLE_STATES = ("published", "draft", "held", "rejected", "retired")


class Store(Base):
    """A shop one can walk into; `hours` is the line customers read."""

    __tablename__ = "stores"
    id: Mapped[int] = Column(Integer, primary_key=True)
    name: Mapped[str] = Column(String(80), nullable=False, unique=True)
    address: Mapped[str] = Column(String(160), nullable=False)
    city: Mapped[str] = Column(String(80), nullable=False, index=True)
    postcode: Mapped[str] = Column(String(8), nullable=False)
    hours: Mapped[str] = Column(String(160), nullable=False)
    phone: Mapped[str] = Column(String(32), nullable=False)
    latitude: Mapped[float | None] = Column(Float)
    longitude: Mapped[float | None] = Column(Float)


class Policy(Base):
    """A rule of the shop in figures, such as `return_window_days`; overrides a default of `policies.py`."""

    __tablename__ = "policies"
    key: Mapped[str] = Column(String(60), primary_key=True)
    value: Mapped[str] = Column(String(300), nullable=False)


class Voucher(Base):
    """A voucher code; `value` is per cent for kind "percent", pounds for "amount"."""

    __tablename__ = "vouchers"
    __table_args__ = (one_of("kind", VOUCHER_KINDS), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    code: Mapped[str] = Column(String(24), nullable=False, unique=True)
    kind: Mapped[str] = Column(String(16), nullable=False)
    value: Mapped[Decimal] = Column(Money, nullable=False)
    minimum_spend: Mapped[Decimal] = Column(Money, nullable=False, default=Decimal(0))
    valid_from: Mapped[date] = Column(Date, nullable=False)
    valid_until: Mapped[date] = Column(Date, nullable=False)


class Article(Base):
    """An imported document. Only a published one has rows in `passages`; the others keep theirs in `shelved_passages`.

    Status `published`: live. `draft`: waits to be published. `held`: the scan found something, waits for approval.
    `rejected`: refused by a person. `retired`: its source is gone. A changed source starts anew.
    """

    __tablename__ = "articles"
    __table_args__ = (one_of("status", ARTICLE_STATES), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    slug: Mapped[str] = Column(String(120), nullable=False, unique=True)
    title: Mapped[str] = Column(String(200), nullable=False)
    category: Mapped[str] = Column(String(60), nullable=False, index=True)
    url: Mapped[str | None] = Column(String(300))
    content_hash: Mapped[str] = Column(String(64), nullable=False)  # SHA-256 of all that is stored of it, hex
    encoder: Mapped[str | None] = Column(String(200))  # fingerprint of the encoder its passages were embedded with
    imported_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    retired_at: Mapped[datetime | None] = Column(UtcDateTime)
    # Provenance
    collection: Mapped[str] = Column(String(200), nullable=False, default="", server_default="", index=True)
    source: Mapped[str] = Column(String(500), nullable=False, default="", server_default="")  # path in it, or address
    format: Mapped[str] = Column(String(12), nullable=False, default="markdown", server_default="markdown")
    version: Mapped[str | None] = Column(String(60))
    author: Mapped[str | None] = Column(String(200))
    dated: Mapped[date | None] = Column(Date)  # when it was written or last changed, as it says itself
    # Whom and when it is for: what search filters by
    language: Mapped[str] = Column(String(12), nullable=False, default="en", server_default="en")  # such as en, de
    audience: Mapped[str | None] = Column(String(60))  # None: everyone
    valid_from: Mapped[date | None] = Column(Date)  # first and last day on which it holds; None: no limit
    valid_until: Mapped[date | None] = Column(Date)
    # Publication
    findings: Mapped[str | None] = Column(Text)  # what the scan found: JSON list of {kind, where, excerpt}
    import_version: Mapped[int] = Column(Integer, nullable=False, default=0, server_default="0")  # of scan and cutting
    approved_hash: Mapped[str | None] = Column(String(64))  # content_hash that a person approved
    reviewed_by: Mapped[str | None] = Column(String(80))
    reviewed_at: Mapped[datetime | None] = Column(UtcDateTime)
    status: Mapped[str] = Column(String(12), nullable=False, default="published", server_default="published")
    passages: Mapped[list[Passage]] = relationship(
        "Passage", order_by="Passage.position", back_populates="article", cascade="all, delete-orphan"
    )
    shelved: Mapped[list[ShelvedPassage]] = relationship(
        "ShelvedPassage", order_by="ShelvedPassage.position", cascade="all, delete-orphan"
    )
    products: Mapped[list[ArticleProduct]] = relationship(
        "ArticleProduct", order_by="ArticleProduct.product", cascade="all, delete-orphan"
    )


class ArticleProduct(Base):
    """A product that an article is about, by its name or SKU as the article says it; none: about no one product."""

    __tablename__ = "article_products"
    __table_args__: Any = ()
    article_id: Mapped[int] = Column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    product: Mapped[str] = Column(String(120), primary_key=True, index=True)


class PassageColumns:
    """What a passage consists of, on whichever of the two tables."""

    id: Mapped[int] = Column(Integer, primary_key=True)
    position: Mapped[int] = Column(Integer, nullable=False)
    title: Mapped[str] = Column(String(200), nullable=False)  # repeats the article's, for the full-text index
    heading: Mapped[str] = Column(String(300), nullable=False, default="")  # path of headings, joined by " > "
    text: Mapped[str] = Column(Text, nullable=False)
    token_count: Mapped[int] = Column(Integer, nullable=False)
    embedding: Mapped[bytes | None] = Column(LargeBinary)  # float32, little-endian, (dimension,)
    page: Mapped[int | None] = Column(Integer)  # first page it stands on, from 1; None: its format has no pages
    language: Mapped[str] = Column(String(12), nullable=False, default="en", server_default="en")
    embedded_hash: Mapped[str | None] = Column(String(64))  # SHA-256 of the text its vector was made from, hex


class Passage(PassageColumns, Base):
    """A piece of a live article, which search finds."""

    __tablename__ = "passages"
    __table_args__ = (UniqueConstraint("article_id", "position"), AUTOINCREMENT)
    article_id: Mapped[int] = Column(ForeignKey("articles.id", ondelete="CASCADE"), nullable=False)
    article: Mapped[Article] = relationship("Article", back_populates="passages")


class ShelvedPassage(PassageColumns, Base):
    """A piece of an article that is not live: kept for its publication or return, and out of every search."""

    __tablename__ = "shelved_passages"
    __table_args__ = (UniqueConstraint("article_id", "position"), AUTOINCREMENT)
    article_id: Mapped[int] = Column(ForeignKey("articles.id", ondelete="CASCADE"), nullable=False)


class KnowledgeState(Base):
    """The one row (id 1, made by the migration) that tells search whether its cached matrix is stale."""

    __tablename__ = "knowledge_state"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)
    id: Mapped[int] = Column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = Column(Integer, nullable=False, default=0)
    encoder: Mapped[str | None] = Column(String(200))
    dimension: Mapped[int | None] = Column(Integer)
    updated_at: Mapped[datetime | None] = Column(UtcDateTime)
