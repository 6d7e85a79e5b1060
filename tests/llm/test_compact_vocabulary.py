"""The vocabulary gives texts back letter by letter and keeps digits and signs apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_component.compact.vocabulary import CITATIONS, INSIDE, SIGNS, SPECIAL, choose, count_pieces
from tests.llm.compact_models import tokenizer

TOKENIZER = tokenizer()
WORD = st.text(st.sampled_from(SIGNS), min_size=1, max_size=12)


def round_trip(text: str) -> str:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    return TOKENIZER.decode(ids, skip_special_tokens=True)


def plain(word: str) -> bool:
    return not any(piece in word for piece in SPECIAL)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORD.filter(plain), min_size=1, max_size=12))
def test_texts_come_back_letter_by_letter(words: list[str]) -> None:
    text = " ".join(words)

    assert round_trip(text) == text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(WORD.filter(plain), min_size=1, max_size=4).map(" ".join), min_size=2, max_size=4))
def test_line_ends_come_back(lines: list[str]) -> None:
    text = "\n".join(lines)

    assert round_trip(text) == text


@pytest.mark.parametrize("text", ["£4.95", "1043-AB", "#1043.", "2.5kg", "https://shop.example/help?x=1&y=2"])
def test_values_come_back(text: str) -> None:
    assert round_trip(f"It is {text} now") == f"It is {text} now"


def test_digits_and_signs_stay_single() -> None:
    pieces = TOKENIZER.convert_ids_to_tokens(TOKENIZER("£49.95", add_special_tokens=False)["input_ids"])

    assert [piece.removeprefix(INSIDE) for piece in pieces] == list("£49.95")


@pytest.mark.parametrize("citation", CITATIONS)
def test_a_citation_is_one_piece_after_a_space_and_without(citation: str) -> None:
    apart = TOKENIZER(f"free. {citation}", add_special_tokens=False)["input_ids"]
    close = TOKENIZER(f"free.{citation}", add_special_tokens=False)["input_ids"]

    assert TOKENIZER.convert_ids_to_tokens([apart[-1], close[-1]]) == [citation, INSIDE + citation]


class FakeEncoderTokenizer:
    """Pieces of lower-cased words: "delivery" whole, "kettle" in two; others are unknown."""

    unk_token_id = 0
    vocabulary = {"[UNK]": 0, "delivery": 1, "ket": 2, "##tle": 3, "4": 4, ".": 5}

    def get_vocab(self) -> dict[str, int]:
        return self.vocabulary

    def __call__(self, words: list[str], **_: object) -> dict[str, list[list[object]]]:
        cuts = {"delivery": [(1, 0, 8)], "kettle": [(2, 0, 3), (3, 3, 6)]}
        found = [cuts.get(word.lower(), [(0, 0, len(word))]) for word in words]
        return {
            "input_ids": [[each[0] for each in row] for row in found],
            "offset_mapping": [[(each[1], each[2]) for each in row] for row in found],
        }


def test_pieces_keep_their_case_and_where_they_came_from() -> None:
    counts = count_pieces([("Delivery of a kettle", 2), ("delivery", 1)], FakeEncoderTokenizer())

    assert counts == {("Delivery", 1): 2, ("ket", 2): 2, ("##tle", 3): 2, ("delivery", 1): 1}


def test_the_most_frequent_pieces_are_chosen_behind_those_that_must_be_there() -> None:
    encoder = FakeEncoderTokenizer()
    counts = count_pieces([("Delivery of a kettle", 2), ("delivery", 1)], encoder)
    fixed = len(choose(counts, 0, encoder).pieces)

    chosen = choose(counts, fixed + 3, encoder)

    assert set(list(chosen.pieces)[fixed:]) == {"Delivery", "ket", "##tle"}
    assert [chosen.starts[piece] for piece in ("Delivery", "ket", "##tle")] == [1, 2, 3]


def test_special_pieces_come_first() -> None:
    chosen = choose(count_pieces([], FakeEncoderTokenizer()), 0, FakeEncoderTokenizer())

    assert tuple(chosen.pieces)[: len(SPECIAL)] == SPECIAL
    assert list(chosen.pieces.values()) == list(range(len(chosen.pieces)))
