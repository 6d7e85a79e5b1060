"""The demo customers: six people with one easy order each, as demo.yml describes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from knowledge_base.seed.people import Person
from knowledge_base.working_days import SATURDAY, add_working_days

DEMO_FILE = Path(__file__).with_name("demo.yml")


@dataclass(frozen=True)
class DemoCustomer:
    """A person, the number of their order and what it is good for."""

    person: Person
    order_number: int
    shows: str
    state: str
    placed_days_ago: int
    lines: tuple[tuple[str, int], ...]  # SKU and pieces
    expected_in_working_days: int | None
    delivered_days_ago: int | None
    returned_days_ago: int | None

    def placed_on(self, day: date) -> date:
        """The day of the order."""
        return day - timedelta(days=self.placed_days_ago)

    def delivered_on(self, day: date) -> date | None:
        """The day of delivery."""
        return None if self.delivered_days_ago is None else day - timedelta(days=self.delivered_days_ago)

    def expected_on(self, day: date) -> date | None:
        """The day for which the parcel was announced."""
        if self.expected_in_working_days is None:
            return self.delivered_on(day)
        if self.expected_in_working_days >= 0:
            return add_working_days(day, self.expected_in_working_days)
        return _working_days_back(day, -self.expected_in_working_days)


def demo_customers(file: Path = DEMO_FILE) -> list[DemoCustomer]:
    """The customers of demo.yml, by order number."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return sorted((_customer(entry) for entry in content["customers"]), key=lambda customer: customer.order_number)


def _customer(entry: dict[str, Any]) -> DemoCustomer:
    address = entry["address"]
    person = Person(
        first_name=entry["first_name"],
        last_name=entry["last_name"],
        email=entry["email"],
        phone=entry["phone"],
        line1=address["line1"],
        line2=address.get("line2"),
        city=address["city"],
        postcode=address["postcode"],
    )
    return DemoCustomer(
        person=person,
        order_number=int(entry["order"]),
        shows=entry["shows"],
        state=entry["state"],
        placed_days_ago=entry["placed"],
        lines=tuple((line["sku"], line["quantity"]) for line in entry["lines"]),
        expected_in_working_days=entry.get("expected"),
        delivered_days_ago=entry.get("delivered"),
        returned_days_ago=entry.get("returned"),
    )


def _working_days_back(day: date, count: int) -> date:
    while count:
        day -= timedelta(days=1)
        count -= day.weekday() < SATURDAY
    return day
