"""Rows for denoising: a text with spans taken out is the source, the whole text the target (Lewis et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from llm_component.training.data.packing import PackedRows
from llm_component.training.errors import TrainingError
from llm_component.training.rows import Row

MEAN_SPAN = 3.0  # tokens, drawn from a Poisson distribution
COPIED = 0.1  # share of rows whose source is left whole, so that copying is learned for its own sake


def span_mask_id(tokenizer: Any) -> int:
    """The token that stands for a span: the mask, or T5's first sentinel.

    Raises:
        TrainingError: the tokenizer has neither.
    """
    if tokenizer.mask_token_id is not None:
        return int(tokenizer.mask_token_id)
    sentinel = tokenizer.get_vocab().get("<extra_id_0>")
    if sentinel is None:
        raise TrainingError(
            "this tokenizer has no mask token, which denoising needs; train one: --train-tokenizer 8000"
        )
    return int(sentinel)


def without_spans(ids: Sequence[int], mask_id: int, share: float, generator: np.random.Generator) -> list[int]:
    """`ids` with about `share` of them in spans, each span as one mask."""
    left = round(len(ids) * share)
    gone = np.zeros(len(ids), dtype=bool)
    for _ in range(4 * len(ids)):
        if left <= 0:
            break
        span = int(min(max(1, generator.poisson(MEAN_SPAN)), left))
        start = int(generator.integers(0, max(1, len(ids) - span + 1)))
        if gone[max(0, start - 1) : start + span + 1].any():
            continue  # touching spans would become one
        gone[start : start + span] = True
        left -= span
    kept: list[int] = []
    for at, token in enumerate(ids):
        if not gone[at]:
            kept.append(int(token))
        elif at == 0 or not gone[at - 1]:
            kept.append(mask_id)
    return kept


class DenoisedRows:
    """Windows of a corpus: source with spans taken out, target whole and ended."""

    def __init__(
        self, packed: PackedRows, *, mask_id: int, prefix: Sequence[int], end: int, share: float, seed: int
    ) -> None:
        self._packed = packed
        self._mask_id = mask_id
        self._prefix = list(prefix)
        self._end = end
        self._share = share
        self._seed = seed

    def __len__(self) -> int:
        return len(self._packed)

    def rows(self, epoch: int, skip: int = 0) -> Iterator[Row]:
        for number, row in enumerate(self._packed.rows(epoch, skip), skip):
            generator = np.random.default_rng([self._seed, epoch, number])
            ids = [int(token) for token in row.ids]
            source = ids if generator.random() < COPIED else without_spans(ids, self._mask_id, self._share, generator)
            yield Row(ids=[*self._prefix, *source, self._end], target=[*ids, self._end])
