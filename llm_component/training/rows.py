"""Rows of token ids and where they come from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

IGNORED = -100  # a label that nothing is learned from
FOLLOWS, RANDOM = 0, 1  # of a pair of texts: the classes that BERT has for the second one


@dataclass(frozen=True)
class Row:
    """One example as token ids.

    `labels` has the length of `ids` and stands for what each position shall say (masked words; the next token).
    `target` is what an encoder-decoder writes. `segments` are 0 and 1 for the two parts of a pair. `label` is a class.
    """

    ids: Sequence[int]
    labels: Sequence[int] = ()
    segments: Sequence[int] = ()
    target: Sequence[int] = ()
    label: int = IGNORED

    @property
    def size(self) -> int:
        """Positions that it takes."""
        return len(self.ids) + len(self.target)


class RowSource(Protocol):
    """Rows in an order that depends on the epoch alone, so that a run can go on where it stopped."""

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        """The rows of an epoch (counted from 0) without the first `skip`."""
        ...


class ListedRows:
    """Rows held in memory, shuffled anew in each epoch."""

    def __init__(self, rows: Sequence[Row], seed: int) -> None:
        self._rows = rows
        self._seed = seed

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        order = list(range(len(self._rows)))
        random.Random(f"{self._seed}:{epoch}").shuffle(order)
        for index in order[skip:]:
            yield self._rows[index]
