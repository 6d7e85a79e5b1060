"""Which cuts are made: each condition alone keeps a message whole."""

from __future__ import annotations

from typing import Any

import pytest

from rasa_addons.parts.cutting import begins_request
from rasa_addons.parts.judging import ANSWER, WISH, Reading, Rules, judge

RULES = Rules(
    never=frozenset({"greet", "inform", "affirm"}),
    stated=frozenset({"missing_parcel"}),
    same_matter=(frozenset({"track_order", "missing_parcel"}),),
)
CANCEL = ("cancel 1043", "cancel_order", 0.9)
HOURS = ("when do you open today", "opening_hours", 0.9)
OPEN = ("can I put aluminium foil in an air fryer?", "nlu_fallback", 0.6)


def read(text: str, intent: str, confidence: float, *entities: tuple[str, str], **more: Any) -> Reading:
    found = tuple({"entity": name, "value": value} for name, value in entities)
    return Reading(text, intent, confidence, found, asks=begins_request(text), **more)


def judged(first: Any, second: Any, whole: str = "clarify", in_form: bool = False) -> list[tuple[str, str]] | None:
    """Roles and intents of the parts of a message of two pieces; `whole` is what it means as one."""
    one, other = (piece if isinstance(piece, Reading) else read(*piece) for piece in (first, second))
    both = read(f"{one.text} and {other.text}", whole, 0.8)
    parts = judge({(0, 0): one, (1, 1): other, (0, 1): both}, 2, RULES, in_form)
    return None if parts is None else [(part.role, part.intent) for part in parts]


def test_two_requests_of_different_matters_are_two_wishes() -> None:
    assert judged(CANCEL, HOURS) == [(WISH, "cancel_order"), (WISH, "opening_hours")]
    assert judged(CANCEL, OPEN) == [(WISH, "cancel_order"), (WISH, "nlu_fallback")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CANCEL, ("when do you open today", "opening_hours", 0.39)),  # not sure
        (("good morning", "greet", 0.99), HOURS),  # no wish
        (CANCEL, ("cancel my order", "cancel_order", 0.9)),  # the same again
        (("where is my parcel", "track_order", 0.9), ("get my lost parcel", "missing_parcel", 0.9)),  # one matter
        (CANCEL, ("it is far too loud", "return_item", 0.9)),  # a reason
        (CANCEL, ("my parcel never came", "missing_parcel", 0.9)),  # said after a request
        (("my parcel never came", "missing_parcel", 0.55), HOURS),  # stated, not sure
        (("my parcel never came", "missing_parcel", 0.9), HOURS),  # stated as what leads up to a question
        (CANCEL, ("from which amount", "ask_price", 0.9)),  # half a question
        (("cancel 1043", "cancel_order", 0.55), OPEN),  # not sure beside an open question
        (CANCEL, ("is the battery included?", "nlu_fallback", 0.55)),  # open, and names nothing
        (OPEN, ("how often can I do it safely", "opening_hours", 0.9)),  # points to an open question
        (OPEN, OPEN),
    ],
)
def test_whatever_is_doubtful_stays_whole(first: Any, second: Any) -> None:
    assert judged(first, second) is None


def test_what_points_back_is_a_wish_only_if_it_changes_what_is_meant() -> None:
    delivery = ("how fast could you deliver it", "ask_delivery", 0.95)

    assert judged(CANCEL, delivery, whole="ask_delivery") is not None
    assert judged(CANCEL, delivery, whole="cancel_order") is None


def test_one_intent_twice_is_two_wishes_for_two_orders() -> None:
    first = read("cancel 1043", "cancel_order", 0.9, ("order_number", "1043"))

    assert judged(first, read("cancel 1044", "cancel_order", 0.9, ("order_number", "1044"))) is not None
    assert judged(first, read("cancel 1043", "cancel_order", 0.9, ("order_number", "1043"))) is None


def test_a_statement_counts_after_a_word_that_adds_it() -> None:
    also = read("my parcel 1044 never came", "missing_parcel", 0.9, added=True)

    assert judged(CANCEL, also) == [(WISH, "cancel_order"), (WISH, "missing_parcel")]


def test_a_request_that_looks_like_a_detail_counts_as_a_request() -> None:
    ranking = (("inform", 0.5), ("track_order", 0.4), ("greet", 0.1))
    detail = read("where is 1043", "inform", 0.5, ("order_number", "1043"), ranking=ranking)

    assert judged(detail, HOURS) == [(WISH, "track_order"), (WISH, "opening_hours")]


def test_in_a_form_the_first_part_may_be_the_answer() -> None:
    detail = ("anna@example.com", "inform", 0.9)

    assert judged(detail, HOURS, in_form=True) == [(ANSWER, "inform"), (WISH, "opening_hours")]
    assert judged(detail, HOURS, in_form=False) is None


@pytest.mark.parametrize("said", ["ok", "Okay.", "actually", "hm, well", "by the way", "thanks!"])
def test_in_a_form_what_says_nothing_is_no_answer(said: str) -> None:
    assert judged((said, "affirm", 0.99), HOURS, in_form=True) is None


@pytest.mark.parametrize(
    "second",
    [
        ("but can I change the address instead", "change_address", 0.99),  # a condition
        ("only if you refund me today", "refund_status", 0.99),
        ("the lid does not close", "missing_parcel", 0.99),  # more of the answer
        ("deliver before noon please", "ask_delivery", 0.99),  # an instruction that belongs to it
        ("when do you open today", "opening_hours", 0.55),  # the form's question is likelier
        ("can you send it again please", "ask_delivery", 0.9),  # points to the answer
    ],
)
def test_in_a_form_an_answer_is_not_torn_apart(second: Any) -> None:
    assert judged(("yes", "affirm", 0.9), second, in_form=True) is None


def test_the_cut_into_more_parts_wins() -> None:
    cards = read("do you take credit cards", "payment_methods", 0.9)
    cancel, hours = read(*CANCEL), read(*HOURS)
    whole = read("all", "clarify", 0.5)
    readings = {(0, 0): cancel, (1, 1): hours, (2, 2): cards, (0, 1): cancel, (1, 2): hours, (0, 2): whole}

    parts = judge(readings, 3, RULES, in_form=False)

    assert parts is not None
    assert [part.intent for part in parts] == ["cancel_order", "opening_hours", "payment_methods"]
