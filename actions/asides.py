"""Questions on the side, asked in the middle of a flow and answered without leaving it."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.catalogue import TOPICS, describe, match
from actions.knowledge import look_up
from actions.services import Services
from actions.turn import Turn
from knowledge_base import catalog
from knowledge_base.catalog import ProductView

ASIDE_INTENTS = frozenset(
    {
        "ask_capabilities", "bot_challenge", "ask_delivery", "return_policy", "ask_warranty", "payment_methods",
        "payment_failed", "request_invoice", "ask_voucher", "reset_password", "change_email", "delete_account",
        "newsletter", "opening_hours", "find_store", "chitchat", "complaint", "ask_price", "ask_availability",
        "product_details", "greet", "thank",
    }
)  # fmt: skip


async def answer_aside(dispatcher: CollectingDispatcher, tracker: Tracker, turn: Turn, here: Services) -> None:
    """Says what the rule for this intent would say outside a flow."""
    if turn.intent in TOPICS:
        product = await meant_product(turn, tracker.get_slot("product"), here)
        if product is not None:
            await describe(dispatcher, product, TOPICS[turn.intent], turn.text, here)
        else:
            general = turn.intent == "ask_warranty"
            dispatcher.utter_message(response="utter_ask_warranty" if general else "utter_product_later")
    elif turn.intent == "chitchat":
        dispatcher.utter_message(response=small_talk(tracker))
    else:
        dispatcher.utter_message(response=f"utter_{turn.intent}")


async def meant_product(turn: Turn, sku: str | None, here: Services) -> ProductView | None:
    """The product that a message names, or the one of the turns before (`sku`) that it points back to."""
    if named := turn.spans("product"):
        return await match(named[0], here)
    if sku is None or not turn.points_back:
        return None
    return await here.read(lambda session: catalog.get_product(session, sku))


def small_talk(tracker: Tracker) -> str:
    """The response that the reply selector chose for a chit-chat message."""
    selected = (tracker.latest_message or {}).get("response_selector") or {}
    chosen = (selected.get("chitchat") or {}).get("response") or {}
    return chosen.get("utter_action") or "utter_chitchat/how_are_you"


async def answer_from_knowledge(dispatcher: CollectingDispatcher, turn: Turn, sender: str, here: Services) -> None:
    """Says what the knowledge base knows about a question, or that it doesn't, in the words of an open turn."""
    passages = await look_up(turn.text, sender, here)
    dispatcher.utter_message(response="utter_open_answer", passages=passages, suggestions=[], question=turn.text)
