"""Tables of the service: returns, refunds, claims, tickets, identity checks, mail and outcomes.

Return, claim and ticket numbers are derived from the primary key, so two transactions can never issue the
same one.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, relationship

from knowledge_base.column_types import AUTOINCREMENT, Base, FreeText, Money, UtcDateTime, one_of
from knowledge_base.schema_shop import Order, OrderItem, Product

RETURN_KINDS = ("return", "exchange", "damage")
RETURN_STATES = ("label_sent", "in_transit", "received", "completed", "declined", "cancelled")
RETURN_WISHES = ("refund", "replacement")
REFUND_STATES = ("authorisation_released", "awaiting_parcel", "inspecting", "approved", "paid", "declined")
CLAIM_STATES = ("searching", "found", "replaced", "refunded", "declined")
TICKET_STATES = ("open", "answered", "closed")
OUTCOME_KINDS = (
    "answered_from_knowledge",
    "not_answered",
    "flow_completed",
    "flow_abandoned",
    "handed_over",
    "failed",
    "rated",
)

THUMBS = ("up", "down")

NUMBER_OFFSET = 10000
"""Added to the primary key: the first return is R10001."""


class Return(Base):
    """Goods a customer sends back: a return, an exchange or a damage report."""

    __tablename__ = "returns"
    __table_args__ = (
        one_of("kind", RETURN_KINDS),
        one_of("wish", RETURN_WISHES),
        one_of("state", RETURN_STATES),
        AUTOINCREMENT,
    )
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    kind: Mapped[str] = Column(String(16), nullable=False)
    reason: Mapped[str] = Column(FreeText, nullable=False)
    wish: Mapped[str | None] = Column(String(16))
    replacement_product_id: Mapped[int | None] = Column(ForeignKey("products.id"))
    note: Mapped[str | None] = Column(FreeText)
    state: Mapped[str] = Column(String(16), nullable=False, default="label_sent")
    label_code: Mapped[str] = Column(String(24), nullable=False, unique=True)
    label_url: Mapped[str] = Column(String(300), nullable=False)
    expected_refund_amount: Mapped[Decimal] = Column(Money, nullable=False)
    extra_charge: Mapped[Decimal] = Column(Money, nullable=False, default=Decimal(0))  # dearer replacement
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    order: Mapped[Order] = relationship("Order")
    items: Mapped[list[ReturnItem]] = relationship("ReturnItem", order_by="ReturnItem.id")
    replacement: Mapped[Product | None] = relationship("Product")

    @property
    def number(self) -> str:
        """The number a customer quotes, "R10001"; known once the row is flushed."""
        return f"R{NUMBER_OFFSET + self.id}"


class ReturnItem(Base):
    """How many pieces of an order line go back with a return."""

    __tablename__ = "return_items"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="positive"),
        UniqueConstraint("return_id", "order_item_id"),
        AUTOINCREMENT,
    )
    id: Mapped[int] = Column(Integer, primary_key=True)
    return_id: Mapped[int] = Column(ForeignKey("returns.id"), nullable=False)
    order_item_id: Mapped[int] = Column(ForeignKey("order_items.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    order_item: Mapped[OrderItem] = relationship("OrderItem")


class Refund(Base):
    """Money on its way back; `method` is the order's payment method or "gift_card"."""

    __tablename__ = "refunds"
    __table_args__ = (one_of("state", REFUND_STATES), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    return_id: Mapped[int | None] = Column(ForeignKey("returns.id"), index=True)
    amount: Mapped[Decimal] = Column(Money, nullable=False)
    method: Mapped[str] = Column(String(24), nullable=False)
    state: Mapped[str] = Column(String(24), nullable=False)
    reason: Mapped[str] = Column(String(60), nullable=False)
    expected_on: Mapped[date | None] = Column(Date)
    completed_on: Mapped[date | None] = Column(Date)
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class Claim(Base):
    """A search for a missing parcel; one an order."""

    __tablename__ = "claims"
    __table_args__ = (one_of("state", CLAIM_STATES), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, unique=True)
    state: Mapped[str] = Column(String(16), nullable=False, default="searching")
    opened_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    answer_by: Mapped[date] = Column(Date, nullable=False)

    @property
    def number(self) -> str:
        """The number a customer quotes, "C10001"; known once the row is flushed."""
        return f"C{NUMBER_OFFSET + self.id}"


class Ticket(Base):
    """A conversation handed to a person."""

    __tablename__ = "tickets"
    __table_args__ = (one_of("state", TICKET_STATES), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(255), index=True)
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"), index=True)
    contact_email: Mapped[str | None] = Column(String(254))
    topic: Mapped[str] = Column(String(80), nullable=False)
    summary: Mapped[str] = Column(FreeText, nullable=False)
    transcript: Mapped[str] = Column(FreeText, nullable=False)
    state: Mapped[str] = Column(String(16), nullable=False, default="open")
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    answer_by: Mapped[datetime] = Column(UtcDateTime, nullable=False)

    @property
    def number(self) -> str:
        """The number a customer quotes, "T10001"; known once the row is flushed."""
        return f"T{NUMBER_OFFSET + self.id}"


class VerificationCode(Base):
    """A requested code, never in clear; a row without a customer is a decoy for a request without a match."""

    __tablename__ = "verification_codes"
    __table_args__ = (CheckConstraint("tries >= 0", name="tries_not_negative"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(255), index=True)  # NULL: erased
    order_number: Mapped[str] = Column(String(12), nullable=False, index=True)
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"), index=True)
    code_hmac: Mapped[str] = Column(String(64), nullable=False)
    tries: Mapped[int] = Column(Integer, nullable=False, default=0)
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    closed_at: Mapped[datetime | None] = Column(UtcDateTime)  # used, replaced by a newer one, or erased


class VerifiedConversation(Base):
    """A conversation whose customer proved who they are, until `expires_at`."""

    __tablename__ = "verified_conversations"
    conversation_id: Mapped[str] = Column(String(255), primary_key=True)
    customer_id: Mapped[int] = Column(ForeignKey("customers.id"), nullable=False, index=True)
    verified_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class EndedConversation(Base):
    """A conversation whose tokens count no more, by the SHA-256 of its id: it may have been erased."""

    __tablename__ = "ended_conversations"
    conversation_hash: Mapped[str] = Column(String(64), primary_key=True)
    until: Mapped[datetime] = Column(UtcDateTime, nullable=False, index=True)  # when its last token runs out


class OutboxMail(Base):
    """A mail of the development mailer, which sends nothing."""

    __tablename__ = "outbox"
    id: Mapped[int] = Column(Integer, primary_key=True)
    to_address: Mapped[str] = Column(String(254), nullable=False, index=True)
    subject: Mapped[str] = Column(String(200), nullable=False)
    body: Mapped[str] = Column(Text, nullable=False)
    created_at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class ConversationOutcome(Base):
    """One thing a conversation led to; what the figures on containment are counted from."""

    __tablename__ = "conversation_outcomes"
    __table_args__ = (one_of("kind", OUTCOME_KINDS), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(255), index=True)  # NULL: erased
    kind: Mapped[str] = Column(String(32), nullable=False)
    topic: Mapped[str | None] = Column(String(80))
    detail: Mapped[str | None] = Column(FreeText)
    at: Mapped[datetime] = Column(UtcDateTime, nullable=False, index=True)


class Rating(Base):
    """What a customer thought of a conversation, 1 (bad) to 5 (good); the last one given counts."""

    __tablename__ = "ratings"
    __table_args__ = (CheckConstraint("score BETWEEN 1 AND 5", name="score"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(255), unique=True)  # NULL: erased
    score: Mapped[int] = Column(Integer, nullable=False)
    comment: Mapped[str | None] = Column(FreeText)
    at: Mapped[datetime] = Column(UtcDateTime, nullable=False)


class MessageFeedback(Base):
    """What a customer thought of one message of the assistant; the last word counts."""

    __tablename__ = "message_feedback"
    __table_args__ = (one_of("thumbs", THUMBS), UniqueConstraint("conversation_id", "message_id"), AUTOINCREMENT)
    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(255), index=True)  # NULL: erased
    message_id: Mapped[str] = Column(String(64), nullable=False)
    thumbs: Mapped[str | None] = Column(String(8))  # NULL: taken back, or a comment alone
    comment: Mapped[str | None] = Column(FreeText)
    at: Mapped[datetime] = Column(UtcDateTime, nullable=False)
