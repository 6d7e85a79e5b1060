"""Sending goods back: returns, exchanges and damage reports, their refunds, and missing parcels."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.orders import (
    NotAllowed,
    OrderNotFound,
    owned_order,
    record_event,
    returned_quantities,
)
from knowledge_base.policies import policy, policy_count
from knowledge_base.principal import Principal
from knowledge_base.refund_amounts import expected_amounts
from knowledge_base.schema import (
    RETURN_KINDS,
    RETURN_WISHES,
    Claim,
    Order,
    Product,
    Refund,
    Return,
    ReturnItem,
    Stock,
)
from knowledge_base.views import (
    ClaimView,
    RefundView,
    ReturnableItem,
    ReturnEligibility,
    ReturnItemView,
    ReturnView,
)
from knowledge_base.working_days import add_working_days

__all__ = [
    "NotAllowed",
    "OrderNotFound",
    "create_return",
    "missing_parcel_claim",
    "refunds",
    "return_eligibility",
]

LABEL_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without the characters that are read for one another
LABEL_LENGTH = 16  # 80 bits: a label cannot be guessed
WINDOW_POLICIES = {
    "return": "return_window_days",
    "exchange": "return_window_days",
    "damage": "damage_window_days",
}
REFUND_REASONS = {"return": "returned", "exchange": "exchange_difference", "damage": "damaged"}


def return_eligibility(
    session: Session,
    principal: Principal,
    order_number: str,
    now: datetime,
    kind: Literal["return", "exchange", "damage"] = "return",
) -> ReturnEligibility:
    """What of the order may go back; reason: not_delivered, window_closed, nothing_left, cancelled.

    `last_day` still counts; damage may be reported for longer. Raises OrderNotFound and NotVerified.
    """
    principal.require_valid(now)
    order = owned_order(session, principal, order_number)
    return _eligibility(session, order, WINDOW_POLICIES[kind], now)


def create_return(
    session: Session,
    principal: Principal,
    order_number: str,
    *,
    items: Sequence[tuple[int, int]],
    kind: Literal["return", "exchange", "damage"],
    reason: str,
    wish: Literal["refund", "replacement"] | None,
    replacement_sku: str | None,
    note: str | None,
    now: datetime,
) -> ReturnView:
    """Register goods that go back, with a label; `items` are (order item id, pieces).

    Damage may be reported for as long as the warranty lasts. Raises OrderNotFound, NotVerified, ValueError
    for an unknown kind or wish, and NotAllowed: the reasons of `return_eligibility`, and no_items,
    unknown_item, too_many, replacement_unknown, replacement_out_of_stock.
    """
    if kind not in RETURN_KINDS or wish not in (None, *RETURN_WISHES):
        raise ValueError(f"kind must be one of {RETURN_KINDS}, wish one of {RETURN_WISHES} or None")
    principal.require_valid(now)
    order = owned_order(session, principal, order_number, lock=True)
    eligible = _eligibility(session, order, WINDOW_POLICIES[kind], now)
    if eligible.reason is not None:
        raise NotAllowed(eligible.reason)
    wanted = _wanted(order, eligible, items)
    pieces = sum(wanted.values())
    replacement = _replacement(session, kind, wish, replacement_sku, pieces)
    if kind == "exchange" and replacement is None:
        _require_same_in_stock(session, order, wanted)
    refund, extra = expected_amounts(session, order, wanted, kind, wish, replacement, now)
    label_code = "PW" + "".join(secrets.choice(LABEL_ALPHABET) for _ in range(LABEL_LENGTH))
    row = Return(
        order_id=order.id,
        kind=kind,
        reason=reason,
        wish=wish,
        replacement_product_id=replacement.id if replacement else None,
        note=note,
        state="label_sent",
        label_code=label_code,
        label_url=policy(session, "return_label_url").format(label_code=label_code),
        expected_refund_amount=refund,
        extra_charge=extra,
        created_at=now,
        items=[ReturnItem(order_item_id=item_id, quantity=quantity) for item_id, quantity in wanted.items()],
    )
    session.add(row)
    session.flush()
    if refund > 0:
        session.add(
            Refund(
                order_id=order.id,
                return_id=row.id,
                amount=refund,
                method=order.payment_method,
                state="awaiting_parcel",
                reason=REFUND_REASONS[kind],
                created_at=now,
            )
        )
    detail = {"return": row.number, "kind": kind, "pieces": pieces}
    record_event(session, principal, order, "return_created", now, detail)
    session.flush()
    lines = {item.id: item for item in order.items}
    return ReturnView(
        number=row.number,
        order_number=order.number,
        kind=kind,
        state=row.state,
        label_code=label_code,
        label_url=row.label_url,
        expected_refund_amount=refund,
        extra_charge=extra,
        currency=order.currency,
        items=tuple(ReturnItemView(lines[key].sku, lines[key].name, count) for key, count in wanted.items()),
        replacement_sku=replacement.sku if replacement else None,
        created_at=now,
    )


def refunds(session: Session, principal: Principal, order_number: str) -> list[RefundView]:
    """The order's refunds, newest first. Raises OrderNotFound."""
    order = owned_order(session, principal, order_number)
    rows = session.execute(select(Refund).where(Refund.order_id == order.id).order_by(Refund.id.desc())).scalars()
    return [
        RefundView(
            amount=row.amount,
            currency=order.currency,
            method=row.method,
            state=row.state,
            expected_on=row.expected_on,
            completed_on=row.completed_on,
            reason=row.reason,
        )
        for row in rows
    ]


