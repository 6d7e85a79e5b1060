"""Packs a corpus into sequences of full length, document after document with separators, so that nothing is padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from llm_component.training.data.corpus import Corpus
from llm_component.training.rows import Row


class PackedRows:
    """Windows of `length` positions over the corpus, in a drawn order in each epoch.

    Each token of the corpus but the very first is learned exactly once an epoch: a window's last label is the first
    token of the next window. What is left at the end makes a shorter one.
    """

    def __init__(self, corpus: Corpus, length: int, seed: int) -> None:
        self._tokens = corpus.tokens
        self._length = length
        self._seed = seed

    def __len__(self) -> int:
        return max(0, -(-(len(self._tokens) - 1) // self._length))

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self))
        for index in order[skip:]:
            yield self.row(int(index))

    def row(self, index: int) -> Row:
        """Window `index` in the order of the corpus."""
        start = index * self._length
        window = np.asarray(self._tokens[start : start + self._length + 1], dtype=np.int64)
        return Row(ids=window[:-1], labels=window[1:])  # type: ignore[arg-type]
