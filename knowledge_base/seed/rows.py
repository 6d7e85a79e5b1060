"""The rows of a seed before they are written: plain values by table, with ids that follow from their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

# In the order in which rows can be written: what is referred to comes first.
CATALOGUE_TABLES = ("categories", "products", "stock", "stores", "policies", "vouchers")
CUSTOMER_TABLES = (
    "customers", "addresses", "orders", "order_items", "order_events", "shipments", "shipment_events", "returns",
    "return_items", "refunds", "claims",
)  # fmt: skip


@dataclass
class SeedRows:
    """Rows by table name."""

    tables: dict[str, list[Row]] = field(
        default_factory=lambda: {name: [] for name in (*CATALOGUE_TABLES, *CUSTOMER_TABLES)}
    )

    def add(self, table: str, **values: Any) -> int:
        """Append a row and give its id, which is its place in the table, from 1."""
        rows = self.tables[table]
        rows.append({"id": len(rows) + 1, **values})
        return len(rows)

    def extend(self, table: str, rows: Iterable[Row]) -> None:
        """Append rows as they are."""
        self.tables[table].extend(rows)

    def sha256(self) -> str:
        """A hash over every value of every row: equal hashes mean equal seeds."""
        text = json.dumps(self.tables, sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
