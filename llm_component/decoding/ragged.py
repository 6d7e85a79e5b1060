"""Puts encoder-decoder rows that began at different times into one batch, and takes padding out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import DynamicCache, EncoderDecoderCache


@dataclass(frozen=True)
class State:
    """What a cohort of an encoder-decoder holds.

    Args:
        encoded: tensors of the encoder's output, `(rows, source, ...)`, padded on the right.
        mask, ids: of the sources, `(rows, source)`.
        targets: mask of the completions in the cache, `(rows, past)`, padded on the left; None: no padding.
        cache: keys and values of the completions, `(rows, heads, past, d)`, and of the sources.
    """

    encoded: Mapping[str, Tensor]
    mask: Tensor
    ids: Tensor
    targets: Tensor | None
    cache: Any


def merged(states: Sequence[State], pad_token_id: int) -> State:
    """All rows as one state; all hold the same tensors of the encoder. The given ones stay as they are."""
    source = max(state.mask.shape[1] for state in states)
    pasts = [int(state.cache.self_attention_cache.layers[0].keys.shape[2]) for state in states]
    past = max(pasts)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    for index in range(len(states[0].cache.self_attention_cache.layers)):
        own = [state.cache.self_attention_cache.layers[index] for state in states]
        cache.self_attention_cache.update(
            torch.cat([_grown(each.keys, 2, past, left=True) for each in own]),
            torch.cat([_grown(each.values, 2, past, left=True) for each in own]),
            index,
        )
    for index in range(len(states[0].cache.cross_attention_cache.layers)):  # a model may keep more of its own
        cross = [state.cache.cross_attention_cache.layers[index] for state in states]
        cache.cross_attention_cache.update(
            torch.cat([_grown(each.keys, 2, source) for each in cross]),
            torch.cat([_grown(each.values, 2, source) for each in cross]),
            index,
        )
        cache.is_updated[index] = True
    targets = [
        state.mask.new_ones((len(state.mask), length)) if state.targets is None else state.targets
        for state, length in zip(states, pasts, strict=True)
    ]
    whole = torch.cat([_grown(each, 1, past, left=True) for each in targets])
    return State(
        {
            name: torch.cat([_grown(state.encoded[name], 1, source, _padding(name, pad_token_id)) for state in states])
            for name in states[0].encoded
        },
        torch.cat([_grown(state.mask, 1, source) for state in states]),
        torch.cat([_grown(state.ids, 1, source, pad_token_id) for state in states]),
        None if bool(whole.all()) else whole,
        cache,
    )


def trimmed(cache: Any, targets: Tensor) -> Tensor | None:
    """Takes the columns that no row needs any more out of a cache; the mask without them, None where it is all ones."""
    spare = int((targets.amax(dim=0) > 0).long().argmax())
    if spare:
        for layer in cache.self_attention_cache.layers:
            layer.keys, layer.values = layer.keys[:, :, spare:], layer.values[:, :, spare:]
        targets = targets[:, spare:]
    return None if bool(targets.all()) else targets


def _padding(name: str, pad_token_id: int) -> int:
    return pad_token_id if name.endswith("ids") else 0


def _grown(tensor: Tensor, dimension: int, size: int, value: int = 0, *, left: bool = False) -> Tensor:
    """`tensor` with padding up to `size` in one dimension."""
    missing = size - tensor.shape[dimension]
    if not missing:
        return tensor
    sides = [0, 0] * (tensor.dim() - dimension - 1)
    return functional.pad(tensor, [*sides, *((missing, 0) if left else (0, missing))], value=value)
