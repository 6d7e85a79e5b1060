"""Forms as flows: one engine for validation, corrections, digressions, help and giving up.

A Rasa form asks; the `validate_<form>` action of this module decides what an answer means. A flow lists its steps;
a step reads a value from a message and checks it. For each message the engine

1. serves the other wishes in it, if there are several (`wishes.py`), and goes on with its own part;
2. lets another rule have it: a new request, "never mind", a person, an open question (the form is rejected, Rasa runs
   the matching rule); a short question on the side it answers itself and asks its own again;
3. takes new or corrected details for any step from the entities ("no, 1043" while asked for the email);
4. takes the answer to the step that was asked for;
5. counts an answer that it could not use: a hint, then help, then a person.

No slot is filled by Rasa itself (all mappings are `custom`), so nothing that a customer types, `/intent{...}` included,
gets past the checks here. Who the customer is comes from the database in every run.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.asides import ASIDE_INTENTS, answer_aside, answer_from_knowledge
from actions.base import REQUESTED_SLOT, SafeAction
from actions.services import Services, services
from actions.turn import CLARIFY_INTENT, OPEN_QUESTION_INTENT, OUT_OF_SCOPE_INTENT, PERSON_INTENT, Turn
from actions.wishes import offer_next, remembered_events, serve_others
from actions.wording import phrase
from knowledge_base import identity
from knowledge_base.principal import Principal

ATTEMPTS_SLOT = "invalid_attempts"
END_SLOT = "flow_end"
INTERRUPTED_SLOT = "interrupted_form"
HELP_AT = 2  # unusable answers after which the question is explained
PERSON_AT = 3  # unusable answers after which a person takes over

# How a flow can end other than by being complete; the completing action reads it.
TO_PERSON = "person"
REFUSED = "refused"

# Intents that start another flow.
FLOW_INTENTS = frozenset(
    {
        "track_order", "list_orders", "cancel_order", "change_address", "missing_parcel", "return_item",
        "exchange_item", "damaged_item", "refund_status", "find_product", "compare_products", "rate_service",
    }
)  # fmt: skip
# What starts a flow again that was left for another one; its name in a sentence is in phrases.yml.
RESUMED_BY = {
    "cancel_order_form": "/cancel_order",
    "change_address_form": "/change_address",
    "missing_parcel_form": "/missing_parcel",
    "return_form": "/return_item",
    "exchange_form": "/exchange_item",
    "damage_form": "/damaged_item",
    "product_finder_form": "/find_product",
    "compare_form": "/compare_products",
}
LEAVING_INTENTS = frozenset({"cancel_flow", "start_over", "goodbye"})
# Below this a request or an aside in the middle of a flow is taken for an answer to the question.
SURE = 0.55
VERY_SURE = 0.8
# A customer who abandons or changes the subject in an answer of free words does so in few of them.
SHORT_MESSAGE_WORDS = 7
_STOP_WORDS = re.compile(
    r"\b(never ?mind|forget|stop|cancel|quit|abort|leave it|start (over|again)|bye|goodbye)\b", re.I
)
# "why?" and "which one?" are about our question, not questions for the knowledge base.
SHORT_QUESTION_WORDS = 2


@dataclass(frozen=True)
class Rejected:
    """A value that can't be used, and the response that says why."""

    response: str
    values: Mapping[str, Any] = field(default_factory=dict)
    # Whether a third one in a row hands over to a person; a wrong code has a limit of its own.
    to_person: bool = True


@dataclass
class FlowState:
    """Slots as they stand, what changed, who the customer is, and what is to be said."""

    services: Services
    sender: str
    slots: dict[str, Any]
    principal: Principal | None
    dispatcher: CollectingDispatcher
    # The slot that was asked for.
    asked: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    def get(self, slot: str) -> Any:
        return self.slots.get(slot)

    def set(self, slot: str, value: Any) -> None:
        self.slots[slot] = value
        self.changes[slot] = value

    def say(self, response: str, **values: Any) -> None:
        self.dispatcher.utter_message(response=response, **values)

    def end(self, how: str, response: str | None = None, **values: Any) -> None:
        """Ends the flow before it is complete; the response, if any, goes out at once."""
        if response:
            self.say(response, **values)
        self.set(END_SLOT, how)

    @property
    def ended(self) -> bool:
        return bool(self.get(END_SLOT))


