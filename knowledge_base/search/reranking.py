"""What search needs of a reranker, which reads question and passage together; one is handed in, none is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# The passages that are read: each costs a run of the model.
RERANKED = 20


class Reranker(Protocol):
    """Scores passages for a question; safe to share between threads."""

    name: str

    def scores(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """One number for each passage, higher is better; comparable for one question only."""
