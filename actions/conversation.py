"""Turns about the conversation itself: repeat, start over, never mind, "which did you mean?", ratings."""

from __future__ import annotations

import json
import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import ActiveLoop, AllSlotsReset, EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.asides import answer_from_knowledge
from actions.base import REQUESTED_SLOT, SafeAction
from actions.flow import END_SLOT, FlowCompletion, FlowState, FlowValidation, Step
from actions.knowledge import suggested
from actions.parts import FORM_OF_INTENT
from actions.services import services
from actions.turn import Turn
from actions.wishes import offer_next
from knowledge_base import outcomes
from knowledge_base.principal import Principal


class ActionRepeat(SafeAction):
    """Says again what was said last."""

    def name(self) -> str:
        return "action_repeat"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        last: list[dict[str, Any]] = []
        users_seen = 0
        for event in reversed(tracker.events):
            if event.get("event") == "user":
                users_seen += 1
                if users_seen > 1:
                    break
            elif event.get("event") == "bot" and users_seen:
                last.append(event)
        if not last:
            dispatcher.utter_message(response="utter_nothing_to_repeat")
        for event in reversed(last):
            data = event.get("data") or {}
            dispatcher.utter_message(
                text=event.get("text"), buttons=data.get("buttons"), json_message=data.get("custom") or None
            )
        return []


class ActionStopFlow(SafeAction):
    """Never mind: ends what was going on and forgets its details, not who the customer is."""

    def name(self) -> str:
        return "action_stop_flow"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        form = tracker.active_loop.get("name")
        if not form and "cancel" in Turn.of(tracker).text.lower() and _order_just_shown(tracker):
            return [FollowupAction("cancel_order_form")]  # "cancel it" after an order was shown; the form asks first
        dispatcher.utter_message(response="utter_flow_stopped" if form else "utter_nothing_to_stop")
        if not form:
            return []
        here = services()
        await here.in_transaction(
            lambda session: outcomes.record(
                session, tracker.sender_id, "flow_abandoned", str(form).removesuffix("_form"), here.clock()
            )
        )
        tidy = [
            SlotSet(slot, None)
            for slot in ("confirm", "summary", "order_items", "returnable", "return_reason", "replacement", "wish",
                         "address", END_SLOT)
        ]  # fmt: skip
        return [*tidy, *offer_next(dispatcher, tracker)]


def _order_just_shown(tracker: Tracker) -> bool:
    """Whether the turn before this one showed an order."""
    users_seen = 0
    for event in reversed(tracker.events):
        users_seen += event.get("event") == "user"
        if event.get("event") == "action" and event.get("name") == "action_track_order":
            return users_seen == 1
    return False


class ActionStartOver(SafeAction):
    """Forgets every detail and greets again; the verification in the database keeps its own expiry."""

    def name(self) -> str:
        return "action_start_over"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        dispatcher.utter_message(response="utter_started_over")
        return [AllSlotsReset(), ActiveLoop(None), SlotSet(REQUESTED_SLOT, None)]


class ActionClarify(SafeAction):
    """Two intents were too close to call: asks which, with a button for each and one for a person."""

    def name(self) -> str:
        return "action_clarify"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        buttons = suggested(Turn.of(tracker), domain)
        if len(buttons) < 3:  # two meanings and a person
            await answer_from_knowledge(dispatcher, Turn.of(tracker), tracker.sender_id, services())
            return []
        dispatcher.utter_message(response="utter_clarify", buttons=buttons)
        return []


class ActionOutOfScope(SafeAction):
    """A turn that is rude, nonsense or not for this shop: the response of its topic."""

    def name(self) -> str:
        return "action_out_of_scope"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        dispatcher.utter_message(response=f"utter_out_of_scope_{Turn.of(tracker).topic}")
        return []


class ActionNote(SafeAction):
    """A detail without a request: an order number is kept for what comes next, a product is described."""

    def name(self) -> str:
        return "action_note"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker)
        number = turn.order_number()
        if number:
            dispatcher.utter_message(response="utter_noted_order", number=number)
            return [SlotSet("order_number", number)]
        if turn.spans("product"):
            return [FollowupAction("product_form")]
        if turn.is_question and not turn.entities:
            await answer_from_knowledge(dispatcher, turn, tracker.sender_id, services())  # no detail after all
        else:
            dispatcher.utter_message(response="utter_noted")
        return []


class ActionTakeOffer(SafeAction):
    """A yes or no outside any form: answers the offer in the bot's last message, if there was one."""

    def name(self) -> str:
        return "action_take_offer"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker)
        intent, number = _offered(tracker)
        form = FORM_OF_INTENT.get(intent)
        if turn.intent == "affirm" and form:
            return [*([SlotSet("order_number", number)] if number else []), FollowupAction(form)]
        if turn.intent == "deny" and (next_offer := offer_next(dispatcher, tracker)):
            return next_offer
        dispatcher.utter_message(response="utter_anything_else" if turn.intent == "deny" else "utter_yes_to_what")
        return []


def _offered(tracker: Tracker) -> tuple[str, str | None]:
    """The intent that a yes would mean, and the order that it is about: of the first button of a yes-or-no question.

    Empty where the bot's last message was none.
    """
    users_seen = 0
    for event in reversed(tracker.events):
        users_seen += event.get("event") == "user"
        if event.get("event") == "bot" and users_seen == 1:
            buttons = (event.get("data") or {}).get("buttons") or []
            asks = (event.get("text") or "").rstrip().endswith("?") and 1 <= len(buttons) <= 2
            intent, brace, details = str(buttons[0].get("payload", "") if asks else "").lstrip("/").partition("{")
            return intent, json.loads(brace + details).get("order_number") if brace else None
    return "", None


_SCORE = re.compile(r"(?<![\d.])([1-5])(?!\d|\.\d)")


class Score(Step):
    """One to five."""

    slot = "rating"
    _WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        said = next(iter(turn.values("quantity")), "") if turn.is_button else turn.text.lower()
        if (number := _SCORE.search(said)) is not None:
            return int(number[1])
        return next((score for word, score in self._WORDS.items() if re.search(rf"\b{word}\b", said)), None)

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        return None


class ValidateRating(FlowValidation):
    form = "rating_form"
    steps = (Score(),)
    own_intents = frozenset({"rate_service", "inform"})
    fresh_slots = ("rating",)


class ActionRate(FlowCompletion):
    used_slots = ("rating",)

    def name(self) -> str:
        return "action_rate"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here, score = services(), int(tracker.get_slot("rating"))
        await here.in_transaction(lambda session: outcomes.rate(session, tracker.sender_id, score, None, here.clock()))
        dispatcher.utter_message(response="utter_rated_well" if score >= 4 else "utter_rated_badly")
        return []
