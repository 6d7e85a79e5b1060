"""Decides the dates, delivery and payment of an invented order, so that they fit what becomes of it."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from knowledge_base.seed.order_rows import Line, OrderPlan, moment
from knowledge_base.seed.people import Person
from knowledge_base.working_days import SATURDAY, add_working_days

VOUCHER_PERCENT = 10
VOUCHER_MINIMUM = Decimal("40")
VOUCHER_SHARE = 0.08
PAY_IN_THREE_RANGE = (Decimal("60"), Decimal("1000"))
BANK_TRANSFER_FROM = Decimal("500")
STANDARD_DAYS = 5  # working days in which standard delivery is announced; seven for remote areas
REMOTE_DAYS = 7
EXPRESS_CUTOFF_HOUR = 14
OLDEST_ORDER_DAYS = 400


def plan_order(
    random_source: random.Random,
    number: int,
    fate: str,
    lines: tuple[Line, ...],
    person: Person,
    customer_id: int,
    day: date,
) -> OrderPlan:
    """A plan for the order with this `fate`: an order state, or "late" for a parcel that is overdue on `day`."""
    goods = sum((line.product.price * line.quantity for line in lines), Decimal("0"))
    method = _delivery_method(random_source, fate, lines, person)
    percent = VOUCHER_PERCENT if goods >= VOUCHER_MINIMUM and random_source.random() < VOUCHER_SHARE else 0
    payment = _payment_method(random_source, goods)
    hour, minute = random_source.randrange(6, 23), random_source.randrange(60)
    if fate == "awaiting_payment":
        hour = random_source.randrange(18, 23)  # an unpaid order is kept for 24 hours only
    if fate == "packed":
        hour = random_source.randrange(6, 14)
    days = REMOTE_DAYS if person.is_remote else STANDARD_DAYS
    placed_on = _placed_on(random_source, fate, day, days)
    placed_at = moment(placed_on, hour, minute)
    early = hour < EXPRESS_CUTOFF_HOUR and placed_on.weekday() < SATURDAY
    dispatch_on = add_working_days(placed_on, 0 if method == "express" and early else 1)
    expected_on = add_working_days(dispatch_on, 1) if method == "express" else add_working_days(placed_on, days)
    if fate == "out_for_delivery":
        expected_on = day
    delivered_on = None
    if fate in ("delivered", "returned"):
        before = random_source.randrange(0, 3) if method == "standard" else 0
        delivered_on = expected_on if method == "express" else add_working_days(placed_on, days - before)
    if method == "click_and_collect":
        expected_on = placed_on + timedelta(days=1)
        delivered_on = None if delivered_on is None else expected_on + timedelta(days=random_source.randrange(3))
    sent = fate in ("dispatched", "late", "out_for_delivery", "delivered", "returned")
    return OrderPlan(
        number=number,
        customer_id=customer_id,
        address_id=customer_id,
        city=person.city,
        state="dispatched" if fate == "late" else fate,
        lines=lines,
        placed_at=placed_at,
        delivery_method=method,
        payment_method=payment,
        dispatched_on=dispatch_on if sent else None,
        expected_on=None if fate in ("awaiting_payment", "cancelled") else expected_on,
        delivered_on=delivered_on,
        discount_percent=percent,
        attempt_failed=fate == "late" and random_source.random() < 0.25,
    )


def _placed_on(random_source: random.Random, fate: str, day: date, days: int) -> date:
    """A day of purchase from which `fate` follows on `day`."""
    if fate in ("awaiting_payment", "processing", "packed"):
        return day - timedelta(days=1)
    if fate == "out_for_delivery":
        return day - timedelta(days=random_source.randrange(5, 8))
    if fate == "dispatched":
        possible = [
            candidate
            for candidate in (day - timedelta(days=back) for back in range(1, 12))
            if add_working_days(candidate, 1) < day < add_working_days(candidate, days)
        ]
        return random_source.choice(possible)
    if fate == "late":
        possible = [
            candidate
            for candidate in (day - timedelta(days=back) for back in range(5, 30))
            if add_working_days(candidate, days + 2) <= day < add_working_days(candidate, days + 7)
        ]
        return random_source.choice(possible)
    if fate == "returned":
        # Delivered, sent back and refunded: all of it takes up to fifty days.
        return day - timedelta(days=random_source.randrange(60, OLDEST_ORDER_DAYS))
    if fate == "cancelled":
        return day - timedelta(days=random_source.randrange(2, OLDEST_ORDER_DAYS))
    recent = random_source.random() < 0.4
    return day - timedelta(days=random_source.randrange(13, 60 if recent else OLDEST_ORDER_DAYS))


def _delivery_method(random_source: random.Random, fate: str, lines: tuple[Line, ...], person: Person) -> str:
    if any(line.product.needs_two_people for line in lines):
        return "two_person"
    if person.is_remote or fate in ("dispatched", "late", "out_for_delivery"):
        return "standard"
    return random_source.choices(("standard", "express", "named_day", "click_and_collect"), (0.72, 0.13, 0.07, 0.08))[0]


def _payment_method(random_source: random.Random, goods: Decimal) -> str:
    shares = {"card": 0.57, "paypal": 0.2, "apple_pay": 0.08, "google_pay": 0.07, "gift_card": 0.03}
    if PAY_IN_THREE_RANGE[0] <= goods <= PAY_IN_THREE_RANGE[1]:
        shares["pay_in_three"] = 0.05
    if goods >= BANK_TRANSFER_FROM:
        shares["bank_transfer"] = 0.1
    return random_source.choices(list(shares), list(shares.values()))[0]
