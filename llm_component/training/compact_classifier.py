"""The compact model's encoder as a classifier, registered with the Auto classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForSequenceClassification
from transformers.modeling_outputs import SequenceClassifierOutput

from llm_component.compact.configuration import CompactConfig
from llm_component.compact.encoder import Encoder
from llm_component.compact.modeling import CompactPreTrainedModel


class CompactForSequenceClassification(CompactPreTrainedModel):
    """The mean of the encoder's states through one layer. Loads from the whole model's weights too."""

    _tied_weights_keys = {"encoder.embedding.weight": "shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^decoder\.", r"^copy_head\.", r"^output_bias$"]

    def __init__(self, config: CompactConfig) -> None:
        super().__init__(config)
        self.shared = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.encoder = Encoder(config, self.shared)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.shared

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.shared = self.encoder.embedding = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Logits `(batch, classes)` of `(batch, length)` ids; with labels also their mean loss."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.encoder(input_ids, mask).last_hidden_state
        assert states is not None
        shares = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * shares).sum(dim=1) / shares.sum(dim=1).clamp(min=1.0)
        logits = self.classifier(self.dropout(mean))
        loss = None if labels is None else functional.cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


AutoModelForSequenceClassification.register(CompactConfig, CompactForSequenceClassification, exist_ok=True)
