"""Which positions each token may attend to, as additive masks that every attention of the library understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

FULL, SLIDING = "full_attention", "sliding_attention"

Mask: TypeAlias = "torch.Tensor | dict[str, torch.Tensor]"


@dataclass(frozen=True)
class MaskPlan:
    """The masks that a model takes.

    Args:
        window: of sliding-window layers, in tokens; None: it has none.
        by_layer_type: the model takes one mask for each kind of layer, in a dict.
    """

    window: int | None
    by_layer_type: bool
    dtype: torch.dtype

    def build(self, positions: torch.Tensor, length: int) -> Mask:
        """Masks for tokens at `positions` (rows, tokens) over a cache read up to `length`.

        Each is (rows, 1, tokens, length), 0 where attended to and the dtype's lowest number elsewhere.
        """
        places = torch.arange(length, device=positions.device)
        own = positions[:, None, :, None]
        future = places > own
        if self.window is None:
            return self._additive(future)
        outside = future | (places <= own - self.window)
        if not self.by_layer_type:
            return self._additive(outside)
        return {FULL: self._additive(future), SLIDING: self._additive(outside)}

    def _additive(self, hidden: torch.Tensor) -> torch.Tensor:
        lowest = torch.finfo(self.dtype).min
        return torch.zeros(hidden.shape, dtype=self.dtype, device=hidden.device).masked_fill_(hidden, lowest)


def plans_for(config: Any, dtype: torch.dtype) -> list[MaskPlan]:
    """The plans that may fit a model by its configuration, likeliest first; empty where its layers are unknown."""
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if not kinds <= {FULL, SLIDING}:
        return []
    if SLIDING not in kinds and not (window and not kinds):
        return [MaskPlan(None, False, dtype)]
    if not window:
        return []
    if FULL in kinds:
        return [MaskPlan(window, True, dtype)]
    # All layers slide: some models then take one mask, some a dict all the same.
    return (
        [MaskPlan(window, True, dtype), MaskPlan(window, False, dtype)] if kinds else [MaskPlan(window, False, dtype)]
    )
