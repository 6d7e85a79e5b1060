"""The key-value cache of many rows: a slot a row, written at each row's own position.

Keys and values of a layer are (slots, positions, heads, head width): a row's positions lie side by side, so a prefix is
copied as one block and a step writes each row's new token by one flat index. Attention reads them transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


class SlotLayer(CacheLayerMixin):
    """One layer's buffers. What is read and written in a forward is told to the whole cache by `SlotCache.aim`."""

    is_sliding = False
    is_compileable = False

    def __init__(self, cache: SlotCache) -> None:
        super().__init__()
        self._cache = cache

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Makes the buffers as soon as a forward shows the widths. States are (rows, heads, tokens, width)."""
        cache = self._cache
        self.keys = self._buffer(key_states, cache.slots, cache.positions)
        self.values = self._buffer(value_states, cache.slots, cache.positions)
        self.is_initialized = True

    @staticmethod
    def _buffer(states: torch.Tensor, slots: int, positions: int) -> torch.Tensor:
        # Zeros, not whatever the memory held: masked positions are multiplied by 0, and 0 times NaN is NaN.
        return torch.zeros(
            (slots, positions, states.shape[1], states.shape[3]), dtype=states.dtype, device=states.device
        )

    def grown(self, slots: int, positions: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Larger copies of the buffers."""
        made = []
        for old in (self.keys, self.values):
            new = old.new_zeros((slots, positions, *old.shape[2:]))
            new[: old.shape[0], : old.shape[1]] = old
            made.append(new)
        return made[0], made[1]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new states (rows, heads, tokens, width), and returns all that the rows may attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        cache = self._cache
        for buffer, states in ((self.keys, key_states), (self.values, value_states)):
            heads, width = buffer.shape[2:]
            flat = states.transpose(1, 2).reshape(-1, heads * width)
            buffer.view(-1, heads * width).index_copy_(0, cache.write_index, flat)
        if cache.fresh:  # nothing but these very states is attended to
            return key_states, value_states
        return self._read(self.keys), self._read(self.values)

    def _read(self, buffer: torch.Tensor) -> torch.Tensor:
        cache = self._cache
        if cache.gather is not None:
            return buffer[cache.gather, : cache.length].transpose(1, 2)
        return buffer[cache.first : cache.last, : cache.length].transpose(1, 2)

    def get_mask_sizes(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        """Length and offset for masks that a model makes itself; ours are always given to it."""
        return self._cache.length, 0

    def get_seq_length(self) -> int:
        """Nothing depends on it: rows differ, and each forward is given the positions of its tokens."""
        return 0

    def get_max_cache_shape(self) -> int:
        return self._cache.positions

    def get_max_length(self) -> int:
        return self._cache.positions


class SlotCache(Cache):
    """All layers' slots. The last slot is no row's: what padding computes is written there.

    Args:
        layers: how many the model has.
        slots: rows to begin with.
        positions: tokens a slot to begin with.
    """

    def __init__(self, layers: int, slots: int, positions: int) -> None:
        self.slots = slots + 1
        self.positions = positions
        self.write_index: torch.Tensor = torch.empty(0, dtype=torch.long)
        self.first = self.last = self.length = 0
        self.gather: torch.Tensor | None = None
        self.fresh = False
        super().__init__(layers=[SlotLayer(self) for _ in range(layers)])

    @property
    def rows(self) -> int:
        """Slots for rows."""
        return self.slots - 1

    @property
    def spare(self) -> int:
        """The flat index that padding is written to."""
        return (self.slots - 1) * self.positions

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `Cache.update`, without its way through offloading."""
        keys, values = self.layers[layer_idx].update(key_states, value_states)
        return keys, values

    def aim(self, write_index: torch.Tensor, slots: Sequence[int], length: int, fresh: bool = False) -> None:
        """Says what the next forward writes and reads.

        Args:
            write_index: (rows * tokens,) flat positions, slot * positions + position, of its tokens.
            slots: of its rows, in order.
            length: positions of each slot that are read.
            fresh: its tokens are the rows' first ones, so that only they are attended to.
        """
        self.write_index = write_index
        self.first, self.last, self.length, self.fresh = slots[0], slots[0] + len(slots), length, fresh
        side_by_side = all(slot == self.first + place for place, slot in enumerate(slots))
        self.gather = None if side_by_side else torch.tensor(slots, device=write_index.device)

    def ensure(self, rows: int, positions: int) -> None:
        """Makes room for `rows` rows of `positions` tokens. Raises torch's error where there is no memory."""
        slots, positions = max(rows + 1, self.slots), max(positions, self.positions)
        if slots == self.slots and positions == self.positions:
            return
        layers = [layer for layer in self.layers if layer.is_initialized]
        made = [layer.grown(slots, positions) for layer in layers]
        # Only now, as there is room for all: a flat index means the same in every layer.
        for layer, (keys, values) in zip(layers, made, strict=True):
            layer.keys, layer.values = keys, values
        self.slots, self.positions = slots, positions

    def copy_slot(self, source: int, target: int, length: int) -> None:
        """Copies a slot's first `length` positions over those of another."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keys[target, :length] = layer.keys[source, :length]
                layer.values[target, :length] = layer.values[source, :length]

    def take(self, slot: int, length: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Copies of a slot's first `length` positions: keys and values (length, heads, width) of each layer."""
        return [
            (layer.keys[slot, :length].clone(), layer.values[slot, :length].clone())
            for layer in self.layers
            if layer.is_initialized
        ]

    def put(self, slot: int, states: Sequence[tuple[torch.Tensor, torch.Tensor]], length: int) -> None:
        """Writes the first `length` positions of what `take` gave into a slot."""
        layers = [layer for layer in self.layers if layer.is_initialized]
        for layer, (keys, values) in zip(layers, states, strict=True):
            layer.keys[slot, :length] = keys[:length]
            layer.values[slot, :length] = values[:length]

    def bytes_per_token(self) -> int:
        """Of keys and values over all layers; 0 before the first forward."""
        return sum(
            each.element_size() * each.shape[2] * each.shape[3]
            for layer in self.layers
            if layer.is_initialized
            for each in (layer.keys, layer.values)
        )

    def drop(self, slots: int, positions: int) -> None:
        """Gives all buffers back; the next forward makes new ones of this size."""
        self.slots, self.positions = slots + 1, positions
        for layer in self.layers:
            layer.keys = layer.values = None
            layer.is_initialized = False
