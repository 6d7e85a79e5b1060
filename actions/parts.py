"""Messages with several wishes, as `rasa_addons.parts` writes them: which part leads, and which are others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What an intent starts; a yes to its offer starts the same.
FORM_OF_INTENT = {
    "talk_to_person": "handoff_form",
    "track_order": "track_order_form",
    "list_orders": "list_orders_form",
    "cancel_order": "cancel_order_form",
    "change_address": "change_address_form",
    "missing_parcel": "missing_parcel_form",
    "return_item": "return_form",
    "exchange_item": "exchange_form",
    "damaged_item": "damage_form",
    "refund_status": "refund_form",
    "find_product": "product_finder_form",
    "compare_products": "compare_form",
    "rate_service": "rating_form",
}
# These ask only for what may have been said already; a message that has nothing else to ask for starts it.
PRODUCT_FORM = "product_form"
PRODUCT_INTENTS = frozenset({"ask_price", "ask_availability", "product_details"})
ANSWER = "answer"

Part = Mapping[str, Any]


def intent_of(part: Part) -> str:
    """Name of a part's intent."""
    return str((part.get("intent") or {}).get("name") or "")


def form_of(intent: str) -> str | None:
    """The form that an intent starts, if any."""
    return PRODUCT_FORM if intent in PRODUCT_INTENTS else FORM_OF_INTENT.get(intent)


def divided(message: Part) -> tuple[Part, Sequence[Part]]:
    """What leads in a message, and its other parts in their order; a message that is one leads by itself.

    The answer to a running form leads, else the first part that starts a dialogue: its question is to stand last in the
    turn, where it can be answered. Where all parts have short answers, the first leads.
    """
    parts: Sequence[Part] = message.get("parts") or ()
    if not parts:
        return message, ()
    lead = (
        next((part for part in parts if part.get("role") == ANSWER), None)
        or next((part for part in parts if intent_of(part) in FORM_OF_INTENT), None)
        or next((part for part in parts if form_of(intent_of(part))), None)
        or parts[0]
    )
    return lead, [part for part in parts if part is not lead]
