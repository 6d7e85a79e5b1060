"""What a customer gets back, or pays on top, for goods that go back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from knowledge_base.orders import returned_quantities
from knowledge_base.policies import policy_amount, policy_count
from knowledge_base.schema import Order, OrderItem, Product, Refund

PENNY = Decimal("0.01")
NOTHING = Decimal("0.00")


def expected_amounts(
    session: Session,
    order: Order,
    wanted: dict[int, int],
    kind: str,
    wish: str | None,
    replacement: Product | None,
    now: datetime,
) -> tuple[Decimal, Decimal]:
    """What the customer gets back and what a dearer replacement costs them, in pounds."""
    if (kind == "damage" and wish != "refund") or (kind == "exchange" and replacement is None):
        return NOTHING, NOTHING  # the same product is sent again
    subtotal = sum((item.unit_price * item.quantity for item in order.items), NOTHING)
    goods = sum((_line_price(order, item_id) * quantity for item_id, quantity in wanted.items()), NOTHING)
    # A voucher was taken off the whole order; each piece carries its share of it.
    share = order.discount * goods / subtotal if subtotal else NOTHING
    amount = goods - share.quantize(PENNY, ROUND_HALF_UP)
    if replacement is not None:
        difference = amount - replacement.price * sum(wanted.values())
        return max(difference, NOTHING), max(-difference, NOTHING)
    amount += _delivery_refund(session, order, wanted, now)
    promised = session.execute(
        select(func.sum(Refund.amount)).where(Refund.order_id == order.id, Refund.state != "declined")
    ).scalar_one()
    return max(min(amount, order.total - (promised or NOTHING)), NOTHING), NOTHING


def _delivery_refund(session: Session, order: Order, wanted: dict[int, int], now: datetime) -> Decimal:
    """Standard delivery, if with these goods the whole order goes back soon enough."""
    returned = returned_quantities(session, [order.id])
    whole = all(returned.get(item.id, 0) + wanted.get(item.id, 0) == item.quantity for item in order.items)
    days = policy_count(session, "delivery_refund_window_days")
    if not whole or now.date() > order.delivered_on + timedelta(days=days):
        return NOTHING
    return min(order.delivery_charge, policy_amount(session, "standard_delivery_charge"))


def _line_price(order: Order, item_id: int) -> Decimal:
    line: OrderItem = next(item for item in order.items if item.id == item_id)
    return line.unit_price
