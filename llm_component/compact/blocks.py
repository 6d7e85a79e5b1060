"""How a source falls into blocks: the question's part, and each passage, which is read with the question alone.

To a passage it looks as if it alone followed the question, as in Fusion-in-Decoder (Izacard and Grave 2021), but the
question is computed once instead of once a passage. Tokens of all rows stand packed in one sequence without padding;
only attention lays them out block by block. So time grows with the number of tokens, not with its square, and a short
row beside a long one costs little more than alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """Blocks that are laid out beside each other: the questions, or the passages.

    Args:
        queries: tokens of each block, `(blocks, longest)`; padding shows token 0.
        keys: tokens that a block looks at: its question's, then its own, `(blocks, longest with question)`.
        allowed: which of `keys` are no padding, `(blocks, 1, 1, longest with question)`; None: all.
    """

    queries: Tensor
    keys: Tensor
    allowed: Tensor | None


@dataclass(frozen=True)
class Blocks:
    """Where the tokens of `(batch, length)` ids stand, and who looks at whom. `tokens` counts all rows.

    Args:
        packed: place of each token in the flattened ids, `(tokens,)`.
        positions: of each token; they count on from the question's part in each passage anew, `(tokens,)`.
        back: place of each token in the flattened `queries` of all groups, one after the other, `(tokens,)`.
    """

    packed: Tensor
    positions: Tensor
    groups: tuple[Group, ...]
    back: Tensor


def find_blocks(input_ids: Tensor, attention_mask: Tensor, passage_token_id: int) -> Blocks:
    """The blocks of `(batch, length)` ids. A passage begins with the passage token; what stands before is the question.

    Every row needs at least one token that is no padding.
    """
    device = input_ids.device
    number = (input_ids == passage_token_id).cumsum(dim=1)  # of the block within its row; 0: the question's part
    rows = torch.arange(input_ids.shape[0], device=device)[:, None].expand_as(number)
    packed = attention_mask.flatten().nonzero().squeeze(1)
    number, row = number.flatten()[packed], rows.flatten()[packed]
    tokens = torch.arange(len(packed), device=device)

    new_row = _changes(row)
    begins = new_row | _changes(number)
    block = begins.cumsum(0) - 1  # of each token
    starts, sizes = tokens[begins], torch.bincount(block)
    is_passage = number[begins] > 0
    # What a block reads before its own tokens: the first block of its row, where that is no passage itself.
    first = block[new_row][(new_row.cumsum(0) - 1)[begins]]
    before = torch.where(is_passage & ~is_passage[first], sizes[first], 0)
    place = tokens - starts[block]

    groups: list[Group] = []
    back = torch.empty_like(packed)
    offset = 0
    for chosen in (~is_passage, is_passage):
        which = chosen.nonzero().squeeze(1)
        if len(which) == 0:
            continue
        own, seen, longest = sizes[which], before[which], int(sizes[which].max())
        index = torch.arange(longest, device=device)[None, :]
        queries = (starts[which][:, None] + index).masked_fill(index >= own[:, None], 0)
        index = torch.arange(int((own + seen).max()), device=device)[None, :]
        keys = torch.where(
            index < seen[:, None], starts[first[which]][:, None] + index, (starts[which] - seen)[:, None] + index
        )
        allowed = index < (own + seen)[:, None]
        whole = bool(allowed.all())
        groups.append(Group(queries, keys.masked_fill(~allowed, 0), None if whole else allowed[:, None, None, :]))
        order = torch.zeros_like(sizes)  # of each block within its group
        order[which] = torch.arange(len(which), device=device)
        back = torch.where(chosen[block], offset + order[block] * longest + place, back)
        offset += len(which) * longest
    return Blocks(packed, place + before[block], tuple(groups), back)


def _changes(values: Tensor) -> Tensor:
    """True at the first of `(n,)` values, and at each that differs from the one before."""
    changed = torch.ones_like(values, dtype=torch.bool)
    changed[1:] = values[1:] != values[:-1]
    return changed
