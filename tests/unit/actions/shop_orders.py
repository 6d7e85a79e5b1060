"""Rows of the shop that the tests of the actions share: two customers, and an order in every state."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.schema import (
    ORDER_STATES,
    Address,
    Customer,
    Order,
    OrderItem,
    Product,
    Shipment,
    ShipmentEvent,
    VerifiedConversation,
)

NOW = datetime(2026, 3, 10, 11, 0, tzinfo=timezone.utc)  # a Tuesday, in support hours
TODAY = NOW.date()
ALEX, SAM = "alex@example.com", "sam@example.org"

# Order number → state, of Alex; 1044 is Sam's.
PROCESSING, DELIVERED, LATE, LONG_AGO, FOREIGN, OTHER_DELIVERED = "1041", "1043", "1040", "1038", "1044", "1045"
OF_STATE = {state: str(1050 + position) for position, state in enumerate(ORDER_STATES)}


def write_customers_and_orders(session: Session) -> None:
    """Fills a database that has the catalogue already."""
    alex, sam = customer(session, ALEX), customer(session, SAM)
    write_order(session, DELIVERED, alex, "delivered", ["KET-001", "TOA-001"], delivered_on=TODAY - timedelta(days=2))
    write_order(session, OTHER_DELIVERED, alex, "delivered", ["IRO-001"], delivered_on=TODAY - timedelta(days=3))
    write_order(session, LONG_AGO, alex, "delivered", ["KET-001"], delivered_on=TODAY - timedelta(days=40))
    write_order(session, PROCESSING, alex, "processing", ["KET-001"])
    write_order(session, LATE, alex, "dispatched", ["TOA-001"], expected_on=TODAY - timedelta(days=4))
    write_order(session, FOREIGN, sam, "processing", ["KET-001"])
    for state, number in OF_STATE.items():
        delivered = TODAY - timedelta(days=1) if state == "delivered" else None
        write_order(session, number, alex, state, ["KET-001"], delivered_on=delivered)


def customer(session: Session, email: str) -> Customer:
    """A customer with an address."""
    row = Customer(email=email, first_name="Alex", last_name="Lee", created_at=NOW)
    session.add(row)
    session.flush()
    session.add(
        Address(customer_id=row.id, recipient="Alex Lee", line1="1 Mill Lane", city="Leeds", postcode="LS1 4AB")
    )
    session.flush()
    return row


def write_order(
    session: Session,
    number: str,
    owner: Customer,
    state: str,
    skus: list[str],
    expected_on: date = TODAY + timedelta(days=2),
    delivered_on: date | None = None,
) -> None:
    """An order of one piece a SKU; what has left the warehouse has a parcel with one scan."""
    products = {row.sku: row for row in session.execute(select(Product).where(Product.sku.in_(skus))).scalars()}
    address = session.execute(select(Address).where(Address.customer_id == owner.id)).scalars().one()
    items = [
        OrderItem(
            product_id=products[sku].id, sku=sku, name=products[sku].name, quantity=1, unit_price=products[sku].price
        )
        for sku in skus
    ]
    order = Order(
        number=number,
        customer_id=owner.id,
        address=address,
        state=state,
        items=items,
        placed_at=NOW - timedelta(days=10),
        expected_on=expected_on,
        delivered_on=delivered_on,
        delivery_charge=Decimal("4.95"),
        total=sum((item.unit_price for item in items), Decimal("4.95")),
    )
    session.add(order)
    session.flush()
    if state in {"dispatched", "out_for_delivery", "delivered"}:
        shipment = Shipment(
            order_id=order.id,
            carrier="Parcelway",
            tracking_code=f"PW{number}",
            tracking_url=f"https://parcelway.example/{number}",
            state="in_transit",
        )
        session.add(shipment)
        session.flush()
        session.add(ShipmentEvent(shipment_id=shipment.id, at=NOW - timedelta(days=5), text="At the depot in Leeds"))
    session.flush()


def verify(session: Session, conversation_id: str, email: str = ALEX) -> None:
    """What a confirmed code leaves behind."""
    customer_id = session.execute(select(Customer.id).where(Customer.email == email)).scalar_one()
    session.add(
        VerifiedConversation(
            conversation_id=conversation_id,
            customer_id=customer_id,
            verified_at=NOW,
            expires_at=NOW + timedelta(minutes=30),
        )
    )
    session.flush()
