"""A text written from a source by an encoder-decoder: denoising, answers, summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from llm_component.compact.configuration import CompactConfig
from llm_component.training.objective import Batch, Objective, mask_of, padded
from llm_component.training.rows import IGNORED, Row


class WrittenText(Objective):
    """Cross entropy of the target's tokens."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer)
        plain = model.get_base_model() if hasattr(model, "peft_config") else model
        self._shift = plain.prepare_decoder_input_ids_from_labels
        # The copy head gives logarithms of probabilities, which need no softmax again.
        self._normalised = isinstance(plain.config, CompactConfig) and plain.config.copies

    @property
    def encoder(self) -> nn.Module | None:
        plain = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        encoder: nn.Module = plain.get_encoder()
        return encoder

    def counts(self, rows: Sequence[Row]) -> list[float]:
        return [float(sum(len(row.target) for row in rows))]

    def collate(self, rows: Sequence[Row]) -> Batch:
        labels = padded([row.target for row in rows], IGNORED)
        return {
            "input_ids": padded([row.ids for row in rows], int(self.tokenizer.pad_token_id or 0)),
            "attention_mask": mask_of([row.ids for row in rows]),
            "decoder_input_ids": self._shift(labels),
            "labels": labels,
        }

    def forward(self, batch: Batch) -> Tensor:
        out = self.model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            decoder_input_ids=batch["decoder_input_ids"],
            use_cache=False,
        )
        logits, labels = out.logits.float().flatten(0, 1), batch["labels"].flatten()
        if self._normalised:
            return torch.stack([functional.nll_loss(logits, labels, ignore_index=IGNORED, reduction="sum")])
        return torch.stack([functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")])
