"""Examples asked of whole documents: sections, where a span is found, history, and what does not change."""

from __future__ import annotations

from llm_component.protocol import Turn
from llm_component.training.data.documents import SECTION_WORDS, Documents, sections
from llm_component.training.data.examples import Example, Passage
from llm_component.training.data.grounded_readers import supported_share

PART = " ".join(["Nobody has to answer before the office has written."] * 12)
GUIDE = f"Bring your licence within ten days. {PART}\n\nThe fee is $ 30 . {PART}\n\nCall the office at noon. {PART}"
DOCUMENTS = (("Licences#3_0", GUIDE), ("Fees#1_0", "The fee for dogs is $ 12 ."))


def asked(question: str, span: str, said: str) -> Example:
    return Example("answer", question, f"{said} [1]", passages=(Passage("", "", span),), cites=(1,))


def test_sections_hold_the_whole_document() -> None:
    cut = sections(GUIDE)
    assert len(cut) > 2 and all(len(one.split()) <= SECTION_WORDS for one in cut)
    assert " ".join(cut).split() == GUIDE.replace(" .", ".").split()


def test_a_span_is_asked_of_its_document() -> None:
    placed = Documents(DOCUMENTS).placed(asked("What does it cost?", "the fee is $30", "It is $30."), 7)
    assert placed is not None and len(placed.passages) > 1
    [number] = placed.cites
    assert "The fee is $ 30." in placed.passages[number - 1].text
    assert placed.target == f"It is $30. [{number}]"
    assert {one.title for one in placed.passages} == {"Licences"}


def test_the_questions_before_it_are_its_history_within_one_document() -> None:
    documents = Documents(DOCUMENTS)
    first = documents.placed(asked("What does it cost?", "the fee is $30", "It is $30."), 1)
    second = documents.placed(asked("When do I call?", "Call the office at noon", "At noon."), 2)
    third = documents.placed(asked("And for dogs?", "The fee for dogs is $12.", "$12."), 3)
    assert first is not None and second is not None and third is not None
    assert first.history == () and third.history == ()
    assert second.history == (Turn("user", "What does it cost?"), Turn("assistant", "It is $30."))


def test_a_span_that_no_document_has_is_left_out_and_ends_the_history() -> None:
    documents = Documents(DOCUMENTS)
    assert documents.placed(asked("What does it cost?", "the fee is $30", "It is $30."), 1) is not None
    assert documents.placed(asked("Who?", "somebody else", "Somebody."), 2) is None
    after = documents.placed(asked("When do I call?", "Call the office at noon", "At noon."), 3)
    assert after is not None and after.history == ()


def test_the_same_number_draws_the_same_sections() -> None:
    example = asked("What does it cost?", "the fee is $30", "It is $30.")
    assert Documents(DOCUMENTS).placed(example, 5) == Documents(DOCUMENTS).placed(example, 5)


def test_how_much_of_a_reply_stands_in_its_span() -> None:
    assert supported_share("Bring your licence.", "Bring the licence to your office") == 1.0
    assert supported_share("Bring your passport.", "Bring the licence") == 1 / 3
    assert supported_share("Yes!", "Yes") == 0.0