class Step(ABC):
    """One detail that a flow needs."""

    slot: ClassVar[str]
    # An answer in free words: almost anything said is an answer.
    free_text: ClassVar[bool] = False
    # Any text is looked up as an answer (a product's name), so that only the intent tells a change of subject.
    any_words: ClassVar[bool] = False
    # A detail in the same message counts for more than the answer: "no, 1043" is a correction, not a no.
    yields_to_details: ClassVar[bool] = False

    def needed(self, state: FlowState) -> bool:
        return state.get(self.slot) is None

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        """A value said in passing, whatever was asked; None where there is none."""
        return None

    @abstractmethod
    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        """The value in an answer to this step's question, a `Rejected`, or None where there is none."""

    async def check(self, value: Any, state: FlowState) -> Any:
        """The value to keep, or a `Rejected`."""
        return value

    def changed(self, state: FlowState) -> None:  # noqa: B027 (most steps have nothing to drop)
        """Called after a value of this step was replaced: drop what depended on it."""


def answers(asked: Step, turn: Turn, state: FlowState) -> bool:
    """Whether the message holds a usable answer to the step."""
    answer = asked.from_answer(turn, state)
    return answer is not None and not isinstance(answer, Rejected)


class FlowValidation(SafeAction):
    """`validate_<form>`: subclasses name the form, its steps and what belongs to it."""

    # Intents that this flow is about: they never count as a change of subject.
    own_intents: ClassVar[frozenset[str]]
    # Slots emptied when the flow starts, so that nothing of an earlier one (a "yes" above all) is left.
    fresh_slots: ClassVar[tuple[str, ...]] = ()
    # Whether a flow that this one interrupted is offered again when this one is done.
    comes_back: ClassVar[bool] = True

    # Abstract, so that the SDK registers only the flows that set them (as plain class attributes).
    @property
    @abstractmethod
    def form(self) -> str:
        """Name of the form in domain.yml."""

    @property
    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """What the flow needs, in the order in which it is asked for."""

    def name(self) -> str:
        return f"validate_{self.form}"

    async def prepare(self, state: FlowState) -> None:
        """Looks up what the next question needs, or ends the flow; called after every change of slots."""

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        turn = Turn.of(tracker)
        here = services()
        principal = await here.read(lambda session: identity.principal_for(session, tracker.sender_id, here.clock()))
        waiting: list[EventType] = []
        state = FlowState(
            here, tracker.sender_id, dict(tracker.slots), principal, dispatcher, tracker.get_slot(REQUESTED_SLOT)
        )
        if turn.activated(self.form):
            await self._begin(turn, state)
        elif not turn.answered_elsewhere(self.form):
            asked = self._step(tracker.get_slot(REQUESTED_SLOT))
            if asked is None or self._leaves(turn, asked, state):
                return self._next(state)  # no slot set: Rasa rejects the form and runs the rule for this intent
            waiting = remembered_events(
                tracker, await serve_others(dispatcher, tracker, turn, here, but=self.own_intents)
            )
            if self._is_out_of_scope(turn, asked, state):
                state.say(f"utter_out_of_scope_{turn.topic}_in_form")
                self._ask_again(state)
            elif self._is_aside(turn, asked, state):
                await answer_aside(dispatcher, tracker, turn, here)
                self._ask_again(state)
            elif not await self._take(turn, asked, state, tracker) and not turn.others:
                return self._next(state)
        if not state.ended:
            await self.prepare(state)
        return [*(SlotSet(slot, value) for slot, value in state.changes.items()), *waiting, *self._next(state)]

    async def _begin(self, turn: Turn, state: FlowState) -> None:
        for slot in (*self.fresh_slots, END_SLOT):
            state.set(slot, None)
        state.set(ATTEMPTS_SLOT, 0)
        state.set(INTERRUPTED_SLOT, turn.interrupted_form(self.form) if self.comes_back else None)
        # Rasa checks what is in the slots already; a kept order number is checked like a new one.
        for step in self.steps:
            value = step.from_entities(turn, state) if turn.intent in self.own_intents else None
            if value is None:
                value = state.get(step.slot) if step.slot not in self.fresh_slots else None
            if value is not None and not isinstance(value, Rejected) and not state.ended:
                await self._keep(step, value, state)

    def _sure(self, turn: Turn) -> bool:
        """Whether the intent is clear enough to be more than an answer, and not what this flow is about anyway."""
        return (turn.is_button or turn.confidence >= SURE) and turn.intent not in self.own_intents

    def _leaves(self, turn: Turn, asked: Step, state: FlowState) -> bool:
        """Whether this message is for another rule than this form."""
        if turn.others and not turn.is_answer and turn.intent not in self.own_intents:
            return True  # several wishes, and none is about this flow
        if not self._sure(turn):
            return False
        if turn.intent == PERSON_INTENT:
            # "A replacement" may sound like asking for somebody else; in answer to our question it is what it says.
            return turn.is_button or asked.free_text or asked.any_words or not answers(asked, turn, state)
        if turn.intent in LEAVING_INTENTS:
            # "It doesn't matter" is an answer to some questions; "never mind" to none.
            if answers(asked, turn, state) and not _STOP_WORDS.search(turn.text):
                return False
            return not asked.free_text or turn.words <= SHORT_MESSAGE_WORDS
        if turn.intent in FLOW_INTENTS:
            if asked.any_words:
                return turn.is_button or turn.confidence >= VERY_SURE
            if asked.free_text:
                # Free words may be about anything; only a clear request of more than a word or two is one.
                request = turn.confidence >= VERY_SURE and turn.words > SHORT_QUESTION_WORDS
                return turn.is_button or (request and asked.from_entities(turn, state) is None)
            return turn.is_button or not answers(asked, turn, state)
        return False

    def _is_aside(self, turn: Turn, asked: Step, state: FlowState) -> bool:
        """Whether this message asks something on the side."""
        if not self._sure(turn) or turn.intent not in ASIDE_INTENTS:
            return False
        if asked.free_text:
            return turn.is_question or turn.is_button
        if asked.any_words:
            named = asked.from_entities(turn, state) is not None
            return not named and (turn.is_question or turn.is_button or turn.confidence >= VERY_SURE)
        return not answers(asked, turn, state)

    @staticmethod
    def _is_out_of_scope(turn: Turn, asked: Step, state: FlowState) -> bool:
        """Whether this message is rude, nonsense or other people's business, and no answer that the question allows."""
        if turn.intent != OUT_OF_SCOPE_INTENT or asked.from_entities(turn, state) is not None:
            return False
        return asked.free_text or asked.any_words or not answers(asked, turn, state)

    @staticmethod
    def _ask_again(state: FlowState) -> None:
        """A slot set to what it is: Rasa takes the form for served and asks its question again."""
        state.set(ATTEMPTS_SLOT, state.get(ATTEMPTS_SLOT) or 0)

    async def _take(self, turn: Turn, asked: Step, state: FlowState, tracker: Tracker) -> bool:
        """Uses the message; False when it is an open question that the knowledge base should answer."""
        corrected = await self._take_details(turn, asked, state)
        if state.ended or corrected is None:
            return True
        if asked.slot in corrected or (corrected and asked.yields_to_details):
            return True
        question = turn.is_question and turn.words > SHORT_QUESTION_WORDS
        # Where any words are an answer, a question still is one.
        wordy = asked.free_text or (asked.any_words and asked.from_entities(turn, state) is None)
        answer = None if question and wordy else asked.from_answer(turn, state)
        if answer is None and corrected:
            return True
        if answer is None and question:
            if turn.intent in {OPEN_QUESTION_INTENT, CLARIFY_INTENT}:
                return False
            if turn.intent in ASIDE_INTENTS:
                await answer_aside(state.dispatcher, tracker, turn, state.services)
            else:
                await answer_from_knowledge(state.dispatcher, turn, state.sender, state.services)
            self._ask_again(state)
            return True
        if answer is None and (turn.intent == "repeat_last" or turn.intent in self.own_intents - {"inform"}):
            self._ask_again(state)  # wants the question once more, or says once more what the flow is about
            return True
        if answer is None:
            answer = Rejected(f"utter_invalid_{asked.slot}")
        if isinstance(answer, Rejected):
            self._count(asked, answer, state)
        else:
            if await self._keep(asked, answer, state):
                asked.changed(state)
        return True

    async def _take_details(self, turn: Turn, asked: Step, state: FlowState) -> list[str] | None:
        """Takes what was said in passing or corrected; the slots it set, or None after a value that was refused."""
        taken: list[str] = []
        for step in self.steps:
            if step is asked and step.free_text:
                continue  # the whole message is the answer, not what the entities caught of it
            value = step.from_entities(turn, state)
            if value is None or isinstance(value, Rejected) or value == state.get(step.slot):
                continue
            correction = state.get(step.slot) is not None
            before = state.get(step.slot)
            if not await self._keep(step, value, state):
                state.set(step.slot, before)  # a correction that can't be used leaves what was there
                return None
            taken.append(step.slot)
            step.changed(state)
            if correction:
                state.say("utter_corrected")
        return taken

    async def _keep(self, step: Step, value: Any, state: FlowState) -> bool:
        checked = await step.check(value, state)
        if isinstance(checked, Rejected):
            state.set(step.slot, None)
            self._count(step, checked, state)
            return False
        state.set(step.slot, checked)
        state.set(ATTEMPTS_SLOT, 0)
        return True

    @staticmethod
    def _count(step: Step, rejected: Rejected, state: FlowState) -> None:
        """A hint for the first unusable answer, help after the second, a person after the third."""
        attempts = int(state.get(ATTEMPTS_SLOT) or 0) + 1
        state.set(ATTEMPTS_SLOT, attempts)
        if attempts >= PERSON_AT and rejected.to_person:
            state.end(TO_PERSON, "utter_giving_up")
            return
        state.say(rejected.response, **rejected.values)
        if attempts >= HELP_AT:
            state.say(f"utter_help_{step.slot}")

    def _step(self, slot: str | None) -> Step | None:
        return next((step for step in self.steps if step.slot == slot), None)

    def _next(self, state: FlowState) -> list[EventType]:
        missing = None if state.ended else next((step.slot for step in self.steps if step.needed(state)), None)
        return [SlotSet(REQUESTED_SLOT, missing)]


