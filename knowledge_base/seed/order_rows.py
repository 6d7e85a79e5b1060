"""Turns the plan of one order into its rows: order, lines, events, parcel and the parcel's tracking."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from knowledge_base.seed.catalogue_files import SeedProduct
from knowledge_base.seed.rows import SeedRows

CARRIER = "Parcelway"
TRACKING_URL = "https://parcelway.example/track/{code}"
PENNY = Decimal("0.01")
FREE_STANDARD_DELIVERY_FROM = Decimal("50.00")
DELIVERY_CHARGES = {
    "standard": Decimal("4.95"),
    "express": Decimal("9.95"),
    "named_day": Decimal("7.95"),
    "click_and_collect": Decimal("0.00"),
    "two_person": Decimal("29.95"),
}
COLLECTION_READY_AFTER = timedelta(hours=2)
SENT_STATES = ("dispatched", "out_for_delivery", "delivered", "returned")
# The depot loads its vans at half past five; everything else of a seed happened before its day began.
LOADING_TIME = time(5, 30)


@dataclass(frozen=True)
class Line:
    """A product and how many pieces of it."""

    product: SeedProduct
    quantity: int


@dataclass(frozen=True)
class OrderPlan:
    """What is decided about an order; the rest follows from it."""

    number: int
    customer_id: int
    address_id: int
    city: str
    state: str
    lines: tuple[Line, ...]
    placed_at: datetime
    delivery_method: str
    payment_method: str
    dispatched_on: date | None = None
    expected_on: date | None = None
    delivered_on: date | None = None
    discount_percent: int = 0
    attempt_failed: bool = False  # nobody was at home at the first delivery


@dataclass(frozen=True)
class WrittenOrder:
    """The ids that a return, a refund or a claim needs."""

    id: int
    plan: OrderPlan
    item_ids: tuple[int, ...]
    goods: Decimal  # pounds, before the discount
    discount: Decimal
    delivery_charge: Decimal

    @property
    def total(self) -> Decimal:
        """What the customer pays."""
        return self.goods - self.discount + self.delivery_charge


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """A time of `day`, UTC."""
    return datetime.combine(day, time(hour, minute), tzinfo=timezone.utc)


def delivery_charge(method: str, goods_after_discount: Decimal) -> Decimal:
    """The shop's charge in pounds: standard delivery is free from £50."""
    if method == "standard" and goods_after_discount >= FREE_STANDARD_DELIVERY_FROM:
        return Decimal("0.00")
    return DELIVERY_CHARGES[method]


def write_order(
    rows: SeedRows, random_source: random.Random, plan: OrderPlan, day: date, currency: str
) -> WrittenOrder:
    """Add the order to `rows`; nothing in it happens on or after `day`, bar vans that are loaded that morning."""
    goods = sum((line.product.price * line.quantity for line in plan.lines), Decimal("0.00"))
    discount = (goods * plan.discount_percent / 100).quantize(PENNY, ROUND_HALF_UP)
    charge = delivery_charge(plan.delivery_method, goods - discount)
    order_id = rows.add(
        "orders",
        number=str(plan.number),
        customer_id=plan.customer_id,
        address_id=plan.address_id,
        state=plan.state,
        placed_at=plan.placed_at,
        expected_on=plan.expected_on,
        delivered_on=plan.delivered_on,
        delivery_method=plan.delivery_method,
        delivery_charge=charge,
        discount=discount,
        total=goods - discount + charge,
        currency=currency,
        payment_method=plan.payment_method,
    )
    item_ids = tuple(
        rows.add(
            "order_items",
            order_id=order_id,
            product_id=line.product.id,
            sku=line.product.sku,
            name=line.product.name,
            quantity=line.quantity,
            unit_price=line.product.price,
        )
        for line in plan.lines
    )
    written = WrittenOrder(order_id, plan, item_ids, goods, discount, charge)
    _write_events(rows, written, day)
    if plan.delivery_method != "click_and_collect" and (plan.state == "packed" or plan.state in SENT_STATES):
        _write_parcel(rows, random_source, written, day)
    return written


def order_event(
    rows: SeedRows, order_id: int, kind: str, at: datetime, detail: dict[str, Any] | None = None, actor: str = "shop"
) -> None:
    """Note something that happened to an order."""
    rows.add("order_events", order_id=order_id, kind=kind, actor=actor, conversation_id=None, detail=detail, at=at)


def _write_events(rows: SeedRows, order: WrittenOrder, day: date) -> None:
    plan = order.plan
    order_event(rows, order.id, "placed", plan.placed_at)
    if plan.state == "awaiting_payment":
        return
    order_event(rows, order.id, "payment_authorised", plan.placed_at + timedelta(minutes=2))
    if plan.state == "packed":
        order_event(rows, order.id, "packed", moment(day - timedelta(days=1), 21, 15))
    if plan.delivery_method == "click_and_collect" and plan.state in SENT_STATES:
        order_event(rows, order.id, "ready_to_collect", plan.placed_at + COLLECTION_READY_AFTER)
    elif plan.dispatched_on is not None and plan.state in SENT_STATES:
        order_event(rows, order.id, "packed", moment(plan.dispatched_on, 14, 40))
        order_event(rows, order.id, "dispatched", moment(plan.dispatched_on, 17, 5))
    if plan.delivered_on is not None:
        order_event(rows, order.id, "delivered", moment(plan.delivered_on, 13, 20))


def _write_parcel(rows: SeedRows, random_source: random.Random, order: WrittenOrder, day: date) -> None:
    plan = order.plan
    code = f"PW{random_source.randrange(10**8, 10**9)}{order.plan.number}GB"
    shipment_id = rows.add(
        "shipments",
        order_id=order.id,
        carrier=CARRIER,
        tracking_code=code,
        tracking_url=TRACKING_URL.format(code=code),
        state=_parcel_state(plan),
    )
    for at, text in _tracking(plan, day):
        rows.add("shipment_events", shipment_id=shipment_id, at=at, text=text)


def _parcel_state(plan: OrderPlan) -> str:
    if plan.attempt_failed:
        return "failed_attempt"
    return {"packed": "label_created", "dispatched": "in_transit", "out_for_delivery": "out_for_delivery"}.get(
        plan.state, "delivered"
    )


def _tracking(plan: OrderPlan, day: date) -> list[tuple[datetime, str]]:
    """What the carrier's page says, oldest first."""
    if plan.dispatched_on is None:
        return [(moment(day - timedelta(days=1), 21, 20), "Label created")]
    lines = [
        (moment(plan.dispatched_on, 14, 45), "Label created"),
        (moment(plan.dispatched_on, 17, 5), f"Collected by {CARRIER}"),
        (moment(plan.dispatched_on, 23, 10), "At the national hub"),
    ]
    next_day = plan.dispatched_on + timedelta(days=1)
    arrived = plan.delivered_on or (plan.expected_on if plan.state == "out_for_delivery" else None)
    if next_day < day and (arrived is None or next_day < arrived):
        lines.append((moment(next_day, 6, 25), f"At the depot in {plan.city}"))
    if plan.attempt_failed:
        lines.append((moment(day - timedelta(days=1), 11, 50), "Delivery attempted, nobody at home"))
    if arrived is not None:
        loaded = datetime.combine(arrived, LOADING_TIME, tzinfo=timezone.utc)
        lines.append((loaded, f"Out for delivery from the depot in {plan.city}"))
    if plan.delivered_on is not None:
        lines.append((moment(plan.delivered_on, 13, 20), "Delivered"))
    return lines
