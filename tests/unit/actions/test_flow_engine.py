"""The engine under all forms, on a small flow of its own: starts, corrections, digressions, help, giving up."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from actions.confirmation import Confirmation
from actions.flow import END_SLOT, TO_PERSON, FlowState, FlowValidation, Rejected, Step
from actions.turn import Turn
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation, Reply

FORM = "parcel_form"


class Size(Step):
    """A size in letters."""

    slot = "size"
    known = ("small", "large")

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        return next((word for word in turn.text.lower().strip(".!?").split() if word in (*self.known, "huge")), None)

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        return self.from_entities(turn, state)

    async def check(self, value: Any, state: FlowState) -> Any:
        return value if value in self.known else Rejected("utter_invalid_size", {"size": value})

    def changed(self, state: FlowState) -> None:
        state.set("note", None)


class Note(Step):
    """Free words."""

    slot = "note"
    free_text = True

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        return None if turn.is_button else turn.text


class ParcelFlow(FlowValidation):
    """Three steps: one of a list, one in free words, a yes."""

    form: ClassVar[str] = FORM  # type: ignore[assignment]
    steps: ClassVar[tuple[Step, ...]] = (Size(), Note(), Confirmation())  # type: ignore[assignment]
    own_intents = frozenset({"send_parcel", "inform"})
    fresh_slots = ("confirm", "note")


# The SDK registers every subclass of Action that is not abstract; this one is only for these tests.
FLOW = ParcelFlow()


def asked(slot: str, **slots: Any) -> Conversation:
    return Conversation().asks(slot, FORM).set(invalid_attempts=0, **slots)


def rejected(reply: Reply) -> bool:
    """Whether Rasa lets another rule have the message: nothing said, no slot but the question's own."""
    return reply.messages == [] and set(reply.set_slots) == {"requested_slot"}


async def test_starting_clears_what_is_fresh_and_keeps_the_rest(shop: Shop) -> None:
    talk = Conversation().set(confirm=True, note="old", size="small", invalid_attempts=2, flow_end="person")

    reply = await talk.user("send a parcel", "send_parcel").starts(FORM).run(FLOW)

    assert (talk.slots["confirm"], talk.slots["note"], talk.slots["size"]) == (None, None, "small")
    assert (talk.slots["invalid_attempts"], talk.slots[END_SLOT]) == (0, None)
    assert reply.set_slots["requested_slot"] == "note"


async def test_a_kept_slot_is_checked_again(shop: Shop) -> None:
    talk = Conversation().set(size="huge")

    reply = await talk.user("send a parcel", "send_parcel").starts(FORM).run(FLOW)

    assert reply.responses == ["utter_invalid_size"]
    assert (talk.slots["size"], talk.slots["requested_slot"]) == (None, "size")


async def test_the_first_message_may_bring_details(shop: Shop) -> None:
    reply = await Conversation().user("send a large parcel", "send_parcel").starts(FORM).run(FLOW)

    assert (reply.set_slots["size"], reply.set_slots["requested_slot"]) == ("large", "note")


async def test_the_form_that_was_left_for_this_one_is_kept_in_mind(shop: Shop) -> None:
    talk = Conversation().asks("order_number", "return_form").user("send a parcel", "send_parcel").starts(FORM)

    assert (await talk.run(FLOW)).set_slots["interrupted_form"] == "return_form"


async def test_an_answer_fills_its_slot_and_the_next_is_asked_for(shop: Shop) -> None:
    reply = await asked("size").answers(FLOW, "small")

    assert (reply.set_slots["size"], reply.set_slots["requested_slot"], reply.responses) == ("small", "note", [])


async def test_a_complete_flow_asks_nothing_more(shop: Shop) -> None:
    reply = await asked("confirm", size="small", note="fragile").answers(FLOW, "yes", "affirm")

    assert (reply.set_slots["confirm"], reply.set_slots["requested_slot"]) == (True, None)


async def test_a_correction_in_the_middle_drops_what_depended_on_it(shop: Shop) -> None:
    talk = asked("confirm", size="small", note="fragile")

    reply = await talk.answers(FLOW, "no, large", "deny")

    assert reply.responses == ["utter_corrected"]
    assert (talk.slots["size"], talk.slots["note"], talk.slots.get("confirm")) == ("large", None, None)
    assert talk.slots["requested_slot"] == "note"


async def test_a_correction_that_is_refused_is_not_taken_for_the_answer(shop: Shop) -> None:
    talk = asked("confirm", size="small", note="fragile")

    reply = await talk.answers(FLOW, "yes, huge", "affirm")

    assert reply.responses == ["utter_invalid_size"]
    assert talk.slots.get("confirm") is None


async def test_the_same_detail_again_is_no_correction(shop: Shop) -> None:
    talk = asked("confirm", size="small", note="fragile")

    reply = await talk.answers(FLOW, "yes, small", "affirm")

    assert "utter_corrected" not in reply.responses
    assert talk.slots["note"] == "fragile"


