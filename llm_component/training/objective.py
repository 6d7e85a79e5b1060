"""What is learned: a model with its loss, as a module that the loop trains without knowing what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llm_component.training.rows import IGNORED, Row

Batch = dict[str, Tensor]


class Objective(nn.Module):
    """A loss with named parts, each a sum over what it counts.

    Sums and counts are kept apart, so that the loss of an update is the mean over all its batches and processes: four
    small batches give the gradient of one four times as large. A part with weight 0 is measured only, as accuracy is.
    """

    parts: tuple[str, ...] = ("loss",)
    weights: tuple[float, ...] = (1.0,)

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer

    @property
    def encoder(self) -> nn.Module | None:
        """The part that may learn slower, because it is trained already."""
        return None

    def counts(self, rows: Sequence[Row]) -> list[float]:
        """How many there are of what each part counts, one number a part."""
        raise NotImplementedError

    def collate(self, rows: Sequence[Row]) -> Batch:
        """The rows as tensors `(rows, length)`, padded."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Sums of the parts, `(parts,)`, in fp32."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Writes model and tokenizer in the form that the rest of the component loads."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def learned_state(self) -> dict[str, Tensor]:
        """Weights that learn, by name; tied ones once."""
        return {name: weight.detach() for name, weight in self.named_parameters() if weight.requires_grad}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Puts them back. Raises `KeyError` where one is missing."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.requires_grad:
                    weight.copy_(state[name])


def padded(lists: Iterable[Sequence[int]], value: int) -> Tensor:
    """Lists of ids as `(rows, longest)`, filled up with `value` at the right."""
    arrays = [np.asarray(one, dtype=np.int64) for one in lists]
    filled = np.full((len(arrays), max(len(one) for one in arrays)), value, dtype=np.int64)
    for row, one in enumerate(arrays):
        filled[row, : len(one)] = one
    return torch.from_numpy(filled)


def mask_of(lists: Sequence[Sequence[int]]) -> Tensor:
    """1 where `padded` has an id of a list, 0 where it filled up: `(rows, longest)`."""
    lengths = torch.tensor([len(one) for one in lists])
    return (torch.arange(int(lengths.max()))[None, :] < lengths[:, None]).long()


def learned(labels: Iterable[Sequence[int]]) -> int:
    """Labels that something is learned from."""
    return sum(int(np.count_nonzero(np.asarray(one) != IGNORED)) for one in labels)
