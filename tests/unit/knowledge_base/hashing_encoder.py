"""A small deterministic stand-in for the sentence encoder: hashed words, so texts that share words are near."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np


class HashingEncoder:
    """Keeps the interface of the real encoder; `test_encoder.py` checks that both agree on it."""

    def __init__(self, name: str = "hashing", dimension: int = 64, max_tokens: int = 64) -> None:
        self.name, self.dimension, self.max_tokens = name, dimension, max_tokens
        self.encoded: list[str] = []  # every text that was encoded, in order

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Normalised counts of hashed words: `(n, dimension)` float32."""
        self.encoded.extend(texts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.casefold()):
                vectors[row, self._place(word)] += 1.0
            vectors[row, 0] += 1e-3  # a text without words has a length too
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if len(texts) else vectors

    def count_tokens(self, text: str) -> int:
        """Words and signs, and one at each end."""
        return len(re.findall(r"\w+|[^\w\s]", text)) + 2

    def fingerprint(self) -> str:
        """Name and dimension."""
        return f"{self.name}-{self.dimension}"

    def _place(self, word: str) -> int:
        return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % self.dimension
