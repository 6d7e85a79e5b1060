"""Incremental text: the pieces add up to the whole, whatever the cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_component.engines.detokenise import REPLACEMENT, CompletionText, Detokeniser, StopStrings, WindowDecoder
from tests.llm.fake_decoder import byte_tokenizer

TOKENIZER = byte_tokenizer()
TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters=REPLACEMENT) | st.sampled_from("é£€漢👩‍🔧"[:]),
    max_size=30,
)


class SlowTokenizer:
    """A tokenizer without a Rust half."""

    def decode(self, token_ids: list[int], **_: Any) -> str:
        return bytes(token_ids).decode(errors="replace")


@given(TEXT)
@pytest.mark.parametrize("tokenizer", [TOKENIZER, SlowTokenizer()], ids=["fast", "slow"])
def test_pieces_of_bytes_add_up_to_the_text(tokenizer: Any, text: str) -> None:
    detokeniser = Detokeniser(tokenizer)
    assert "".join(map(detokeniser.push, text.encode())) + detokeniser.finish() == text


@given(TEXT)
@pytest.mark.parametrize("tokenizer", [TOKENIZER, SlowTokenizer()], ids=["fast", "slow"])
def test_no_piece_holds_half_a_character(tokenizer: Any, text: str) -> None:
    detokeniser = Detokeniser(tokenizer)
    assert REPLACEMENT not in "".join(map(detokeniser.push, text.encode()))


@pytest.mark.parametrize("tokenizer", [TOKENIZER, SlowTokenizer()], ids=["fast", "slow"])
def test_a_completion_cut_inside_a_character_ends_before_it(tokenizer: Any) -> None:
    detokeniser = Detokeniser(tokenizer)
    assert "".join(map(detokeniser.push, "5 €".encode()[:-1])) + detokeniser.finish() == "5 "


def test_a_fast_tokenizer_is_not_asked_to_decode_a_whole_completion() -> None:
    asked: list[int] = []

    class Counting(SlowTokenizer):
        def decode(self, token_ids: list[int], **options: Any) -> str:
            asked.append(len(token_ids))
            return super().decode(token_ids, **options)

    window = WindowDecoder(Counting())  # type: ignore[arg-type]
    assert "".join(map(window.push, b"x" * 500)) == "x" * 500
    assert max(asked) < 16


STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)
CUT_TEXT = st.lists(st.text("abc\n", max_size=5), max_size=12)


def let_through(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    strings = StopStrings(stops)
    text = "".join(map(strings.push, pieces))
    return (text if strings.stopped else text + strings.finish()), strings.stopped


@given(STOPS, CUT_TEXT)
def test_what_stop_strings_let_through_does_not_depend_on_the_cut(stops: list[str], pieces: list[str]) -> None:
    assert let_through(stops, pieces) == let_through(stops, ["".join(pieces)])


@given(STOPS, CUT_TEXT)
def test_nothing_that_went_out_holds_a_stop_string(stops: list[str], pieces: list[str]) -> None:
    text, _ = let_through(stops, pieces)
    assert not any(stop in text for stop in stops)


@given(STOPS, CUT_TEXT)
def test_text_without_a_stop_string_goes_out_whole(stops: list[str], pieces: list[str]) -> None:
    text, stopped = let_through(stops, pieces)
    assert stopped == any(stop in "".join(pieces) for stop in stops)
    assert stopped or text == "".join(pieces)


def test_the_beginning_of_a_stop_string_waits_for_what_follows() -> None:
    strings = StopStrings(["\n\nCustomer:"])
    assert [strings.push(piece) for piece in ("Yes.", "\n", "\nCu", "p")] == ["Yes.", "", "", "\n\nCup"]


def test_an_empty_stop_string_stops_nothing() -> None:
    assert let_through([""], ["abc"]) == ("abc", False)


def test_tokens_behind_a_stop_string_are_not_taken() -> None:
    text = CompletionText.of(TOKENIZER, ["."])
    out = text.push(b"Yes. And more")
    assert (out, text.stopped, len(text.token_ids)) == ("Yes", True, 4)


def test_a_held_back_beginning_goes_out_at_the_end() -> None:
    text = CompletionText.of(TOKENIZER, ["END"])
    assert text.push(b"THE EN") + "|" + text.finish() == "THE |EN"
