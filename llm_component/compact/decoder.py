"""The compact model's decoder: causal self-attention, attention to the encoder's states, feed-forward, all pre-norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.cache_utils import EncoderDecoderCache

from llm_component.compact.attention import MultiHeadAttention
from llm_component.compact.configuration import CompactConfig


class DecoderLayer(nn.Module):
    """One layer; its norms stand before what they feed, which trains from random weights without a long warm-up."""

    def __init__(self, config: CompactConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.self_norm = nn.LayerNorm(config.hidden_size)
        self.self_attention = MultiHeadAttention(config.hidden_size, config.attention_heads, config.attention_dropout)
        self.cross_norm = nn.LayerNorm(config.hidden_size)
        self.cross_attention = MultiHeadAttention(config.hidden_size, config.attention_heads, config.attention_dropout)
        self.feed_norm = nn.LayerNorm(config.hidden_size)
        self.widen = nn.Linear(config.hidden_size, config.intermediate_size)
        self.narrow = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        states: Tensor,
        memory: Tensor,
        causal: Tensor | None,
        memory_allowed: Tensor,
        cache: EncoderDecoderCache | None,
    ) -> Tensor:
        """`(batch, queries, hidden)` to the same shape; keys and values go into `cache` and come from it."""
        normed = self.self_norm(states)
        keys, values = self.self_attention.keys_and_values(normed)
        if cache is not None:
            keys, values = cache.self_attention_cache.update(keys, values, self.index)
        states = states + self.dropout(self.self_attention(normed, keys, values, causal))

        normed = self.cross_norm(states)
        if cache is not None and cache.is_updated.get(self.index):
            held = cache.cross_attention_cache.layers[self.index]
            keys, values = held.keys, held.values
        else:
            keys, values = self.cross_attention.keys_and_values(memory)
            if cache is not None:
                keys, values = cache.cross_attention_cache.update(keys, values, self.index)
                cache.is_updated[self.index] = True
        states = states + self.dropout(self.cross_attention(normed, keys, values, memory_allowed))

        return states + self.dropout(self.narrow(functional.gelu(self.widen(self.feed_norm(states)))))


class Decoder(nn.Module):
    """Token and position embeddings, the layers, and a last norm."""

    def __init__(self, config: CompactConfig, embedding: nn.Embedding) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.position = nn.Embedding(config.max_target_positions, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(DecoderLayer(config, index) for index in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(
        self,
        ids: Tensor,
        memory: Tensor,
        memory_mask: Tensor,
        cache: EncoderDecoderCache | None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """States of `(batch, queries)` ids and their token embeddings, both `(batch, queries, hidden)`.

        Args:
            mask: `(batch, past and queries)`, 0 for padding on the left, where rows began at different times.
        """
        past = 0 if cache is None else int(cache.get_seq_length())
        queries = ids.shape[1]
        places = torch.arange(past + queries, device=ids.device)
        # One query may look at all that is there, which needs no mask.
        allowed = places[past:, None] >= places[None, :] if queries > 1 else None
        positions = places[past:]
        if mask is not None:
            real = mask.bool()[:, None, None, :]
            # Padding may look at itself: a row of the softmax must not be empty.
            allowed = real if allowed is None else real & allowed | (places[past:, None] == places[None, :])
            positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, past:]
        embedded = self.embedding(ids)
        last = self.config.max_target_positions - 1
        states = self.dropout(embedded + self.position(positions.clamp(max=last)))
        memory_allowed = memory_mask.bool()[:, None, None, :]
        for layer in self.layers:
            states = layer(states, memory, allowed, memory_allowed, cache)
        return self.norm(states), embedded
