"""Keys and values of the latest prompts, kept so that what new prompts share with them is copied, not computed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch

from llm_component.decoding.slot_cache import SlotCache

LEAST_SHARED = 16  # tokens; shorter prefixes are as quick to compute as to copy
ENTRIES = 4

Tokens = tuple[int, ...]
States = list[tuple[torch.Tensor, torch.Tensor]]


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common from their start."""
    end = min(len(one), len(other))
    if one[:end] == other[:end]:
        return end
    low, high = 0, end  # one[:low] agrees, one[:high] does not; slices compare faster than a loop
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


class PrefixStore:
    """The latest prompts by adapter and tokens; the one unused for longest goes first.

    Args:
        most_tokens: all entries together.
    """

    def __init__(self, most_tokens: int, entries: int = ENTRIES) -> None:
        self._entries: OrderedDict[tuple[str | None, Tokens], States] = OrderedDict()
        self._most_tokens = most_tokens
        self._most_entries = entries

    @property
    def tokens(self) -> int:
        """Positions held."""
        return sum(len(tokens) for _, tokens in list(self._entries))

    def find(self, adapter: str | None, prompt: Tokens) -> tuple[int, States]:
        """The longest prefix held and its states; length 0 where none is long enough."""
        best, length = None, LEAST_SHARED - 1
        for key in self._entries:
            if key[0] == adapter and (shared := shared_length(key[1], prompt)) > length:
                best, length = key, shared
        if best is None:
            return 0, []
        self._entries.move_to_end(best)
        return length, self._entries[best]

    def keep(self, adapter: str | None, prompt: Tokens, cache: SlotCache, slot: int) -> None:
        """Keeps a prompt whose states lie in a slot."""
        if not LEAST_SHARED <= len(prompt) <= self._most_tokens or (adapter, prompt) in self._entries:
            return
        while self._entries and (
            len(self._entries) >= self._most_entries or self.tokens + len(prompt) > self._most_tokens
        ):
            self._entries.popitem(last=False)
        self._entries[adapter, prompt] = cache.take(slot, len(prompt))

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()
