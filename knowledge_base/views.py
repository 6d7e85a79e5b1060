"""What customers' data looks like outside the database: frozen, without any tie to a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class AddressView:
    """A delivery address."""

    recipient: str
    line1: str
    line2: str | None
    city: str
    postcode: str


@dataclass(frozen=True)
class OrderItemView:
    """A line of an order; `returned_quantity` counts pieces that are on their way back or back already."""

    id: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    returned_quantity: int


@dataclass(frozen=True)
class ShipmentView:
    """A parcel; `events` are (moment, text), oldest first."""

    carrier: str
    tracking_code: str
    tracking_url: str
    state: str
    events: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True)
class OrderView:
    """An order as its customer may see it."""

    number: str
    state: str
    placed_at: datetime
    expected_on: date | None
    delivered_on: date | None
    total: Decimal
    delivery_charge: Decimal
    delivery_method: str
    payment_method: str
    currency: str
    items: tuple[OrderItemView, ...]
    shipment: ShipmentView | None
    address: AddressView
    customer_email_masked: str
    can_cancel: bool


@dataclass(frozen=True)
class Eligibility:
    """Whether an order may be changed; `reason` is a code when it may not."""

    allowed: bool
    reason: str | None
    order: OrderView


@dataclass(frozen=True)
class ReturnableItem:
    """Pieces of an order line that can still go back; `only_unopened` marks hygiene goods."""

    id: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    only_unopened: bool


@dataclass(frozen=True)
class ReturnEligibility:
    """Whether goods of an order may go back, which ones, and until when."""

    allowed: bool
    reason: str | None
    items: tuple[ReturnableItem, ...]
    last_day: date | None


@dataclass(frozen=True)
class ReturnItemView:
    """What goes back."""

    sku: str
    name: str
    quantity: int


@dataclass(frozen=True)
class ReturnView:
    """A return with its label; `extra_charge` is what a dearer replacement costs on top."""

    number: str
    order_number: str
    kind: str
    state: str
    label_code: str
    label_url: str
    expected_refund_amount: Decimal
    extra_charge: Decimal
    currency: str
    items: tuple[ReturnItemView, ...]
    replacement_sku: str | None
    created_at: datetime


@dataclass(frozen=True)
class RefundView:
    """Money on its way back."""

    amount: Decimal
    currency: str
    method: str
    state: str
    expected_on: date | None
    completed_on: date | None
    reason: str


@dataclass(frozen=True)
class ClaimView:
    """A search for a missing parcel."""

    number: str
    order_number: str
    state: str
    opened_at: datetime
    answer_by: date


@dataclass(frozen=True)
class TicketView:
    """A conversation handed to a person.

    `open_now` tells whether somebody is there at this moment, `ahead` how many open tickets are older.
    """

    number: str
    answer_by: datetime
    open_now: bool
    ahead: int
