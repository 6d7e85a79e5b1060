"""Two rankings as one, by reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# k of the paper, which has 60 for rankings of a thousand. Ours have 50, and on half of the shop's questions 10 brought
# the right article among the first five more often.
RANK_CONSTANT = 10


class Weights(NamedTuple):
    """How much each ranking counts."""

    text: float
    vector: float


# Customers seldom use an article's words, so the vectors count twice. A question with its conversation is the other
# way round: its many words meet the right document, its one vector lies between several topics. Measured in
# benchmarks/results/search.md, decided in docs/decisions/0020-hybrid-search.md.
ALONE = Weights(1.0, 2.0)
IN_CONVERSATION = Weights(2.0, 1.0)


def fuse(by_text: Sequence[int], by_vector: Sequence[int], weights: Weights = ALONE) -> list[tuple[int, float]]:
    """Ids with their score, best first: weight / (10 + rank), added up; equal scores keep the order of the ids."""
    scores: dict[int, float] = {}
    for weight, ranking in ((weights.text, by_text), (weights.vector, by_vector)):
        for rank, passage_id in enumerate(ranking, start=1):
            scores[passage_id] = scores.get(passage_id, 0.0) + weight / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
