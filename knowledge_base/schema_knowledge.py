"""Tables of what the shop knows and tells everyone: stores, policies, vouchers, articles and their passages.

The full-text index over `passages` (SQLite: table `passages_fts(title, heading, text)`, an external-content
FTS5 table kept up to date by triggers; PostgreSQL: generated column `passages.search_vector` with a GIN
index) is made by the first migration and kept by the database itself; it is not mapped here.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

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
    """An imported article; one that left the folder is kept with `retired_at` and no passages."""

    __tablename__ = "articles"
    id: Mapped[int] = Column(Integer, primary_key=True)
    slug: Mapped[str] = Column(String(120), nullable=False, unique=True)
    title: Mapped[str] = Column(String(200), nullable=False)
    category: Mapped[str] = Column(String(60), nullable=False, index=True)
    url: Mapped[str | None] = Column(String(300))
    content_hash: Mapped[str] = Column(String(64), nullable=False)  # SHA-256 of the filled text, hex
    encoder: Mapped[str | None] = Column(String(200))  # name of the encoder its passages were embedded with
    imported_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    retired_at: Mapped[datetime | None] = Column(UtcDateTime)
    passages: Mapped[list[Passage]] = relationship(
        "Passage", order_by="Passage.position", back_populates="article", cascade="all, delete-orphan"
    )


class Passage(Base):
    """A piece of an article that search finds; `title` repeats the article's for the full-text index."""

    __tablename__ = "passages"
    __table_args__ = (UniqueConstraint("article_id", "position"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    article_id: Mapped[int] = Column(ForeignKey("articles.id", ondelete="CASCADE"), nullable=False)
    position: Mapped[int] = Column(Integer, nullable=False)
    title: Mapped[str] = Column(String(200), nullable=False)
    heading: Mapped[str] = Column(String(300), nullable=False, default="")
    text: Mapped[str] = Column(Text, nullable=False)
    token_count: Mapped[int] = Column(Integer, nullable=False)
    embedding: Mapped[bytes | None] = Column(LargeBinary)  # float32, little-endian, (dimension,)
    article: Mapped[Article] = relationship("Article", back_populates="passages")


class KnowledgeState(Base):
    """The one row (id 1, made by the migration) that tells search whether its cached matrix is stale."""

    __tablename__ = "knowledge_state"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)
    id: Mapped[int] = Column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = Column(Integer, nullable=False, default=0)
    encoder: Mapped[str | None] = Column(String(200))
    dimension: Mapped[int | None] = Column(Integer)
    updated_at: Mapped[datetime | None] = Column(UtcDateTime)
