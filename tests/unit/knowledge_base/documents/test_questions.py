"""Reading questions with answers: each pair a document, in the shapes that CSV and JSON come in."""

from __future__ import annotations

import json
from datetime import date

import pytest

from knowledge_base.documents.document import DocumentError, Parsed
from knowledge_base.documents.questions import parse_csv, parse_json


def pairs(found: list[Parsed]) -> list[tuple[str | None, str]]:
    return [
        (one.fields.title, "\n".join(block.text for part in one.sections for block in part.blocks)) for one in found
    ]


def test_each_row_is_a_document_with_the_fields_of_its_columns() -> None:
    text = (
        "Question,Answer,Category,Products,valid_until,id\r\n"
        '"How, then?","In two\r\nlines.",kettles,Norvane Swift 1.7;Tamsin Dawn,2026-12-31,7\r\n'
        "When?,Now.,,,,8\r\n"
    )
    first, second = parse_csv(text)

    assert pairs([first, second]) == [("How, then?", "In two\r\nlines."), ("When?", "Now.")]
    assert (first.key, first.fields.category) == ("7", "kettles")
    assert first.fields.products == ("Norvane Swift 1.7", "Tamsin Dawn")
    assert first.fields.valid_until == date(2026, 12, 31)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_seen_in_the_header(delimiter: str) -> None:
    assert pairs(list(parse_csv(f"question{delimiter}answer\nWhy, then?{delimiter}So, that."))) == [
        ("Why, then?", "So, that.")
    ]


def test_without_an_id_the_key_follows_the_question_and_not_its_place() -> None:
    one = [parsed.key for parsed in parse_csv("question,answer\nA?,a\nB?,b")]
    other = [parsed.key for parsed in parse_csv("question,answer\nNew?,n\nB?,changed")]

    assert one[1] == other[1] and one[0] != other[0]


@pytest.mark.parametrize(
    "content",
    [
        [{"question": "Why?", "answer": "So."}],
        {"faq": [{"q": "Why?", "a": "So."}]},
        {"Why?": "So."},
        [{"Title": "Why?", "Text": "So.", "keywords": ["reason"]}],
    ],
)
def test_the_usual_shapes_of_json_are_read(content: object) -> None:
    assert pairs(list(parse_json(json.dumps(content)))) == [("Why?", "So.")]


def test_a_question_too_long_for_a_title_is_kept_whole_in_the_text() -> None:
    question = "Why " + "really " * 60 + "so?"

    assert question in pairs(list(parse_json(json.dumps({question: "So."}))))[0][1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name,price\na,b", "no columns for question and answer"),
        ("question,answer\nWhy?,", "entry 2: the answer is missing"),
        ("question,answer\n,So.", "entry 2: the question is missing"),
        ("question,answer\nWhy?,So.\nWhy?,Else.", "same id or question"),
        ('question,answer\n"Why?,So.', "not readable as CSV"),
        ("question,answer,status\nWhy?,So.,maybe", "entry 2: field 'status'"),
    ],
)
def test_a_table_with_a_fault_says_where(text: str, fault: str) -> None:
    with pytest.raises(DocumentError, match=fault):
        list(parse_csv(text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ("3", "no list"),
        ('{"a": 1}', "no list"),
        ("[1]", "entry 1: expected an object"),
        ('[{"question": "Why?"}]', "the answer is missing"),
    ],
)
def test_json_with_a_fault_says_where(text: str, fault: str) -> None:
    with pytest.raises(DocumentError, match=fault):
        list(parse_json(text))
