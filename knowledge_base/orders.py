"""A customer's orders: looking them up, cancelling them, changing where they go.

An order of somebody else and an order that does not exist take the same query and give the same answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload

from knowledge_base.addresses import AddressInput, InvalidAddress, checked_address
from knowledge_base.column_types import storable
from knowledge_base.policies import policy_count
from knowledge_base.principal import NotVerified, Principal
from knowledge_base.schema import Address, Order, OrderEvent, Refund, Return, ReturnItem, Shipment, Stock
from knowledge_base.views import AddressView, Eligibility, OrderItemView, OrderView, ShipmentView
from knowledge_base.working_days import add_working_days

__all__ = [
    "AddressInput",
    "InvalidAddress",
    "NotAllowed",
    "OrderNotFound",
    "address_change",
    "cancel_order",
    "cancellation",
    "change_address",
    "get_order",
    "list_orders",
]

CHANGEABLE_STATES = ("awaiting_payment", "processing", "packed")
WHY_UNCHANGEABLE = {
    "dispatched": "already_dispatched",
    "out_for_delivery": "already_dispatched",
    "delivered": "already_delivered",
    "cancelled": "already_cancelled",
    "returned": "returned",
}
RETURN_STATES_WITHOUT_GOODS = ("declined", "cancelled")
PAID_AT_ONCE = ("gift_card", "bank_transfer")  # the others are only authorised before dispatch
LONGEST_ORDER_NUMBER = 12
LONGEST_REASON = 500


class OrderNotFound(LookupError):
    """No order of that number belongs to this customer; whether it belongs to another is not told."""


class NotAllowed(Exception):
    """The order's state does not allow it; `reason` is a code for the words that explain it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def plain_order_number(text: str) -> str:
    """`text` as order numbers are kept: "#1043 " is "1043"."""
    return re.sub(r"[^0-9A-Z-]", "", unicodedata.normalize("NFKC", text).upper())[:LONGEST_ORDER_NUMBER]


def get_order(session: Session, principal: Principal, order_number: str) -> OrderView | None:
    """The customer's order, or None, be it unknown or somebody else's."""
    try:
        order = owned_order(session, principal, order_number)
    except OrderNotFound:
        return None
    return order_views(session, [order])[0]


def list_orders(session: Session, principal: Principal, limit: int = 10) -> list[OrderView]:
    """The customer's orders (an operator's: everybody's), newest first."""
    newest = _owned(principal).order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)
    return order_views(session, session.execute(newest).scalars().all())


def cancellation(session: Session, principal: Principal, order_number: str) -> Eligibility:
    """Whether the order can be cancelled, and if not, why.

    Reasons: already_dispatched, already_delivered, already_cancelled, returned. Raises OrderNotFound.
    """
    order = owned_order(session, principal, order_number)
    reason = WHY_UNCHANGEABLE.get(order.state)
    return Eligibility(allowed=reason is None, reason=reason, order=order_views(session, [order])[0])


def cancel_order(session: Session, principal: Principal, order_number: str, *, reason: str, now: datetime) -> OrderView:
    """Cancel the order, put its goods back into stock and note the refund.

    Of two cancellations at once, one wins. Raises OrderNotFound, NotAllowed and NotVerified.
    """
    order = _order_to_change(session, principal, order_number, now)
    was_paid = order.state != "awaiting_payment"
    order.state = "cancelled"
    for item in sorted(order.items, key=lambda item: item.product_id):  # one order of locks for all transactions
        _put_back(session, item.product_id, item.quantity)
    if was_paid:
        days = policy_count(session, "authorisation_release_working_days")
        session.add(
            Refund(
                order_id=order.id,
                amount=order.total,
                method=order.payment_method,
                state="approved" if order.payment_method in PAID_AT_ONCE else "authorisation_released",
                reason="cancelled",
                expected_on=add_working_days(now.date(), days),
                created_at=now,
            )
        )
    record_event(session, principal, order, "cancelled", now, {"reason": storable(reason)[:LONGEST_REASON]})
    session.flush()
    return order_views(session, [order])[0]


def address_change(session: Session, principal: Principal, order_number: str) -> Eligibility:
    """Whether the delivery address can still be changed; reasons and errors as for `cancellation`."""
    return cancellation(session, principal, order_number)


