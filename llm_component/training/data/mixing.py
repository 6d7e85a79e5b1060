"""Several sources as one, by weight: which source comes next is drawn, each starts anew when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from llm_component.training.errors import TrainingError
from llm_component.training.rows import Row, RowSource

CHUNK = 4096  # draws at once


class CountedRows(RowSource, Protocol):
    """Rows whose number in an epoch is known."""

    def __len__(self) -> int: ...


class Mixture:
    """Rows of the sources in shares of their weights. It has one epoch that never ends.

    The draw depends on the seed alone, so a position is one number: how many rows were taken.
    """

    def __init__(self, sources: Sequence[CountedRows], weights: Sequence[float], seed: int) -> None:
        if not sources or not all(len(source) for source in sources):
            raise TrainingError("a source of the mixture is empty; leave it out")
        self._sources = list(sources)
        self._shares = np.asarray(weights, dtype=np.float64) / sum(weights)
        self._seed = seed

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        generator = np.random.default_rng([self._seed, epoch])
        taken = np.zeros(len(self._sources), dtype=np.int64)
        for _ in range(skip // CHUNK):
            taken += np.bincount(self._draw(generator), minlength=len(taken))
        drawn = self._draw(generator)
        taken += np.bincount(drawn[: skip % CHUNK], minlength=len(taken))
        drawn = drawn[skip % CHUNK :]
        epochs = [int(count) // len(source) for count, source in zip(taken, self._sources, strict=True)]
        open_ones = [
            source.rows(number, int(count) % len(source))
            for number, count, source in zip(epochs, taken, self._sources, strict=True)
        ]
        while True:
            for index in drawn:
                row = next(open_ones[index], None)
                if row is None:
                    epochs[index] += 1
                    open_ones[index] = self._sources[index].rows(epochs[index])
                    row = next(open_ones[index])
                yield row
            drawn = self._draw(generator)

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.choice(len(self._shares), size=CHUNK, p=self._shares)
