"""Tables of the shop: customers, catalogue, stock, orders and their parcels."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Date, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, relationship

from knowledge_base.column_types import AUTOINCREMENT, Base, Money, UtcDateTime, one_of

ORDER_STATES = (
    "awaiting_payment",
    "processing",
    "packed",
    "dispatched",
    "out_for_delivery",
    "delivered",
    "cancelled",
    "returned",
)
DELIVERY_METHODS = ("standard", "express", "named_day", "click_and_collect", "two_person")
PAYMENT_METHODS = (
    "card",
    "paypal",
    "apple_pay",
    "google_pay",
    "gift_card",
    "bank_transfer",
    "pay_in_three",
)
SHIPMENT_STATES = (
    "label_created",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "failed_attempt",
    "held",
    "lost",
)


class Customer(Base):
    """A person with an account or a guest order; `email` is kept trimmed and in lower case."""

    __tablename__ = "customers"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    email: Mapped[str] = Column(String(254), nullable=False, unique=True)
    first_name: Mapped[str] = Column(String(80), nullable=False)
    last_name: Mapped[str] = Column(String(80), nullable=False)
    phone: Mapped[str | None] = Column(String(32))
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class Address(Base):
    """A UK delivery address; an order that changes its address gets a new row, the old one stays."""

    __tablename__ = "addresses"
    id: Mapped[int] = Column(Integer, primary_key=True)
    customer_id: Mapped[int] = Column(ForeignKey("customers.id"), nullable=False, index=True)
    recipient: Mapped[str] = Column(String(160), nullable=False)
    line1: Mapped[str] = Column(String(120), nullable=False)
    line2: Mapped[str | None] = Column(String(120))
    city: Mapped[str] = Column(String(80), nullable=False)
    postcode: Mapped[str] = Column(String(8), nullable=False)


class Category(Base):
    """A product category; `name` is the plural shown in lists ("Kettles"), `singular` is "kettle"."""

    __tablename__ = "categories"
    id: Mapped[int] = Column(Integer, primary_key=True)
    slug: Mapped[str] = Column(String(40), nullable=False, unique=True)
    name: Mapped[str] = Column(String(80), nullable=False)
    singular: Mapped[str] = Column(String(80), nullable=False)
    position: Mapped[int] = Column(Integer, nullable=False, default=0)


class Product(Base):
    """A product of the catalogue; `features` is a list of strings, `specifications` maps label to value."""

    __tablename__ = "products"
    id: Mapped[int] = Column(Integer, primary_key=True)
    sku: Mapped[str] = Column(String(40), nullable=False, unique=True)
    name: Mapped[str] = Column(String(120), nullable=False)
    brand: Mapped[str] = Column(String(60), nullable=False, index=True)
    category_id: Mapped[int] = Column(ForeignKey("categories.id"), nullable=False, index=True)
    price: Mapped[Decimal] = Column(Money, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False, default="GBP")
    description: Mapped[str] = Column(Text, nullable=False)
    features: Mapped[list[str]] = Column(JSON, nullable=False, default=list)
    specifications: Mapped[dict[str, str]] = Column(JSON, nullable=False, default=dict)
    warranty_months: Mapped[int] = Column(Integer, nullable=False, default=24)
    returnable_once_opened: Mapped[bool] = Column(Boolean, nullable=False, default=True)  # False: hygiene goods
    available_from: Mapped[date | None] = Column(Date)
    image_url: Mapped[str | None] = Column(String(300))
    url: Mapped[str | None] = Column(String(300))
    category: Mapped[Category] = relationship("Category")
    stock: Mapped[Stock | None] = relationship("Stock", uselist=False)


class Stock(Base):
    """Pieces of a product in the warehouse that are free to sell."""

    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("quantity >= 0", name="not_negative"),)
    product_id: Mapped[int] = Column(ForeignKey("products.id"), primary_key=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)


class Order(Base):
    """An order: `total` = sum of the items - `discount` + `delivery_charge`."""

    __tablename__ = "orders"
    __table_args__ = (
        one_of("state", ORDER_STATES),
        one_of("delivery_method", DELIVERY_METHODS),
        one_of("payment_method", PAYMENT_METHODS),
        AUTOINCREMENT,
    )
    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(12), nullable=False, unique=True)
    customer_id: Mapped[int] = Column(ForeignKey("customers.id"), nullable=False, index=True)
    address_id: Mapped[int] = Column(ForeignKey("addresses.id"), nullable=False)
    state: Mapped[str] = Column(String(24), nullable=False)
    placed_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    expected_on: Mapped[date | None] = Column(Date)
    delivered_on: Mapped[date | None] = Column(Date)
    delivery_method: Mapped[str] = Column(String(24), nullable=False, default="standard")
    delivery_charge: Mapped[Decimal] = Column(Money, nullable=False, default=Decimal(0))
    discount: Mapped[Decimal] = Column(Money, nullable=False, default=Decimal(0))
    total: Mapped[Decimal] = Column(Money, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False, default="GBP")
    payment_method: Mapped[str] = Column(String(24), nullable=False, default="card")
    customer: Mapped[Customer] = relationship("Customer")
    address: Mapped[Address] = relationship("Address")
    items: Mapped[list[OrderItem]] = relationship("OrderItem", order_by="OrderItem.id", back_populates="order")
    shipment: Mapped[Shipment | None] = relationship("Shipment", uselist=False, back_populates="order")


class OrderItem(Base):
    """A line of an order; SKU, name and price are those of the day of purchase."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0", name="positive"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    product_id: Mapped[int] = Column(ForeignKey("products.id"), nullable=False)
    sku: Mapped[str] = Column(String(40), nullable=False)
    name: Mapped[str] = Column(String(120), nullable=False)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    unit_price: Mapped[Decimal] = Column(Money, nullable=False)
    order: Mapped[Order] = relationship("Order", back_populates="items")
    product: Mapped[Product] = relationship("Product")


class OrderEvent(Base):
    """What happened to an order, when, and through whom ("customer", "operator:NAME" or "shop")."""

    __tablename__ = "order_events"
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    kind: Mapped[str] = Column(String(40), nullable=False)
    actor: Mapped[str] = Column(String(80), nullable=False, default="shop")
    conversation_id: Mapped[str | None] = Column(String(255), index=True)
    detail: Mapped[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class Shipment(Base):
    """The parcel of an order."""

    __tablename__ = "shipments"
    __table_args__ = (one_of("state", SHIPMENT_STATES), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, unique=True)
    carrier: Mapped[str] = Column(String(40), nullable=False)
    tracking_code: Mapped[str] = Column(String(40), nullable=False, unique=True)
    tracking_url: Mapped[str] = Column(String(300), nullable=False)
    state: Mapped[str] = Column(String(24), nullable=False)
    order: Mapped[Order] = relationship("Order", back_populates="shipment")
    events: Mapped[list[ShipmentEvent]] = relationship("ShipmentEvent", order_by="(ShipmentEvent.at, ShipmentEvent.id)")


class ShipmentEvent(Base):
    """One line of the carrier's tracking."""

    __tablename__ = "shipment_events"
    id: Mapped[int] = Column(Integer, primary_key=True)
    shipment_id: Mapped[int] = Column(ForeignKey("shipments.id"), nullable=False, index=True)
    at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    text: Mapped[str] = Column(String(200), nullable=False)