async def test_a_yes_of_an_earlier_turn_never_counts(shop: Shop) -> None:
    talk = Conversation().set(confirm=True, size="small", note="x")
    talk.user("yes", "affirm").user("send a parcel", "send_parcel").starts(FORM)

    await talk.run(FLOW)
    reply = await talk.answers(FLOW, "fragile")

    assert talk.slots["confirm"] is None
    assert reply.set_slots["requested_slot"] == "confirm"


@pytest.mark.parametrize("intent", ["track_order", "cancel_flow", "start_over", "goodbye", "talk_to_person"])
async def test_a_request_for_something_else_leaves_the_form(shop: Shop, intent: str) -> None:
    assert rejected(await asked("size").answers(FLOW, "something else", intent))


@pytest.mark.parametrize("intent", ["track_order", "cancel_flow", "talk_to_person"])
async def test_an_unsure_request_is_no_reason_to_leave(shop: Shop, intent: str) -> None:
    reply = await asked("size").answers(FLOW, "something else", intent, confidence=0.5)

    assert reply.responses == ["utter_invalid_size"]


async def test_an_answer_in_free_words_is_an_answer_whatever_it_resembles(shop: Shop) -> None:
    talk = asked("note", size="small")

    await talk.answers(FLOW, "tell the driver never mind the dog and leave it", "cancel_flow")

    assert talk.slots["note"] == "tell the driver never mind the dog and leave it"


@pytest.mark.parametrize(("text", "intent"), [("never mind", "cancel_flow"), ("a person please", "talk_to_person")])
async def test_free_words_can_be_left_in_few_words(shop: Shop, text: str, intent: str) -> None:
    assert rejected(await asked("note", size="small").answers(FLOW, text, intent))


async def test_a_pressed_button_of_another_flow_leaves_free_words_too(shop: Shop) -> None:
    talk = asked("note", size="small").button("/track_order", "track_order")

    assert rejected(await talk.run(FLOW))


async def test_a_request_that_holds_the_answer_is_the_answer(shop: Shop) -> None:
    reply = await asked("size").answers(FLOW, "where is the small one", "track_order")

    assert reply.set_slots["size"] == "small"


async def test_a_question_on_the_side_is_answered_and_ours_asked_again(shop: Shop) -> None:
    talk = asked("size")

    reply = await talk.answers(FLOW, "how long do you deliver?", "ask_delivery")

    assert reply.responses == ["utter_ask_delivery"]
    assert reply.set_slots["requested_slot"] == "size"
    assert "invalid_attempts" in reply.set_slots  # a slot set: Rasa takes the form for served
    assert talk.slots["invalid_attempts"] == 0


async def test_small_talk_on_the_side_gets_the_reply_that_was_selected(shop: Shop) -> None:
    selected = {"chitchat": {"response": {"utter_action": "utter_chitchat/tell_joke"}}}

    reply = await asked("size").answers(FLOW, "tell me a joke", "chitchat", response_selector=selected)

    assert reply.responses == ["utter_chitchat/tell_joke"]


async def test_an_open_question_is_left_to_the_knowledge_base(shop: Shop) -> None:
    assert rejected(await asked("size").answers(FLOW, "can it go in the dishwasher?", "nlu_fallback"))


async def test_a_question_about_our_question_is_not_one_for_the_knowledge_base(shop: Shop) -> None:
    reply = await asked("size").answers(FLOW, "which one?", "nlu_fallback")

    assert reply.responses == ["utter_invalid_size"]


async def test_the_form_comes_back_after_an_open_question(shop: Shop) -> None:
    talk = asked("size").user("can it go in the dishwasher?", "nlu_fallback").ran("action_search_knowledge")

    reply = await talk.run(FLOW)

    assert (reply.responses, reply.set_slots) == ([], {"requested_slot": "size"})


async def test_unusable_answers_get_a_hint_then_help_then_a_person(shop: Shop) -> None:
    talk = asked("size")

    assert (await talk.answers(FLOW, "hm")).responses == ["utter_invalid_size"]
    assert (await talk.answers(FLOW, "hmm")).responses == ["utter_invalid_size", "utter_help_size"]
    last = await talk.answers(FLOW, "hmmm")
    assert last.responses == ["utter_giving_up"]
    assert (last.set_slots[END_SLOT], last.set_slots["requested_slot"]) == (TO_PERSON, None)


async def test_a_usable_answer_starts_the_count_again(shop: Shop) -> None:
    talk = asked("size")
    await talk.answers(FLOW, "hm")
    await talk.answers(FLOW, "hm")
    await talk.answers(FLOW, "small")

    assert talk.slots["invalid_attempts"] == 0


async def test_repeat_asks_the_same_question_again(shop: Shop) -> None:
    reply = await asked("size").answers(FLOW, "say that again", "repeat_last")

    assert (reply.responses, reply.set_slots["requested_slot"]) == ([], "size")


async def test_saying_once_more_what_the_flow_is_about_is_no_mistake(shop: Shop) -> None:
    talk = asked("size")
    reply = await talk.answers(FLOW, "I want to send a parcel", "send_parcel")

    assert (reply.responses, talk.slots["invalid_attempts"]) == ([], 0)


@pytest.fixture(autouse=True)
def _no_real_form_has_this_name() -> None:
    assert FLOW.name() == f"validate_{FORM}"
