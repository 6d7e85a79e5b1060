"""Hands a conversation to a person: a ticket with contact, summary and transcript."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions.flow import FlowCompletion, FlowState, FlowValidation
from actions.identity import Email
from actions.services import services
from actions.ticket_summary import last_topic, summary_for, transcript
from actions.wording import moment, phrase
from frontdesk.metrics import HANDOFFS
from knowledge_base import outcomes, tickets
from knowledge_base.principal import Principal


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
        summary = await summary_for(tracker, principal, here)

        def open_ticket(session: Any) -> Any:
            ticket = tickets.create_ticket(
                session,
                conversation_id=tracker.sender_id,
                principal=principal,
                contact_email=contact,
                topic=topic,
                summary=summary,
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
            custom={
                "type": "handoff",
                "ticket": ticket.number,
                "open_now": ticket.open_now,
                "answer_by": ticket.answer_by.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ahead": ticket.ahead,
            },
        )
        return []
