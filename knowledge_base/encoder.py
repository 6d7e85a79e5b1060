"""What the knowledge base needs of a sentence encoder; one is handed in, none is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Encoder(Protocol):
    """Turns texts into vectors that can be compared by their scalar product."""

    name: str
    dimension: int
    max_tokens: int  # what is past them in a text is not read

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`: `(n, dimension)` float32, each of length 1."""

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes of `max_tokens`."""

    def fingerprint(self) -> str:
        """Name and weights in one string of at most 200 characters: equal strings mean comparable vectors."""
