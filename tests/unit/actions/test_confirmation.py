"""The last question: what counts as yes, and what never does."""

from __future__ import annotations

import pytest

from actions.confirmation import Confirmation
from actions.turn import Turn
from tests.unit.actions.conversation_builder import Conversation


def answer(text: str, intent: str = "inform") -> bool | None:
    message = Turn.of(Conversation().user(text, intent).tracker())
    said = Confirmation().from_answer(message, None)  # type: ignore[arg-type]
    assert said in (True, False, None)
    return said


@pytest.mark.parametrize(
    "text", ["yes", "Yes please", "y", "yep!", "ok", "go ahead", "please do", "ok, do it", "sure, do it"]
)
def test_a_yes_in_words_is_a_yes(text: str) -> None:
    assert answer(text) is True


@pytest.mark.parametrize("text", ["no", "n", "nope", "don't", "do not", "not now", "No, keep it"])
def test_a_no_in_words_is_a_no(text: str) -> None:
    assert answer(text) is False


@pytest.mark.parametrize("text", ["ok, what happens then?", "right?", "perhaps", "1043", "", "the yes button"])
def test_anything_else_is_neither(text: str) -> None:
    assert answer(text) is None


@pytest.mark.parametrize("text", ["ok, no", "okay, don't", "yes, wait, no", "sure, but don't cancel it yet"])
def test_a_yes_that_is_taken_back_is_never_a_yes(text: str) -> None:
    assert answer(text) is not True


def test_an_apostrophe_of_a_phone_is_an_apostrophe() -> None:
    assert answer("don\u2019t") is False


def test_a_surely_meant_no_and_the_buttons_decide() -> None:
    assert answer("sounds good to me", "affirm") is not False
    assert answer("rather leave it", "deny") is False
    assert answer("/affirm", "affirm") is True


def test_a_button_of_something_else_is_no_answer() -> None:
    assert answer("/yes_to_all", "inform") is None
