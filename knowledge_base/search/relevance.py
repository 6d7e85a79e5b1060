"""How likely it is that what was found answers the question: a logistic regression over six signs.

Its weights were fitted on one half of the shop's questions, and the threshold was chosen there (benchmarks/search).
They hold for one encoder: cosines of two encoders cannot be compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_base.search.stems import stem, stems

CALIBRATION = Path(__file__).with_name("relevance.json")
SIGNS = ("best_similarity", "mean_similarity", "best_coverage", "mean_coverage", "unknown_words", "length")
HITS_READ = 5


@dataclass(frozen=True)
class Evidence:
    """A passage that was found, as far as relevance needs it."""

    article: str
    text: str  # all of it that is searched: title, heading, text
    similarity: float  # cosine to the question


@dataclass(frozen=True)
class Relevance:
    """The fitted score for one encoder."""

    encoder: str  # fingerprint
    weights: tuple[float, ...]  # one for each of SIGNS
    intercept: float
    threshold: float  # probability from which found passages count as an answer

    def probability(self, signs: Sequence[float]) -> float:
        """That the passages answer the question, from 0 to 1."""
        return 1.0 / (1.0 + math.exp(-self.intercept - sum(w * x for w, x in zip(self.weights, signs, strict=True))))


def load_relevance(fingerprint: str, file: Path = CALIBRATION) -> Relevance | None:
    """The score fitted for this encoder; None where there is none."""
    if not file.is_file():
        return None
    fitted = json.loads(file.read_text(encoding="utf-8"))
    if fitted["encoder"] != fingerprint:
        return None
    return Relevance(
        encoder=fitted["encoder"],
        weights=tuple(fitted["weights"][sign] for sign in SIGNS),
        intercept=fitted["intercept"],
        threshold=fitted["threshold"],
    )


def signs(
    words: Sequence[str], frequencies: Mapping[str, int], passages: int, found: Sequence[Evidence]
) -> tuple[float, ...]:
    """The values of `SIGNS` for a question's telling words and the passages found for it, best first.

    Coverage is the share of the question's words, each counted by how rare it is among all `passages`, that a text
    has: `mean_coverage` over the passages, `best_coverage` by one article with all its passages that were found.
    """
    found = found[:HITS_READ]
    rarity = {stem(word): math.log(1 + passages / (frequencies[word] + 0.5)) for word in words}
    whole = sum(rarity.values())
    if not found or not whole:
        return (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    def coverage(texts: Sequence[str]) -> float:
        there = stems(texts)
        return sum(value for word, value in rarity.items() if word in there) / whole

    articles = {hit.article for hit in found}
    unknown = sum(rarity[stem(word)] for word in dict.fromkeys(words) if not frequencies[word])
    return (
        max(hit.similarity for hit in found),
        sum(hit.similarity for hit in found) / len(found),
        max(coverage([hit.text for hit in found if hit.article == article]) for article in articles),
        sum(coverage([hit.text]) for hit in found) / len(found),
        unknown / whole,
        math.log(1 + len(rarity)),
    )