def why_no_claim(session: Session, principal: Principal, order_number: str, now: datetime) -> str | None:
    """Why a search for the parcel can't start (the reasons of `missing_parcel_claim`), or None.

    Raises OrderNotFound and NotVerified.
    """
    principal.require_valid(now)
    return _why_no_claim(session, owned_order(session, principal, order_number), now.date())


def missing_parcel_claim(session: Session, principal: Principal, order_number: str, *, now: datetime) -> ClaimView:
    """Have the carrier search for a parcel that is late, or that was marked delivered and is not there.

    Raises OrderNotFound, NotVerified and NotAllowed: not_dispatched, not_late, already_claimed, returned.
    """
    principal.require_valid(now)
    order = owned_order(session, principal, order_number, lock=True)
    reason = _why_no_claim(session, order, now.date())
    if reason is not None:
        raise NotAllowed(reason)
    days = policy_count(session, "carrier_search_working_days")
    claim = Claim(order_id=order.id, state="searching", opened_at=now, answer_by=add_working_days(now.date(), days))
    session.add(claim)
    session.flush()
    record_event(session, principal, order, "claim_opened", now, {"claim": claim.number})
    session.flush()
    return ClaimView(claim.number, order.number, claim.state, now, claim.answer_by)


def _eligibility(session: Session, order: Order, window_policy: str, now: datetime) -> ReturnEligibility:
    last_day = None
    if order.delivered_on is not None:
        last_day = order.delivered_on + timedelta(days=policy_count(session, window_policy))
    returned = returned_quantities(session, [order.id])
    items = tuple(
        ReturnableItem(item.id, item.sku, item.name, left, item.unit_price, not item.product.returnable_once_opened)
        for item in order.items
        if (left := item.quantity - returned.get(item.id, 0)) > 0
    )
    reason = None
    if order.state == "cancelled":
        reason = "cancelled"
    elif order.state == "returned" or not items:
        reason = "nothing_left"
    elif order.state != "delivered" or last_day is None:
        reason = "not_delivered"
    elif now.date() > last_day:
        reason = "window_closed"
    return ReturnEligibility(reason is None, reason, items if reason is None else (), last_day)


def _wanted(order: Order, eligible: ReturnEligibility, items: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Pieces by order item id, each within what is left of this order. Raises NotAllowed."""
    left = {item.id: 0 for item in order.items} | {item.id: item.quantity for item in eligible.items}
    wanted: dict[int, int] = {}
    for item_id, quantity in items:
        if item_id not in left:
            raise NotAllowed("unknown_item")
        if quantity < 1:
            raise NotAllowed("no_items")
        wanted[item_id] = wanted.get(item_id, 0) + quantity
        if wanted[item_id] > left[item_id]:
            raise NotAllowed("too_many")
    if not wanted:
        raise NotAllowed("no_items")
    return wanted


def _replacement(session: Session, kind: str, wish: str | None, sku: str | None, pieces: int) -> Product | None:
    """The product that is sent instead; None where the same one is sent again or none at all."""
    if kind == "return" or sku is None or (kind == "damage" and wish == "refund"):
        return None
    product = session.execute(select(Product).where(Product.sku == sku)).scalar_one_or_none()
    if product is None:
        raise NotAllowed("replacement_unknown")
    stock = session.get(Stock, product.id)
    if stock is None or stock.quantity < pieces:
        raise NotAllowed("replacement_out_of_stock")
    return product


def _require_same_in_stock(session: Session, order: Order, wanted: dict[int, int]) -> None:
    for item in order.items:
        stock = session.get(Stock, item.product_id)
        if item.id in wanted and (stock is None or stock.quantity < wanted[item.id]):
            raise NotAllowed("replacement_out_of_stock")


def _why_no_claim(session: Session, order: Order, today: date) -> str | None:
    if session.execute(select(Claim.id).where(Claim.order_id == order.id)).first() is not None:
        return "already_claimed"
    if order.state == "returned" or returned_quantities(session, [order.id]):
        return "returned"
    if order.state == "delivered":
        return None
    if order.state not in ("dispatched", "out_for_delivery"):
        return "not_dispatched"
    patience = policy_count(session, "missing_parcel_after_working_days")
    if order.expected_on is None or today < add_working_days(order.expected_on, patience):
        return "not_late"
    return None
