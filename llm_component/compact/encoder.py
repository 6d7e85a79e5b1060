"""The compact model's encoder: BERT's layers over a question and its passages, each passage with the question apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import ModelOutput

from llm_component.compact.attention import MultiHeadAttention
from llm_component.compact.blocks import Blocks, find_blocks
from llm_component.compact.configuration import CompactConfig


@dataclass
class CompactEncoderOutput(ModelOutput):
    """States of the source, `(batch, length, hidden)`, 0 at padding, and its ids, `(batch, length)`.

    `copy_keys` are the copy head's keys of the states, in their shape, once a step has needed them.
    """

    last_hidden_state: Tensor | None = None
    source_ids: Tensor | None = None
    copy_keys: Tensor | None = None


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each added to its input and normalised after (BERT, Devlin et al. 2018)."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(config.hidden_size, config.attention_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.widen = nn.Linear(config.hidden_size, config.intermediate_size)
        self.narrow = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, blocks: Blocks) -> Tensor:
        """`(tokens, hidden)` to the same shape."""
        states = self.attention_norm(states + self.dropout(self._attended(states, blocks)))
        wide = functional.gelu(self.widen(states))
        return self.output_norm(states + self.dropout(self.narrow(wide)))

    def _attended(self, states: Tensor, blocks: Blocks) -> Tensor:
        """What each token gathers from the tokens that its block looks at, `(tokens, hidden)`."""
        attention = self.attention
        queries, keys, values = attention.query(states), attention.key(states), attention.value(states)
        gathered = [
            attention.gather(
                _laid_out(queries, group.queries),
                attention.split(_laid_out(keys, group.keys)),
                attention.split(_laid_out(values, group.keys)),
                group.allowed,
            ).flatten(0, 1)
            for group in blocks.groups
        ]
        return attention.output(torch.cat(gathered).index_select(0, blocks.back))


def _laid_out(states: Tensor, index: Tensor) -> Tensor:
    """`(tokens, hidden)` states as `(blocks, places, hidden)`."""
    return states.index_select(0, index.flatten()).view(*index.shape, states.shape[-1])


class Encoder(nn.Module):
    """Token and position embeddings, then the layers."""

    main_input_name = "input_ids"  # `generate` asks

    def __init__(self, config: CompactConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.position = nn.Embedding(config.max_positions, config.hidden_size)
        self.embedding_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> CompactEncoderOutput:
        """States of `(batch, length)` ids.

        Positions past the last one that the model knows share it: a passage must be cut before.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        blocks = find_blocks(input_ids, attention_mask, self.config.passage_token_id)
        positions = blocks.positions.clamp(max=self.config.max_positions - 1)
        embedded = self.embedding(input_ids.flatten()[blocks.packed]) + self.position(positions)
        states = self.dropout(self.embedding_norm(embedded))
        for layer in self.layers:
            states = layer(states, blocks)
        # Under autocast the states may have another dtype than the weights.
        whole = states.new_zeros(input_ids.numel(), states.shape[-1]).index_copy(0, blocks.packed, states)
        return CompactEncoderOutput(last_hidden_state=whole.view(*input_ids.shape, -1), source_ids=input_ids)
