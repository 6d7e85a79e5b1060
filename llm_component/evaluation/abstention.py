"""Whether a model says that it doesn't know where it should, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_component.answers.abstention import Abstention
from llm_component.checks.sentences import split_sentences


@dataclass(frozen=True)
class AbstentionScore:
    """`recall`: abstentions among the unanswerable; `false`: among the answerable. 0 where there are none."""

    recall: float
    false: float
    unanswerable: int
    answerable: int


def abstains(text: str, abstention: str) -> bool:
    """Whether `text` is the abstention sentence, or begins with it, or says nothing at all."""
    sentences = split_sentences(text)
    return not sentences or Abstention(abstention).matches(sentences[0])


def score_abstention(abstained: Sequence[bool], answerable: Sequence[bool]) -> AbstentionScore:
    """One pair an example. Raises `ValueError` where the lists differ in length."""
    if len(abstained) != len(answerable):
        raise ValueError(f"{len(abstained)} answers and {len(answerable)} examples")
    silent = [said for said, can in zip(abstained, answerable, strict=True) if not can]
    answered = [said for said, can in zip(abstained, answerable, strict=True) if can]
    return AbstentionScore(
        recall=sum(silent) / len(silent) if silent else 0.0,
        false=sum(answered) / len(answered) if answered else 0.0,
        unanswerable=len(silent),
        answerable=len(answered),
    )
