"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PassageHit:
    """A passage that was found. Ranks count from 1 and are None where a ranking does not have it."""

    passage_id: int
    slug: str
    title: str
    heading: str
    text: str
    url: str | None
    page: int | None  # of the document it came from, where that has pages
    score: float  # fused; comparable within one search only
    text_rank: int | None
    text_score: float | None  # the full-text index's own, lower is better
    vector_rank: int | None
    similarity: float  # cosine of question and passage, from -1 to 1; comparable between searches
    fused_rank: int
    rerank_score: float | None = None


@dataclass(frozen=True)
class Found:
    """What one search found and how.

    `relevance` is the probability that the hits answer the question, None where no score was fitted for the encoder.
    """

    question: str  # with the turns that were read with it
    words: tuple[str, ...]  # asked of the full-text index
    left_out: tuple[str, ...]  # too common to be asked, or in no passage
    engine: str
    hits: tuple[PassageHit, ...]
    signs: tuple[float, ...] = ()  # what `relevance` was computed from, see relevance.SIGNS
    relevance: float | None = None
    threshold: float | None = None

    @property
    def reranked(self) -> bool:
        """Whether a reranker gave the order."""
        return any(hit.rerank_score is not None for hit in self.hits)

    @property
    def nothing_answers(self) -> bool:
        """Whether the score says that no passage answers the question."""
        return not self.hits or (
            self.relevance is not None and self.threshold is not None and self.relevance < self.threshold
        )
