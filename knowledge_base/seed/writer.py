"""Writes a seed into the database in one transaction, and refuses to touch customers' data unasked."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from knowledge_base.schema import Base, Customer, Order
from knowledge_base.seed.rows import CATALOGUE_TABLES, CUSTOMER_TABLES, SeedRows

# Rows about customers that a seed does not make and a reset deletes. Articles and their passages stay.
SERVICE_TABLES = (
    "tickets",
    "verification_codes",
    "verified_conversations",
    "outbox",
    "conversation_outcomes",
    "ratings",
)


class CustomerDataPresent(RuntimeError):
    """The database holds customers; seeding it would delete them."""

    def __init__(self, customers: int, orders: int) -> None:
        super().__init__(f"the database already holds {customers} customers and {orders} orders")
        self.customers, self.orders = customers, orders


def write_seed(session: Session, rows: SeedRows, *, reset: bool = False) -> dict[str, int]:
    """Replace what the tables hold by `rows`; gives the number of rows by table.

    Raises `CustomerDataPresent` where there are customers or orders and `reset` is not asked for.
    """
    customers = session.scalar(select(func.count()).select_from(Customer)) or 0
    orders = session.scalar(select(func.count()).select_from(Order)) or 0
    if (customers or orders) and not reset:
        raise CustomerDataPresent(customers, orders)
    tables = Base.metadata.tables
    for name in reversed((*CATALOGUE_TABLES, *CUSTOMER_TABLES, *SERVICE_TABLES)):
        session.execute(delete(tables[name]))
    for name, entries in rows.tables.items():
        if entries:
            session.execute(insert(tables[name]), entries)
    if session.get_bind().dialect.name == "postgresql":
        _advance_sequences(session, rows)
    return {name: len(entries) for name, entries in rows.tables.items()}


def _advance_sequences(session: Session, rows: SeedRows) -> None:
    """Let PostgreSQL's counters go on after the ids that the seed gave (SQLite's do so by themselves)."""
    for name, entries in rows.tables.items():
        if entries and "id" in entries[0]:
            session.execute(
                text(
                    "SELECT setval(pg_get_serial_sequence(:name, 'id'), GREATEST(:last, "
                    "(SELECT COALESCE(last_value, 1) FROM pg_sequences"
                    " WHERE (quote_ident(schemaname) || '.' || quote_ident(sequencename))"
                    " = pg_get_serial_sequence(:name, 'id'))))"
                ),
                {"name": name, "last": len(entries)},
            )
