"""Makes the demo data of a day: the same date and seed give the same rows, to the byte.

Order numbers are not in the order of time: the six demo customers need numbers that people remember, in every state.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from frontdesk.brand import Brand
from knowledge_base.seed.catalogue_files import (
    SeedCatalogue,
    SeedProduct,
    load_catalogue,
    load_policies,
    load_stores,
    load_vouchers,
)
from knowledge_base.seed.demo import DemoCustomer, demo_customers
from knowledge_base.seed.order_plans import plan_order
from knowledge_base.seed.order_rows import Line, OrderPlan, WrittenOrder, moment, write_order
from knowledge_base.seed.people import Person, invent_people
from knowledge_base.seed.rows import SeedRows
from knowledge_base.seed.service_rows import (
    REFUND_DAYS,
    ReturnPlan,
    write_cancellation,
    write_claim,
    write_return,
)
from knowledge_base.working_days import add_working_days

DEFAULT_SEED = 20260301
CUSTOMERS = 300
FIRST_ORDER, LAST_ORDER = 1001, 2000
# Orders by what becomes of them, in shares of a shop that is a year old; "late" is dispatched and overdue.
STATE_SHARES = {
    "delivered": 0.66,
    "returned": 0.06,
    "cancelled": 0.08,
    "dispatched": 0.06,
    "late": 0.02,
    "out_for_delivery": 0.03,
    "packed": 0.03,
    "processing": 0.04,
    "awaiting_payment": 0.02,
}
CLAIMED_SHARE = 0.3  # of the late parcels
RETURN_SHARE = 0.35  # of the orders delivered within the last four weeks
RETURN_KINDS = {"return": 0.6, "exchange": 0.2, "damage": 0.2}


def generate(day: date, brand: Brand, seed: int = DEFAULT_SEED) -> SeedRows:
    """All rows of the demo shop as it stands at the start of `day` (UTC)."""
    random_source = random.Random(seed)
    rows = SeedRows()
    catalogue = load_catalogue(day, brand)
    rows.extend("categories", catalogue.categories)
    rows.extend("products", (product.row for product in catalogue.products))
    rows.extend("stock", ({"product_id": product.id, "quantity": product.stock} for product in catalogue.products))
    rows.extend("stores", load_stores(brand))
    rows.extend("policies", load_policies())
    rows.extend("vouchers", load_vouchers(day))
    demo = demo_customers()
    people = [customer.person for customer in demo]
    people += invent_people(random_source, CUSTOMERS - len(demo), frozenset(person.email for person in people))
    for person in people:
        _write_customer(rows, random_source, person, day)
    _Orders(rows, random_source, catalogue, people, day, brand.currency).write(demo)
    return rows


class _Orders:
    """Writes the orders, number by number."""

    def __init__(
        self,
        rows: SeedRows,
        random_source: random.Random,
        catalogue: SeedCatalogue,
        people: list[Person],
        day: date,
        currency: str,
    ) -> None:
        self.rows, self.random, self.people, self.day, self.currency = rows, random_source, people, day, currency
        self.by_sku = catalogue.by_sku()
        self.products = catalogue.products
        # Cheap things are bought more often than dear ones.
        self.popularity = [1 / float(product.price) ** 0.5 for product in self.products]

    def write(self, demo: list[DemoCustomer]) -> None:
        by_number = {customer.order_number: position for position, customer in enumerate(demo)}
        for number in range(FIRST_ORDER, LAST_ORDER + 1):
            if number in by_number:
                self._demo_order(demo[by_number[number]], by_number[number])
            else:
                self._invented_order(number, first_customer=len(demo))

    def _invented_order(self, number: int, first_customer: int) -> None:
        position = self.random.randrange(first_customer, len(self.people))
        fate = self.random.choices(list(STATE_SHARES), list(STATE_SHARES.values()))[0]
        plan = plan_order(self.random, number, fate, self._basket(), self.people[position], position + 1, self.day)
        order = write_order(self.rows, self.random, plan, self.day, self.currency)
        self._aftermath(order, fate)

    def _aftermath(self, order: WrittenOrder, fate: str) -> None:
        delivered_on = order.plan.delivered_on
        if fate == "cancelled":
            write_cancellation(self.rows, order, order.plan.placed_at.date() + timedelta(days=1), self.day)
        elif fate == "late" and self.random.random() < CLAIMED_SHARE:
            write_claim(self.rows, order, self.day - timedelta(days=1))
        elif fate == "returned" and delivered_on is not None:
            created_on = delivered_on + timedelta(days=self.random.randrange(2, 20))
            received_on = add_working_days(created_on, self.random.randrange(3, 6))
            paid_on = add_working_days(received_on, self.random.randrange(2, REFUND_DAYS + 1))
            plan = ReturnPlan(
                "return", "completed", created_on, wish="refund", refund_state="paid",
                refund_expected_on=add_working_days(received_on, REFUND_DAYS), refund_completed_on=paid_on,
            )  # fmt: skip
            write_return(self.rows, self.random, order, plan)
        elif fate == "delivered" and delivered_on is not None and not order.discount:
            self._perhaps_open_return(order, delivered_on)

    def _perhaps_open_return(self, order: WrittenOrder, delivered_on: date) -> None:
        days = (self.day - delivered_on).days
        if not 4 <= days <= 28 or self.random.random() >= RETURN_SHARE:
            return
        kind = self.random.choices(list(RETURN_KINDS), list(RETURN_KINDS.values()))[0]
        created_on = self.day - timedelta(days=self.random.randrange(1, days))
        line = self.random.randrange(len(order.item_ids))
        wish = {"return": "refund", "exchange": None}.get(kind, self.random.choice(("refund", "replacement")))
        replacement = self._another(order.plan.lines[line].product) if kind == "exchange" else None
        age = (self.day - created_on).days
        if age >= 6:
            state, refund_state = "received", "inspecting"
            refund_expected_on = add_working_days(self.day, REFUND_DAYS - 1)
        else:
            state, refund_state = "in_transit" if age >= 3 else "label_sent", "awaiting_parcel"
            refund_expected_on = None
        plan = ReturnPlan(
            kind, state, created_on, line=line, wish=wish, replacement=replacement, refund_state=refund_state,
            refund_expected_on=refund_expected_on,
        )  # fmt: skip
        write_return(self.rows, self.random, order, plan)

    def _another(self, product: SeedProduct) -> SeedProduct:
        """Another product of the same category."""
        return self.random.choice(
            [other for other in self.products if other.category_slug == product.category_slug and other != product]
        )

    def _demo_order(self, customer: DemoCustomer, position: int) -> None:
        placed_on = customer.placed_on(self.day)
        sent = customer.state not in ("awaiting_payment", "processing", "packed", "cancelled")
        dispatched_on = add_working_days(placed_on, 1) if sent else None
        plan = OrderPlan(
            number=customer.order_number,
            customer_id=position + 1,
            address_id=position + 1,
            city=customer.person.city,
            state=customer.state,
            lines=tuple(Line(self.by_sku[sku], quantity) for sku, quantity in customer.lines),
            placed_at=moment(placed_on, 10, 20),
            delivery_method="standard",
            payment_method="card",
            # At weekends the next working day may not have come yet: the parcel then left on the day of the order.
            dispatched_on=dispatched_on if dispatched_on is None or dispatched_on < self.day else placed_on,
            expected_on=customer.expected_on(self.day),
            delivered_on=customer.delivered_on(self.day),
        )
        order = write_order(self.rows, self.random, plan, self.day, self.currency)
        if customer.returned_days_ago is not None:
            created_on = self.day - timedelta(days=customer.returned_days_ago)
            write_return(
                self.rows, self.random, order, ReturnPlan("return", "in_transit", created_on, line=0, wish="refund")
            )

    def _basket(self) -> tuple[Line, ...]:
        count = self.random.choices((1, 2, 3), (0.65, 0.25, 0.10))[0]
        chosen: dict[int, SeedProduct] = {}
        while len(chosen) < count:
            product = self.random.choices(self.products, self.popularity)[0]
            chosen[product.id] = product
        # Two of the same thing are a cheap thing.
        return tuple(
            Line(product, 2 if product.price < Decimal("60") and self.random.random() < 0.1 else 1)
            for product in chosen.values()
        )


def _write_customer(rows: SeedRows, random_source: random.Random, person: Person, day: date) -> None:
    joined_on = day - timedelta(days=random_source.randrange(420, 1100))
    customer_id = rows.add(
        "customers",
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        phone=person.phone,
        created_at=moment(joined_on, random_source.randrange(24), random_source.randrange(60)),
    )
    rows.add(
        "addresses",
        customer_id=customer_id,
        recipient=f"{person.first_name} {person.last_name}",
        line1=person.line1,
        line2=person.line2,
        city=person.city,
        postcode=person.postcode,
    )
