"""Who is asking: the proof that every function on customers' data wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


class NotVerified(PermissionError):
    """Nobody proved who they are, or the proof has run out: ask for a code again."""


@dataclass(frozen=True)
class Principal:
    """A customer who proved an identity in one conversation, or an operator at the command line.

    It is made for one turn, by `identity.principal_for` or `Principal.operator`, and never from a slot or a
    message. A customer sees their own rows only; an operator sees all.
    """

    customer_id: int | None
    role: Literal["customer", "operator"]
    conversation_id: str | None
    expires_at: datetime | None
    operator_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse half a proof, which could otherwise match rows without a customer."""
        if self.role == "customer":
            complete = None not in (self.customer_id, self.conversation_id, self.expires_at)
        else:
            complete = self.role == "operator" and bool(self.operator_name) and self.customer_id is None
        if not complete:
            raise ValueError("a principal is a customer of one conversation with an expiry, or a named operator")

    @classmethod
    def operator(cls, name: str) -> Principal:
        """A person of the shop who works at the command line."""
        return cls(customer_id=None, role="operator", conversation_id=None, expires_at=None, operator_name=name)

    def require_valid(self, now: datetime) -> None:
        """Raise NotVerified once the proof has run out."""
        if self.expires_at is not None and now >= self.expires_at:
            raise NotVerified("the identity check has expired")

    @property
    def actor(self) -> str:
        """How an order event names the one who acted: "customer" or "operator:NAME"."""
        return "customer" if self.role == "customer" else f"operator:{self.operator_name}"
