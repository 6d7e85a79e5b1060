"""A text's class, by any model for sequence classification."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from llm_component.training.objective import Batch, Objective, mask_of, padded
from llm_component.training.rows import Row


class TextClass(Objective):
    """Cross entropy of the class; `right` is the share that the model gets right."""

    parts = ("loss", "right")
    weights = (1.0, 0.0)

    def counts(self, rows: Sequence[Row]) -> list[float]:
        return [float(len(rows)), float(len(rows))]

    def collate(self, rows: Sequence[Row]) -> Batch:
        return {
            "input_ids": padded([row.ids for row in rows], int(self.tokenizer.pad_token_id or 0)),
            "attention_mask": mask_of([row.ids for row in rows]),
            "label": torch.tensor([row.label for row in rows]),
        }

    def forward(self, batch: Batch) -> Tensor:
        logits = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        loss = functional.cross_entropy(logits, batch["label"], reduction="sum")
        return torch.stack([loss, (logits.detach().argmax(-1) == batch["label"]).sum().float()])
