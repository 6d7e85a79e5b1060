"""The gate over the sentences of an answer, with the packaged encoder."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from llm_component.checks.gate import Checks, Gate, makes_no_claim, take_marks
from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.protocol import Passage

DELIVERY = Passage(
    "Delivery options and what they cost",
    "Standard delivery costs £4.95 and takes 3 to 5 working days; it is free for orders from £50. Express costs £9.95.",
)
RETURNS = Passage(
    "How long you can return something",
    "You have 30 days from delivery. The return label is free. Opened in-ear headphones cannot be returned unless they "
    "are faulty.",
)
CONTACT = Passage("Contact", "Write to help@shop.example or call 0113 496 0200.")
PASSAGES = [DELIVERY, RETURNS, CONTACT]
QUESTION = "How much is delivery for order 1043, and can I return it?"


class CountingEncoder:
    """The real encoder, with a count of its texts."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self.texts = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += len(texts)
        return self._encoder.encode(texts)


@pytest.fixture(scope="module")
def encoder() -> CountingEncoder:
    return CountingEncoder(load_encoder())


@pytest.fixture(scope="module")
def checks(encoder: CountingEncoder) -> Checks:
    return Checks(encoder)


@pytest.fixture
def gate(checks: Checks) -> Gate:
    return checks.gate(QUESTION, PASSAGES, {"tried": "a refund of £12.50"}, "Contact: care@shop.example")


@pytest.mark.parametrize(
    ("raw", "citations"),
    [
        ("Standard delivery costs £4.95. [1]", [1]),
        ("Standard delivery costs 4.95 pounds [1].", [1]),
        ("You have thirty days from delivery to return it [2].", [2]),
        ("Standard delivery costs £4.95, and you can return it within 30 days of delivery [1][2].", [1, 2]),
        ("The return label is free [2, 2].", [2]),
        ("You can write to help@shop.example [3].", [3]),
        ("Standard delivery of order 1043 takes 3 to 5 working days [1].", [1]),
    ],
)
def test_a_supported_sentence_passes_with_its_citations(gate: Gate, raw: str, citations: list[int]) -> None:
    found = gate.examine(raw)
    assert (found.passed, found.reason, found.citations) == (True, "", citations)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("Standard delivery costs £5.95 [1].", "number"),
        ("Standard delivery takes 3 to 5 weeks [1].", "number"),
        ("Standard delivery costs £4.95 [2].", "number"),  # true, but not in the passage that it cites
        ("The label is free on Sundays [2].", "date"),
        ("Standard delivery by Swiftpost costs £4.95 [1].", "name"),
        ("The return label is not free [2].", "negation"),
        ("Opened in-ear headphones can be returned [2].", "negation"),
        ("Our shops sell fresh bread every morning [2].", "unsupported"),
        ("The return label is free [4].", "bad_citation"),
        ("The return label is free [0].", "bad_citation"),
        ("Write to jane@example.com [3].", "personal_data"),
        ("As an AI model I cannot say [1].", "leak"),
        ("I hope this helps!", "no_claim"),
        ("Hello there, happy to help.", "no_claim"),
        ("[1]", "no_claim"),
    ],
)
def test_an_unsupported_sentence_is_held_back_with_its_reason(gate: Gate, raw: str, reason: str) -> None:
    found = gate.examine(raw)
    assert (found.passed, found.reason) == (False, reason)


def test_a_sentence_without_marks_gets_the_passage_that_supports_it(gate: Gate) -> None:
    assert gate.examine("The return label is free.").citations == [2]


def test_a_sentence_without_marks_and_support_gets_none(gate: Gate) -> None:
    found = gate.examine("The return label costs £3.")
    assert (found.passed, found.citations) == (False, [])


def test_contact_data_may_come_from_the_system_prompt(gate: Gate) -> None:
    assert gate.examine("Write to care@shop.example [3].").reason != "personal_data"


def test_nothing_passes_without_passages(checks: Checks) -> None:
    assert checks.gate("?", [], {}, "").examine("Standard delivery costs £4.95.").reason == "unsupported"


def test_a_passage_is_encoded_once_and_a_sentence_costs_one_encoding(encoder: CountingEncoder) -> None:
    checks = Checks(encoder)
    checks.gate(QUESTION, PASSAGES, {}, "")
    before = encoder.texts
    gate = checks.gate("Another question", list(reversed(PASSAGES)), {}, "")
    assert encoder.texts == before
    gate.examine("The return label is free [2].")
    assert encoder.texts == before + 1


def test_the_threshold_of_the_settings_replaces_the_calibrated_one(encoder: CountingEncoder) -> None:
    found = Checks(encoder, 0.9999).gate(QUESTION, PASSAGES, {}, "").examine("The return label is free [2].")
    assert (found.passed, found.reason) == (False, "unsupported")


def test_many_threads_get_what_one_gets(encoder: CountingEncoder) -> None:
    checks = Checks(encoder)
    sentences = ["The return label is free [2].", "Express costs £9.95 [1].", "Express costs £8.95 [1]."]

    def reasons(_: int) -> list[str]:
        gate = checks.gate(QUESTION, PASSAGES, {}, "")
        return [gate.examine(sentence).reason for sentence in sentences]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(reasons, range(16))) == [["", "", "number"]] * 16


@pytest.mark.parametrize(
    ("raw", "text", "marks"),
    [
        ("It is free [1].", "It is free.", [1]),
        ("It is free. [2][1]", "It is free.", [2, 1]),
        ("It is [1, 3] free.[1].", "It is free.", [1, 3]),
        ("It is free.", "It is free.", []),
    ],
)
def test_marks_are_taken_out(raw: str, text: str, marks: list[int]) -> None:
    assert take_marks(raw) == (text, marks)


@pytest.mark.parametrize(
    "text", ["Thank you for your question!", "Is there anything else I can help you with?", "Yes."]
)
def test_pleasantries_claim_nothing(text: str) -> None:
    assert makes_no_claim(text)


@pytest.mark.parametrize(
    "text", ["Thank you, your refund is paid.", "Yes, it is free.", "Happy to help, delivery is free."]
)
def test_a_claim_behind_a_pleasantry_is_a_claim(text: str) -> None:
    assert not makes_no_claim(text)
