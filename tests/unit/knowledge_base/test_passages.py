"""Cutting articles: one passage a section, long ones at natural ends, always within the encoder's budget."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_base.documents.document import Block, Section
from knowledge_base.documents.markdown import markdown_sections
from knowledge_base.passages import CutPassage, cut


def count_words(text: str) -> int:
    return len(text.split())


def cut_at(body: str, max_tokens: int = 60) -> list[CutPassage]:
    return cut("Kettles", markdown_sections(body)[0], count_words, max_tokens)


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


def test_headings_that_leave_no_room_are_shortened_from_the_outside() -> None:
    passages = cut_at("# Outer " + "word " * 20 + "\n## Inner\nText.", max_tokens=30)

    assert [(passage.embedded, passage.text) for passage in passages] == [("Kettles. Inner\nText.", "Text.")]


def test_a_title_longer_than_the_budget_leaves_half_of_it_to_the_text() -> None:
    text = "one two three. four five six."
    passages = cut("title " * 90, [Section((), (Block(text),))], count_words, 12)

    assert " ".join(passage.text for passage in passages) == text
    assert all(passage.token_count <= 12 for passage in passages)


def test_a_word_longer_than_the_budget_is_cut_and_kept_whole_in_parts() -> None:
    word = "abcdefghij" * 30
    passages = cut("t", [Section((), (Block(f"Start {word} end."),))], len, 80)

    assert "".join("".join(passage.text for passage in passages).split()) == f"Start{word}end."
    assert all(passage.token_count <= 80 for passage in passages)


def test_a_table_row_longer_than_the_budget_is_told_column_by_column() -> None:
    row = "| E5 | " + "word " * 90 + "last |"
    passages = cut_at(f"| Code | Meaning |\n|---|---|\n| E4 | Lid open |\n{row}\n| E6 | Cold |")

    texts = [passage.text for passage in passages]
    assert texts[0] == "| Code | Meaning |\n|---|---|\n| E4 | Lid open |"
    assert all(text.startswith("Code: E5\nMeaning: word") or text.startswith("Code: E5\nword") for text in texts[1:3])
    assert texts[-1].endswith("| Code | Meaning |\n|---|---|\n| E6 | Cold |")
    assert "".join(texts).count("word") == 90 and "".join(texts).count("last") == 1


def test_keywords_stand_with_the_first_passage_only_and_within_its_budget() -> None:
    sections = [Section((), (Block("word " * 50),)), Section(("More",), (Block("Text."),))]
    passages = cut("Kettles", sections, count_words, 40, ["limescale", "scale", "x " * 40])

    assert passages[0].embedded.startswith("Kettles (limescale, scale)\nword")
    assert [passage.embedded.split("\n")[0] for passage in passages[1:]] == ["Kettles", "Kettles. More"]
    assert all(passage.token_count <= 40 for passage in passages)


def test_a_passage_knows_the_page_that_it_starts_on() -> None:
    blocks = tuple(Block(f"page{number} " + "word " * 20 + "end.", number) for number in (4, 5, 6))
    passages = cut("Kettles", [Section(("Cleaning",), blocks)], count_words, 50)

    assert [(passage.page, passage.text.split()[0]) for passage in passages] == [(4, "page4"), (6, "page6")]


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
    sections, _hidden = markdown_sections(body)
    passages = cut("t", sections, count_words, 40)

    assert all(passage.token_count <= 40 for passage in passages)
    written = sum(len(re.findall(r"[abc]+", block.text)) for section in sections for block in section.blocks)
    kept = sum(len(re.findall(r"[abc]+", passage.text)) for passage in passages)
    assert kept >= written  # a table's header may be repeated


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_every_word_of_a_markdown_text_is_in_a_section_or_a_heading(body: str) -> None:
    sections, _hidden = markdown_sections(f"{body}\n\nend")
    headings = " ".join(heading for section in sections for heading in section.path)
    texts = "\n".join(block.text for section in sections for block in section.blocks)
    lines = (line for line in body.splitlines() if not re.match(r"\s*#{1,6}(\s|$)", line))
    for word in re.findall(r"[abc]{3,}", "\n".join(lines)):
        assert word in texts or word in headings or f"{word}\n-" in body or f"{word}\n=" in body
