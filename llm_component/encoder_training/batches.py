"""Batches of indices: of similar length for the head, several texts of a label for contrastive learning."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

WINDOW = 32  # batches that are sorted by length together; more pads less and shuffles less


def by_length(lengths: Sequence[int], batch_size: int, draw: random.Random) -> Iterator[list[int]]:
    """Every index once, in batches of similar length that come in a drawn order."""
    order = list(range(len(lengths)))
    draw.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), WINDOW * batch_size):
        window = sorted(order[start : start + WINDOW * batch_size], key=lambda index: lengths[index])
        batches += [window[place : place + batch_size] for place in range(0, len(window), batch_size)]
    draw.shuffle(batches)
    yield from batches


def in_pairs(targets: Sequence[int], batch_size: int, draw: random.Random) -> Iterator[list[int]]:
    """Batches in which each text has another of its label beside it; a label's odd one out rests for this epoch.

    A batch of a single label has nothing to push apart and is left out.
    """
    members: dict[int, list[int]] = {}
    for index, target in enumerate(targets):
        members.setdefault(target, []).append(index)
    pairs: list[list[int]] = []
    for each in members.values():
        draw.shuffle(each)
        pairs += [each[place : place + 2] for place in range(0, len(each) - 1, 2)]
    draw.shuffle(pairs)
    wanted = max(batch_size // 2, 2)
    for start in range(0, len(pairs), wanted):
        batch = [index for pair in pairs[start : start + wanted] for index in pair]
        if len({targets[index] for index in batch}) > 1:
            yield batch
