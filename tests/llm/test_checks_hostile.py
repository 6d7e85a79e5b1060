"""Texts made to hold the checks up: what reads them takes a time that grows with their length, not with its square."""

from __future__ import annotations

import time

import pytest

from llm_component.checks.facts import names, unsupported_facts
from llm_component.checks.passages import plain_text, sentences_of
from llm_component.checks.polarity import conflict
from llm_component.checks.quantities import quantities
from llm_component.checks.sentences import split_sentences

HOSTILE = {
    "number words": "one-" * 200,
    "number words with and": "one hundred and " * 500,
    "spaces": " " * 8000 + "x",
    "lines": "\n" * 8000 + "x",
    "hyphens": "a-" * 4000,
    "digits with hyphens": "5-" * 4000,
    "full stops": "a." * 4000,
    "one number": "1" * 8000,
    "codes": "A-1" * 3000,
    "an address": "http://" + "a." * 4000,
    "brackets": "(" * 8000,
    "a table": "|-" * 4000,
    "names": "Aa " * 3000,
    "joined names": "aA" * 4000,
    "contrasts": "charged, not refunded rather than kept and not " * 200,
    "a contrast without an end": "not " + "a " * 4000,
    "a condition without an end": "if " + "a " * 4000,
}
# Seconds of the processor. Before their patterns were bounded, these texts took from four seconds to minutes.
BOUND = 3.0


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_text_does_not_hold_the_checks_up(kind: str) -> None:
    text = HOSTILE[kind]
    began = time.process_time()
    for read in (quantities, plain_text, sentences_of, split_sentences, names):
        read(text)
    conflict("If you order, it is charged at dispatch, not at the order.", [text])
    unsupported_facts("You have 30 days.", ["You have 30 days. " + text], [text], [])
    assert time.process_time() - began < BOUND


def test_facts_of_a_long_text_are_found_wherever_they_stand() -> None:
    filling = "Nothing is said here about any figure, only words and more words. " * 30
    text = f"{filling}It costs £4.95. {filling}You have 30 days. {filling}"
    assert {fact.value for fact in quantities(text)} >= {fact.value for fact in quantities("£4.95. 30 days.")}


def test_two_currencies_are_no_range_of_one() -> None:
    assert unsupported_facts("It costs £4.95 or $4.95.", ["It costs £4.95."], [], [])
