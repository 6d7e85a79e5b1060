"""Computes the prompts of rows that join: shared prefixes are copied, the rest goes through the model in chunks."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from llm_component.decoding.forwarding import SlotForward
from llm_component.decoding.prefixes import LEAST_SHARED, PrefixStore, shared_length
from llm_component.decoding.running import RunningRow

CPU_CHUNK_TOKENS = 2048  # of all rows in one forward, padding included; more only costs memory
CUDA_CHUNK_TOKENS = 8192
WORTH_WAITING = 64  # tokens that a row must share with the first of its group to be computed after it


class Prefill:
    """Fills the slots of new rows.

    Args:
        length_step: cache lengths are read in multiples of it.
    """

    def __init__(self, forward: SlotForward, prefixes: PrefixStore, length_step: int) -> None:
        self._forward = forward
        self._cache = forward.cache
        self._prefixes = prefixes
        self._length_step = length_step
        self._chunk_tokens = CUDA_CHUNK_TOKENS if forward.device.type == "cuda" else CPU_CHUNK_TOKENS

    def run(self, joining: Sequence[RunningRow], running: Sequence[RunningRow]) -> tuple[torch.Tensor, list[int]]:
        """Computes the prompts; the rows' slots are theirs already.

        Returns:
            Logits (rows, vocabulary) after each prompt, and how many of its tokens were copied.
        """
        logits: list[torch.Tensor | None] = [None] * len(joining)
        cached = [0] * len(joining)
        done: list[RunningRow] = []
        for wave in self._waves(joining, running):
            for place in wave:
                cached[place] = self._copy(joining[place], [*running, *done])
            for places in self._groups(wave, joining, cached):
                found = self._compute([joining[place] for place in places], [cached[place] for place in places])
                for place, row in zip(places, found, strict=True):
                    logits[place] = row
            done += [joining[place] for place in wave]
        for each, shared in zip(joining, cached, strict=True):
            # A prompt that is mostly a known prefix brings nothing that is worth the copy.
            if 2 * shared < len(each.row.prompt):
                self._prefixes.keep(each.row.adapter, each.row.prompt, self._cache, each.slot)
        return torch.stack([row for row in logits if row is not None]), cached

    def _waves(self, joining: Sequence[RunningRow], running: Sequence[RunningRow]) -> list[list[int]]:
        """Places of rows in order: those that share a long prefix with the first row wait for it."""
        if len(joining) == 1:
            return [[0]]
        first, later = [0], []
        for place in range(1, len(joining)):
            common = self._common(joining[0], joining[place])
            if common >= WORTH_WAITING and common - self._known(joining[place], running)[0] >= WORTH_WAITING:
                later.append(place)
            else:
                first.append(place)
        return [first, later] if later else [first]

    @staticmethod
    def _common(one: RunningRow, other: RunningRow) -> int:
        return shared_length(one.row.prompt, other.row.prompt) if one.row.adapter == other.row.adapter else 0

    def _known(self, joining: RunningRow, others: Sequence[RunningRow]) -> tuple[int, RunningRow | None]:
        """The longest prefix held in the store (then without a row) or in another row's slot."""
        length, _ = self._prefixes.find(joining.row.adapter, joining.row.prompt)
        source = None
        for other in others:
            common = self._common(joining, other)
            if common > max(length, LEAST_SHARED - 1):
                length, source = common, other
        return length, source

    def _copy(self, joining: RunningRow, others: Sequence[RunningRow]) -> int:
        """Copies the longest known prefix into the row's slot; its length. One token is always computed."""
        length, source = self._known(joining, others)
        length = min(length, len(joining.row.prompt) - 1)
        if length < LEAST_SHARED:
            return 0
        if source is not None:
            self._cache.copy_slot(source.slot, joining.slot, length)
        else:
            _, states = self._prefixes.find(joining.row.adapter, joining.row.prompt)
            self._cache.put(joining.slot, states, length)
        return length

    def _groups(self, wave: Sequence[int], joining: Sequence[RunningRow], cached: Sequence[int]) -> list[list[int]]:
        """Rows that are computed together: of like length, so that little is padding, within the chunk's budget."""

        def left(place: int) -> int:
            return len(joining[place].row.prompt) - cached[place]

        groups: list[list[int]] = []
        for place in sorted(wave, key=left):
            if groups and (len(groups[-1]) + 1) * left(place) <= self._chunk_tokens:
                groups[-1].append(place)
            else:
                groups.append([place])
        return groups

    def _compute(self, rows: Sequence[RunningRow], cached: Sequence[int]) -> list[torch.Tensor]:
        """Logits (vocabulary,) after each row's prompt, of which `cached` tokens are in the slot already."""
        width = max(1, self._chunk_tokens // len(rows))
        found: list[torch.Tensor | None] = [None] * len(rows)
        starts = list(cached)
        while any(row is None for row in found):
            places = [place for place, row in enumerate(found) if row is None]
            chunks = [rows[place].row.prompt[starts[place] : starts[place] + width] for place in places]
            ends = [starts[place] + len(chunk) for place, chunk in zip(places, chunks, strict=True)]
            last = [end == len(rows[place].row.prompt) for place, end in zip(places, ends, strict=True)]
            keep = sorted({len(chunk) - 1 for chunk, is_last in zip(chunks, last, strict=True) if is_last}) or [0]
            length = -(-max(ends) // self._length_step) * self._length_step
            logits = self._forward(
                chunks,
                [starts[place] for place in places],
                [rows[place].slot for place in places],
                min(length, self._cache.positions),
                [rows[place].row.adapter for place in places],
                keep,
            )
            for row, (place, chunk, is_last) in enumerate(zip(places, chunks, last, strict=True)):
                starts[place] = ends[row]
                if is_last:
                    # A copy: the row alone, not the whole forward's logits, stays in memory.
                    found[place] = logits[row, keep.index(len(chunk) - 1)].clone()
        return [row for row in found if row is not None]
