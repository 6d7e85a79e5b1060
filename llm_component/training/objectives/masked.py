"""Masked-language modelling with next-sentence prediction (Devlin et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.training.objective import Batch, Objective, learned, mask_of, padded
from llm_component.training.rows import IGNORED, Row

HEADS_FILE = "pretraining_heads.safetensors"


class MaskedWords(Objective):
    """Cross entropy over the masked positions alone, and over whether the second part follows the first.

    The output layer, which is most of the work where the vocabulary is large, sees the masked positions only.
    """

    parts: tuple[str, ...] = ("masked", "next", "next_right")
    weights: tuple[float, ...] = (1.0, 1.0, 0.0)

    def __init__(self, model: Any, tokenizer: Any, next_sentence: bool = True) -> None:
        super().__init__(model, tokenizer)
        self.next_sentence = next_sentence
        if not next_sentence:
            self.parts, self.weights = ("masked",), (1.0,)

    def counts(self, rows: Sequence[Row]) -> list[float]:
        masked = float(learned(row.labels for row in rows))
        return [masked, float(len(rows)), float(len(rows))][: len(self.parts)]

    def collate(self, rows: Sequence[Row]) -> Batch:
        labels = padded([row.labels for row in rows], IGNORED)
        batch = {
            "input_ids": padded([row.ids for row in rows], int(self.tokenizer.pad_token_id or 0)),
            "attention_mask": mask_of([row.ids for row in rows]),
            "where": (labels.flatten() != IGNORED).nonzero().squeeze(1),
            "follows": torch.tensor([row.label for row in rows]),
        }
        batch["labels"] = labels.flatten()[batch["where"]]
        if all(row.segments for row in rows):
            batch["token_type_ids"] = padded([row.segments for row in rows], 0)
        return batch

    def forward(self, batch: Batch) -> Tensor:
        names: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids")
        inputs = {name: batch[name] for name in names if name in batch}
        words, pairs = self.heads(inputs, batch["where"])
        sums = [functional.cross_entropy(words.float(), batch["labels"], reduction="sum")]
        if self.next_sentence:
            assert pairs is not None
            sums.append(functional.cross_entropy(pairs.float(), batch["follows"], reduction="sum"))
            sums.append((pairs.detach().argmax(-1) == batch["follows"]).sum().float())
        return torch.stack(sums)

    def heads(self, inputs: Batch, where: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the flattened batch's positions `where`, `(masked, vocabulary)`, and of the pairs, `(rows, 2)`."""
        if type(self.model).__name__ == "BertForPreTraining":
            out = self.model.bert(**inputs)
            words = self.model.cls.predictions(out.last_hidden_state.flatten(0, 1)[where])
            return words, self.model.cls.seq_relationship(out.pooler_output)
        out = self.model(**inputs)
        words = out.prediction_logits if "prediction_logits" in out else out.logits
        return words.flatten(0, 1)[where], out.get("seq_relationship_logits")


class CompactMaskedWords(MaskedWords):
    """The same on the compact model's encoder, with heads that stay outside it. Its decoder rests."""

    def __init__(self, model: CompactForConditionalGeneration, tokenizer: Any, next_sentence: bool = True) -> None:
        super().__init__(model, tokenizer, next_sentence)
        size = model.config.hidden_size
        self.transform = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.LayerNorm(size))
        self.bias = nn.Parameter(torch.zeros(model.config.vocab_size))
        self.pair = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 2)) if next_sentence else None
        for name, weight in model.named_parameters():
            weight.requires_grad_(name.startswith(("shared.", "encoder.")))

    @property
    def encoder(self) -> nn.Module | None:
        return self.model.encoder  # type: ignore[no-any-return]

    def heads(self, inputs: Batch, where: Tensor) -> tuple[Tensor, Tensor | None]:
        states = self.model.encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
        words = functional.linear(self.transform(states.flatten(0, 1)[where]), self.model.shared.weight, self.bias)
        return words, self.pair(states[:, 0]) if self.pair is not None else None

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        self.model.requires_grad_(True)
        super().save(folder)
        own = {name: weight for name, weight in self.state_dict().items() if not name.startswith("model.")}
        save_file({name: weight.contiguous().cpu() for name, weight in own.items()}, folder / HEADS_FILE)

    def load_heads(self, folder: Path) -> bool:
        """Takes the heads of an earlier run up, where `folder` has them."""
        from safetensors.torch import load_file

        if not (folder / HEADS_FILE).is_file():
            return False
        self.load_state_dict(load_file(folder / HEADS_FILE), strict=False)
        return True
