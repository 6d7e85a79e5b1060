"""Scaled dot-product attention: written out beside its formula, and as the fused kernel that runs.

Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V            (Vaswani et al. 2017, equation 1)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def written_out_attention(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """The formula, step by step; the oracle that the fused kernel is tested against.

    Args:
        query: `(batch, heads, queries, d_k)`
        key: `(batch, heads, keys, d_k)`
        value: `(batch, heads, keys, d_k)`
        allowed: True where a query may look at a key; broadcast to `(batch, heads, queries, keys)`.

    Returns:
        `(batch, heads, queries, d_k)`
    """
    d_k = query.shape[-1]
    scores = query @ key.transpose(-2, -1) / math.sqrt(d_k)  # Q Kᵀ / √d_k   (batch, heads, queries, keys)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    weights = scores.softmax(dim=-1)  # each query's weights over the keys add up to 1
    return weights @ value


def attention(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """The same by PyTorch's fused kernel, which never holds the `(queries, keys)` weights as a whole.

    A CPU in autocast computes it in fp32: over blocks as short as a passage its kernel is slower in bf16.
    """
    dtype = query.dtype
    if dtype != torch.float32 and query.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            return attention(query.float(), key.float(), value.float(), allowed, dropout).to(dtype)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)


class MultiHeadAttention(nn.Module):
    """Projections into heads, attention, and the projection back (Vaswani et al. 2017, section 3.2.2).

    Keys and values are computed by `keys_and_values`, apart from the queries, so that they can be kept between steps.
    """

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)

    def split(self, states: Tensor) -> Tensor:
        """`(batch, length, hidden)` to `(batch, heads, length, hidden / heads)`."""
        batch, length, hidden = states.shape
        return states.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `(batch, keys, hidden)` states, each `(batch, heads, keys, hidden / heads)`."""
        return self.split(self.key(states)), self.split(self.value(states))

    def gather(self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None) -> Tensor:
        """What projected queries, `(batch, queries, hidden)`, gather from keys and values, in the same shape."""
        gathered = attention(self.split(queries), keys, values, allowed, self.dropout if self.training else 0.0)
        return gathered.transpose(1, 2).reshape(queries.shape)

    def forward(self, states: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None) -> Tensor:
        """What `(batch, queries, hidden)` states take from keys and values, in the same shape."""
        return self.output(self.gather(self.query(states), keys, values, allowed))
