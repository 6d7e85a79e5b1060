"""What a ticket tells the person who takes over: facts from slots and events, and a language model's summary if any."""

from __future__ import annotations

import logging

from rasa_sdk import Tracker

from actions.services import Services
from frontdesk.conversation_view import Utterance, forms_run, shared_turns, utterances, without_personal_data
from frontdesk.language_model import client_deadline, failure_kind, within
from frontdesk.logs import turn_id
from frontdesk.metrics import FAILURES, SUMMARIES
from knowledge_base.principal import Principal
from llm_component.protocol import Profile, SummaryRequest, Turn

logger = logging.getLogger(__name__)

HANDOFF_FORM = "handoff_form"
TRANSCRIPT_MESSAGES = 30
LONGEST_LINE = 500
LAST_SENTENCES = 3
# A summary may look further back than an answer does.
SUMMED_UP_TURNS = 40
SUMMED_UP_CHARACTERS = 8000
# Slots worth telling the person who takes over, with the words for them.
_TOLD = {
    "order_number": "Order (as typed, not verified unless said below)",
    "return_reason": "Reason given",
    "wish": "Wish",
    "summary": "Items or change in question",
    "category": "Looking for",
    "budget": "Budget",
}


async def summary_for(tracker: Tracker, principal: Principal | None, here: Services) -> str:
    """The ticket's summary: a language model's, where one answers in time, above the facts; never raises.

    The facts are always there: a model may leave something out. The model reads neither the facts that come from the
    shop's data nor the assistant's sentences about an order (`frontdesk.conversation_view`).
    """
    told = summarise(tracker, principal)
    if here.language_model is None:
        return told
    generated = await _generated(tracker, here)
    if not generated:
        return told
    return "\n".join([generated, "", *known(tracker, principal)])


async def _generated(tracker: Tracker, here: Services) -> str:
    """The model's summary, or an empty text; `summary_seconds` from now at the latest."""
    assert here.language_model is not None
    request = SummaryRequest(
        turns=[
            Turn(role=role, content=text)
            for role, text in shared_turns(tracker.events, SUMMED_UP_TURNS, SUMMED_UP_CHARACTERS)
        ],
        fallback="",  # the facts hold the shop's data, which stays here
        facts=_model_facts(tracker),
        profile=Profile(shop_name=here.brand.name, abstention="", tone=here.brand.tone, language=here.brand.language),
        deadline_seconds=client_deadline(here.summary_seconds),
    )
    try:
        asking = here.language_model.summarise(request, turn_id.get())
        summary = await within(here.summary_seconds, asking)
    except Exception as error:  # noqa: BLE001 (whatever it is, the ticket is opened)
        kind = failure_kind(error)
        logger.warning("language model gave no summary", extra={"kind": kind, "error": str(error)})
        FAILURES.labels(place="llm", kind=kind).inc()
        SUMMARIES.labels(outcome="failed").inc()
        return ""
    generated = summary.generated and bool(summary.text.strip())
    SUMMARIES.labels(outcome="generated" if generated else "fallback").inc()
    if not generated:
        logger.info("language model gave no summary", extra={"kind": summary.reason})
    return summary.text.strip() if generated else ""


def _model_facts(tracker: Tracker) -> dict[str, str]:
    """What the customer said of the matter, and what was tried; nothing from the shop's data."""
    said = {"return_reason": "reason given", "wish": "wish", "category": "looking for", "budget": "budget"}
    facts = {
        words: without_personal_data(str(tracker.get_slot(slot)))
        for slot, words in said.items()
        if tracker.get_slot(slot)
    }
    return {**facts, "tried": tried(tracker)}


def last_topic(tracker: Tracker) -> str:
    """The form that ran last before the handoff, or `general`."""
    for event in reversed(tracker.events):
        name = event.get("name") if event.get("event") == "active_loop" else None
        if name and name != HANDOFF_FORM:
            return str(name).removesuffix("_form")
    return "general"


def tried(tracker: Tracker) -> str:
    """What was begun in this conversation, in words."""
    names = [name for name in forms_run(tracker.events) if name != HANDOFF_FORM]
    return ", ".join(name.removesuffix("_form").replace("_", " ") for name in names) or "nothing yet"


def known(tracker: Tracker, principal: Principal | None) -> list[str]:
    """Who the customer is, what was tried, what was said of the matter: complete and the same every time."""
    lines = ["Customer verified: " + ("yes" if principal else "no"), f"Tried: {tried(tracker)}"]
    return lines + [f"{words}: {tracker.get_slot(slot)}" for slot, words in _TOLD.items() if tracker.get_slot(slot)]


def summarise(tracker: Tracker, principal: Principal | None) -> str:
    """The summary without a model: what is known, the customer's first message, and the last ones."""
    lines = known(tracker, principal)
    said = [text for who, text in spoken(tracker) if who == "Customer"]
    if said:
        lines.append(f"First message: {said[0]}")
        lines.append("Last messages: " + " / ".join(said[-LAST_SENTENCES:]))
    return "\n".join(lines)


def transcript(tracker: Tracker) -> str:
    """The last messages of both sides, one a line."""
    return "\n".join(f"{who}: {text}" for who, text in spoken(tracker)[-TRANSCRIPT_MESSAGES:])


def spoken(tracker: Tracker) -> list[tuple[str, str]]:
    """What both sides said; codes are left out, pressed buttons shown by their intent, images by their ids."""
    names = {"user": "Customer", "assistant": "Assistant"}
    return [(names[said.role], said.text[:LONGEST_LINE] + _images(said)) for said in utterances(tracker.events)]


def _images(said: Utterance) -> str:
    """The files that came with a customer's message; the channel alone writes this metadata."""
    names = (said.event.get("metadata") or {}).get("images") if said.role == "user" else None
    return f" [images: {', '.join(names)}]" if names else ""
