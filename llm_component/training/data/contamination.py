"""Finds training examples that share long stretches of words with evaluation sets, and takes them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from llm_component.training.data.duplicates import normalised
from llm_component.training.data.examples import Example

WORDS = 8  # in a row; shorter stretches are common English
# A question asked in other words of the same passage is fair, so the passages count only where that is asked for.


def stretches(text: str, words: int = WORDS) -> set[int]:
    """Hashes of all runs of `words` words in a text; none where it is shorter."""
    listed = normalised(text).split()
    return {
        int.from_bytes(hashlib.blake2b(" ".join(listed[at : at + words]).encode(), digest_size=8).digest(), "big")
        for at in range(len(listed) - words + 1)
    }


def said(example: Example) -> list[str]:
    """What an evaluation asks for: the question and the reply, without passages."""
    return [example.question, example.target]


def passages_of(example: Example) -> list[str]:
    """Its passages."""
    return [passage.text for passage in example.passages]


@dataclass
class Overlap:
    """What was found: examples looked at, those that overlap, and some of them to look at."""

    looked_at: int = 0
    overlapping: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.overlapping / self.looked_at if self.looked_at else 0.0


class Contamination:
    """Knows the word runs of the evaluation sets."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known: set[int] = set()
        self.texts = 0
        for text in texts:
            self._known |= stretches(text)
            self.texts += 1

    @classmethod
    def of(cls, evaluation: Iterable[Example], *, passages: bool = False) -> Contamination:
        """From evaluation examples; with their passages where those must be unseen too."""
        return cls(text for each in evaluation for text in [*said(each), *(passages_of(each) if passages else [])])

    def touches(self, texts: Sequence[str]) -> bool:
        """Whether any of these texts shares a run of words with the evaluation."""
        return any(not self._known.isdisjoint(stretches(text)) for text in texts)

    def without(self, examples: Iterable[Example], overlap: Overlap, *, passages: bool = False) -> Iterator[Example]:
        """The examples that share nothing; counts the others in `overlap`."""
        for example in examples:
            overlap.looked_at += 1
            texts = [*said(example), *(passages_of(example) if passages else [])]
            if self.touches(texts):
                overlap.overlapping += 1
                if len(overlap.shown) < 5:
                    overlap.shown.append(example.target)
            else:
                yield example
