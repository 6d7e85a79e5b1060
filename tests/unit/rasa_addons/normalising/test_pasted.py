"""What is taken out of a message before it is read: the letter around it, and emoji."""

from __future__ import annotations

import pytest

from rasa_addons.normalising.pasted import without_pasted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hi, where is my order", "where is my order"),
        ("hiya where is my order", "where is my order"),
        ("Good morning,\nI hope you are well.\ncancel 1043", "cancel 1043"),
        ("Dear Sir or Madam,\n\nmy kettle leaks", "my kettle leaks"),
        ("my kettle leaks\n\nKind regards,\nJo Smith\n07700 900123", "my kettle leaks"),
        ("my kettle leaks\n--\nJo Smith", "my kettle leaks"),
        ("my kettle leaks\n\nSent from my phone", "my kettle leaks"),
        ("when does it come? Cheers, Rob x", "when does it come?"),
        ("yes\nThanks, Mo", "yes"),
        ("my kettle😡 leaks 💧", "my kettle  leaks"),
    ],
)
def test_the_wish_is_left(text: str, left: str) -> None:
    assert without_pasted(text).strip() == left


@pytest.mark.parametrize(
    "text",
    [
        "hello there",
        "Good morning!",
        "no thanks, mate",
        "Kind regards,\nJo",
        "👍",
        "morning delivery possible?",
        "that did the trick, thanks",
        "it is 30° in here",
        "the Quiet 700 costs £299",
    ],
)
def test_a_message_that_is_a_greeting_or_speaks_of_one_stays(text: str) -> None:
    assert without_pasted(text) == text


def test_what_is_left_stands_where_it_stood() -> None:
    text = "Hello! cancel 😡 order 1043 please\n\nMany thanks\nSue"
    readable = without_pasted(text)
    assert len(readable) == len(text)
    assert readable.index("1043") == text.index("1043")
