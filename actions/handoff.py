"""Hands a conversation to a person: a ticket with contact, summary and transcript."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions.flow import FlowCompletion, FlowState, FlowValidation
from actions.identity import Email
from actions.services import services
from actions.wording import moment, phrase
from frontdesk.metrics import HANDOFFS
from knowledge_base import outcomes, tickets
from knowledge_base.principal import Principal

_DIGITS = re.compile(r"\d{3}|(\d\W?){6}")
TRANSCRIPT_MESSAGES = 30
LONGEST_LINE = 500
# Slots worth telling the person who takes over, with the words for them.
_TOLD = {
    "order_number": "Order (as typed, not verified unless said below)",
    "return_reason": "Reason given",
    "summary": "Items or change in question",
    "category": "Looking for",
    "budget": "Budget",
}


class ContactEmail(Email):
    """Where a person can answer; a verified customer has an address on file."""

    slot = "contact_email"


class ValidateHandoff(FlowValidation):
    form = "handoff_form"
    steps = (ContactEmail(),)
    own_intents = frozenset({"talk_to_person", "inform", "complaint"})
    comes_back = False

    async def prepare(self, state: FlowState) -> None:
        # An email given earlier in the conversation is the obvious one; the answer names it.
        if state.principal is None and state.get("contact_email") is None and state.get("email"):
            state.set("contact_email", state.get("email"))


class ActionHandOver(FlowCompletion):
    """Opens the ticket and says when somebody will answer."""

    def name(self) -> str:
        return "action_hand_over"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here = services()
        contact = None if principal else tracker.get_slot("contact_email")
        topic = last_topic(tracker)

        def open_ticket(session: Any) -> Any:
            ticket = tickets.create_ticket(
                session,
                conversation_id=tracker.sender_id,
                principal=principal,
                contact_email=contact,
                topic=topic,
                summary=summarise(tracker, principal),
                transcript=transcript(tracker),
                now=here.clock(),
                hours=here.brand.hours,
            )
            outcomes.record(session, tracker.sender_id, "handed_over", topic, here.clock())
            return ticket

        ticket = await here.in_transaction(open_ticket)
        HANDOFFS.labels(topic=topic).inc()
        dispatcher.utter_message(
            response="utter_handed_over" if ticket.open_now else "utter_handed_over_closed",
            ticket=ticket.number,
            contact=contact or phrase("address_on_file"),
            answer_by=moment(ticket.answer_by, here.brand),
            custom={"type": "handoff", "ticket": ticket.number, "open_now": ticket.open_now},
        )
        return []


def last_topic(tracker: Tracker) -> str:
    """The form that ran last before the handoff, or `general`."""
    for event in reversed(tracker.events):
        name = event.get("name") if event.get("event") == "active_loop" else None
        if name and name != "handoff_form":
            return str(name).removesuffix("_form")
    return "general"


def summarise(tracker: Tracker, principal: Principal | None) -> str:
    """What was wanted, tried and known, from events and slots: complete and the same every time."""
    tried: list[str] = []
    for event in tracker.events:
        name = event.get("name") if event.get("event") == "active_loop" else None
        if name and name != "handoff_form" and name not in tried:
            tried.append(name)
    lines = [
        "Customer verified: " + ("yes" if principal else "no"),
        "Tried: " + (", ".join(name.removesuffix("_form").replace("_", " ") for name in tried) or "nothing yet"),
    ]
    lines += [f"{words}: {tracker.get_slot(slot)}" for slot, words in _TOLD.items() if tracker.get_slot(slot)]
    said = [text for who, text in spoken(tracker) if who == "Customer"]
    if said:
        lines.append(f"First message: {said[0]}")
        lines.append(f"Last message: {said[-1]}")
    return "\n".join(lines)


def transcript(tracker: Tracker) -> str:
    """The last messages of both sides, one a line."""
    return "\n".join(f"{who}: {text}" for who, text in spoken(tracker)[-TRANSCRIPT_MESSAGES:])


def spoken(tracker: Tracker) -> list[tuple[str, str]]:
    """What both sides said; codes are left out, pressed buttons shown by their intent."""
    lines: list[tuple[str, str]] = []
    asked_for_code = False
    for event in tracker.events:
        if event.get("event") == "slot" and event.get("name") == "requested_slot":
            asked_for_code = event.get("value") == "verification_code"
        text = (event.get("text") or "").strip()
        if event.get("event") == "user" and text:
            code = asked_for_code and _DIGITS.search(text)
            lines.append(("Customer", "(code)" if code else text[:LONGEST_LINE]))
        elif event.get("event") == "bot" and text:
            lines.append(("Assistant", text[:LONGEST_LINE]))
    return lines