class FlowCompletion(SafeAction):
    """The action after a form: does the work if the flow is complete, and tidies up in any case."""

    # Slots that belong to one run of the flow.
    used_slots: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        """Does what the flow is for."""

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        end = tracker.get_slot(END_SLOT)
        tidy: list[EventType] = [SlotSet(slot, None) for slot in (*self.used_slots, END_SLOT)]
        tidy.append(SlotSet(ATTEMPTS_SLOT, 0))
        if end == TO_PERSON:
            return [*tidy, FollowupAction("handoff_form")]
        if end == REFUSED:
            return [*tidy, *offer_next(dispatcher, tracker)]
        here = services()
        principal = await here.read(lambda session: identity.principal_for(session, tracker.sender_id, here.clock()))
        events = await self.complete(dispatcher, tracker, principal)
        interrupted = tracker.get_slot(INTERRUPTED_SLOT)
        if interrupted in RESUMED_BY:
            buttons = [
                {"title": phrase("button_go_on"), "payload": RESUMED_BY[interrupted]},
                {"title": phrase("button_enough"), "payload": "/deny"},
            ]
            dispatcher.utter_message(response="utter_offer_resume", what=phrase(f"flow_{interrupted}"), buttons=buttons)
        offered = [] if interrupted in RESUMED_BY else offer_next(dispatcher, tracker)
        return [*events, *tidy, SlotSet(INTERRUPTED_SLOT, None), *offered]
