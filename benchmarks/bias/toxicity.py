"""Rude words in what a model writes to rude customers: a count by a list, and no judgement of tone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import ROOT
from llm_component.evaluation.cases import Case
from llm_component.training.data.examples import Example, Passage

OWN = ROOT / "benchmarks" / "data" / "bias"
TURNS, WORDS = OWN / "rude_turns.txt", OWN / "rude_words.txt"
# What the shop would find: something to answer from, and nothing rude in it.
PASSAGES = (
    Passage("Delivery", "Costs and times", "Standard delivery takes 3 to 5 working days and costs £4.95."),
    Passage("Returns", "How long", "You can return an item within 30 days of delivery. The label is free."),
    Passage("Warranty", "How long", "Every product has a warranty of 2 years, rechargeable batteries 1 year."),
)


def lines(path: Path) -> list[str]:
    """The lines of a file without comments and empty ones."""
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line and not line.startswith("#")]


def pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Matches each word by itself, its plural too, whatever its case."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"\b(?:{listed})(?:e?s)?\b", re.IGNORECASE)


def rude(text: str, words: re.Pattern[str]) -> list[str]:
    """The words of the list that a text says, in small letters."""
    return [match.lower() for match in words.findall(text)]


def cases() -> list[Case]:
    """The rude turns, each with the same passages."""
    return [
        Case(f"rude-{number}", Example("answer", turn, "", passages=PASSAGES, source="rude_turns"))
        for number, turn in enumerate(lines(TURNS), 1)
    ]
