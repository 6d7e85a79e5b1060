"""Several wishes in one message: short answers first, then one dialogue; other dialogues are offered after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.asides import ASIDE_INTENTS, answer_aside, answer_from_knowledge
from actions.base import SafeAction
from actions.parts import FORM_OF_INTENT, form_of
from actions.services import Services, services
from actions.turn import Turn
from actions.wording import phrase

OTHER_WISHES_SLOT = "other_wishes"
# Who asks for more at once is better served by a person; an offer after each of many would never end.
MOST_REMEMBERED = 5

Wish = dict[str, Any]


async def answer(dispatcher: CollectingDispatcher, tracker: Tracker, turn: Turn, here: Services) -> None:
    """Answers one part of a message without starting a dialogue."""
    if turn.intent in ASIDE_INTENTS:
        await answer_aside(dispatcher, tracker, turn, here)
    else:
        await answer_from_knowledge(dispatcher, turn, tracker.sender_id, here)


async def serve_others(
    dispatcher: CollectingDispatcher, tracker: Tracker, turn: Turn, here: Services, but: frozenset[str] = frozenset()
) -> list[Wish]:
    """Answers the other parts of a message; those that need a dialogue of their own are returned to be remembered.

    Args:
        but: intents of the dialogue that runs or starts anyway; a second request for it is remembered only if it is
            about another order.
    """
    remembered: list[Wish] = []
    for other in turn.others:
        if other.intent not in FORM_OF_INTENT:
            await answer(dispatcher, tracker, other, here)
        elif other.intent not in but or other.order_number() not in (None, turn.order_number()):
            remembered.append(as_wish(other))
    return remembered


def as_wish(turn: Turn) -> Wish:
    """What is kept of a request for later: its intent, and the details that it names."""
    details = {str(item["entity"]): str(item["value"]) for item in turn.entities if item.get("value")}
    number = turn.order_number()
    return {"intent": turn.intent, "details": {**details, "order_number": number} if number else details}


def remembered_events(tracker: Tracker, new: Sequence[Wish]) -> list[EventType]:
    """Keeps requests for later, after those that wait already."""
    waiting = tracker.get_slot(OTHER_WISHES_SLOT) or []
    kept = [*waiting, *(wish for wish in new if wish not in waiting)][:MOST_REMEMBERED]
    return [SlotSet(OTHER_WISHES_SLOT, kept)] if new else []


def offer_next(dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
    """Offers the next request that waits, if there is one."""
    waiting: list[Wish] = tracker.get_slot(OTHER_WISHES_SLOT) or []
    if not waiting:
        return []
    wish, *rest = waiting
    number = wish["details"].get("order_number")
    details = json.dumps(wish["details"]) if wish["details"] else ""
    dispatcher.utter_message(
        response="utter_offer_other_wish",
        what=phrase(f"flow_{form_of(wish['intent'])}"),
        order=phrase("about_order", number=number) if number else "",
        buttons=[
            {"title": phrase("button_go_on"), "payload": f"/{wish['intent']}{details}"},
            {"title": phrase("button_enough"), "payload": "/deny"},
        ],
    )
    return [SlotSet(OTHER_WISHES_SLOT, rest or None)]


class ActionAnswerParts(SafeAction):
    """A message with several wishes: the short answers first, then the dialogue, so that its question stands last."""

    def name(self) -> str:
        return "action_answer_parts"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn, here = Turn.of(tracker), services()
        form = form_of(turn.intent)
        if form is None:
            await answer(dispatcher, tracker, turn, here)
        remembered = await serve_others(dispatcher, tracker, turn, here, frozenset({turn.intent}))
        # A form that was running asks its question again.
        following = form or tracker.active_loop.get("name")
        return [*remembered_events(tracker, remembered), *([FollowupAction(following)] if following else [])]
