"""Where a message may be cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasa_addons.parts.cutting import MOST_CUTS, divisions, runs, segments


def pieces(text: str) -> list[str]:
    return [text[piece.start : piece.end] for piece in segments(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cancel 1043 and when do you open", ["cancel 1043", "when do you open"]),
        ("Where is it? And do you take cards?", ["Where is it?", "do you take cards?"]),
        ("cancel 1043, also i'd like an invoice", ["cancel 1043", "i'd like an invoice"]),
        ("wheres my order btw what are your hours", ["wheres my order", "what are your hours"]),
        ("my card was refused; please cancel 1043", ["my card was refused", "please cancel 1043"]),
        ("cancel 1043, when do you open", ["cancel 1043", "when do you open"]),
        ("1043, when do you open", ["1043", "when do you open"]),
        ("a person please & until when are you there", ["a person please", "until when are you there"]),
    ],
)
def test_a_message_may_be_cut_where_another_request_begins(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Anna and Tom",
        "the red and the blue one",
        "Flat 2, 14 Mill Lane and Sons, Leeds",
        "I want to return the kettle and the toaster",
        "order no. 1043 please",
        "no, compare it with the other",
        "by the way, how do I clean a kettle",
        'it says "delivered. where is it? and who took it"',
        "the button says 'cancel and return. are you sure'",
        "I can log in and can't see my orders",
        "",
        "?!",
    ],
)
def test_a_message_with_one_request_has_no_place_to_cut(text: str) -> None:
    assert len(segments(text)) <= 1


def test_what_is_said_to_be_another_matter_is_marked() -> None:
    first, second = segments("Cancel 1043. Also, my parcel 1044 never came.")

    assert (first.asks, first.added) == (True, False)
    assert (second.asks, second.added) == (False, True)


def test_a_letter_is_not_cut() -> None:
    assert len(segments("One. Two. Three. Four. Five.")) == MOST_CUTS + 1
    assert len(segments("One. Two. Three. Four. Five. Six.")) == 1


@given(st.text(alphabet="ab? .,;'\"\nand also cancel I'd 19", max_size=60))
def test_pieces_stand_in_the_message_in_order_and_without_overlap(text: str) -> None:
    found = segments(text)

    assert all(0 <= piece.start < piece.end <= len(text) for piece in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert all(text[piece.start : piece.end].strip() == text[piece.start : piece.end] for piece in found)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_way_to_divide_covers_all_pieces_with_known_runs(count: int) -> None:
    known = set(runs(segments("One. Two. Three. Four. Five.")[:count]))
    ways = list(divisions(count))

    assert len(ways) == 2 ** (count - 1) - 1
    for way in ways:
        assert [place for first, last in way for place in range(first, last + 1)] == list(range(count))
        assert set(way) <= known
