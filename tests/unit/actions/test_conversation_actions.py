"""Turns about the conversation itself: repeat, start over, never mind, offers, "which did you mean?", ratings."""

from __future__ import annotations

import pytest

from actions.conversation import (
    FORM_OF_INTENT,
    ActionClarify,
    ActionRate,
    ActionRepeat,
    ActionStartOver,
    ActionStopFlow,
    ActionTakeOffer,
    Score,
    ValidateRating,
)
from actions.turn import Turn
from knowledge_base.schema import Rating
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation, Remembered

DOMAIN = {
    "responses": {
        "utter_describe_track_order": [{"text": "Find out where my order is"}],
        "utter_describe_refund_status": [{"text": "See where my refund is"}],
    }
}


async def test_repeat_says_the_last_messages_again_with_their_buttons_and_cards() -> None:
    talk = Conversation().user("hi").bot("An older one.").user("where")
    talk.bot("First.", "/track_order").bot("Second.", custom={"type": "order"}).user("again?", "repeat_last")

    reply = await talk.run(ActionRepeat())

    assert [message["text"] for message in reply.messages] == ["First.", "Second."]
    assert reply.messages[0]["buttons"][0]["payload"] == "/track_order"
    assert reply.messages[1]["custom"] == {"type": "order"}


async def test_repeat_at_the_start_has_nothing_to_repeat() -> None:
    assert (await Conversation().user("again?").run(ActionRepeat())).responses == ["utter_nothing_to_repeat"]


async def test_start_over_forgets_every_detail() -> None:
    talk = Conversation().asks("email", "track_order_form").set(order_number="1043").user("start over", "start_over")

    reply = await talk.run(ActionStartOver())

    assert reply.responses == ["utter_started_over"]
    assert {"reset_slots", "active_loop"} <= {event["event"] for event in reply.events}
    assert talk.form is None


async def test_never_mind_ends_a_form_forgets_its_details_and_counts_it(shop: Shop) -> None:
    talk = Conversation().asks("confirm", "return_form").set(confirm=True, order_items=[[1, 1]], order_number="1043")

    reply = await talk.user("never mind", "cancel_flow").run(ActionStopFlow())

    assert reply.responses == ["utter_flow_stopped"]
    assert (talk.slots["confirm"], talk.slots["order_items"]) == (None, None)
    assert talk.slots["order_number"] == "1043"
    assert shop.outcomes() == [("flow_abandoned", "return")]


async def test_never_mind_with_nothing_to_end_says_so(shop: Shop) -> None:
    assert (await Conversation().user("never mind", "cancel_flow").run(ActionStopFlow())).responses == [
        "utter_nothing_to_stop"
    ]
    assert shop.outcomes() == []


async def test_cancel_it_after_an_order_was_shown_means_the_order() -> None:
    talk = Conversation().user("where is 1043").ran("action_track_order").user("cancel it", "cancel_flow")
    assert (await talk.run(ActionStopFlow())).followups == ["cancel_order_form"]

    later = talk.user("thanks", "thank").user("cancel it", "cancel_flow")
    assert (await later.run(ActionStopFlow())).responses == ["utter_nothing_to_stop"]


@pytest.mark.parametrize(("intent", "form"), sorted(FORM_OF_INTENT.items()))
async def test_a_yes_takes_the_offer_of_the_last_message(intent: str, form: str) -> None:
    talk = Conversation().bot("Shall we?", f"/{intent}", "/deny").user("yes", "affirm")

    assert (await talk.run(ActionTakeOffer())).followups == [form]


@pytest.mark.parametrize(
    ("text", "payloads"),
    [
        ("Here you are.", ("/track_order",)),  # no question
        ("Shall we?", ()),  # nothing offered
        ("Which?", ("/track_order", "/cancel_order", "/return_item")),  # no yes-or-no question
        ("Shall we?", ("/affirm",)),
    ],
)
async def test_a_yes_to_no_offer_starts_nothing(text: str, payloads: tuple[str, ...]) -> None:
    talk = Conversation().bot(text, *payloads).user("yes", "affirm")

    assert (await talk.run(ActionTakeOffer())).responses == ["utter_yes_to_what"]


@pytest.mark.parametrize("since", [("Hello.",), ()])
async def test_an_offer_of_an_earlier_turn_is_over(since: tuple[str, ...]) -> None:
    talk = Conversation().bot("Shall we?", "/track_order").user("hi")
    for text in since:
        talk.bot(text)
    talk.user("yes", "affirm")

    assert (await talk.run(ActionTakeOffer())).responses == ["utter_yes_to_what"]


async def test_a_no_to_an_offer_starts_nothing() -> None:
    talk = Conversation().bot("Shall we?", "/track_order").user("no", "deny")

    assert (await talk.run(ActionTakeOffer())).responses == ["utter_anything_else"]


async def test_clarify_offers_both_meanings_and_keeps_the_order_number() -> None:
    talk = Conversation().user("1043?", "clarify", candidates=("track_order", "refund_status"))

    buttons = (await talk.run(ActionClarify(), DOMAIN)).values("utter_clarify")["buttons"]

    assert buttons[:2] == [
        {"title": "Find out where my order is", "payload": '/track_order{"order_number": "1043"}'},
        {"title": "See where my refund is", "payload": '/refund_status{"order_number": "1043"}'},
    ]
    assert [button["payload"] for button in buttons[2:]] == ["/talk_to_person"]


async def test_with_only_one_meaning_the_knowledge_base_is_asked(shop: Shop) -> None:
    talk = Conversation().user("hm", "clarify", candidates=("track_order", "affirm"))

    reply = await talk.run(ActionClarify(), DOMAIN)

    assert reply.responses == ["utter_open_answer"]
    assert reply.messages[0]["passages"] == []


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("5", 5),
        ("5/5", 5),
        ("four stars", 4),
        ("4.", 4),
        ("a 3!", 3),
        ("6", None),
        ("0", None),
        ("10", None),
        ("²", None),
    ],
)
def test_a_rating_is_one_to_five(text: str, score: int | None) -> None:
    said = Turn.of(Conversation().user(text).tracker())

    assert Score().from_answer(said, Remembered()) == score  # type: ignore[arg-type]


async def test_a_pressed_rating_is_kept(shop: Shop) -> None:
    talk = Conversation().asks("rating", "rating_form").button('/inform{"quantity": "4"}', "inform", quantity="4")
    assert (await talk.run(ValidateRating())).set_slots["rating"] == 4

    assert (await talk.run(ActionRate())).responses == ["utter_rated_well"]
    assert [row.score for row in shop.rows(Rating)] == [4]


async def test_a_bad_rating_offers_a_person(shop: Shop) -> None:
    assert (await Conversation().user("2").set(rating=2).run(ActionRate())).responses == ["utter_rated_badly"]
