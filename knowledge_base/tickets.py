"""Handing a conversation to a person."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from frontdesk.support_hours import SupportHours
from knowledge_base.column_types import storable
from knowledge_base.policies import policy_count
from knowledge_base.principal import Principal
from knowledge_base.schema import Ticket
from knowledge_base.views import TicketView

EMAIL = re.compile(r"[^@\s\0]{1,64}@[^@\s\0]{1,180}\.[^@\s\0.]{2,}")
LONGEST_EMAIL = 254
LONGEST_TOPIC = 80


class InvalidContact(ValueError):
    """The contact address is no email address."""


def create_ticket(
    session: Session,
    *,
    conversation_id: str,
    principal: Principal | None,
    contact_email: str | None,
    topic: str,
    summary: str,
    transcript: str,
    now: datetime,
    hours: SupportHours,
) -> TicketView:
    """Leave the conversation for a person.

    They answer within so many support hours (policy ticket_answer_hours). A verified customer's ticket is
    tied to their account. Raises InvalidContact and NotVerified.
    """
    if contact_email is not None:
        contact_email = contact_email.strip()
        if len(contact_email) > LONGEST_EMAIL or not EMAIL.fullmatch(contact_email):
            raise InvalidContact("contact_email is no email address")
    if principal is not None:
        principal.require_valid(now)
    ticket = Ticket(
        conversation_id=conversation_id,
        customer_id=principal.customer_id if principal else None,
        contact_email=contact_email,
        topic=storable(topic)[:LONGEST_TOPIC],
        summary=summary,
        transcript=transcript,
        state="open",
        created_at=now,
        answer_by=after_support_hours(hours, now, timedelta(hours=policy_count(session, "ticket_answer_hours"))),
    )
    session.add(ticket)
    session.flush()
    waiting = select(func.count()).select_from(Ticket).where(Ticket.state == "open", Ticket.id < ticket.id)
    return TicketView(
        number=ticket.number,
        answer_by=ticket.answer_by,
        open_now=hours.is_open(now),
        ahead=session.execute(waiting).scalar_one(),
    )


def after_support_hours(hours: SupportHours, now: datetime, needed: timedelta) -> datetime:
    """The moment (UTC) at which people have been there for `needed` since `now`."""
    moment = hours.next_opening(now).astimezone(timezone.utc)
    while True:
        closing = hours.closing(moment)
        if closing is None:
            raise ValueError("support hours are closed at their own opening")
        # In UTC, so that a day on which the clocks change is as long as it is.
        open_for = closing.astimezone(timezone.utc) - moment
        if needed <= open_for:
            return moment + needed
        needed -= open_for
        moment = hours.next_opening(moment + open_for).astimezone(timezone.utc)
