"""Batches of rows of similar length within a budget of tokens, in an order that can be taken up again anywhere."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

from llm_component.training.errors import TrainingError
from llm_component.training.rows import Row, RowSource

WINDOW = 2048  # rows sorted by length together; more sorts better and shuffles less


def padded_tokens(rows: Sequence[Row]) -> int:
    """Positions that a batch of these rows takes, padding included."""
    return len(rows) * (max(len(row.ids) for row in rows) + max(len(row.target) for row in rows))


def cut(rows: Iterable[Row], most_tokens: int, most_rows: int) -> Iterator[list[Row]]:
    """Rows in batches, longest first, so that each batch has rows of similar length and little padding.

    A row longer than the budget is a batch of its own.
    """
    batch: list[Row] = []
    source = target = 0
    for row in sorted(rows, key=lambda row: (len(row.ids), len(row.target)), reverse=True):
        new_source, new_target = max(source, len(row.ids)), max(target, len(row.target))
        if batch and ((len(batch) + 1) * (new_source + new_target) > most_tokens or len(batch) == most_rows):
            yield batch
            batch, new_source, new_target = [], len(row.ids), len(row.target)
        batch.append(row)
        source, target = new_source, new_target
    if batch:
        yield batch


class Batches:
    """An endless stream of batches.

    Windows of rows are sorted by length and cut; the batches of a window come in a drawn order. Every row of an epoch
    comes once. The position is three numbers, so that a checkpoint can hold it.
    """

    def __init__(
        self, source: RowSource, *, most_tokens: int, most_rows: int = 256, seed: int = 1, window: int = WINDOW
    ) -> None:
        self._source = source
        self._most_tokens, self._most_rows = most_tokens, most_rows
        self._seed, self._window = seed, window
        self._epoch = self._windows = self._taken = 0
        self._rows: Iterator[Row] | None = None
        self._waiting: list[list[Row]] = []

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> list[Row]:
        """The next batch. Raises `TrainingError` where there are no rows at all."""
        while not self._waiting:
            self._fill()
        self._taken += 1
        batch = self._waiting.pop()
        if not self._waiting:
            self._windows, self._taken = self._windows + 1, 0
        return batch

    @property
    def epoch(self) -> int:
        """Whole passes over the rows so far."""
        return self._epoch

    def state(self) -> dict[str, int]:
        """The position."""
        return {"epoch": self._epoch, "windows": self._windows, "taken": self._taken}

    def restore(self, state: dict[str, int]) -> None:
        """Goes to a position that `state` gave."""
        self._epoch, self._windows, taken = state["epoch"], state["windows"], state["taken"]
        self._rows, self._waiting, self._taken = None, [], 0
        if taken:
            self._fill()
            del self._waiting[len(self._waiting) - taken :]
            self._taken = taken

    def _fill(self) -> None:
        if self._rows is None:
            self._rows = self._source.rows(self._epoch, self._windows * self._window)
        window = list(itertools.islice(self._rows, self._window))
        if not window:
            if self._windows == 0:
                raise TrainingError("there is no data to train on: every source is empty or was left out")
            self._epoch, self._windows, self._rows = self._epoch + 1, 0, None
            return
        batches = list(cut(window, self._most_tokens, self._most_rows))
        random.Random(f"{self._seed}:{self._epoch}:{self._windows}").shuffle(batches)
        self._waiting = batches
