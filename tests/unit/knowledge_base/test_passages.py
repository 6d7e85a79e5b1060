"""Cutting articles: one passage a section, long ones at natural ends, always within the encoder's budget."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_base.passages import CutPassage, cut


def count_words(text: str) -> int:
    return len(text.split())


def cut_at(body: str, max_tokens: int = 60) -> list[CutPassage]:
    return cut("Kettles", body, count_words, max_tokens)


def test_each_section_is_a_passage_with_its_heading() -> None:
    passages = cut_at("Before.\n\n## First\nOne.\n\n## Second\nTwo.\n\nThree.")

    assert [(passage.heading, passage.text) for passage in passages] == [
        ("", "Before."),
        ("First", "One."),
        ("Second", "Two.\n\nThree."),
    ]


def test_deeper_headings_keep_their_path_and_siblings_do_not() -> None:
    passages = cut_at("## Cleaning\nA.\n### With vinegar\nB.\n### With acid\nC.\n## Storing\nD.")

    assert [passage.heading for passage in passages] == [
        "Cleaning",
        "Cleaning > With vinegar",
        "Cleaning > With acid",
        "Storing",
    ]


def test_a_heading_without_text_gives_no_passage() -> None:
    assert [passage.heading for passage in cut_at("## Empty\n\n## Full\nText.")] == ["Full"]


def test_a_hash_in_a_code_block_is_no_heading() -> None:
    passages = cut_at("## Code\n```\n# not a heading\n```")

    assert [passage.heading for passage in passages] == ["Code"]


def test_what_is_embedded_stands_in_its_context_and_is_counted_so() -> None:
    passage = cut_at("## Cleaning\nRinse it.")[0]

    assert passage.embedded == "Kettles. Cleaning\nRinse it."
    assert passage.token_count == count_words(passage.embedded)


def test_a_long_section_is_cut_between_paragraphs() -> None:
    paragraphs = [" ".join([f"p{number}"] * 25) for number in range(4)]
    passages = cut_at("## Long\n" + "\n\n".join(paragraphs))

    assert [passage.text for passage in passages] == ["\n\n".join(paragraphs[:2]), "\n\n".join(paragraphs[2:])]


def test_a_long_list_is_cut_between_items() -> None:
    items = [f"{number}. " + "word " * 12 + "end" for number in range(1, 9)]
    passages = cut_at("## Steps\n" + "\n".join(items))

    assert "\n".join(passage.text for passage in passages) == "\n".join(items)
    assert all(re.match(r"\d\. ", passage.text) for passage in passages)


def test_a_long_table_repeats_its_header() -> None:
    rows = [f"| code {number} | " + "word " * 10 + "|" for number in range(8)]
    passages = cut_at("## Codes\n| Code | Meaning |\n|---|---|\n" + "\n".join(rows))

    assert len(passages) > 1
    assert all(passage.text.startswith("| Code | Meaning |\n|---|---|\n| code") for passage in passages)
    assert sum(passage.text.count("| code") for passage in passages) == 8


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentences = ["Word " * 14 + f"end{number}." for number in range(6)]
    passages = cut_at(" ".join(sentences))

    assert len(passages) > 1
    assert all(passage.text.endswith(".") for passage in passages)


def test_headings_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="leave"):
        cut_at("## " + "word " * 50 + "\nText.", max_tokens=40)


BODIES = st.lists(
    st.one_of(
        st.text("abc .!?\n-*|#1) ", min_size=1, max_size=200),
        st.builds("## {}".format, st.text("ab", min_size=1, max_size=5)),
        st.lists(st.text("abc ", min_size=1, max_size=60).map("- {}".format), min_size=1, max_size=9).map("\n".join),
    ),
    max_size=8,
).map("\n\n".join)


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_no_passage_exceeds_the_budget_and_no_word_is_lost(body: str) -> None:
    passages = cut("t", body, count_words, 40)

    assert all(passage.token_count <= 40 for passage in passages)
    written = sum(len(re.findall(r"[abc]+", line)) for line in body.splitlines() if not re.match(r"#{1,6}\s", line))
    kept = sum(len(re.findall(r"[abc]+", passage.text)) for passage in passages)
    assert kept >= written  # a table's header may be repeated
