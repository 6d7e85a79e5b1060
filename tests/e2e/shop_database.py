"""The database behind the conversations: looks into it, changes what a test needs changed, and puts it back."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

LONG_AGO = "2020-01-01 00:00:00.000000"
_CODE = re.compile(r"\b\d{6}\b")


class ShopDatabase:
    """One SQLite file that the servers use, and an untouched copy of it to return to."""

    def __init__(self, file: Path, untouched: Path) -> None:
        self.file = file
        self._untouched = untouched

    def restore(self) -> None:
        """Makes everything as it was at the start, while the servers run."""
        with closing(sqlite3.connect(self._untouched)) as source, closing(self._connect()) as target:
            source.backup(target)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=10)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with closing(self._connect()) as connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: object) -> Any:
        """The first column of the one row that the query finds."""
        found = self.rows(query, *values)
        assert len(found) == 1, f"{query} found {len(found)} rows"
        return found[0][0]

    def change(self, statement: str, *values: object) -> None:
        """Runs one statement that must change at least one row."""
        with closing(self._connect()) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0, f"{statement} changed nothing"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another writer holds the database while the block runs."""
        with closing(self._connect()) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    @contextmanager
    def without_table(self, table: str) -> Iterator[None]:
        """A table is not there while the block runs, as after a failed restore."""
        self._run(f"ALTER TABLE {table} RENAME TO away")
        try:
            yield
        finally:
            self._run(f"ALTER TABLE away RENAME TO {table}")

    def _run(self, statement: str) -> None:
        with closing(self._connect()) as connection, connection:
            connection.execute(statement)

    def copy_to(self, file: Path) -> None:
        """Writes a copy as one file, and puts it in place in one step."""
        beside = file.with_suffix(".new")
        with closing(self._connect()) as source, closing(sqlite3.connect(beside)) as target:
            source.backup(target)
        beside.replace(file)

    def order_state(self, number: str) -> str:
        return str(self.value("SELECT state FROM orders WHERE number = ?", number))

    def address_of(self, number: str) -> tuple[Any, ...]:
        """`(line1, line2, city, postcode)` that an order goes to."""
        query = "SELECT line1, line2, city, postcode FROM addresses a JOIN orders o ON o.address_id = a.id"
        return self.rows(f"{query} WHERE o.number = ?", number)[0]

    def stock(self, product: str) -> int:
        query = "SELECT quantity FROM stock s JOIN products p ON p.id = s.product_id WHERE p.name = ?"
        return int(self.value(query, product))

    def refunds(self, number: str) -> list[tuple[str, str, str]]:
        """`(amount, state, reason)` of each refund of an order, the amount as "£64.98" (the column holds pence)."""
        query = "SELECT r.amount, r.state, r.reason FROM refunds r JOIN orders o ON o.id = r.order_id"
        found = self.rows(f"{query} WHERE o.number = ? ORDER BY r.id", number)
        return [(f"£{pence / 100:,.2f}", state, reason) for pence, state, reason in found]

    def returns(self, number: str) -> list[dict[str, Any]]:
        """Each return of an order: number, kind, reason, wish, label_url, and items as `(name, pieces)`."""
        query = (
            "SELECT r.id, r.kind, r.reason, r.wish, r.label_url, p.name FROM returns r "
            "JOIN orders o ON o.id = r.order_id LEFT JOIN products p ON p.id = r.replacement_product_id "
            "WHERE o.number = ? ORDER BY r.id"
        )
        pieces = (
            "SELECT p.name, i.quantity FROM return_items i JOIN order_items l ON l.id = i.order_item_id "
            "JOIN products p ON p.id = l.product_id WHERE i.return_id = ? ORDER BY i.id"
        )
        keys = ("kind", "reason", "wish", "label_url", "replacement")
        return [
            {
                "number": f"R{10000 + row[0]}",
                **dict(zip(keys, row[1:], strict=True)),
                "items": self.rows(pieces, row[0]),
            }
            for row in self.rows(query, number)
        ]

    def tickets(self, conversation: str) -> list[dict[str, Any]]:
        """Each ticket of a conversation: number, contact_email, customer_id, topic, summary, transcript."""
        query = "SELECT id, contact_email, customer_id, topic, summary, transcript FROM tickets"
        keys = ("contact_email", "customer_id", "topic", "summary", "transcript")
        return [
            {"number": f"T{10000 + row[0]}", **dict(zip(keys, row[1:], strict=True))}
            for row in self.rows(f"{query} WHERE conversation_id = ? ORDER BY id", conversation)
        ]

    def outcomes(self, conversation: str) -> list[tuple[Any, ...]]:
        """`(kind, topic)` of what a conversation led to, in order."""
        return self.rows(
            "SELECT kind, topic FROM conversation_outcomes WHERE conversation_id = ? ORDER BY id", conversation
        )

    def codes_mailed_to(self, email: str) -> list[str]:
        """The verification codes in the outbox for an address, oldest first."""
        bodies = self.rows("SELECT body FROM outbox WHERE to_address = ? ORDER BY id", email)
        return [match.group() for (body,) in bodies if (match := _CODE.search(body))]

    def give_order(self, number: str, *, to: str) -> None:
        """Makes an order that of the customer with this email."""
        self.change(
            "UPDATE orders SET customer_id = (SELECT id FROM customers WHERE email = ?) WHERE number = ?", to, number
        )

    def an_order(self, state: str, *, besides: str) -> str:
        """The number of any order in a state, with one item, not the one named."""
        query = (
            "SELECT number FROM orders o WHERE state = ? AND number != ? AND number NOT IN "
            "('1043', '1187', '1256', '1322', '1409', '1518') "
            "AND (SELECT count(*) FROM order_items i WHERE i.order_id = o.id) = 1 ORDER BY number"
        )
        return str(self.rows(query, state, besides)[0][0])

    def expire_code(self, conversation: str) -> None:
        """Ten minutes pass for the code of a conversation."""
        self.change("UPDATE verification_codes SET expires_at = ? WHERE conversation_id = ?", LONG_AGO, conversation)

    def expire_verification(self, conversation: str) -> None:
        """Half an hour passes for the proof of a conversation."""
        self.change(
            "UPDATE verified_conversations SET expires_at = ? WHERE conversation_id = ?", LONG_AGO, conversation
        )

    def snapshot(self) -> str:
        """All of what a customer can change, as one text that differs if anything does."""
        tables = ("orders", "addresses", "stock", "returns", "return_items", "refunds", "claims", "tickets", "ratings")
        return json.dumps({table: self.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables}, default=str)
