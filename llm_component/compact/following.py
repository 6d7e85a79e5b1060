"""Where in the source the text that is being written goes on: behind the longest run of tokens that stands in both."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import DynamicLayer, EncoderDecoderCache

LONGEST = 4  # tokens of a run: a price such as £24.90 has two places for its "." and its "0", and one for "£24."


def behind_longest(written: Tensor, source_ids: Tensor, queries: int) -> Tensor:
    """The places of the source behind the longest run that ends what is written, `(batch, queries, source)`, bool.

    A run has up to `LONGEST` tokens; where not even the last token stands in the source, no place is marked.

    Args:
        written: `(batch, past and queries)`; the last `queries` tokens are those before each query.
        source_ids: `(batch, source)`.
    """
    length = torch.zeros((len(written), queries, source_ids.shape[1]), dtype=torch.int8, device=written.device)
    same = torch.ones_like(length, dtype=torch.bool)
    for back in range(LONGEST):
        # The token `back` before the last one, and the one as far before each place; -1 and -2 are no tokens.
        ours = functional.pad(written, (back, 0), value=-1)[:, : written.shape[1]][:, -queries:]
        theirs = functional.pad(source_ids, (back + 1, 0), value=-2)[:, : source_ids.shape[1]]
        same = same & (ours[:, :, None] == theirs[:, None, :])
        length = length + same
    return (length == length.amax(dim=-1, keepdim=True)) & (length > 0)


def remembered(ids: Tensor, cache: EncoderDecoderCache | None, layer: int) -> Tensor:
    """`ids`, `(batch, queries)`, behind those of earlier steps, which the cache holds as a layer of its own.

    In the cache they go wherever keys and values go: beams are chosen and rows leave or join without more being said.
    """
    if cache is None:
        return ids
    held = cache.self_attention_cache
    if len(held.layers) == layer:  # `generate` makes as many as the decoder has
        held.layers.append(DynamicLayer())
    column = ids[:, None, :, None]
    kept, _ = held.update(column, column[..., :0], layer)
    return kept[:, 0, :, 0]
