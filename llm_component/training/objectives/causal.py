"""Causal language modelling: each position says the next token; of a dialogue, only the answer is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llm_component.training.objective import Batch, Objective, learned, mask_of, padded
from llm_component.training.rows import IGNORED, Row

# Their output is `lm_head(model(...))` and nothing more, so positions that nothing is learned from can be left out of
# the output layer, whose logits are the largest tensor of a step where the vocabulary is large.
PLAIN_HEADS = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})


class NextToken(Objective):
    """Cross entropy of the next token. `row.labels[i]` is what position i shall say."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer)
        plain = model.get_base_model() if hasattr(model, "peft_config") else model
        self._leaves_out = plain.config.model_type in PLAIN_HEADS

    def counts(self, rows: Sequence[Row]) -> list[float]:
        return [float(learned(row.labels for row in rows))]

    def collate(self, rows: Sequence[Row]) -> Batch:
        pad = self.tokenizer.pad_token_id
        pad = self.tokenizer.eos_token_id if pad is None else pad
        batch = {
            "input_ids": padded([row.ids for row in rows], int(pad or 0)),
            "labels": padded([row.labels for row in rows], IGNORED),
        }
        if len({len(row.ids) for row in rows}) > 1:
            batch["attention_mask"] = mask_of([row.ids for row in rows])
        return batch

    def forward(self, batch: Batch) -> Tensor:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask") if name in batch}
        labels = batch["labels"]
        if self._leaves_out:
            plain = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
            where = labels != IGNORED
            logits = plain.lm_head(plain.model(**inputs, use_cache=False).last_hidden_state[where])
            labels = labels[where]
        else:
            logits = self.model(**inputs, use_cache=False).logits.flatten(0, 1)
            labels = labels.flatten()
        return torch.stack([functional.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")])
