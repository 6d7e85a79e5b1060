"""Words that carry labels: a label can begin or end at a sign."""

from __future__ import annotations

import pytest

from rasa_addons.entities.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order #1043, please", ["order", "#", "1043", ",", "please"]),
        ("the Swift 1.7 for £45.50?", ["the", "Swift", "1.7", "for", "£", "45.50", "?"]),
        ("mail w.adeyemi@example.net.", ["mail", "w.adeyemi@example.net", "."]),
        ("the kettle's lid won't shut", ["the", "kettle", "'s", "lid", "won", "'t", "shut"]),
        ("V8, S2 and 2-Slice", ["V8", ",", "S2", "and", "2", "-", "Slice"]),
        ("kettle😡now", ["kettle", "😡", "now"]),
        ("  ", []),
    ],
)
def test_signs_stand_apart_and_addresses_stay_whole(text: str, words: list[str]) -> None:
    assert [word.text for word in split_words(text)] == words


def test_words_say_where_they_stand() -> None:
    text = "no. #1043 (£45), w.a@example.net"
    assert all(text[word.start : word.end] == word.text for word in split_words(text))