def change_address(
    session: Session, principal: Principal, order_number: str, address: AddressInput, now: datetime
) -> OrderView:
    """Send the order to another address, the recipient staying the same.

    The customer's other orders keep their address. Raises OrderNotFound, NotAllowed, InvalidAddress and
    NotVerified.
    """
    order = _order_to_change(session, principal, order_number, now)
    checked = checked_address(address)
    before = order.address
    order.address = Address(
        customer_id=order.customer_id,
        recipient=before.recipient,
        line1=checked.line1,
        line2=checked.line2,
        city=checked.city,
        postcode=checked.postcode,
    )
    session.flush()
    detail = {"from_address_id": before.id, "to_address_id": order.address.id}
    record_event(session, principal, order, "address_changed", now, detail)
    session.flush()
    return order_views(session, [order])[0]


def owned_order(session: Session, principal: Principal, order_number: str, *, lock: bool = False) -> Order:
    """The row of the customer's order; with `lock` no other transaction changes it until this one ends.

    Raises OrderNotFound.
    """
    statement = _owned(principal).where(Order.number == plain_order_number(order_number))
    if lock:
        statement = statement.with_for_update(of=Order)
    order = session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
    if order is None:
        raise OrderNotFound("no such order for this customer")
    return order


def record_event(
    session: Session, principal: Principal, order: Order, kind: str, now: datetime, detail: dict[str, Any]
) -> None:
    """Write down who changed the order, how and when."""
    session.add(
        OrderEvent(
            order_id=order.id,
            kind=kind,
            actor=principal.actor,
            conversation_id=principal.conversation_id,
            detail=detail,
            at=now,
        )
    )


def returned_quantities(session: Session, order_ids: Sequence[int]) -> dict[int, int]:
    """Pieces going or gone back, by order item id; items without a return are left out."""
    statement = (
        select(ReturnItem.order_item_id, func.sum(ReturnItem.quantity))
        .join(Return, Return.id == ReturnItem.return_id)
        .where(Return.order_id.in_(order_ids), Return.state.not_in(RETURN_STATES_WITHOUT_GOODS))
        .group_by(ReturnItem.order_item_id)
    )
    return {item_id: int(quantity) for item_id, quantity in session.execute(statement)}


def order_views(session: Session, orders: Sequence[Order]) -> list[OrderView]:
    """The orders as their customer may see them, in the order given."""
    returned = returned_quantities(session, [order.id for order in orders])
    return [_order_view(order, returned) for order in orders]


def masked_email(email: str) -> str:
    """ "alex@example.com" as "a***@example.com", however long it is."""
    name, _, host = email.partition("@")
    return f"{name[:1]}***@{host}"


def _owned(principal: Principal) -> Any:
    if not isinstance(principal, Principal):
        raise NotVerified("customers' data needs a principal")
    statement = select(Order).options(
        selectinload(Order.items),
        selectinload(Order.address),
        selectinload(Order.customer),
        selectinload(Order.shipment).selectinload(Shipment.events),
    )
    if principal.role == "operator":
        return statement
    return statement.where(Order.customer_id == principal.customer_id)


def _order_to_change(session: Session, principal: Principal, order_number: str, now: datetime) -> Order:
    principal.require_valid(now)
    order = owned_order(session, principal, order_number, lock=True)
    if order.state not in CHANGEABLE_STATES:
        raise NotAllowed(WHY_UNCHANGEABLE[order.state])
    return order


def _put_back(session: Session, product_id: int, quantity: int) -> None:
    """Add to the stock in the database, where a sale at the same moment is counted too."""
    statement = update(Stock).where(Stock.product_id == product_id).values(quantity=Stock.quantity + quantity)
    if session.execute(statement.execution_options(synchronize_session=False)).rowcount == 0:
        session.add(Stock(product_id=product_id, quantity=quantity))


def _order_view(order: Order, returned: dict[int, int]) -> OrderView:
    address, shipment = order.address, order.shipment
    return OrderView(
        number=order.number,
        state=order.state,
        placed_at=order.placed_at,
        expected_on=order.expected_on,
        delivered_on=order.delivered_on,
        total=order.total,
        delivery_charge=order.delivery_charge,
        delivery_method=order.delivery_method,
        payment_method=order.payment_method,
        currency=order.currency,
        items=tuple(
            OrderItemView(item.id, item.sku, item.name, item.quantity, item.unit_price, returned.get(item.id, 0))
            for item in order.items
        ),
        shipment=shipment
        and ShipmentView(
            carrier=shipment.carrier,
            tracking_code=shipment.tracking_code,
            tracking_url=shipment.tracking_url,
            state=shipment.state,
            events=tuple((happened.at, happened.text) for happened in shipment.events),
        ),
        address=AddressView(address.recipient, address.line1, address.line2, address.city, address.postcode),
        customer_email_masked=masked_email(order.customer.email),
        can_cancel=order.state in CHANGEABLE_STATES,
    )
