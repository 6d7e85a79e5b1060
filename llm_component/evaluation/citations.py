"""Whether answers cite the passages that they should: precision and recall against the gold citations."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from llm_component.checks.sentences import CITATION

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class CitationScore:
    """Over all answers: `precision` of the passages cited, `recall` of those that should be; 0 where there are none."""

    precision: float
    recall: float
    cited: int
    gold: int


def cited_numbers(text: str) -> list[int]:
    """The passages that a text cites by marks such as `[1]` or `[2, 3]`, ascending, each once."""
    found = {int(number) for mark in CITATION.findall(text) for number in _NUMBER.findall(mark)}
    return sorted(found)


def without_marks(text: str) -> str:
    """The text without its citation marks and the spaces before them."""
    plain = re.sub(rf"\s*{CITATION.pattern}", "", text)
    return re.sub(r"\s+([.,;:!?])", r"\1", plain).strip()


def matches(cited: Collection[int], gold: Collection[int]) -> int:
    """How many of the passages cited are gold."""
    return len(set(cited) & set(gold))


def score_citations(cited: Sequence[Collection[int]], gold: Sequence[Collection[int]]) -> CitationScore:
    """One collection of passage numbers an answer. Raises `ValueError` where the lists differ in length."""
    if len(cited) != len(gold):
        raise ValueError(f"{len(cited)} answers and {len(gold)} gold citations")
    right = sum(matches(ours, theirs) for ours, theirs in zip(cited, gold, strict=True))
    ours, theirs = sum(len(set(one)) for one in cited), sum(len(set(one)) for one in gold)
    return CitationScore(right / ours if ours else 0.0, right / theirs if theirs else 0.0, ours, theirs)
