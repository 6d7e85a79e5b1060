"""Returns, refunds and claims of the demo orders."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from knowledge_base.orders import PAID_AT_ONCE
from knowledge_base.policies import DEFAULT_POLICIES
from knowledge_base.returns import LABEL_ALPHABET, LABEL_LENGTH, REFUND_REASONS
from knowledge_base.schema import NUMBER_OFFSET
from knowledge_base.seed.catalogue_files import SeedProduct
from knowledge_base.seed.order_rows import WrittenOrder, moment, order_event
from knowledge_base.seed.rows import SeedRows
from knowledge_base.working_days import add_working_days

REFUND_DAYS = 5  # working days from the warehouse to the customer's account
DELIVERY_REFUND_DAYS = int(DEFAULT_POLICIES["delivery_refund_window_days"])
STANDARD_DELIVERY = Decimal(DEFAULT_POLICIES["standard_delivery_charge"])
REASONS = {
    "return": ("does not fit my kitchen", "changed my mind", "too loud", "not as expected", "ordered twice"),
    "exchange": ("wrong colour", "too small", "would like another model"),
    "damage": ("arrived with a crack", "does not switch on", "a part is missing", "dented"),
}


@dataclass(frozen=True)
class ReturnPlan:
    """A return of one line of an order, or of the whole order (`line` None)."""

    kind: str
    state: str
    created_on: date
    line: int | None = None
    wish: str | None = None
    replacement: SeedProduct | None = None  # what an exchange asks for
    refund_state: str | None = "awaiting_parcel"
    refund_expected_on: date | None = None
    refund_completed_on: date | None = None


def write_return(rows: SeedRows, random_source: random.Random, order: WrittenOrder, plan: ReturnPlan) -> None:
    """Add the return with its lines, its event and its refund."""
    lines = range(len(order.item_ids)) if plan.line is None else (plan.line,)
    pieces = {order.item_ids[line]: order.plan.lines[line].quantity for line in lines}
    amount, extra = _amounts(order, plan)
    label = "PW" + "".join(random_source.choice(LABEL_ALPHABET) for _ in range(LABEL_LENGTH))
    created_at = moment(plan.created_on, 18, 30)
    return_id = rows.add(
        "returns",
        order_id=order.id,
        kind=plan.kind,
        reason=random_source.choice(REASONS[plan.kind]),
        wish=plan.wish,
        replacement_product_id=plan.replacement.id if plan.replacement else None,
        note=None,
        state=plan.state,
        label_code=label,
        label_url=DEFAULT_POLICIES["return_label_url"].format(label_code=label),
        expected_refund_amount=amount,
        extra_charge=extra,
        created_at=created_at,
    )
    for item_id, quantity in pieces.items():
        rows.add("return_items", return_id=return_id, order_item_id=item_id, quantity=quantity)
    number = f"R{NUMBER_OFFSET + return_id}"
    detail = {"return": number, "kind": plan.kind, "pieces": sum(pieces.values())}
    order_event(rows, order.id, "return_created", created_at, detail, actor="customer")
    if amount > 0 and plan.refund_state is not None:
        rows.add(
            "refunds",
            order_id=order.id,
            return_id=return_id,
            amount=amount,
            method=order.plan.payment_method,
            state=plan.refund_state,
            reason=REFUND_REASONS[plan.kind],
            expected_on=plan.refund_expected_on,
            completed_on=plan.refund_completed_on,
            created_at=created_at,
        )


def write_cancellation(rows: SeedRows, order: WrittenOrder, cancelled_on: date, day: date) -> None:
    """Add the event and the refund of a cancelled order; what was due before `day` has been paid."""
    at = moment(cancelled_on, 20, 10)
    order_event(rows, order.id, "cancelled", at, {"reason": "ordered by mistake"}, actor="customer")
    days = int(DEFAULT_POLICIES["authorisation_release_working_days"])
    expected_on = add_working_days(cancelled_on, days)
    completed_on = expected_on if expected_on < day else None
    state = "authorisation_released"
    if order.plan.payment_method in PAID_AT_ONCE:
        state = "approved" if completed_on is None else "paid"
    rows.add(
        "refunds",
        order_id=order.id,
        return_id=None,
        amount=order.total,
        method=order.plan.payment_method,
        state=state,
        reason="cancelled",
        expected_on=expected_on,
        completed_on=completed_on,
        created_at=at,
    )


def write_claim(rows: SeedRows, order: WrittenOrder, opened_on: date) -> None:
    """Add a search for the order's parcel."""
    days = int(DEFAULT_POLICIES["carrier_search_working_days"])
    at = moment(opened_on, 16, 45)
    claim_id = rows.add(
        "claims", order_id=order.id, state="searching", opened_at=at, answer_by=add_working_days(opened_on, days)
    )
    order_event(rows, order.id, "claim_opened", at, {"claim": f"C{NUMBER_OFFSET + claim_id}"}, actor="customer")


def _amounts(order: WrittenOrder, plan: ReturnPlan) -> tuple[Decimal, Decimal]:
    """What the customer gets back and what a dearer replacement costs on top."""
    nothing = Decimal("0.00")
    line = order.plan.lines[plan.line or 0]
    if plan.replacement is not None:
        difference = (line.product.price - plan.replacement.price) * line.quantity
        return max(difference, nothing), max(-difference, nothing)
    if plan.wish == "replacement":
        return nothing, nothing
    if plan.line is not None and len(order.item_ids) > 1:
        return line.product.price * line.quantity, nothing
    amount = order.goods - order.discount
    delivered_on = order.plan.delivered_on
    if delivered_on is not None and plan.created_on <= delivered_on + timedelta(days=DELIVERY_REFUND_DAYS):
        amount += min(order.delivery_charge, STANDARD_DELIVERY)
    return amount, nothing
