"""Column types and the declarative base that every table of the knowledge base shares."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Integer, MetaData, Text, TypeDecorator
from sqlalchemy.orm import registry
from sqlalchemy.orm.decl_api import DeclarativeMeta

PENCE_PER_POUND = 100

# Named constraints, so that a later migration can alter them on PostgreSQL and SQLite alike.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite would otherwise give a deleted row's number to the next one: `R10001` must never name two returns.
AUTOINCREMENT: dict[str, Any] = {"sqlite_autoincrement": True}

mapper_registry = registry(metadata=MetaData(naming_convention=NAMING_CONVENTION))


class Base(metaclass=DeclarativeMeta):
    """Parent of every mapped class."""

    __abstract__ = True
    __allow_unmapped__ = True
    __table_args__: Any = AUTOINCREMENT

    registry = mapper_registry
    metadata = mapper_registry.metadata
    __init__ = mapper_registry.constructor


class UtcDateTime(TypeDecorator):
    """A moment in time: takes aware datetimes only, gives back aware UTC ones.

    PostgreSQL keeps them as `timestamptz`; SQLite has no such type and keeps naive UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse a naive datetime (ValueError), turn the rest to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database; pass one with a time zone")
        value = value.astimezone(timezone.utc)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Mark SQLite's naive values as the UTC they are."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def storable(text: str) -> str:
    """`text` without what a database refuses to keep: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


class FreeText(TypeDecorator):
    """Text that a customer wrote; whatever they send can be stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Clean the text, see `storable`."""
        return None if value is None else storable(value)


class Money(TypeDecorator):
    """An amount in pounds as `Decimal` with two places, kept as whole pence.

    SQLite has no exact decimal type; whole pence compare and add exactly on both databases.
    """

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Any) -> int | None:
        """Raise ValueError for an amount with fractions of a penny."""
        if value is None:
            return None
        pence = Decimal(value) * PENCE_PER_POUND
        if pence != pence.to_integral_value():
            raise ValueError(f"{value} is not a whole number of pence")
        return int(pence)

    def process_result_value(self, value: int | None, dialect: Any) -> Decimal | None:
        """Give pounds with two decimal places."""
        return None if value is None else Decimal(value).scaleb(-2)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A check that `column` (or NULL) holds one of `values`, which are constants of the schema."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
