"""One forward of a causal model through slots: the same call for prompts, steps and guesses."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from llm_component.decoding.masks import MaskPlan
from llm_component.decoding.slot_cache import SlotCache
from llm_component.models.loaded import LoadedModel

BASE_ADAPTER = "__base__"  # what peft calls the model without an adapter


class SlotForward:
    """Calls a causal model with explicit positions and masks, its keys and values in a `SlotCache`."""

    def __init__(self, loaded: LoadedModel, plan: MaskPlan, cache: SlotCache) -> None:
        self.plan = plan
        self.cache = cache
        self.device = loaded.device
        self.calls = 0  # forwards so far
        self.bytes_per_token = 0  # of keys and values; known after the probe
        self._model: Any = loaded.model
        self._adapters = bool(loaded.adapters)
        self._keeps_logits = "logits_to_keep" in inspect.signature(inner_model(loaded).forward).parameters

    def __call__(
        self,
        tokens: Sequence[Sequence[int]],
        starts: Sequence[int],
        slots: Sequence[int],
        length: int,
        adapters: Sequence[str | None],
        keep: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Logits (rows, kept tokens, vocabulary).

        Args:
            tokens: of each row, ragged; padded on the right here.
            starts: position of each row's first token.
            slots: of each row.
            length: positions to read; at least the largest position + 1.
            adapters: of each row.
            keep: places among the tokens whose logits are wanted; None: all.
        """
        width = max(map(len, tokens))
        rows, cache = len(tokens), self.cache
        ids: list[int] = []
        write: list[int] = []
        for row, start, slot in zip(tokens, starts, slots, strict=True):
            padding = width - len(row)
            ids += [*row, *[0] * padding]
            base = slot * cache.positions + start
            write += [*range(base, base + len(row)), *[cache.spare] * padding]
        both = torch.tensor([ids, write], device=self.device)
        positions = torch.tensor(starts, device=self.device)[:, None]
        if width > 1:
            # Padding repeats the row's last position: a later one may be beyond what the model knows.
            ends = torch.tensor([start + len(row) - 1 for start, row in zip(starts, tokens, strict=True)])
            places = torch.arange(width, device=self.device)
            positions = torch.minimum(positions + places, ends.to(self.device)[:, None])
        fresh = width > 1 and not any(starts)
        cache.aim(both[1], slots, width if fresh else length, fresh)
        return self.run(both[0].view(rows, width), positions, adapters, keep)

    def run(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        adapters: Sequence[str | None],
        keep: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Logits of `ids` (rows, tokens) at `positions` (rows, tokens), where the cache is aimed already."""
        self.calls += 1
        extra: dict[str, Any] = {}
        if keep is not None and self._keeps_logits:
            extra["logits_to_keep"] = torch.tensor(keep, device=self.device)
        if self._adapters:
            extra["adapter_names"] = [each or BASE_ADAPTER for each in adapters]
        output = self._model(
            input_ids=ids,
            attention_mask=self.plan.build(positions, self.cache.length),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            return_dict=True,
            **extra,
        )
        logits: torch.Tensor = output.logits
        return logits[:, list(keep)] if keep is not None and not self._keeps_logits else logits


def inner_model(loaded: LoadedModel) -> Any:
    """The model itself, without peft's wrapping."""
    model: Any = loaded.model
    return model.get_base_model() if loaded.adapters else model


def decoder_config(loaded: LoadedModel) -> Any:
    """The configuration of the part that writes text."""
    config = inner_model(loaded).config
    return config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
